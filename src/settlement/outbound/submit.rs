//! Sending: the stored envelope, byte for byte or in its highest fee bump, again and again until its
//! outcome is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};

use super::fee_bump::{BID_TOO_LOW, FeeBumps};
use crate::domain::fee_bump::FeeBump;
use crate::domain::ids::SubmissionId;
use crate::domain::transfer::{ResultCodes, Submission};
use crate::ports::network::{Ledger, Sent, TransactionRecord};
use crate::ports::store::StoreError;
use crate::settlement::books::result_codes::{CANNOT_PAY_FEE, is_of_the_channel};
use crate::settlement::books::work::Ports;
use crate::settlement::memory::Memory;
use crate::settlement::{EngineError, TickReport};

/// Longest answer of an attempt that is kept, in characters.
const ANSWER_CHARS_MAX: usize = 500;

/// What the step remembers of live transactions.
#[derive(Default)]
struct Attempts {
    /// Codes a transaction was refused with, until its outcome is known.
    refusals: BTreeMap<SubmissionId, ResultCodes>,
    /// When a transaction may be sent again.
    not_before: BTreeMap<SubmissionId, Timestamp>,
}

/// A transaction that its own submission showed to be in a closed ledger.
pub(in crate::settlement) type Included = (Submission, Box<TransactionRecord>);

/// The step that sends live transactions.
pub(in crate::settlement) struct Submit {
    ports: Arc<Ports>,
    bumps: FeeBumps,
    attempts: Memory<Attempts>,
}

impl Submit {
    pub(in crate::settlement) fn new(ports: Arc<Ports>) -> Self {
        Self { bumps: FeeBumps::new(Arc::clone(&ports)), ports, attempts: Memory::default() }
    }

    /// The codes that a live transaction was refused with, if it was.
    pub(in crate::settlement) fn refusal(&self, id: SubmissionId) -> Option<ResultCodes> {
        self.attempts.lock().refusals.get(&id).cloned()
    }

    /// Forgets a transaction whose outcome is known.
    pub(in crate::settlement) fn forget(&self, id: SubmissionId) {
        let mut attempts = self.attempts.lock();
        attempts.refusals.remove(&id);
        attempts.not_before.remove(&id);
        drop(attempts);
        self.bumps.forget(id);
    }

    /// Sends the live transactions that are due, side by side: of each what it came to, if that
    /// is known already.
    pub(in crate::settlement) async fn run(
        &self,
        tip: Ledger,
        report: &mut TickReport,
    ) -> Result<Vec<Result<Option<Included>, EngineError>>, EngineError> {
        let live = self.ports.readable(self.ports.read().await?.live_submissions().await?);
        let bumps = self.bumps.raise(&live, tip, report).await;
        for id in self.bumps.take_raised() {
            self.attempts.lock().not_before.remove(&id);
        }
        let mut bumps = bumps?;
        let now = self.ports.now();
        let due: Vec<Submission> = {
            let attempts = self.attempts.lock();
            let rests = |id: &SubmissionId| attempts.not_before.get(id).is_some_and(|until| now < *until);
            live.into_iter()
                .filter(|submission| tip.closed_at < submission.max_time && !rests(&submission.id))
                .collect()
        };
        let sent = due.into_iter().map(|submission| {
            let bump = bumps.remove(&submission.id);
            self.send(submission, bump)
        });
        Ok(join_all(sent).await)
    }

    /// Keeps what an envelope was refused with, but for what says only that its time is over or its channel
    /// is ahead: an earlier attempt may have told more.
    fn note_refusal(&self, id: SubmissionId, codes: ResultCodes) {
        if codes.transaction == BID_TOO_LOW {
            self.bumps.refused(id);
        }
        let mut attempts = self.attempts.lock();
        if is_of_the_channel(&codes) && attempts.refusals.contains_key(&id) {
            return;
        }
        attempts.refusals.insert(id, codes);
    }

    /// One attempt, with the highest bid there is: counted before it is made, its answer noted; the record
    /// if it is in a closed ledger.
    async fn send(
        &self,
        submission: Submission,
        bump: Option<FeeBump>,
    ) -> Result<Option<Included>, EngineError> {
        let id = submission.id;
        self.ports
            .transact(move |work| {
                Box::pin(async move { work.count_attempt(id).await.map_err(EngineError::from) })
            })
            .await?;
        self.ports.mark.sends(&submission);
        let envelope = bump.as_ref().map_or(&submission.envelope, |bump| &bump.envelope);
        let sent = self.ports.network.send(envelope).await;
        let (answer, wait) = match sent {
            Sent::Included(record) => return Ok(Some((submission, record))),
            Sent::Refused { codes } => {
                let answer = format!("refused: {} {}", codes.transaction, codes.operations.join(" "));
                if bump.is_some() && codes.transaction == CANNOT_PAY_FEE {
                    self.bumps.bump_is_unpayable(id);
                } else {
                    self.note_refusal(id, codes);
                }
                (answer, self.ports.settings.resend())
            }
            Sent::Unknown { reason, retry_after } => {
                let asked = retry_after.and_then(|wait| SignedDuration::try_from(wait).ok());
                (format!("unknown: {reason}"), asked.unwrap_or_default().max(self.ports.settings.resend()))
            }
        };
        tracing::warn!(submission = %id, answer, "sent, outcome not known");
        let not_before = self.ports.now().checked_add(wait).unwrap_or(submission.max_time);
        self.attempts.lock().not_before.insert(id, not_before);
        let answer: String = answer.chars().take(ANSWER_CHARS_MAX).collect();
        let noted: Result<(), StoreError> = self
            .ports
            .transact(move |work| {
                let answer = answer.clone();
                Box::pin(async move { work.note_answer(id, &answer).await })
            })
            .await;
        noted?;
        Ok(None)
    }
}
