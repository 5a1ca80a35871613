//! Outcomes of our transactions, taken from closed ledgers alone.
//!
//! What a transaction did, what follows from it and its end are one database transaction: transfers,
//! postings, fee, reservation, pool credit, events. *Dead* is proved by one answer about the channel of a
//! ledger that closed after `max_time` with a sequence number below ours, or by the transaction that used
//! our number; an absent record or a refusal proves nothing (DESIGN §3).

use jiff::SignedDuration;

use super::refund::{owe_returns, refunded_if_all};
use super::settle::{change, funded_option};
use super::{Engine, EngineError, Ids, TickReport};
use crate::capacity;
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::escrow::{Channel, EscrowState};
use crate::domain::ids::{LedgerSeq, OperationId, ReservationId, SubmissionId, TransferId};
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::domain::reservation::{HoldReason, Settlement, State};
use crate::domain::transfer::{
    Purpose, ResultCodes, Submission, SubmissionState, Transfer, TransferKind, TransferState,
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
    /// Reservations that go again one by one, since it is not known whose fault it was.
    alone: Vec<ReservationId>,
}

/// How long a channel rests that could not pay a fee.
const POOR_CHANNEL_REST: SignedDuration = SignedDuration::from_mins(10);
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
        let ended = transact(&self.store, move |tx| {
            let (ids, fate, refused) = (ids.clone(), fate.clone(), refused.clone());
            Box::pin(async move { end(tx, &ids, id, fate, refused).await })
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
                memory.undelivered.remove(transfer);
            }
            if ended.opened {
                memory.open_pause = None;
            }
            memory.alone.extend(ended.alone);
            if ended.poor {
                let until = now.checked_add(POOR_CHANNEL_REST).unwrap_or(now);
                tracing::error!(channel = %submission.channel, "the channel cannot pay a fee; it rests");
                memory.poor.insert(submission.channel, until);
            }
        }
        if ended.failed_opening {
            self.pause_opening();
        }
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
                released(tx, ids, &submission, Some(&codes), true).await
            }
        }
        Fate::Dead { proved_at, sequence } => {
            let state = SubmissionState::Dead { proved_at };
            tx.resolve_submission(&submission.clone().resolved(state)?).await?;
            use_sequence(tx, &submission, sequence).await?;
            released(tx, ids, &submission, refused.as_ref(), false).await
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
        Purpose::PayTransfers { transfers } => {
            let transfers = tx.transfers(transfers).await?;
            for (transfer, index) in transfers.iter().zip(1_i64..) {
                let operation = OperationId(record.position.0 + index);
                pay(tx, ids, submission, transfer, operation, record).await?;
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
    let cause = Cause::Transfer(transfer.id);
    ids.post(tx, cause, transfer.reservation, record.closed_at, postings).await
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

/// Frees what a transaction without effect had taken. With codes that name operations, the reservations those
/// belong to are held; the others go again. If it `landed` without such codes, all go again one by one, and one that was
/// alone is held: each try costs a fee.
async fn released(
    tx: &mut dyn Tx,
    ids: &Ids,
    submission: &Submission,
    codes: Option<&ResultCodes>,
    landed: bool,
) -> Result<Ended, EngineError> {
    let poor = codes.is_some_and(|codes| codes.transaction == CANNOT_PAY_FEE);
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
        Purpose::PayTransfers { transfers } => {
            let transfers = tx.transfers(transfers).await?;
            for transfer in &transfers {
                if let TransferState::InFlight { .. } = transfer.state {
                    tx.update_transfer(transfer, &transfer.clone().released(submission.id)?).await?;
                }
            }
            ended.undelivered = refused_refunds(&transfers, codes, landed);
            let reservations = settled_by(&transfers);
            let mut culprits = culprits(&transfers, codes);
            if landed && culprits.is_empty() {
                match (reservations.as_slice(), codes) {
                    ([], _) => {}
                    ([only], Some(codes)) => {
                        let detail = "its settlement failed, and no operation is to blame".to_owned();
                        culprits.push((*only, HoldReason { code: codes.transaction.clone(), detail }));
                    }
                    (several, _) => ended.alone = several.to_vec(),
                }
            }
            for id in reservations {
                let culprit = culprits.iter().find(|(culprit, _)| *culprit == id);
                let why = culprit.map(|(_, why)| why.clone());
                ended.held += u32::from(why.is_some());
                release(tx, ids, submission.id, id, why).await?;
            }
        }
    }
    Ok(ended)
}

/// The returns whose operations were refused; all of them if the transaction landed and no operation is named. One that
/// merely never landed is not their fault.
fn refused_refunds(transfers: &[Transfer], codes: Option<&ResultCodes>, landed: bool) -> Vec<TransferId> {
    let operations = codes.map_or(&[][..], |codes| &codes.operations);
    let named = operations.iter().any(|code| code != "op_success");
    transfers
        .iter()
        .enumerate()
        .filter(|(_, transfer)| is_refund(transfer))
        .filter(|(place, _)| {
            (landed && !named) || operations.get(*place).is_some_and(|code| code != "op_success")
        })
        .map(|(_, transfer)| transfer.id)
        .collect()
}

/// The reservations whose operations were refused, with the first code of each.
fn culprits(transfers: &[Transfer], codes: Option<&ResultCodes>) -> Vec<(ReservationId, HoldReason)> {
    let mut culprits: Vec<(ReservationId, HoldReason)> = Vec::new();
    let Some(codes) = codes else { return culprits };
    for (transfer, code) in transfers.iter().zip(&codes.operations) {
        let Some(reservation) = transfer.reservation.filter(|_| !is_refund(transfer)) else { continue };
        let known = culprits.iter().any(|(id, _)| *id == reservation);
        if code == "op_success" || known {
            continue;
        }
        let detail = format!("paying {} {} to {}", transfer.amount, transfer.asset.code(), transfer.to);
        culprits.push((reservation, HoldReason { code: code.clone(), detail }));
    }
    culprits
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::address::Address;
    use crate::domain::money::Stroops;
    use crate::domain::split::Recipient;

    fn transfer(id: i64, reservation: i64) -> Transfer {
        Transfer {
            id: TransferId::new(id).unwrap(),
            reservation: ReservationId::new(reservation).ok(),
            ordinal: 0,
            kind: TransferKind::Leg { recipient: Recipient::Burn, farm: None },
            from: AccountId([1; 32]),
            to: Address::Account(AccountId([2; 32])),
            asset: Asset::Native,
            amount: Stroops::from_units(3),
            state: TransferState::Pending,
        }
    }

    #[test]
    fn only_reservations_whose_operations_were_refused_are_culprits() {
        let transfers = [transfer(1, 10), transfer(2, 10), transfer(3, 20), transfer(4, 30)];
        let codes = ResultCodes {
            transaction: "tx_failed".to_owned(),
            operations: ["op_success", "op_no_trust", "op_success", "op_line_full"]
                .map(str::to_owned)
                .to_vec(),
        };
        let culprits = culprits(&transfers, Some(&codes));
        let named: Vec<_> = culprits.iter().map(|(id, why)| (id.get(), why.code.as_str())).collect();
        assert_eq!(named, [(10, "op_no_trust"), (30, "op_line_full")]);
    }

    #[test]
    fn a_refusal_without_operation_codes_names_nobody() {
        let codes = ResultCodes { transaction: "tx_bad_seq".to_owned(), operations: vec![] };
        assert!(culprits(&[transfer(1, 10)], Some(&codes)).is_empty());
        assert!(culprits(&[transfer(1, 10)], None).is_empty());
    }
}
