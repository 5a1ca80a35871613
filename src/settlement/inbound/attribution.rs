//! What a payment is taken for, and what follows from it in the transaction that takes it in.

use crate::domain::address::AccountId;
use crate::domain::event::EventKind;
use crate::domain::journal::BookAccount;
use crate::domain::payment::{Attribution, Payment, PaymentKind};
use crate::domain::reservation::{Reservation, State};
use crate::ports::store::{Applied, StoreError, StoredPayment, Tx};
use crate::settlement::books::accepted::has_losses;
use crate::settlement::books::entries::paid_in;
use crate::settlement::books::holds::note_lack;
use crate::settlement::books::refunds::{counted_payments, owe_return};
use crate::settlement::books::work::UnitOfWork;
use crate::settlement::{EngineError, TickReport};

use super::watched_account::WatchedAccount;

/// The ledger's code for a payment that its source has not enough for.
const UNDERFUNDED: &str = "op_underfunded";

/// What a page of history did.
#[derive(Debug, Clone, Default)]
pub(in crate::settlement) struct Ingested {
    pub payments: u32,
    pub clawbacks: u32,
    /// What left by transactions that were found, or accepted.
    pub outgoing: u32,
    pub funded: u32,
    /// True if the cursor went on.
    pub moved: bool,
}

impl Ingested {
    /// How much of it changed the books.
    pub const fn booked(&self) -> u32 {
        self.payments + self.clawbacks + self.outgoing
    }

    /// Reports what was taken in.
    pub const fn note(&self, report: &mut TickReport) {
        report.payments += self.payments;
        report.funded += self.funded;
    }
}

/// Takes in money that came, once, with all that follows from it.
pub(in crate::settlement) async fn take_in(
    work: &mut UnitOfWork<'_>,
    account: &WatchedAccount,
    funders: &[AccountId],
    payment: Payment,
    ingested: &mut Ingested,
) -> Result<(), EngineError> {
    let now = work.now();
    let reservation = match account.reservation() {
        Some(reservation) => work.reservation(reservation).await?,
        None => None,
    };
    let attribution = attribute(work.tx(), account, funders, &payment, reservation.as_ref()).await?;
    let id = payment.id;
    let owner = reservation.as_ref().map(|reservation| reservation.id);
    let stored = StoredPayment { payment: payment.clone(), reservation: owner, attribution };
    match work.insert_payment(&stored).await? {
        Applied::AlreadyApplied => return Ok(()),
        Applied::Executed => ingested.payments += 1,
    }
    work.post(paid_in(&stored)).await?;
    let received = EventKind::PaymentReceived { payment: id, reservation: owner };
    work.append_event(now, 0, &received).await?;
    match (attribution, reservation) {
        (Attribution::Counted, Some(reservation)) => {
            if let State::Held { .. } = reservation.state {
                // Whoever decides about it at the same time changes its row: one of the two runs again, and
                // sees the other.
                return note_lack(work, reservation.looked_at_soon(now)?).await;
            }
            ingested.funded += u32::from(fund(work, reservation).await?);
        }
        (Attribution::Counted, None) | (Attribution::TopUp, _) => {}
        (Attribution::Late | Attribution::OtherAsset, owner) => {
            owe_return(work, &payment, owner.map(|reservation| reservation.id)).await?;
        }
        (Attribution::Unassigned, _) => owe_return(work, &payment, None).await?,
    }
    Ok(())
}

/// What a payment is taken for, by the reservation as it stands when the payment is taken in.
///
/// Merges and claims pay nothing: they are unassigned even where a reservation has the account.
async fn attribute(
    tx: &mut dyn Tx,
    account: &WatchedAccount,
    funders: &[AccountId],
    payment: &Payment,
    reservation: Option<&Reservation>,
) -> Result<Attribution, StoreError> {
    let payer = payment.from.and_then(|from| from.account());
    let is_funder = payer.is_some_and(|payer| funders.contains(&payer));
    if let WatchedAccount::System { .. } = account {
        return Ok(if is_funder { Attribution::TopUp } else { Attribution::Unassigned });
    }
    // The operator makes good what an operation took that was accepted.
    if is_funder && has_losses(tx, account.account()).await? {
        return Ok(Attribution::TopUp);
    }
    let is_payment = match payment.kind {
        PaymentKind::Merge | PaymentKind::Claim => false,
        PaymentKind::Payment
        | PaymentKind::PathPayment
        | PaymentKind::CreateAccount
        | PaymentKind::ContractTransfer => true,
    };
    let Some(reservation) = reservation.filter(|_| is_payment) else { return Ok(Attribution::Unassigned) };
    if fills_shortfall(tx, payment, reservation).await? {
        return Ok(Attribution::Counted);
    }
    Ok(if reservation.quote.option(&payment.asset).is_none() {
        Attribution::OtherAsset
    } else if reservation.state.takes_payments() && payment.closed_at <= reservation.quote.deadline {
        Attribution::Counted
    } else {
        Attribution::Late
    })
}

/// True if the reservation is held because its account has not what it was funded with, and this
/// is of that asset.
async fn fills_shortfall(
    tx: &mut dyn Tx,
    payment: &Payment,
    reservation: &Reservation,
) -> Result<bool, StoreError> {
    let State::Held { funding, why, .. } = &reservation.state else { return Ok(false) };
    if funding.asset != payment.asset {
        return Ok(false);
    }
    let held = tx.balance(BookAccount::Stellar(reservation.escrow), funding.asset).await?;
    // The ledger may have said so before the clawback was seen.
    Ok(held < funding.amount.get() || why.code == UNDERFUNDED)
}

/// True if what is owed in some asset reaches what is asked in it. Cheap, so that many small payments are not
/// all read again with each of them.
async fn could_be_covered(tx: &mut dyn Tx, reservation: &Reservation) -> Result<bool, StoreError> {
    for option in &reservation.quote.options {
        let balance = tx.balance(BookAccount::Deposits(reservation.id), option.asset).await?;
        if -i128::from(balance) >= i128::from(option.amount.get()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Makes the reservation funded, if what has been counted covers one of its options.
async fn fund(work: &mut UnitOfWork<'_>, reservation: Reservation) -> Result<bool, EngineError> {
    let State::AwaitingPayment { .. } = reservation.state else { return Ok(false) };
    if !could_be_covered(work.tx(), &reservation).await? {
        return Ok(false);
    }
    let payments = counted_payments(work.tx(), reservation.id).await?;
    let Some(funding) = reservation.quote.funding(&payments)? else { return Ok(false) };
    work.save_reservation(&reservation.funded(funding)?).await?;
    Ok(true)
}
