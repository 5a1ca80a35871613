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
mod guide;
mod layout;
mod legend;
mod order;
mod report;
mod scenario;
mod scenarios;
mod settings;
mod text;
mod view;
mod world;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use farmgate_sandbox::Sandbox;
use futures::future::try_join_all;

use crate::app::clock::SystemClock;
use crate::app::telemetry;
use crate::app::wire::ServiceError;
use crate::operator::reconcile;
use crate::ports::clock::Clock;
pub use error::DemoError;
use expectation::Expectation;
use guide::Places;
use report::Report;
use scenario::{Scenario, Script};
use settings::LEDGER_MILLIS;
use view::View;
use world::{Stop, World};

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
/// The exit code of a demo that was stopped before its end: a shell's for Ctrl-C.
const EXIT_STOPPED: u8 = 130;

/// Shows everything; the exit code is 0 only if every scenario ends as it should, by the ledger, and journal
/// and ledger agree.
pub async fn run(exit: bool) -> Result<ExitCode, DemoError> {
    let view = View::new();
    // To the engine, an issuer that takes money back is an error; here it is a scenario, and a live view has
    // no room for it.
    let filter = if view.is_live() { "off" } else { "error" };
    telemetry::start(&telemetry::Settings { filter: filter.to_owned(), ..telemetry::Settings::default() });
    let asked = Stop::listen();
    let scripts = scenarios::all();
    guide::introduce(&view, scripts.len())?;
    let Some(world) = World::start(&view, &asked).await? else { return stopped(&view) };
    let shown = asked.unless_asked(show(&view, &world, &scripts)).await;
    let folder = world.folder().display().to_string();
    let ended =
        if matches!(shown, Some(Ok(_))) && !exit { run_on(&view, &world, &asked).await } else { Ok(()) };
    // Also if nothing can be shown any more.
    world.stop().await?;
    ended?;
    let Some(good) = shown else { return stopped(&view) };
    let code = if good? { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if !exit {
        view.line(&format!("\nstopped; {folder} is removed"))?;
    }
    Ok(code)
}

/// Says where everything is, and waits until it is to stop.
async fn run_on(view: &View, world: &World, asked: &Stop) -> Result<(), DemoError> {
    let places = Places {
        service: world.address,
        sandbox: world.sandbox_url(),
        explorer_key: &world.explorer_key,
        folder: world.folder(),
    };
    guide::end(view, &places)?;
    asked.asked().await;
    Ok(())
}

/// Says that the demo has stopped before its end.
fn stopped(view: &View) -> Result<ExitCode, DemoError> {
    view.line("stopped before the end; everything the demo wrote is removed")?;
    Ok(ExitCode::from(EXIT_STOPPED))
}

/// Plays all scenarios at once, waits until all is at rest, and tells how it ended; true if it adds up.
async fn show(view: &View, world: &World, scripts: &[Script]) -> Result<bool, DemoError> {
    let fixture = &world.fixture;
    fixture.grid.describe(&fixture.explorer, &fixture.operator).await?;
    let began = SystemClock.now();
    let scenarios: Vec<Scenario> = (FIRST_CUSTOMER..)
        .zip(scripts)
        .map(|(number, script)| Scenario::new(Arc::clone(fixture), script.name, number))
        .collect();
    view.line(&format!("{} customers come", scenarios.len()))?;
    let resting = AtomicBool::new(false);
    let at_rest = tokio::select! {
        played = play(world, scripts, &scenarios, &resting) => played,
        error = view.keep(&fixture.sandbox, &scenarios, &resting) => return Err(error.into()),
    };
    match at_rest {
        Ok(None) => {}
        Ok(Some(unrest)) => view.text("", &unrest)?,
        Err(error) => {
            view.standing(&scenarios)?;
            return Err(error);
        }
    }
    let expectations = scenarios.iter().map(Scenario::expectation).collect();
    let report = Report { view, fixture, scripts, expectations };
    let told = report.tell()?;
    let paid = report.payees()?;
    let conserved = report.conserved()?;
    let reconciliation = reconcile(&world.store, &*world.network).await?;
    report.journal(&reconciliation)?;
    let good = told && paid && conserved && reconciliation.balances();
    let verdict = if good { "everything adds up" } else { "something does NOT add up" };
    let seconds = SystemClock.now().duration_since(began).as_secs();
    view.line(&format!("\n{} customers in {seconds} seconds: {verdict}", scenarios.len()))?;
    Ok(good)
}

/// Plays all scenarios at once and waits until all is at rest; if it does not come to rest, what is still
/// under way.
async fn play(
    world: &World,
    scripts: &[Script],
    scenarios: &[Scenario],
    resting: &AtomicBool,
) -> Result<Option<String>, DemoError> {
    let steps = scripts.iter().zip(scenarios).map(|(script, scenario)| (script.steps)(scenario));
    tokio::select! {
        ended = try_join_all(steps) => drop(ended?),
        () = SystemClock.sleep(Duration::from_secs(DEMO_SECONDS_MAX)) => {
            return Err(DemoError::TooLong { seconds: DEMO_SECONDS_MAX });
        }
    }
    resting.store(true, Ordering::Relaxed);
    let expectations: Vec<Expectation> = scenarios.iter().map(Scenario::expectation).collect();
    rest(world, &world.fixture.sandbox, &expectations).await
}

/// Waits, not for ever, until nothing is on its way: every scenario is where it ends, what may be closed is
/// closed, and journal and ledger agree.
async fn rest(
    world: &World,
    sandbox: &Sandbox,
    expectations: &[Expectation],
) -> Result<Option<String>, DemoError> {
    let mut rests = 0;
    for _ in 0..REST_POLLS_MAX {
        SystemClock.sleep(REST_POLL).await;
        let ended = expectations
            .iter()
            .all(|expectation| expectation.adds_up(sandbox) && expectation.is_closed(sandbox));
        let at_rest = ended && submissions(world).await? == 0;
        let agrees = at_rest && reconcile(&world.store, &*world.network).await?.balances();
        rests = if agrees { rests + 1 } else { 0 };
        if rests == RESTS_WANTED {
            return Ok(None);
        }
    }
    let live = submissions(world).await?;
    let open = expectations.iter().filter(|expectation| !expectation.is_closed(sandbox)).count();
    Ok(Some(format!("not at rest: {live} transactions under way, escrow accounts of {open} customers open")))
}

/// How many transactions of the service are under way.
async fn submissions(world: &World) -> Result<usize, DemoError> {
    let live = world.store.begin_read().await.map_err(ServiceError::from)?.live_submissions().await;
    Ok(live.map_err(ServiceError::from)?.len())
}
