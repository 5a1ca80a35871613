//! Names of things: our own ids, and the ledger's.
//!
//! Our ids hold 41 bits of milliseconds since [`ID_EPOCH_MILLIS`] and 12 random bits: 53 in all, so that
//! JavaScript keeps them whole. They are made by the application, so that a caller can name what
//! a transaction will write before it writes it; the database's primary key catches the rare
//! collision, and the transaction is tried again with a fresh one. They are shown as decimal strings.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// 2025-01-01T00:00:00Z: where the 41 bits of milliseconds begin (they end in 2094).
pub const ID_EPOCH_MILLIS: i64 = 1_735_689_600_000;
const ID_RANDOM_BITS: u32 = 12;
const ID_MAX: i64 = (1 << 53) - 1;

/// A text that is no id: not a decimal number from 0 to 2⁵³−1 without sign or leading zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is a decimal number from 0 to 9007199254740991")]
pub struct IdError;

/// The number of a new id, made at `now` with `random` (its lowest 12 bits are used).
pub fn new_id_number(now: Timestamp, random: u16) -> i64 {
    let millis = (now.as_millisecond() - ID_EPOCH_MILLIS).clamp(0, (1 << 41) - 1);
    (millis << ID_RANDOM_BITS) | i64::from(random & ((1 << ID_RANDOM_BITS) - 1))
}

/// When the id of this number was made; ids that the explorer gives say nothing of it.
pub fn made_at(number: i64) -> Timestamp {
    Timestamp::from_millisecond((number >> ID_RANDOM_BITS) + ID_EPOCH_MILLIS).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn parse_id(text: &str) -> Result<i64, IdError> {
    let canonical = !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'));
    let number = if canonical { text.parse().map_err(|_| IdError)? } else { return Err(IdError) };
    if number > ID_MAX { Err(IdError) } else { Ok(number) }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            /// The id with this number; numbers outside 0 to 2⁵³−1 are refused.
            pub const fn new(number: i64) -> Result<Self, IdError> {
                if number < 0 || number > ID_MAX { Err(IdError) } else { Ok(Self(number)) }
            }

            /// A fresh id, made at `now` with 12 of the `random` bits.
            pub fn generate(now: Timestamp, random: u16) -> Self {
                Self(new_id_number(now, random))
            }

            /// The number, as the database holds it.
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse_id(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        super::address::serde_as_text!($name);
    )+};
}

ids! {
    /// A farm, numbered by the explorer.
    FarmId,
    /// A node, numbered by the explorer.
    NodeId,
    /// An identity (customer, farmer), numbered by the explorer.
    IdentityId,
    /// A capacity reservation.
    ReservationId,
    /// A pool: the id of the reservation that created it, in a type of its own.
    PoolId,
    /// Money that goes out.
    TransferId,
    /// A transaction of ours, in all its envelopes.
    SubmissionId,
    /// One balanced entry of the journal.
    EntryId,
    /// One event for the outside.
    EventId,
    /// An API key.
    ApiKeyId,
}

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

super::address::serde_as_text!(OperationId, TxHash, ClaimableId);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_canonical_decimals_are_ids() {
        for text in ["", "-1", "+1", "01", "1.0", "9007199254740992", "99999999999999999999", "x"] {
            assert_eq!(text.parse::<FarmId>(), Err(IdError), "{text}");
        }
        assert_eq!("9007199254740991".parse(), FarmId::new(ID_MAX));
    }

    #[test]
    fn operation_ids_tell_their_ledger() {
        let id = OperationId::from_parts(LedgerSeq(2_120_653), 7, 1);
        assert_eq!(id.0, 2_120_653 << 32 | 7 << 12 | 1);
        assert_eq!(id.ledger(), LedgerSeq(2_120_653));
    }

    proptest! {
        #[test]
        fn ids_sort_by_time_and_stay_in_53_bits(
            millis in ID_EPOCH_MILLIS..=3_900_000_000_000_i64,
            random: u16,
        ) {
            let at = |millis| Timestamp::from_millisecond(millis).unwrap();
            let (early, late) = (new_id_number(at(millis), u16::MAX), new_id_number(at(millis + 1), random));
            prop_assert!(early < late && late <= ID_MAX);
            prop_assert_eq!(made_at(early), at(millis));
        }
    }
}
