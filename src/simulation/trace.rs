//! What happened in a run: every event goes into its digest, and the last ones are kept to be shown.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::clock::VirtualClock;
use crate::domain::ids::LedgerSeq;
use crate::ports::clock::Clock;

/// The ways in which a run can show that something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// Somebody was paid twice, or may be: an envelope was replaced while it could still land.
    DoublePayment,
    /// Money is not where it belongs, and nothing says that it is owed.
    Lost,
    /// The journal does not sum to zero, or says something else than the ledger.
    Unbalanced,
    /// A promise besides these was broken.
    Broken,
}

#[derive(Default)]
struct Inner {
    digest: Sha256,
    ledgers: Sha256,
    last: VecDeque<String>,
    events: u64,
    faults: BTreeMap<String, u64>,
    happened: BTreeMap<&'static str, u64>,
    crashes: u64,
    wrongs: Vec<(Wrong, String)>,
}

/// The trace of a run.
pub(super) struct Trace {
    time: VirtualClock,
    last_max: usize,
    inner: Mutex<Inner>,
}

/// What a trace comes to.
pub(super) struct Summary {
    pub(super) digest: String,
    pub(super) ledgers: String,
    pub(super) last: Vec<String>,
    pub(super) events: u64,
    pub(super) faults: BTreeMap<String, u64>,
    pub(super) happened: BTreeMap<&'static str, u64>,
    pub(super) crashes: u64,
    pub(super) wrongs: Vec<(Wrong, String)>,
}

impl Trace {
    /// A trace of which the last so many events are kept to be shown.
    pub(super) fn new(time: VirtualClock, last_max: usize) -> Self {
        Self { time, last_max, inner: Mutex::default() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something happened.
    pub(super) fn note(&self, event: &str) {
        self.file(event, true);
    }

    /// Something happened that need not be shown.
    pub(super) fn note_unseen(&self, event: &str) {
        self.file(event, false);
    }

    /// A ledger closed.
    pub(super) fn ledger(&self, sequence: LedgerSeq, hash: &str) {
        let line = format!("ledger {sequence} {hash}");
        self.note_unseen(&line);
        let mut inner = self.inner();
        inner.ledgers.update(line.as_bytes());
        inner.ledgers.update(b"\n");
    }

    fn file(&self, event: &str, shown: bool) {
        let line = format!("{} {event}", self.time.now());
        let mut inner = self.inner();
        inner.digest.update(line.as_bytes());
        inner.digest.update(b"\n");
        inner.events += 1;
        if !shown {
            return;
        }
        if inner.last.len() >= self.last_max {
            inner.last.pop_front();
        }
        inner.last.push_back(line);
    }

    /// A fault was injected.
    pub(super) fn fault(&self, kind: &str, event: &str) {
        self.note(event);
        *self.inner().faults.entry(kind.to_owned()).or_default() += 1;
    }

    /// Something happened that is worth counting.
    pub(super) fn happened(&self, kind: &'static str, event: &str) {
        self.note(event);
        *self.inner().happened.entry(kind).or_default() += 1;
    }

    /// The same, of what need not be shown.
    pub(super) fn happened_unseen(&self, kind: &'static str, event: &str) {
        self.note_unseen(event);
        *self.inner().happened.entry(kind).or_default() += 1;
    }

    /// A process died.
    pub(super) fn crash(&self, event: &str) {
        self.note(event);
        self.inner().crashes += 1;
    }

    /// Something is wrong.
    pub(super) fn wrong(&self, how: Wrong, what: String) {
        self.note(&format!("WRONG: {what}"));
        self.inner().wrongs.push((how, what));
    }

    /// How many events there were so far.
    pub(super) fn events(&self) -> u64 {
        self.inner().events
    }

    pub(super) fn is_wrong(&self) -> bool {
        !self.inner().wrongs.is_empty()
    }

    pub(super) fn summary(&self) -> Summary {
        let inner = self.inner();
        Summary {
            digest: hex::encode(inner.digest.clone().finalize()),
            ledgers: hex::encode(inner.ledgers.clone().finalize()),
            last: inner.last.iter().cloned().collect(),
            events: inner.events,
            faults: inner.faults.clone(),
            happened: inner.happened.clone(),
            crashes: inner.crashes,
            wrongs: inner.wrongs.clone(),
        }
    }
}
