//! Outcomes of our transactions, taken from closed ledgers alone.
//!
//! What a transaction did, what follows from it and its end are one database transaction: transfers,
//! postings, fee, reservation, pool credit, events. *Dead* is proved by one answer about the channel of a
//! ledger that closed after `max_time` with a sequence number below ours, or by the transaction that used
//! our number, or by the history of a channel that is no more; an absent record or a refusal proves nothing (DESIGN §3).

use jiff::SignedDuration;

use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::escrow::Channel;
use crate::domain::ids::{ClaimableId, LedgerSeq, ReservationId, SubmissionId};
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::domain::transfer::{ResultCodes, Route, Submission, SubmissionState, Transfer, TransferKind};
use crate::ports::network::{Ledger, Removed, TransactionRecord};
use crate::ports::store::{Tx, transact};
use crate::settlement::books::claimable_policy::Bounds;
use crate::settlement::outbound::refund::too_many_returns;
use crate::settlement::outcome::confirm::confirmed;
use crate::settlement::outcome::release::{Refusal, released};
use crate::settlement::{Engine, EngineError, Ids, TickReport};

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
pub(in crate::settlement) struct Ended {
    pub(in crate::settlement) settled: u32,
    pub(in crate::settlement) held: u32,
    pub(in crate::settlement) failed_opening: bool,
    pub(in crate::settlement) opened: bool,
    /// Channels that got XLM for their fees.
    pub(in crate::settlement) topped_up: Vec<AccountId>,
    /// Channels could not be given XLM.
    pub(in crate::settlement) failed_top_up: bool,
    /// Returns that are in the ledger.
    pub(in crate::settlement) returned: Vec<Route>,
    /// Returns that were refused.
    pub(in crate::settlement) undelivered: Vec<Route>,
    /// A return waits because returns stand in too many claimable balances.
    pub(in crate::settlement) too_many_returns: bool,
    /// Reservations whose money goes back, since their farms leave too many claimable balances unclaimed.
    pub(in crate::settlement) called_off: Vec<ReservationId>,
    /// The channel had not enough XLM for the fee.
    pub(in crate::settlement) poor: bool,
    /// The platform had no reserve to spare: claimable balances could not be made.
    pub(in crate::settlement) rest_claimables: bool,
    /// Claimable balances that were taken back.
    pub(in crate::settlement) taken_back: Vec<ClaimableId>,
    /// Claimable balances that could not be taken back.
    pub(in crate::settlement) not_taken_back: Vec<ClaimableId>,
    /// Claimable balances of which one could not be taken back, and nobody knows which.
    pub(in crate::settlement) take_back_alone: Vec<ClaimableId>,
    /// Accounts that could not be closed.
    pub(in crate::settlement) not_closed: Vec<AccountId>,
    /// Reservations that go again one by one, since it is not known whose fault it was.
    pub(in crate::settlement) alone: Vec<ReservationId>,
}

/// How long a channel rests that could not pay a fee.
const POOR_CHANNEL_REST: SignedDuration = SignedDuration::from_mins(10);
/// For how long no claimable balance is made after the platform had no reserve for one.
const CLAIMABLES_REST: SignedDuration = SignedDuration::from_mins(10);
/// The code of a transaction whose source cannot pay its fee.
pub(in crate::settlement) const CANNOT_PAY_FEE: &str = "tx_insufficient_balance";

impl Engine {
    /// Looks up every live transaction that has been sent, and records what has become known.
    pub(in crate::settlement) async fn look_up_outcomes(
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
    pub(in crate::settlement) async fn record_landed(
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
        let Some(channel) = answer.account else { return self.fate_of_a_removed(submission).await };
        let sequence = channel.sequence;
        if sequence >= submission.sequence {
            return self.fate_by_sequence(submission, sequence).await;
        }
        let proved_at = answer.ledger;
        let closed = self.network.ledger(proved_at).await?;
        let too_late = closed.is_some_and(|ledger| ledger.closed_at > submission.max_time);
        Ok(too_late.then_some(Fate::Dead { proved_at, sequence }))
    }

    /// The channel is not on the instance that answered. If it is gone, its history tells what became of our sequence number.
    async fn fate_of_a_removed(&self, submission: &Submission) -> Result<Option<Fate>, EngineError> {
        let removed = self.network.removed(submission.channel, submission.sequence).await?;
        Ok(removed.map(|removed| match removed {
            Removed::Used(record) if record.envelope_hash() == submission.hash => Fate::Landed(record),
            Removed::Used(record) => Fate::Dead { proved_at: record.ledger, sequence: submission.sequence },
            Removed::Unused { removed_at } => {
                Fate::Dead { proved_at: removed_at, sequence: submission.sequence - 1 }
            }
        }))
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
        let bounds = self.bounds();
        let ended = transact(&self.store, move |tx| {
            let (ids, fate, refused) = (ids.clone(), fate.clone(), refused.clone());
            Box::pin(async move { end(tx, &ids, id, fate, refused, bounds).await })
        })
        .await?;
        report.settled += ended.settled;
        report.held += ended.held;
        report.returned += u32::try_from(ended.returned.len()).unwrap_or(u32::MAX);
        for route in &ended.undelivered {
            tracing::warn!(transfer = %route.0, to = %route.1, "a return could not be delivered; it will be tried again");
            self.undelivered(route.clone());
        }
        if ended.too_many_returns {
            let trouble = too_many_returns(self.settings.refund_claimables_max);
            tracing::error!("{trouble}");
            report.trouble(trouble);
        }
        for reservation in &ended.called_off {
            tracing::warn!(%reservation, "called off: its farm cannot be paid, and leaves too much unclaimed");
        }
        {
            let mut memory = self.memory();
            memory.refusals.remove(&id);
            memory.send_not_before.remove(&id);
            memory.bids.forget(id);
            for transfer in &ended.returned {
                memory.undelivered.forget(transfer);
            }
            if ended.opened {
                memory.open_pause = None;
            }
            for channel in &ended.topped_up {
                memory.poor.remove(channel);
                memory.channel_xlm.remove(channel);
            }
            if ended.failed_top_up {
                tracing::error!("channels could not be topped up: fund the platform's account with XLM");
                memory.top_up_not_before = now.checked_add(POOR_CHANNEL_REST).ok();
            }
            memory.alone.extend(ended.alone);
            memory.claims.forget(&ended.taken_back);
            memory.claims.rest(&ended.not_taken_back, now);
            memory.claims.part(&ended.take_back_alone);
            if ended.rest_claimables {
                tracing::error!(
                    "the platform has no reserve to spare; no claimable balance is made for a while"
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
    bounds: Bounds,
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
                let refusal = Refusal { codes: Some(&codes), landed: true, bounds };
                released(tx, ids, &submission, refusal).await
            }
        }
        Fate::Dead { proved_at, sequence } => {
            let state = SubmissionState::Dead { proved_at };
            tx.resolve_submission(&submission.clone().resolved(state)?).await?;
            use_sequence(tx, &submission, sequence).await?;
            let refusal = Refusal { codes: refused.as_ref(), landed: false, bounds };
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
pub(in crate::settlement) async fn fee(
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

pub(in crate::settlement) async fn use_sequence(
    tx: &mut dyn Tx,
    submission: &Submission,
    sequence: i64,
) -> Result<(), EngineError> {
    let channel = channel(tx, submission.channel).await?;
    let sequence = sequence.max(channel.sequence);
    Ok(tx.update_channel(&channel, &Channel { sequence, ..channel.clone() }).await?)
}

pub(in crate::settlement) async fn channel(
    tx: &mut dyn Tx,
    account: AccountId,
) -> Result<Channel, EngineError> {
    let channel = tx.channels().await?.into_iter().find(|channel| channel.account == account);
    channel.ok_or_else(|| EngineError::Contradiction(format!("channel {account} is not stored")))
}

/// True for what goes back; false for what settles.
pub(in crate::settlement) const fn is_return(transfer: &Transfer) -> bool {
    match transfer.kind {
        TransferKind::Refund { .. } | TransferKind::Repayment { .. } => true,
        TransferKind::Leg { .. } => false,
    }
}

/// The reservations whose legs these transfers are.
pub(in crate::settlement) fn settled_by(transfers: &[Transfer]) -> Vec<ReservationId> {
    let legs = transfers.iter().filter(|transfer| !is_return(transfer));
    let mut reservations: Vec<ReservationId> = legs.filter_map(|leg| leg.reservation).collect();
    reservations.dedup();
    reservations
}
