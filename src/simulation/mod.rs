//! The fault simulator: the real engine, the real Horizon client and a real database against the sandbox, in
//! one process and in virtual time, while everything goes wrong that can.
//!
//! One seed is one run, and the same run each time: who pays what when, which requests fail and how, at which
//! step a process dies, how the clock jumps. Nothing here reads the machine's clock or randomness, and
//! everything but the database's own driver works on one thread. `docs/reliability.md` says what is checked.
//!
//! Never here: HTTP of our own, the console, the process. A run fails with [`SimulationError`] only if it
//! could not be made; what it finds is in its [`Run`].

mod actors;
mod clock;
mod error;
mod faults;
mod grid;
mod options;
mod oracle;
mod rng;
mod store;
mod trace;
mod world;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use clock::VirtualClock;
pub use error::SimulationError;
#[cfg(feature = "simulated-bugs")]
pub use faults::bugs;
pub use options::{EVENTS_MAX, Options};
use store::Base;
use trace::Trace;
pub use trace::Wrong;
use world::World;

use crate::storage::hands::Hands;
use crate::storage::{Database, Settings, scratch};

/// Threads of the database's driver.
const DRIVER_THREADS: usize = 1;
/// Where files are kept in memory, if the machine has such a place: a run needs no disk to outlive it.
const MEMORY_FOLDER: &str = "/dev/shm";

/// What one run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its seed.
    pub seed: u64,
    /// The digest of all that happened, in lowercase hex: the same for the same seed.
    pub digest: String,
    /// The digest of the hashes of all ledgers that closed, in lowercase hex. A change of the code that
    /// changes no behaviour leaves it as it is, whatever it calls things.
    pub ledgers: String,
    /// How many events that were.
    pub events: u64,
    /// How often each fault was injected.
    pub faults: BTreeMap<String, u64>,
    /// How often what is rare happened: clawbacks, merges, extensions and the like.
    pub happened: BTreeMap<&'static str, u64>,
    /// How often a process died.
    pub crashes: u64,
    /// Reservations made.
    pub reservations: u64,
    /// Those that were settled.
    pub settled: u64,
    /// Those whose money went back.
    pub refunded: u64,
    /// Those that are held.
    pub held: u64,
    /// Returns that are owed and cannot be delivered.
    pub owed: u64,
    /// What is wrong.
    pub wrongs: Vec<(Wrong, String)>,
    /// The last events.
    pub last_events: Vec<String>,
}

impl Run {
    /// How often something is wrong in this way.
    pub fn count(&self, how: Wrong) -> u64 {
        u64::try_from(self.wrongs.iter().filter(|(wrong, _)| *wrong == how).count()).unwrap_or(u64::MAX)
    }

    /// Faults of all kinds.
    pub fn faults_injected(&self) -> u64 {
        self.faults.values().sum()
    }
}

/// Makes the run of a seed, on the thread that calls; it must not be one that a runtime works on.
///
/// # Errors
/// [`SimulationError`] if there was no run.
pub fn run(seed: u64, options: &Options) -> Result<Run, SimulationError> {
    let driver =
        tokio::runtime::Builder::new_multi_thread().worker_threads(DRIVER_THREADS).enable_all().build()?;
    let memory = Path::new(MEMORY_FOLDER);
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory)? } else { tempfile::tempdir()? };
    let scratch = match &options.server {
        Some(server) => Some(driver.block_on(scratch::create(server, seed))?),
        None => None,
    };
    let url = match &scratch {
        Some(scratch) => scratch.url.clone(),
        None => format!("sqlite://{}/farmgate.db", folder.path().display()).parse().map_err(
            |error: crate::storage::DatabaseUrlError| SimulationError::Setup { reason: error.to_string() },
        )?,
    };
    let database = Arc::new(driver.block_on(Database::open(&Settings::for_url(url.clone())))?);
    let hands = driver.block_on(Hands::on(&url))?;
    let time = VirtualClock::new();
    let trace = Arc::new(Trace::new(time.clone(), options.events_max));
    let base = Base::new(Arc::clone(&database) as _, driver.handle().clone());
    // Without timers and sockets: whoever waits for real time waits for ever.
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let outcome = runtime.block_on(async {
        let world = World::new(seed, options, (base, hands), Arc::clone(&trace), time)?;
        world.run().await
    });
    drop(runtime);
    driver.block_on(database.close());
    drop(database);
    if let Some(scratch) = scratch {
        driver.block_on(scratch.remove())?;
    }
    let outcome = outcome?;
    let summary = trace.summary();
    let mut faults = summary.faults;
    faults.extend(outcome.faults);
    Ok(Run {
        seed,
        digest: summary.digest,
        ledgers: summary.ledgers,
        events: summary.events,
        faults,
        happened: summary.happened,
        crashes: summary.crashes,
        reservations: outcome.reservations,
        settled: outcome.ends.settled,
        refunded: outcome.ends.refunded,
        held: outcome.ends.held,
        owed: outcome.ends.owed,
        wrongs: summary.wrongs,
        last_events: summary.last,
    })
}
