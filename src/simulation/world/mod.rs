//! One run: a network, a database, processes that come and go, actors; and time, which the run moves on
//! itself.
//!
//! Everything runs on one thread, one thing after the other. Time stands still while anything can go on
//! without it; then the next sleeper is woken, or the next ledger closes.

mod actions;
mod fault_schedule;
mod orders;
mod other_hands;
mod process;
mod processes;
mod quiescence;
mod run_profile;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};

use process::{Process, ProcessFactory};
use run_profile::{FAULTY_LEDGERS, RunProfile};

use super::actors::{Actors, Case};
use super::clock::{VirtualClock, WallClock};
use super::error::SimulationError;
use super::faults::other_hands::OtherHands;
use super::faults::process_faults::DatabaseFaults;
use super::grid::{self, WINDOW_SECONDS};
use super::options::Options;
use super::oracle::{Ends, Oracle, SubmissionProbe};
use super::rng::{Rng, SeededEntropy, Stream};
use super::store::Base;
use super::trace::{Trace, Wrong};
use crate::domain::ids::ReservationId;
use crate::ports::clock::Clock;
use crate::ports::store::{Store, StoreError};
use crate::storage::hands::Hands;
use farmgate_sandbox::Sandbox;

/// Seconds between two ledgers.
const LEDGER_SECONDS: u64 = 5;
/// Reservations of a run: the least and the most.
const ORDERS: (u64, u64) = (10, 18);
/// How often everybody gets a turn in vain before time moves on.
const TURNS_IN_VAIN: u32 = 4;
/// More things than can happen between two ledgers.
const WAKES_PER_LEDGER_MAX: u32 = 20_000;

/// A run.
pub(super) struct World {
    seed: u64,
    time: VirtualClock,
    wall: WallClock,
    sandbox: Sandbox,
    base: Base,
    store: Arc<dyn Store>,
    trace: Arc<Trace>,
    /// What processes are made from.
    factory: ProcessFactory,
    fault_rng: Arc<Mutex<Rng>>,
    actors: Actors,
    oracle: Oracle,
    cases: Vec<Case>,
    processes: Vec<Process>,
    /// How many processes should be there, and since when one that died is missing.
    wanted: usize,
    started: u64,
    crashes_armed: u64,
    restart_at: u64,
    crash_at: u64,
    database_faults: DatabaseFaults,
    profile: RunProfile,
    /// How often fees surge where they do not for a while, and whether they do at present.
    surge_rate: u16,
    surges: bool,
    /// For what people decide: the engine's own is another.
    decisions: Arc<SeededEntropy>,
    hands: OtherHands,
    /// Until which ledger at most only one process knows that the database went back.
    witness_until: Option<u64>,
    /// Until when nothing was built by what the database has gone back to.
    said_before: Option<Timestamp>,
    ledger: u64,
    next_close: Timestamp,
    reservations_made: u16,
    states: BTreeMap<ReservationId, &'static str>,
}

/// What a run comes to, besides its trace.
pub(super) struct Outcome {
    pub(super) ends: Ends,
    pub(super) reservations: u64,
    pub(super) faults: BTreeMap<String, u64>,
}

impl World {
    pub(super) fn new(
        seed: u64,
        options: &Options,
        (base, hands): (Base, Hands),
        trace: Arc<Trace>,
        time: VirtualClock,
    ) -> Result<Self, SimulationError> {
        let settings = farmgate_sandbox::Settings {
            seed,
            ledger_ms: LEDGER_SECONDS * 1_000,
            ..farmgate_sandbox::Settings::default()
        };
        let sandbox = Sandbox::new(settings, Arc::new(time.clone()));
        let window_ledgers = u64::from(WINDOW_SECONDS) / LEDGER_SECONDS;
        let actors = Actors::new(sandbox.clone(), Rng::new(seed, Stream::Actors), window_ledgers)
            .ok_or_else(|| SimulationError::Setup { reason: "the sandbox issues no TFT".to_owned() })?;
        let probe = Arc::new(SubmissionProbe::new(sandbox.clone(), base.clone(), Arc::clone(&trace)));
        let oracle = Oracle::new(sandbox.clone(), base.clone(), Arc::clone(&trace), Arc::clone(&probe));
        #[cfg(not(feature = "simulated-bugs"))]
        let _ = options;
        let profile = RunProfile::new(seed);
        let factory = ProcessFactory {
            sandbox: sandbox.clone(),
            base: base.clone(),
            time: time.clone(),
            wall: WallClock::new(time.clone()),
            trace: Arc::clone(&trace),
            probe,
            fault_rng: Arc::new(Mutex::new(Rng::new(seed, Stream::Faults))),
            entropy: Arc::new(SeededEntropy::new(seed, Stream::Engine)),
            bids: profile.bids,
            stream: profile.stream,
            #[cfg(feature = "simulated-bugs")]
            bug: options.bug,
        };
        Ok(Self {
            seed,
            wall: factory.wall.clone(),
            store: Arc::new(base.clone()),
            hands: OtherHands::new(seed, hands, base.clone()),
            witness_until: None,
            said_before: None,
            fault_rng: Arc::clone(&factory.fault_rng),
            decisions: Arc::new(SeededEntropy::new(seed, Stream::Decisions)),
            next_close: time.now(),
            time,
            sandbox,
            base,
            trace,
            factory,
            actors,
            oracle,
            cases: Vec::new(),
            processes: Vec::new(),
            wanted: 0,
            started: 0,
            crashes_armed: 0,
            restart_at: 0,
            crash_at: 0,
            database_faults: DatabaseFaults::default(),
            profile,
            surge_rate: 0,
            surges: false,
            ledger: 0,
            reservations_made: 0,
            states: BTreeMap::new(),
        })
    }

    fn draw<T>(&self, draw: impl FnOnce(&mut Rng) -> T) -> T {
        draw(&mut self.fault_rng.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Runs from beginning to end, or until something is wrong.
    pub(super) async fn run(mut self) -> Result<Outcome, SimulationError> {
        self.prepare().await?;
        self.draw_faults();
        self.start_missing();
        while self.ledger < FAULTY_LEDGERS && !self.trace.is_wrong() {
            self.inject_faults();
            self.spoil_or_mend()?;
            self.act_on_what_is_due().await?;
            let copied = self.copy_sometimes()?;
            self.close().await;
            if copied {
                self.go_back_sometimes().await?;
            }
            self.note_what_was_said().await?;
        }
        self.mend(u64::MAX)?;
        let mut ends = self.quiesce().await?;
        if self.profile.half_a_year && !self.trace.is_wrong() {
            ends = self.half_a_year().await?;
        }
        for process in &self.processes {
            process.task.abort();
        }
        self.settle().await;
        let mut faults: BTreeMap<String, u64> = BTreeMap::new();
        for (fault, count) in self.sandbox.faults().counts() {
            faults.insert(fault.name().to_owned(), count);
        }
        let reservations = u64::try_from(self.cases.len()).unwrap_or(u64::MAX);
        Ok(Outcome { ends, reservations, faults })
    }

    async fn prepare(&mut self) -> Result<(), SimulationError> {
        let (sandbox, time) = (self.sandbox.clone(), self.time.clone());
        let mut now = self.next_close;
        let setup = |reason: String| SimulationError::Setup { reason };
        self.actors
            .arrive(self.profile.poor.map(|(xlm, _)| xlm), || {
                now = later(now);
                time.move_on(now);
                sandbox.close_ledger();
            })
            .map_err(setup)?;
        self.next_close = later(now);
        self.oracle.begin();
        let assets = [self.actors.tft, self.actors.tfta, self.actors.play];
        grid::describe(&self.store, assets, self.time.now()).await?;
        let orders = self.actors.rng.between(ORDERS.0, ORDERS.1);
        self.actors.plan(orders, FAULTY_LEDGERS);
        if let Some((xlm, funded_at)) = self.profile.poor {
            self.trace.happened("poor_platforms", &format!("the platform begins with {xlm} XLM"));
            self.actors.fund_platform(funded_at);
        }
        Ok(())
    }

    /// Lets everything go on that needs no time.
    async fn settle(&self) {
        let progress = || (self.base.calls(), self.sandbox.requests_served(), self.trace.events());
        let mut last = progress();
        let mut in_vain = 0;
        while in_vain < TURNS_IN_VAIN {
            tokio::task::yield_now().await;
            let now = progress();
            in_vain = if now == last { in_vain + 1 } else { 0 };
            last = now;
        }
    }

    /// Lets time pass until the next ledger, and closes it.
    async fn close(&mut self) {
        self.settle().await;
        self.remove_dead();
        let mut wakes = 0;
        while let Some(at) = self.time.next().filter(|at| *at <= self.next_close) {
            self.time.move_on(at);
            self.settle().await;
            self.remove_dead();
            wakes += 1;
            if wakes > WAKES_PER_LEDGER_MAX {
                let what = "the engine does not rest between two ledgers".to_owned();
                self.trace.wrong(Wrong::Broken, what);
                break;
            }
        }
        self.time.move_on(self.next_close);
        self.next_close = later(self.next_close);
        self.ledger += 1;
        match self.sandbox.tick() {
            Some(sequence) => {
                let hash = self
                    .sandbox
                    .with_ledger(|ledger| ledger.history().ledger(sequence).map(|record| record.hash));
                let hash = hash.map(hex::encode).unwrap_or_default();
                self.trace.ledger(sequence, &hash);
            }
            None => self.trace.note_unseen("no ledger"),
        }
        self.settle().await;
        self.remove_dead();
        self.oracle.look(&self.cases).await;
        if let Err(error) = self.note_states().await {
            self.trace.wrong(Wrong::Broken, format!("reservations cannot be read: {error}"));
        }
    }

    async fn note_states(&mut self) -> Result<(), StoreError> {
        let mut tx = self.store.begin_read().await?;
        for case in &self.cases {
            let id = case.reservation.id;
            let stored = match tx.reservation(id).await {
                // Other hands have changed it, for a while.
                Err(StoreError::Corrupt { .. }) => continue,
                stored => stored?,
            };
            let Some(stored) = stored else { continue };
            let name = stored.state.name();
            if self.states.insert(id, name) != Some(name) {
                self.trace.note(&format!("reservation {id} ({:?}) is {name}", case.behavior));
            }
        }
        Ok(())
    }
}

/// When the ledger after one of this time closes.
fn later(time: Timestamp) -> Timestamp {
    let seconds = i64::try_from(LEDGER_SECONDS).unwrap_or(5);
    time.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}
