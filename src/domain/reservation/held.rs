//! What a held reservation waits for, and when it is looked at again.

use jiff::Timestamp;

use super::funding::{Lack, next_look};
use super::{InvalidTransition, Reservation, State};

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
