//! What closed ledgers say: the ledgers themselves, operations that moved money, effects.

use jiff::Timestamp;

use crate::domain::address::Address;
use crate::domain::asset::Asset;
use crate::domain::ids::{OperationId, TxHash};
pub use crate::domain::ledger::Ledger;
use crate::domain::money::Stroops;
use crate::domain::payment::{Memo, PaymentKind};

/// Largest page Horizon gives, in records.
pub const PAGE_RECORDS_MAX: usize = 200;

/// One movement of money from one account to another, within an operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Movement {
    /// Its place within the operation, from 0.
    pub change: u16,
    /// Where from; `None` if a contract minted it.
    pub from: Option<Address>,
    /// Where to; `None` if a contract burned it.
    pub to: Option<Address>,
    /// The asset that arrived.
    pub asset: Asset,
    /// How much arrived, in stroops.
    pub amount: Stroops,
    /// True if the issuer took it back: that needs nobody's signature but the issuer's.
    pub clawback: bool,
}

/// An operation that moved money.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PaymentRecord {
    /// The operation.
    pub operation: OperationId,
    /// The kind of operation: how money moved.
    pub kind: PaymentKind,
    /// Its transaction.
    pub transaction: TxHash,
    /// Of a fee bump, the transaction within, if the record came with its transaction. Anybody may wrap an
    /// envelope of ours into a fee bump once it has been sent: what we stored is known by this hash.
    pub inner_transaction: Option<TxHash>,
    /// False if the transaction failed: nothing moved.
    pub successful: bool,
    /// When its ledger closed.
    pub closed_at: Timestamp,
    /// The transaction's memo; `None` if the record came without its transaction.
    pub memo: Option<Memo>,
    /// What moved. A contract call may move several things, or nothing. Movements of nothing (an account
    /// created with 0) are left out, but keep their place counted.
    pub movements: Vec<Movement>,
}

impl PaymentRecord {
    /// The hash of the envelope that its source signed, whoever bumped its fee.
    pub fn envelope_hash(&self) -> TxHash {
        self.inner_transaction.unwrap_or(self.transaction)
    }
}

/// One record of a history page. No record makes a page fail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HistoryRecord {
    /// Money moved.
    Payment(PaymentRecord),
    /// Read, and by its type it moves no amount that the record tells (a merge's amount stands in its effects
    /// only).
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
    /// Its balance rose.
    Credited {
        /// The balance's asset.
        asset: Asset,
        /// By how much, in stroops.
        amount: Stroops,
    },
    /// Its balance fell.
    Debited {
        /// The balance's asset.
        asset: Asset,
        /// By how much, in stroops.
        amount: Stroops,
    },
    /// It traded one asset for another, directly or on the way of somebody's path payment.
    Traded,
    /// No balance changed: effects of its type never change one.
    Nothing,
    /// The record could not be read: what it did is unknown.
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
    /// What it did to the account's balances.
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

impl OperationRecord {
    /// The hash of the envelope that its source signed, whoever bumped its fee.
    pub fn envelope_hash(&self) -> TxHash {
        self.inner_transaction.unwrap_or(self.transaction)
    }
}
