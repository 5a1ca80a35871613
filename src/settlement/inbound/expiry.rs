//! Deadlines and cancellation: a reservation ends when a ledger that closed after the deadline, or after the
//! request to cancel, shows that not enough had come.

use std::sync::Arc;

use crate::domain::ids::{LedgerSeq, ReservationId};
use crate::domain::payment::Attribution;
use crate::domain::reservation::RefundReason;
use crate::ports::store::PaymentFilter;
use crate::settlement::books::refunds::start_refunding;
use crate::settlement::books::work::Ports;
use crate::settlement::{EngineError, TickReport};

/// Ends reservations whose time is over.
pub(in crate::settlement) struct Expiry {
    ports: Arc<Ports>,
}

impl Expiry {
    pub(in crate::settlement) const fn new(ports: Arc<Ports>) -> Self {
        Self { ports }
    }

    /// Ends a reservation whose account is clean at `ledger`, which closed after the deadline or the
    /// request to cancel.
    pub(in crate::settlement) async fn expire(
        &self,
        id: ReservationId,
        ledger: LedgerSeq,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        let ended: bool = self
            .ports
            .transact(move |work| {
                Box::pin(async move {
                    let now = work.now();
                    let Some(reservation) = work.reservation(id).await? else { return Ok(false) };
                    if !reservation.state.takes_payments() {
                        return Ok(false);
                    }
                    // Whoever takes in a payment of this account at the same time changes its escrow row: one
                    // of the two runs again, and sees what the other did. So the row is read before payments
                    // are counted: one that comes between the two must not go unseen.
                    let Some(escrow) = work.escrow(reservation.escrow).await? else {
                        return Ok(false);
                    };
                    let counted =
                        PaymentFilter { reservation: Some(id), attribution: Some(Attribution::Counted) };
                    let nothing_came = work.payments(&counted, None, 1).await?.is_empty();
                    work.update_escrow(&escrow).await?;
                    let deadline = reservation.quote.deadline;
                    let cancelled = reservation.cancel_requested_at.filter(|at| *at < deadline);
                    match (nothing_came, cancelled) {
                        (true, None) => {
                            work.save_reservation(&reservation.expired(now, Some(ledger))?).await?;
                        }
                        (true, Some(_)) => {
                            work.save_reservation(&reservation.cancelled(now)?).await?;
                        }
                        (false, None) => {
                            start_refunding(work, reservation, RefundReason::PaidInPart).await?;
                        }
                        (false, Some(_)) => {
                            start_refunding(work, reservation, RefundReason::Cancelled).await?;
                        }
                    }
                    Ok::<_, EngineError>(true)
                })
            })
            .await?;
        report.expired += u32::from(ended);
        Ok(())
    }
}
