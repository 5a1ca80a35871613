//! The engine: one tick looks at the ledger once and brings every reservation as far as it can go.
//!
//! What it knows is in the database only, so that a restart at any point goes on from there: intent is
//! committed before anything is sent, and outcomes are taken from closed ledgers alone. Each step has its own
//! memory; what one learns that concerns another is a value that is handed on here, a page ([`super::look`])
//! or the effects of an outcome ([`super::outcomes`]).

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use jiff::{SignedDuration, Timestamp};

use super::due_changes::DueChanges;
use super::forget::Forget;
use crate::domain::address::AccountId;
use crate::ports::network::Ledger;
use crate::settlement::books::claimable_policy::ReservePause;
use crate::settlement::books::work::Ports;
use crate::settlement::high_water_mark::HighWaterMark;
use crate::settlement::inbound::escrow_accounts::EscrowAccounts;
use crate::settlement::inbound::foreign_claimables::ForeignClaimables;
use crate::settlement::inbound::ingest::{Histories, Read};
use crate::settlement::inbound::merged_accounts::MergedAccounts;
use crate::settlement::inbound::stream_hints::StreamHints;
use crate::settlement::inbound::sweep::Sweep;
use crate::settlement::inbound::system_accounts::SystemAccounts;
use crate::settlement::inbound::unexplained::Unexplained;
use crate::settlement::outbound::channels::Channels;
use crate::settlement::outbound::close::Close;
use crate::settlement::outbound::held::Held;
use crate::settlement::outbound::open::Open;
use crate::settlement::outbound::payout_checks::PayoutChecks;
use crate::settlement::outbound::reclaim::Reclaim;
use crate::settlement::outbound::refund::Refund;
use crate::settlement::outbound::settle::Settle;
use crate::settlement::outbound::submit::Submit;
use crate::settlement::outcome::lookup::Lookup;
use crate::settlement::recovery::adopt::Adopt;
use crate::settlement::recovery::build_gate::{BuildGate, GateState};
use crate::settlement::recovery::continuity::Continuity;
use crate::settlement::{EngineError, Outside, Settings, TickReport};

/// How old the latest ledger may be, by when it was asked for, for transactions to be built on it.
const TIP_AGE_MAX: SignedDuration = SignedDuration::from_secs(2);

/// The engine, over the database it is given. A [`Candidate`](crate::settlement::Candidate) runs it: one
/// at a time on a database, over a store that refuses its writes once another does. Unique keys and guarded
/// writes keep money safe even if two do.
pub struct Engine {
    pub(super) ports: Arc<Ports>,
    pub(super) continuity: Continuity,
    pub(super) gate: Arc<BuildGate>,
    pub(super) reserve: Arc<ReservePause>,
    pub(super) lookup: Lookup,
    pub(super) histories: Arc<Histories>,
    pub(super) sweep: Arc<Sweep>,
    pub(super) hints: StreamHints,
    pub(super) adopt: Adopt,
    pub(super) escrows: EscrowAccounts,
    pub(super) system: SystemAccounts,
    pub(super) merged: MergedAccounts,
    pub(super) foreign: Arc<ForeignClaimables>,
    pub(super) channels: Arc<Channels>,
    pub(super) open: Open,
    pub(super) held: Held,
    pub(super) settle: Settle,
    pub(super) refund: Refund,
    pub(super) reclaim: Reclaim,
    pub(super) close: Close,
    pub(super) payouts: PayoutChecks,
    pub(super) submit: Submit,
    pub(super) due_changes: DueChanges,
    pub(super) forget: Forget,
}

impl Engine {
    /// An engine over these ports.
    pub fn new(outside: Outside, settings: Settings) -> Self {
        Self::under(outside, settings, Arc::default())
    }

    /// An engine of a process that has seen the database before.
    pub(super) fn under(outside: Outside, settings: Settings, mark: Arc<HighWaterMark>) -> Self {
        let ports = Arc::new(Ports::new(outside, settings, mark));
        let gate = Arc::new(BuildGate::new(Arc::clone(&ports)));
        let reserve = Arc::new(ReservePause::default());
        let channels = Arc::new(Channels::new(Arc::clone(&ports)));
        let histories = Arc::new(Histories::new(Arc::clone(&ports), Arc::clone(&gate)));
        let unexplained = Arc::new(Unexplained::new(Arc::clone(&ports)));
        let foreign = Arc::new(ForeignClaimables::new(Arc::clone(&ports)));
        let sweep = Arc::new(Sweep::new(Arc::clone(&ports)));
        let p = || Arc::clone(&ports);
        Self {
            continuity: Continuity::new(p()),
            lookup: Lookup::new(p()),
            hints: StreamHints::new(p(), Arc::clone(&histories), Arc::clone(&sweep)),
            adopt: Adopt::new(p(), Arc::clone(&gate)),
            escrows: EscrowAccounts::new(
                p(),
                Arc::clone(&histories),
                Arc::clone(&unexplained),
                Arc::clone(&foreign),
            ),
            system: SystemAccounts::new(p(), Arc::clone(&gate), Arc::clone(&histories), unexplained),
            merged: MergedAccounts::new(p(), Arc::clone(&histories)),
            open: Open::new(p(), Arc::clone(&channels)),
            held: Held::new(p()),
            settle: Settle::new(p(), Arc::clone(&channels), Arc::clone(&reserve)),
            refund: Refund::new(p(), Arc::clone(&channels), Arc::clone(&reserve)),
            reclaim: Reclaim::new(p(), Arc::clone(&channels)),
            close: Close::new(p(), Arc::clone(&channels)),
            payouts: PayoutChecks::new(p()),
            submit: Submit::new(p()),
            due_changes: DueChanges::new(p()),
            forget: Forget::new(p()),
            ports,
            gate,
            reserve,
            histories,
            sweep,
            foreign,
            channels,
        }
    }

    /// Ticks until `stop` resolves, reporting each to the database; a tick in hand is finished first. Beside
    /// it the network's payments are followed, where that is worth while.
    ///
    /// # Errors
    /// Only what [`EngineError::ends_the_engine`]; everything else is reported and tried again.
    pub(super) async fn run(&self, stop: impl Future<Output = ()> + Send) -> Result<(), EngineError> {
        match select(pin!(self.ticks(stop)), pin!(self.hints.follow())).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right((never, _)) => match never {},
        }
    }

    async fn ticks(&self, stop: impl Future<Output = ()> + Send) -> Result<(), EngineError> {
        let mut stop = pin!(stop);
        loop {
            let outcome = self.tick().await;
            self.store_status(&outcome).await;
            match outcome {
                Err(error) if error.ends_the_engine() => return Err(error),
                Err(error) => tracing::warn!(%error, "tick ended early"),
                Ok(report) => tracing::debug!(?report, "tick"),
            }
            let pause = self.ports.clock.sleep(Duration::from_millis(self.hints.pace().tick_millis));
            if let Either::Left(_) = select(&mut stop, pause).await {
                return Ok(());
            }
        }
    }

    /// Follows the network's payment stream while there are accounts enough for it; never ends by itself.
    ///
    /// It runs beside the ticks, which take up what it hears. Without it they find the same by sweeps.
    pub async fn follow(&self) -> std::convert::Infallible {
        self.hints.follow().await
    }

    /// Looks at the ledger once and brings everything as far as it can go.
    pub async fn tick(&self) -> Result<TickReport, EngineError> {
        let mut outcome = self.look_and_build().await;
        self.note_unreadable(&mut outcome).await;
        outcome
    }

    async fn look_and_build(&self) -> Result<TickReport, EngineError> {
        self.ports.mark.check()?;
        let began = self.ports.now();
        let tip = self.continuity.tip().await?;
        self.gate.look_back_once(tip).await?;
        self.see(tip);
        let mut report = TickReport { ledger: tip.sequence, ..TickReport::default() };
        self.learn_outcomes(tip, &mut report).await?;
        self.look(tip, &mut report).await?;
        let tip = self.fresh(tip, began).await?;
        if self.gate.is_open(tip, self.sweep.searched_since(), &mut report) {
            self.build(tip, &mut report).await?;
        } else {
            self.send_live(tip, &mut report).await?;
        }
        let checked = self.payouts.run(&mut report).await;
        report.isolate(&"payout accounts", checked)?;
        let looked = self.foreign.run(&mut report).await;
        report.isolate(&"claimable balances", looked)?;
        let due = self.due_changes.run(tip, &mut report).await;
        report.isolate(&"changes of who is paid", due)?;
        let forgotten = self.forget.run().await;
        report.isolate(&"what is kept for a while", forgotten)?;
        Ok(report)
    }

    /// Builds what there is to send, and sends it.
    async fn build(&self, tip: Ledger, report: &mut TickReport) -> Result<(), EngineError> {
        let opened = self.open.run(tip, report).await;
        report.isolate(&"opening accounts", opened)?;
        self.held.run(report).await?;
        self.settle.run(tip, report).await?;
        self.send_live(tip, report).await?;
        // Last, and on its own: looking payers up must not keep settlements from being sent.
        let refunded = self.refund.run(tip, report).await;
        report.isolate(&"returns", refunded)?;
        let followed = self.reclaim.run(tip, report).await;
        report.isolate(&"claimable balances", followed)?;
        let closed = self.close_accounts(tip, report).await;
        report.isolate(&"closing accounts", closed)?;
        self.send_live(tip, report).await
    }

    /// Brings merged accounts to their end, and closes further ones but for those that stay open for
    /// a stranger's balance.
    async fn close_accounts(&self, tip: Ledger, report: &mut TickReport) -> Result<(), EngineError> {
        self.merged.run(report).await?;
        let Some((batch, channel)) = self.close.next_batch().await? else { return Ok(()) };
        let mut closable = Vec::new();
        for closing in batch {
            match self.stays_open_until(closing.account, tip, report).await {
                Ok(Some(until)) => self.close.postpone(closing.account, until),
                Ok(None) => closable.push(closing),
                Err(error) => {
                    // Once it is merged nobody can claim what waits for it, nor send back what came to it: it
                    // stays open until that is known.
                    self.close.failed(&[closing.account]);
                    report.isolate(&format!("closing account {}", closing.account), Err(error))?;
                }
            }
        }
        // What was read may have shown that the database went back.
        if closable.is_empty() || self.gate.state() != GateState::Open {
            return Ok(());
        }
        self.close.close(closable, &channel, tip).await
    }

    /// Until when an account stays open for a stranger's balance, after its history was read to its end.
    ///
    /// A payment and its return leave the balances as they were. If a database went back behind both while
    /// histories lagged, nothing asked for them since; what was owed from the account is found there only as
    /// long as it is open.
    async fn stays_open_until(
        &self,
        account: AccountId,
        tip: Ledger,
        report: &mut TickReport,
    ) -> Result<Option<Timestamp>, EngineError> {
        if self.histories.ingest(account, report).await? == Read::InPart {
            return Ok(Some(tip.closed_at));
        }
        self.foreign.stays_open_until(account, tip).await
    }

    /// One step towards the channels and escrow accounts that the settings ask for: follows what was sent
    /// to its outcome, and opens what is missing. Nobody is paid and nothing is watched by it.
    ///
    /// For `farmgate setup`, which calls it until all are there. An engine that runs does the same by itself.
    pub async fn open_once(&self) -> Result<TickReport, EngineError> {
        let tip = self.continuity.tip().await?;
        let mut report = TickReport { ledger: tip.sequence, ..TickReport::default() };
        self.learn_outcomes(tip, &mut report).await?;
        let opened = self.open.run(tip, &mut report).await;
        report.isolate(&"opening accounts", opened)?;
        self.send_live(tip, &mut report).await?;
        Ok(report)
    }

    /// The latest ledger, asked for again if that took long: what is built now gets its whole time to land.
    async fn fresh(&self, tip: Ledger, asked_at: Timestamp) -> Result<Ledger, EngineError> {
        let age = self.ports.now().duration_since(asked_at);
        if !age.is_negative() && age < TIP_AGE_MAX {
            return Ok(tip);
        }
        let tip = self.continuity.tip().await?;
        self.see(tip);
        Ok(tip)
    }

    fn see(&self, tip: Ledger) {
        self.gate.see(tip);
        self.hints.see(tip);
    }
}
