//! The capacity reservation: the order, its price, its escrow account and its state machine.
//!
//! States carry their facts; every way from one to another is a method that takes the reservation and gives
//! it back changed, or [`InvalidTransition`]. `docs/money-rules.md` says which way is gone when:
//!
//! ```text
//! awaiting_signatures → awaiting_farmer → awaiting_payment → funded → settling → settled
//!                    ↘ rejected, cancelled, expired, refunding → refunded, held ↗
//! ```

mod funding;
mod held;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use funding::next_look;
pub use funding::{Funding, Lack};

use super::address::AccountId;
use super::asset::{Asset, AssetCode};
use super::ids::{FarmId, IdentityId, LedgerSeq, NodeId, PoolId, ReservationId, SubmissionId, TxHash};
use super::money::{AmountError, Stroops};
use super::payment::{Memo, Payment};
use super::pool::Extension;
use super::pricing::PriceBreakdown;
use super::refund::RefundAddress;
use super::split::Recipient;
use super::tenant::Tenant;
use super::units::CloudUnits;

/// Most nodes one reservation may name.
pub const RESERVATION_NODES_MAX: usize = 100;
/// Most currencies one reservation may be paid in.
pub const RESERVATION_OPTIONS_MAX: usize = 16;

/// What was ordered. It does not change after the reservation is made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Order {
    /// Who ordered.
    pub customer: IdentityId,
    /// The nodes, sorted, each once.
    pub nodes: Vec<NodeId>,
    /// The capacity, over all nodes together.
    pub units: CloudUnits,
    /// For how long, in seconds from settlement.
    pub seconds: i64,
    /// The pool it extends and how, or `None` for a new pool.
    pub extends: Option<Extension>,
    /// Where its money goes back to if it cannot go back to where it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<RefundAddress>,
}

/// One way to pay: an asset and the exact amount.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PaymentOption {
    /// The currency's code.
    pub currency: AssetCode,
    /// The asset to pay in.
    pub asset: Asset,
    /// The amount to pay.
    pub amount: Stroops,
    /// True for play money: the capacity stays on free nodes.
    pub free_only: bool,
    /// What the amount was computed from.
    pub breakdown: PriceBreakdown,
    /// The distribution's name.
    pub distribution: String,
    /// Who is paid how much when this option is used: sums to the amount.
    pub legs: Vec<Leg>,
}

/// One payout of a settlement, with the address it had when the reservation was quoted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Leg {
    /// Who is paid.
    pub recipient: Recipient,
    /// Which farm, for a farmer's leg.
    pub farm: Option<FarmId>,
    /// The account paid; the issuer, for a burn.
    pub to: AccountId,
    /// How much.
    pub amount: Stroops,
}

/// Where and until when to pay.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Quote {
    /// The ways to pay; a reservation is funded when one of them is covered in full.
    pub options: Vec<PaymentOption>,
    /// When it was computed.
    pub quoted_at: Timestamp,
    /// A payment is in time if its ledger closed at or before this.
    pub deadline: Timestamp,
}

/// How a settlement ended up in the ledger.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Settlement {
    /// The transaction; `None` for a price of zero.
    pub transaction: Option<TxHash>,
    /// Its ledger; `None` for a price of zero.
    pub ledger: Option<LedgerSeq>,
    /// When its ledger closed.
    pub at: Timestamp,
    /// The pool that was created or extended.
    pub pool: PoolId,
}

/// Why a funded reservation waits for a person, or for money to become whole.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HoldReason {
    /// The ledger's code that stopped the settlement, such as `op_no_trust`.
    pub code: String,
    /// What it was that failed, for people.
    pub detail: String,
}

/// Why money goes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundReason {
    /// Some money came, but not enough in time.
    PaidInPart,
    /// The customer cancelled after paying in part.
    Cancelled,
    /// The settlement cannot be made.
    SettlementImpossible,
}

/// Where a reservation stands, with the facts that go with it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Waits for the customer's side to sign.
    AwaitingSignatures,
    /// Signed; waits for the farmer's side.
    AwaitingFarmer {
        /// When the customer's side had signed.
        signed_at: Timestamp,
    },
    /// Agreed; waits for money.
    AwaitingPayment {
        /// When the farmer's side had agreed.
        accepted_at: Timestamp,
    },
    /// Paid in full; the settlement is not yet stored.
    Funded {
        /// What funded it.
        funding: Funding,
    },
    /// A settlement transaction is stored, and may land.
    Settling {
        /// What funded it.
        funding: Funding,
        /// The transaction.
        submission: SubmissionId,
    },
    /// The settlement is in the ledger and the pool is credited. Final.
    Settled {
        /// What funded it.
        funding: Funding,
        /// How it was settled.
        settlement: Settlement,
    },
    /// The farm has not enough, or the farmer said no. Final.
    Rejected {
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// Called off before money came. Final.
    Cancelled {
        /// When.
        at: Timestamp,
    },
    /// Nothing that counts came in time. Money in other assets goes back beside it. Final.
    Expired {
        /// When it was decided.
        at: Timestamp,
        /// The ledger that proves that nothing came; `None` before an account was watched.
        ledger: Option<LedgerSeq>,
    },
    /// Money that counted must go back. What has nowhere to go back to waits for an address to be named.
    Refunding {
        /// Why.
        why: RefundReason,
        /// Since when.
        since: Timestamp,
    },
    /// Everything that counted has gone back. Money that did not count goes back beside it. Final.
    Refunded {
        /// Why.
        why: RefundReason,
        /// When the last of it was in the ledger.
        at: Timestamp,
    },
    /// Funded, but the settlement cannot be made now.
    Held {
        /// What funded it.
        funding: Funding,
        /// Why it waits.
        why: HoldReason,
        /// Since when.
        since: Timestamp,
        /// What its account lacks, as far as is known; `None` if nothing is missing, as while it is frozen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lacks: Option<Lack>,
        /// When it is looked at again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        looks_again_at: Option<Timestamp>,
    },
}

/// Names of states, for lists and filters.
pub const STATE_NAMES: [&str; 12] = [
    "awaiting_signatures",
    "awaiting_farmer",
    "awaiting_payment",
    "funded",
    "settling",
    "settled",
    "rejected",
    "cancelled",
    "expired",
    "refunding",
    "refunded",
    "held",
];

/// A way between states that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("reservation {reservation} is {state}: it cannot {change}")]
pub struct InvalidTransition {
    /// Which reservation.
    pub reservation: ReservationId,
    /// Its state.
    pub state: &'static str,
    /// What was tried.
    pub change: &'static str,
}

/// A capacity reservation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reservation {
    /// Its id.
    pub id: ReservationId,
    /// Counts its changes, from 0; a writer that read an older version is refused.
    pub version: i64,
    /// The tenant whose customer and nodes it is about.
    pub tenant: Tenant,
    /// What was ordered.
    pub order: Order,
    /// What it costs.
    pub quote: Quote,
    /// The account its money is paid to.
    pub escrow: AccountId,
    /// The memo payers are asked to add.
    pub memo: Memo,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its customer asked to call it off; decided when a later ledger shows what had come.
    pub cancel_requested_at: Option<Timestamp>,
    /// Where it stands.
    pub state: State,
}

impl State {
    /// The state's name, as stored and shown.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AwaitingSignatures => "awaiting_signatures",
            Self::AwaitingFarmer { .. } => "awaiting_farmer",
            Self::AwaitingPayment { .. } => "awaiting_payment",
            Self::Funded { .. } => "funded",
            Self::Settling { .. } => "settling",
            Self::Settled { .. } => "settled",
            Self::Rejected { .. } => "rejected",
            Self::Cancelled { .. } => "cancelled",
            Self::Expired { .. } => "expired",
            Self::Refunding { .. } => "refunding",
            Self::Refunded { .. } => "refunded",
            Self::Held { .. } => "held",
        }
    }

    /// True while a payment still counts towards the reservation.
    pub const fn takes_payments(&self) -> bool {
        match self {
            Self::AwaitingSignatures | Self::AwaitingFarmer { .. } | Self::AwaitingPayment { .. } => true,
            Self::Funded { .. }
            | Self::Settling { .. }
            | Self::Settled { .. }
            | Self::Rejected { .. }
            | Self::Cancelled { .. }
            | Self::Expired { .. }
            | Self::Refunding { .. }
            | Self::Refunded { .. }
            | Self::Held { .. } => false,
        }
    }

    /// True if it was called off, with or without money that goes back.
    pub const fn is_cancelled(&self) -> bool {
        matches!(
            self,
            Self::Cancelled { .. }
                | Self::Refunding { why: RefundReason::Cancelled, .. }
                | Self::Refunded { why: RefundReason::Cancelled, .. }
        )
    }

    /// When it came to its final state; `None` before.
    pub const fn ended_at(&self) -> Option<Timestamp> {
        match self {
            Self::Settled { settlement, .. } => Some(settlement.at),
            Self::Rejected { at, .. }
            | Self::Cancelled { at }
            | Self::Expired { at, .. }
            | Self::Refunded { at, .. } => Some(*at),
            Self::AwaitingSignatures
            | Self::AwaitingFarmer { .. }
            | Self::AwaitingPayment { .. }
            | Self::Funded { .. }
            | Self::Settling { .. }
            | Self::Refunding { .. }
            | Self::Held { .. } => None,
        }
    }

    /// Since when nothing is left to do for it but returns; `None` before.
    pub const fn at_rest_since(&self) -> Option<Timestamp> {
        match self {
            Self::Refunding { since, .. } => Some(*since),
            Self::AwaitingSignatures
            | Self::AwaitingFarmer { .. }
            | Self::AwaitingPayment { .. }
            | Self::Funded { .. }
            | Self::Settling { .. }
            | Self::Settled { .. }
            | Self::Rejected { .. }
            | Self::Cancelled { .. }
            | Self::Expired { .. }
            | Self::Refunded { .. }
            | Self::Held { .. } => self.ended_at(),
        }
    }

    /// True if nothing more will happen to it.
    pub const fn is_final(&self) -> bool {
        match self {
            Self::Settled { .. }
            | Self::Rejected { .. }
            | Self::Cancelled { .. }
            | Self::Expired { .. }
            | Self::Refunded { .. } => true,
            Self::AwaitingSignatures
            | Self::AwaitingFarmer { .. }
            | Self::AwaitingPayment { .. }
            | Self::Funded { .. }
            | Self::Settling { .. }
            | Self::Refunding { .. }
            | Self::Held { .. } => false,
        }
    }
}

impl PaymentOption {
    /// The sum of the legs; it equals the amount in every option that was quoted.
    pub fn legs_total(&self) -> Result<Stroops, AmountError> {
        Stroops::sum(self.legs.iter().map(|leg| leg.amount))
    }
}

impl Quote {
    /// The option paid in `asset`.
    pub fn option(&self, asset: &Asset) -> Option<&PaymentOption> {
        self.options.iter().find(|option| option.asset == *asset)
    }

    /// What funds the reservation, if its payments do.
    ///
    /// Only payments whose ledger closed at or before the deadline count. Of several complete options
    /// the one wins that the lowest operation id completes. The order of `payments` does not matter.
    pub fn funding(&self, payments: &[Payment]) -> Result<Option<Funding>, AmountError> {
        let mut in_time: Vec<&Payment> =
            payments.iter().filter(|payment| payment.closed_at <= self.deadline).collect();
        in_time.sort_by_key(|payment| payment.id);
        let mut received = vec![Stroops::ZERO; self.options.len()];
        for payment in in_time {
            let Some(at) = self.options.iter().position(|option| option.asset == payment.asset) else {
                continue;
            };
            received[at] = received[at].checked_add(payment.amount)?;
            if received[at] >= self.options[at].amount {
                return Ok(Some(Funding {
                    asset: payment.asset,
                    amount: self.options[at].amount,
                    payment: Some(payment.id),
                    at: payment.closed_at,
                    tries: 0,
                }));
            }
        }
        Ok(None)
    }
}

impl Reservation {
    fn refuse(&self, change: &'static str) -> InvalidTransition {
        InvalidTransition { reservation: self.id, state: self.state.name(), change }
    }

    /// The funding, if the reservation is settling in that transaction.
    fn settling_in(&self, by: SubmissionId) -> Option<Funding> {
        match &self.state {
            State::Settling { funding, submission } if *submission == by => Some(funding.clone()),
            State::Settling { .. }
            | State::AwaitingSignatures
            | State::AwaitingFarmer { .. }
            | State::AwaitingPayment { .. }
            | State::Funded { .. }
            | State::Settled { .. }
            | State::Rejected { .. }
            | State::Cancelled { .. }
            | State::Expired { .. }
            | State::Refunding { .. }
            | State::Refunded { .. }
            | State::Held { .. } => None,
        }
    }

    fn with(mut self, state: State) -> Self {
        self.state = state;
        self
    }

    /// Awaiting signatures → awaiting the farmer.
    pub fn signed(self, signed_at: Timestamp) -> Result<Self, InvalidTransition> {
        let State::AwaitingSignatures = self.state else {
            return Err(self.refuse("be signed"));
        };
        Ok(self.with(State::AwaitingFarmer { signed_at }))
    }

    /// Awaiting the farmer → awaiting payment; a price of zero is funded at once.
    pub fn accepted(self, accepted_at: Timestamp) -> Result<Self, InvalidTransition> {
        let State::AwaitingFarmer { .. } = self.state else {
            return Err(self.refuse("be accepted"));
        };
        let free = self.quote.options.iter().find(|option| option.amount.is_zero());
        let state = match free {
            Some(option) => State::Funded {
                funding: Funding {
                    asset: option.asset,
                    amount: Stroops::ZERO,
                    payment: None,
                    at: accepted_at,
                    tries: 0,
                },
            },
            None => State::AwaitingPayment { accepted_at },
        };
        Ok(self.with(state))
    }

    /// Awaiting the farmer → rejected.
    pub fn rejected(self, reason: String, at: Timestamp) -> Result<Self, InvalidTransition> {
        let State::AwaitingFarmer { .. } = self.state else {
            return Err(self.refuse("be rejected"));
        };
        Ok(self.with(State::Rejected { reason, at }))
    }

    /// Awaiting payment → funded.
    pub fn funded(self, funding: Funding) -> Result<Self, InvalidTransition> {
        let State::AwaitingPayment { .. } = self.state else {
            return Err(self.refuse("be funded"));
        };
        Ok(self.with(State::Funded { funding }))
    }

    /// Funded → settling: a settlement transaction is stored with this change.
    pub fn settling(self, submission: SubmissionId) -> Result<Self, InvalidTransition> {
        let State::Funded { funding } = self.state.clone() else {
            return Err(self.refuse("be settled"));
        };
        Ok(self.with(State::Settling { funding, submission }))
    }

    /// Settling in `submission` → settled: the transaction is in the ledger.
    pub fn settled(self, by: SubmissionId, settlement: Settlement) -> Result<Self, InvalidTransition> {
        let Some(funding) = self.settling_in(by) else {
            return Err(self.refuse("be recorded as settled by that transaction"));
        };
        Ok(self.with(State::Settled { funding, settlement }))
    }

    /// Funded at a price of zero → settled, without a transaction.
    pub fn settled_free(self, at: Timestamp, pool: PoolId) -> Result<Self, InvalidTransition> {
        let State::Funded { funding } = self.state.clone() else {
            return Err(self.refuse("be settled without a transaction"));
        };
        if !funding.amount.is_zero() {
            return Err(self.refuse("be settled without a transaction"));
        }
        let settlement = Settlement { transaction: None, ledger: None, at, pool };
        Ok(self.with(State::Settled { funding, settlement }))
    }

    /// Settling in `submission`, which failed or is dead → funded again, to be settled by another.
    pub fn settlement_released(self, by: SubmissionId) -> Result<Self, InvalidTransition> {
        let Some(funding) = self.settling_in(by) else {
            return Err(self.refuse("leave that transaction"));
        };
        Ok(self.with(State::Funded { funding }))
    }

    /// Settling in `submission`, which the ledger refused because of this reservation → held.
    pub fn held(
        self,
        by: SubmissionId,
        why: HoldReason,
        since: Timestamp,
    ) -> Result<Self, InvalidTransition> {
        let Some(mut funding) = self.settling_in(by) else {
            return Err(self.refuse("be held for that transaction"));
        };
        funding.tries = funding.tries.saturating_add(1);
        let looks_again_at = Some(next_look(since, funding.tries));
        Ok(self.with(State::Held { funding, why, since, lacks: None, looks_again_at }))
    }

    /// Held → funded, to be settled again.
    pub fn whole_again(self) -> Result<Self, InvalidTransition> {
        let State::Held { funding, .. } = self.state.clone() else {
            return Err(self.refuse("be taken up again"));
        };
        Ok(self.with(State::Funded { funding }))
    }

    /// Any state before funding → expired, if nothing came by the deadline.
    ///
    /// `ledger` is the one that closed after the deadline and shows an account whose payments are all
    /// known.
    pub fn expired(self, at: Timestamp, ledger: Option<LedgerSeq>) -> Result<Self, InvalidTransition> {
        if !self.state.takes_payments() {
            return Err(self.refuse("expire"));
        }
        Ok(self.with(State::Expired { at, ledger }))
    }

    /// Notes that the customer wants to call it off. The first request stands.
    ///
    /// Before funding only: afterwards the money is on its way to the farmers.
    pub fn cancel_requested(mut self, at: Timestamp) -> Result<Self, InvalidTransition> {
        if !self.state.takes_payments() {
            return Err(self.refuse("be cancelled"));
        }
        self.cancel_requested_at.get_or_insert(at);
        Ok(self)
    }

    /// When its end is to be decided if it is not funded: at the deadline, or at an earlier
    /// request to cancel.
    pub fn decided_after(&self) -> Timestamp {
        self.cancel_requested_at.map_or(self.quote.deadline, |at| at.min(self.quote.deadline))
    }

    /// Any state before funding → cancelled, if nothing came.
    pub fn cancelled(self, at: Timestamp) -> Result<Self, InvalidTransition> {
        if !self.state.takes_payments() {
            return Err(self.refuse("be cancelled"));
        }
        Ok(self.with(State::Cancelled { at }))
    }

    /// Any state before funding, or held → refunding: what came goes back. From funded only because the
    /// settlement is impossible.
    pub fn refunding(self, why: RefundReason, since: Timestamp) -> Result<Self, InvalidTransition> {
        let allowed = match (&self.state, why) {
            (State::Held { .. }, _) | (State::Funded { .. }, RefundReason::SettlementImpossible) => true,
            (state, RefundReason::PaidInPart | RefundReason::Cancelled) => state.takes_payments(),
            (_, RefundReason::SettlementImpossible) => false,
        };
        if !allowed {
            return Err(self.refuse("be refunded"));
        }
        Ok(self.with(State::Refunding { why, since }))
    }

    /// Refunding → refunded: all of it is in the ledger.
    pub fn refunded(self, at: Timestamp) -> Result<Self, InvalidTransition> {
        let State::Refunding { why, .. } = self.state else {
            return Err(self.refuse("be recorded as refunded"));
        };
        Ok(self.with(State::Refunded { why, at }))
    }
}

#[cfg(test)]
mod tests;
