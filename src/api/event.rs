use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::reservation::Lack;
use super::text::{IdText, TimeText};
use crate::domain::event::{self, EventCursor, EventKind, Incarnation};
use crate::domain::ids::{ChangeId, EventId, PoolId, ReservationId};
use crate::domain::payment::PaymentId;

/// Something that happened. Ids rise without gaps; the events of one subject have them in its order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Event {
    /// Its place in the order.
    #[schema(value_type = IdText)]
    pub id: EventId,
    /// What to ask with for the events after it.
    #[schema(value_type = String, example = "5f3a9c1e-18")]
    pub cursor: EventCursor,
    /// When it was recorded.
    #[schema(value_type = TimeText)]
    pub at: Timestamp,
    /// `reservation.created`, `reservation.changed`, `reservation.cancel_requested` (decided with one of the
    /// ledgers after that), `payment.received`, `pool.created`, `pool.extended`, `payout_change.asked`,
    /// `payout_change.in_force` or `payout_change.called_off`.
    #[schema(example = "reservation.changed")]
    pub r#type: &'static str,
    /// The reservation it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<IdText>)]
    pub reservation_id: Option<ReservationId>,
    /// The reservation's new state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// What its account lacks, if it is held and that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lacks: Option<Lack>,
    /// The payment it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "9108135936987137-0")]
    pub payment_id: Option<PaymentId>,
    /// The pool it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<IdText>)]
    pub pool_id: Option<PoolId>,
    /// The change of who is paid that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<IdText>)]
    pub payout_change_id: Option<ChangeId>,
    /// What that changes: a kind and an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "farm:17")]
    pub subject: Option<String>,
}

impl Event {
    /// As it is shown by the incarnation of the database that numbered it.
    pub fn of(event: event::Event, incarnation: Incarnation) -> Self {
        let nothing = Self {
            id: event.id,
            cursor: EventCursor { incarnation, event: event.id },
            at: event.at,
            r#type: "",
            reservation_id: event.kind.reservation(),
            state: None,
            lacks: None,
            payment_id: None,
            pool_id: None,
            payout_change_id: None,
            subject: None,
        };
        let of_change = |r#type, change, subject| Self {
            r#type,
            payout_change_id: Some(change),
            subject: Some(subject),
            ..nothing.clone()
        };
        match event.kind {
            EventKind::ReservationCreated { .. } => Self { r#type: "reservation.created", ..nothing },
            EventKind::ReservationChanged { state, lacks, .. } => Self {
                r#type: "reservation.changed",
                state: Some(state),
                lacks: lacks.map(Lack::from),
                ..nothing
            },
            EventKind::CancelRequested { .. } => Self { r#type: "reservation.cancel_requested", ..nothing },
            EventKind::PaymentReceived { payment, .. } => {
                Self { r#type: "payment.received", payment_id: Some(payment), ..nothing }
            }
            EventKind::PoolCreated { pool, .. } => {
                Self { r#type: "pool.created", pool_id: Some(pool), ..nothing }
            }
            EventKind::PoolExtended { pool, .. } => {
                Self { r#type: "pool.extended", pool_id: Some(pool), ..nothing }
            }
            EventKind::PayoutChangeAsked { change, subject, .. } => {
                of_change("payout_change.asked", change, subject)
            }
            EventKind::PayoutChangeInForce { change, subject, .. } => {
                of_change("payout_change.in_force", change, subject)
            }
            EventKind::PayoutChangeCalledOff { change, subject, .. } => {
                of_change("payout_change.called_off", change, subject)
            }
        }
    }
}
