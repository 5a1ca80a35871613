//! What the outside is told: one event per change that somebody waits for.

use std::fmt;
use std::str::FromStr;

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

    /// What it tells of, as a kind and an id; the events of one subject are numbered in their order.
    pub fn subject(&self) -> String {
        match self {
            Self::ReservationCreated { reservation }
            | Self::ReservationChanged { reservation, .. }
            | Self::CancelRequested { reservation } => format!("reservation:{reservation}"),
            Self::PaymentReceived { payment, .. } => format!("payment:{payment}"),
            Self::PoolCreated { pool, .. } | Self::PoolExtended { pool, .. } => format!("pool:{pool}"),
            Self::PayoutChangeAsked { change, .. }
            | Self::PayoutChangeInForce { change, .. }
            | Self::PayoutChangeCalledOff { change, .. } => format!("payout_change:{change}"),
        }
    }

    /// A reservation stands like this now.
    pub fn changed(reservation: &Reservation) -> Self {
        let (state, lacks) = (reservation.state.name().to_owned(), reservation.state.lacks());
        Self::ReservationChanged { reservation: reservation.id, state, lacks }
    }
}

/// Which database numbered events: another after it went back to an earlier state, so that a cursor of before
/// is not taken for one into what came since. As text eight hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Incarnation(pub u32);

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// How far somebody has read: everything up to an event that this incarnation of the database numbered.
/// As text both, joined by a hyphen: `5f3a9c1e-18`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EventCursor {
    /// The incarnation.
    pub incarnation: Incarnation,
    /// The event.
    pub event: EventId,
}

/// A text that is no cursor of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a cursor is that of an event, such as 5f3a9c1e-18")]
pub struct EventCursorError;

super::address::serde_as_text!(EventCursor);

impl fmt::Display for EventCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.incarnation, self.event)
    }
}

impl FromStr for EventCursor {
    type Err = EventCursorError;

    fn from_str(text: &str) -> Result<Self, EventCursorError> {
        let (incarnation, event) = text.split_once('-').ok_or(EventCursorError)?;
        let digits = incarnation.len() == 8 && incarnation.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !digits {
            return Err(EventCursorError);
        }
        let number = u32::from_str_radix(incarnation, 16).map_err(|_| EventCursorError)?;
        let event = event.parse().map_err(|_| EventCursorError)?;
        Ok(Self { incarnation: Incarnation(number), event })
    }
}

/// An event. Numbers rise without gaps, in the order of commits as far as those of one subject go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Its place in the order, from 1.
    pub id: EventId,
    /// When it was recorded.
    pub at: Timestamp,
    /// What happened.
    pub kind: EventKind,
}
