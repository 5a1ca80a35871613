//! What became of a transaction, and how the network writes that.

use stellar_xdr::{
    Hash, InnerTransactionResult, InnerTransactionResultExt, InnerTransactionResultPair,
    InnerTransactionResultResult as Inner, OperationResult, TransactionResult, TransactionResultExt,
    TransactionResultResult as Outer,
};

use crate::xdr::Tx;
use stellar_types::ids::TxHash;

/// Why a transaction as a whole was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Before its first allowed time or ledger.
    TooEarly,
    /// After its last.
    TooLate,
    /// It does nothing.
    MissingOperation,
    /// Not the next sequence number of its source.
    BadSequence,
    /// Signatures of too little weight.
    BadAuth,
    /// The fee source cannot pay the bid.
    InsufficientBalance,
    /// The source does not exist.
    NoAccount,
    /// The bid is below the minimum.
    InsufficientFee,
    /// A signature that nothing needed.
    BadAuthExtra,
    /// Of a kind that this ledger does not know.
    NotSupported,
    /// A sponsorship was begun and not ended.
    BadSponsorship,
    /// The source's last sequence number is too young.
    BadMinSequenceAgeOrGap,
    /// Not well formed.
    Malformed,
}

/// What became of a transaction with its operations.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// All operations succeeded.
    Success(Vec<OperationResult>),
    /// At least one did not; nothing but the fee and the sequence number changed.
    Failed(Vec<OperationResult>),
    /// It did not get to its operations, or was taken back after them.
    Refused(Refusal),
}

/// The result of an envelope.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The fee that was, or would have been, taken, in stroops.
    pub fee_charged: i64,
    of: Of,
}

#[derive(Debug, Clone, PartialEq)]
enum Of {
    Plain(Verdict),
    FeeBump { inner_hash: TxHash, inner_fee: i64, inner: Verdict },
    FeeBumpRefused(Refusal),
}

impl Outcome {
    /// The outcome of `tx` from that of its operations. For a fee bump, `fee` is what the whole costs
    /// and the inner result repeats the inner share.
    pub fn of(tx: &Tx, fee: i64, verdict: Verdict) -> Self {
        let of = match tx.inner_hash {
            None => Of::Plain(verdict),
            Some(inner_hash) => {
                let share = fee - fee / i64::from(tx.fee_operations());
                Of::FeeBump { inner_hash, inner_fee: share, inner: verdict }
            }
        };
        Self { fee_charged: fee, of }
    }

    /// A fee bump that was refused for itself.
    pub fn refused_outside(fee: i64, reason: Refusal) -> Self {
        Self { fee_charged: fee, of: Of::FeeBumpRefused(reason) }
    }

    /// A refusal of the whole envelope, fee bump or not.
    pub fn refused(tx: &Tx, fee: i64, reason: Refusal) -> Self {
        if tx.inner_hash.is_some() {
            Self::refused_outside(fee, reason)
        } else {
            Self::of(tx, fee, Verdict::Refused(reason))
        }
    }

    /// True if all operations took effect.
    pub fn is_success(&self) -> bool {
        match &self.of {
            Of::Plain(verdict) | Of::FeeBump { inner: verdict, .. } => matches!(verdict, Verdict::Success(_)),
            Of::FeeBumpRefused(_) => false,
        }
    }

    /// As the network writes it.
    pub fn to_xdr(&self) -> TransactionResult {
        let result = match &self.of {
            Of::Plain(verdict) => outer(verdict),
            Of::FeeBumpRefused(reason) => outer_refusal(*reason),
            Of::FeeBump { inner_hash, inner_fee, inner: verdict } => {
                let pair = InnerTransactionResultPair {
                    transaction_hash: Hash(inner_hash.0),
                    result: InnerTransactionResult {
                        fee_charged: *inner_fee,
                        result: inner(verdict),
                        ext: InnerTransactionResultExt::V0,
                    },
                };
                match verdict {
                    Verdict::Success(_) => Outer::TxFeeBumpInnerSuccess(pair),
                    Verdict::Failed(_) | Verdict::Refused(_) => Outer::TxFeeBumpInnerFailed(pair),
                }
            }
        };
        TransactionResult { fee_charged: self.fee_charged, result, ext: TransactionResultExt::V0 }
    }
}

fn outer(verdict: &Verdict) -> Outer {
    match verdict {
        Verdict::Success(results) => Outer::TxSuccess(results.clone().try_into().unwrap_or_default()),
        Verdict::Failed(results) => Outer::TxFailed(results.clone().try_into().unwrap_or_default()),
        Verdict::Refused(reason) => outer_refusal(*reason),
    }
}

fn outer_refusal(reason: Refusal) -> Outer {
    match reason {
        Refusal::TooEarly => Outer::TxTooEarly,
        Refusal::TooLate => Outer::TxTooLate,
        Refusal::MissingOperation => Outer::TxMissingOperation,
        Refusal::BadSequence => Outer::TxBadSeq,
        Refusal::BadAuth => Outer::TxBadAuth,
        Refusal::InsufficientBalance => Outer::TxInsufficientBalance,
        Refusal::NoAccount => Outer::TxNoAccount,
        Refusal::InsufficientFee => Outer::TxInsufficientFee,
        Refusal::BadAuthExtra => Outer::TxBadAuthExtra,
        Refusal::NotSupported => Outer::TxNotSupported,
        Refusal::BadSponsorship => Outer::TxBadSponsorship,
        Refusal::BadMinSequenceAgeOrGap => Outer::TxBadMinSeqAgeOrGap,
        Refusal::Malformed => Outer::TxMalformed,
    }
}

fn inner(verdict: &Verdict) -> Inner {
    let reason = match verdict {
        Verdict::Success(results) => return Inner::TxSuccess(results.clone().try_into().unwrap_or_default()),
        Verdict::Failed(results) => return Inner::TxFailed(results.clone().try_into().unwrap_or_default()),
        Verdict::Refused(reason) => *reason,
    };
    match reason {
        Refusal::TooEarly => Inner::TxTooEarly,
        Refusal::TooLate => Inner::TxTooLate,
        Refusal::MissingOperation => Inner::TxMissingOperation,
        Refusal::BadSequence => Inner::TxBadSeq,
        Refusal::BadAuth => Inner::TxBadAuth,
        Refusal::InsufficientBalance => Inner::TxInsufficientBalance,
        Refusal::NoAccount => Inner::TxNoAccount,
        Refusal::InsufficientFee => Inner::TxInsufficientFee,
        Refusal::BadAuthExtra => Inner::TxBadAuthExtra,
        Refusal::NotSupported => Inner::TxNotSupported,
        Refusal::BadSponsorship => Inner::TxBadSponsorship,
        Refusal::BadMinSequenceAgeOrGap => Inner::TxBadMinSeqAgeOrGap,
        Refusal::Malformed => Inner::TxMalformed,
    }
}
