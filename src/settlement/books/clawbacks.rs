//! What issuers took back: booked when it is seen, and borne by the latest payments.
//!
//! A clawback lessens what an account holds, not what is owed. As long as it is open who bears it, it stands
//! in `ClawedBack`. Counted payments bear it when it is decided what becomes of their reservation; returns
//! that are owed already are cut at once, latest first, so that none waits for money that is no longer there.

use std::cmp::Reverse;

use super::entries::{self, Clawback};
use super::holds::note_lack;
use super::refunds::refunded_if_all;
use super::transfers::returned_payment;
use super::work::UnitOfWork;
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::ids::ReservationId;
use crate::domain::journal::BookAccount;
use crate::domain::money::Stroops;
use crate::domain::reservation::State;
use crate::domain::transfer::{Transfer, TransferState};
use crate::ports::store::{Applied, LIST_ROWS_MAX, Pages, StoreError, Tx};
use crate::settlement::EngineError;

/// Books a clawback, once, and lets returns that are owed already bear it.
pub(in crate::settlement) async fn claw_back(
    work: &mut UnitOfWork<'_>,
    account: AccountId,
    reservation: Option<ReservationId>,
    clawback: &Clawback,
) -> Result<Applied, EngineError> {
    let (id, asset, amount) = (clawback.id, clawback.asset, clawback.amount);
    let booked = work.post_once(entries::clawback(clawback, account, reservation)).await?;
    if booked == Applied::Executed {
        tracing::error!(%account, change = %id, %asset, %amount, "an issuer took money back");
        bear(work, account, reservation, asset).await?;
        if let Some(id) = reservation
            && let Some(reservation) = work.reservation(id).await?
            && let State::Held { .. } = reservation.state
        {
            note_lack(work, reservation).await?;
        }
    }
    Ok(booked)
}

/// Cuts returns from `account` that are owed in `asset` by what was clawed back and nobody bears yet; true
/// if one was cut.
///
/// While money is on its way out of the account nothing is cut: what lands is no longer owed, and what does
/// not is looked at again before it is sent.
pub(in crate::settlement) async fn bear(
    work: &mut UnitOfWork<'_>,
    account: AccountId,
    reservation: Option<ReservationId>,
    asset: Asset,
) -> Result<bool, EngineError> {
    let taken = work.balance(BookAccount::ClawedBack(reservation), asset).await?;
    if taken <= 0 || work.money_leaves(account).await? {
        return Ok(false);
    }
    let mut left = Stroops::new(taken)?;
    let owed = owed_from(work.tx(), account, reservation, asset).await?;
    if reservation.is_none() {
        left = left.min(shortage(work.tx(), account, asset, &owed).await?);
    }
    let mut cut_any = cut_latest_first(work, owed, &mut left, reservation).await?;
    if reservation.is_some() && !left.is_zero() {
        // Who paid before the account had its reservation bears what nobody can who paid since.
        let before = owed_from(work.tx(), account, None, asset).await?;
        left = left.min(shortage(work.tx(), account, asset, &before).await?);
        cut_any |= cut_latest_first(work, before, &mut left, reservation).await?;
    }
    let now = work.now();
    if let (true, Some(id)) = (cut_any, reservation)
        && let Some(reservation) = work.reservation(id).await?
        && let Some(refunded) = refunded_if_all(work.tx(), reservation, now).await?
    {
        work.save_reservation(&refunded).await?;
    }
    Ok(cut_any)
}

/// Cuts these returns, that of the latest payment first, until nothing is `left` to bear of what was clawed
/// back of `of`; true if one was cut.
async fn cut_latest_first(
    work: &mut UnitOfWork<'_>,
    mut owed: Vec<Transfer>,
    left: &mut Stroops,
    of: Option<ReservationId>,
) -> Result<bool, EngineError> {
    owed.sort_by_key(|transfer| Reverse(returned_payment(transfer)));
    let mut cut_any = false;
    for transfer in owed {
        let cut = (*left).min(transfer.amount);
        if cut.is_zero() {
            break;
        }
        *left = left.checked_sub(cut)?;
        cut_by(work, &transfer, cut, of).await?;
        cut_any = true;
    }
    Ok(cut_any)
}

/// Returns from an account that are owed and in no live transaction. What was reclaimed of claimable
/// balances bears no loss: it had left its account before.
pub(in crate::settlement) async fn owed_from(
    tx: &mut dyn Tx,
    account: AccountId,
    reservation: Option<ReservationId>,
    asset: Asset,
) -> Result<Vec<Transfer>, StoreError> {
    let (mut owed, mut pages) = (Vec::new(), Pages::new());
    while let Some(after) = pages.after() {
        let page = tx.pending_refunds_from(account, after, LIST_ROWS_MAX).await?;
        pages.turn_after(&page, |transfer| transfer.id);
        let concerned = |one: &Transfer| {
            one.asset == asset && one.reservation == reservation && returned_payment(one).is_some()
        };
        owed.extend(page.into_iter().filter(concerned));
    }
    Ok(owed)
}

/// How much more is owed from an account than it holds by the books. What was taken from accounts without
/// a reservation stands in one book account for all of them.
async fn shortage(
    tx: &mut dyn Tx,
    account: AccountId,
    asset: Asset,
    owed: &[Transfer],
) -> Result<Stroops, EngineError> {
    let sum = Stroops::sum(owed.iter().map(|transfer| transfer.amount))?;
    let held = tx.balance(BookAccount::Stellar(account), asset).await?.max(0);
    Ok(sum.checked_sub(sum.min(Stroops::new(held)?))?)
}

/// Gives a return up for one that is smaller by `cut`, or for none, and books what its payer bears of what
/// was taken from `of`.
async fn cut_by(
    work: &mut UnitOfWork<'_>,
    transfer: &Transfer,
    cut: Stroops,
    of: Option<ReservationId>,
) -> Result<(), EngineError> {
    let now = work.now();
    tracing::warn!(transfer = %transfer.id, %cut, "a return bears what the issuer took back");
    reduce(work, transfer, cut).await?;
    work.post(entries::reduction(transfer, cut, of, now)).await
}

/// Gives a return up for one that is smaller by `cut`, or for none.
pub(in crate::settlement) async fn reduce(
    work: &mut UnitOfWork<'_>,
    transfer: &Transfer,
    cut: Stroops,
) -> Result<(), EngineError> {
    let now = work.now();
    let rest = transfer.amount.checked_sub(cut)?;
    work.update_transfer(transfer, &transfer.clone().cancelled(now)?).await?;
    if !rest.is_zero() {
        let ordinal = match transfer.reservation {
            Some(reservation) => work.next_ordinal(reservation).await?,
            None => 0,
        };
        let (id, state) = (work.new_transfer_id()?, TransferState::Pending);
        let smaller = Transfer { id, ordinal, amount: rest, state, ..transfer.clone() };
        work.insert_transfers(&[smaller]).await?;
    }
    Ok(())
}

/// Of whose money an issuer may have taken what a return is paid from: its own reservation's; of a return
/// that is nobody's, also that of the reservation which has the account by now.
pub(in crate::settlement) async fn owners(
    tx: &mut dyn Tx,
    transfer: &Transfer,
) -> Result<Vec<Option<ReservationId>>, StoreError> {
    let mut owners = vec![transfer.reservation];
    if transfer.reservation.is_none() {
        let escrow = tx.escrow(transfer.from).await?;
        owners.extend(escrow.and_then(|escrow| escrow.state.reservation()).map(Some));
    }
    Ok(owners)
}
