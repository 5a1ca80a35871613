//! Claimable balances: money for somebody who could not receive a payment.
//!
//! The platform pays the reserve of each and is its second claimant: after [`RECLAIM_AFTER_SECONDS`] it takes
//! back what nobody claimed. That frees the reserve; the money stays owed (`docs/money-rules.md`).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::address::AccountId;
use super::asset::Asset;
use super::ids::{ClaimableId, OperationId, ReservationId, SubmissionId, TransferId};
use super::money::Stroops;

/// For how long only the recipient may claim: 180 days, in seconds of ledger time.
pub const RECLAIM_AFTER_SECONDS: i64 = 180 * 86_400;

/// Most claimable balances that may stand for one farm in one asset. While there are so many, orders that
/// would pay the farm in it are refused, and a settlement that would make one more is called off: each locks
/// reserves of the platform's.
pub const FARM_CLAIMABLES_MAX: u32 = 20;

/// How far a claimable balance has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ClaimableState {
    /// On the ledger, not claimed as far as we know.
    Outstanding,
    /// The recipient has it.
    Claimed {
        /// The operation that claimed it.
        operation: OperationId,
        /// When its ledger closed.
        at: Timestamp,
    },
    /// The issuer took it back, as it can from any account: the recipient bears that.
    ClawedBack {
        /// The operation that took it.
        operation: OperationId,
        /// When its ledger closed.
        at: Timestamp,
    },
    /// A transaction that reclaims it is stored, and may land.
    #[serde(rename = "taking_back")]
    Reclaiming {
        /// That transaction.
        submission: SubmissionId,
    },
    /// The platform has it again. It stays owed.
    #[serde(rename = "taken_back")]
    Reclaimed {
        /// The transaction that took it.
        submission: SubmissionId,
        /// When its ledger closed.
        at: Timestamp,
    },
}

/// A claimable balance of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claimable {
    /// Its id on the ledger.
    pub id: ClaimableId,
    /// The transfer it delivers.
    pub transfer: TransferId,
    /// The reservation whose money it was; `None` for money that came to an account that none had.
    pub reservation: Option<ReservationId>,
    /// Who may claim it.
    pub recipient: AccountId,
    /// In what.
    pub asset: Asset,
    /// How much, in stroops.
    pub amount: Stroops,
    /// When the ledger that made it closed.
    pub created_at: Timestamp,
    /// From when on the platform may take it back.
    pub reclaim_from: Timestamp,
    /// How far it has come.
    pub state: ClaimableState,
}

/// A way between states that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("claimable balance {id} is {state}: it cannot be {change}")]
pub struct InvalidClaimableTransition {
    /// Which one.
    pub id: ClaimableId,
    /// Its state.
    pub state: &'static str,
    /// What was tried.
    pub change: &'static str,
}

impl ClaimableState {
    /// The state's name as stored and shown.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Outstanding => "outstanding",
            Self::Claimed { .. } => "claimed",
            Self::ClawedBack { .. } => "clawed_back",
            Self::Reclaiming { .. } => "taking_back",
            Self::Reclaimed { .. } => "taken_back",
        }
    }
}

impl Claimable {
    fn to(mut self, state: ClaimableState, change: &'static str) -> Result<Self, InvalidClaimableTransition> {
        let allowed = match (&self.state, &state) {
            // Whoever is faster gets it: a claim ends it also while our own attempt may still land,
            // and then fail.
            (
                ClaimableState::Outstanding | ClaimableState::Reclaiming { .. },
                ClaimableState::Claimed { .. } | ClaimableState::ClawedBack { .. },
            )
            | (ClaimableState::Outstanding, ClaimableState::Reclaiming { .. })
            | (ClaimableState::Reclaiming { .. }, ClaimableState::Outstanding) => true,
            (ClaimableState::Reclaiming { submission }, ClaimableState::Reclaimed { submission: by, .. }) => {
                submission == by
            }
            (_, _) => false,
        };
        if !allowed {
            return Err(InvalidClaimableTransition { id: self.id, state: self.state.name(), change });
        }
        self.state = state;
        Ok(self)
    }

    /// Outstanding, or being reclaimed → claimed.
    pub fn claimed(self, operation: OperationId, at: Timestamp) -> Result<Self, InvalidClaimableTransition> {
        self.to(ClaimableState::Claimed { operation, at }, "claimed")
    }

    /// Outstanding, or being reclaimed → clawed back by the issuer.
    pub fn clawed_back(
        self,
        operation: OperationId,
        at: Timestamp,
    ) -> Result<Self, InvalidClaimableTransition> {
        self.to(ClaimableState::ClawedBack { operation, at }, "clawed back")
    }

    /// Outstanding → being reclaimed: the transaction is stored with this change.
    pub fn reclaiming(self, submission: SubmissionId) -> Result<Self, InvalidClaimableTransition> {
        self.to(ClaimableState::Reclaiming { submission }, "reclaimed")
    }

    /// Being reclaimed by `submission` → reclaimed: it is in the ledger.
    pub fn reclaimed(
        self,
        submission: SubmissionId,
        at: Timestamp,
    ) -> Result<Self, InvalidClaimableTransition> {
        self.to(ClaimableState::Reclaimed { submission, at }, "recorded as reclaimed")
    }

    /// Being reclaimed by a transaction that failed or is dead → outstanding.
    pub fn released(self) -> Result<Self, InvalidClaimableTransition> {
        self.to(ClaimableState::Outstanding, "released")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_claims_first_has_it_and_nobody_else() {
        let at = Timestamp::UNIX_EPOCH;
        let [ours, other] = [1, 2].map(|number| SubmissionId::new(number).unwrap());
        let outstanding = Claimable {
            id: ClaimableId([1; 32]),
            transfer: TransferId::new(1).unwrap(),
            reservation: None,
            recipient: AccountId([2; 32]),
            asset: Asset::Native,
            amount: Stroops::from_units(1),
            created_at: at,
            reclaim_from: at,
            state: ClaimableState::Outstanding,
        };
        assert!(outstanding.clone().reclaimed(ours, at).is_err(), "nothing was sent");
        let taking = outstanding.clone().reclaiming(ours).unwrap();
        assert!(taking.clone().reclaiming(other).is_err());
        assert!(taking.clone().reclaimed(other, at).is_err());
        assert!(taking.clone().claimed(OperationId(1), at).is_ok(), "the recipient was faster");
        assert_eq!(taking.clone().released(), Ok(outstanding.clone()));
        let taken = taking.reclaimed(ours, at).unwrap();
        assert!(taken.clone().claimed(OperationId(1), at).is_err());
        assert!(taken.released().is_err());
        let claimed = outstanding.claimed(OperationId(1), at).unwrap();
        assert!(claimed.clone().claimed(OperationId(2), at).is_err());
        assert!(claimed.reclaiming(ours).is_err());
    }
}
