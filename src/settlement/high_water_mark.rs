//! The newest that this process has seen of the database: how it notices that the database went back.
//!
//! A standby that is promoted may lack what its primary committed last; a backup lacks more. An engine that
//! goes on over such a database builds again what it has sent. So a process remembers, beyond the terms of
//! its engines:
//!
//! - the last envelope that it sent on each channel. Whatever stores a further one requires, in the same
//!   database transaction, that these are still stored. Commits are lost from the newest on, and a channel's
//!   envelopes are stored one after the other, so that one for each channel is enough;
//! - the lease's token and renewals, which only rise;
//! - the server, and its timeline.
//!
//! The last two are looked at with every transaction of the engine that may write. Once one of them went
//! back, this process writes nothing more for the engine of that term; the next one begins by looking back
//! at the ledger ([`super::recovery::build_gate`]).

use std::collections::BTreeMap;

use crate::domain::address::AccountId;
use crate::domain::ids::TxHash;
use crate::domain::transfer::Submission;
use crate::ports::store::{Lease, ServerIdentity, StoreError};
use crate::settlement::memory::Memory;

/// What was seen of the lease, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::settlement) struct SeenLease {
    /// The token and the renewals under it, which rise in this order.
    counter: Option<(i64, i64)>,
    server: Option<ServerIdentity>,
}

impl SeenLease {
    fn of(lease: &Lease) -> Self {
        Self { counter: Some((lease.token, lease.renewal)), server: lease.server.clone() }
    }

    /// What shows that `now` is of another server than this, or of another timeline.
    fn moved(&self, now: &Self) -> Option<String> {
        match (&self.server, &now.server) {
            (Some(before), Some(server)) if before != server => {
                Some(format!("it is on {server}, and was on {before}"))
            }
            (Some(_) | None, Some(_) | None) => None,
        }
    }

    /// What shows that `now` is of an older database.
    fn fell(&self, now: &Self) -> Option<String> {
        match (self.counter, now.counter) {
            (Some(seen), Some(found)) if found < seen => Some(format!(
                "the engine's lease was seen at token {} with {} renewals, and has token {} with {} now",
                seen.0, seen.1, found.0, found.1
            )),
            (Some(_) | None, Some(_) | None) => None,
        }
    }
}

#[derive(Default)]
struct NewestSeen {
    /// The last envelope that was sent on each channel, by its hash.
    sent: BTreeMap<AccountId, TxHash>,
    lease: SeenLease,
    /// What shows that the database went back in this term: nothing more is written in it.
    went_back: Option<String>,
    /// What the next engine has to look back at the ledger for.
    looks_back_for: Option<String>,
}

/// The newest that this process has seen of the database.
#[derive(Default)]
pub(in crate::settlement) struct HighWaterMark {
    seen: Memory<NewestSeen>,
}

impl HighWaterMark {
    /// An envelope is stored, and sent now.
    pub(in crate::settlement) fn sends(&self, submission: &Submission) {
        self.seen.lock().sent.insert(submission.channel, submission.hash);
    }

    /// The last envelope that was sent on each channel. All of them are stored, unless the database
    /// went back.
    pub(in crate::settlement) fn sent(&self) -> Vec<TxHash> {
        self.seen.lock().sent.values().copied().collect()
    }

    /// What was seen of the lease by now: to be taken before the lease is read again.
    pub(in crate::settlement) fn lease(&self) -> SeenLease {
        self.seen.lock().lease.clone()
    }

    /// Compares what was read of the lease with what was seen `before` it was read, and keeps it.
    ///
    /// # Errors
    /// [`StoreError::WentBack`] if the database went back, now or before in this term.
    pub(in crate::settlement) fn read(&self, before: &SeenLease, lease: &Lease) -> Result<(), StoreError> {
        let now = SeenLease::of(lease);
        if let Some(what) = before.moved(&now).or_else(|| before.fell(&now)) {
            return Err(self.went_back(what));
        }
        self.check()?;
        self.keep(now);
        Ok(())
    }

    /// The lease was taken.
    pub(in crate::settlement) fn takes(&self, lease: &Lease) {
        self.keep(SeenLease::of(lease));
    }

    fn keep(&self, now: SeenLease) {
        let mut seen = self.seen.lock();
        seen.lease.counter = seen.lease.counter.max(now.counter);
        if now.server.is_some() {
            seen.lease.server = now.server;
        }
    }

    /// The database went back: nothing more is written in this term.
    pub(in crate::settlement) fn went_back(&self, what: String) -> StoreError {
        let mut seen = self.seen.lock();
        if seen.went_back.is_none() {
            tracing::error!(
                what,
                "the database went back; the engine begins anew and looks at the ledger first"
            );
        }
        StoreError::WentBack { what: seen.went_back.get_or_insert(what).clone() }
    }

    /// # Errors
    /// [`StoreError::WentBack`] if the database went back in this term.
    pub(in crate::settlement) fn check(&self) -> Result<(), StoreError> {
        match self.seen.lock().went_back.clone() {
            Some(what) => Err(StoreError::WentBack { what }),
            None => Ok(()),
        }
    }

    /// No engine of this process runs, and this is the lease now. Where it shows that the database went back,
    /// or a term ended since it did, what was seen before can never be seen again and is forgotten; the next
    /// engine looks back. (That it is another server than the last engine's, whosever that was, is read from
    /// what that one reported.)
    pub(in crate::settlement) fn stands_by(&self, lease: &Lease) {
        let now = SeenLease::of(lease);
        let mut seen = self.seen.lock();
        let shown = seen.went_back.take().or_else(|| seen.lease.fell(&now));
        if let Some(what) = shown {
            seen.sent.clear();
            seen.looks_back_for = Some(what);
        }
        seen.lease = now;
    }

    /// What an engine that begins has to look back at the ledger for.
    pub(in crate::settlement) fn looks_back_for(&self) -> Option<String> {
        self.seen.lock().looks_back_for.clone()
    }

    /// It is stored that nothing is built for a while.
    pub(in crate::settlement) fn looked_back(&self) {
        self.seen.lock().looks_back_for = None;
    }
}
