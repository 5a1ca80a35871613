//! Transfers as they are stored and as they are put into a transaction.

use jiff::Timestamp;

use super::work::UnitOfWork;
use crate::domain::address::Address;
use crate::domain::claimable::RECLAIM_AFTER_SECONDS;
use crate::domain::ids::{ReservationId, TransferId};
use crate::domain::payment::{Memo, PaymentId};
use crate::domain::reservation::{PaymentOption, Reservation, State};
use crate::domain::transfer::{Delivery, Purpose, Transfer, TransferKind, TransferState};
use crate::ports::network::{Ledger, PaymentOperation, SignedTransaction, payment_places};
use crate::ports::store::{StoreError, Tx};
use crate::settlement::EngineError;

/// The id of a transfer that is not stored yet.
pub(in crate::settlement) const UNNUMBERED: TransferId = match TransferId::new(0) {
    Ok(id) => id,
    Err(_) => panic!("zero is an id"),
};

/// A funded reservation with the transfers that will settle it.
#[derive(Clone)]
pub(in crate::settlement) struct Planned {
    pub reservation: Reservation,
    pub transfers: Vec<Transfer>,
}

/// Which operation (from 0) pays each of these transfers, and how many operations that takes.
pub(in crate::settlement) fn places<'t>(
    transfers: impl IntoIterator<Item = &'t Transfer>,
) -> (Vec<usize>, usize) {
    payment_places(transfers.into_iter().map(|transfer| (transfer.from, is_claimable(transfer))))
}

pub(in crate::settlement) const fn is_claimable(transfer: &Transfer) -> bool {
    match transfer.delivery {
        Delivery::ClaimableBalance => true,
        Delivery::Payment | Delivery::Undecided => false,
    }
}

/// From when on the platform may take back a claimable balance made now: it counts from ledger time,
/// in whole seconds.
pub(in crate::settlement) fn reclaim_from(tip: Ledger) -> Result<Timestamp, EngineError> {
    Timestamp::from_second(tip.closed_at.as_second() + RECLAIM_AFTER_SECONDS)
        .map_err(|error| EngineError::Contradiction(format!("ledger time: {error}")))
}

pub(in crate::settlement) fn operation(transfer: &Transfer, reclaim_from: Timestamp) -> PaymentOperation {
    PaymentOperation {
        from: transfer.from,
        to: transfer.to,
        asset: transfer.asset,
        amount: transfer.amount,
        reclaim_from: is_claimable(transfer).then_some(reclaim_from),
    }
}

/// The purpose of a transaction that pays these transfers, in this order.
pub(in crate::settlement) fn paying(
    transfers: &[Transfer],
    signed: &SignedTransaction,
    reclaim_from: Timestamp,
) -> Purpose {
    Purpose::PayTransfers {
        transfers: transfers.iter().map(|transfer| transfer.id).collect(),
        claimables: signed.claimables.clone(),
        reclaim_from: transfers.iter().any(is_claimable).then_some(reclaim_from),
    }
}

/// The option that funded the reservation.
pub(in crate::settlement) fn funded_option(reservation: &Reservation) -> Result<&PaymentOption, EngineError> {
    let contradiction = || {
        let (id, state) = (reservation.id, reservation.state.name());
        EngineError::Contradiction(format!("reservation {id} is {state}, but by no option of its quote"))
    };
    let funding = match &reservation.state {
        State::Funded { funding }
        | State::Settling { funding, .. }
        | State::Settled { funding, .. }
        | State::Held { funding, .. } => funding,
        State::AwaitingSignatures
        | State::AwaitingFarmer { .. }
        | State::AwaitingPayment { .. }
        | State::Rejected { .. }
        | State::Cancelled { .. }
        | State::Expired { .. }
        | State::Refunding { .. }
        | State::Refunded { .. } => return Err(contradiction()),
    };
    let option = reservation.quote.option(&funding.asset).ok_or_else(contradiction)?;
    if option.amount == funding.amount && option.legs_total()? == option.amount {
        Ok(option)
    } else {
        Err(contradiction())
    }
}

/// The legs of a reservation's settlement that are stored and not given up: payments by their order, then
/// claimable balances by theirs, so that those share one sponsorship.
pub(in crate::settlement) async fn legs_of(
    tx: &mut dyn Tx,
    reservation: ReservationId,
) -> Result<Vec<Transfer>, StoreError> {
    let mut transfers = tx.transfers_of(reservation).await?;
    transfers.retain(|transfer| {
        matches!(transfer.kind, TransferKind::Leg { .. })
            && !matches!(transfer.state, TransferState::Cancelled { .. })
    });
    transfers.sort_by_key(is_claimable);
    Ok(transfers)
}

/// The legs of a funded reservation as it was quoted, not stored yet.
pub(in crate::settlement) fn legs_as_quoted(reservation: &Reservation) -> Result<Vec<Transfer>, EngineError> {
    let option = funded_option(reservation)?;
    let transfers = option
        .legs
        .iter()
        .zip(0_u32..)
        .map(|(leg, ordinal)| Transfer {
            id: UNNUMBERED,
            reservation: Some(reservation.id),
            ordinal,
            kind: TransferKind::Leg { recipient: leg.recipient, farm: leg.farm },
            from: reservation.escrow,
            to: Address::Account(leg.to),
            asset: option.asset,
            amount: leg.amount,
            memo: Memo::None,
            delivery: Delivery::Payment,
            state: TransferState::Pending,
        })
        .collect();
    Ok(transfers)
}

/// The legs of a funded reservation, stored: from an earlier try, or as quoted.
pub(in crate::settlement) async fn stored_legs(
    work: &mut UnitOfWork<'_>,
    reservation: &Reservation,
) -> Result<Vec<Transfer>, EngineError> {
    let stored = legs_of(work.tx(), reservation.id).await?;
    if !stored.is_empty() {
        return Ok(stored);
    }
    let planned = Planned { transfers: legs_as_quoted(reservation)?, reservation: reservation.clone() };
    stored_transfers(work, &planned).await
}

/// The transfers of a planned reservation, stored: as they were from an earlier try, or new, with fresh ids.
pub(in crate::settlement) async fn stored_transfers(
    work: &mut UnitOfWork<'_>,
    planned: &Planned,
) -> Result<Vec<Transfer>, EngineError> {
    let stored = legs_of(work.tx(), planned.reservation.id).await?;
    if !stored.is_empty() {
        let same = stored == planned.transfers;
        let what = format!("the transfers of reservation {}", planned.reservation.id);
        return if same { Ok(stored) } else { Err(StoreError::Conflict { what }.into()) };
    }
    let mut fresh = planned.transfers.clone();
    let first = work.next_ordinal(planned.reservation.id).await?;
    for (transfer, place) in fresh.iter_mut().zip(first..) {
        transfer.id = work.new_transfer_id()?;
        transfer.ordinal = place;
    }
    work.insert_transfers(&fresh).await?;
    Ok(fresh)
}

/// True for what goes back; false for what settles.
pub(in crate::settlement) const fn is_return(transfer: &Transfer) -> bool {
    match transfer.kind {
        TransferKind::Refund { .. } | TransferKind::Repayment { .. } => true,
        TransferKind::Leg { .. } => false,
    }
}

/// The reservations whose legs these transfers are.
pub(in crate::settlement) fn settled_by(transfers: &[Transfer]) -> Vec<ReservationId> {
    let legs = transfers.iter().filter(|transfer| !is_return(transfer));
    let mut reservations: Vec<ReservationId> = legs.filter_map(|leg| leg.reservation).collect();
    reservations.dedup();
    reservations
}

/// The payment that a transfer returns; `None` for what returns none.
pub(in crate::settlement) const fn returned_payment(transfer: &Transfer) -> Option<PaymentId> {
    match transfer.kind {
        TransferKind::Refund { payment } => Some(payment),
        TransferKind::Leg { .. } | TransferKind::Repayment { .. } => None,
    }
}
