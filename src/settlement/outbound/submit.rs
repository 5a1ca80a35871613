//! Sending: the stored envelope, byte for byte or in its highest fee bump, again and again until its outcome is known.

use futures::future::join_all;
use jiff::SignedDuration;

use crate::domain::fee_bump::FeeBump;
use crate::domain::ids::SubmissionId;
use crate::domain::transfer::{ResultCodes, Submission};
use crate::ports::network::{Ledger, Sent};
use crate::ports::store::{StoreError, transact};
use crate::settlement::books::result_codes::is_of_the_channel;
use crate::settlement::outbound::fee_bump::BID_TOO_LOW;
use crate::settlement::outcome::lookup::CANNOT_PAY_FEE;
use crate::settlement::{Engine, EngineError, TickReport};

/// Longest answer of an attempt that is kept, in characters.
const ANSWER_CHARS_MAX: usize = 500;

impl Engine {
    /// Sends the live transactions that are due, side by side.
    pub(in crate::settlement) async fn send_live(
        &self,
        tip: Ledger,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        let live = self.store.begin_read().await?.live_submissions().await?;
        let mut bumps = self.raise_bids(&live, tip, report).await?;
        let now = self.clock.now();
        let due: Vec<Submission> = {
            let memory = self.memory();
            live.into_iter()
                .filter(|submission| tip.closed_at < submission.max_time)
                .filter(|submission| {
                    memory.send_not_before.get(&submission.id).is_none_or(|not_before| now >= *not_before)
                })
                .collect()
        };
        let sent = join_all(due.into_iter().map(|submission| {
            let bump = bumps.remove(&submission.id);
            self.send(submission, bump)
        }))
        .await;
        for outcome in sent {
            let recorded = match outcome {
                Ok(Some((submission, record))) => self.record_landed(submission, *record, report).await,
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            report.isolate(&"sending", recorded)?;
        }
        Ok(())
    }

    /// Keeps what an envelope was refused with, but for what says only that its time is over or its channel is ahead: an earlier
    /// attempt may have told more.
    fn note_refusal(&self, id: SubmissionId, codes: ResultCodes) {
        let mut memory = self.memory();
        if codes.transaction == BID_TOO_LOW {
            memory.bids.refused.insert(id);
        }
        if is_of_the_channel(&codes) && memory.refusals.contains_key(&id) {
            return;
        }
        memory.refusals.insert(id, codes);
    }

    /// One attempt, with the highest bid there is: counted before it is made, its answer noted; the record if it is in a closed
    /// ledger.
    async fn send(
        &self,
        submission: Submission,
        bump: Option<FeeBump>,
    ) -> Result<Option<(Submission, Box<crate::ports::network::TransactionRecord>)>, EngineError> {
        let id = submission.id;
        transact(&self.store, move |tx| {
            Box::pin(async move { tx.count_attempt(id).await.map_err(EngineError::from) })
        })
        .await?;
        let envelope = bump.as_ref().map_or(&submission.envelope, |bump| &bump.envelope);
        let sent = self.network.send(envelope).await;
        let (answer, wait) = match sent {
            Sent::Included(record) => return Ok(Some((submission, record))),
            Sent::Refused { codes } => {
                let answer = format!("refused: {} {}", codes.transaction, codes.operations.join(" "));
                if bump.is_some() && codes.transaction == CANNOT_PAY_FEE {
                    self.bump_is_unpayable(id);
                } else {
                    self.note_refusal(id, codes);
                }
                (answer, self.settings.resend())
            }
            Sent::Unknown { reason, retry_after } => {
                let asked = retry_after.and_then(|wait| SignedDuration::try_from(wait).ok());
                (format!("unknown: {reason}"), asked.unwrap_or_default().max(self.settings.resend()))
            }
        };
        tracing::warn!(submission = %id, answer, "sent, outcome not known");
        let not_before = self.clock.now().checked_add(wait).unwrap_or(submission.max_time);
        self.memory().send_not_before.insert(id, not_before);
        let answer: String = answer.chars().take(ANSWER_CHARS_MAX).collect();
        let noted: Result<(), StoreError> = transact(&self.store, move |tx| {
            let answer = answer.clone();
            Box::pin(async move { tx.note_answer(id, &answer).await })
        })
        .await;
        noted?;
        Ok(None)
    }
}
