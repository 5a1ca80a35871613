//! The accounts as a transaction sees them while it runs.
//!
//! Changes lie in two layers over the state: those of the operations that succeeded, and those of the
//! running one. A failed operation drops its layer, a failed transaction drops both. Nothing here
//! writes to the state itself.

use std::collections::BTreeMap;

use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::ids::LedgerSeq;

use super::state::{Account, State, TrustLine};

/// Changed accounts; `None` for a removed one.
pub type Changes = BTreeMap<AccountId, Option<Account>>;

/// The ledger that is being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Its number.
    pub ledger: LedgerSeq,
    /// When it closes, in unix seconds.
    pub time: u64,
}

/// A state with changes over it.
#[derive(Debug)]
pub struct View<'a> {
    base: &'a State,
    done: Changes,
    running: Changes,
    now: Now,
}

impl<'a> View<'a> {
    /// The state, unchanged.
    pub fn new(base: &'a State, now: Now) -> Self {
        Self { base, done: Changes::new(), running: Changes::new(), now }
    }

    /// The ledger that is being made.
    pub fn now(&self) -> Now {
        self.now
    }

    /// An account that exists.
    pub fn get(&self, id: AccountId) -> Option<&Account> {
        let changed = self.running.get(&id).or_else(|| self.done.get(&id));
        match changed {
            Some(account) => account.as_ref(),
            None => self.base.get(id),
        }
    }

    fn copy_up(&mut self, id: AccountId) -> Option<&mut Account> {
        if !self.running.contains_key(&id) {
            let copy = self.get(id)?.clone();
            self.running.insert(id, Some(copy));
        }
        self.running.get_mut(&id)?.as_mut()
    }

    /// An account, to change the account itself: it counts as modified in this ledger.
    pub fn edit(&mut self, id: AccountId) -> Option<&mut Account> {
        let now = self.now;
        let account = self.copy_up(id)?;
        account.last_modified = now.ledger;
        account.last_modified_time = now.time;
        Some(account)
    }

    /// A trust line, to change it: the line counts as modified, its account does not.
    pub fn edit_line(&mut self, id: AccountId, asset: &Asset) -> Option<&mut TrustLine> {
        let ledger = self.now.ledger;
        let line = self.copy_up(id)?.lines.get_mut(asset)?;
        line.last_modified = ledger;
        Some(line)
    }

    /// Adds an account, modified in this ledger.
    pub fn insert(&mut self, id: AccountId, account: Account) {
        let account =
            Account { last_modified: self.now.ledger, last_modified_time: self.now.time, ..account };
        self.running.insert(id, Some(account));
    }

    /// Removes an account.
    pub fn remove(&mut self, id: AccountId) {
        self.running.insert(id, None);
    }

    /// Keeps what the running operation changed.
    pub fn keep(&mut self) {
        self.done.append(&mut self.running);
    }

    /// Forgets what the running operation changed.
    pub fn forget(&mut self) {
        self.running.clear();
    }

    /// All that was kept.
    pub fn into_changes(self) -> Changes {
        self.done
    }
}
