//! The Stellar network as the engine needs it: what the ledger says, and transactions built and sent.
//!
//! Answers come from a Horizon that may lag, lie down, or be two machines at different ledgers behind one
//! address. The types keep apart what is known from what is not: an absent record and a refused
//! submission prove nothing (DESIGN §3).

use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::ids::{ClaimableId, LedgerSeq, OperationId, TxHash};
use crate::domain::money::Stroops;
use crate::domain::payment::{Memo, PaymentKind};
use crate::domain::sealing::SealedSecret;
use crate::domain::transfer::ResultCodes;

/// Operations the ledger takes in one transaction.
pub const TRANSACTION_OPERATIONS_MAX: usize = 100;
/// Signatures the ledger takes on one transaction.
pub const TRANSACTION_SIGNATURES_MAX: usize = 20;
/// Largest page Horizon gives, in records.
pub const PAGE_RECORDS_MAX: usize = 200;

/// Why the network did not answer a question. None of these says anything about a transaction's fate.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NetworkError {
    /// Not reached, timed out, cut off, or 5xx.
    #[error("Horizon is unavailable: {reason}")]
    Unavailable {
        /// What happened, for people.
        reason: String,
        /// How long it asked us to wait, if it did.
        retry_after: Option<Duration>,
    },
    /// 429, or our own request budget is used up.
    #[error("the request budget is used up")]
    RateLimited {
        /// How long to wait.
        retry_after: Duration,
    },
    /// Horizon says itself that its history is behind the ledger: nothing may be decided on it.
    #[error("Horizon's history is behind the ledger")]
    StaleHistory,
    /// The answer is no answer to the question asked: not JSON, a field missing, too large.
    #[error("Horizon answered {what} with something that cannot be read: {reason}")]
    Unreadable {
        /// What was asked.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The answer is larger than is read.
    #[error("Horizon answered {what} with more than {bytes_max} bytes")]
    TooLarge {
        /// What was asked.
        what: &'static str,
        /// How much is read.
        bytes_max: usize,
    },
    /// Horizon refused the question itself (400, 404 on a collection …): a mistake on our side.
    #[error("Horizon refused {what} with {status}: {detail}")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// The HTTP status.
        status: u16,
        /// Its explanation.
        detail: String,
    },
}

/// Why a transaction could not be built and signed. Nothing was sent.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BuildError {
    /// Over the ledger's limits, or not expressible.
    #[error("the transaction cannot be built: {reason}")]
    Invalid {
        /// What is wrong with it.
        reason: String,
    },
    /// The signer gave no signature.
    #[error(transparent)]
    Signer(#[from] super::signer::SignerError),
}

/// A closed ledger.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ledger {
    /// Its number.
    pub sequence: LedgerSeq,
    /// When it closed, by the network's clock.
    pub closed_at: Timestamp,
}

/// One balance of an account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Balance {
    /// Of what.
    pub asset: Asset,
    /// How much, in stroops.
    pub amount: Stroops,
    /// The trust line's limit; `None` for XLM.
    pub limit: Option<Stroops>,
    /// False if the issuer has frozen the line.
    pub authorized: bool,
}

/// Who signs for an account, and what its reserves are counted from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountControl {
    /// Its ed25519 signers with their weights, its own key among them; those of weight 0 may be left out.
    pub signers: Vec<(AccountId, u32)>,
    /// Low, medium and high threshold.
    pub thresholds: [u32; 3],
    /// Its trust lines, offers, signers and data entries.
    pub subentries: u32,
    /// How many reserves it pays for others.
    pub sponsoring: u32,
    /// How many reserves others pay for it.
    pub sponsored: u32,
}

impl AccountControl {
    /// How much `key` weighs; 0 if it is no signer. Horizon has been seen to list a key twice: the larger counts.
    pub fn weight_of(&self, key: AccountId) -> u32 {
        let of_key = self.signers.iter().filter(|(signer, _)| *signer == key);
        of_key.map(|(_, weight)| *weight).max().unwrap_or(0)
    }
}

/// An account as of one ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountSnapshot {
    /// The account.
    pub account: AccountId,
    /// The last sequence number used up.
    pub sequence: i64,
    /// Its balances; XLM is always among them. Pool shares are left out.
    pub balances: Vec<Balance>,
    /// The latest ledger that changed the account **or any of its balance lines**: a payment of a credit does not
    /// touch the account's own entry.
    pub last_modified: LedgerSeq,
    /// Who sponsors it, if anybody.
    pub sponsor: Option<AccountId>,
    /// True if a payment to it must carry a memo (SEP-29).
    pub memo_required: bool,
    /// Who signs for it and what its reserves are counted from; `None` if the answer left part of it out.
    pub control: Option<AccountControl>,
}

/// The answer to a question about one account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountAnswer {
    /// A ledger that the answer is not older than: its `Latest-Ledger`. Without that header the account's last
    /// change; 0 if there is no account either, so that nothing can be concluded.
    pub ledger: LedgerSeq,
    /// The account; `None` if it was not there **on the instance that answered**.
    pub account: Option<AccountSnapshot>,
}

/// One page of the accounts that the platform's key signs for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountPage {
    /// A ledger that the answer is not older than: its `Latest-Ledger`; without that header the latest change on the page.
    pub ledger: LedgerSeq,
    /// The accounts, in address order. One that cannot be read is left out (and logged): absence proves nothing.
    pub accounts: Vec<AccountSnapshot>,
    /// Where the next page goes on; `None` if this was the last.
    pub next: Option<AccountId>,
}

/// One movement of money within an operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Movement {
    /// Its place within the operation, from 0.
    pub change: u16,
    /// Where from; `None` if a contract minted it.
    pub from: Option<Address>,
    /// Where to; `None` if a contract burned it.
    pub to: Option<Address>,
    /// In what.
    pub asset: Asset,
    /// How much arrived.
    pub amount: Stroops,
    /// True if the issuer took it back: that needs nobody's signature but the issuer's.
    pub clawback: bool,
}

/// An operation that moved money.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PaymentRecord {
    /// The operation.
    pub operation: OperationId,
    /// How money moved.
    pub kind: PaymentKind,
    /// Its transaction.
    pub transaction: TxHash,
    /// Of a fee bump, the transaction within, if the record came with its transaction. Anybody may wrap an envelope of
    /// ours into a fee bump once it has been sent: what we stored is known by this hash.
    pub inner_transaction: Option<TxHash>,
    /// False if the transaction failed: nothing moved.
    pub successful: bool,
    /// When its ledger closed.
    pub closed_at: Timestamp,
    /// The transaction's memo; `None` if the record came without its transaction.
    pub memo: Option<Memo>,
    /// What moved. A contract call may move several things, or nothing. Movements of nothing (an account created
    /// with 0) are left out, but keep their place counted.
    pub movements: Vec<Movement>,
}

/// One record of a history page. No record makes a page fail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HistoryRecord {
    /// Money moved.
    Payment(PaymentRecord),
    /// Read, and by its type it moves no amount that the record tells (a merge's amount stands in its effects only).
    NotAPayment {
        /// The operation.
        operation: OperationId,
        /// Its type as Horizon names it.
        kind: String,
        /// Its transaction.
        transaction: TxHash,
    },
    /// Not understood: to be quarantined, so that the cursor can go on.
    Unreadable {
        /// Where it stands in history; `None` if not even that can be read.
        operation: Option<OperationId>,
        /// The record as it came; cut after 1 MiB.
        json: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// An effect's place in history: its operation, and its number among that operation's effects, from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct EffectId {
    /// The operation.
    pub operation: OperationId,
    /// Its number.
    pub index: u32,
}

/// What an effect did to the balances of the account it happened to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EffectKind {
    /// It got so much.
    Credited {
        /// In what.
        asset: Asset,
        /// How much.
        amount: Stroops,
    },
    /// It lost so much.
    Debited {
        /// In what.
        asset: Asset,
        /// How much.
        amount: Stroops,
    },
    /// It traded one asset for another, directly or on the way of somebody's path payment.
    Traded,
    /// Nothing, by its type.
    Nothing,
    /// Not understood.
    Unreadable {
        /// The record as it came; cut after 1 MiB.
        json: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// One effect on an account. No record makes a page fail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EffectRecord {
    /// Its place; `None` if not even that can be read.
    pub id: Option<EffectId>,
    /// What it did.
    pub kind: EffectKind,
}

/// An operation of any type: who did it, and in which transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OperationRecord {
    /// The operation.
    pub operation: OperationId,
    /// Its type as Horizon names it.
    pub kind: String,
    /// Whose operation it is: of a merge the account that was merged, of a clawback the issuer.
    pub source: Address,
    /// Its transaction.
    pub transaction: TxHash,
    /// Of a fee bump, the transaction within, if the record came with its transaction.
    pub inner_transaction: Option<TxHash>,
    /// When its ledger closed.
    pub closed_at: Timestamp,
    /// The transaction's memo; `None` if the record came without its transaction.
    pub memo: Option<Memo>,
}

/// A claimable balance on the ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimableRecord {
    /// Its id as Horizon writes it.
    pub id: String,
    /// In what.
    pub asset: Asset,
    /// How much.
    pub amount: Stroops,
    /// Who pays its reserve: as a rule who made it.
    pub sponsor: Option<AccountId>,
}

/// One page of claimable balances.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimablePage {
    /// The balances. One that cannot be read is left out (and logged).
    pub balances: Vec<ClaimableRecord>,
    /// Where the next page goes on; `None` if this was the last.
    pub next: Option<String>,
}

/// A transaction in a closed ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TransactionRecord {
    /// Its hash; of a fee bump the outer or the inner one.
    pub hash: TxHash,
    /// Of a fee bump, the hash of the transaction within.
    pub inner_hash: Option<TxHash>,
    /// Its ledger.
    pub ledger: LedgerSeq,
    /// Its place: operation `i` (from 1) has the id `position + i`.
    pub position: OperationId,
    /// When its ledger closed.
    pub closed_at: Timestamp,
    /// True if it took effect; otherwise only its fee and sequence number are gone.
    pub successful: bool,
    /// The account whose sequence number it used.
    pub source: AccountId,
    /// The sequence number it used.
    pub sequence: i64,
    /// Who paid the fee.
    pub fee_account: AccountId,
    /// The fee, in stroops of XLM.
    pub fee_charged: Stroops,
    /// The ledger's verdict, read from the result; of a fee bump the inner transaction's. Without operation codes if the
    /// result cannot be decoded.
    pub codes: ResultCodes,
    /// What its merges moved: each one's place among the operations (from 0), and the XLM. Empty if the result cannot be
    /// decoded.
    pub merged: Vec<(usize, Stroops)>,
}

impl PaymentRecord {
    /// The hash of the envelope that its source signed, whoever bumped its fee.
    pub fn envelope_hash(&self) -> TxHash {
        self.inner_transaction.unwrap_or(self.transaction)
    }
}

impl OperationRecord {
    /// The hash of the envelope that its source signed, whoever bumped its fee.
    pub fn envelope_hash(&self) -> TxHash {
        self.inner_transaction.unwrap_or(self.transaction)
    }
}

impl TransactionRecord {
    /// The hash of the envelope whose sequence number was used, whoever bumped its fee.
    pub fn envelope_hash(&self) -> TxHash {
        self.inner_hash.unwrap_or(self.hash)
    }
}

/// What became of a sequence number of an account that is no more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Removed {
    /// This transaction used it.
    Used(Box<TransactionRecord>),
    /// Nothing did, and nothing will.
    Unused {
        /// The ledger that removed the account.
        removed_at: LedgerSeq,
    },
}

/// What sending a transaction told us.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sent {
    /// It is in a closed ledger.
    Included(Box<TransactionRecord>),
    /// Refused with codes. This proves nothing: an earlier attempt may have landed, and `tx_failed` may
    /// itself be in the ledger. Look the hash up.
    Refused {
        /// The codes.
        codes: ResultCodes,
    },
    /// Nobody knows: time-out, reset, 5xx, 429, garbage. It may land later.
    Unknown {
        /// What happened, for people.
        reason: String,
        /// How long to leave Horizon alone, if it said so.
        retry_after: Option<Duration>,
    },
}

/// One payment operation to build.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PaymentOperation {
    /// The escrow account it leaves.
    pub from: AccountId,
    /// Where it goes; a contract cannot be paid.
    pub to: Address,
    /// In what.
    pub asset: Asset,
    /// How much.
    pub amount: Stroops,
    /// Instead of a payment, a claimable balance that the platform sponsors; the platform may take it back from this time on
    /// (whole seconds), the recipient may claim it until then and after. `None` for a payment.
    pub reclaim_from: Option<Timestamp>,
}

/// The operations of a [`Body::Pay`]: which one (from 0) carries each payment, and how many there are.
///
/// A payment is one operation. Claimable balances of one account that follow each other share one pair of operations
/// around them, in which the platform begins and ends to sponsor.
pub fn payment_places(payments: impl IntoIterator<Item = (AccountId, bool)>) -> (Vec<usize>, usize) {
    let (mut places, mut next, mut sponsored) = (Vec::new(), 0, None);
    for (from, claimable) in payments {
        let wanted = claimable.then_some(from);
        if wanted != sponsored {
            next += usize::from(sponsored.is_some()) + usize::from(wanted.is_some());
            sponsored = wanted;
        }
        places.push(next);
        next += 1;
    }
    (places, next + usize::from(sponsored.is_some()))
}

/// An escrow account to close.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Closing {
    /// The account.
    pub account: AccountId,
    /// The trust lines it has.
    pub assets: Vec<Asset>,
    /// Tokens that are paid to the platform's account before its trust lines are removed, each asset once.
    pub carried: Vec<(Asset, Stroops)>,
}

impl Closing {
    /// How many operations close it; the last merges it.
    pub const fn operations(&self) -> usize {
        self.carried.len() + self.assets.len() + 1
    }
}

/// What a transaction to build shall do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// Create `count` channel accounts, their reserves sponsored by the platform, under its signer, their own
    /// keys sealed to the recovery key, or dropped.
    OpenChannels {
        /// How many.
        count: u16,
        /// XLM each gets.
        starting_balance: Stroops,
    },
    /// Create `count` escrow accounts, sponsored by the platform and under its signer, their own keys sealed or dropped
    /// likewise.
    OpenEscrows {
        /// How many.
        count: u16,
        /// The assets each trusts, each named once; XLM needs no trust line.
        assets: Vec<Asset>,
    },
    /// Pay, in this order.
    Pay(Vec<PaymentOperation>),
    /// Claim balances on the platform's own account, which first comes to trust `trust`.
    TakeBack {
        /// The assets it does not trust yet.
        trust: Vec<Asset>,
        /// The balances.
        claimables: Vec<ClaimableId>,
    },
    /// Pay what accounts still hold of tokens to the platform's account, remove their trust lines and merge them into it.
    CloseEscrows(Vec<Closing>),
}

/// A transaction to build.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TransactionPlan {
    /// The account whose sequence number and fee it uses.
    pub channel: AccountId,
    /// The sequence number it uses.
    pub sequence: i64,
    /// It must be in a ledger that closes at or before this; whole seconds.
    pub max_time: Timestamp,
    /// The most we pay per operation, in stroops of XLM.
    pub fee_per_operation: u32,
    /// Its memo.
    pub memo: Memo,
    /// What it does.
    pub body: Body,
}

/// A built and signed transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedTransaction {
    /// Its hash on our network.
    pub hash: TxHash,
    /// The envelope, base64 XDR.
    pub envelope: String,
    /// The accounts it creates, in order.
    pub accounts: Vec<AccountId>,
    /// The sealed secrets of the accounts it creates, in order; empty where they are dropped. They are to be stored with the
    /// envelope: nothing can make them again.
    pub sealed: Vec<SealedSecret>,
    /// The claimable balances it creates, in order.
    pub claimables: Vec<ClaimableId>,
}

/// A signed transaction of ours within a fee bump.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedFeeBump {
    /// The hash of the whole.
    pub hash: TxHash,
    /// The envelope, base64 XDR.
    pub envelope: String,
    /// What it bids per operation, in stroops of XLM; the bump itself counts as one more.
    pub fee_per_operation: u32,
}

/// How a claimable balance ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClaimableEnd {
    /// The operation that ended it.
    pub operation: OperationId,
    /// Its transaction.
    pub transaction: TxHash,
    /// When its ledger closed.
    pub at: Timestamp,
    /// Who claimed it; `None` if the issuer took it back.
    pub claimed_by: Option<AccountId>,
}

/// What the network's client may spend in requests, and what it has spent lately.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Spending {
    /// Requests an hour; `None` for no limit.
    pub per_hour_max: Option<NonZeroU32>,
    /// Requests an hour, as of the last minutes, on everything but [`Network::watched_accounts`] and on opening feeds.
    pub otherwise_per_hour: u64,
}

/// A payment that the network's stream told of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Heard {
    /// Its operation.
    pub operation: OperationId,
    /// Every account that the record names; contracts are left out.
    pub accounts: Vec<AccountId>,
}

/// The network's payments as they happen.
///
/// A hint where to look, and nothing more: a payment may be told twice, late, or not at all.
#[async_trait]
pub trait Feed: Send {
    /// The next payment, however long it takes; `None` at least every two minutes, and for a record that cannot be read.
    ///
    /// # Errors
    /// [`NetworkError`] if the stream broke, was refused, or fell silent. The next call connects again and goes on after the
    /// last payment.
    async fn next(&mut self) -> Result<Option<Heard>, NetworkError>;
}

/// The network. Implemented by `stellar` only.
#[async_trait]
pub trait Network: Send + Sync {
    /// The platform's account, which sponsors every account of ours.
    fn platform(&self) -> AccountId;

    /// How many escrow accounts that trust `assets` credits each one transaction can open; a larger
    /// [`Body::OpenEscrows`] cannot be built.
    fn escrows_per_transaction(&self, assets: usize) -> u16;

    /// How many channel accounts one transaction can open; a larger [`Body::OpenChannels`] cannot be built.
    fn channels_per_transaction(&self) -> u16;

    /// The latest closed ledger that Horizon has.
    async fn tip(&self) -> Result<Ledger, NetworkError>;

    /// A closed ledger; `None` if the instance that answered does not have it (yet).
    async fn ledger(&self, sequence: LedgerSeq) -> Result<Option<Ledger>, NetworkError>;

    /// One account.
    async fn account(&self, account: AccountId) -> Result<AccountAnswer, NetworkError>;

    /// One page, of at most [`PAGE_RECORDS_MAX`], of the accounts the platform's key signs for, after `after`.
    async fn watched_accounts(&self, after: Option<AccountId>) -> Result<AccountPage, NetworkError>;

    /// The records of an account's payment history after `after`, ascending, at most `limit` of them,
    /// with their transactions' memos. Empty if there are none (yet), also for an account without history.
    async fn payments(
        &self,
        account: AccountId,
        after: OperationId,
        limit: usize,
    ) -> Result<Vec<HistoryRecord>, NetworkError>;

    /// The effects on an account after `after` (from the beginning without), ascending, at most `limit` of them. Every change
    /// of a balance but a fee is among them, also what no payment list tells: merges, clawbacks, claims and trades.
    async fn effects(
        &self,
        account: AccountId,
        after: Option<EffectId>,
        limit: usize,
    ) -> Result<Vec<EffectRecord>, NetworkError>;

    /// One operation of whatever type; `None` proves nothing.
    async fn operation(&self, operation: OperationId) -> Result<Option<OperationRecord>, NetworkError>;

    /// One page of the claimable balances that name `claimant`, after `after` (a page's `next`).
    async fn claimable_balances(
        &self,
        claimant: AccountId,
        after: Option<String>,
    ) -> Result<ClaimablePage, NetworkError>;

    /// A transaction by its hash, also a failed one; `None` proves nothing.
    async fn transaction(&self, hash: TxHash) -> Result<Option<TransactionRecord>, NetworkError>;

    /// The transaction that used up `sequence` of `account`; `None` proves nothing.
    async fn transaction_using(
        &self,
        account: AccountId,
        sequence: i64,
    ) -> Result<Option<TransactionRecord>, NetworkError>;

    /// What became of `sequence` of an account that was merged into another; `None` proves nothing.
    async fn removed(&self, account: AccountId, sequence: i64) -> Result<Option<Removed>, NetworkError>;

    /// How a claimable balance ended, from its history; `None` proves nothing.
    async fn claimable_end(&self, id: ClaimableId) -> Result<Option<ClaimableEnd>, NetworkError>;

    /// The request budget. Without a word of it there is none.
    fn spending(&self) -> Spending {
        Spending::default()
    }

    /// Follows all payments of the network after `after`; `None` begins with what comes next. There may be no such feed.
    fn feed(&self, after: Option<OperationId>) -> Option<Box<dyn Feed>> {
        let _ = after;
        None
    }

    /// Builds and signs a transaction. Talks to the signer, never to Horizon.
    async fn build(&self, plan: &TransactionPlan) -> Result<SignedTransaction, BuildError>;

    /// Wraps an envelope of ours in a fee bump that the platform pays, and signs it. It bids this per operation, or what the envelope
    /// bids if that is more. Talks to the signer, never to Horizon.
    async fn bump_fee(&self, envelope: &str, fee_per_operation: u32) -> Result<SignedFeeBump, BuildError>;

    /// Sends an envelope. Sending the same one again is always safe.
    async fn send(&self, envelope: &str) -> Sent;
}
