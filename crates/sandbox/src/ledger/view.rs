//! The ledger as a transaction sees it while it runs.
//!
//! Changes lie in two layers over the state: those of the operations that succeeded, and those of the
//! running one. A failed operation drops its layer, a failed transaction drops both. Nothing here
//! writes to the state itself.

use std::collections::{BTreeMap, BTreeSet};

use stellar_types::address::AccountId;
use stellar_types::asset::Asset;
use stellar_types::ids::LedgerSeq;

use super::balances::{BalanceId, ClaimableBalance};
use super::book::{Offer, OfferId, Pair};
use super::state::{Account, State, TrustLine};

/// What changed; `None` for what was removed.
#[derive(Debug, Default)]
pub struct Changes {
    accounts: BTreeMap<AccountId, Option<Account>>,
    balances: BTreeMap<BalanceId, Option<ClaimableBalance>>,
    offers: BTreeMap<OfferId, Option<Offer>>,
    last_offer: Option<OfferId>,
}

impl Changes {
    fn append(&mut self, mut later: Self) {
        self.accounts.append(&mut later.accounts);
        self.balances.append(&mut later.balances);
        self.offers.append(&mut later.offers);
        self.last_offer = later.last_offer.or(self.last_offer);
    }

    /// Writes all to the state, and adds the accounts to those touched.
    pub fn write(self, state: &mut State, touched: &mut BTreeSet<AccountId>) {
        for (id, account) in self.accounts {
            touched.insert(id);
            state.put(id, account);
        }
        for (id, balance) in self.balances {
            state.balances.put(id, balance);
        }
        for (id, offer) in self.offers {
            state.book.put(id, offer);
        }
        state.last_offer = self.last_offer.unwrap_or(state.last_offer);
    }
}

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
        Self { base, done: Changes::default(), running: Changes::default(), now }
    }

    /// The ledger that is being made.
    pub fn now(&self) -> Now {
        self.now
    }

    /// An account that exists.
    pub fn get(&self, id: AccountId) -> Option<&Account> {
        let changed = self.running.accounts.get(&id).or_else(|| self.done.accounts.get(&id));
        match changed {
            Some(account) => account.as_ref(),
            None => self.base.get(id),
        }
    }

    fn copy_up(&mut self, id: AccountId) -> Option<&mut Account> {
        if !self.running.accounts.contains_key(&id) {
            let copy = self.get(id)?.clone();
            self.running.accounts.insert(id, Some(copy));
        }
        self.running.accounts.get_mut(&id)?.as_mut()
    }

    /// An account, to change the account itself: it counts as modified in this ledger.
    pub fn edit(&mut self, id: AccountId) -> Option<&mut Account> {
        let now = self.now;
        let account = self.copy_up(id)?;
        account.last_modified = now.ledger;
        account.last_modified_time = now.time;
        Some(account)
    }

    /// A trust line.
    pub fn line(&self, id: AccountId, asset: &Asset) -> Option<&TrustLine> {
        self.get(id)?.lines.get(asset)
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
        self.running.accounts.insert(id, Some(account));
    }

    /// Removes an account.
    pub fn remove(&mut self, id: AccountId) {
        self.running.accounts.insert(id, None);
    }

    /// A claimable balance that exists.
    pub fn balance(&self, id: BalanceId) -> Option<&ClaimableBalance> {
        let changed = self.running.balances.get(&id).or_else(|| self.done.balances.get(&id));
        match changed {
            Some(balance) => balance.as_ref(),
            None => self.base.balances().get(id),
        }
    }

    /// Writes a claimable balance, modified in this ledger.
    pub fn put_balance(&mut self, balance: ClaimableBalance) {
        let balance =
            ClaimableBalance { last_modified: self.now.ledger, last_modified_time: self.now.time, ..balance };
        self.running.balances.insert(balance.id, Some(balance));
    }

    /// Removes a claimable balance.
    pub fn remove_balance(&mut self, id: BalanceId) {
        self.running.balances.insert(id, None);
    }

    fn changed_offer(&self, id: OfferId) -> Option<&Option<Offer>> {
        self.running.offers.get(&id).or_else(|| self.done.offers.get(&id))
    }

    /// An offer that waits.
    pub fn offer(&self, id: OfferId) -> Option<&Offer> {
        match self.changed_offer(id) {
            Some(offer) => offer.as_ref(),
            None => self.base.book().get(id),
        }
    }

    /// The best offer of a pair.
    pub fn best_offer(&self, pair: Pair) -> Option<&Offer> {
        let unchanged = self.base.book().of_pair(pair).find(|offer| self.changed_offer(offer.id).is_none());
        let changed: BTreeSet<OfferId> =
            self.running.offers.keys().chain(self.done.offers.keys()).copied().collect();
        let changed = changed.into_iter().filter_map(|id| self.offer(id));
        let of_pair = changed.filter(|offer| offer.pair() == pair);
        of_pair.chain(unchanged).min_by_key(|offer| offer.rank())
    }

    /// The number of the next offer.
    pub fn next_offer_id(&mut self) -> OfferId {
        let last = self.running.last_offer.or(self.done.last_offer).unwrap_or(self.base.last_offer());
        let next = last.saturating_add(1);
        self.running.last_offer = Some(next);
        next
    }

    /// Writes an offer, modified in this ledger.
    pub fn put_offer(&mut self, offer: Offer) {
        let offer = Offer { last_modified: self.now.ledger, last_modified_time: self.now.time, ..offer };
        self.running.offers.insert(offer.id, Some(offer));
    }

    /// Removes an offer.
    pub fn remove_offer(&mut self, id: OfferId) {
        self.running.offers.insert(id, None);
    }

    /// Keeps what the running operation changed.
    pub fn keep(&mut self) {
        self.done.append(std::mem::take(&mut self.running));
    }

    /// Forgets what the running operation changed.
    pub fn forget(&mut self) {
        self.running = Changes::default();
    }

    /// All that was kept.
    pub fn into_changes(self) -> Changes {
        self.done
    }
}
