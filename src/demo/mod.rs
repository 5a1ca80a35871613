//! `farmgate demo`: the whole product in one process, on a sandbox network and an embedded database.
//!
//! Customers do what people really do, each a scenario of its own and all at once, through the same HTTP API
//! and ledger as anybody. A scenario says what is due to whom; in the end that is compared with the ledger,
//! account by account, and so is the journal.

mod client;
mod error;
mod expectation;
mod fixture;
mod grid;
mod order;
mod report;
mod scenario;
mod scenarios;
mod settings;
mod view;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use crate::access;
use crate::app::clock::{SystemClock, SystemEntropy};
use crate::app::telemetry;
use crate::app::wire::{self, Service, ServiceError};
use crate::operator::reconcile;
use crate::ports::clock::Clock;
use crate::ports::network::Network;
use crate::ports::store::{Role, Store, transact};
use client::Client;
pub use error::DemoError;
use error::wallet_error;
use expectation::Expectation;
use farmgate_sandbox::wallet::Horizon;
use farmgate_sandbox::{self, Sandbox};
use fixture::Fixture;
use grid::Grid;
use scenario::Scenario;
use settings::LEDGER_MILLIS;
use view::View;

/// The number of the first customer; the others follow.
const FIRST_CUSTOMER: i64 = 101;
/// How long the scenarios may take.
const DEMO_SECONDS_MAX: u64 = 90;
/// How often it is asked whether all is at rest, and how often it must be, one time after the other, before
/// the books are compared: late money is still on its way back.
const REST_POLL: Duration = Duration::from_millis(LEDGER_MILLIS);
const RESTS_WANTED: u32 = 2;
/// How often it is asked at most; then the books are compared as they are.
const REST_POLLS_MAX: u32 = 20;

/// Shows everything; the exit code is 0 only if every scenario ends as it should, by the ledger, and journal
/// and ledger agree.
pub async fn run(exit: bool) -> Result<ExitCode, DemoError> {
    telemetry::start(&telemetry::Settings { filter: "error".to_owned(), ..telemetry::Settings::default() });
    let folder = tempfile::tempdir().map_err(DemoError::Folder)?;
    let sandbox =
        farmgate_sandbox::Settings { ledger_ms: LEDGER_MILLIS, ..farmgate_sandbox::Settings::default() };
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let sandbox = Sandbox::start(sandbox, Arc::new(SystemClock), any_port).await?;
    let horizon = Horizon::at(&sandbox.url()).map_err(|source| wallet_error("sandbox", source))?;
    let view = View::new();
    view.line(&format!("sandbox network at {}, a ledger every {LEDGER_MILLIS} ms", sandbox.url()))?;

    let grid = Grid::new(&horizon, &sandbox.sandbox).await?;
    let config = settings::config(&sandbox, folder.path(), &grid)?;
    let service = Service::open(&config, &settings::secret(&grid)).await?;
    let (store, network, address) =
        (Arc::clone(&service.store), Arc::clone(&service.network), service.address);
    let explorer = Client::new(address, key(&store, "explorer", Role::Explorer).await?)?;
    let operator = Client::new(address, key(&store, "operator", Role::Operator).await?)?;
    let stop = CancellationToken::new();
    let serving = tokio::spawn(service.run(stop.clone()));
    view.line(&format!("service at http://{address}, its API documented at http://{address}/docs"))?;
    grid.describe(&explorer).await?;

    let fixture = Arc::new(Fixture { horizon, sandbox: sandbox.sandbox.clone(), grid, explorer, operator });
    let good = show(view, fixture, &store, &*network).await?;
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

/// Plays all scenarios at once, waits until all is at rest, and tells how it ended; true if it adds up.
async fn show(
    view: View,
    fixture: Arc<Fixture>,
    store: &Arc<dyn Store>,
    network: &dyn Network,
) -> Result<bool, DemoError> {
    let began = SystemClock.now();
    let scripts = scenarios::all();
    let scenarios: Vec<Scenario> = (FIRST_CUSTOMER..)
        .zip(&scripts)
        .map(|(number, script)| Scenario::new(Arc::clone(&fixture), script.name, number))
        .collect();
    view.line(&format!("{} customers come", scenarios.len()))?;
    let told =
        try_join_all(scripts.iter().zip(&scenarios).map(|(script, scenario)| (script.steps)(scenario)));
    tokio::select! {
        told = told => drop(told?),
        error = view.keep(&fixture.sandbox, &scenarios) => return Err(error.into()),
        () = SystemClock.sleep(Duration::from_secs(DEMO_SECONDS_MAX)) => {
            view.line(&view::table(&scenarios).to_string())?;
            return Err(DemoError::TooLong { seconds: DEMO_SECONDS_MAX });
        }
    }
    let expectations: Vec<Expectation> = scenarios.iter().map(Scenario::expectation).collect();
    rest(view, &fixture.sandbox, &expectations, store, network).await?;
    let told = report::tell(view, &fixture.sandbox, &scripts, &scenarios)?;
    view.line("\nwho was paid by many")?;
    let paid = report::payees(view, &fixture.sandbox, &fixture.grid, &expectations)?;
    let conserved = report::conserved(view, &fixture.sandbox, &fixture.grid, &expectations)?;
    view.line("\nthe journal beside the ledger, account by account")?;
    let reconciliation = reconcile(store, network).await?;
    view.line(&report::reconciliation(&reconciliation))?;
    let good = told && paid && conserved && reconciliation.balances();
    let verdict = if good { "everything adds up" } else { "something does NOT add up" };
    let seconds = SystemClock.now().duration_since(began).as_secs();
    view.line(&format!("\n{} customers in {seconds} seconds: {verdict}", scenarios.len()))?;
    Ok(good)
}

/// Waits, not for ever, until nothing is on its way: every scenario is where it ends, what may be closed is
/// closed, and journal and ledger agree.
async fn rest(
    view: View,
    sandbox: &Sandbox,
    expectations: &[Expectation],
    store: &Arc<dyn Store>,
    network: &dyn Network,
) -> Result<(), DemoError> {
    let mut rests = 0;
    for _ in 0..REST_POLLS_MAX {
        SystemClock.sleep(REST_POLL).await;
        let ended = expectations
            .iter()
            .all(|expectation| expectation.adds_up(sandbox) && expectation.is_closed(sandbox));
        let live = store.begin_read().await.map_err(ServiceError::from)?.live_submissions().await;
        let at_rest = ended && live.map_err(ServiceError::from)?.is_empty();
        rests = if at_rest && reconcile(store, network).await?.balances() { rests + 1 } else { 0 };
        if rests == RESTS_WANTED {
            return Ok(());
        }
    }
    let live = store.begin_read().await.map_err(ServiceError::from)?.live_submissions().await;
    let live = live.map_err(ServiceError::from)?.len();
    let open = expectations.iter().filter(|expectation| !expectation.is_closed(sandbox)).count();
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
