//! What follows from a transaction of ours that took effect.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Ended, channel, fee, is_return, settled_by, use_sequence};
use crate::capacity;
use crate::domain::address::Address;
use crate::domain::asset::Asset;
use crate::domain::claimable::{Claimable, ClaimableState};
use crate::domain::escrow::{Channel, EscrowState};
use crate::domain::ids::{ClaimableId, LedgerSeq, OperationId, ReservationId, TxHash};
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::domain::reservation::{Settlement, State};
use crate::domain::transfer::{ClosedAccount, Purpose, Submission, TopUp, Transfer};
use crate::ports::network::TransactionRecord;
use crate::ports::store::Tx;
use crate::settlement::claim::owe_repayment;
use crate::settlement::close::platform;
use crate::settlement::refund::{owe_returns, refunded_if_all};
use crate::settlement::settle::{change, funded_option, is_claimable, places};
use crate::settlement::{EngineError, Ids};

pub(super) async fn confirmed(
    tx: &mut dyn Tx,
    ids: &Ids,
    submission: &Submission,
    record: &TransactionRecord,
) -> Result<Ended, EngineError> {
    let mut postings = Postings::new();
    fee(tx, record, &mut postings).await?;
    let mut ended = Ended::default();
    match &submission.purpose {
        Purpose::OpenChannels { accounts, starting_balance } => {
            ended.opened = true;
            for account in accounts {
                let to = BookAccount::Stellar(*account);
                let from = BookAccount::Stellar(submission.channel);
                postings.movement(Asset::Native, *starting_balance, to, from);
                let opening = channel(tx, *account).await?;
                // A new account's sequence number is its ledger's, shifted (CAP: starting sequence number).
                let sequence = i64::from(record.ledger.0) << 32;
                let open = Channel { opening: None, sequence, ..opening.clone() };
                tx.update_channel(&opening, &open).await?;
            }
        }
        // It is stored with its outcome.
        Purpose::Recovered => {}
        Purpose::TopUpChannels { channels } => {
            ended.topped_up = channels.iter().map(|top_up| top_up.channel).collect();
            let from = BookAccount::Stellar(platform(tx).await?);
            for TopUp { channel, amount } in channels {
                postings.movement(Asset::Native, *amount, BookAccount::Stellar(*channel), from);
            }
        }
        Purpose::OpenEscrows { .. } => {
            ended.opened = true;
            for mut escrow in tx.escrows_opened_by(submission.id).await? {
                escrow.state = EscrowState::Ready;
                tx.update_escrow(&escrow).await?;
            }
        }
        Purpose::PayTransfers { transfers, claimables, reclaim_from } => {
            let transfers = tx.transfers(transfers).await?;
            let (places, _) = places(&transfers);
            let mut claimables = claimables.iter().copied();
            for (transfer, place) in transfers.iter().zip(places) {
                let operation = operation_at(record, place);
                pay(tx, ids, submission, transfer, operation, record.closed_at).await?;
                if is_claimable(transfer) {
                    let made = (claimables.next(), *reclaim_from);
                    make_claimable(tx, transfer, made, record).await?;
                }
            }
            for reservation in settled_by(&transfers) {
                settled(tx, ids, submission, reservation, &Landed::of(record)).await?;
                ended.settled += 1;
            }
            let returns = transfers.iter().filter(|transfer| is_return(transfer));
            ended.returned.extend(returns.clone().map(Transfer::route));
            let returned_to: BTreeSet<ReservationId> = returns.filter_map(|one| one.reservation).collect();
            for reservation in returned_to {
                refunded(tx, ids, reservation, record.closed_at).await?;
            }
        }
        Purpose::TakeBack { claimables } => {
            let platform = platform(tx).await?;
            ended.taken_back.clone_from(claimables);
            for id in claimables {
                let Some(claimable) = tx.claimable(*id).await? else { continue };
                let taken = claimable.clone().taken_back(submission.id, record.closed_at)?;
                tx.update_claimable(&claimable, &taken).await?;
                owe_repayment(tx, ids, &taken, platform).await?;
                // Only the asset moves; what is owed to the recipient stays until it is repaid.
                let (to, from) = (BookAccount::Stellar(platform), BookAccount::ClaimableBalances);
                postings.movement(claimable.asset, claimable.amount, to, from);
            }
        }
        Purpose::CloseEscrows { accounts } => {
            merged(tx, submission, accounts, record, &mut postings).await?;
        }
    }
    ids.post(tx, Cause::Confirmed(submission.id), None, record.closed_at, postings).await?;
    use_sequence(tx, submission, submission.sequence).await?;
    Ok(ended)
}

/// Where a transaction is.
pub(in crate::settlement) struct Landed {
    pub hash: TxHash,
    pub ledger: LedgerSeq,
    pub at: Timestamp,
}

impl Landed {
    const fn of(record: &TransactionRecord) -> Self {
        Self { hash: record.hash, ledger: record.ledger, at: record.closed_at }
    }
}

/// An operation of the transaction, whose ledger closed at `at`, paid this transfer.
pub(in crate::settlement) async fn pay(
    tx: &mut dyn Tx,
    ids: &Ids,
    submission: &Submission,
    transfer: &Transfer,
    operation: OperationId,
    at: Timestamp,
) -> Result<(), EngineError> {
    let paid = transfer.clone().confirmed(submission.id, operation, at)?;
    tx.update_transfer(transfer, &paid).await?;
    let mut postings = Postings::new();
    let owed = transfer.liability();
    let held = BookAccount::Stellar(transfer.from);
    postings.movement(transfer.asset, transfer.amount, owed, held);
    if is_claimable(transfer) {
        let (waits, demanded) = (BookAccount::ClaimableBalances, BookAccount::Claimants);
        postings.movement(transfer.asset, transfer.amount, waits, demanded);
    }
    let cause = Cause::Transfer(transfer.id);
    ids.post(tx, cause, transfer.reservation, at, postings).await
}

/// The operation at this place (from 0) of a transaction.
fn operation_at(record: &TransactionRecord, place: usize) -> OperationId {
    OperationId(record.position.0 + 1 + i64::try_from(place).unwrap_or(i64::MAX))
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

/// Accounts are merged into the platform's. What they still held is owed already and now goes from there, or came at the very last:
/// their histories tell from whom.
async fn merged(
    tx: &mut dyn Tx,
    submission: &Submission,
    accounts: &[ClosedAccount],
    record: &TransactionRecord,
    postings: &mut Postings,
) -> Result<(), EngineError> {
    let platform = platform(tx).await?;
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
        let mut escrow = tx.escrows(&[*account]).await?.pop().ok_or_else(contradiction)?;
        let EscrowState::Closing { reservation, submission: by } = escrow.state else {
            return Err(contradiction());
        };
        if by != submission.id {
            return Err(contradiction());
        }
        escrow.state = EscrowState::Merged { reservation, operation: operation_at(record, place) };
        tx.update_escrow(&escrow).await?;
        tx.move_home(*account, platform).await?;
        tx.foreign_claimables_out_of_reach(*account, record.closed_at).await?;
        for (asset, amount) in carried.iter().copied().chain([(Asset::Native, amount)]) {
            let (home, closed) = (BookAccount::Stellar(platform), BookAccount::Stellar(*account));
            postings.movement(asset, amount, home, closed);
        }
    }
    Ok(())
}

/// Returns are in the ledger: with the last of what counted the reservation is refunded.
pub(in crate::settlement) async fn refunded(
    tx: &mut dyn Tx,
    ids: &Ids,
    id: ReservationId,
    at: Timestamp,
) -> Result<(), EngineError> {
    let Some(reservation) = tx.reservation(id).await? else { return Ok(()) };
    if let Some(refunded) = refunded_if_all(tx, reservation, at).await? {
        change(tx, ids, &refunded).await?;
    }
    Ok(())
}

/// All legs of a reservation are paid: its pool is credited, and what was too much is owed back.
pub(in crate::settlement) async fn settled(
    tx: &mut dyn Tx,
    ids: &Ids,
    submission: &Submission,
    id: ReservationId,
    landed: &Landed,
) -> Result<(), EngineError> {
    let reservation = tx.reservation(id).await?;
    let reservation = reservation
        .ok_or_else(|| EngineError::Contradiction(format!("reservation {id} is paid but not stored")))?;
    let free_only = funded_option(&reservation)?.free_only;
    if let State::Settling { funding, .. } = &reservation.state {
        owe_returns(tx, ids, id, Some(funding)).await?;
    }
    let pool = capacity::credit(tx, &reservation, free_only, landed.at, ids.now()).await?;
    let settlement =
        Settlement { transaction: Some(landed.hash), ledger: Some(landed.ledger), at: landed.at, pool };
    change(tx, ids, &reservation.settled(submission.id, settlement)?).await?;
    Ok(())
}
