//! Deadlines and cancellation: a reservation ends when a ledger that closed after the deadline, or after the request to cancel,
//! shows that not enough had come.

use crate::domain::ids::{LedgerSeq, ReservationId};
use crate::domain::payment::Attribution;
use crate::domain::reservation::RefundReason;
use crate::ports::store::{PaymentFilter, transact};
use crate::settlement::outbound::refund::start_refunding;
use crate::settlement::outbound::settle::change;
use crate::settlement::{Engine, EngineError, Ids, TickReport};

impl Engine {
    /// Ends a reservation whose account is clean at `ledger`, which closed after the deadline or the request to cancel.
    pub(in crate::settlement) async fn expire(
        &self,
        id: ReservationId,
        ledger: LedgerSeq,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        let ids = Ids::of(self);
        let ended: bool = transact(&self.store, move |tx| {
            let ids = ids.clone();
            Box::pin(async move {
                let now = ids.now();
                let Some(reservation) = tx.reservation(id).await? else { return Ok(false) };
                if !reservation.state.takes_payments() {
                    return Ok(false);
                }
                let counted =
                    PaymentFilter { reservation: Some(id), attribution: Some(Attribution::Counted) };
                let nothing_came = tx.payments(&counted, None, 1).await?.is_empty();
                // Whoever takes in a payment of this account at the same time changes its escrow row: one of the two runs
                // again, and sees what the other did.
                let Some(escrow) = tx.escrows(&[reservation.escrow]).await?.pop() else { return Ok(false) };
                tx.update_escrow(&escrow).await?;
                let deadline = reservation.quote.deadline;
                let cancelled = reservation.cancel_requested_at.filter(|at| *at < deadline);
                match (nothing_came, cancelled) {
                    (true, None) => {
                        change(tx, &ids, &reservation.expired(now, Some(ledger))?).await?;
                    }
                    (true, Some(_)) => {
                        change(tx, &ids, &reservation.cancelled(now)?).await?;
                    }
                    (false, None) => {
                        start_refunding(tx, &ids, reservation, RefundReason::PaidInPart).await?;
                    }
                    (false, Some(_)) => {
                        start_refunding(tx, &ids, reservation, RefundReason::Cancelled).await?;
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
