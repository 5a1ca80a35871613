//! Closed ledgers and what was in them, kept whole and in memory for as long as the sandbox runs: about
//! two kilobytes for each transaction.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use stellar_xdr::{
    InnerTransactionResultResult as Inner, LedgerHeader, ManageBuyOfferResult, ManageOfferSuccessResultOffer,
    ManageSellOfferResult, Operation, OperationBody, OperationResult, OperationResultTr, Price,
    TransactionResult, TransactionResultResult as Outer,
};

use super::balances::BalanceId;
use super::book::OfferId;
use super::effects::{Change, Effect, Side};
use crate::xdr::Tx;
use stellar_types::address::AccountId;
use stellar_types::asset::Asset;
use stellar_types::ids::{LedgerSeq, OperationId, TxHash};
use stellar_types::money::Stroops;

/// The first ledger, which holds the network's own accounts and no transaction.
pub const GENESIS: LedgerSeq = LedgerSeq(1);

/// A closed ledger.
#[derive(Debug, Clone)]
pub struct LedgerRecord {
    /// Its number.
    pub sequence: LedgerSeq,
    /// Hash of its header.
    pub hash: [u8; 32],
    /// Its header.
    pub header: LedgerHeader,
    /// When it closed, in unix seconds.
    pub closed_at: u64,
    /// Transactions that took effect.
    pub successful: u32,
    /// Transactions that left only their fee.
    pub failed: u32,
    /// Operations that took effect.
    pub operations: u32,
    /// All operations, of failed transactions too.
    pub operations_all: u32,
    /// The fee of one operation in this ledger, in stroops.
    pub base_fee: i64,
}

/// A transaction in a closed ledger.
#[derive(Debug, Clone)]
pub struct TxRecord {
    /// The envelope and its hashes.
    pub tx: Tx,
    /// Its place in history.
    pub id: OperationId,
    /// When its ledger closed, in unix seconds.
    pub closed_at: u64,
    /// What became of it.
    pub result: TransactionResult,
    /// True if its operations took effect.
    pub successful: bool,
    /// The fee that was taken, in stroops.
    pub fee_charged: i64,
}

/// An operation in a closed ledger.
#[derive(Debug, Clone)]
pub struct OpRecord {
    /// Its place in history.
    pub id: OperationId,
    /// Its transaction.
    pub tx: Arc<TxRecord>,
    /// Its place in the transaction, from 0.
    pub at: usize,
    /// The account that it acted for.
    pub source: AccountId,
    /// Who pays the reserve of the entry it made, if another account does.
    pub entry_sponsor: Option<AccountId>,
    /// Who had begun the sponsorship that it ended.
    pub ended_sponsor: Option<AccountId>,
}

impl OpRecord {
    /// The operation as it was sent.
    pub fn operation(&self) -> &Operation {
        &self.tx.tx.inner().tx.operations[self.at]
    }

    /// Whether Horizon lists it among the payments.
    pub fn is_payment(&self) -> bool {
        matches!(
            self.operation().body,
            OperationBody::CreateAccount(_)
                | OperationBody::Payment(_)
                | OperationBody::PathPaymentStrictReceive(_)
                | OperationBody::PathPaymentStrictSend(_)
                | OperationBody::AccountMerge(_)
        )
    }

    /// The operation's own result, if the transaction got that far.
    pub fn result(&self) -> Option<&OperationResultTr> {
        let results = match &self.tx.result.result {
            Outer::TxSuccess(results) | Outer::TxFailed(results) => results,
            Outer::TxFeeBumpInnerSuccess(pair) | Outer::TxFeeBumpInnerFailed(pair) => {
                match &pair.result.result {
                    Inner::TxSuccess(results) | Inner::TxFailed(results) => results,
                    _ => return None,
                }
            }
            _ => return None,
        };
        match results.get(self.at)? {
            OperationResult::OpInner(result) => Some(result),
            _ => None,
        }
    }

    /// The offer that it put into the book or changed there.
    fn offer_left(&self) -> Option<OfferId> {
        let success = match self.result()? {
            OperationResultTr::ManageSellOffer(ManageSellOfferResult::Success(success))
            | OperationResultTr::CreatePassiveSellOffer(ManageSellOfferResult::Success(success))
            | OperationResultTr::ManageBuyOffer(ManageBuyOfferResult::Success(success)) => success,
            _ => return None,
        };
        match &success.offer {
            ManageOfferSuccessResultOffer::Created(offer) | ManageOfferSuccessResultOffer::Updated(offer) => {
                Some(offer.offer_id)
            }
            ManageOfferSuccessResultOffer::Deleted => None,
        }
    }
}

/// An offer that was taken in a closed ledger.
#[derive(Debug, Clone)]
pub struct TradeRecord {
    /// The operation that took it.
    pub operation: OperationId,
    /// Its number among the operation's trades, from 0.
    pub number: u32,
    /// When its ledger closed, in unix seconds.
    pub closed_at: u64,
    /// The offer that was taken.
    pub offer: OfferId,
    /// Whose offer it was.
    pub maker: AccountId,
    /// Who took it.
    pub taker: AccountId,
    /// The offer that the taker was left with.
    pub taker_offer: Option<OfferId>,
    /// What the maker gave.
    pub sold: (Asset, Stroops),
    /// What the maker got.
    pub bought: (Asset, Stroops),
    /// The offer's price: what was bought for one of what was sold.
    pub price: Price,
}

impl TradeRecord {
    /// The trade that an effect tells of; the maker's, so that each is told once.
    fn read(operation: &OpRecord, number: u32, effect: &Effect) -> Option<Self> {
        let Change::Traded { offer, with, sold, bought, side: Side::Maker(price) } = &effect.change else {
            return None;
        };
        Some(Self {
            operation: operation.id,
            number,
            closed_at: operation.tx.closed_at,
            offer: *offer,
            maker: effect.account,
            taker: *with,
            taker_offer: operation.offer_left(),
            sold: *sold,
            bought: *bought,
            price: price.clone(),
        })
    }
}

/// An effect in a closed ledger.
#[derive(Debug, Clone)]
pub struct EffectRecord {
    /// The operation that had it.
    pub operation: OperationId,
    /// Its number among the operation's effects, from 1.
    pub number: u32,
    /// When its ledger closed, in unix seconds.
    pub closed_at: u64,
    /// What it was.
    pub effect: Effect,
}

/// An operation with all that history files it under.
#[derive(Debug)]
pub struct NewOperation {
    /// The record.
    pub record: OpRecord,
    /// Accounts it concerns.
    pub participants: BTreeSet<AccountId>,
    /// Claimable balances it made or changed.
    pub balances: BTreeSet<BalanceId>,
    /// What it did.
    pub effects: Vec<Effect>,
}

/// A list of history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// Transactions.
    Transactions,
    /// Operations.
    Operations,
    /// Operations that move money.
    Payments,
    /// Effects.
    Effects,
    /// Offers taken.
    Trades,
}

/// Whose history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The network's.
    All,
    /// An account's.
    Account(AccountId),
    /// A claimable balance's; it has transactions and operations only.
    Balance(BalanceId),
    /// What has ids from the first to the second, the second excluded: a ledger's, a transaction's or
    /// an operation's.
    Between(OperationId, OperationId),
}

/// Where a page begins; what is there is left out. Effects use both numbers, the others the first.
pub type Cursor = (i64, u64);

/// Which records a page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    /// From here, exclusive; from the beginning (or the end, backwards) if `None`.
    pub cursor: Option<Cursor>,
    /// Latest first.
    pub descending: bool,
    /// At most so many.
    pub limit: usize,
    /// Failed transactions and their operations too.
    pub include_failed: bool,
}

/// A record of some list.
#[derive(Debug, Clone)]
pub enum Record {
    /// Of [`List::Transactions`].
    Transaction(Arc<TxRecord>),
    /// Of [`List::Operations`] and [`List::Payments`].
    Operation(Arc<OpRecord>),
    /// Of [`List::Effects`].
    Effect(Arc<EffectRecord>),
    /// Of [`List::Trades`].
    Trade(Arc<TradeRecord>),
}

#[derive(Debug, Default)]
struct Trail {
    from_genesis: bool,
    transactions: Vec<usize>,
    operations: Vec<usize>,
    payments: Vec<usize>,
    effects: Vec<usize>,
    trades: Vec<usize>,
}

/// All closed ledgers.
#[derive(Debug, Default)]
pub struct History {
    ledgers: Vec<LedgerRecord>,
    transactions: Vec<Arc<TxRecord>>,
    operations: Vec<Arc<OpRecord>>,
    payments: Vec<usize>,
    effects: Vec<Arc<EffectRecord>>,
    trades: Vec<Arc<TradeRecord>>,
    by_hash: HashMap<TxHash, usize>,
    by_account: HashMap<AccountId, Trail>,
    by_balance: HashMap<BalanceId, Trail>,
}

impl History {
    /// The last closed ledger.
    pub fn latest(&self) -> Option<&LedgerRecord> {
        self.ledgers.last()
    }

    /// A closed ledger.
    pub fn ledger(&self, sequence: LedgerSeq) -> Option<&LedgerRecord> {
        let at = sequence.0.checked_sub(GENESIS.0)?;
        self.ledgers.get(usize::try_from(at).ok()?)
    }

    /// A transaction by its hash, outer or inner.
    pub fn transaction(&self, hash: TxHash) -> Option<&Arc<TxRecord>> {
        self.by_hash.get(&hash).and_then(|at| self.transactions.get(*at))
    }

    /// History as it was when this ledger was the last.
    pub fn until(&self, last: LedgerSeq) -> Told<'_> {
        Told { history: self, last }
    }

    /// All of history.
    pub fn whole(&self) -> Told<'_> {
        self.until(self.latest().map_or(LedgerSeq(0), |ledger| ledger.sequence))
    }

    /// Files an account that came without a transaction.
    pub fn add_account(&mut self, account: AccountId) {
        self.by_account.entry(account).or_default().from_genesis = true;
    }

    /// Adds a closed ledger.
    pub fn add_ledger(&mut self, ledger: LedgerRecord) {
        self.ledgers.push(ledger);
    }

    /// Adds a transaction of the ledger being closed, in order.
    pub fn add_transaction(
        &mut self,
        record: Arc<TxRecord>,
        touched: BTreeSet<AccountId>,
        operations: Vec<NewOperation>,
    ) {
        let at = self.transactions.len();
        self.by_hash.insert(record.tx.hash, at);
        if let Some(inner) = record.tx.inner_hash {
            self.by_hash.insert(inner, at);
        }
        let (mut concerned, mut balances) = (touched, BTreeSet::new());
        for new in operations {
            concerned.extend(new.participants.iter().copied());
            balances.extend(new.balances.iter().copied());
            self.add_operation(new);
        }
        for account in concerned {
            self.by_account.entry(account).or_default().transactions.push(at);
        }
        for balance in balances {
            self.by_balance.entry(balance).or_default().transactions.push(at);
        }
        self.transactions.push(record);
    }

    fn add_operation(&mut self, new: NewOperation) {
        let at = self.operations.len();
        let is_payment = new.record.is_payment();
        for account in new.participants {
            let trail = self.by_account.entry(account).or_default();
            trail.operations.push(at);
            if is_payment {
                trail.payments.push(at);
            }
        }
        if is_payment {
            self.payments.push(at);
        }
        for balance in new.balances {
            self.by_balance.entry(balance).or_default().operations.push(at);
        }
        let mut number = 0;
        for effect in &new.effects {
            if let Some(trade) = TradeRecord::read(&new.record, number, effect) {
                for account in BTreeSet::from([trade.maker, trade.taker]) {
                    self.by_account.entry(account).or_default().trades.push(self.trades.len());
                }
                self.trades.push(Arc::new(trade));
                number += 1;
            }
        }
        for (effect, number) in new.effects.into_iter().zip(1_u32..) {
            let trail = self.by_account.entry(effect.account).or_default();
            trail.effects.push(self.effects.len());
            let (operation, closed_at) = (new.record.id, new.record.tx.closed_at);
            self.effects.push(Arc::new(EffectRecord { operation, number, closed_at, effect }));
        }
        self.operations.push(Arc::new(new.record));
    }

    fn record(&self, list: List, at: usize) -> Option<Record> {
        match list {
            List::Transactions => self.transactions.get(at).cloned().map(Record::Transaction),
            List::Operations | List::Payments => self.operations.get(at).cloned().map(Record::Operation),
            List::Effects => self.effects.get(at).cloned().map(Record::Effect),
            List::Trades => self.trades.get(at).cloned().map(Record::Trade),
        }
    }
}

/// History up to some ledger.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    history: &'a History,
    last: LedgerSeq,
}

fn start(ledger: LedgerSeq) -> OperationId {
    OperationId::from_parts(ledger, 0, 0)
}

impl<'a> Told<'a> {
    /// The last ledger.
    pub fn latest(&self) -> Option<&'a LedgerRecord> {
        self.ledgers().last()
    }

    /// A ledger.
    pub fn ledger(&self, sequence: LedgerSeq) -> Option<&'a LedgerRecord> {
        self.history.ledger(sequence).filter(|_| sequence <= self.last)
    }

    /// Ledgers, oldest first.
    pub fn ledgers(&self) -> &'a [LedgerRecord] {
        let all = &self.history.ledgers;
        &all[..all.partition_point(|record| record.sequence <= self.last)]
    }

    /// Transactions of the ledgers from this one on.
    pub fn transactions_since(&self, ledger: LedgerSeq) -> &'a [Arc<TxRecord>] {
        let all = &self.history.transactions;
        let to = all.partition_point(|record| record.id.ledger() <= self.last);
        let from = all.partition_point(|record| record.id.ledger() < ledger).min(to);
        &all[from..to]
    }

    /// A transaction by its hash, outer or inner.
    pub fn transaction(&self, hash: TxHash) -> Option<&'a Arc<TxRecord>> {
        self.history.transaction(hash).filter(|record| record.id.ledger() <= self.last)
    }

    /// An operation by its id.
    pub fn operation(&self, id: OperationId) -> Option<&'a Arc<OpRecord>> {
        let all = &self.history.operations;
        let at = all.binary_search_by_key(&id, |record| record.id).ok()?;
        all.get(at).filter(|_| id.ledger() <= self.last)
    }

    /// Whether an account is or was there.
    pub fn knows(&self, account: AccountId) -> bool {
        self.history.by_account.get(&account).is_some_and(|trail| {
            // The network's own accounts came without a transaction.
            let first = trail.transactions.first().and_then(|at| self.history.transactions.get(*at));
            trail.from_genesis || first.is_some_and(|record| record.id.ledger() <= self.last)
        })
    }

    /// A page of a list.
    pub fn page(&self, list: List, scope: Scope, selection: Selection) -> Vec<Record> {
        let history = self.history;
        let index = match scope {
            Scope::Account(_) | Scope::Balance(_) => {
                let trail = match scope {
                    Scope::Account(account) => history.by_account.get(&account),
                    Scope::Balance(balance) => history.by_balance.get(&balance),
                    Scope::All | Scope::Between(..) => None,
                };
                let Some(trail) = trail else { return Vec::new() };
                Some(match list {
                    List::Transactions => &trail.transactions,
                    List::Operations => &trail.operations,
                    List::Payments => &trail.payments,
                    List::Effects => &trail.effects,
                    List::Trades => &trail.trades,
                })
            }
            Scope::All | Scope::Between(..) => (list == List::Payments).then_some(&history.payments),
        };
        let length = index.map_or(
            match list {
                List::Transactions => history.transactions.len(),
                List::Operations | List::Payments => history.operations.len(),
                List::Effects => history.effects.len(),
                List::Trades => history.trades.len(),
            },
            Vec::len,
        );
        let record = |at: usize| {
            let at = index.map_or(Some(at), |index| index.get(at).copied())?;
            history.record(list, at)
        };
        let key = |at: usize| record(at).map_or((i64::MAX, u64::MAX), |record| record.key());
        let told =
            partition_point(length, |at| key(at) < (start(LedgerSeq(self.last.0.saturating_add(1))).0, 0));
        let (from, to) = match scope {
            Scope::All | Scope::Account(_) | Scope::Balance(_) => (0, told),
            Scope::Between(from, to) => (
                partition_point(length, |at| key(at) < (from.0, 0)),
                partition_point(length, |at| key(at) < (to.0, 0)).min(told),
            ),
        };
        let cursor = selection.cursor.map(|(first, second)| match list {
            List::Effects | List::Trades => (first, second),
            List::Transactions | List::Operations | List::Payments => (first, 0),
        });
        let range = match cursor {
            None => from..to,
            Some(cursor) if selection.descending => {
                from..to.min(partition_point(length, |at| key(at) < cursor))
            }
            Some(cursor) => from.max(partition_point(length, |at| key(at) <= cursor))..to,
        };
        let included = |record: &Record| selection.include_failed || record.is_successful();
        let all: Box<dyn Iterator<Item = usize>> =
            if selection.descending { Box::new(range.rev()) } else { Box::new(range) };
        all.filter_map(record).filter(included).take(selection.limit).collect()
    }
}

impl Record {
    /// The record's place in its list.
    pub fn key(&self) -> Cursor {
        match self {
            Self::Transaction(record) => (record.id.0, 0),
            Self::Operation(record) => (record.id.0, 0),
            Self::Effect(record) => (record.operation.0, u64::from(record.number)),
            Self::Trade(record) => (record.operation.0, u64::from(record.number)),
        }
    }

    fn is_successful(&self) -> bool {
        match self {
            Self::Transaction(record) => record.successful,
            Self::Operation(record) => record.tx.successful,
            Self::Effect(_) | Self::Trade(_) => true,
        }
    }
}

fn partition_point(length: usize, before: impl Fn(usize) -> bool) -> usize {
    let Range { mut start, mut end } = 0..length;
    while start < end {
        let middle = start + (end - start) / 2;
        if before(middle) { start = middle + 1 } else { end = middle }
    }
    start
}
