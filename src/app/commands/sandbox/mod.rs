//! `farmgate sandbox`: a small Stellar network on this machine.

mod wallet;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use crate::app::clock::SystemClock;
use crate::app::error::CommandError;
use crate::app::output::say;
use crate::app::{telemetry, wire};
use farmgate_sandbox::Sandbox;
use farmgate_sandbox::faults::{
    FaultParameters, FaultRate, FaultSettings, LAG_LEDGERS_MAX, RETRY_AFTER_SECONDS_MAX, SLOW_MS_MAX,
    SURGE_FACTOR_MAX,
};
use wallet::WalletCommand;

/// `farmgate sandbox`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SandboxArgs {
    /// The address it listens on; loopback only.
    #[arg(long, default_value = "127.0.0.1:8000", value_name = "ADDRESS", env = "FARMGATE_SANDBOX_LISTEN")]
    pub listen: SocketAddr,
    /// Milliseconds between two ledgers.
    #[arg(long, default_value_t = 1_000, value_name = "N",
          value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub ledger_ms: u64,
    /// The seed that its keys and the order of its transactions come from.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// The file that the network is kept in over stop and start [default: it forgets everything].
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Its faults.
    #[command(flatten)]
    pub faults: FaultArgs,
    /// Use the network as a wallet.
    #[command(subcommand)]
    pub wallet: Option<WalletCommand>,
}

/// The faults that a sandbox begins with.
#[derive(Debug, Args)]
#[command(next_help_heading = "Faults")]
pub struct FaultArgs {
    /// A fault and how often it happens, in thousandths, such as timeout_lands=50; may be given for each
    /// kind.
    #[arg(long = "fault", value_name = "KIND=PER_MILLE")]
    pub rates: Vec<FaultRate>,
    /// How many ledgers a lagging instance is behind.
    #[arg(long, value_name = "N", default_value_t = FaultParameters::default().lag_ledgers,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(LAG_LEDGERS_MAX)))]
    pub lag_ledgers: u32,
    /// What a limited client is told to wait, in seconds.
    #[arg(long, value_name = "N", default_value_t = FaultParameters::default().retry_after_seconds,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(RETRY_AFTER_SECONDS_MAX)))]
    pub retry_after_seconds: u32,
    /// How long a slow answer is held back, in milliseconds.
    #[arg(long, value_name = "N", default_value_t = FaultParameters::default().slow_ms,
          value_parser = clap::value_parser!(u64).range(1..=SLOW_MS_MAX))]
    pub slow_ms: u64,
    /// What a surge multiplies the fee by.
    #[arg(long, value_name = "N", default_value_t = FaultParameters::default().surge_factor,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(SURGE_FACTOR_MAX)))]
    pub surge_factor: u32,
}

impl FaultArgs {
    /// The faults these flags mean; of a kind given twice the last counts.
    pub fn settings(&self) -> FaultSettings {
        let Self { rates, lag_ledgers, retry_after_seconds, slow_ms, surge_factor } = self;
        FaultSettings {
            per_mille: rates.iter().map(|rate| (rate.fault, rate.per_mille)).collect(),
            parameters: FaultParameters {
                lag_ledgers: *lag_ledgers,
                retry_after_seconds: *retry_after_seconds,
                slow_ms: *slow_ms,
                surge_factor: *surge_factor,
            },
        }
    }
}

/// Runs the network until the process is asked to stop, or uses it as a wallet.
pub(super) async fn run(args: SandboxArgs) -> Result<ExitCode, CommandError> {
    if let Some(command) = args.wallet {
        return wallet::run(command).await;
    }

    telemetry::start(&telemetry::Settings::default());
    let state = args.state.as_ref().map(|path| path.display().to_string());
    let settings = farmgate_sandbox::Settings {
        seed: args.seed,
        ledger_ms: args.ledger_ms,
        faults: args.faults.settings(),
        state: args.state,
        ..farmgate_sandbox::Settings::default()
    };
    let handle = Sandbox::start(settings, Arc::new(SystemClock), args.listen).await?;
    tracing::info!(
        url = handle.url(),
        passphrase = farmgate_sandbox::network::PASSPHRASE,
        ledger_ms = args.ledger_ms,
        state,
        faults = ?handle.sandbox.faults().rates(),
        "sandbox network; without a state file it forgets everything when it stops"
    );
    // For programs that let the system choose the port.
    say(&handle.url())?;
    wire::asked_to_stop().await;
    handle.stop().await;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use farmgate_sandbox::faults::Fault;

    #[derive(Debug, Parser)]
    struct Typed {
        #[command(flatten)]
        args: SandboxArgs,
    }

    fn sandbox(flags: &[&str]) -> Result<SandboxArgs, String> {
        let words = ["sandbox"].iter().chain(flags);
        Typed::try_parse_from(words).map(|typed| typed.args).map_err(|error| error.to_string())
    }

    #[test]
    fn faults_are_named_with_their_rates() {
        assert_eq!(sandbox(&[]).unwrap().faults.settings(), FaultSettings::default());
        let args = sandbox(&["--fault", "timeout_lands=50", "--fault=slow_answer=1000", "--slow-ms", "300"]);
        let settings = args.unwrap().faults.settings();
        let rates = [(Fault::TimeoutLands, 50), (Fault::SlowAnswer, 1_000)];
        assert_eq!(settings.per_mille, rates.into());
        assert_eq!(settings.parameters, FaultParameters { slow_ms: 300, ..FaultParameters::default() });
    }

    #[test]
    fn a_flag_that_makes_no_sense_is_named_with_what_would() {
        for (flag, value, why) in [
            ("--fault", "earthquake=5", "no fault named `earthquake`; there are timeout_lands, "),
            ("--fault", "timeout_lands", "KIND=PER_MILLE"),
            ("--fault", "timeout_lands=1001", "thousandths, 0 to 1000"),
            ("--fault", "timeout_lands=-1", "thousandths, 0 to 1000"),
            ("--lag-ledgers", "101", "1..=100"),
            ("--slow-ms", "0", "1..=600000"),
            ("--surge-factor", "0", "1..=100000"),
            ("--retry-after-seconds", "x", "invalid digit"),
        ] {
            let error = sandbox(&[flag, value]).unwrap_err();
            assert!(error.contains(flag) && error.contains(value) && error.contains(why), "{error}");
        }
    }
}
