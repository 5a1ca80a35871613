//! Transactions: what one is to do, the signed envelope, what sending it tells, and its record in a closed
//! ledger.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::ids::{ClaimableId, LedgerSeq, OperationId, TxHash};
use crate::domain::money::Stroops;
use crate::domain::payment::Memo;
use crate::domain::sealing::SealedSecret;
use crate::domain::transfer::ResultCodes;

/// Operations the ledger takes in one transaction.
pub const TRANSACTION_OPERATIONS_MAX: usize = 100;
/// Signatures the ledger takes on one transaction.
pub const TRANSACTION_SIGNATURES_MAX: usize = 20;

/// One payment to build: a payment operation, or a claimable balance.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PaymentOperation {
    /// The escrow account it leaves.
    pub from: AccountId,
    /// Where it goes; a contract cannot be paid.
    pub to: Address,
    /// The asset that is paid.
    pub asset: Asset,
    /// How much, in stroops.
    pub amount: Stroops,
    /// Instead of a payment, a claimable balance that the platform sponsors; the platform may take it back
    /// from this time on (whole seconds), the recipient may claim it until then and after. `None` for a
    /// payment.
    pub reclaim_from: Option<Timestamp>,
}

/// The operations of a [`Body::Pay`]: which one (from 0) carries each payment, and how many there are.
///
/// A payment is one operation. Claimable balances of one account that follow each other share one pair of
/// operations around them, in which the platform begins and ends to sponsor.
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
        /// The XLM that each gets, in stroops.
        starting_balance: Stroops,
    },
    /// Create `count` escrow accounts, sponsored by the platform and under its signer, their own keys sealed
    /// or dropped likewise.
    OpenEscrows {
        /// How many.
        count: u16,
        /// The assets each trusts, each named once; XLM needs no trust line.
        assets: Vec<Asset>,
    },
    /// Pay, in this order.
    Pay(Vec<PaymentOperation>),
    /// Claim balances on the platform's own account, which first comes to trust `trust`.
    Reclaim {
        /// The assets it does not trust yet.
        trust: Vec<Asset>,
        /// The balances.
        claimables: Vec<ClaimableId>,
    },
    /// Pay what accounts still hold of tokens to the platform's account, remove their trust lines and merge
    /// them into it.
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

/// A built and signed transaction. Nobody has it yet: it is to be stored before it is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedTransaction {
    /// Its hash on our network.
    pub hash: TxHash,
    /// The envelope, base64 XDR.
    pub envelope: String,
    /// The accounts it creates, in order.
    pub accounts: Vec<AccountId>,
    /// The sealed secrets of the accounts it creates, in order; empty where they are dropped. They are to be
    /// stored with the envelope: nothing can make them again.
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

/// What sending a transaction told us. Only [`Sent::Included`] says what became of it.
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

/// A transaction in a closed ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TransactionRecord {
    /// Its hash; of a fee bump the outer or the inner one.
    pub hash: TxHash,
    /// Of a fee bump, the hash of the transaction within.
    pub inner_hash: Option<TxHash>,
    /// Its ledger.
    pub ledger: LedgerSeq,
    /// Its place in history: the id of its `i`th operation, counted from 1, is `position + i`.
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
    /// The ledger's verdict, read from the result; of a fee bump the inner transaction's. Without operation
    /// codes if the result cannot be decoded.
    pub codes: ResultCodes,
    /// What its merges moved: each one's place among the operations (from 0), and the XLM. Empty if the
    /// result cannot be decoded.
    pub merged: Vec<(usize, Stroops)>,
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
