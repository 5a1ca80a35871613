//! Returns that are owed, and reservations that end by them.
//!
//! A return is owed from the moment its reason is recorded: its transfer is stored in that same database
//! transaction, once per payment.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::accounts::{home_of, is_ours};
use super::entries::loss;
use super::transfers::legs_of;
use super::work::UnitOfWork;
use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::ids::ReservationId;
use crate::domain::journal::BookAccount;
use crate::domain::money::Stroops;
use crate::domain::payment::{Attribution, Memo, Payment, PaymentKind};
use crate::domain::refund::{RefundAddress, Return, returns};
use crate::domain::reservation::{Funding, RefundReason, Reservation, State};
use crate::domain::transfer::{Delivery, Transfer, TransferKind, TransferState};
use crate::ports::store::{LIST_ROWS_MAX, Pages, PaymentFilter, StoreError, Tx};
use crate::settlement::EngineError;

/// Most transfers stored by one statement.
pub(in crate::settlement) const INSERT_ROWS_MAX: usize = 500;

/// Where a reservation's order wants money that cannot go back to where it came from.
pub(in crate::settlement) async fn refund_address(
    tx: &mut dyn Tx,
    reservation: Option<ReservationId>,
) -> Result<Option<RefundAddress>, StoreError> {
    match reservation {
        Some(id) => Ok(tx.reservation(id).await?.and_then(|reservation| reservation.order.refund)),
        None => Ok(None),
    }
}

/// Makes the return of a payment owed: all of it.
pub(in crate::settlement) async fn owe_return(
    work: &mut UnitOfWork<'_>,
    payment: &Payment,
    reservation: Option<ReservationId>,
) -> Result<(), EngineError> {
    owe(work, reservation, vec![Return { payment, amount: payment.amount }]).await
}

/// Makes returns owed.
///
/// A payment goes back to its payer, with what the order names for that very account besides. Money from
/// our own accounts is never sent back automatically, and who merged an account into ours has
/// none any more. Contracts cannot be paid by a payment: their money, and what came from nobody, goes
/// to where the order says. What has nowhere to go waits, undecided, until somebody says where it belongs
/// ([`crate::settlement::return_to`]).
pub(in crate::settlement) async fn owe(
    work: &mut UnitOfWork<'_>,
    reservation: Option<ReservationId>,
    returns: Vec<Return<'_>>,
) -> Result<(), EngineError> {
    let mut ours: BTreeMap<AccountId, bool> = BTreeMap::new();
    let mut ordinal = match reservation {
        Some(reservation) if !returns.is_empty() => work.next_ordinal(reservation).await?,
        Some(_) | None => 0,
    };
    let mut transfers = Vec::new();
    let elsewhere = refund_address(work.tx(), reservation).await?;
    let mut homes: BTreeMap<AccountId, AccountId> = BTreeMap::new();
    for Return { payment, amount } in returns {
        let memo = Memo::Return(payment.transaction);
        let (to, memo, delivery) = match (payment.from, &elsewhere) {
            (Some(from), _) if payment.kind == PaymentKind::Merge => (from, memo, Delivery::Undecided),
            (Some(from @ (Address::Account(account) | Address::Muxed { account, .. })), _) => {
                let is_ours = match ours.get(&account) {
                    Some(is_ours) => *is_ours,
                    None => is_ours(work.tx(), account).await?,
                };
                ours.insert(account, is_ours);
                let delivery = if is_ours { Delivery::Undecided } else { Delivery::Payment };
                match elsewhere.as_ref().filter(|refund| !is_ours && refund.tells_apart(from)) {
                    Some(refund) => (refund.address(), refund.memo_for(payment), delivery),
                    None => (from, memo, delivery),
                }
            }
            (Some(Address::Contract(_)) | None, Some(refund)) => {
                (refund.address(), refund.memo_for(payment), Delivery::Payment)
            }
            (from, None) => (from.unwrap_or(Address::Account(payment.to)), memo, Delivery::Undecided),
        };
        if delivery == Delivery::Undecided {
            tracing::warn!(payment = %payment.id, "nobody knows where this money can go back to; it stays \
                                                   owed");
        }
        let from = match homes.get(&payment.to) {
            Some(home) => *home,
            None => home_of(work.tx(), payment.to).await?,
        };
        homes.insert(payment.to, from);
        transfers.push(Transfer {
            id: work.new_transfer_id()?,
            reservation,
            ordinal,
            kind: TransferKind::Refund { payment: payment.id },
            from,
            to,
            asset: payment.asset,
            amount,
            memo,
            delivery,
            state: TransferState::Pending,
        });
        ordinal += u32::from(reservation.is_some());
    }
    for chunk in transfers.chunks(INSERT_ROWS_MAX) {
        work.insert_transfers(chunk).await?;
    }
    Ok(())
}

/// All payments counted towards a reservation.
pub(in crate::settlement) async fn counted_payments(
    tx: &mut dyn Tx,
    reservation: ReservationId,
) -> Result<Vec<Payment>, StoreError> {
    let counted = PaymentFilter { reservation: Some(reservation), attribution: Some(Attribution::Counted) };
    let (mut payments, mut pages) = (Vec::new(), Pages::new());
    while let Some(after) = pages.after() {
        let page = tx.payments(&counted, after, LIST_ROWS_MAX).await?;
        pages.turn_after(&page, |stored| stored.payment.id);
        payments.extend(page.into_iter().map(|stored| stored.payment));
    }
    Ok(payments)
}

/// Makes everything owed that goes back of a reservation's counted payments: the excess over what its
/// settlement paid out, or all. The latest of them bear what an issuer took back.
pub(in crate::settlement) async fn owe_returns(
    work: &mut UnitOfWork<'_>,
    reservation: ReservationId,
    kept: Option<&Funding>,
) -> Result<(), EngineError> {
    let counted = counted_payments(work.tx(), reservation).await?;
    let clawed_back = clawed_back(work.tx(), reservation).await?;
    let decided = returns(&counted, kept.map(|funding| (funding.asset, funding.amount)), &clawed_back)?;
    let now = work.now();
    work.post(loss(reservation, decided.lost, now)).await?;
    owe(work, Some(reservation), decided.returns).await
}

/// A reservation whose money goes back, all that remains of it, and whose legs are given up; one to which
/// nothing came is refunded at once.
pub(in crate::settlement) async fn start_refunding(
    work: &mut UnitOfWork<'_>,
    reservation: Reservation,
    why: RefundReason,
) -> Result<(), EngineError> {
    let now = work.now();
    let refunding = work.save_reservation(&reservation.refunding(why, now)?).await?;
    for leg in legs_of(work.tx(), refunding.id).await? {
        work.update_transfer(&leg, &leg.clone().cancelled(now)?).await?;
    }
    owe_returns(work, refunding.id, None).await?;
    if let Some(refunded) = refunded_if_all(work.tx(), refunding, now).await? {
        work.save_reservation(&refunded).await?;
    }
    Ok(())
}

/// The reservation as refunded, if it was refunding and nothing of what counted is left. What did not
/// count goes back beside it, and if that cannot be sent it stays owed without keeping the reservation
/// from its end.
pub(in crate::settlement) async fn refunded_if_all(
    tx: &mut dyn Tx,
    reservation: Reservation,
    at: Timestamp,
) -> Result<Option<Reservation>, EngineError> {
    let State::Refunding { .. } = reservation.state else { return Ok(None) };
    let nothing_left = tx.balances_of(BookAccount::Deposits(reservation.id)).await?.is_empty();
    if !nothing_left && tx.counted_returns_open(reservation.id).await? {
        return Ok(None);
    }
    Ok(Some(reservation.refunded(at)?))
}

/// What was clawed back of a reservation's money and nobody bears yet.
async fn clawed_back(
    tx: &mut dyn Tx,
    reservation: ReservationId,
) -> Result<Vec<(Asset, Stroops)>, EngineError> {
    let balances = tx.balances_of(BookAccount::ClawedBack(Some(reservation))).await?;
    let taken = balances.into_iter().filter(|(_, amount)| *amount > 0);
    taken.map(|(asset, amount)| Ok((asset, Stroops::new(amount)?))).collect()
}
