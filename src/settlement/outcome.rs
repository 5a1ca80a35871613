//! Outcomes of our transactions, taken from closed ledgers alone.
//!
//! What a transaction did, what follows from it and its end are one database transaction: transfers,
//! postings, fee, reservation, pool credit, events. *Dead* is proved by one answer about the channel of a
//! ledger that closed after `max_time` with a sequence number below ours, or by the transaction that used
//! our number; an absent record or a refusal proves nothing (DESIGN §3).

use jiff::{SignedDuration, Timestamp};

use super::blame::{Blame, blames, culprits, is_refused_whole};
use super::close::platform;
use super::refund::{owe_returns, refunded_if_all};
use super::settle::{change, funded_option, is_claimable, places};
use super::{Engine, EngineError, Ids, TickReport};
use crate::capacity;
use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::claimable::{Claimable, ClaimableState};
use crate::domain::escrow::{Channel, EscrowState};
use crate::domain::ids::{ClaimableId, LedgerSeq, OperationId, ReservationId, SubmissionId, TransferId};
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::domain::money::Stroops;
use crate::domain::reservation::{HoldReason, Settlement, State};
use crate::domain::transfer::{
    ClosedAccount, Purpose, ResultCodes, Submission, SubmissionState, Transfer, TransferKind, TransferState,
};
use crate::ports::network::{Ledger, TransactionRecord};
use crate::ports::store::{Tx, transact};

/// What is known of a live transaction.
#[derive(Clone)]
enum Fate {
    /// In a closed ledger, with or without effect.
    Landed(Box<TransactionRecord>),
    /// Proved never to land; the channel has used up `sequence`.
    Dead { proved_at: LedgerSeq, sequence: i64 },
}

/// What the end of a transaction did to reservations.
#[derive(Debug, Clone, Default)]
struct Ended {
    settled: u32,
    held: u32,
    failed_opening: bool,
    opened: bool,
    /// Returns that are in the ledger.
    returned: Vec<TransferId>,
    /// Returns that were refused.
    undelivered: Vec<TransferId>,
    /// The channel had not enough XLM for the fee.
    poor: bool,
    /// Claimable balances could not be made, for want of their reserves, or not be taken back.
    rest_claimables: bool,
    /// Accounts that could not be closed.
    not_closed: Vec<AccountId>,
    /// Reservations that go again one by one, since it is not known whose fault it was.
    alone: Vec<ReservationId>,
}

/// How long a channel rests that could not pay a fee.
const POOR_CHANNEL_REST: SignedDuration = SignedDuration::from_mins(10);
/// For how long no claimable balance is made or taken back after that did not work.
const CLAIMABLES_REST: SignedDuration = SignedDuration::from_mins(10);
/// The code of a transaction whose source cannot pay its fee.
const CANNOT_PAY_FEE: &str = "tx_insufficient_balance";

impl Engine {
    /// Looks up every live transaction that has been sent, and records what has become known.
    pub(super) async fn look_up_outcomes(
        &self,
        tip: Ledger,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        let live = self.store.begin_read().await?.live_submissions().await?;
        for submission in live {
            if submission.attempts == 0 && tip.closed_at <= submission.max_time {
                continue;
            }
            let what = format!("transaction {}", submission.hash);
            let looked_up = self.look_up(submission, tip, report).await;
            report.isolate(&what, looked_up)?;
        }
        Ok(())
    }

    async fn look_up(
        &self,
        submission: Submission,
        tip: Ledger,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        match self.fate(&submission, tip).await? {
            Some(fate) => self.record(submission, fate, report).await,
            None => Ok(()),
        }
    }

    /// Records a transaction that its own submission already showed to be in a closed ledger.
    pub(super) async fn record_landed(
        &self,
        submission: Submission,
        record: TransactionRecord,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        self.record(submission, Fate::Landed(Box::new(record)), report).await
    }

    /// What is known of a live transaction; `None` if nothing is.
    async fn fate(&self, submission: &Submission, tip: Ledger) -> Result<Option<Fate>, EngineError> {
        if let Some(record) = self.network.transaction(submission.hash).await? {
            return Ok(Some(Fate::Landed(Box::new(record))));
        }
        if tip.closed_at <= submission.max_time {
            return Ok(None);
        }
        let answer = self.network.account(submission.channel).await?;
        let Some(channel) = answer.account else { return Ok(None) };
        let sequence = channel.sequence;
        if sequence >= submission.sequence {
            return self.fate_by_sequence(submission, sequence).await;
        }
        let proved_at = answer.ledger;
        let closed = self.network.ledger(proved_at).await?;
        let too_late = closed.is_some_and(|ledger| ledger.closed_at > submission.max_time);
        Ok(too_late.then_some(Fate::Dead { proved_at, sequence }))
    }

    /// Our sequence number is used up: by whom decides.
    async fn fate_by_sequence(
        &self,
        submission: &Submission,
        sequence: i64,
    ) -> Result<Option<Fate>, EngineError> {
        let user = self.network.transaction_using(submission.channel, submission.sequence).await?;
        Ok(user.map(|record| {
            if record.envelope_hash() == submission.hash {
                Fate::Landed(Box::new(record))
            } else {
                Fate::Dead { proved_at: record.ledger, sequence }
            }
        }))
    }

    async fn record(
        &self,
        submission: Submission,
        fate: Fate,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        let (ids, id, now) = (Ids::of(self), submission.id, self.clock.now());
        let refused = self.memory().refusals.get(&id).cloned();
        let claimable_min = self.settings.refund_claimable_min;
        let ended = transact(&self.store, move |tx| {
            let (ids, fate, refused) = (ids.clone(), fate.clone(), refused.clone());
            Box::pin(async move { end(tx, &ids, id, fate, refused, claimable_min).await })
        })
        .await?;
        report.settled += ended.settled;
        report.held += ended.held;
        report.returned += u32::try_from(ended.returned.len()).unwrap_or(u32::MAX);
        for transfer in &ended.undelivered {
            tracing::warn!(%transfer, "a return could not be delivered; it will be tried again");
            self.undelivered(*transfer);
        }
        {
            let mut memory = self.memory();
            memory.refusals.remove(&id);
            memory.send_not_before.remove(&id);
            for transfer in &ended.returned {
                memory.undelivered.forget(transfer);
            }
            if ended.opened {
                memory.open_pause = None;
            }
            memory.alone.extend(ended.alone);
            if ended.rest_claimables {
                tracing::error!(
                    "claimable balances could not be made or taken back; none is tried for a while"
                );
                memory.claimables_not_before = now.checked_add(CLAIMABLES_REST).ok();
            }
            if ended.poor {
                let until = now.checked_add(POOR_CHANNEL_REST).unwrap_or(now);
                tracing::error!(channel = %submission.channel, "the channel cannot pay a fee; it rests");
                memory.poor.insert(submission.channel, until);
            }
        }
        if ended.failed_opening {
            self.pause_opening();
        }
        self.closing_failed(&ended.not_closed);
        Ok(())
    }
}

/// Ends a live transaction; nothing if somebody else did.
async fn end(
    tx: &mut dyn Tx,
    ids: &Ids,
    id: SubmissionId,
    fate: Fate,
    refused: Option<ResultCodes>,
    claimable_min: Stroops,
) -> Result<Ended, EngineError> {
    let Some(submission) = tx.submission(id).await? else { return Ok(Ended::default()) };
    if submission.state != SubmissionState::Live {
        return Ok(Ended::default());
    }
    match fate {
        Fate::Landed(record) => {
            check_identity(&submission, &record)?;
            let (ledger, at) = (record.ledger, record.closed_at);
            if record.successful {
                let state = SubmissionState::Confirmed { ledger, at };
                tx.resolve_submission(&submission.clone().resolved(state)?).await?;
                confirmed(tx, ids, &submission, &record).await
            } else {
                let codes = record.codes.clone();
                let state = SubmissionState::Failed { ledger, at, codes: codes.clone() };
                tx.resolve_submission(&submission.clone().resolved(state)?).await?;
                let mut postings = Postings::new();
                fee(tx, &record, &mut postings).await?;
                ids.post(tx, Cause::Failed(id), None, at, postings).await?;
                use_sequence(tx, &submission, submission.sequence).await?;
                let refusal = Refusal { codes: Some(&codes), landed: true, claimable_min };
                released(tx, ids, &submission, refusal).await
            }
        }
        Fate::Dead { proved_at, sequence } => {
            let state = SubmissionState::Dead { proved_at };
            tx.resolve_submission(&submission.clone().resolved(state)?).await?;
            use_sequence(tx, &submission, sequence).await?;
            let refusal = Refusal { codes: refused.as_ref(), landed: false, claimable_min };
            released(tx, ids, &submission, refusal).await
        }
    }
}

fn check_identity(submission: &Submission, record: &TransactionRecord) -> Result<(), EngineError> {
    let same = record.envelope_hash() == submission.hash
        && record.source == submission.channel
        && record.sequence == submission.sequence;
    if same {
        Ok(())
    } else {
        let id = submission.id;
        Err(EngineError::Contradiction(format!("the ledger's record of submission {id} is of another")))
    }
}

/// The fee, if it was ours: whoever bumps our envelope's fee pays it.
async fn fee(
    tx: &mut dyn Tx,
    record: &TransactionRecord,
    postings: &mut Postings,
) -> Result<(), EngineError> {
    let ours = tx.channels().await?.iter().any(|channel| channel.account == record.fee_account);
    if ours {
        let payer = BookAccount::Stellar(record.fee_account);
        postings.movement(Asset::Native, record.fee_charged, BookAccount::NetworkFees, payer);
    }
    Ok(())
}

async fn use_sequence(tx: &mut dyn Tx, submission: &Submission, sequence: i64) -> Result<(), EngineError> {
    let channel = channel(tx, submission.channel).await?;
    let sequence = sequence.max(channel.sequence);
    Ok(tx.update_channel(&channel, &Channel { sequence, ..channel.clone() }).await?)
}

async fn channel(tx: &mut dyn Tx, account: AccountId) -> Result<Channel, EngineError> {
    let channel = tx.channels().await?.into_iter().find(|channel| channel.account == account);
    channel.ok_or_else(|| EngineError::Contradiction(format!("channel {account} is not stored")))
}

async fn confirmed(
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
                pay(tx, ids, submission, transfer, operation, record).await?;
                if is_claimable(transfer) {
                    let made = (claimables.next(), *reclaim_from);
                    make_claimable(tx, transfer, made, record).await?;
                }
            }
            for reservation in settled_by(&transfers) {
                settled(tx, ids, submission, reservation, record).await?;
                ended.settled += 1;
            }
            let refunds = transfers.iter().filter(|transfer| is_refund(transfer));
            for transfer in refunds {
                ended.returned.push(transfer.id);
                refunded(tx, ids, transfer, record).await?;
            }
        }
        Purpose::TakeBack { claimables } => {
            let platform = platform(tx).await?;
            for id in claimables {
                let Some(claimable) = tx.claimable(*id).await? else { continue };
                let taken = claimable.clone().taken_back(submission.id, record.closed_at)?;
                tx.update_claimable(&claimable, &taken).await?;
                // Only the asset moves; what is owed to the recipient stays.
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

async fn pay(
    tx: &mut dyn Tx,
    ids: &Ids,
    submission: &Submission,
    transfer: &Transfer,
    operation: OperationId,
    record: &TransactionRecord,
) -> Result<(), EngineError> {
    let paid = transfer.clone().confirmed(submission.id, operation, record.closed_at)?;
    tx.update_transfer(transfer, &paid).await?;
    let mut postings = Postings::new();
    let owed = transfer.reservation.map_or(BookAccount::Unattributed, BookAccount::Deposits);
    let held = BookAccount::Stellar(transfer.from);
    postings.movement(transfer.asset, transfer.amount, owed, held);
    if is_claimable(transfer) {
        let (waits, demanded) = (BookAccount::ClaimableBalances, BookAccount::Claimants);
        postings.movement(transfer.asset, transfer.amount, waits, demanded);
    }
    let cause = Cause::Transfer(transfer.id);
    ids.post(tx, cause, transfer.reservation, record.closed_at, postings).await
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

/// Accounts are merged into the platform's. What they still held came at the very last: their histories tell from whom.
async fn merged(
    tx: &mut dyn Tx,
    submission: &Submission,
    accounts: &[ClosedAccount],
    record: &TransactionRecord,
    postings: &mut Postings,
) -> Result<(), EngineError> {
    let platform = platform(tx).await?;
    let mut next = 0;
    for ClosedAccount { account, operations } in accounts {
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
        postings.movement(
            Asset::Native,
            amount,
            BookAccount::Stellar(platform),
            BookAccount::Stellar(*account),
        );
    }
    Ok(())
}

const fn is_refund(transfer: &Transfer) -> bool {
    match transfer.kind {
        TransferKind::Refund { .. } => true,
        TransferKind::Leg { .. } => false,
    }
}

/// The reservations whose legs these transfers are.
fn settled_by(transfers: &[Transfer]) -> Vec<ReservationId> {
    let legs = transfers.iter().filter(|transfer| !is_refund(transfer));
    let mut reservations: Vec<ReservationId> = legs.filter_map(|leg| leg.reservation).collect();
    reservations.dedup();
    reservations
}

/// A return is in the ledger: with the last of them the reservation is refunded.
async fn refunded(
    tx: &mut dyn Tx,
    ids: &Ids,
    transfer: &Transfer,
    record: &TransactionRecord,
) -> Result<(), EngineError> {
    let Some(id) = transfer.reservation else { return Ok(()) };
    let Some(reservation) = tx.reservation(id).await? else { return Ok(()) };
    if let Some(refunded) = refunded_if_all(tx, reservation, record.closed_at).await? {
        change(tx, ids, &refunded).await?;
    }
    Ok(())
}

async fn settled(
    tx: &mut dyn Tx,
    ids: &Ids,
    submission: &Submission,
    id: ReservationId,
    record: &TransactionRecord,
) -> Result<(), EngineError> {
    let reservation = tx.reservation(id).await?;
    let reservation = reservation
        .ok_or_else(|| EngineError::Contradiction(format!("reservation {id} is paid but not stored")))?;
    let free_only = funded_option(&reservation)?.free_only;
    if let State::Settling { funding, .. } = &reservation.state {
        owe_returns(tx, ids, id, Some(funding)).await?;
    }
    let pool = capacity::credit(tx, &reservation, free_only, record.closed_at, ids.now()).await?;
    let settlement = Settlement {
        transaction: Some(record.hash),
        ledger: Some(record.ledger),
        at: record.closed_at,
        pool,
    };
    change(tx, ids, &reservation.settled(submission.id, settlement)?).await?;
    Ok(())
}

/// How a transaction was refused.
#[derive(Clone, Copy)]
struct Refusal<'r> {
    /// With which codes, if that is known.
    codes: Option<&'r ResultCodes>,
    /// True if it is in a ledger, without effect: each such try costs a fee.
    landed: bool,
    /// The least that becomes a claimable balance instead of a return.
    claimable_min: Stroops,
}

/// Frees what a transaction without effect had taken.
async fn released(
    tx: &mut dyn Tx,
    ids: &Ids,
    submission: &Submission,
    refusal: Refusal<'_>,
) -> Result<Ended, EngineError> {
    let poor = refusal.codes.is_some_and(|codes| codes.transaction == CANNOT_PAY_FEE);
    let mut ended = Ended { poor, ..Ended::default() };
    match &submission.purpose {
        Purpose::OpenChannels { accounts, .. } => {
            ended.failed_opening = true;
            for account in accounts {
                let opening = channel(tx, *account).await?;
                tx.remove_channel(&opening).await?;
            }
        }
        Purpose::OpenEscrows { .. } => {
            ended.failed_opening = true;
            for mut escrow in tx.escrows_opened_by(submission.id).await? {
                escrow.state = EscrowState::Abandoned;
                tx.update_escrow(&escrow).await?;
            }
        }
        Purpose::PayTransfers { transfers, .. } => {
            let transfers = tx.transfers(transfers).await?;
            release_transfers(tx, ids, submission, &transfers, refusal, &mut ended).await?;
        }
        Purpose::TakeBack { claimables } => {
            // One may have been claimed meanwhile; its history will tell.
            ended.rest_claimables = refusal.landed;
            for id in claimables {
                let Some(claimable) = tx.claimable(*id).await? else { continue };
                if let ClaimableState::TakingBack { .. } = claimable.state {
                    tx.update_claimable(&claimable, &claimable.clone().released()?).await?;
                }
            }
        }
        Purpose::CloseEscrows { accounts } => {
            ended.not_closed = not_closed(accounts, refusal);
            for ClosedAccount { account, .. } in accounts {
                let Some(mut escrow) = tx.escrows(&[*account]).await?.pop() else { continue };
                if let EscrowState::Closing { reservation, .. } = escrow.state {
                    escrow.state = EscrowState::Assigned { reservation };
                    tx.update_escrow(&escrow).await?;
                }
            }
        }
    }
    Ok(ended)
}

/// Accounts that could not be closed: those whose operations were refused, or all if none is named.
fn not_closed(accounts: &[ClosedAccount], refusal: Refusal<'_>) -> Vec<AccountId> {
    let codes = refusal.codes.map_or(&[][..], |codes| &codes.operations);
    let mut next = 0;
    let mut named = Vec::new();
    for ClosedAccount { account, operations } in accounts {
        let own = next..next + usize::from(*operations);
        next = own.end;
        if codes.get(own).is_some_and(|codes| codes.iter().any(|code| code != "op_success")) {
            named.push(*account);
        }
    }
    if named.is_empty() { accounts.iter().map(|closed| closed.account).collect() } else { named }
}

/// Frees transfers. With codes that blame reservations, those are held; whose recipient cannot receive a payment gets a claimable
/// balance; the others go again. If it landed or was refused as a whole and no code names anybody, all go again one by one, and
/// one that was alone is held.
async fn release_transfers(
    tx: &mut dyn Tx,
    ids: &Ids,
    submission: &Submission,
    transfers: &[Transfer],
    refusal: Refusal<'_>,
    ended: &mut Ended,
) -> Result<(), EngineError> {
    let blames = blames(transfers, refusal.codes);
    let mut culprits = culprits(transfers, &blames);
    let named = blames.iter().any(|blame| *blame != Blame::Nobody);
    let unexplained = !named && (refusal.landed || refusal.codes.is_some_and(is_refused_whole));
    ended.rest_claimables = blames.contains(&Blame::Reserve);
    for (transfer, blame) in transfers.iter().zip(&blames) {
        let TransferState::InFlight { .. } = transfer.state else { continue };
        let released = transfer.clone().released(submission.id)?;
        tx.update_transfer(transfer, &released).await?;
        let worth_it = !is_refund(transfer) || transfer.amount >= refusal.claimable_min;
        match (blame, released.clone().as_claimable()) {
            (Blame::Recipient, Ok(claimable)) if worth_it => {
                tx.redirect_transfer(&released, &claimable).await?;
            }
            (Blame::Recipient | Blame::Source(_), _) if is_refund(transfer) => {
                ended.undelivered.push(transfer.id);
            }
            // One that merely never landed is not its fault.
            (Blame::Nobody, _) if is_refund(transfer) && unexplained => {
                ended.undelivered.push(transfer.id);
            }
            (Blame::Nobody | Blame::Recipient | Blame::Reserve | Blame::Source(_), _) => {}
        }
    }
    let reservations = settled_by(transfers);
    if unexplained {
        match (reservations.as_slice(), refusal.codes) {
            ([], _) => {}
            ([only], Some(codes)) => {
                let detail = "its settlement failed, and no operation is to blame".to_owned();
                culprits.push((*only, HoldReason { code: codes.transaction.clone(), detail }));
            }
            (several, _) => ended.alone = several.to_vec(),
        }
    }
    for id in reservations {
        let why = culprits.iter().find(|(culprit, _)| *culprit == id).map(|(_, why)| why.clone());
        ended.held += u32::from(why.is_some());
        release(tx, ids, submission.id, id, why).await?;
    }
    Ok(())
}

async fn release(
    tx: &mut dyn Tx,
    ids: &Ids,
    submission: SubmissionId,
    id: ReservationId,
    why: Option<HoldReason>,
) -> Result<(), EngineError> {
    let Some(reservation) = tx.reservation(id).await? else {
        return Err(EngineError::Contradiction(format!("reservation {id} has transfers but is not stored")));
    };
    let State::Settling { .. } = reservation.state else {
        let state = reservation.state.name();
        return Err(EngineError::Contradiction(format!("reservation {id} is {state}, not settling")));
    };
    let now = ids.now();
    let next = match why {
        Some(why) => reservation.held(submission, why, now)?,
        None => reservation.settlement_released(submission)?,
    };
    change(tx, ids, &next).await?;
    Ok(())
}
