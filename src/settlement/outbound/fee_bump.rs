//! Fee bumps: a stuck envelope is sent again within one that bids ten times as much, up to a ceiling.
//!
//! Stuck is what the network refused for its bid, or what is in no ledger after a while. All bumps hold the same inner envelope,
//! so one of them takes effect at most; each is stored before it is sent, and found by its own hash as by the inner one. At
//! the ceiling the engine waits: the envelope is sent until its time is over, and what it paid for goes again then.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use crate::domain::fee_bump::{FeeBump, next_bid};
use crate::domain::ids::SubmissionId;
use crate::domain::transfer::{Submission, SubmissionState};
use crate::ports::network::{Ledger, SignedFeeBump};
use crate::ports::store::transact;
use crate::settlement::{Engine, EngineError, TickReport};

/// The code of a bid that is too low at present.
pub(in crate::settlement) const BID_TOO_LOW: &str = "tx_insufficient_fee";

/// What the engine remembers of bids.
#[derive(Default)]
pub(in crate::settlement) struct Bids {
    /// Transactions whose last bid was refused.
    pub(in crate::settlement) refused: BTreeSet<SubmissionId>,
    /// Transactions whose bumps the platform cannot pay at present: their channels pay what they can.
    unpayable: BTreeSet<SubmissionId>,
    /// Transactions that were said to be at the ceiling.
    told: BTreeSet<SubmissionId>,
}

impl Bids {
    /// Forgets a transaction whose outcome is known.
    pub(in crate::settlement) fn forget(&mut self, id: SubmissionId) {
        self.refused.remove(&id);
        self.unpayable.remove(&id);
        self.told.remove(&id);
    }
}

impl Engine {
    /// Raises the bids of live transactions that are stuck, and gives the highest bump of each live transaction.
    pub(in crate::settlement) async fn raise_bids(
        &self,
        live: &[Submission],
        tip: Ledger,
        report: &mut TickReport,
    ) -> Result<BTreeMap<SubmissionId, FeeBump>, EngineError> {
        if live.is_empty() {
            return Ok(BTreeMap::new());
        }
        let bumps = self.store.begin_read().await?.live_fee_bumps().await?;
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
            let bid = bid.unwrap_or(self.settings.fee_per_operation_stroops);
            let Some(next) = next_bid(bid, self.settings.fee_ceiling_stroops) else {
                self.tell_of_the_ceiling(submission, bid);
                continue;
            };
            let raised = self.raise_bid(submission, next, &mut highest).await;
            report.bumps += u32::from(matches!(raised, Ok(true)));
            report.isolate(&format!("the fee of transaction {}", submission.hash), raised.map(drop))?;
        }
        let memory = self.memory();
        highest.retain(|id, _| !memory.bids.unpayable.contains(id));
        Ok(highest)
    }

    /// Notes that the platform cannot pay a bump's fee: the envelope goes without one next.
    pub(in crate::settlement) fn bump_is_unpayable(&self, id: SubmissionId) {
        tracing::error!(submission = %id, "the platform cannot pay a fee bump: fund it with XLM");
        self.memory().bids.unpayable.insert(id);
    }

    /// True if its last bid was refused, or it has waited long enough for one bump more than it has.
    fn is_stuck(&self, submission: &Submission, bumped: i64, tip: Ledger) -> bool {
        if submission.attempts == 0 || tip.closed_at >= submission.max_time {
            return false;
        }
        if self.memory().bids.refused.contains(&submission.id) {
            return true;
        }
        let left = submission.max_time.duration_since(tip.closed_at);
        let age = SignedDuration::from_secs(self.settings.transaction_lifetime_seconds) - left;
        age.as_secs() / self.settings.fee_bump_seconds > bumped
    }

    fn tell_of_the_ceiling(&self, submission: &Submission, bid: u32) {
        if self.memory().bids.told.insert(submission.id) {
            let (id, hash) = (submission.id, submission.hash);
            tracing::error!(submission = %id, %hash, bid, "the fee is at its ceiling; waiting for the network");
        }
    }

    /// Stores a bump, unless the transaction has come to its end meanwhile; true if it is to be sent.
    async fn raise_bid(
        &self,
        submission: &Submission,
        bid: u32,
        highest: &mut BTreeMap<SubmissionId, FeeBump>,
    ) -> Result<bool, EngineError> {
        let (id, now) = (submission.id, self.clock.now());
        let SignedFeeBump { hash, envelope, fee_per_operation } =
            self.network.bump_fee(&submission.envelope, bid).await?;
        let bump = FeeBump { submission: id, hash, envelope, fee_per_operation, created_at: now };
        let stored = bump.clone();
        let is_live = transact(&self.store, move |tx| {
            let bump = stored.clone();
            Box::pin(async move {
                let found = tx.submission(id).await?;
                if found.is_none_or(|found| found.state != SubmissionState::Live) {
                    return Ok(false);
                }
                tx.insert_fee_bump(&bump).await?;
                Ok::<_, EngineError>(true)
            })
        })
        .await?;
        if is_live {
            tracing::warn!(submission = %id, %hash, fee_per_operation, "the fee is raised");
            let mut memory = self.memory();
            memory.bids.refused.remove(&id);
            memory.bids.unpayable.remove(&id);
            memory.send_not_before.remove(&id);
            highest.insert(id, bump);
        }
        Ok(is_live)
    }
}
