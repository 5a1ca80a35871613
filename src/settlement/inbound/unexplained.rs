//! Accounts whose balances their histories do not explain: when they are looked at again, ever less often,
//! and since when.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::domain::address::AccountId;
use crate::domain::dead_letter::UNEXPLAINED_AFTER;
use crate::domain::ids::LedgerSeq;
use crate::ports::network::AccountSnapshot;
use crate::settlement::TickReport;
use crate::settlement::books::work::Ports;
use crate::settlement::memory::Memory;

/// First pause before an unexplained account is looked at again, in seconds; it doubles up to the largest.
const RECHECK_SECONDS_MIN: i64 = 1;
const RECHECK_SECONDS_MAX: i64 = 600;

/// When an unexplained account is looked at again.
#[derive(Debug, Clone, Copy)]
struct Recheck {
    /// True once its reservation's end is to be decided: from then on pauses are short again, at first.
    due: bool,
    /// What it looked like: a further change is looked at at once.
    last_modified: LedgerSeq,
    not_before: Timestamp,
    pause_seconds: i64,
}

/// What the books say of an account's balances in one snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::settlement) enum Explanation {
    /// Ingested operations explain every balance.
    Clean,
    /// They do not, since then; but they do for every asset that the account's reservation asks for, so that
    /// its deadline may be decided.
    DirtyElsewhere(Timestamp),
    /// They do not, since then.
    Dirty(Timestamp),
}

/// What is remembered of accounts that are not explained.
pub(in crate::settlement) struct Unexplained {
    ports: Arc<Ports>,
    dirty: Memory<BTreeMap<AccountId, Recheck>>,
}

impl Unexplained {
    pub(in crate::settlement) fn new(ports: Arc<Ports>) -> Self {
        Self { ports, dirty: Memory::default() }
    }

    /// An account is explained.
    pub(in crate::settlement) fn forget(&self, account: &AccountId) {
        self.dirty.lock().remove(account);
    }

    /// True while an unexplained account is left alone. One whose reservation's end has come to be decided
    /// (`due`) is looked at at once: a punctual customer waits for it.
    pub(in crate::settlement) fn rests(&self, snapshot: &AccountSnapshot, due: bool) -> bool {
        let now = self.ports.now();
        self.dirty.lock().get(&snapshot.account).is_some_and(|recheck| {
            recheck.last_modified == snapshot.last_modified && recheck.due == due && now < recheck.not_before
        })
    }

    pub(in crate::settlement) fn remember(
        &self,
        snapshot: &AccountSnapshot,
        explanation: Explanation,
        due: bool,
        report: &mut TickReport,
    ) {
        let now = self.ports.now();
        let mut dirty = self.dirty.lock();
        let since = match explanation {
            Explanation::Clean => {
                dirty.remove(&snapshot.account);
                return;
            }
            Explanation::DirtyElsewhere(since) | Explanation::Dirty(since) => since,
        };
        report.dirty += 1;
        let last = dirty.get(&snapshot.account);
        let same =
            last.filter(|recheck| recheck.last_modified == snapshot.last_modified && recheck.due == due);
        let pause_seconds =
            same.map_or(RECHECK_SECONDS_MIN, |recheck| (recheck.pause_seconds * 2).min(RECHECK_SECONDS_MAX));
        let not_before = now.checked_add(SignedDuration::from_secs(pause_seconds)).unwrap_or(now);
        let last_modified = snapshot.last_modified;
        dirty.insert(snapshot.account, Recheck { due, last_modified, not_before, pause_seconds });
        let age = now.duration_since(since);
        if age >= UNEXPLAINED_AFTER {
            let (account, seconds) = (snapshot.account, age.as_secs());
            tracing::error!(%account, seconds, "balances are not explained by history");
            report.trouble(format!("{account}: balances are not explained by history for {seconds} s"));
        }
    }
}
