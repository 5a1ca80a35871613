//! The network as one process sees it.

use std::sync::Arc;

use async_trait::async_trait;

#[cfg(feature = "simulated-bugs")]
use super::bugs::Bug;
use super::process_faults::{ProcessFaults, Step, cut_off};
use crate::domain::address::AccountId;
use crate::domain::ids::{ClaimableId, LedgerSeq, OperationId, TxHash};
use crate::ports::network::{
    AccountAnswer, AccountPage, BuildError, ClaimableEnd, ClaimablePage, EffectId, EffectRecord, Feed,
    Gateway, Heard, History, HistoryRecord, Ledger, Network, NetworkError, OperationRecord, Removed, Sent,
    SignedFeeBump, SignedTransaction, Spending, TransactionBuilder, TransactionPlan, TransactionRecord,
};
use crate::simulation::clock::VirtualClock;
use crate::simulation::oracle::SubmissionProbe;
#[cfg(feature = "simulated-bugs")]
use crate::simulation::store::Base;
use crate::simulation::trace::Trace;

/// The network as a process sees it.
pub(in crate::simulation) struct ProcessNetwork {
    pub(in crate::simulation) name: String,
    pub(in crate::simulation) inner: Arc<dyn Network>,
    pub(in crate::simulation) faults: Arc<ProcessFaults>,
    pub(in crate::simulation) probe: Arc<SubmissionProbe>,
    pub(in crate::simulation) time: VirtualClock,
    pub(in crate::simulation) trace: Arc<Trace>,
    #[cfg(feature = "simulated-bugs")]
    pub(in crate::simulation) bug: Option<(Bug, Base)>,
}

impl ProcessNetwork {
    async fn alive(&self) -> Result<(), NetworkError> {
        self.faults.wait_while_frozen(&self.time).await;
        if self.faults.is_dead() { Err(cut_off()) } else { Ok(()) }
    }

    /// A question about what became of a transaction.
    async fn looks_up(&self) -> Result<(), NetworkError> {
        self.faults.wait_while_frozen(&self.time).await;
        if self.faults.survives(Step::BeforeLookUp) { Ok(()) } else { Err(cut_off()) }
    }

    fn dead() -> Sent {
        Sent::Unknown { reason: "the process is dead".to_owned(), retry_after: None }
    }
}

/// The payment stream as a process hears it.
struct ProcessFeed {
    inner: Box<dyn Feed>,
    trace: Arc<Trace>,
}

#[async_trait]
impl Feed for ProcessFeed {
    async fn next(&mut self) -> Result<Option<Heard>, NetworkError> {
        let next = self.inner.next().await;
        match &next {
            Ok(Some(heard)) => {
                self.trace.happened_unseen("payments_heard", &format!("heard of {}", heard.operation));
            }
            Ok(None) => self.trace.note_unseen("heard nothing"),
            Err(error) => self.trace.note(&format!("the stream broke off: {error}")),
        }
        next
    }
}

#[async_trait]
impl Gateway for ProcessNetwork {
    async fn tip(&self) -> Result<Ledger, NetworkError> {
        self.alive().await?;
        self.inner.tip().await
    }

    async fn ledger(&self, sequence: LedgerSeq) -> Result<Option<Ledger>, NetworkError> {
        self.alive().await?;
        self.inner.ledger(sequence).await
    }

    async fn account(&self, account: AccountId) -> Result<AccountAnswer, NetworkError> {
        self.alive().await?;
        self.inner.account(account).await
    }

    async fn transaction(&self, hash: TxHash) -> Result<Option<TransactionRecord>, NetworkError> {
        self.looks_up().await?;
        self.inner.transaction(hash).await
    }

    async fn send(&self, envelope: &str) -> Sent {
        self.faults.wait_while_frozen(&self.time).await;
        if !self.faults.survives(Step::BeforeSend) {
            return Self::dead();
        }
        self.probe.sees(&self.name, envelope).await;
        let sent = self.inner.send(envelope).await;
        if !self.faults.survives(Step::AfterSend) {
            return Self::dead();
        }
        #[cfg(feature = "simulated-bugs")]
        if let (Some((Bug::RebuildOn504, base)), Sent::Unknown { .. }) = (&self.bug, &sent) {
            super::rebuild_on_504::give_up(base, self.probe.hash(envelope)).await;
        }
        sent
    }

    fn feed(&self, after: Option<OperationId>) -> Option<Box<dyn Feed>> {
        let inner = self.inner.feed(after)?;
        Some(Box::new(ProcessFeed { inner, trace: Arc::clone(&self.trace) }))
    }

    fn spending(&self) -> Spending {
        self.inner.spending()
    }
}

#[async_trait]
impl History for ProcessNetwork {
    async fn watched_accounts(&self, after: Option<AccountId>) -> Result<AccountPage, NetworkError> {
        self.alive().await?;
        self.inner.watched_accounts(after).await
    }

    async fn payments(
        &self,
        account: AccountId,
        after: OperationId,
        limit: usize,
    ) -> Result<Vec<HistoryRecord>, NetworkError> {
        self.alive().await?;
        self.inner.payments(account, after, limit).await
    }

    async fn effects(
        &self,
        account: AccountId,
        after: Option<EffectId>,
        limit: usize,
    ) -> Result<Vec<EffectRecord>, NetworkError> {
        self.alive().await?;
        self.inner.effects(account, after, limit).await
    }

    async fn operation(&self, operation: OperationId) -> Result<Option<OperationRecord>, NetworkError> {
        self.alive().await?;
        self.inner.operation(operation).await
    }

    async fn claimable_balances(
        &self,
        claimant: AccountId,
        after: Option<String>,
    ) -> Result<ClaimablePage, NetworkError> {
        self.alive().await?;
        self.inner.claimable_balances(claimant, after).await
    }

    async fn transaction_using(
        &self,
        account: AccountId,
        sequence: i64,
    ) -> Result<Option<TransactionRecord>, NetworkError> {
        self.looks_up().await?;
        self.inner.transaction_using(account, sequence).await
    }

    async fn removed(&self, account: AccountId, sequence: i64) -> Result<Option<Removed>, NetworkError> {
        self.looks_up().await?;
        self.inner.removed(account, sequence).await
    }

    async fn claimable_end(&self, id: ClaimableId) -> Result<Option<ClaimableEnd>, NetworkError> {
        self.alive().await?;
        self.inner.claimable_end(id).await
    }
}

#[async_trait]
impl TransactionBuilder for ProcessNetwork {
    fn platform(&self) -> AccountId {
        self.inner.platform()
    }

    fn escrows_per_transaction(&self, assets: usize) -> u16 {
        self.inner.escrows_per_transaction(assets)
    }

    fn channels_per_transaction(&self) -> u16 {
        self.inner.channels_per_transaction()
    }

    async fn build(&self, plan: &TransactionPlan) -> Result<SignedTransaction, BuildError> {
        let dead = || BuildError::Invalid { reason: "the process is dead".to_owned() };
        self.faults.wait_while_frozen(&self.time).await;
        if !self.faults.survives(Step::BeforeBuild) {
            return Err(dead());
        }
        let built = self.inner.build(plan).await;
        if self.faults.survives(Step::AfterBuild) { built } else { Err(dead()) }
    }

    async fn bump_fee(&self, envelope: &str, fee_per_operation: u32) -> Result<SignedFeeBump, BuildError> {
        let dead = || BuildError::Invalid { reason: "the process is dead".to_owned() };
        if !self.faults.survives(Step::BeforeBuild) {
            return Err(dead());
        }
        let bumped = self.inner.bump_fee(envelope, fee_per_operation).await;
        if self.faults.survives(Step::AfterBuild) { bumped } else { Err(dead()) }
    }
}
