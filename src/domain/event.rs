//! What the outside is told: one event per change that somebody waits for.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{ChangeId, EventId, PoolId, ReservationId};
use super::payment::PaymentId;
use super::reservation::{Lack, Reservation};
use super::tenant::Tenant;

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum EventKind {
    /// A reservation was made.
    #[serde(rename = "reservation.created")]
    ReservationCreated {
        /// Which.
        reservation: ReservationId,
    },
    /// A reservation's state changed.
    #[serde(rename = "reservation.changed")]
    ReservationChanged {
        /// Which.
        reservation: ReservationId,
        /// The new state's name.
        state: String,
        /// What its account lacks, if it is held and that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lacks: Option<Lack>,
    },
    /// A reservation was asked to be called off; it is decided when a later ledger shows what had come.
    #[serde(rename = "reservation.cancel_requested")]
    CancelRequested {
        /// Which.
        reservation: ReservationId,
    },
    /// A payment came in.
    #[serde(rename = "payment.received")]
    PaymentReceived {
        /// Which.
        payment: PaymentId,
        /// For which reservation, if for one.
        reservation: Option<ReservationId>,
    },
    /// A pool came to life.
    #[serde(rename = "pool.created")]
    PoolCreated {
        /// Which.
        pool: PoolId,
        /// The reservation that paid for it.
        reservation: ReservationId,
    },
    /// A pool got more time or units.
    #[serde(rename = "pool.extended")]
    PoolExtended {
        /// Which.
        pool: PoolId,
        /// The reservation that paid for it.
        reservation: ReservationId,
    },
    /// Somebody else is to be paid: that waits, and may be called off.
    #[serde(rename = "payout_change.asked")]
    PayoutChangeAsked {
        /// Whose thing it changes.
        tenant: Tenant,
        /// Which.
        change: ChangeId,
        /// What it changes: a kind and an id.
        subject: String,
    },
    /// Somebody else is paid from now on.
    #[serde(rename = "payout_change.in_force")]
    PayoutChangeInForce {
        /// Whose thing it changed.
        tenant: Tenant,
        /// Which.
        change: ChangeId,
        /// What it changed: a kind and an id.
        subject: String,
    },
    /// A change of who is paid was called off.
    #[serde(rename = "payout_change.called_off")]
    PayoutChangeCalledOff {
        /// Whose thing it was to change.
        tenant: Tenant,
        /// Which.
        change: ChangeId,
        /// What it was to change: a kind and an id.
        subject: String,
    },
}

impl EventKind {
    /// The tenant that it concerns, where no reservation tells.
    pub const fn tenant(&self) -> Option<&Tenant> {
        match self {
            Self::PayoutChangeAsked { tenant, .. }
            | Self::PayoutChangeInForce { tenant, .. }
            | Self::PayoutChangeCalledOff { tenant, .. } => Some(tenant),
            Self::ReservationCreated { .. }
            | Self::ReservationChanged { .. }
            | Self::CancelRequested { .. }
            | Self::PaymentReceived { .. }
            | Self::PoolCreated { .. }
            | Self::PoolExtended { .. } => None,
        }
    }

    /// The reservation that it concerns; `None` for money of nobody's, and for what is about no money.
    pub const fn reservation(&self) -> Option<ReservationId> {
        match self {
            Self::ReservationCreated { reservation }
            | Self::ReservationChanged { reservation, .. }
            | Self::CancelRequested { reservation }
            | Self::PoolCreated { reservation, .. }
            | Self::PoolExtended { reservation, .. } => Some(*reservation),
            Self::PaymentReceived { reservation, .. } => *reservation,
            Self::PayoutChangeAsked { .. }
            | Self::PayoutChangeInForce { .. }
            | Self::PayoutChangeCalledOff { .. } => None,
        }
    }

    /// A reservation stands like this now.
    pub fn changed(reservation: &Reservation) -> Self {
        let (state, lacks) = (reservation.state.name().to_owned(), reservation.state.lacks());
        Self::ReservationChanged { reservation: reservation.id, state, lacks }
    }
}

/// An event. Ids rise without gaps in the order in which changes were committed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Its place in the order, from 1.
    pub id: EventId,
    /// When it was recorded.
    pub at: Timestamp,
    /// What happened.
    pub kind: EventKind,
}
