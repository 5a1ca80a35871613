//! Names of things: our own ids, and the ledger's, which come from `stellar_types`.
//!
//! Our ids hold 41 bits of milliseconds since [`ID_EPOCH_MILLIS`] and 12 random bits: 53 in all, so that
//! JavaScript keeps them whole. They are made by the application, so that a caller can name what
//! a transaction will write before it writes it; the database's primary key catches the rare
//! collision, and the transaction is tried again with a fresh one. They are shown as decimal strings.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
pub use stellar_types::ids::{
    ClaimableId, ClaimableIdError, IdError, LedgerHash, LedgerHashError, LedgerSeq, OperationId, TxHash,
    TxHashError,
};

/// 2025-01-01T00:00:00Z: where the 41 bits of milliseconds begin (they end in 2094).
pub const ID_EPOCH_MILLIS: i64 = 1_735_689_600_000;
const ID_RANDOM_BITS: u32 = 12;
const ID_MAX: i64 = (1 << 53) - 1;

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
    /// One decision.
    AuditId,
    /// A change of who is paid.
    ChangeId,
}

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
