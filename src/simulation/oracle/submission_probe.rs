//! Looks at every envelope that a process sends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::ids::{LedgerSeq, TxHash};
use crate::ports::store::{Store, StoreError};
use crate::simulation::store::Base;
use crate::simulation::trace::{Trace, Wrong};
use farmgate_sandbox::Sandbox;
use farmgate_sandbox::movements::Intent;

/// Looks at every envelope that is sent, whoever sends it: nothing is paid by two that may both land.
pub(in crate::simulation) struct SubmissionProbe {
    sandbox: Sandbox,
    base: Base,
    trace: Arc<Trace>,
    /// By the hash of the transaction, whatever fee bump it was sent in, and the last ledger before it was
    /// sent first.
    sent: Mutex<BTreeMap<TxHash, (Intent, LedgerSeq)>>,
}

impl SubmissionProbe {
    pub(in crate::simulation) fn new(sandbox: Sandbox, base: Base, trace: Arc<Trace>) -> Self {
        Self { sandbox, base, trace, sent: Mutex::default() }
    }

    /// The last ledger before a transaction was sent for the first time, by its own hash.
    pub(in crate::simulation) fn first_sent(&self, hash: TxHash) -> Option<LedgerSeq> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.get(&hash).map(|(_, ledger)| *ledger)
    }

    /// What is sent must be stored, a fee bump under its own hash.
    async fn is_stored(&self, intent: &Intent) -> Result<bool, StoreError> {
        let mut tx = Store::begin_read(&self.base).await?;
        match tx.submission_by_hash(intent.outer).await {
            Ok(found) => Ok(found.is_some_and(|found| found.hash == intent.hash)),
            // Other hands have changed it since it was read.
            Err(StoreError::Corrupt { .. }) => tx.has_submission(intent.hash).await,
            Err(error) => Err(error),
        }
    }

    #[cfg(feature = "simulated-bugs")]
    pub(in crate::simulation) fn hash(&self, envelope: &str) -> Option<TxHash> {
        self.sandbox.intent(envelope).ok().map(|intent| intent.hash)
    }

    /// An envelope is about to be sent.
    pub(in crate::simulation) async fn sees(&self, name: &str, envelope: &str) {
        let intent = match self.sandbox.intent(envelope) {
            Ok(intent) => intent,
            Err(error) => {
                self.trace.wrong(Wrong::Broken, format!("{name} sends what is no envelope: {error}"));
                return;
            }
        };
        if intent.outer == intent.hash {
            self.trace.note(&format!("{name} sends {} on {}", intent.hash, intent.source));
        } else {
            let what = format!("{name} sends {} in the fee bump {}", intent.hash, intent.outer);
            self.trace.happened("fee_bumps_sent", &what);
        }
        if !matches!(self.is_stored(&intent).await, Ok(true)) {
            self.trace.wrong(Wrong::Broken, format!("{name} sends {}, which is not stored", intent.outer));
        }
        let latest = self.sandbox.with_ledger(|ledger| ledger.latest().ledger);
        // A database that went back has as under way what is over. Sending that again does nothing.
        let may_pay = self.may_have_paid(&intent).is_some();
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        for (other, _) in sent.values().filter(|(other, _)| other.hash != intent.hash) {
            let shared = intent.movements.iter().find(|movement| other.movements.contains(movement));
            if may_pay
                && let Some((from, to, asset, amount, _)) = shared
                && let Some(why) = self.may_have_paid(other)
            {
                let what = format!(
                    "{name} sends {} to move {amount} stroops of {} from {from} to {to:?}, but {} {why}",
                    intent.hash,
                    asset.code(),
                    other.hash
                );
                self.trace.wrong(Wrong::DoublePayment, what);
            }
        }
        sent.entry(intent.hash).or_insert((intent, latest));
    }

    /// Why an envelope that was sent before may have paid; `None` if it is certain that it did not and never
    /// will.
    fn may_have_paid(&self, other: &Intent) -> Option<&'static str> {
        self.sandbox.with_ledger(|ledger| {
            if let Some(record) = ledger.history().transaction(other.hash) {
                return record.successful.then_some("has done so");
            }
            let over = other.max_time > 0 && ledger.latest().time > other.max_time;
            let used =
                ledger.state().get(other.source).is_none_or(|source| source.sequence >= other.sequence);
            (!over && !used).then_some("may still do so")
        })
    }
}
