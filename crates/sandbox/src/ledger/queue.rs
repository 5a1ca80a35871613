//! Transactions that wait for a ledger, one for each source, with running totals of what they need.

use std::collections::{BTreeMap, HashMap};

use crate::xdr::Tx;
use stellar_types::address::AccountId;

use super::signatures::Verified;

/// A transaction that waits.
#[derive(Debug)]
pub struct Queued {
    /// The envelope.
    pub tx: Tx,
    /// What its signatures turned out to be.
    pub verified: Verified,
    /// How many ledgers it was left out of.
    pub ledgers_waited: u32,
}

/// The queue.
#[derive(Debug, Default)]
pub struct Queue {
    by_source: BTreeMap<AccountId, Queued>,
    operations: u32,
    owed: HashMap<AccountId, i64>,
}

impl Queue {
    /// How many wait.
    pub fn count(&self) -> usize {
        self.by_source.len()
    }

    /// Operations that wait, as fees count them.
    pub fn operations(&self) -> u32 {
        self.operations
    }

    /// The one that waits for this source.
    pub fn get(&self, source: AccountId) -> Option<&Queued> {
        self.by_source.get(&source)
    }

    /// What a payer has bid for those that wait, in stroops.
    pub fn owed(&self, payer: AccountId) -> i64 {
        self.owed.get(&payer).copied().unwrap_or(0)
    }

    /// Adds one, in the place of the one of the same source.
    pub fn insert(&mut self, queued: Queued) {
        let source = queued.tx.source();
        self.remove(source);
        self.operations = self.operations.saturating_add(queued.tx.fee_operations());
        let owed = self.owed.entry(queued.tx.fee_source()).or_default();
        *owed = owed.saturating_add(queued.tx.bid());
        self.by_source.insert(source, queued);
    }

    /// Removes the one of a source.
    pub fn remove(&mut self, source: AccountId) -> Option<Queued> {
        let queued = self.by_source.remove(&source)?;
        self.operations = self.operations.saturating_sub(queued.tx.fee_operations());
        let payer = queued.tx.fee_source();
        if let Some(owed) = self.owed.get_mut(&payer) {
            *owed = owed.saturating_sub(queued.tx.bid());
            if *owed == 0 {
                self.owed.remove(&payer);
            }
        }
        Some(queued)
    }

    /// Takes all, in the order of their sources.
    pub fn take(&mut self) -> impl Iterator<Item = Queued> + use<> {
        std::mem::take(self).by_source.into_values()
    }
}
