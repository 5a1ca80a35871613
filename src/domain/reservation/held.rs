//! What a held reservation waits for, and when it is looked at again.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Funding, InvalidTransition, Reservation, State};
use crate::domain::asset::Asset;
use crate::domain::money::Stroops;

/// First pause before a held reservation is looked at, in seconds; it doubles up to the largest.
const PAUSE_SECONDS_MIN: i64 = 60;
const PAUSE_SECONDS_MAX: i64 = 86_400;

/// What the account of a held reservation has too little of; never zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lack {
    /// In what: the asset that funded it.
    pub asset: Asset,
    /// How much, in stroops.
    pub amount: Stroops,
}

impl Lack {
    /// What is missing of `funding` where an account holds `held` of its asset; `None` if nothing is.
    pub fn of(funding: &Funding, held: Stroops) -> Option<Self> {
        let amount = funding.amount.checked_sub(held).ok().filter(|amount| !amount.is_zero())?;
        Some(Self { asset: funding.asset, amount })
    }
}

/// When something is looked at again that did not work for the `tries`th time.
pub(super) fn next_look(at: Timestamp, tries: u32) -> Timestamp {
    let doublings = tries.saturating_sub(1).min(PAUSE_SECONDS_MAX.ilog2());
    let pause_seconds = (PAUSE_SECONDS_MIN << doublings).min(PAUSE_SECONDS_MAX);
    at.checked_add(SignedDuration::from_secs(pause_seconds)).unwrap_or(Timestamp::MAX)
}

impl State {
    /// What it lacks, if it is held and that is known.
    pub const fn lacks(&self) -> Option<Lack> {
        match self {
            Self::Held { lacks, .. } => *lacks,
            Self::AwaitingSignatures
            | Self::AwaitingFarmer { .. }
            | Self::AwaitingPayment { .. }
            | Self::Funded { .. }
            | Self::Settling { .. }
            | Self::Settled { .. }
            | Self::Rejected { .. }
            | Self::Cancelled { .. }
            | Self::Expired { .. }
            | Self::Refunding { .. }
            | Self::Refunded { .. } => None,
        }
    }

    /// When it is looked at again, if it is held.
    pub fn next_look(&self) -> Option<Timestamp> {
        match self {
            // One that was held before this was stored waits its first pause.
            Self::Held { since, looks_again_at, .. } => {
                Some(looks_again_at.unwrap_or_else(|| next_look(*since, 1)))
            }
            Self::AwaitingSignatures
            | Self::AwaitingFarmer { .. }
            | Self::AwaitingPayment { .. }
            | Self::Funded { .. }
            | Self::Settling { .. }
            | Self::Settled { .. }
            | Self::Rejected { .. }
            | Self::Cancelled { .. }
            | Self::Expired { .. }
            | Self::Refunding { .. }
            | Self::Refunded { .. } => None,
        }
    }
}

impl Reservation {
    /// Held → held: this is what its account lacks.
    pub fn lacking(mut self, now_lacks: Option<Lack>) -> Result<Self, InvalidTransition> {
        let State::Held { lacks, .. } = &mut self.state else { return Err(self.refuse("lack anything")) };
        *lacks = now_lacks;
        Ok(self)
    }

    /// Held → held: it was looked at in vain, and is left alone for twice as long as the last time.
    pub fn looked_at(mut self, at: Timestamp) -> Result<Self, InvalidTransition> {
        let State::Held { funding, looks_again_at, .. } = &mut self.state else {
            return Err(self.refuse("be looked at"));
        };
        funding.tries = funding.tries.saturating_add(1);
        *looks_again_at = Some(next_look(at, funding.tries));
        Ok(self)
    }

    /// Held → held: money came, so that it is looked at without waiting.
    pub fn looked_at_soon(mut self, now: Timestamp) -> Result<Self, InvalidTransition> {
        let State::Held { looks_again_at, .. } = &mut self.state else {
            return Err(self.refuse("be looked at"));
        };
        *looks_again_at = Some(now);
        Ok(self)
    }
}
