//! What the commands do. Results go to standard output, everything else to standard error.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use secrecy::ExposeSecret;
use stellar_strkey::ed25519::PrivateKey;
use tokio_util::sync::CancellationToken;

use crate::access;
use crate::app::cli::{
    ApiKeysCommand, Cli, Command, KeysArgs, KeysCommand, ReconcileArgs, ResolveArgs, ReturnArgs, SandboxArgs,
    ServeArgs, WalletCommand,
};
use crate::app::clock::{SystemClock, SystemEntropy};
use crate::app::config::{self, Config, ConfigError, Overrides};
use crate::app::wire::{self, Service, ServiceError};
use crate::app::{dead_letters, doctor, setup, simulate, telemetry, unseal};
use crate::demo;
use crate::domain::dead_letter::LetterId;
use crate::domain::ids::ReservationId;
use crate::domain::money::Stroops;
use crate::domain::refund::{RefundAddress, RefundAddressError};
use crate::domain::reservation::{Reservation, State};
use crate::domain::transfer::GivenBack;
use crate::http;
use crate::operator::{DeadLetterError, ReconcileError, Reconciliation, StockError, reconcile};
use crate::ports::clock::Clock;
use crate::ports::store::{Store, transact};
use crate::sandbox::wallet::{Horizon, Memo, Named, Receipt, Wallet, WalletError};
use crate::sandbox::{self, Sandbox, StartError};
use crate::settlement::{Decision, ResolveError, ReturnError, held, resolve, return_to};
use crate::simulation::SimulationError;
use crate::stellar::keys::SecretSeed;
use crate::storage;

/// How much of an asset a wallet gets if it does not say.
const FUND_DEFAULT_UNITS: u32 = 1_000;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The service.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The sandbox.
    #[error(transparent)]
    Sandbox(#[from] StartError),
    /// The wallet.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// A held reservation.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// No such reservation.
    #[error("reservation {0} is not known")]
    NoReservation(ReservationId),
    /// No such payment or balance.
    #[error("{0} is not known")]
    NothingToGiveBack(GivenBack),
    /// Not an address that money can be returned to.
    #[error("--to: {0}")]
    RefundAddress(#[from] RefundAddressError),
    /// A return that was not redirected.
    #[error(transparent)]
    Return(#[from] ReturnError),
    /// Dead letters.
    #[error(transparent)]
    DeadLetter(#[from] DeadLetterError),
    /// No such dead letter.
    #[error("dead letter {0} is not known")]
    NoDeadLetter(LetterId),
    /// Sealed secrets.
    #[error(transparent)]
    Unseal(#[from] unseal::Error),
    /// API keys.
    #[error(transparent)]
    Access(#[from] access::AccessError),
    /// Reconciliation.
    #[error(transparent)]
    Reconcile(#[from] ReconcileError),
    /// What is there, and what is missing.
    #[error(transparent)]
    Stock(#[from] StockError),
    /// The demo.
    #[error(transparent)]
    Demo(#[from] demo::DemoError),
    /// The simulator.
    #[error(transparent)]
    Simulation(#[from] SimulationError),
    /// Standard output.
    #[error("standard output: {0}")]
    Output(#[from] std::io::Error),
    /// JSON.
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Runs a command; the exit code is 0 if it did what was asked, and 1 if what it looked at is not in order.
pub async fn run(cli: Cli) -> Result<ExitCode, CommandError> {
    match cli.command {
        Command::Demo(args) => Ok(demo::run(args.exit).await?),
        Command::Serve(args) => serve(&args).await,
        Command::Sandbox(args) => run_sandbox(args).await,
        Command::Doctor(args) => doctor::run(&args).await,
        Command::Setup(args) => setup::run(&args).await,
        Command::Reconcile(args) => run_reconcile(&args).await,
        Command::Resolve(args) => run_resolve(&args).await,
        Command::Return(args) => run_return(args).await,
        Command::DeadLetters(args) => dead_letters::run(args).await,
        Command::Keys(args) => keys(args).await,
        Command::Unseal(args) => unseal::run(&args).await,
        Command::Simulate(args) => simulate::run(&args),
        Command::Openapi => {
            say(&serde_json::to_string_pretty(&http::openapi())?)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// A line of result.
pub(super) fn say(line: &str) -> Result<(), std::io::Error> {
    writeln!(std::io::stdout().lock(), "{line}")
}

/// A line for people that is not the result.
pub(super) fn note(line: &str) -> Result<(), std::io::Error> {
    writeln!(std::io::stderr().lock(), "{line}")
}

pub(super) fn load(
    args: &crate::app::cli::ConfigArgs,
    mut overrides: Overrides,
    secret: Option<&secrecy::SecretString>,
) -> Result<Config, CommandError> {
    // The platform's account is that of its key, unless it is set.
    let account = match secret {
        Some(secret) => {
            let seed: SecretSeed = secret.expose_secret().parse().map_err(ServiceError::from)?;
            Some(seed.public_key())
        }
        None => None,
    };
    overrides.platform = account;
    Ok(config::load(args.config.as_deref(), std::env::vars(), &overrides)?)
}

async fn serve(args: &ServeArgs) -> Result<ExitCode, CommandError> {
    let secret = config::platform_secret(|name| std::env::var(name).ok())?;
    let config = load(&args.config, args.overrides(), Some(&secret))?;
    telemetry::start(&config.log);
    let service = Service::open(&config, &secret).await?;
    let (found, now) = service.schema;
    tracing::info!(
        address = %service.address,
        schema_found = %found,
        schema = %now,
        database = %config.database.url,
        horizon = %config.stellar.horizon_url,
        platform = %config.stellar.platform,
        "farmgate serves"
    );
    let stop = CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        wire::asked_to_stop().await;
        tracing::info!("stopping");
        asked.cancel();
    });
    service.run(stop).await?;
    Ok(ExitCode::SUCCESS)
}

async fn run_sandbox(args: SandboxArgs) -> Result<ExitCode, CommandError> {
    let Some(command) = args.wallet else {
        telemetry::start(&telemetry::Settings::default());
        let state = args.state.as_ref().map(|path| path.display().to_string());
        let settings = sandbox::Settings {
            seed: args.seed,
            ledger_ms: args.ledger_ms,
            faults: args.faults.settings(),
            state: args.state,
            ..sandbox::Settings::default()
        };
        let handle = Sandbox::start(settings, Arc::new(SystemClock), args.listen).await?;
        tracing::info!(
            url = handle.url(),
            passphrase = sandbox::network::PASSPHRASE,
            ledger_ms = args.ledger_ms,
            state,
            faults = ?handle.sandbox.faults().rates(),
            "sandbox network; without a state file it forgets everything when it stops"
        );
        // For programs that let the system choose the port.
        say(&handle.url())?;
        wire::asked_to_stop().await;
        handle.stop().await;
        return Ok(ExitCode::SUCCESS);
    };
    wallet(command).await?;
    Ok(ExitCode::SUCCESS)
}

async fn wallet(command: WalletCommand) -> Result<(), CommandError> {
    match command {
        WalletCommand::Wallet { wallet, secret } => {
            let wallet: Wallet = wallet.parse()?;
            if secret {
                let seed = PrivateKey(wallet.key().to_bytes());
                say(seed.as_unredacted().to_string().as_str())?;
            } else {
                say(&wallet.account().to_string())?;
            }
        }
        WalletCommand::Fund { wallet, amount, asset, horizon } => {
            let wallet: Wallet = wallet.parse()?;
            let asset: Named = asset.as_deref().unwrap_or("native").parse()?;
            let amount = amount.unwrap_or(Stroops::from_units(FUND_DEFAULT_UNITS));
            let horizon = Horizon::at(horizon.sandbox.as_str())?;
            receipt(&horizon.fund(wallet.account(), asset, amount).await?)?;
        }
        WalletCommand::Trust { wallet, asset, horizon } => {
            let horizon = Horizon::at(horizon.sandbox.as_str())?;
            receipt(&horizon.trust(&wallet.parse()?, asset.parse()?).await?)?;
        }
        WalletCommand::Pay { wallet, to, amount, asset, memo, horizon } => {
            let memo = match memo {
                Some(text) => format!("text:{text}").parse()?,
                None => Memo::None,
            };
            let horizon = Horizon::at(horizon.sandbox.as_str())?;
            receipt(&horizon.pay(&wallet.parse()?, to, asset.parse()?, amount, &memo).await?)?;
        }
    }
    Ok(())
}

fn receipt(receipt: &Receipt) -> Result<(), std::io::Error> {
    say(&format!("transaction {} is in ledger {}", receipt.hash, receipt.ledger))
}

async fn run_reconcile(args: &ReconcileArgs) -> Result<ExitCode, CommandError> {
    let secret = config::platform_secret(|name| std::env::var(name).ok())?;
    let config = load(&args.config, args.overrides(), Some(&secret))?;
    let store = storage::connect(&config.database).await.map_err(ServiceError::from)?;
    let network = wire::network(&config, &secret)?;
    let reconciliation = reconcile(&store, &*network).await?;
    if args.json {
        say(&serde_json::to_string(&json(&reconciliation))?)?;
    } else {
        say(&table(&reconciliation))?;
    }
    Ok(if reconciliation.balances() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn json(reconciliation: &Reconciliation) -> serde_json::Value {
    let lines: Vec<_> = reconciliation
        .lines
        .iter()
        .map(|line| {
            serde_json::json!({
                "account": line.account, "asset": line.asset,
                "journal": signed(line.journal), "ledger": signed(line.ledger), "agrees": line.agrees(),
            })
        })
        .collect();
    let books: Vec<_> = reconciliation
        .books
        .iter()
        .map(|line| {
            serde_json::json!({
                "book": line.account.to_string(), "asset": line.asset,
                "journal": signed(line.journal), "stored": signed(line.stored), "agrees": line.agrees(),
            })
        })
        .collect();
    serde_json::json!({
        "balances": reconciliation.balances(), "accounts": reconciliation.accounts, "lines": lines, "books": books,
    })
}

/// A sum that may be below zero, in units.
fn signed(stroops: i64) -> String {
    let sign = if stroops < 0 { "-" } else { "" };
    let magnitude = i64::try_from(stroops.unsigned_abs()).unwrap_or(i64::MAX);
    format!("{sign}{}", Stroops::new(magnitude).unwrap_or_default())
}

/// The lines of a reconciliation for people.
fn table(reconciliation: &Reconciliation) -> String {
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::UTF8_BORDERS_ONLY);
    table.set_header(["account", "asset", "journal", "ledger", ""]);
    for line in &reconciliation.lines {
        table.add_row([
            line.account.to_string(),
            line.asset.code().to_owned(),
            signed(line.journal),
            signed(line.ledger),
            if line.agrees() { "ok" } else { "DIFFERS" }.to_owned(),
        ]);
    }
    for line in &reconciliation.books {
        table.add_row([
            line.account.to_string(),
            line.asset.code().to_owned(),
            signed(line.journal),
            signed(line.stored),
            if line.agrees() { "ok" } else { "DIFFERS" }.to_owned(),
        ]);
    }
    for (asset, sum) in &reconciliation.unbalanced {
        let text = format!("postings in {asset} sum to {}", signed(*sum));
        table.add_row([text.as_str(), "", "", "", "UNBALANCED"]);
    }
    let wrong = reconciliation.lines.iter().filter(|line| !line.agrees()).count()
        + reconciliation.books.iter().filter(|line| !line.agrees()).count();
    format!(
        "{table}\n{} accounts, {} balances, {wrong} differences",
        reconciliation.accounts,
        reconciliation.lines.len()
    )
}

async fn run_resolve(args: &ResolveArgs) -> Result<ExitCode, CommandError> {
    let settings =
        config::load_database(args.config.config.as_deref(), std::env::vars(), &args.config.overrides())?;
    let store = storage::connect(&settings).await.map_err(ServiceError::from)?;
    let Some(id) = args.id else { return list_held(&store).await };
    let decision = if args.decision.refund { Decision::Refund } else { Decision::Settle };
    let resolved = transact(&store, move |tx| {
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
        Box::pin(async move { resolve(tx, clock, entropy, id, decision).await })
    })
    .await?;
    let reservation = resolved.ok_or(CommandError::NoReservation(id))?;
    say(&format!("reservation {id} is {}", reservation.state.name()))?;
    Ok(ExitCode::SUCCESS)
}

/// The reservations that are held, with what they lack.
async fn list_held(store: &Arc<dyn Store>) -> Result<ExitCode, CommandError> {
    let held = held(store).await.map_err(ServiceError::from)?;
    say(&held_table(&held))?;
    Ok(ExitCode::SUCCESS)
}

/// One line for each held reservation, for people.
fn held_table(held: &[Reservation]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::UTF8_BORDERS_ONLY);
    table.set_header(["reservation", "held since", "why", "lacks", "looked at again"]);
    for reservation in held {
        let State::Held { why, since, .. } = &reservation.state else { continue };
        let lacks = reservation.state.lacks();
        let lacks = lacks.map_or_else(String::new, |lack| format!("{} {}", lack.amount, lack.asset.code()));
        let again = reservation.state.next_look().map_or_else(String::new, |at| at.to_string());
        table.add_row([reservation.id.to_string(), since.to_string(), why.code.clone(), lacks, again]);
    }
    format!("{table}\n{} reservations are held", held.len())
}

async fn run_return(args: ReturnArgs) -> Result<ExitCode, CommandError> {
    let settings =
        config::load_database(args.config.config.as_deref(), std::env::vars(), &args.config.overrides())?;
    let store = storage::connect(&settings).await.map_err(ServiceError::from)?;
    let (what, to) = (args.what, RefundAddress::new(args.to, args.memo.into())?);
    let address = to.address();
    let decided = transact(&store, move |tx| {
        let to = to.clone();
        Box::pin(async move { return_to(tx, what, &to).await })
    })
    .await?;
    let transfer = decided.ok_or(CommandError::NothingToGiveBack(what))?;
    say(&format!("{} {} of {what} go to {address}", transfer.amount, transfer.asset.code()))?;
    Ok(ExitCode::SUCCESS)
}

async fn keys(args: KeysArgs) -> Result<ExitCode, CommandError> {
    let command = match args.command {
        KeysCommand::Sealing { secret_file } => return unseal::make_key(&secret_file),
        KeysCommand::Api(command) => command,
    };
    let settings =
        config::load_database(args.config.config.as_deref(), std::env::vars(), &args.config.overrides())?;
    let store = storage::connect(&settings).await.map_err(ServiceError::from)?;
    match command {
        ApiKeysCommand::Create { name, role } => {
            let created = transact(&store, move |tx| {
                let name = name.clone();
                Box::pin(async move {
                    access::create_key(tx, &SystemEntropy, SystemClock.now(), &name, role.into()).await
                })
            })
            .await?;
            note(&format!(
                "API key {} for {}; its secret is shown only now:",
                created.key.id, created.key.name
            ))?;
            say(created.secret.expose_secret())?;
        }
        ApiKeysCommand::List { json } => {
            let mut tx = store.begin_read().await.map_err(ServiceError::from)?;
            let keys = access::list_keys(&mut *tx).await?;
            if json {
                say(&serde_json::to_string(&keys.iter().map(key_json).collect::<Vec<_>>())?)?;
            } else {
                let mut table = comfy_table::Table::new();
                table.load_preset(comfy_table::presets::UTF8_BORDERS_ONLY);
                table.set_header(["id", "name", "role", "created", "revoked"]);
                for key in &keys {
                    let revoked = key.revoked_at.map(|at| at.to_string()).unwrap_or_default();
                    let created = key.created_at.to_string();
                    let (id, role) = (key.id.to_string(), key.role.as_str().to_owned());
                    table.add_row([id, key.name.clone(), role, created, revoked]);
                }
                say(&table.to_string())?;
            }
        }
        ApiKeysCommand::Revoke { id } => {
            transact(&store, move |tx| {
                Box::pin(async move { access::revoke_key(tx, id, SystemClock.now()).await })
            })
            .await?;
            say(&format!("API key {id} is revoked"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn key_json(key: &crate::ports::store::ApiKey) -> serde_json::Value {
    serde_json::json!({
        "id": key.id, "name": key.name, "role": key.role,
        "created_at": key.created_at, "revoked_at": key.revoked_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_below_zero_keep_their_sign() {
        assert_eq!(signed(-1), "-0.0000001");
        assert_eq!(signed(25_000_000), "2.5");
    }
}
