//! `farmgate demo`: the whole product in one process, on a sandbox network and an embedded database.
//!
//! A dozen customers order, pay and wait, through the same HTTP API and ledger as anybody. In the end the
//! journal is compared with the ledger, account by account, and everybody's money with what they should have.

mod client;
mod customers;
mod grid;
mod verdict;
mod view;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use secrecy::{ExposeSecret, SecretString};
use stellar_strkey::ed25519::PrivateKey;
use tokio_util::sync::CancellationToken;

use crate::access::{self, AccessError};
use crate::app::cli::DemoArgs;
use crate::app::clock::{SystemClock, SystemEntropy};
use crate::app::config::{Config, Escrow};
use crate::app::telemetry;
use crate::app::wire::{self, Service, ServiceError};
use crate::operator::ReconcileError;
use crate::ports::clock::Clock;
use crate::ports::store::{Role, transact};
use crate::sandbox::network::PASSPHRASE;
use crate::sandbox::wallet::{Horizon, WalletError};
use crate::sandbox::{self, Sandbox, StartError};
use crate::{http, reservations, settlement, stellar, storage};
use client::Client;
use grid::Grid;
use verdict::Scene;
use view::View;

/// Milliseconds between two ledgers.
const LEDGER_MILLIS: u64 = 500;
/// Milliseconds between two ticks of the engine.
const TICK_MILLIS: u64 = 250;
/// How long customers have to pay, in seconds; one of them lets it pass.
const PAYMENT_WINDOW_SECONDS: u32 = 15;
/// How long the whole may take.
const DEMO_SECONDS_MAX: u64 = 50;
/// How long the engine is left alone before the books are compared.
const REST: Duration = Duration::from_millis(3 * TICK_MILLIS + LEDGER_MILLIS);

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

/// Shows everything; the exit code is 0 only if every balance agrees and every reservation is where it should be.
pub async fn run(args: &DemoArgs) -> Result<ExitCode, DemoError> {
    telemetry::start(&telemetry::Settings { filter: "error".to_owned(), ..telemetry::Settings::default() });
    let folder = tempfile::tempdir().map_err(DemoError::Folder)?;
    let sandbox = sandbox::Settings { ledger_ms: LEDGER_MILLIS, ..sandbox::Settings::default() };
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let sandbox = Sandbox::start(sandbox, Arc::new(SystemClock), any_port).await?;
    let horizon = Horizon::at(&sandbox.url()).map_err(|source| wallet_error("sandbox", source))?;
    let view = View::new();
    view.line(&format!("sandbox network at {}, a ledger every {LEDGER_MILLIS} ms", sandbox.url()))?;

    let grid = Grid::new(horizon.clone()).await?;
    let config = config(&sandbox, folder.path(), &grid)?;
    let service = Service::open(&config, &secret(&grid)).await?;
    let (store, network, address) =
        (Arc::clone(&service.store), Arc::clone(&service.network), service.address);
    let key = transact(&store, |tx| {
        Box::pin(async move {
            access::create_key(tx, &SystemEntropy, SystemClock.now(), "demo", Role::Explorer).await
        })
    })
    .await?;
    let stop = CancellationToken::new();
    let serving = tokio::spawn(service.run(stop.clone()));
    view.line(&format!("service at http://{address}, its API documented at http://{address}/docs"))?;
    let client = Client::new(address, key.secret.expose_secret().to_owned())?;
    grid.describe(&client).await?;

    let customers = customers::all();
    view.line(&format!("{} customers get their wallets", customers.len()))?;
    try_join_all(customers.iter().map(|customer| customer.prepare(&horizon, &client))).await?;
    let stories = try_join_all(customers.iter().map(|customer| customer.live(&horizon, &client)));
    let outcomes = tokio::select! {
        outcomes = stories => outcomes?,
        error = view.keep(&sandbox.sandbox, &customers) => return Err(error.into()),
        () = SystemClock.sleep(Duration::from_secs(DEMO_SECONDS_MAX)) => return Err(DemoError::TooLong),
    };
    SystemClock.sleep(REST).await;
    let scene = Scene {
        view,
        sandbox: &sandbox.sandbox,
        store: &store,
        network: &*network,
        grid: &grid,
        customers: &customers,
    };
    let good = scene.tell(&outcomes).await?;
    if !args.exit {
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
            payout: grid.payout(),
            ..reservations::Settings::default()
        },
        settlement: settlement::Settings {
            tick_millis: TICK_MILLIS,
            warm_accounts: 16,
            ..settlement::Settings::default()
        },
        log: telemetry::Settings::default(),
    })
}
