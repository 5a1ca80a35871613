//! `farmgate demo`: the whole product in one process, on a sandbox network and an embedded database.
//!
//! Customers do what people really do, each a story of its own and all at once, through the same HTTP API and ledger as anybody. A
//! story says what is due to whom; in the end that is compared with the ledger, account by account, and so is the journal.

mod client;
mod grid;
mod order;
mod play;
mod stories;
mod tale;
mod verdict;
mod view;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use rust_decimal::Decimal;
use secrecy::{ExposeSecret, SecretString};
use stellar_strkey::ed25519::PrivateKey;
use tokio_util::sync::CancellationToken;

use crate::access::{self, AccessError};
use crate::app::clock::{SystemClock, SystemEntropy};
use crate::app::config::{Config, Escrow};
use crate::app::wire::{self, Service, ServiceError};
use crate::app::{output, telemetry};
use crate::domain::pricing::UnitPrices;
use crate::operator::{ReconcileError, reconcile};
use crate::ports::clock::Clock;
use crate::ports::network::Network;
use crate::ports::store::{Role, Store, transact};
use crate::{http, reservations, settlement, stellar, storage};
use client::Client;
use farmgate_sandbox::network::PASSPHRASE;
use farmgate_sandbox::wallet::{Horizon, WalletError};
use farmgate_sandbox::{self as sandbox, Sandbox, StartError};
use grid::Grid;
use play::{Play, Stage};
use tale::Tale;
use view::View;

/// Milliseconds between two ledgers.
const LEDGER_MILLIS: u64 = 1_000;
/// Milliseconds between two ticks of the engine.
const TICK_MILLIS: u64 = 250;
/// How long customers have to pay, in seconds; some let it pass.
const PAYMENT_WINDOW_SECONDS: u32 = 14;
/// After so many seconds escrow accounts are closed.
pub(crate) const QUIET_PERIOD_SECONDS: i64 = 8;
/// Transactions that may be under way at once, and escrow accounts kept ready: everybody comes at once.
const CHANNELS: u16 = 24;
const WARM_ACCOUNTS: u16 = 64;
/// How long an order waits for an escrow account, in seconds.
const ESCROW_WAIT_SECONDS: u32 = 20;
/// The number of the first customer; the others follow.
const FIRST_CUSTOMER: i64 = 101;
/// How long the stories may take.
const DEMO_SECONDS_MAX: u64 = 90;
/// How often it is asked whether all is at rest, and how often it must be, one time after the other, before the books are
/// compared: late money is still on its way back.
const REST_POLL: Duration = Duration::from_millis(LEDGER_MILLIS);
const RESTS_WANTED: u32 = 2;
/// How often it is asked at most; then the books are compared as they are.
const REST_POLLS_MAX: u32 = 20;

/// Why the demo could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The temporary folder.
    #[error("a temporary folder: {0}")]
    Folder(std::io::Error),
    /// The sandbox.
    #[error(transparent)]
    Sandbox(#[from] StartError),
    /// A wallet.
    #[error("{who}: {source}")]
    Wallet {
        /// Whose.
        who: String,
        /// What happened.
        source: Box<WalletError>,
    },
    /// The service.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The database.
    #[error(transparent)]
    Database(#[from] storage::DatabaseUrlError),
    /// The API key.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The sandbox does not issue it.
    #[error("the sandbox issues no {0}")]
    NoAsset(String),
    /// The API refused something.
    #[error("{what}: {status} {code}: {detail}")]
    Refused {
        /// What was asked.
        what: String,
        /// The HTTP status.
        status: u16,
        /// The problem's code.
        code: String,
        /// What it says.
        detail: String,
    },
    /// The API.
    #[error("{what}: {reason}")]
    Api {
        /// What was asked.
        what: String,
        /// What it answered.
        reason: String,
    },
    /// Reconciliation.
    #[error(transparent)]
    Reconcile(#[from] ReconcileError),
    /// An address.
    #[error("an address: {0}")]
    Url(#[from] url::ParseError),
    /// Standard output.
    #[error("standard output: {0}")]
    Output(#[from] std::io::Error),
    /// It took too long.
    #[error("customers were still waiting after {DEMO_SECONDS_MAX} seconds")]
    TooLong,
}

/// Shows everything, and goes on serving unless it is to `exit`; the exit code is 0 only if every story ends as it should, by the ledger, and journal and ledger agree.
pub async fn run(exit: bool) -> Result<ExitCode, DemoError> {
    telemetry::start(&telemetry::Settings { filter: "error".to_owned(), ..telemetry::Settings::default() });
    let folder = tempfile::tempdir().map_err(DemoError::Folder)?;
    let sandbox = sandbox::Settings { ledger_ms: LEDGER_MILLIS, ..sandbox::Settings::default() };
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let sandbox = Sandbox::start(sandbox, Arc::new(SystemClock), any_port).await?;
    let horizon = Horizon::at(&sandbox.url()).map_err(|source| wallet_error("sandbox", source))?;
    let view = View::new();
    view.line(&format!("sandbox network at {}, a ledger every {LEDGER_MILLIS} ms", sandbox.url()))?;

    let grid = Grid::new(&horizon, &sandbox.sandbox).await?;
    let config = config(&sandbox, folder.path(), &grid)?;
    let service = Service::open(&config, &secret(&grid)).await?;
    let (store, network, address) =
        (Arc::clone(&service.store), Arc::clone(&service.network), service.address);
    let explorer = Client::new(address, key(&store, "explorer", Role::Explorer).await?)?;
    let operator = Client::new(address, key(&store, "operator", Role::Operator).await?)?;
    let stop = CancellationToken::new();
    let serving = tokio::spawn(service.run(stop.clone()));
    view.line(&format!("service at http://{address}, its API documented at http://{address}/docs"))?;
    grid.describe(&explorer).await?;

    let stage = Arc::new(Stage { horizon, sandbox: sandbox.sandbox.clone(), grid, explorer, operator });
    let good = show(view, stage, &store, &*network).await?;
    if !exit {
        view.line(&format!("the service goes on at http://{address} until Ctrl-C"))?;
        wire::asked_to_stop().await;
    }
    stop.cancel();
    match serving.await {
        Ok(served) => served?,
        Err(error) => tracing::error!(%error, "the service's task failed"),
    }
    sandbox.stop().await;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Plays all stories at once, waits until all is at rest, and tells how it ended; true if it adds up.
async fn show(
    view: View,
    stage: Arc<Stage>,
    store: &Arc<dyn Store>,
    network: &dyn Network,
) -> Result<bool, DemoError> {
    let began = SystemClock.now();
    let stories = stories::all();
    let plays: Vec<Play> = (FIRST_CUSTOMER..)
        .zip(&stories)
        .map(|(number, story)| Play::new(Arc::clone(&stage), story.name, number))
        .collect();
    view.line(&format!("{} customers come", plays.len()))?;
    let told = try_join_all(stories.iter().zip(&plays).map(|(story, play)| (story.plot)(play)));
    tokio::select! {
        told = told => drop(told?),
        error = view.keep(&stage.sandbox, &plays) => return Err(error.into()),
        () = SystemClock.sleep(Duration::from_secs(DEMO_SECONDS_MAX)) => {
            view.line(&view::table(&plays).to_string())?;
            return Err(DemoError::TooLong);
        }
    }
    let tales: Vec<Tale> = plays.iter().map(Play::tale).collect();
    rest(view, &stage.sandbox, &tales, store, network).await?;
    let told = verdict::tell(view, &stage.sandbox, &stories, &plays)?;
    view.line("\nwho was paid by many")?;
    let paid = verdict::payees(view, &stage.sandbox, &stage.grid, &tales)?;
    let conserved = verdict::conserved(view, &stage.sandbox, &stage.grid, &tales)?;
    view.line("\nthe journal beside the ledger, account by account")?;
    let reconciliation = reconcile(store, network).await?;
    view.line(&output::reconciliation_table(&reconciliation))?;
    let good = told && paid && conserved && reconciliation.balances();
    let verdict = if good { "everything adds up" } else { "something does NOT add up" };
    let seconds = SystemClock.now().duration_since(began).as_secs();
    view.line(&format!("\n{} customers in {seconds} seconds: {verdict}", plays.len()))?;
    Ok(good)
}

/// Waits, not for ever, until nothing is on its way: every story is where it ends, what may be closed is closed, and journal and
/// ledger agree.
async fn rest(
    view: View,
    sandbox: &Sandbox,
    tales: &[Tale],
    store: &Arc<dyn Store>,
    network: &dyn Network,
) -> Result<(), DemoError> {
    let mut rests = 0;
    for _ in 0..REST_POLLS_MAX {
        SystemClock.sleep(REST_POLL).await;
        let ended = tales.iter().all(|tale| tale.adds_up(sandbox) && tale.is_closed(sandbox));
        let live = store.begin_read().await.map_err(ServiceError::from)?.live_submissions().await;
        let at_rest = ended && live.map_err(ServiceError::from)?.is_empty();
        rests = if at_rest && reconcile(store, network).await?.balances() { rests + 1 } else { 0 };
        if rests == RESTS_WANTED {
            return Ok(());
        }
    }
    let live = store.begin_read().await.map_err(ServiceError::from)?.live_submissions().await;
    let live = live.map_err(ServiceError::from)?.len();
    let open = tales.iter().filter(|tale| !tale.is_closed(sandbox)).count();
    view.line(&format!(
        "not at rest: {live} transactions under way, escrow accounts of {open} customers open"
    ))?;
    Ok(())
}

async fn key(store: &Arc<dyn Store>, name: &'static str, role: Role) -> Result<String, DemoError> {
    let made = transact(store, move |tx| {
        Box::pin(async move { access::create_key(tx, &SystemEntropy, SystemClock.now(), name, role).await })
    });
    Ok(made.await?.secret.expose_secret().to_owned())
}

fn wallet_error(who: &str, source: WalletError) -> DemoError {
    DemoError::Wallet { who: who.to_owned(), source: Box::new(source) }
}

fn secret(grid: &Grid) -> SecretString {
    let seed = PrivateKey(grid.platform.key().to_bytes());
    seed.as_unredacted().to_string().as_str().to_owned().into()
}

fn config(sandbox: &sandbox::Handle, folder: &std::path::Path, grid: &Grid) -> Result<Config, DemoError> {
    let platform = grid.platform.account();
    let mut stellar = stellar::Settings::new(sandbox.url().parse()?, PASSPHRASE.to_owned(), platform);
    stellar.requests_per_hour_max = None;
    let url = format!("sqlite://{}", folder.join("farmgate.db").display());
    Ok(Config {
        http: http::Settings {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            ..http::Settings::default()
        },
        database: storage::Settings::for_url(url.parse()?),
        stellar,
        escrow: Escrow::default(),
        reservations: reservations::Settings {
            payment_window_seconds: PAYMENT_WINDOW_SECONDS,
            escrow_wait_seconds: ESCROW_WAIT_SECONDS,
            unit_prices: UnitPrices { ipv4u: Decimal::ZERO, ..UnitPrices::default() },
            payout: grid.payout(),
            ..reservations::Settings::default()
        },
        settlement: settlement::Settings {
            tick_millis: TICK_MILLIS,
            channels: CHANNELS,
            warm_accounts: WARM_ACCOUNTS,
            quiet_period_seconds: QUIET_PERIOD_SECONDS,
            funding_accounts: vec![grid::wallet(grid::OPERATOR)?.account()],
            ..settlement::Settings::default()
        },
        log: telemetry::Settings::default(),
    })
}
