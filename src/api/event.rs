use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::reservation::Lack;
use super::text::{IdText, TimeText};
use crate::domain::event::{self, EventKind};
use crate::domain::ids::{EventId, PoolId, ReservationId};
use crate::domain::payment::PaymentId;

/// Something that happened. Ids rise in the order in which changes were committed, without gaps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Event {
    /// Its place in the order.
    #[schema(value_type = IdText)]
    pub id: EventId,
    /// When it was recorded.
    #[schema(value_type = TimeText)]
    pub at: Timestamp,
    /// `reservation.created`, `reservation.changed`, `reservation.cancel_requested` (decided with one of the
    /// ledgers after that), `payment.received`, `pool.created` or `pool.extended`.
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
}

impl From<event::Event> for Event {
    fn from(event: event::Event) -> Self {
        let mut lacks = None;
        let (r#type, reservation_id, state, payment_id, pool_id) = match event.kind {
            EventKind::ReservationCreated { reservation } => {
                ("reservation.created", Some(reservation), None, None, None)
            }
            EventKind::ReservationChanged { reservation, state, lacks: lacking } => {
                lacks = lacking.map(Lack::from);
                ("reservation.changed", Some(reservation), Some(state), None, None)
            }
            EventKind::CancelRequested { reservation } => {
                ("reservation.cancel_requested", Some(reservation), None, None, None)
            }
            EventKind::PaymentReceived { payment, reservation } => {
                ("payment.received", reservation, None, Some(payment), None)
            }
            EventKind::PoolCreated { pool, reservation } => {
                ("pool.created", Some(reservation), None, None, Some(pool))
            }
            EventKind::PoolExtended { pool, reservation } => {
                ("pool.extended", Some(reservation), None, None, Some(pool))
            }
        };
        Self { id: event.id, at: event.at, r#type, reservation_id, state, lacks, payment_id, pool_id }
    }
}
