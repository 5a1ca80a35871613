//! Outcomes of our transactions, taken from closed ledgers alone.
//!
//! What a transaction did, what follows from it and its end are one database transaction: transfers,
//! postings, fee, reservation, pool credit, events. *Dead* is proved by one answer about the channel
//! of a ledger that closed after `max_time` with a sequence number below ours, or by the transaction that
//! used our number, or by the history of a channel that is no more; an absent record or a refusal proves
//! nothing.

use std::sync::Arc;

use super::channel::use_sequence;
use super::confirm::confirm;
use super::effects::Effects;
use super::release::{Refusal, release};
use crate::domain::ids::{LedgerSeq, SubmissionId};
use crate::domain::transfer::{ResultCodes, Submission, SubmissionState};
use crate::ports::network::{Ledger, Removed, TransactionRecord};
use crate::settlement::EngineError;
use crate::settlement::books::claimable_policy::ClaimablePolicy;
use crate::settlement::books::confirm::with_fee;
use crate::settlement::books::work::{Ports, UnitOfWork};

/// What is known of a live transaction.
#[derive(Clone)]
enum Fate {
    /// In a closed ledger, with or without effect.
    Landed(Box<TransactionRecord>),
    /// Proved never to land. The channel's sequence number on the ledger was `sequence` by then.
    Dead { proved_at: LedgerSeq, sequence: i64 },
}

/// The step that looks up what became of transactions.
pub(in crate::settlement) struct Lookup {
    ports: Arc<Ports>,
}

impl Lookup {
    pub(in crate::settlement) const fn new(ports: Arc<Ports>) -> Self {
        Self { ports }
    }

    /// Live transactions whose outcome may be known.
    pub(in crate::settlement) async fn due(&self, tip: Ledger) -> Result<Vec<Submission>, EngineError> {
        let mut live = self.ports.readable(self.ports.read().await?.live_submissions().await?);
        live.retain(|submission| submission.attempts > 0 || tip.closed_at > submission.max_time);
        Ok(live)
    }

    /// Looks a live transaction up, and records what has become known; `refused` are the codes it was refused
    /// with, if it was.
    pub(in crate::settlement) async fn look_up(
        &self,
        submission: &Submission,
        refused: Option<ResultCodes>,
        tip: Ledger,
    ) -> Result<Option<Effects>, EngineError> {
        match self.fate(submission, tip).await? {
            Some(fate) => self.record(submission.id, fate, refused).await.map(Some),
            None => Ok(None),
        }
    }

    /// Records a transaction that its own submission already showed to be in a closed ledger.
    pub(in crate::settlement) async fn record_landed(
        &self,
        submission: &Submission,
        record: TransactionRecord,
        refused: Option<ResultCodes>,
    ) -> Result<Effects, EngineError> {
        self.record(submission.id, Fate::Landed(Box::new(record)), refused).await
    }

    /// What is known of a live transaction; `None` if nothing is.
    async fn fate(&self, submission: &Submission, tip: Ledger) -> Result<Option<Fate>, EngineError> {
        if let Some(record) = self.ports.network.transaction(submission.hash).await? {
            return Ok(Some(Fate::Landed(Box::new(record))));
        }
        if tip.closed_at <= submission.max_time {
            return Ok(None);
        }
        let answer = self.ports.network.account(submission.channel).await?;
        let Some(channel) = answer.account else { return self.fate_of_a_removed(submission).await };
        let sequence = channel.sequence;
        if sequence >= submission.sequence {
            return self.fate_by_sequence(submission, sequence).await;
        }
        let proved_at = answer.ledger;
        let closed = self.ports.network.ledger(proved_at).await?;
        let too_late = closed.is_some_and(|ledger| ledger.closed_at > submission.max_time);
        Ok(too_late.then_some(Fate::Dead { proved_at, sequence }))
    }

    /// The channel is not on the instance that answered. If it is gone, its history tells what became of our
    /// sequence number.
    async fn fate_of_a_removed(&self, submission: &Submission) -> Result<Option<Fate>, EngineError> {
        let removed = self.ports.network.removed(submission.channel, submission.sequence).await?;
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
        let user = self.ports.network.transaction_using(submission.channel, submission.sequence).await?;
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
        id: SubmissionId,
        fate: Fate,
        refused: Option<ResultCodes>,
    ) -> Result<Effects, EngineError> {
        let (policy, now) = (ClaimablePolicy::of(&self.ports.settings), self.ports.now());
        let effects = self
            .ports
            .transact(move |work| {
                let (fate, refused) = (fate.clone(), refused.clone());
                Box::pin(async move { end(work, id, fate, refused, policy).await })
            })
            .await?;
        Ok(Effects { written_at: now, ..effects })
    }
}

/// Ends a live transaction; nothing if somebody else did.
async fn end(
    work: &mut UnitOfWork<'_>,
    id: SubmissionId,
    fate: Fate,
    refused: Option<ResultCodes>,
    policy: ClaimablePolicy,
) -> Result<Effects, EngineError> {
    let Some(submission) = work.submission(id).await? else { return Ok(Effects::default()) };
    if submission.state != SubmissionState::Live {
        return Ok(Effects::default());
    }
    match fate {
        Fate::Landed(record) => {
            check_identity(&submission, &record)?;
            let (ledger, at) = (record.ledger, record.closed_at);
            if record.successful {
                let state = SubmissionState::Confirmed { ledger, at };
                work.resolve_submission(&submission.clone().resolved(state)?).await?;
                confirm(work, &submission, &record).await
            } else {
                let codes = record.codes.clone();
                let state = SubmissionState::Failed { ledger, at, codes: codes.clone() };
                work.resolve_submission(&submission.clone().resolved(state)?).await?;
                let entry = with_fee(work.tx(), &record).await?;
                work.post(entry.failed(id, &record)).await?;
                use_sequence(work.tx(), &submission, submission.sequence).await?;
                let refusal = Refusal { codes: Some(&codes), landed: true, policy };
                release(work, &submission, refusal).await
            }
        }
        Fate::Dead { proved_at, sequence } => {
            let state = SubmissionState::Dead { proved_at };
            work.resolve_submission(&submission.clone().resolved(state)?).await?;
            let refusal = Refusal { codes: refused.as_ref(), landed: false, policy };
            // Whatever used the channel's numbers cost fees, which are booked when its history is read.
            let on_ledger = Some((submission.channel, sequence));
            Ok(Effects { on_ledger, ..release(work, &submission, refusal).await? })
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
