//! Fee bumps: a stuck envelope is sent again within one that bids ten times as much, up to a ceiling.
//!
//! Stuck is what the network refused for its bid, or what is in no ledger after a while. All bumps hold the
//! same inner envelope, so one of them takes effect at most; each is stored before it is sent, and found
//! by its own hash as by the inner one. At the ceiling the engine waits: the envelope is sent until its time
//! is over, and what it paid for goes again then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::SignedDuration;

use crate::domain::fee_bump::{FeeBump, next_bid};
use crate::domain::ids::SubmissionId;
use crate::domain::transfer::{Submission, SubmissionState};
use crate::ports::network::{Ledger, SignedFeeBump};
use crate::settlement::books::work::Ports;
use crate::settlement::memory::Memory;
use crate::settlement::{EngineError, TickReport};

/// The code of a bid that is too low at present.
pub(super) const BID_TOO_LOW: &str = "tx_insufficient_fee";

/// What the engine remembers of bids.
#[derive(Default)]
struct Bids {
    /// Transactions whose last bid was refused.
    refused: BTreeSet<SubmissionId>,
    /// Transactions whose bumps the platform cannot pay at present: their channels pay what they can.
    unpayable: BTreeSet<SubmissionId>,
    /// Transactions that were said to be at the ceiling.
    told: BTreeSet<SubmissionId>,
    /// Transactions whose bids were raised and that were not sent since.
    raised: Vec<SubmissionId>,
}

impl Bids {
    /// Forgets a transaction whose outcome is known.
    fn forget(&mut self, id: SubmissionId) {
        self.refused.remove(&id);
        self.unpayable.remove(&id);
        self.told.remove(&id);
    }
}

/// The step that raises the bids of stuck transactions.
pub(super) struct FeeBumps {
    ports: Arc<Ports>,
    bids: Memory<Bids>,
}

impl FeeBumps {
    pub(super) fn new(ports: Arc<Ports>) -> Self {
        Self { ports, bids: Memory::default() }
    }

    /// The last bid of a transaction was refused.
    pub(super) fn refused(&self, id: SubmissionId) {
        self.bids.lock().refused.insert(id);
    }

    /// Forgets a transaction whose outcome is known.
    pub(super) fn forget(&self, id: SubmissionId) {
        self.bids.lock().forget(id);
    }

    /// Transactions whose bids were raised since this was asked last: they are sent at once.
    pub(super) fn take_raised(&self) -> Vec<SubmissionId> {
        std::mem::take(&mut self.bids.lock().raised)
    }

    /// Raises the bids of live transactions that are stuck, and gives the highest bump of each live
    /// transaction.
    pub(super) async fn raise(
        &self,
        live: &[Submission],
        tip: Ledger,
        report: &mut TickReport,
    ) -> Result<BTreeMap<SubmissionId, FeeBump>, EngineError> {
        if live.is_empty() {
            return Ok(BTreeMap::new());
        }
        let bumps = self.ports.readable(self.ports.read().await?.live_fee_bumps().await?);
        let counts = bumps.iter().fold(BTreeMap::<SubmissionId, i64>::new(), |mut counts, bump| {
            *counts.entry(bump.submission).or_default() += 1;
            counts
        });
        // The highest of each comes last.
        let mut highest: BTreeMap<SubmissionId, FeeBump> =
            bumps.into_iter().map(|bump| (bump.submission, bump)).collect();
        for submission in live {
            let bumped = counts.get(&submission.id).copied().unwrap_or(0);
            if !self.is_stuck(submission, bumped, tip) {
                continue;
            }
            let bid = highest.get(&submission.id).map(|bump| bump.fee_per_operation);
            let bid = bid.unwrap_or(self.ports.settings.fee_per_operation_stroops);
            let Some(next) = next_bid(bid, self.ports.settings.fee_ceiling_stroops) else {
                self.tell_of_the_ceiling(submission, bid);
                continue;
            };
            let raised = self.raise_bid(submission, next, &mut highest).await;
            report.bumps += u32::from(matches!(raised, Ok(true)));
            report.isolate(&format!("the fee of transaction {}", submission.hash), raised.map(drop))?;
        }
        let bids = self.bids.lock();
        highest.retain(|id, _| !bids.unpayable.contains(id));
        Ok(highest)
    }

    /// Notes that the platform cannot pay a bump's fee: the envelope goes without one next.
    pub(super) fn bump_is_unpayable(&self, id: SubmissionId) {
        tracing::error!(submission = %id, "the platform cannot pay a fee bump: fund it with XLM");
        self.bids.lock().unpayable.insert(id);
    }

    /// True if its last bid was refused, or it has waited long enough for one bump more than it has.
    fn is_stuck(&self, submission: &Submission, bumped: i64, tip: Ledger) -> bool {
        if submission.attempts == 0 || tip.closed_at >= submission.max_time {
            return false;
        }
        if self.bids.lock().refused.contains(&submission.id) {
            return true;
        }
        let left = submission.max_time.duration_since(tip.closed_at);
        let age = SignedDuration::from_secs(self.ports.settings.transaction_lifetime_seconds) - left;
        age.as_secs() / self.ports.settings.fee_bump_seconds > bumped
    }

    fn tell_of_the_ceiling(&self, submission: &Submission, bid: u32) {
        if self.bids.lock().told.insert(submission.id) {
            let (id, hash) = (submission.id, submission.hash);
            tracing::error!(submission = %id, %hash, bid, "the fee is at its ceiling; waiting for the \
                                                           network");
        }
    }

    /// Stores a bump, unless the transaction has come to its end meanwhile; true if it is to be sent.
    async fn raise_bid(
        &self,
        submission: &Submission,
        bid: u32,
        highest: &mut BTreeMap<SubmissionId, FeeBump>,
    ) -> Result<bool, EngineError> {
        let (id, now) = (submission.id, self.ports.now());
        let SignedFeeBump { hash, envelope, fee_per_operation } =
            self.ports.network.bump_fee(&submission.envelope, bid).await?;
        let bump = FeeBump { submission: id, hash, envelope, fee_per_operation, created_at: now };
        let stored = bump.clone();
        let is_live = self
            .ports
            .transact(move |work| {
                let bump = stored.clone();
                Box::pin(async move {
                    let found = work.submission(id).await?;
                    if found.is_none_or(|found| found.state != SubmissionState::Live) {
                        return Ok(false);
                    }
                    work.insert_fee_bump(&bump).await?;
                    Ok::<_, EngineError>(true)
                })
            })
            .await?;
        if is_live {
            tracing::warn!(submission = %id, %hash, fee_per_operation, "the fee is raised");
            let mut bids = self.bids.lock();
            bids.refused.remove(&id);
            bids.unpayable.remove(&id);
            bids.raised.push(id);
            highest.insert(id, bump);
        }
        Ok(is_live)
    }
}
