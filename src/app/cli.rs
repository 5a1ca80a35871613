//! The command line: what can be typed, and nothing of what it does.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};
use url::Url;

use crate::api::Note;
use crate::app::config::Overrides;
use crate::domain::address::{AccountId, Address};
use crate::domain::dead_letter::{Kind, LetterId};
use crate::domain::ids::{ApiKeyId, ReservationId, TxHash};
use crate::domain::money::Stroops;
use crate::domain::payment::Memo;
use crate::domain::transfer::GivenBack;
use crate::ports::store::Role;
use crate::simulation::EVENTS_MAX;
use crate::storage::{DatabaseUrl, DatabaseUrlError, EngineKind};
use farmgate_sandbox::faults::{
    FaultParameters, FaultRate, FaultSettings, LAG_LEDGERS_MAX, RETRY_AFTER_SECONDS_MAX, SLOW_MS_MAX,
    SURGE_FACTOR_MAX,
};

/// Accounts that are unsealed at once.
const UNSEAL_ACCOUNTS_MAX: usize = 200;

/// Escrow and settlement for capacity pools paid on Stellar.
#[derive(Debug, Parser)]
#[command(name = "farmgate", version, about, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the whole product: a sandbox network, the service and its customers in one process.
    Demo(DemoArgs),
    /// Run the service: the HTTP API and the settlement engine.
    Serve(ServeArgs),
    /// Run a small Stellar network on this machine, or use it as a wallet.
    Sandbox(SandboxArgs),
    /// Look at everything the service needs, line by line, and say what to do; exit code 1 if something does not work.
    Doctor(DoctorArgs),
    /// Show what is missing and what it takes, and open it: the database, channels, escrow accounts. Safe to repeat.
    Setup(SetupArgs),
    /// Compare the journal with the ledger, account by account; exit code 1 if they differ.
    Reconcile(ReconcileArgs),
    /// Decide what becomes of a reservation that is held: settle it, or send back what remains.
    Resolve(ResolveArgs),
    /// Decide where money goes that cannot go back to where it came from: a payment's return, or what was taken back of a claimable
    /// balance.
    Return(ReturnArgs),
    /// List what the engine cannot bring further by itself, with what can be done about each; exit code 0, with --check 1 if any.
    DeadLetters(DeadLettersArgs),
    /// Make, list and revoke API keys; make the key that escrow accounts' own secrets are sealed to.
    Keys(KeysArgs),
    /// Open the sealed secrets of accounts, or export them for a machine without the database. Needs no network.
    Unseal(UnsealArgs),
    /// Print the API's OpenAPI document.
    Openapi,
    /// Put the settlement engine through everything that can go wrong, seed by seed; exit code 1 if a promise was broken.
    Simulate(SimulateArgs),
}

/// `farmgate simulate`.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// The seeds, the first and the last included, or one alone. Each is one run, and the same run each time.
    #[arg(long, value_name = "A..B", default_value = "1..20")]
    pub seeds: Seeds,
    /// A PostgreSQL server on which each run gets a database of its own, such as postgres://user@host/postgres [default:
    /// SQLite files that are removed].
    #[arg(long, value_name = "URL", value_parser = postgres_server)]
    pub database: Option<DatabaseUrl>,
    /// How many seeds run at once [default: as many as the machine has cores].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// How many of the last events of a seed are shown in which something is wrong.
    #[arg(long, value_name = "N", default_value_t = EVENTS_MAX)]
    pub events: usize,
    /// End with one line of JSON for programs.
    #[arg(long)]
    pub json: bool,
    /// Put a known bug in, to see it found: rebuild-on-504, cursor-before-effects or refund-to-first-payer.
    #[cfg(feature = "simulated-bugs")]
    #[arg(long, value_name = "NAME")]
    pub bug: Option<crate::simulation::bugs::Bug>,
}

/// A range of seeds, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seeds {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

/// A text that is no range of seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SeedsError {
    /// No numbers.
    #[error("seeds are a number, or two with .. between them, such as 1..200")]
    Malformed,
    /// The last is before the first.
    #[error("the last seed is before the first: {last} is below {first}")]
    Backwards {
        /// The first.
        first: u64,
        /// The last.
        last: u64,
    },
    /// Too many.
    #[error("{SEEDS_MAX} seeds at most")]
    TooMany,
}

/// Most seeds of one simulation.
pub const SEEDS_MAX: u64 = 1_000_000;

impl FromStr for Seeds {
    type Err = SeedsError;

    fn from_str(text: &str) -> Result<Self, SeedsError> {
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| SeedsError::Malformed);
        let (first, last) = (number(first)?, number(last)?);
        if last < first {
            return Err(SeedsError::Backwards { first, last });
        }
        if last - first >= SEEDS_MAX {
            return Err(SeedsError::TooMany);
        }
        Ok(Self { first, last })
    }
}

fn postgres_server(text: &str) -> Result<DatabaseUrl, String> {
    let url: DatabaseUrl = text.parse().map_err(|error: DatabaseUrlError| error.to_string())?;
    match url.engine() {
        EngineKind::Postgres => Ok(url),
        EngineKind::Sqlite => Err("without it SQLite is used; it takes a postgres:// server".to_owned()),
    }
}

/// `farmgate demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Leave when the demo has ended, with exit code 0 only if everything adds up; otherwise the service stays up.
    #[arg(long)]
    pub exit: bool,
}

/// Where the configuration comes from, and the most common overrides.
#[derive(Debug, Args, Clone)]
pub struct ConfigArgs {
    /// The configuration file [default: farmgate.toml, if it is there].
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// The database, such as sqlite://farmgate.db or postgres://user@host/name.
    #[arg(long, value_name = "URL", global = true)]
    pub database: Option<String>,
}

impl ConfigArgs {
    /// The overrides these flags mean.
    pub fn overrides(&self) -> Overrides {
        let values = self.database.iter().map(|url| ("database.url", url.clone())).collect();
        Overrides { values, platform: None }
    }

    /// The same, with this Horizon.
    fn overrides_at(&self, horizon: Option<&Url>) -> Overrides {
        let mut overrides = self.overrides();
        overrides.values.extend(horizon.map(|url| ("stellar.horizon_url", url.to_string())));
        overrides
    }
}

/// `farmgate serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The address the API listens on [default: 127.0.0.1:8480].
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Horizon's URL [default: the sandbox on this machine].
    #[arg(long, value_name = "URL")]
    pub horizon: Option<Url>,
}

impl ServeArgs {
    /// The overrides these flags mean.
    pub fn overrides(&self) -> Overrides {
        let mut overrides = self.config.overrides();
        overrides.values.extend(self.listen.map(|listen| ("http.listen", listen.to_string())));
        overrides.values.extend(self.horizon.iter().map(|url| ("stellar.horizon_url", url.to_string())));
        overrides
    }
}

/// `farmgate reconcile`.
#[derive(Debug, Args)]
pub struct ReconcileArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Horizon's URL [default: the sandbox on this machine].
    #[arg(long, value_name = "URL")]
    pub horizon: Option<Url>,
    /// Print JSON for programs.
    #[arg(long)]
    pub json: bool,
}

impl ReconcileArgs {
    /// The overrides these flags mean.
    pub fn overrides(&self) -> Overrides {
        let mut overrides = self.config.overrides();
        overrides.values.extend(self.horizon.iter().map(|url| ("stellar.horizon_url", url.to_string())));
        overrides
    }
}

/// `farmgate doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Horizon's URL [default: the sandbox on this machine].
    #[arg(long, value_name = "URL")]
    pub horizon: Option<Url>,
    /// Print JSON for programs.
    #[arg(long)]
    pub json: bool,
}

impl DoctorArgs {
    /// The overrides these flags mean.
    pub fn overrides(&self) -> Overrides {
        self.config.overrides_at(self.horizon.as_ref())
    }
}

/// `farmgate setup`.
#[derive(Debug, Args)]
pub struct SetupArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Horizon's URL [default: the sandbox on this machine].
    #[arg(long, value_name = "URL")]
    pub horizon: Option<Url>,
    /// Do it, without asking.
    #[arg(long)]
    pub yes: bool,
}

impl SetupArgs {
    /// The overrides these flags mean.
    pub fn overrides(&self) -> Overrides {
        self.config.overrides_at(self.horizon.as_ref())
    }
}

/// `farmgate sandbox`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SandboxArgs {
    /// The address it listens on; loopback only.
    #[arg(long, default_value = "127.0.0.1:8000", value_name = "ADDRESS", env = "FARMGATE_SANDBOX_LISTEN")]
    pub listen: SocketAddr,
    /// Milliseconds between two ledgers.
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u64).range(10..=60_000))]
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
    /// A fault and how often it happens, in thousandths, such as timeout_lands=50; may be given for each kind.
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

/// The sandbox as a wallet. A wallet is a name, from which its key is derived, or a secret seed (S…).
#[derive(Debug, Subcommand)]
pub enum WalletCommand {
    /// Print a wallet's address.
    Wallet {
        /// The wallet.
        wallet: String,
        /// Print its secret seed instead: sandbox wallets are for play.
        #[arg(long)]
        secret: bool,
    },
    /// Give a wallet XLM from friendbot, or an asset from its issuer.
    Fund {
        /// The wallet.
        wallet: String,
        /// How much; friendbot gives a fixed amount of XLM.
        amount: Option<Stroops>,
        /// TFT, TFTA or FreeTFT [default: XLM].
        asset: Option<String>,
        /// Where the sandbox listens.
        #[command(flatten)]
        horizon: HorizonArgs,
    },
    /// Let a wallet hold an asset.
    Trust {
        /// The wallet.
        wallet: String,
        /// TFT, TFTA, FreeTFT, or CODE:ISSUER.
        asset: String,
        /// Where the sandbox listens.
        #[command(flatten)]
        horizon: HorizonArgs,
    },
    /// Pay from a wallet.
    Pay {
        /// The wallet that pays.
        wallet: String,
        /// The address that is paid (G… or M…).
        to: Address,
        /// How much.
        amount: Stroops,
        /// TFT, TFTA, FreeTFT, native, or CODE:ISSUER.
        asset: String,
        /// A text memo of at most 28 bytes.
        #[arg(long)]
        memo: Option<String>,
        /// Where the sandbox listens.
        #[command(flatten)]
        horizon: HorizonArgs,
    },
}

/// Where the sandbox is.
#[derive(Debug, Args)]
pub struct HorizonArgs {
    /// The sandbox's URL; loopback only.
    #[arg(long, default_value = "http://127.0.0.1:8000", value_name = "URL", env = "FARMGATE_SANDBOX_URL")]
    pub sandbox: Url,
}

/// `farmgate resolve`.
#[derive(Debug, Args)]
pub struct ResolveArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The reservation's id. Without it, the reservations that are held are listed with what they lack.
    #[arg(requires = "DecisionArgs")]
    pub id: Option<ReservationId>,
    /// What is decided.
    #[command(flatten)]
    pub decision: DecisionArgs,
}

/// `farmgate return`.
#[derive(Debug, Args)]
pub struct ReturnArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The payment's id, `OPERATION-CHANGE`; or that of a claimable balance which was taken back.
    #[arg(value_name = "PAYMENT|BALANCE")]
    pub what: GivenBack,
    /// Where its money goes: an account (`G…`) or a muxed account (`M…`).
    #[arg(long, value_name = "ADDRESS")]
    pub to: Address,
    /// The memo that goes with it.
    #[command(flatten)]
    pub memo: MemoArgs,
}

/// `farmgate dead-letters`.
#[derive(Debug, Args)]
pub struct DeadLettersArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Only those of this kind, such as held_reservation or unpaid_repayment.
    #[arg(long, value_name = "KIND")]
    pub kind: Option<Kind>,
    /// Unreadable records that were dismissed, instead of what is open.
    #[arg(long)]
    pub dismissed: bool,
    /// Exit code 1 if there is any.
    #[arg(long)]
    pub check: bool,
    /// Print JSON for programs.
    #[arg(long)]
    pub json: bool,
    /// What to do instead.
    #[command(subcommand)]
    pub command: Option<DeadLettersCommand>,
}

/// What to do with a dead letter.
#[derive(Debug, Subcommand)]
pub enum DeadLettersCommand {
    /// Say that a record nobody could read needs nothing more: it stays stored, and is no longer listed.
    Dismiss {
        /// Its id, `unreadable_record:…`.
        id: LetterId,
        /// Why, for whoever asks later.
        #[arg(long, value_name = "TEXT")]
        note: Note,
    },
}

/// At most one memo.
#[derive(Debug, Args)]
#[group(required = false, multiple = false)]
pub struct MemoArgs {
    /// A memo of type text, up to 28 bytes.
    #[arg(long, value_name = "TEXT")]
    pub memo_text: Option<String>,
    /// A memo of type id.
    #[arg(long, value_name = "NUMBER")]
    pub memo_id: Option<u64>,
    /// A memo of type hash: 64 hexadecimal digits.
    #[arg(long, value_name = "HASH")]
    pub memo_hash: Option<TxHash>,
}

impl From<MemoArgs> for Memo {
    fn from(args: MemoArgs) -> Self {
        match (args.memo_text, args.memo_id, args.memo_hash) {
            (Some(text), _, _) => Self::Text(text),
            (None, Some(id), _) => Self::Id(id),
            (None, None, Some(hash)) => Self::Hash(hash),
            (None, None, None) => Self::None,
        }
    }
}

/// One of the two decisions.
#[derive(Debug, Args)]
#[group(required = false, multiple = false)]
pub struct DecisionArgs {
    /// Try its settlement again at once.
    #[arg(long, requires = "id")]
    pub settle: bool,
    /// Send back what remains; the latest payment bears what its issuer took back.
    #[arg(long, requires = "id")]
    pub refund: bool,
}

/// `farmgate keys`.
#[derive(Debug, Args)]
pub struct KeysArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: KeysCommand,
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// API keys.
    #[command(flatten)]
    Api(ApiKeysCommand),
    /// Make a recovery sealing key: its public half is printed for stellar.recovery_sealing_key. Needs no database.
    Sealing {
        /// The file that its secret half is written to, readable by you alone; it must not exist.
        #[arg(long, value_name = "FILE")]
        secret_file: PathBuf,
    },
}

/// What to do with API keys.
#[derive(Debug, Subcommand)]
pub enum ApiKeysCommand {
    /// Make a key and print its secret, once.
    Create {
        /// Its name, for people.
        name: String,
        /// What it allows.
        #[arg(long)]
        role: RoleArg,
    },
    /// List all keys.
    List {
        /// Print JSON for programs.
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key.
    Revoke {
        /// Its id.
        id: ApiKeyId,
    },
}

/// `farmgate unseal`.
#[derive(Debug, Args)]
pub struct UnsealArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The accounts (G…) [with --boxes, default: all that are in the file].
    #[arg(value_name = "ACCOUNT", required_unless_present = "boxes", num_args = 1..=UNSEAL_ACCOUNTS_MAX)]
    pub accounts: Vec<AccountId>,
    /// What to do with them.
    #[command(flatten)]
    pub way: UnsealWay,
    /// Take the sealed secrets from this file, as --export prints them, instead of the database; - is standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "export")]
    pub boxes: Option<PathBuf>,
}

/// Open, or export.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct UnsealWay {
    /// The file with the secret half of the sealing key: prints each account and its secret seed (S…).
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
    /// Print each account's sealed secret as a line for --boxes, without opening it.
    #[arg(long)]
    pub export: bool,
}

/// A role, as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleArg {
    /// The marketplace.
    Explorer,
    /// A node.
    Node,
    /// A farmer.
    Farmer,
    /// Finance and operations.
    Operator,
    /// Reads everything.
    Auditor,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Explorer => Self::Explorer,
            RoleArg::Node => Self::Node,
            RoleArg::Farmer => Self::Farmer,
            RoleArg::Operator => Self::Operator,
            RoleArg::Auditor => Self::Auditor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use farmgate_sandbox::faults::Fault;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn seeds_are_a_range_with_both_ends() {
        assert_eq!("1..200".parse(), Ok(Seeds { first: 1, last: 200 }));
        assert_eq!("7".parse(), Ok(Seeds { first: 7, last: 7 }));
        assert_eq!("5..1".parse::<Seeds>(), Err(SeedsError::Backwards { first: 5, last: 1 }));
        for (text, said) in [("x", "such as 1..200"), ("5..1", "1 is below 5"), ("1..2000000", "at most")] {
            let error =
                Cli::try_parse_from(["farmgate", "simulate", "--seeds", text]).unwrap_err().to_string();
            assert!(error.contains("--seeds") && error.contains(said), "{error}");
        }
        let error = Cli::try_parse_from(["farmgate", "simulate", "--database", "sqlite://x"]).unwrap_err();
        assert!(error.to_string().contains("--database"), "{error}");
    }

    #[test]
    fn a_held_reservation_is_decided_one_way_or_the_other() {
        let parse = |flags: &[&str]| Cli::try_parse_from([&["farmgate", "resolve", "17"], flags].concat());
        assert!(matches!(
            parse(&["--refund"]).unwrap().command,
            Command::Resolve(ResolveArgs { decision: DecisionArgs { refund: true, settle: false }, .. })
        ));
        assert!(parse(&["--settle"]).is_ok());
        assert!(parse(&[]).is_err() && parse(&["--settle", "--refund"]).is_err());
        let listed = Cli::try_parse_from(["farmgate", "resolve"]).unwrap().command;
        assert!(matches!(listed, Command::Resolve(ResolveArgs { id: None, .. })));
        assert!(Cli::try_parse_from(["farmgate", "resolve", "--refund"]).is_err());
    }

    #[test]
    fn sealed_secrets_are_opened_or_exported() {
        let account = "GBOVQKJYHXRR3DX6NOX2RRYFRCUMSADGDESTDNBDS6CDVLGVESRTAC47";
        let parse = |words: &[&str]| Cli::try_parse_from([&["farmgate", "unseal"], words].concat());
        for accepted in [
            &["--secret-file", "f", account, account][..],
            &["--secret-file", "f", "--boxes", "-"],
            &["--export", account],
        ] {
            assert!(parse(accepted).is_ok(), "{accepted:?}");
        }
        for (refused, named) in [
            (&["--secret-file", "f"][..], "<ACCOUNT>"),
            (&[account], "--secret-file"),
            (&["--secret-file", "f", "--export", account], "--export"),
            (&["--export", "--boxes", "b", account], "--boxes"),
            (&["--export", "GABC"], "not a Stellar address"),
        ] {
            let error = parse(refused).unwrap_err().to_string();
            assert!(error.contains(named), "{refused:?}: {error}");
        }
    }

    #[test]
    fn the_sandbox_runs_or_is_a_wallet() {
        let run = Cli::try_parse_from(["farmgate", "sandbox", "--ledger-ms", "200"]).unwrap();
        assert!(matches!(run.command, Command::Sandbox(SandboxArgs { ledger_ms: 200, wallet: None, .. })));
        let pay = ["farmgate", "sandbox", "pay", "alice", "GABC", "1", "TFT"];
        let error = Cli::try_parse_from(pay).unwrap_err().to_string();
        assert!(error.contains("not a Stellar address"), "{error}");
        let amount = ["farmgate", "sandbox", "fund", "alice", "1.12345678", "TFT"];
        let error = Cli::try_parse_from(amount).unwrap_err().to_string();
        assert!(error.contains("7 decimals"), "{error}");
    }

    fn sandbox(flags: &[&str]) -> Result<SandboxArgs, String> {
        let words = ["farmgate", "sandbox"].iter().chain(flags);
        match Cli::try_parse_from(words).map_err(|error| error.to_string())?.command {
            Command::Sandbox(args) => Ok(args),
            other => Err(format!("{other:?}")),
        }
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
