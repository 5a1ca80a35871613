//! One run: a network, a database, processes that come and go, people; and time, which the run moves on itself.
//!
//! Everything runs on one thread, one thing after the other. Time stands still while anything can go on without it; then
//! the next sleeper is woken, or the next ledger closes.

mod calm;
mod errands;
mod grid;
mod processes;
mod weather;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};

pub(super) use grid::FREE_NODE;
use grid::WINDOW_SECONDS;
use processes::Process;
use weather::Climate;

#[cfg(feature = "simulated-bugs")]
use super::bugs::Bug;
use super::clock::{VirtualClock, WallClock};
use super::dice::{Dice, SeededEntropy, Topic};
use super::fate::Mishaps;
use super::judge::{Ends, Judge};
use super::network::Lookout;
use super::people::{Case, People};
use super::store::Base;
use super::trail::{Trail, Wrong};
use super::{Options, SimulationError};
use crate::domain::ids::ReservationId;
use crate::ports::clock::Clock;
use crate::ports::store::{Store, StoreError};
use farmgate_sandbox::{self as sandbox, Sandbox};

/// Seconds between two ledgers.
const LEDGER_SECONDS: u64 = 5;
/// Ledgers in which people act and things go wrong.
const STORM_LEDGERS: u64 = 110;
/// Ledgers after that in which nothing goes wrong any more; what is not in order then is not in order.
const CALM_LEDGERS_MAX: u64 = 420;
/// How often the verdict is asked for meanwhile, in ledgers.
const VERDICT_LEDGERS: u64 = 10;
/// After so many ledgers of the calm a process starts again: what it waits with because it did not work is tried at once.
const CALM_RESTART_LEDGERS: u64 = 60;
/// Seconds an account stays open after its reservation's end.
const QUIET_SECONDS: i64 = 60;
/// Reservations of a run: the least and the most.
const ORDERS: (u64, u64) = (10, 18);
/// Ledgers between two crashes: the least and the most.
const CRASH_LEDGERS: (u64, u64) = (3, 13);
/// Seconds by which the service's clock jumps at most.
const JUMP_SECONDS_MAX: u64 = 300;
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
    trail: Arc<Trail>,
    lookout: Arc<Lookout>,
    blows: Arc<Mutex<Dice>>,
    people: People,
    judge: Judge,
    cases: Vec<Case>,
    processes: Vec<Process>,
    /// How many processes should be there, and since when one that died is missing.
    wanted: usize,
    started: u64,
    crashes_armed: u64,
    restart_at: u64,
    crash_at: u64,
    mishaps: Mishaps,
    climate: Climate,
    /// How often fees surge where they do not for a while, and whether they do at present.
    surge_rate: u16,
    surges: bool,
    entropy: Arc<SeededEntropy>,
    ledger: u64,
    next_close: Timestamp,
    reservations_made: u16,
    states: BTreeMap<ReservationId, &'static str>,
    #[cfg(feature = "simulated-bugs")]
    bug: Option<Bug>,
}

/// What a run comes to, besides its trail.
pub(super) struct Outcome {
    pub(super) ends: Ends,
    pub(super) reservations: u64,
    pub(super) faults: BTreeMap<String, u64>,
}

impl World {
    pub(super) fn new(
        seed: u64,
        options: &Options,
        base: Base,
        trail: Arc<Trail>,
        time: VirtualClock,
    ) -> Result<Self, SimulationError> {
        let settings =
            sandbox::Settings { seed, ledger_ms: LEDGER_SECONDS * 1_000, ..sandbox::Settings::default() };
        let sandbox = Sandbox::new(settings, Arc::new(time.clone()));
        let window_ledgers = u64::from(WINDOW_SECONDS) / LEDGER_SECONDS;
        let people = People::new(sandbox.clone(), Dice::new(seed, Topic::People), window_ledgers)
            .ok_or_else(|| SimulationError::Setup { reason: "the sandbox issues no TFT".to_owned() })?;
        let lookout = Arc::new(Lookout::new(sandbox.clone(), base.clone(), Arc::clone(&trail)));
        let judge = Judge::new(sandbox.clone(), base.clone(), Arc::clone(&trail), Arc::clone(&lookout));
        #[cfg(not(feature = "simulated-bugs"))]
        let _ = options;
        let next_close = time.now();
        Ok(Self {
            seed,
            wall: WallClock::new(time.clone()),
            store: Arc::new(base.clone()),
            blows: Arc::new(Mutex::new(Dice::new(seed, Topic::Blows))),
            entropy: Arc::new(SeededEntropy::new(seed)),
            time,
            sandbox,
            base,
            trail,
            lookout,
            people,
            judge,
            cases: Vec::new(),
            processes: Vec::new(),
            wanted: 0,
            started: 0,
            crashes_armed: 0,
            restart_at: 0,
            crash_at: 0,
            mishaps: Mishaps::default(),
            climate: Climate::new(seed),
            surge_rate: 0,
            surges: false,
            ledger: 0,
            next_close,
            reservations_made: 0,
            states: BTreeMap::new(),
            #[cfg(feature = "simulated-bugs")]
            bug: options.bug,
        })
    }

    fn draw<T>(&self, draw: impl FnOnce(&mut Dice) -> T) -> T {
        draw(&mut self.blows.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Runs from beginning to end, or until something is wrong.
    pub(super) async fn run(mut self) -> Result<Outcome, SimulationError> {
        self.prepare().await?;
        self.storm();
        self.start_missing();
        while self.ledger < STORM_LEDGERS && !self.trail.is_wrong() {
            self.strike();
            self.errands().await?;
            self.close().await;
        }
        let mut ends = self.calm().await?;
        if self.climate.months && !self.trail.is_wrong() {
            ends = self.months().await?;
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
        self.people
            .arrive(self.climate.poor.map(|(xlm, _)| xlm), || {
                now = later(now);
                time.move_on(now);
                sandbox.close_ledger();
            })
            .map_err(setup)?;
        self.next_close = later(now);
        self.judge.begin();
        self.describe_grid().await?;
        let orders = self.people.dice.between(ORDERS.0, ORDERS.1);
        self.people.plan(orders, STORM_LEDGERS);
        if let Some((xlm, funded_at)) = self.climate.poor {
            self.trail.happened("poor_platforms", &format!("the platform begins with {xlm} XLM"));
            self.people.fund_platform(funded_at);
        }
        Ok(())
    }

    /// Lets everything go on that needs no time.
    async fn settle(&self) {
        let progress = || (self.base.calls(), self.sandbox.requests_served(), self.trail.events());
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
        self.bury();
        let mut wakes = 0;
        while let Some(at) = self.time.next().filter(|at| *at <= self.next_close) {
            self.time.move_on(at);
            self.settle().await;
            self.bury();
            wakes += 1;
            if wakes > WAKES_PER_LEDGER_MAX {
                let what = "the engine does not rest between two ledgers".to_owned();
                self.trail.wrong(Wrong::Broken, what);
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
                self.trail.ledger(sequence, &hash);
            }
            None => self.trail.note_unseen("no ledger"),
        }
        self.settle().await;
        self.bury();
        self.judge.look(&self.cases).await;
        if let Err(error) = self.note_states().await {
            self.trail.wrong(Wrong::Broken, format!("reservations cannot be read: {error}"));
        }
    }

    async fn note_states(&mut self) -> Result<(), StoreError> {
        let mut tx = self.store.begin_read().await?;
        for case in &self.cases {
            let id = case.reservation.id;
            let Some(stored) = tx.reservation(id).await? else { continue };
            let name = stored.state.name();
            if self.states.insert(id, name) != Some(name) {
                self.trail.note(&format!("reservation {id} ({:?}) is {name}", case.habit));
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
