//! How a process dies, and what its database does to it.
//!
//! A process dies at a step that others can see: around the commit of a transaction, around the building,
//! sending or looking up of an envelope. From then on everything it asks fails, and the simulator puts
//! another in its place.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::ports::clock::Clock;
use crate::ports::network::NetworkError;
use crate::ports::store::StoreError;
use crate::simulation::clock::VirtualClock;
use crate::simulation::rng::Rng;
use crate::simulation::trace::{Trace, Wrong};

/// A step at which a process can die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulation) enum Step {
    BeforeCommit,
    AfterCommit,
    BeforeBuild,
    AfterBuild,
    BeforeSend,
    AfterSend,
    BeforeLookUp,
}

impl Step {
    pub(in crate::simulation) const ALL: [Self; 7] = [
        Self::BeforeCommit,
        Self::AfterCommit,
        Self::BeforeBuild,
        Self::AfterBuild,
        Self::BeforeSend,
        Self::AfterSend,
        Self::BeforeLookUp,
    ];
}

/// How often the database misbehaves, in thousandths of the occasions.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::simulation) struct DatabaseFaults {
    /// A transaction does not begin.
    pub(in crate::simulation) refused: u64,
    /// A transaction begins late.
    pub(in crate::simulation) stalled: u64,
    /// A commit is undone, and says so.
    pub(in crate::simulation) undone: u64,
    /// A commit happens, and nobody is told.
    pub(in crate::simulation) unanswered: u64,
}

/// What happens to a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulation) enum Commit {
    Happens,
    Undone,
    Unanswered,
}

/// Longest stall of the database, in seconds.
const STALL_SECONDS_MAX: u64 = 20;

struct Plan {
    /// The step at which the process dies, and how often it takes that step before.
    crash: Option<(Step, u32)>,
    database_faults: DatabaseFaults,
    /// Until when it does nothing, and knows nothing of it.
    frozen_until: Timestamp,
}

/// What one process meets with, and whether it lives.
pub(in crate::simulation) struct ProcessFaults {
    name: String,
    dead: AtomicBool,
    /// The token of the engine's lease that it took last.
    token: AtomicI64,
    plan: Mutex<Plan>,
    rng: Arc<Mutex<Rng>>,
    trace: Arc<Trace>,
}

impl ProcessFaults {
    pub(in crate::simulation) fn new(
        name: String,
        database_faults: DatabaseFaults,
        rng: Arc<Mutex<Rng>>,
        trace: Arc<Trace>,
    ) -> Self {
        let plan = Mutex::new(Plan { crash: None, database_faults, frozen_until: Timestamp::MIN });
        Self { name, dead: AtomicBool::new(false), token: AtomicI64::new(0), plan, rng, trace }
    }

    /// The process dies when it takes this step for the `left`th time from now on, counted from 0.
    pub(in crate::simulation) fn arm_crash(&self, step: Step, left: u32) {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).crash = Some((step, left));
    }

    pub(in crate::simulation) fn crash_is_armed(&self) -> bool {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).crash.is_some()
    }

    /// The process does not die for now.
    pub(in crate::simulation) fn disarm(&self) {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).crash = None;
    }

    /// True if it does nothing at present.
    pub(in crate::simulation) fn is_frozen(&self, now: Timestamp) -> bool {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).frozen_until > now
    }

    /// No more faults of the database, and no death.
    pub(in crate::simulation) fn stop(&self) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) =
            Plan { crash: None, database_faults: DatabaseFaults::default(), frozen_until: Timestamp::MIN };
    }

    /// From now on it does nothing for so long.
    pub(in crate::simulation) fn freeze(&self, now: Timestamp, seconds: i64) {
        self.trace.fault("process_frozen", &format!("{} freezes for {seconds} s", self.name));
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).frozen_until =
            now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(now);
    }

    /// Returns when it is not frozen.
    pub(in crate::simulation) async fn wait_while_frozen(&self, time: &VirtualClock) {
        loop {
            let until = self.plan.lock().unwrap_or_else(PoisonError::into_inner).frozen_until;
            match std::time::Duration::try_from(until.duration_since(time.now())) {
                Ok(left) if !left.is_zero() => time.sleep(left).await,
                Ok(_) | Err(_) => return,
            }
        }
    }

    /// It has taken the engine's lease.
    pub(in crate::simulation) fn take(&self, token: i64) {
        self.trace.note(&format!("{} leads, by token {token}", self.name));
        self.token.store(token, Ordering::SeqCst);
    }

    pub(in crate::simulation) fn token(&self) -> i64 {
        self.token.load(Ordering::SeqCst)
    }

    /// It did what it must not.
    pub(in crate::simulation) fn wrong(&self, what: &str) {
        self.trace.wrong(Wrong::Broken, format!("{} {what}", self.name));
    }

    /// The process dies now.
    pub(in crate::simulation) fn kill(&self) {
        if !self.dead.swap(true, Ordering::SeqCst) {
            self.trace.crash(&format!("{} is killed", self.name));
        }
    }

    pub(in crate::simulation) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// Takes a step; false if the process is dead.
    pub(in crate::simulation) fn survives(&self, step: Step) -> bool {
        if self.is_dead() {
            return false;
        }
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut plan.crash {
            Some((at, 0)) if *at == step => {
                plan.crash = None;
                self.dead.store(true, Ordering::SeqCst);
                self.trace.crash(&format!("{} dies: {step:?}", self.name));
                false
            }
            Some((at, left)) if *at == step => {
                *left -= 1;
                true
            }
            Some(_) | None => true,
        }
    }

    fn draw(&self, per_mille: impl Fn(&DatabaseFaults) -> u64) -> bool {
        let per_mille = per_mille(&self.plan.lock().unwrap_or_else(PoisonError::into_inner).database_faults);
        per_mille > 0 && self.rng.lock().unwrap_or_else(PoisonError::into_inner).chance(per_mille)
    }

    /// Whether a transaction begins.
    pub(in crate::simulation) fn begins(&self) -> Result<(), StoreError> {
        if self.is_dead() {
            return Err(gone());
        }
        if self.draw(|faults| faults.refused) {
            self.trace.fault("database_refused", &format!("{}: the database refuses", self.name));
            return Err(StoreError::Unavailable { reason: "the database is not reached".to_owned() });
        }
        Ok(())
    }

    /// For how many seconds the database stalls before a transaction begins.
    pub(in crate::simulation) fn stall_seconds(&self) -> Option<u64> {
        if !self.draw(|faults| faults.stalled) {
            return None;
        }
        let seconds = self.rng.lock().unwrap_or_else(PoisonError::into_inner).between(1, STALL_SECONDS_MAX);
        self.trace.fault("database_stalled", &format!("{}: the database stalls for {seconds} s", self.name));
        Some(seconds)
    }

    /// What happens to a commit, if the process lives to see it.
    pub(in crate::simulation) fn commit(&self) -> Commit {
        if self.draw(|faults| faults.undone) {
            self.trace.fault("commit_undone", &format!("{}: a commit is undone", self.name));
            Commit::Undone
        } else if self.draw(|faults| faults.unanswered) {
            self.trace.fault("commit_unanswered", &format!("{}: a commit is not answered", self.name));
            Commit::Unanswered
        } else {
            Commit::Happens
        }
    }
}

/// What a dead process hears of its database.
pub(in crate::simulation) fn gone() -> StoreError {
    StoreError::Unavailable { reason: "the process is dead".to_owned() }
}

/// What a dead process hears of the network.
pub(in crate::simulation) fn cut_off() -> NetworkError {
    NetworkError::Unavailable { reason: "the process is dead".to_owned(), retry_after: None }
}
