//! What a held reservation lacks, as the books say.

use super::work::UnitOfWork;
use crate::domain::journal::BookAccount;
use crate::domain::money::Stroops;
use crate::domain::reservation::{Lack, Reservation, State};
use crate::ports::store::Tx;
use crate::settlement::EngineError;

/// What the books say that a held reservation's account lacks.
pub(in crate::settlement) async fn lack_by_books(
    tx: &mut dyn Tx,
    reservation: &Reservation,
) -> Result<Option<Lack>, EngineError> {
    let State::Held { funding, .. } = &reservation.state else { return Ok(None) };
    let held = tx.balance(BookAccount::Stellar(reservation.escrow), funding.asset).await?;
    Ok(Lack::of(funding, Stroops::new(held.max(0))?))
}

/// Stores a held reservation with what the books say that it lacks, and tells it if that is news.
pub(in crate::settlement) async fn note_lack(
    work: &mut UnitOfWork<'_>,
    reservation: Reservation,
) -> Result<(), EngineError> {
    let lacks = lack_by_books(work.tx(), &reservation).await?;
    store_lack(work, reservation, lacks).await
}

pub(in crate::settlement) async fn store_lack(
    work: &mut UnitOfWork<'_>,
    reservation: Reservation,
    lacks: Option<Lack>,
) -> Result<(), EngineError> {
    let known = reservation.state.lacks();
    let reservation = reservation.lacking(lacks)?;
    if lacks == known {
        work.save_reservation_untold(&reservation).await?;
    } else {
        work.save_reservation(&reservation).await?;
    }
    Ok(())
}
