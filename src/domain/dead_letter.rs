//! Dead letters: what the engine cannot bring further by itself, or has tried in vain. Nothing is dropped:
//! each waits for a person, or for what it lacks.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// After how long a change of a balance that no history explains is an alarm.
pub const UNEXPLAINED_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// How long after its `max_time` the outcome of a transaction should have been found.
pub const UNKNOWN_AFTER: SignedDuration = SignedDuration::from_mins(10);
/// How long after it may be reclaimed a claimable balance should have been, if nothing was tried.
pub const UNTAKEN_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// First pause before something is tried again that could not be delivered, in seconds; it doubles
/// up to the largest.
pub const RETRY_SECONDS_MIN: i64 = 60;
/// The largest.
pub const RETRY_SECONDS_MAX: i64 = 86_400;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)+) => {
        /// What it is that does not go on.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub enum Kind {
            $($(#[$doc])* #[serde(rename = $text)] $name,)+
        }

        impl Kind {
            /// All of them, in the order in which they are listed.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// As written in the API, the CLI and the metrics.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

kinds! {
    /// The engine stopped until a person has looked.
    StoppedEngine = "stopped_engine";
    /// A record of an account's history that could not be understood.
    UnreadableRecord = "unreadable_record";
    /// A row of the database that cannot be read.
    UnreadableRow = "unreadable_row";
    /// A reservation that is funded and cannot be settled now.
    HeldReservation = "held_reservation";
    /// Money of a payment that cannot go back now.
    UndeliverableReturn = "undeliverable_return";
    /// Money of a claimable balance that was reclaimed and is not paid.
    UnpaidRepayment = "unpaid_repayment";
    /// A claimable balance that could not be reclaimed.
    UntakeableBalance = "untakeable_balance";
    /// An account whose balances its history does not explain.
    UnexplainedAccount = "unexplained_account";
    /// A transaction whose outcome is not found long after it could have landed.
    UnknownTransaction = "unknown_transaction";
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a kind of dead letter: stopped_engine, unreadable_record, unreadable_row, held_reservation, \
     undeliverable_return, unpaid_repayment, untakeable_balance, unexplained_account or unknown_transaction"
)]
pub struct KindError;

impl FromStr for Kind {
    type Err = KindError;

    fn from_str(text: &str) -> Result<Self, KindError> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or(KindError)
    }
}

/// Names one dead letter for as long as it is one: `kind:key`, such as `held_reservation:41`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LetterId {
    /// What it is.
    pub kind: Kind,
    /// Which of its kind: the id of what does not go on.
    pub key: String,
}

/// A text that is no dead letter's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a dead letter's id, kind:key")]
pub struct LetterIdError;

impl LetterId {
    /// The id of the one of its kind with this key.
    pub fn new(kind: Kind, key: impl fmt::Display) -> Self {
        Self { kind, key: key.to_string() }
    }
}

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.key)
    }
}

impl FromStr for LetterId {
    type Err = LetterIdError;

    fn from_str(text: &str) -> Result<Self, LetterIdError> {
        let (kind, key) = text.split_once(':').ok_or(LetterIdError)?;
        let kind = kind.parse().map_err(|_| LetterIdError)?;
        let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if is_key { Ok(Self { kind, key: key.to_owned() }) } else { Err(LetterIdError) }
    }
}

super::address::serde_as_text!(LetterId);

/// Why money could not be delivered when it was last tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// Who it is for demands a memo that nobody told us.
    MemoDemanded,
    /// Who it is for has no account.
    NoAccount,
    /// Who it is for has no trust line, no authorisation, or no room for it.
    CannotReceive,
    /// Who it is for cannot receive it, and no claimable balance is made for what is worth so little,
    /// or nobody knows how much.
    NotWorthABalance,
    /// Who it is for cannot receive it, and returns stand in as many claimable balances as they may.
    TooManyBalances,
    /// The ledger, or the network, refused the transaction that carried it.
    Refused,
    /// The network does not answer whether who it is for can receive it.
    Unanswered,
}

impl Why {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::MemoDemanded,
        Self::NoAccount,
        Self::CannotReceive,
        Self::NotWorthABalance,
        Self::TooManyBalances,
        Self::Refused,
        Self::Unanswered,
    ];

    /// As stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MemoDemanded => "memo_demanded",
            Self::NoAccount => "no_account",
            Self::CannotReceive => "cannot_receive",
            Self::NotWorthABalance => "not_worth_a_balance",
            Self::TooManyBalances => "too_many_balances",
            Self::Refused => "refused",
            Self::Unanswered => "unanswered",
        }
    }

    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::MemoDemanded => "its address demands a memo that nobody told",
            Self::NoAccount => "its address has no account on the ledger",
            Self::CannotReceive => "its address has no trust line, no authorisation or no room for it",
            Self::NotWorthABalance => {
                "its address cannot receive it, and it is not known to be worth a claimable balance"
            }
            Self::TooManyBalances => {
                "its address cannot receive it, and returns stand in as many claimable balances as they may"
            }
            Self::Refused => "its transaction was refused",
            Self::Unanswered => "the network does not answer about its address",
        }
    }
}

/// Money that could not be delivered, as it was last tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Undelivered {
    /// Why not.
    pub why: Why,
    /// When that was first so.
    pub since: Timestamp,
    /// How often it was tried since.
    pub looks: u32,
    /// When it is tried again at the latest, by an engine that runs.
    pub next_look_at: Timestamp,
}

impl Undelivered {
    /// After one more try in vain: the pauses double.
    pub fn again(before: Option<Self>, why: Why, now: Timestamp) -> Self {
        let looks = before.map_or(0, |before| before.looks).saturating_add(1);
        let doublings = (looks - 1).min(RETRY_SECONDS_MAX.ilog2());
        let pause = SignedDuration::from_secs((RETRY_SECONDS_MIN << doublings).min(RETRY_SECONDS_MAX));
        let next_look_at = now.checked_add(pause).unwrap_or(now);
        Self { why, since: before.map_or(now, |before| before.since), looks, next_look_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_dead_letters_are_read_as_they_are_written() {
        for kind in Kind::ALL {
            let id = LetterId::new(*kind, "GABC-41");
            assert_eq!(id.to_string().parse(), Ok(id));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        for text in [
            "",
            "held_reservation",
            "held_reservation:",
            "held:41",
            "held_reservation:4/1",
            "held_reservation:é",
        ] {
            assert_eq!(text.parse::<LetterId>(), Err(LetterIdError), "{text}");
        }
        assert!(Kind::ALL.iter().all(|kind| KindError.to_string().contains(kind.as_str())));
    }

    #[test]
    fn pauses_of_what_is_undelivered_double_up_to_a_day() {
        let mut now = Timestamp::UNIX_EPOCH;
        let mut last = None;
        for seconds in [60, 120, 240] {
            let undelivered = Undelivered::again(last, Why::NoAccount, now);
            assert_eq!(undelivered.next_look_at.duration_since(now).as_secs(), seconds);
            assert_eq!(undelivered.since, Timestamp::UNIX_EPOCH);
            now = undelivered.next_look_at;
            last = Some(undelivered);
        }
        let many = last.map(|last| Undelivered { looks: u32::MAX - 1, ..last });
        assert_eq!(
            Undelivered::again(many, Why::NoAccount, now).next_look_at.duration_since(now).as_secs(),
            86_400
        );
    }
}
