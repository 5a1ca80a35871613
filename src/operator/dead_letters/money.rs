//! Dead letters about money: held reservations, returns, repayments, and claimable balances that are
//! not reclaimed.

use jiff::Timestamp;

use super::actions;
use super::rows::{cannot_be_read, earlier, or_its_row};
use crate::api::{DeadLetter, TriedTransaction};
use crate::domain::address::Address;
use crate::domain::claimable::Claimable;
use crate::domain::dead_letter::{Kind, LetterId, UNTAKEN_AFTER, Undelivered};
use crate::domain::ids::{ClaimableId, ReservationId, TransferId, made_at};
use crate::domain::payment::PaymentKind;
use crate::domain::reservation::{Reservation, State};
use crate::domain::transfer::{Delivery, GivenBack, Transfer, TransferKind};
use crate::ports::store::{ReservationFilter, StoreError, Tries, Tx};

/// Adds what was tried in vain.
async fn tried(tx: &mut dyn Tx, letter: &mut DeadLetter, tries: Tries) -> Result<(), StoreError> {
    letter.tries = Some(tries.count);
    if let Some(last) = tries.last {
        letter.transaction = tx.submission(last).await?.map(TriedTransaction::from);
    }
    Ok(())
}

pub(super) async fn held(
    tx: &mut dyn Tx,
    now: Timestamp,
    after: Option<ReservationId>,
    limit: u32,
) -> Result<Vec<DeadLetter>, StoreError> {
    let filter = ReservationFilter { state: Some("held"), ..ReservationFilter::default() };
    let mut letters = Vec::new();
    for (id, reservation) in tx.reservations(&filter, after, limit).await?.into_rows() {
        letters.extend(match (reservation, id) {
            (Ok(reservation), _) => {
                let key = reservation.id.to_string();
                or_its_row(Kind::HeldReservation, now, key, one_held(tx, reservation).await)?
            }
            (Err(row), Some(id)) => Some(cannot_be_read(Kind::HeldReservation, now, id.to_string(), &row)),
            (Err(_), None) => None,
        });
    }
    Ok(letters)
}

async fn one_held(tx: &mut dyn Tx, reservation: Reservation) -> Result<Option<DeadLetter>, StoreError> {
    let State::Held { funding, why, since, .. } = &reservation.state else { return Ok(None) };
    let (id, next) = (reservation.id, reservation.state.next_look());
    let lacks = reservation.state.lacks();
    let missing = lacks.map_or_else(String::new, |lack| {
        format!(" Its account lacks {} {}.", lack.amount, lack.asset.code())
    });
    let detail = if why.detail.is_empty() { String::new() } else { format!(" ({})", why.detail) };
    let summary = format!(
        "Reservation {id} is paid and cannot be settled now: {}{detail}.{missing} It leaves by itself when \
         its account is whole.",
        why.code
    );
    let mut letter = DeadLetter::new(&LetterId::new(Kind::HeldReservation, id), *since, summary);
    letter.reason = Some(why.code.clone());
    letter.looks = Some(funding.tries);
    letter.next_look_at = next;
    letter.reservation_id = Some(id);
    letter.payment_id = funding.payment;
    letter.account = Some(reservation.escrow);
    letter.asset = Some(funding.asset);
    letter.amount = Some(funding.amount);
    letter.lacks = lacks.map(|lack| lack.amount);
    // All its legs went in the same transactions.
    let legs = tx.transfers_of(id).await?;
    let leg = legs.iter().find(|transfer| matches!(transfer.kind, TransferKind::Leg { .. }));
    if let Some(leg) = leg {
        let tries = tx.tries_of(leg.id).await?;
        tried(tx, &mut letter, tries).await?;
    }
    letter.actions =
        vec![actions::wait("its account is looked at again", next), actions::settle(id), actions::refund(id)];
    Ok(Some(letter))
}

/// Returns of payments, or repayments of claimable balances.
pub(super) async fn given_back(
    tx: &mut dyn Tx,
    kind: Kind,
    now: Timestamp,
    (after, limit): (Option<TransferId>, u32),
) -> Result<Vec<DeadLetter>, StoreError> {
    let page = if kind == Kind::UnpaidRepayment {
        tx.repayments_unpaid(after, limit).await?
    } else {
        tx.returns_undelivered(after, limit).await?
    };
    let mut letters = Vec::new();
    for (id, row) in page.into_rows() {
        letters.extend(match (row, id) {
            (Ok((transfer, undelivered)), _) => {
                let key = transfer.id.to_string();
                or_its_row(kind, now, key, one_given_back(tx, kind, transfer, undelivered).await)?
            }
            (Err(row), Some(id)) => Some(cannot_be_read(kind, now, id.to_string(), &row)),
            (Err(_), None) => None,
        });
    }
    Ok(letters)
}

async fn one_given_back(
    tx: &mut dyn Tx,
    kind: Kind,
    transfer: Transfer,
    undelivered: Option<Undelivered>,
) -> Result<Option<DeadLetter>, StoreError> {
    let what = match transfer.kind {
        TransferKind::Refund { payment } => GivenBack::Payment(payment),
        TransferKind::Repayment { claimable } => GivenBack::Claimable(claimable),
        TransferKind::Leg { .. } => return Ok(None),
    };
    let undecided = transfer.delivery == Delivery::Undecided;
    let why = match (undecided, &undelivered) {
        (true, _) => {
            format!("{}; somebody must say where it goes", why_undecided(tx, what, &transfer).await?)
        }
        (false, Some(undelivered)) => undelivered.why.words().to_owned(),
        (false, None) => "it was not tried yet".to_owned(),
    };
    let (amount, code) = (transfer.amount, transfer.asset.code());
    let summary = match what {
        GivenBack::Payment(payment) => {
            format!("{amount} {code} of payment {payment} cannot go back now: {why}.")
        }
        GivenBack::Claimable(claimable) => format!(
            "{amount} {code} of claimable balance {claimable}, which nobody claimed and was reclaimed, is \
             owed to {} and not paid: {why}.",
            transfer.to
        ),
    };
    let since = undelivered.as_ref().map_or_else(|| made_at(transfer.id.get()), |one| one.since);
    let mut letter = DeadLetter::new(&LetterId::new(kind, transfer.id), since, summary);
    letter.reason = match (undecided, &undelivered) {
        (true, _) => Some("undecided".to_owned()),
        (false, undelivered) => undelivered.as_ref().map(|one| one.why.as_str().to_owned()),
    };
    letter.looks = undelivered.as_ref().map(|one| one.looks);
    letter.next_look_at = undelivered.as_ref().map(|one| one.next_look_at);
    letter.reservation_id = transfer.reservation;
    letter.transfer_id = Some(transfer.id);
    letter.account = Some(transfer.from);
    letter.to = Some(transfer.to);
    letter.asset = Some(transfer.asset);
    letter.amount = Some(amount);
    match what {
        GivenBack::Payment(payment) => letter.payment_id = Some(payment),
        GivenBack::Claimable(claimable) => letter.claimable_balance_id = Some(claimable),
    }
    let tries = tx.tries_of(transfer.id).await?;
    tried(tx, &mut letter, tries).await?;
    if !undecided {
        letter.actions.push(actions::wait("it is tried again", letter.next_look_at));
    }
    letter.actions.push(actions::return_elsewhere(what));
    Ok(Some(letter))
}

/// Why nobody knows where money can go back to.
async fn why_undecided(
    tx: &mut dyn Tx,
    what: GivenBack,
    transfer: &Transfer,
) -> Result<&'static str, StoreError> {
    let payment = match what {
        GivenBack::Payment(payment) => tx.payment(payment).await?,
        GivenBack::Claimable(_) => None,
    };
    Ok(match payment.map(|stored| (stored.payment.kind, stored.payment.from)) {
        Some((PaymentKind::Merge, _)) => "who sent it has merged that account away",
        Some((_, None)) => "the ledger does not say who sent it",
        Some((_, Some(Address::Contract(_)))) => "a contract sent it, and its order names no address",
        Some((_, Some(_))) | None => match transfer.to {
            Address::Contract(_) => "a contract sent it, and its order names no address",
            Address::Account(_) | Address::Muxed { .. } => "it came from an account of this service",
        },
    })
}

pub(super) async fn balances(
    tx: &mut dyn Tx,
    now: Timestamp,
    after: Option<ClaimableId>,
    limit: u32,
) -> Result<Vec<DeadLetter>, StoreError> {
    let overdue = earlier(now, UNTAKEN_AFTER);
    let mut letters = Vec::new();
    for (id, claimable) in tx.claimables_not_reclaimed(now, overdue, after, limit).await?.into_rows() {
        letters.extend(match (claimable, id) {
            (Ok(claimable), _) => {
                let (key, letter) = (claimable.id.to_string(), balance(tx, claimable).await);
                or_its_row(Kind::UntakeableBalance, now, key, letter.map(Some))?
            }
            (Err(row), Some(id)) => Some(cannot_be_read(Kind::UntakeableBalance, now, id.to_string(), &row)),
            (Err(_), None) => None,
        });
    }
    Ok(letters)
}

async fn balance(tx: &mut dyn Tx, claimable: Claimable) -> Result<DeadLetter, StoreError> {
    let id = claimable.id;
    let tries = tx.tries_to_reclaim(id).await?;
    let why = if tries.count > 0 { "could not be reclaimed" } else { "was not reclaimed yet" };
    let summary = format!(
        "Claimable balance {id} of {} {} for {} was not claimed for 180 days, and {why}. It locks a reserve \
         of the platform's, and can still be claimed.",
        claimable.amount,
        claimable.asset.code(),
        claimable.recipient
    );
    let key = LetterId::new(Kind::UntakeableBalance, id);
    let mut letter = DeadLetter::new(&key, claimable.reclaim_from, summary);
    letter.reservation_id = claimable.reservation;
    letter.claimable_balance_id = Some(id);
    letter.transfer_id = Some(claimable.transfer);
    letter.to = Some(Address::Account(claimable.recipient));
    letter.asset = Some(claimable.asset);
    letter.amount = Some(claimable.amount);
    tried(tx, &mut letter, tries).await?;
    let last = letter
        .transaction
        .as_ref()
        .and_then(|last| last.operation_codes.iter().find(|code| *code != "op_success"));
    letter.reason = last.cloned().or_else(|| letter.transaction.as_ref()?.code.clone());
    letter.actions = vec![actions::wait("it is tried again", None)];
    Ok(letter)
}
