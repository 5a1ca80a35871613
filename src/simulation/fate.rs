//! How a process dies, and what its database does to it.
//!
//! A process dies at a step that others can see: around the commit of a transaction, around the building, sending or looking
//! up of an envelope. From then on everything it asks fails, and the simulator puts another in its place.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::clock::VirtualClock;
use super::dice::Dice;
use super::trail::{Trail, Wrong};
use crate::ports::clock::Clock;
use crate::ports::network::NetworkError;
use crate::ports::store::StoreError;

/// A step at which a process can die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    BeforeCommit,
    AfterCommit,
    BeforeBuild,
    AfterBuild,
    BeforeSend,
    AfterSend,
    BeforeLookUp,
}

impl Step {
    pub(super) const ALL: [Self; 7] = [
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
pub(super) struct Mishaps {
    /// A transaction does not begin.
    pub(super) refused: u64,
    /// A transaction begins late.
    pub(super) stalled: u64,
    /// A commit is undone, and says so.
    pub(super) undone: u64,
    /// A commit happens, and nobody is told.
    pub(super) unanswered: u64,
}

/// What happens to a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Commit {
    Happens,
    Undone,
    Unanswered,
}

/// Longest stall of the database, in seconds.
const STALL_SECONDS_MAX: u64 = 20;

struct Plan {
    /// The step at which the process dies, and how often it takes that step before.
    doom: Option<(Step, u32)>,
    mishaps: Mishaps,
    /// Until when it does nothing, and knows nothing of it.
    frozen_until: Timestamp,
}

/// One process's life.
pub(super) struct Fate {
    name: String,
    dead: AtomicBool,
    /// The token of the engine's lease that it took last.
    token: AtomicI64,
    plan: Mutex<Plan>,
    dice: Arc<Mutex<Dice>>,
    trail: Arc<Trail>,
}

impl Fate {
    pub(super) fn new(name: String, mishaps: Mishaps, dice: Arc<Mutex<Dice>>, trail: Arc<Trail>) -> Self {
        let plan = Mutex::new(Plan { doom: None, mishaps, frozen_until: Timestamp::MIN });
        Self { name, dead: AtomicBool::new(false), token: AtomicI64::new(0), plan, dice, trail }
    }

    /// The process dies when it takes this step for the `left`th time from now on, counted from 0.
    pub(super) fn doom(&self, step: Step, left: u32) {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).doom = Some((step, left));
    }

    pub(super) fn is_doomed(&self) -> bool {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).doom.is_some()
    }

    /// No more mishaps, and no death.
    pub(super) fn calm(&self) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) =
            Plan { doom: None, mishaps: Mishaps::default(), frozen_until: Timestamp::MIN };
    }

    /// From now on it does nothing for so long.
    pub(super) fn freeze(&self, now: Timestamp, seconds: i64) {
        self.trail.fault("process_frozen", &format!("{} freezes for {seconds} s", self.name));
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).frozen_until =
            now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(now);
    }

    /// Returns when it is not frozen.
    pub(super) async fn thaw(&self, time: &VirtualClock) {
        loop {
            let until = self.plan.lock().unwrap_or_else(PoisonError::into_inner).frozen_until;
            match std::time::Duration::try_from(until.duration_since(time.now())) {
                Ok(left) if !left.is_zero() => time.sleep(left).await,
                Ok(_) | Err(_) => return,
            }
        }
    }

    /// It has taken the engine's lease.
    pub(super) fn take(&self, token: i64) {
        self.trail.note(&format!("{} leads, by token {token}", self.name));
        self.token.store(token, Ordering::SeqCst);
    }

    pub(super) fn token(&self) -> i64 {
        self.token.load(Ordering::SeqCst)
    }

    /// It did what it must not.
    pub(super) fn wrong(&self, what: &str) {
        self.trail.wrong(Wrong::Broken, format!("{} {what}", self.name));
    }

    /// The process dies now.
    pub(super) fn kill(&self) {
        if !self.dead.swap(true, Ordering::SeqCst) {
            self.trail.crash(&format!("{} is killed", self.name));
        }
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// Takes a step; false if the process is dead.
    pub(super) fn survives(&self, step: Step) -> bool {
        if self.is_dead() {
            return false;
        }
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut plan.doom {
            Some((at, 0)) if *at == step => {
                plan.doom = None;
                self.dead.store(true, Ordering::SeqCst);
                self.trail.crash(&format!("{} dies: {step:?}", self.name));
                false
            }
            Some((at, left)) if *at == step => {
                *left -= 1;
                true
            }
            Some(_) | None => true,
        }
    }

    fn draw(&self, per_mille: impl Fn(&Mishaps) -> u64) -> bool {
        let per_mille = per_mille(&self.plan.lock().unwrap_or_else(PoisonError::into_inner).mishaps);
        per_mille > 0 && self.dice.lock().unwrap_or_else(PoisonError::into_inner).chance(per_mille)
    }

    /// Whether a transaction begins.
    pub(super) fn begins(&self) -> Result<(), StoreError> {
        if self.is_dead() {
            return Err(gone());
        }
        if self.draw(|mishaps| mishaps.refused) {
            self.trail.fault("database_refused", &format!("{}: the database refuses", self.name));
            return Err(StoreError::Unavailable { reason: "the database is not reached".to_owned() });
        }
        Ok(())
    }

    /// For how many seconds the database stalls before a transaction begins.
    pub(super) fn stall_seconds(&self) -> Option<u64> {
        if !self.draw(|mishaps| mishaps.stalled) {
            return None;
        }
        let seconds = self.dice.lock().unwrap_or_else(PoisonError::into_inner).between(1, STALL_SECONDS_MAX);
        self.trail.fault("database_stalled", &format!("{}: the database stalls for {seconds} s", self.name));
        Some(seconds)
    }

    /// What happens to a commit, if the process lives to see it.
    pub(super) fn commit(&self) -> Commit {
        if self.draw(|mishaps| mishaps.undone) {
            self.trail.fault("commit_undone", &format!("{}: a commit is undone", self.name));
            Commit::Undone
        } else if self.draw(|mishaps| mishaps.unanswered) {
            self.trail.fault("commit_unanswered", &format!("{}: a commit is not answered", self.name));
            Commit::Unanswered
        } else {
            Commit::Happens
        }
    }
}

/// What a dead process hears of its database.
pub(super) fn gone() -> StoreError {
    StoreError::Unavailable { reason: "the process is dead".to_owned() }
}

/// What a dead process hears of the network.
pub(super) fn cut_off() -> NetworkError {
    NetworkError::Unavailable { reason: "the process is dead".to_owned(), retry_after: None }
}
