//! What follows from a transaction of ours that had no effect: everything it held is free again, and whoever
//! is to blame is told.

use super::effects::Effects;
use crate::domain::address::AccountId;
use crate::domain::claimable::ClaimableState;
use crate::domain::dead_letter::Why;
use crate::domain::escrow::EscrowState;
use crate::domain::ids::{ClaimableId, ReservationId, SubmissionId};
use crate::domain::reservation::{HoldReason, RefundReason, Reservation, State};
use crate::domain::transfer::{ClosedAccount, Purpose, ResultCodes, Submission, Transfer, TransferState};
use crate::settlement::EngineError;
use crate::settlement::books::accounts::channel;
use crate::settlement::books::claimable_policy::{ClaimablePolicy, Fallback, fallback};
use crate::settlement::books::holds::lack_by_books;
use crate::settlement::books::refunds::start_refunding;
use crate::settlement::books::result_codes::{
    Attribution, CANNOT_PAY_FEE, attributions, is_no_reserve, is_refused_between, is_refused_whole,
    is_success, to_hold,
};
use crate::settlement::books::transfers::{is_return, settled_by};
use crate::settlement::books::undelivered::note_undelivered;
use crate::settlement::books::work::UnitOfWork;

/// How a transaction was refused.
#[derive(Clone, Copy)]
pub(in crate::settlement) struct Refusal<'r> {
    /// With which codes, if that is known.
    pub codes: Option<&'r ResultCodes>,
    /// True if it is in a ledger, without effect: each such try costs a fee.
    pub landed: bool,
    /// What becomes a claimable balance instead of a payment.
    pub policy: ClaimablePolicy,
}

/// Frees what a transaction without effect had taken.
pub(in crate::settlement) async fn release(
    work: &mut UnitOfWork<'_>,
    submission: &Submission,
    refusal: Refusal<'_>,
) -> Result<Effects, EngineError> {
    let poor = refusal.codes.is_some_and(|codes| codes.transaction == CANNOT_PAY_FEE);
    let mut effects = Effects { poor, ..Effects::default() };
    match &submission.purpose {
        Purpose::OpenChannels { accounts, .. } => {
            effects.failed_opening = true;
            for account in accounts {
                let opening = channel(work.tx(), *account).await?;
                work.remove_channel(&opening).await?;
            }
        }
        // It is stored with its outcome.
        Purpose::Recovered => {}
        Purpose::TopUpChannels { .. } => effects.failed_top_up = true,
        Purpose::OpenEscrows { .. } => {
            effects.failed_opening = true;
            for mut escrow in work.escrows_opened_by(submission.id).await? {
                escrow.state = EscrowState::Abandoned;
                work.update_escrow(&escrow).await?;
            }
        }
        Purpose::PayTransfers { transfers, .. } => {
            let transfers = work.transfers(transfers).await?;
            release_transfers(work, submission, &transfers, refusal, &mut effects).await?;
        }
        Purpose::Reclaim { claimables } => {
            not_reclaimed(claimables, refusal, &mut effects);
            for id in claimables {
                let Some(claimable) = work.claimable(*id).await? else { continue };
                if let ClaimableState::Reclaiming { .. } = claimable.state {
                    work.update_claimable(&claimable, &claimable.clone().released()?).await?;
                }
            }
        }
        Purpose::CloseEscrows { accounts } => {
            effects.not_closed = not_closed(accounts, refusal);
            for ClosedAccount { account, .. } in accounts {
                let Some(mut escrow) = work.escrow(*account).await? else { continue };
                if let EscrowState::Closing { reservation, .. } = escrow.state {
                    escrow.state = EscrowState::open(reservation);
                    work.update_escrow(&escrow).await?;
                }
            }
        }
    }
    Ok(effects)
}

/// Tells which claimable balances could not be reclaimed: those whose operations were refused. One may have
/// been claimed meanwhile; its history will tell. If none is named, they go one by one, and one that was
/// alone is named. What merely never landed goes again.
fn not_reclaimed(claimables: &[ClaimableId], refusal: Refusal<'_>, effects: &mut Effects) {
    let Some(codes) = refusal.codes else {
        effects.reclaim_alone = if refusal.landed { claimables.to_vec() } else { Vec::new() };
        return;
    };
    // The last operations claim; those before make trust lines.
    let trust_lines = codes.operations.len().saturating_sub(claimables.len());
    let (trusting, claiming) = codes.operations.split_at(trust_lines);
    effects.no_reserve = trusting.iter().any(|code| is_no_reserve(code));
    let refused = claimables.iter().zip(claiming).filter(|(_, code)| !is_success(code));
    effects.not_reclaimed = refused.map(|(id, _)| *id).collect();
    if !effects.not_reclaimed.is_empty()
        || !(refusal.landed || is_refused_whole(codes) || is_refused_between(codes))
    {
        return;
    }
    match claimables {
        [only] => effects.not_reclaimed = vec![*only],
        several => effects.reclaim_alone = several.to_vec(),
    }
}

/// Accounts that could not be closed: those whose operations were refused, or all if none is named.
fn not_closed(accounts: &[ClosedAccount], refusal: Refusal<'_>) -> Vec<AccountId> {
    let codes = refusal.codes.map_or(&[][..], |codes| &codes.operations);
    let mut next = 0;
    let mut named = Vec::new();
    for ClosedAccount { account, operations, .. } in accounts {
        let own = next..next + usize::from(*operations);
        next = own.end;
        if codes.get(own).is_some_and(|codes| codes.iter().any(|code| !is_success(code))) {
            named.push(*account);
        }
    }
    if named.is_empty() { accounts.iter().map(|closed| closed.account).collect() } else { named }
}

/// Frees transfers. With codes that blame reservations, those are held; whose recipient cannot receive
/// a payment gets a claimable balance, or calls its settlement off; the others go again. If it landed or was
/// refused as a whole and no code names anybody, all go again one by one, and one that was alone is held.
async fn release_transfers(
    work: &mut UnitOfWork<'_>,
    submission: &Submission,
    transfers: &[Transfer],
    refusal: Refusal<'_>,
    effects: &mut Effects,
) -> Result<(), EngineError> {
    let attributions = attributions(transfers, refusal.codes);
    let mut to_hold = to_hold(transfers, &attributions);
    let named = attributions.iter().any(|cause| *cause != Attribution::Nobody);
    let refused = |codes: &ResultCodes| is_refused_whole(codes) || is_refused_between(codes);
    let unexplained = !named && (refusal.landed || refusal.codes.is_some_and(refused));
    effects.no_reserve = attributions.contains(&Attribution::Reserve);
    let now = work.now();
    for (transfer, cause) in transfers.iter().zip(&attributions) {
        let TransferState::InFlight { .. } = transfer.state else { continue };
        let released = transfer.clone().released(submission.id)?;
        work.update_transfer(transfer, &released).await?;
        let mut why = Why::Refused;
        let before = effects.undelivered.len();
        match cause {
            Attribution::Recipient => match fallback(work.tx(), &released, refusal.policy, now).await? {
                Fallback::ClaimableBalance => {
                    let claimable = released.clone().as_claimable()?;
                    work.redirect_transfer(&released, &claimable).await?;
                }
                Fallback::TooManyOfItsFarm => effects.called_off.extend(transfer.reservation),
                fallback @ (Fallback::Owed | Fallback::TooManyReturns) => {
                    let too_many = fallback == Fallback::TooManyReturns;
                    effects.too_many_returns |= too_many;
                    why = if too_many { Why::TooManyBalances } else { why };
                    effects.undelivered.push(transfer.route());
                }
            },
            Attribution::Source(_) if is_return(transfer) => effects.undelivered.push(transfer.route()),
            // One that merely never landed is not its fault.
            Attribution::Nobody if is_return(transfer) && unexplained => {
                effects.undelivered.push(transfer.route())
            }
            Attribution::Nobody | Attribution::Reserve | Attribution::Source(_) => {}
        }
        if effects.undelivered.len() > before {
            note_undelivered(work.tx(), &released, why, now).await?;
        }
    }
    let reservations = settled_by(transfers);
    if unexplained {
        match (reservations.as_slice(), refusal.codes) {
            ([], _) => {}
            ([only], Some(codes)) => {
                let detail = "its settlement failed, and no operation is to blame".to_owned();
                to_hold.push((*only, HoldReason { code: codes.transaction.clone(), detail }));
            }
            (several, _) => effects.alone = several.to_vec(),
        }
    }
    for id in reservations {
        let why = to_hold.iter().find(|(held, _)| *held == id).map(|(_, why)| why.clone());
        effects.held += u32::from(why.is_some());
        let called_off = why.is_none() && effects.called_off.contains(&id);
        let released = release_reservation(work, submission.id, id, why).await?;
        if called_off {
            start_refunding(work, released, RefundReason::SettlementImpossible).await?;
        }
    }
    Ok(())
}

async fn release_reservation(
    work: &mut UnitOfWork<'_>,
    submission: SubmissionId,
    id: ReservationId,
    why: Option<HoldReason>,
) -> Result<Reservation, EngineError> {
    let Some(reservation) = work.reservation(id).await? else {
        return Err(EngineError::Contradiction(format!("reservation {id} has transfers but is not stored")));
    };
    let State::Settling { .. } = reservation.state else {
        let state = reservation.state.name();
        return Err(EngineError::Contradiction(format!("reservation {id} is {state}, not settling")));
    };
    let now = work.now();
    let next = match why {
        Some(why) => {
            let held = reservation.held(submission, why, now)?;
            let lacks = lack_by_books(work.tx(), &held).await?;
            held.lacking(lacks)?
        }
        None => reservation.settlement_released(submission)?,
    };
    work.save_reservation(&next).await
}
