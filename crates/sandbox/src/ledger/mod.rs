//! The ledger: pure, synchronous and the same for the same seed and inputs.
//!
//! [`Ledger::submit`] checks an envelope and queues it, [`Ledger::close`] makes the next ledger of what is
//! queued. Never here: the clock, randomness from outside, I/O. A transaction changes all it should or,
//! if it fails, its fee and sequence number only.

#![expect(
    clippy::result_large_err,
    reason = "results are the network's own values, moved once per operation"
)]

pub mod apply;
pub mod balances;
pub mod book;
pub mod close;
pub mod effects;
pub mod exchange;
pub mod history;
pub mod holdings;
pub mod limits;
pub mod operations;
pub mod outcome;
pub mod pathfinding;
pub mod queue;
pub mod signatures;
pub mod sponsorship;
pub mod state;
#[cfg(test)]
mod tests;
pub mod trade;
pub mod validity;
pub mod view;

use std::collections::VecDeque;

use jiff::Timestamp;

use super::network::{Keys, SERVICE_BALANCE_STROOPS, TOTAL_COINS_STROOPS, account_of_key};
use super::xdr::{Tx, network_id};
use stellar_types::address::AccountId;
use stellar_types::ids::LedgerSeq;
use stellar_types::money::Stroops;

use history::{GENESIS, History};
pub use limits::{BASE_FEE_STROOPS, LEDGER_OPERATIONS_MAX};
use limits::{EXPIRY_LEDGERS_AHEAD, QUEUE_FULL_LEDGERS_MAX, REPLACE_FEE_FACTOR};
use outcome::{Outcome, Refusal};
use queue::{Queue, Queued};
use signatures::Verified;
use state::{Account, State, first_sequence};
use validity::{Window, check_submitted, fee_minimum};
use view::{Now, View};

/// What a ledger begins with.
#[derive(Debug, Clone)]
pub struct Genesis {
    /// The network's passphrase, from which its id follows.
    pub passphrase: String,
    /// The seed of its keys and of the order within a ledger.
    pub seed: u64,
    /// How long a ledger takes, in milliseconds: a transaction must be valid for two more.
    pub ledger_ms: u64,
    /// Most operations of one ledger.
    pub ledger_operations_max: u32,
}

/// What became of a submitted envelope at once.
#[derive(Debug, Clone, PartialEq)]
pub enum Submission {
    /// It waits for a ledger.
    Pending,
    /// It waits already.
    Duplicate,
    /// Another transaction of its source waits, or too many do.
    TryAgainLater,
    /// It is not valid now; nothing was charged.
    Refused(Box<Outcome>),
}

/// The ledger.
#[derive(Debug)]
pub struct Ledger {
    genesis: Genesis,
    network_id: [u8; 32],
    keys: Keys,
    state: State,
    history: History,
    queue: Queue,
    fee_pool: i64,
    past: VecDeque<(LedgerSeq, State)>,
    past_ledgers: usize,
}

/// Whole unix seconds; the ledger knows no time before 1970.
pub fn unix_seconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_second()).unwrap_or(0)
}

impl Ledger {
    /// A ledger with the network's own accounts, first closed at `at`.
    pub fn new(genesis: Genesis, at: Timestamp) -> Self {
        let keys = Keys::from_seed(genesis.seed);
        let mut ledger = Self {
            network_id: network_id(&genesis.passphrase),
            keys,
            state: State::default(),
            history: History::default(),
            queue: Queue::default(),
            fee_pool: 0,
            past: VecDeque::new(),
            past_ledgers: 0,
            genesis,
        };
        ledger.open(unix_seconds(at));
        ledger
    }

    fn open(&mut self, time: u64) {
        let issuers = self.keys.issuers.iter().map(|(_, key)| key);
        let served: Vec<_> = issuers.chain(&self.keys.channels).map(account_of_key).collect();
        let given = i64::try_from(served.len()).unwrap_or(i64::MAX).saturating_mul(SERVICE_BALANCE_STROOPS);
        let root = (account_of_key(&self.keys.root), TOTAL_COINS_STROOPS.saturating_sub(given));
        let all = served.into_iter().map(|id| (id, SERVICE_BALANCE_STROOPS)).chain([root]);
        for (id, balance) in all {
            let balance = Stroops::new(balance).unwrap_or(Stroops::ZERO);
            let account = Account {
                last_modified: GENESIS,
                last_modified_time: time,
                ..Account::new(balance, first_sequence(GENESIS))
            };
            self.state.put(id, Some(account));
            self.history.add_account(id);
        }
        self.seal(Now { ledger: GENESIS, time }, &[], i64::from(BASE_FEE_STROOPS));
    }

    /// What the network is made of.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The id that signatures are bound to.
    pub fn network_id(&self) -> [u8; 32] {
        self.network_id
    }

    /// The network's own keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The accounts as of the last closed ledger.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// From the next close on, keeps what the last so many ledgers held.
    pub fn keep_past(&mut self, ledgers: u32) {
        self.past_ledgers = usize::try_from(ledgers).unwrap_or(usize::MAX);
    }

    /// What was held so many ledgers ago, or as long ago as was kept, and in which ledger that was.
    pub fn past(&self, ledgers: u32) -> (LedgerSeq, &State) {
        let ago = usize::try_from(ledgers).unwrap_or(usize::MAX).min(self.past.len());
        match self.past.len().checked_sub(ago).and_then(|at| self.past.get(at)) {
            Some((ledger, state)) if ago > 0 => (*ledger, state),
            Some(_) | None => (self.latest().ledger, &self.state),
        }
    }

    fn remember(&mut self) {
        if self.past_ledgers > 0 {
            self.past.push_back((self.latest().ledger, self.state.clone()));
        }
        while self.past.len() > self.past_ledgers {
            self.past.pop_front();
        }
    }

    /// Forgets the waiting transaction of a source.
    pub fn forget(&mut self, source: AccountId) {
        self.queue.remove(source);
    }

    /// Closed ledgers.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Fees taken so far, in stroops.
    pub fn fee_pool(&self) -> i64 {
        self.fee_pool
    }

    /// The last closed ledger and when it closed.
    pub fn latest(&self) -> Now {
        self.history.latest().map_or(Now { ledger: LedgerSeq(0), time: 0 }, |ledger| Now {
            ledger: ledger.sequence,
            time: ledger.closed_at,
        })
    }

    fn queue_operations_max(&self) -> u32 {
        self.genesis.ledger_operations_max.saturating_mul(QUEUE_FULL_LEDGERS_MAX)
    }

    fn next_number(&self) -> LedgerSeq {
        LedgerSeq(self.latest().ledger.0.saturating_add(1))
    }

    /// Transactions that wait for a ledger.
    pub fn queued(&self) -> usize {
        self.queue.count()
    }

    /// Whether a transaction of this source waits.
    pub fn is_waiting(&self, source: AccountId) -> bool {
        self.queue.get(source).is_some()
    }

    /// Checks an envelope at `now` and lets it wait for the next ledger.
    pub fn submit(&mut self, tx: Tx, now: Timestamp) -> Submission {
        let source = tx.source();
        let refused = |reason| Submission::Refused(Box::new(Outcome::refused(&tx, fee_minimum(&tx), reason)));
        if let Some(waiting) = self.queue.get(source) {
            let old = &waiting.tx;
            if old.hash == tx.hash {
                return Submission::Duplicate;
            }
            if tx.sequence() < old.sequence() {
                return refused(Refusal::BadSequence);
            }
            if tx.inner_hash.is_none() || tx.sequence() != old.sequence() {
                return Submission::TryAgainLater;
            }
            let (new_rate, old_rate) = (
                i128::from(tx.bid()) * i128::from(old.fee_operations()),
                i128::from(old.bid()) * i128::from(tx.fee_operations()),
            );
            if new_rate < old_rate * REPLACE_FEE_FACTOR {
                return refused(Refusal::InsufficientFee);
            }
        } else if self.queue.operations().saturating_add(tx.fee_operations()) > self.queue_operations_max() {
            return Submission::TryAgainLater;
        }
        let next = Now { ledger: self.next_number(), time: self.latest().time };
        let ahead = (EXPIRY_LEDGERS_AHEAD * self.genesis.ledger_ms).div_ceil(1_000);
        let latest = unix_seconds(now).max(next.time).saturating_add(ahead);
        let window = Window { earliest: next.time, latest };
        let replaced = self.queue.get(source).filter(|old| old.tx.fee_source() == tx.fee_source());
        let owed = self.queue.owed(tx.fee_source()) - replaced.map_or(0, |old| old.tx.bid());
        let mut verified = Verified::new();
        let view = View::new(&self.state, next);
        match check_submitted(&tx, &view, window, owed, &mut verified) {
            Ok(()) => {
                self.queue.insert(Queued { tx, verified, ledgers_waited: 0 });
                Submission::Pending
            }
            Err(outcome) => Submission::Refused(Box::new(outcome)),
        }
    }
}
