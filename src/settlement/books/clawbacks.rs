//! What issuers took back: booked when it is seen, and borne by the latest payments.
//!
//! A clawback lessens what an account holds, not what is owed. As long as it is open who bears it, it stands in
//! `ClawedBack`. Counted payments bear it when it is decided what becomes of their reservation; returns that are owed already are
//! cut at once, latest first, so that none waits for money that is no longer there.

use std::cmp::Reverse;

use jiff::Timestamp;

use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::ids::ReservationId;
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::domain::money::Stroops;
use crate::domain::payment::PaymentId;
use crate::domain::reservation::State;
use crate::domain::transfer::{Transfer, TransferKind, TransferState};
use crate::ports::store::{Applied, LIST_ROWS_MAX, StoreError, Tx};
use crate::settlement::inbound::ingest::Place;
use crate::settlement::outbound::held::note_lack;
use crate::settlement::outbound::refund::refunded_if_all;
use crate::settlement::outbound::settle::change;
use crate::settlement::{EngineError, Ids};

/// Money that an issuer took back.
pub(in crate::settlement) struct Clawback {
    /// The operation and which of its changes.
    pub id: PaymentId,
    pub asset: Asset,
    pub amount: Stroops,
    /// When its ledger closed.
    pub at: Timestamp,
}

/// Books a clawback, once, and lets returns that are owed already bear it.
pub(in crate::settlement) async fn claw_back(
    tx: &mut dyn Tx,
    ids: &Ids,
    place: &Place,
    clawback: &Clawback,
) -> Result<Applied, EngineError> {
    let (account, reservation) = (place.account(), place.reservation());
    let (id, asset, amount) = (clawback.id, clawback.asset, clawback.amount);
    let mut postings = Postings::new();
    let held = BookAccount::Stellar(account);
    postings.movement(asset, amount, BookAccount::ClawedBack(reservation), held);
    let booked = ids.post_once(tx, Cause::Clawback(id), reservation, clawback.at, postings).await?;
    if booked == Applied::Executed {
        tracing::error!(%account, change = %id, %asset, %amount, "an issuer took money back");
        bear(tx, ids, account, reservation, asset).await?;
        if let Some(id) = reservation
            && let Some(reservation) = tx.reservation(id).await?
            && let State::Held { .. } = reservation.state
        {
            note_lack(tx, ids, reservation).await?;
        }
    }
    Ok(booked)
}

/// Cuts returns from `account` that are owed in `asset` by what was taken back and nobody bears yet; true if one was cut.
///
/// While money is on its way out of the account nothing is cut: what lands is no longer owed, and what does not is looked at
/// again before it is sent.
pub(in crate::settlement) async fn bear(
    tx: &mut dyn Tx,
    ids: &Ids,
    account: AccountId,
    reservation: Option<ReservationId>,
    asset: Asset,
) -> Result<bool, EngineError> {
    let taken = tx.balance(BookAccount::ClawedBack(reservation), asset).await?;
    if taken <= 0 || tx.money_leaves(account).await? {
        return Ok(false);
    }
    let mut left = Stroops::new(taken)?;
    let mut owed = owed_from(tx, account, reservation, asset).await?;
    if reservation.is_none() {
        left = left.min(shortage(tx, account, asset, &owed).await?);
    }
    owed.sort_by_key(|transfer| Reverse(returned(transfer)));
    let mut cut_any = false;
    for transfer in owed {
        let cut = left.min(transfer.amount);
        if cut.is_zero() {
            break;
        }
        left = left.checked_sub(cut)?;
        cut_by(tx, ids, &transfer, cut, reservation).await?;
        cut_any = true;
    }
    if reservation.is_some() && !left.is_zero() {
        // Who paid before the account had its reservation bears what nobody can who paid since.
        let mut before = owed_from(tx, account, None, asset).await?;
        left = left.min(shortage(tx, account, asset, &before).await?);
        before.sort_by_key(|transfer| Reverse(returned(transfer)));
        for transfer in before {
            let cut = left.min(transfer.amount);
            if cut.is_zero() {
                break;
            }
            left = left.checked_sub(cut)?;
            cut_by(tx, ids, &transfer, cut, reservation).await?;
            cut_any = true;
        }
    }
    if let (true, Some(id)) = (cut_any, reservation)
        && let Some(reservation) = tx.reservation(id).await?
        && let Some(refunded) = refunded_if_all(tx, reservation, ids.now()).await?
    {
        change(tx, ids, &refunded).await?;
    }
    Ok(cut_any)
}

/// Returns from an account that are owed and in no live transaction. What was taken back of claimable balances bears no loss: it had
/// left its account before.
pub(in crate::settlement) async fn owed_from(
    tx: &mut dyn Tx,
    account: AccountId,
    reservation: Option<ReservationId>,
    asset: Asset,
) -> Result<Vec<Transfer>, StoreError> {
    let (mut owed, mut after) = (Vec::new(), None);
    loop {
        let page = tx.pending_refunds_from(account, after, LIST_ROWS_MAX).await?;
        after = page.last().map(|transfer| transfer.id);
        let last = page.len() < LIST_ROWS_MAX as usize;
        let concerned =
            |one: &Transfer| one.asset == asset && one.reservation == reservation && returned(one).is_some();
        owed.extend(page.into_iter().filter(concerned));
        if last {
            return Ok(owed);
        }
    }
}

/// How much more is owed from an account than it holds by the books. What was taken from accounts without a reservation
/// stands in one book account for all of them.
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

const fn returned(transfer: &Transfer) -> Option<PaymentId> {
    match transfer.kind {
        TransferKind::Refund { payment } => Some(payment),
        TransferKind::Leg { .. } | TransferKind::Repayment { .. } => None,
    }
}

/// Gives a return up for one that is smaller by `cut`, or for none, and books what its payer bears of what was taken from
/// `taken_of`.
async fn cut_by(
    tx: &mut dyn Tx,
    ids: &Ids,
    transfer: &Transfer,
    cut: Stroops,
    taken_of: Option<ReservationId>,
) -> Result<(), EngineError> {
    let now = ids.now();
    tracing::warn!(transfer = %transfer.id, %cut, "a return bears what the issuer took back");
    reduce(tx, ids, transfer, cut).await?;
    let mut postings = Postings::new();
    postings.movement(transfer.asset, cut, transfer.liability(), BookAccount::ClawedBack(taken_of));
    ids.post(tx, Cause::Reduced(transfer.id), transfer.reservation, now, postings).await
}

/// Gives a return up for one that is smaller by `cut`, or for none.
pub(in crate::settlement) async fn reduce(
    tx: &mut dyn Tx,
    ids: &Ids,
    transfer: &Transfer,
    cut: Stroops,
) -> Result<(), EngineError> {
    let now = ids.now();
    let rest = transfer.amount.checked_sub(cut)?;
    tx.update_transfer(transfer, &transfer.clone().cancelled(now)?).await?;
    if !rest.is_zero() {
        let ordinal = match transfer.reservation {
            Some(reservation) => tx.next_ordinal(reservation).await?,
            None => 0,
        };
        let (id, state) = (ids.transfer()?, TransferState::Pending);
        let smaller = Transfer { id, ordinal, amount: rest, state, ..transfer.clone() };
        tx.insert_transfers(&[smaller]).await?;
    }
    Ok(())
}

/// Of whose money an issuer may have taken what a return is paid from: its own reservation's; of a return that is nobody's, also
/// that of the reservation which has the account by now.
pub(in crate::settlement) async fn owners(
    tx: &mut dyn Tx,
    transfer: &Transfer,
) -> Result<Vec<Option<ReservationId>>, StoreError> {
    let mut owners = vec![transfer.reservation];
    if transfer.reservation.is_none() {
        let escrows = tx.escrows(&[transfer.from]).await?;
        owners.extend(escrows.iter().filter_map(|escrow| escrow.state.reservation()).map(Some));
    }
    Ok(owners)
}

/// What was taken back of a reservation's money and nobody bears yet.
pub(in crate::settlement) async fn taken_back(
    tx: &mut dyn Tx,
    reservation: ReservationId,
) -> Result<Vec<(Asset, Stroops)>, EngineError> {
    let balances = tx.balances_of(BookAccount::ClawedBack(Some(reservation))).await?;
    let taken = balances.into_iter().filter(|(_, amount)| *amount > 0);
    taken.map(|(asset, amount)| Ok((asset, Stroops::new(amount)?))).collect()
}
