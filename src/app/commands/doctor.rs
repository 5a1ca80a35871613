//! `farmgate doctor`: what only the process can look at, and the lines for people and programs.
//!
//! Never here: a secret in a line, or a change: a database that is not there is not made, and one of an
//! earlier version is not brought up to date.

use std::process::ExitCode;

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::app::clock::{SystemClock, SystemEntropy};
use crate::app::config::{
    self, Config, ConfigArgs, ConfigError, FILE_DEFAULT, Overrides, SECRET_FILE_VARIABLE, SECRET_VARIABLE,
};
use crate::app::database::{self, DatabaseError, ELSEWHERE, MAKERS};
use crate::app::error::CommandError;
use crate::app::output::{say, say_json};
use crate::app::wire;
use crate::domain::address::AccountId;
use crate::domain::split::Recipient;
use crate::operator::doctor::{self, Check, Expectations, Verdict, accounts, horizon};
use crate::ports::network::Network;
use crate::ports::store::Store;
use crate::stellar::keys::SecretSeed;
use crate::storage::{self, DatabaseUrl, Durability, EngineKind, SchemaState};

/// The line on what a commit can be lost by.
const COMMITS: &str = "commits";

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

/// Runs all checks; exit code 0 if none failed.
pub(super) async fn run(args: &DoctorArgs) -> Result<ExitCode, CommandError> {
    let checks = examine(args).await;
    let well = checks.iter().all(|check| check.verdict != Verdict::Fail);
    if args.json {
        say_json(&serde_json::json!({ "ok": well, "checks": checks }))?;
    } else {
        for check in &checks {
            say(&format!("{:<4}  {:<16}  {}", check.verdict.as_str(), check.check, check.seen))?;
            if let Some(advice) = &check.advice {
                say(&format!("      {:<16}  → {advice}", ""))?;
            }
        }
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn examine(args: &DoctorArgs) -> Vec<Check> {
    let (key, secret) = secret();
    let signer = key.as_ref().map(SecretSeed::public_key);
    let (config, platform, mut checks) = match configuration(args, signer) {
        Ok((config, platform)) => {
            let file = args
                .config
                .config
                .as_deref()
                .map_or(FILE_DEFAULT.to_owned(), |file| file.display().to_string());
            let read = if std::path::Path::new(&file).exists() { file } else { "defaults".to_owned() };
            let seen =
                format!("{read}, and the environment; network `{}`", config.stellar.network_passphrase);
            (config, platform, vec![Check::ok("configuration", seen)])
        }
        Err(error) => {
            let advice = match error {
                ConfigError::File { .. } => "make it readable and valid, or name another with --config",
                _ => "farmgate.example.toml explains every setting",
            };
            return vec![Check::fail("configuration", error.to_string(), advice), secret];
        }
    };
    checks.push(secret);
    checks.push(accounts::master_secrets(config.stellar.recovery_sealing_key));
    let (database, store) = database(&config).await;
    checks.push(database);
    if store.is_some() {
        checks.push(commits(&config).await);
    }
    let (root, network) = network(&config, key).await;
    checks.extend(root);
    let expected = expectations(&config, platform, signer);
    let network: Option<&dyn Network> = network.as_deref().map(|network| network as &dyn Network);
    checks.extend(doctor::examine(store.as_deref(), network, &SystemClock, &expected).await);
    checks
}

/// The platform's key, and the line on it.
fn secret() -> (Option<SecretSeed>, Check) {
    const CHECK: &str = "secret";
    let advice = format!(
        "set {SECRET_VARIABLE} to the platform's secret seed (S…), or \
         {SECRET_FILE_VARIABLE} to a file that holds it"
    );
    let secret: SecretString = match config::platform_secret(|name| std::env::var(name).ok()) {
        Ok(secret) => secret,
        Err(ConfigError::NoSecret) => return (None, Check::fail(CHECK, "there is none", advice)),
        Err(error @ ConfigError::TwoSecrets) => {
            return (None, Check::fail(CHECK, error.to_string(), "unset the one that is not meant"));
        }
        Err(error) => return (None, Check::fail(CHECK, error.to_string(), advice)),
    };
    match secret.expose_secret().parse::<SecretSeed>() {
        Ok(seed) => {
            let seen = format!("there is one; its account is {}", seed.public_key());
            (Some(seed), Check::ok(CHECK, seen))
        }
        Err(error) => (None, Check::fail(CHECK, error.to_string(), advice)),
    }
}

/// The configuration, and the platform's account if it is known: without a secret it is known only where it
/// is set.
fn configuration(
    args: &DoctorArgs,
    signer: Option<AccountId>,
) -> Result<(Config, Option<AccountId>), ConfigError> {
    let load = |platform| {
        let overrides = Overrides { platform, ..args.overrides() };
        config::load(args.config.config.as_deref(), std::env::vars(), &overrides)
    };
    let nobody = AccountId([0; 32]);
    let config = load(Some(signer.unwrap_or(nobody)))?;
    let platform = Some(config.stellar.platform).filter(|platform| *platform != nobody);
    Ok((config, platform))
}

async fn database(config: &Config) -> (Check, Option<std::sync::Arc<dyn Store>>) {
    const CHECK: &str = "database";
    let settings = &config.database;
    let kind = match settings.url.engine() {
        EngineKind::Sqlite => "SQLite",
        EngineKind::Postgres => "PostgreSQL",
    };
    let named = format!("{kind}, {}", database::place(&settings.url));
    let unreachable = |error: &dyn std::fmt::Display| {
        let advice = "set database.url, and see that it can be reached and written with these rights";
        (Check::fail(CHECK, format!("{named}: {error}"), advice), None)
    };
    let make = || match database::obstacle(&settings.url) {
        Some(obstacle) => format!("{obstacle}; make that possible first, or set database.url"),
        None => format!("{MAKERS} do it; {ELSEWHERE}"),
    };
    match storage::schema(settings).await {
        Ok(SchemaState::Missing) => {
            (Check::fail(CHECK, format!("{kind}: {}", lacking(&settings.url)), make()), None)
        }
        Ok(SchemaState::Behind { applied, known }) => {
            let seen = format!("{named}: {applied} of {known} migrations; it is to be brought up to date");
            (Check::fail(CHECK, seen, make()), None)
        }
        Ok(SchemaState::Current { applied }) => match storage::connect(settings).await {
            Ok(store) => (Check::ok(CHECK, format!("{named}, all {applied} migrations")), Some(store)),
            Err(error) => unreachable(&error),
        },
        Err(error) => unreachable(&error),
    }
}

/// The line on what a commit can be lost by.
async fn commits(config: &Config) -> Check {
    match storage::durability(&config.database).await {
        Ok(durability) => durable(durability),
        Err(error) => {
            let advice = "let the database's user read the server's settings";
            Check::warn(COMMITS, format!("how durable they are is not known: {error}"), advice)
        }
    }
}

fn durable(durability: Durability) -> Check {
    let Durability::Server { fsync, full_page_writes, standbys, waits_for_standby } = durability else {
        return Check::ok(COMMITS, "in the file before they are answered");
    };
    if !fsync || !full_page_writes {
        let off = if fsync { "full_page_writes" } else { "fsync" };
        let seen = format!("the server has {off} = off: a crash of its machine can lose what was committed");
        return Check::fail(COMMITS, seen, format!("set {off} = on in the server's configuration"));
    }
    if standbys > 0 && !waits_for_standby {
        let seen = format!(
            "durable on the server; it has {standbys} asynchronous standby(s), and one that is promoted may \
             lack the last commits. Nothing is paid twice by that: the engine notices, and builds nothing \
             for as long as a transaction lives"
        );
        return Check::warn(
            COMMITS,
            seen,
            "set synchronous_standby_names, if orders must not be lost either",
        );
    }
    let standby = if waits_for_standby { ", and on a synchronous standby" } else { "" };
    Check::ok(COMMITS, format!("durable on the server{standby} before they are answered"))
}

/// What is not there, and where it was looked for.
fn lacking(url: &DatabaseUrl) -> String {
    match database::missing(url) {
        DatabaseError::NoFile { file } => format!("there is no file {}", file.display()),
        DatabaseError::NoTables { place } => format!("{place} has no tables of Farmgate's"),
        DatabaseError::Behind { .. } | DatabaseError::Store { .. } => "there is none".to_owned(),
    }
}

/// The lines on Horizon; the network only if it is ours and answers, for nothing else would be of use.
async fn network(
    config: &Config,
    key: Option<SecretSeed>,
) -> (Vec<Check>, Option<std::sync::Arc<crate::stellar::StellarNetwork>>) {
    const CHECK: &str = "horizon";
    let url = wire::without_userinfo(&config.stellar.horizon_url);
    let (url, passphrase) = (url.as_str(), config.stellar.network_passphrase.as_str());
    let unusable = |error: &dyn std::fmt::Display| {
        let advice = wire::horizon_advice(&config.stellar.horizon_url);
        (vec![Check::fail(CHECK, format!("{url}: {error}"), advice)], None)
    };
    // Nothing is signed here: without a key any other will do.
    let key = key.unwrap_or_else(|| SecretSeed::generate(&SystemEntropy));
    let network = match wire::network_of(config, key) {
        Ok(network) => network,
        Err(error) => return unusable(&error),
    };
    let root = match network.horizon().root().await {
        Ok(root) => root,
        Err(error) => return unusable(&error),
    };
    let root = horizon::Root {
        version: root.horizon_version,
        passphrase: root.network_passphrase,
        history: root.history_latest_ledger,
        core: root.core_latest_ledger,
        protocol: root.protocol,
        core_protocol_max: root.core_protocol_max,
    };
    let ours = root.passphrase == passphrase;
    (horizon::root(&root, url, passphrase), ours.then_some(network))
}

fn expectations(config: &Config, platform: Option<AccountId>, signer: Option<AccountId>) -> Expectations {
    let payout = [Recipient::Foundation, Recipient::Sales, Recipient::Wisdom];
    let payout = payout.into_iter().filter_map(|one| Some((one, config.reservations.payout.of(one)?)));
    Expectations {
        network_passphrase: config.stellar.network_passphrase.clone(),
        platform,
        signer,
        targets: config.targets(),
        fee_per_operation_stroops: config.settlement.fee_per_operation_stroops,
        requests_per_hour_max: config.stellar.requests_per_hour_max,
        tick: std::time::Duration::from_millis(config.settlement.tick_millis),
        follow_accounts_min: config.settlement.follow_accounts_min,
        payout: payout.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_loses_commits_fails_and_an_asynchronous_standby_is_explained() {
        let server = |fsync, full_page_writes, standbys, waits_for_standby| {
            durable(Durability::Server { fsync, full_page_writes, standbys, waits_for_standby })
        };
        assert_eq!(durable(Durability::File).verdict, Verdict::Ok);
        for (fsync, pages, named) in [(false, true, "fsync"), (true, false, "full_page_writes")] {
            let check = server(fsync, pages, 0, false);
            assert_eq!(check.verdict, Verdict::Fail);
            assert!(check.advice.unwrap().contains(named));
        }
        assert_eq!(server(true, true, 0, false).verdict, Verdict::Ok);
        assert_eq!(server(true, true, 1, true).verdict, Verdict::Ok);
        let check = server(true, true, 2, false);
        assert_eq!(check.verdict, Verdict::Warn);
        assert!(check.seen.contains("2 asynchronous") && check.seen.contains("the engine notices"));
    }
}
