//! The ledger's own names of things: ledgers, operations, transactions and claimable balances.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is no id: not a decimal number without sign, or too large for its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is a decimal number from 0 to 9007199254740991")]
pub struct IdError;

/// The number of a ledger; one closes about every five seconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LedgerSeq(pub u32);

impl fmt::Display for LedgerSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// An operation's place in history (SEP-35 TOID): ledger (32 bits), transaction (20), operation (12).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OperationId(pub i64);

impl OperationId {
    /// The id of operation `operation` (from 1; 0 names the transaction) of transaction
    /// `transaction` (from 1) in `ledger`.
    pub const fn from_parts(ledger: LedgerSeq, transaction: u32, operation: u32) -> Self {
        Self(((ledger.0 as i64) << 32) | ((transaction as i64) << 12) | operation as i64)
    }

    /// The ledger the operation is in.
    pub const fn ledger(self) -> LedgerSeq {
        LedgerSeq((self.0 >> 32) as u32)
    }
}

impl FromStr for OperationId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        match text.parse::<i64>() {
            Ok(number) if number >= 0 => Ok(Self(number)),
            _ => Err(IdError),
        }
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A transaction's hash: SHA-256 of its network-bound signature payload, written in lowercase hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TxHash(pub [u8; 32]);

impl FromStr for TxHash {
    type Err = TxHashError;

    fn from_str(text: &str) -> Result<Self, TxHashError> {
        let mut bytes = [0; 32];
        let lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !lower || hex::decode_to_slice(text, &mut bytes).is_err() {
            return Err(TxHashError);
        }
        Ok(Self(bytes))
    }
}

/// A closed ledger's hash: SHA-256 of its header, which names the ledger before it. Written in lowercase hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LedgerHash(pub [u8; 32]);

impl FromStr for LedgerHash {
    type Err = LedgerHashError;

    fn from_str(text: &str) -> Result<Self, LedgerHashError> {
        text.parse().map(|TxHash(bytes)| Self(bytes)).map_err(|_| LedgerHashError)
    }
}

/// A text that is no ledger's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a ledger's hash is 64 lowercase hexadecimal digits")]
pub struct LedgerHashError;

impl fmt::Display for LedgerHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&TxHash(self.0), f)
    }
}

impl fmt::Debug for LedgerHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A claimable balance's id: the hash of the transaction source, its sequence number and the operation's
/// place. Written as Horizon writes it: the type, 00000000, and the hash in lowercase hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimableId(pub [u8; 32]);

const CLAIMABLE_TYPE: &str = "00000000";

impl FromStr for ClaimableId {
    type Err = ClaimableIdError;

    fn from_str(text: &str) -> Result<Self, ClaimableIdError> {
        let hash = text.strip_prefix(CLAIMABLE_TYPE).ok_or(ClaimableIdError)?;
        hash.parse().map(|TxHash(bytes)| Self(bytes)).map_err(|_| ClaimableIdError)
    }
}

/// A text that is no claimable balance's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a claimable balance's id is 00000000 and 64 lowercase hexadecimal digits")]
pub struct ClaimableIdError;

impl fmt::Display for ClaimableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{CLAIMABLE_TYPE}{}", TxHash(self.0))
    }
}

impl fmt::Debug for ClaimableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no transaction hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a transaction hash is 64 lowercase hexadecimal digits")]
pub struct TxHashError;

impl fmt::Display for TxHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for TxHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

crate::serde_as_text!(OperationId, TxHash, LedgerHash, ClaimableId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operation_ids_tell_their_ledger() {
        let id = OperationId::from_parts(LedgerSeq(2_120_653), 7, 1);
        assert_eq!(id.0, 2_120_653 << 32 | 7 << 12 | 1);
        assert_eq!(id.ledger(), LedgerSeq(2_120_653));
    }
}
