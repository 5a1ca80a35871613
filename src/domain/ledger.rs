//! A closed ledger, and whether two of them can be of one network.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{LedgerHash, LedgerSeq};

/// Most ledgers that one instance behind Horizon's address is behind another: a minute.
pub const INSTANCE_LAG_LEDGERS_MAX: u32 = 12;
/// The same in seconds of ledger time, of five each.
pub const INSTANCE_LAG_SECONDS_MAX: i64 = 60;

/// A closed ledger.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ledger {
    /// Its sequence number.
    pub sequence: LedgerSeq,
    /// Its hash. It names the ledger before it, so that it stands for the whole history.
    pub hash: LedgerHash,
    /// When it closed, by the network's clock.
    pub closed_at: Timestamp,
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = self.hash.to_string();
        write!(f, "ledger {} ({:.8}…, closed {})", self.sequence, hash, self.closed_at)
    }
}

/// How a network contradicts a ledger that was seen before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Divergence {
    /// Its latest ledger is behind the one that was seen, further than an instance lags: the server is out of
    /// date.
    LedgerFellBack {
        /// What was seen before.
        seen: Ledger,
        /// The latest ledger now.
        found: Ledger,
    },
    /// The two ledgers cannot be of one network: it was reset, or is another one of the same passphrase.
    OtherNetwork {
        /// What was seen before.
        seen: Ledger,
        /// What contradicts it.
        found: Ledger,
    },
}

impl Divergence {
    /// What `found`, a network's latest ledger or the one of the same number, says against a ledger that was
    /// `seen` before.
    ///
    /// Numbers and closing times of one network rise together. Those of a network that was reset begin
    /// again with the first number, and close after everything that was seen before the reset. (Its first
    /// ledger is no mark: it follows from the passphrase alone.)
    pub fn between(seen: Ledger, found: Ledger) -> Option<Self> {
        let same_number = seen.sequence == found.sequence;
        let earlier = found.sequence < seen.sequence && found.closed_at > seen.closed_at;
        let later = found.sequence > seen.sequence && found.closed_at < seen.closed_at;
        if same_number && seen != found || earlier || later {
            return Some(Self::OtherNetwork { seen, found });
        }
        let behind = seen.sequence.0.saturating_sub(found.sequence.0);
        (behind > INSTANCE_LAG_LEDGERS_MAX).then_some(Self::LedgerFellBack { seen, found })
    }

    /// Its name, as the API and `/readyz` give it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::LedgerFellBack { .. } => "ledger_fell_back",
            Self::OtherNetwork { .. } => "other_network",
        }
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LedgerFellBack { seen, found } => {
                write!(f, "the network is at {found}, but {seen} was seen before: its server is out of date")
            }
            Self::OtherNetwork { seen, found } => write!(
                f,
                "the network has {found}, but {seen} was seen before: it was reset, or is another network of \
                 the same passphrase"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(sequence: u32, hash: u8, second: i64) -> Ledger {
        let closed_at = Timestamp::from_second(second).unwrap();
        Ledger { sequence: LedgerSeq(sequence), hash: LedgerHash([hash; 32]), closed_at }
    }

    fn name(seen: Ledger, found: Ledger) -> Option<&'static str> {
        Divergence::between(seen, found).map(|divergence| divergence.name())
    }

    #[test]
    fn a_network_that_goes_on_or_whose_instance_lags_a_little_is_the_same() {
        let seen = ledger(100, 1, 1_000);
        for found in [seen, ledger(101, 2, 1_005), ledger(100_000, 2, 1_000), ledger(88, 2, 940)] {
            assert_eq!(name(seen, found), None, "{found}");
        }
    }

    #[test]
    fn a_latest_ledger_further_back_than_an_instance_lags_fell_back() {
        assert_eq!(name(ledger(100, 1, 1_000), ledger(87, 2, 935)), Some("ledger_fell_back"));
        assert_eq!(name(ledger(100, 1, 1_000), ledger(1, 2, 0)), Some("ledger_fell_back"));
    }

    #[test]
    fn numbers_and_times_that_do_not_rise_together_are_of_another_network() {
        let seen = ledger(19, 1, 1_000);
        for found in [
            ledger(14, 2, 1_001),
            ledger(18, 2, 1_500),
            ledger(19, 2, 1_000),
            ledger(19, 1, 1_001),
            ledger(20, 2, 999),
        ] {
            assert_eq!(name(seen, found), Some("other_network"), "{found}");
        }
    }
}
