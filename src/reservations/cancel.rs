use crate::access::Decider;
use crate::domain::audit::Act;
use crate::domain::event::EventKind;
use crate::domain::ids::ReservationId;
use crate::domain::reservation::Reservation;
use crate::domain::tenant::Tenant;
use crate::ports::store::Tx;

use super::Error;

/// Asks for a reservation to be called off, one of a tenant or of any; gives it as it then stands, `None` if
/// there is none.
///
/// It is not cancelled at once: money may be on its way. The engine decides when a ledger that closed after
/// the request shows what had come: nothing, and it is cancelled; something, and it goes back; enough, and
/// it was funded first. Asking again changes nothing.
///
/// # Errors
/// [`Error::Transition`] once it is funded, or has ended otherwise.
pub async fn cancel(
    tx: &mut dyn Tx,
    decider: &Decider,
    of: Option<&Tenant>,
    id: ReservationId,
) -> Result<Option<Reservation>, Error> {
    let found = tx.reservation(id).await?;
    let Some(reservation) = found.filter(|found| of.is_none_or(|tenant| found.tenant == *tenant)) else {
        return Ok(None);
    };
    if reservation.state.is_cancelled() {
        return Ok(Some(reservation));
    }
    let now = decider.now();
    let asked = reservation.clone().cancel_requested(now)?;
    if asked == reservation {
        return Ok(Some(reservation));
    }
    let stored = tx.update_reservation(&asked).await?;
    tx.append_event(now, stored.version, &EventKind::CancelRequested { reservation: id }).await?;
    decider.record(tx, Act::CancelRequested { reservation: id }).await?;
    Ok(Some(stored))
}
