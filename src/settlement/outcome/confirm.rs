//! What follows from a transaction of ours that took effect.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::channel::use_sequence;
use super::effects::Effects;
use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::claimable::{Claimable, ClaimableState};
use crate::domain::escrow::{Channel, EscrowState};
use crate::domain::ids::{ClaimableId, OperationId, ReservationId};
use crate::domain::transfer::{ClosedAccount, Purpose, Submission, TopUp, Transfer};
use crate::ports::network::TransactionRecord;
use crate::ports::store::Tx;
use crate::settlement::EngineError;
use crate::settlement::books::accounts::{channel, platform};
use crate::settlement::books::confirm::{Landed, pay, refund, settle, with_fee};
use crate::settlement::books::entries::TransactionEntry;
use crate::settlement::books::repayments::owe_repayment;
use crate::settlement::books::transfers::{is_claimable, is_return, places, settled_by};
use crate::settlement::books::work::UnitOfWork;

/// Writes all that follows from a transaction in a ledger, and what it means for the steps.
pub(in crate::settlement) async fn confirm(
    work: &mut UnitOfWork<'_>,
    submission: &Submission,
    record: &TransactionRecord,
) -> Result<Effects, EngineError> {
    let mut entry = with_fee(work.tx(), record).await?;
    let mut effects = Effects::default();
    match &submission.purpose {
        Purpose::OpenChannels { accounts, starting_balance } => {
            effects.opened = true;
            for account in accounts {
                entry.xlm(*starting_balance, *account, submission.channel);
                open_channel(work, *account, record).await?;
            }
        }
        // It is stored with its outcome.
        Purpose::Recovered => {}
        Purpose::TopUpChannels { channels } => {
            effects.topped_up = channels.iter().map(|top_up| top_up.channel).collect();
            let platform = platform(work.tx()).await?;
            for TopUp { channel, amount } in channels {
                entry.xlm(*amount, *channel, platform);
            }
        }
        Purpose::OpenEscrows { .. } => {
            effects.opened = true;
            for mut escrow in work.escrows_opened_by(submission.id).await? {
                escrow.state = EscrowState::Ready;
                work.update_escrow(&escrow).await?;
            }
        }
        Purpose::PayTransfers { transfers, claimables, reclaim_from } => {
            let transfers = work.transfers(transfers).await?;
            paid(work, submission, &transfers, (claimables, *reclaim_from), record).await?;
            for reservation in settled_by(&transfers) {
                settle(work, submission, reservation, &Landed::of(record)).await?;
                effects.settled += 1;
            }
            let returns = transfers.iter().filter(|transfer| is_return(transfer));
            effects.returned.extend(returns.clone().map(Transfer::route));
            let returned_to: BTreeSet<ReservationId> = returns.filter_map(|one| one.reservation).collect();
            for reservation in returned_to {
                refund(work, reservation, record.closed_at).await?;
            }
        }
        Purpose::Reclaim { claimables } => {
            let platform = platform(work.tx()).await?;
            effects.reclaimed.clone_from(claimables);
            for id in claimables {
                let Some(claimable) = work.claimable(*id).await? else { continue };
                let taken = claimable.clone().reclaimed(submission.id, record.closed_at)?;
                work.update_claimable(&claimable, &taken).await?;
                owe_repayment(work, &taken, platform).await?;
                // Only the asset moves; what is owed to the recipient stays until it is repaid.
                entry.reclaimed(&claimable, platform);
            }
        }
        Purpose::CloseEscrows { accounts } => {
            effects.merged = accounts.iter().map(|closed| closed.account).collect();
            close_accounts(work, submission, accounts, record, &mut entry).await?;
        }
    }
    work.post(entry.confirmed(submission.id, record)).await?;
    use_sequence(work.tx(), submission, submission.sequence).await?;
    Ok(effects)
}

/// The operation at this place (from 0) of a transaction.
fn operation_at(record: &TransactionRecord, place: usize) -> OperationId {
    OperationId(record.position.0 + 1 + i64::try_from(place).unwrap_or(i64::MAX))
}

/// A channel account is on the ledger.
async fn open_channel(
    work: &mut UnitOfWork<'_>,
    account: AccountId,
    record: &TransactionRecord,
) -> Result<(), EngineError> {
    let opening = channel(work.tx(), account).await?;
    // A new account's sequence number is its ledger's, shifted (CAP: starting sequence number).
    let sequence = i64::from(record.ledger.0) << 32;
    let open = Channel { opening: None, sequence, ..opening.clone() };
    Ok(work.update_channel(&opening, &open).await?)
}

/// Each transfer is paid by its operation; those by claimable balance made the next of `made`, each of which
/// may be reclaimed from the moment beside them.
async fn paid(
    work: &mut UnitOfWork<'_>,
    submission: &Submission,
    transfers: &[Transfer],
    (made, reclaim_from): (&[ClaimableId], Option<Timestamp>),
    record: &TransactionRecord,
) -> Result<(), EngineError> {
    let (places, _) = places(transfers);
    let mut made = made.iter().copied();
    for (transfer, place) in transfers.iter().zip(places) {
        pay(work, submission, transfer, operation_at(record, place), record.closed_at).await?;
        if is_claimable(transfer) {
            make_claimable(work.tx(), transfer, (made.next(), reclaim_from), record).await?;
        }
    }
    Ok(())
}

/// A transfer's claimable balance is on the ledger.
async fn make_claimable(
    tx: &mut dyn Tx,
    transfer: &Transfer,
    made: (Option<ClaimableId>, Option<Timestamp>),
    record: &TransactionRecord,
) -> Result<(), EngineError> {
    let ((Some(id), Some(reclaim_from)), Address::Account(recipient)) = (made, transfer.to) else {
        let id = transfer.id;
        return Err(EngineError::Contradiction(format!(
            "transfer {id} made a claimable balance without an id"
        )));
    };
    let claimable = Claimable {
        id,
        transfer: transfer.id,
        reservation: transfer.reservation,
        recipient,
        asset: transfer.asset,
        amount: transfer.amount,
        created_at: record.closed_at,
        reclaim_from,
        state: ClaimableState::Outstanding,
    };
    Ok(tx.insert_claimable(&claimable).await?)
}

/// Accounts are merged into the platform's. What they still held is owed already and now goes from there,
/// or came at the very last: their histories tell from whom.
async fn close_accounts(
    work: &mut UnitOfWork<'_>,
    submission: &Submission,
    accounts: &[ClosedAccount],
    record: &TransactionRecord,
    entry: &mut TransactionEntry,
) -> Result<(), EngineError> {
    let platform = platform(work.tx()).await?;
    let mut next = 0;
    for ClosedAccount { account, operations, carried } in accounts {
        let place = next + usize::from(*operations) - 1;
        next = place + 1;
        let amount = record.merged.iter().find(|(at, _)| *at == place).map(|(_, amount)| *amount);
        let amount = amount.ok_or_else(|| {
            EngineError::Contradiction(format!("the result does not tell what the merge of {account} moved"))
        })?;
        let contradiction =
            || EngineError::Contradiction(format!("account {account} was merged, but not by our books"));
        let mut escrow = work.escrow(*account).await?.ok_or_else(contradiction)?;
        let EscrowState::Closing { reservation, submission: by } = escrow.state else {
            return Err(contradiction());
        };
        if by != submission.id {
            return Err(contradiction());
        }
        escrow.state = EscrowState::Merged { reservation, operation: operation_at(record, place) };
        work.update_escrow(&escrow).await?;
        work.sweep_to_platform(*account, platform).await?;
        work.foreign_claimables_out_of_reach(*account, record.closed_at).await?;
        for (asset, amount) in carried.iter().copied().chain([(Asset::Native, amount)]) {
            entry.swept(asset, amount, platform, *account);
        }
    }
    Ok(())
}
