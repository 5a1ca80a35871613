//! The network as one process sees it, and who looks at every envelope that a process sends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

#[cfg(feature = "simulated-bugs")]
use super::bugs::Bug;
use super::clock::VirtualClock;
use super::fate::{Fate, Step, cut_off};
#[cfg(feature = "simulated-bugs")]
use super::store::Base;
use super::trail::{Trail, Wrong};
use crate::domain::address::AccountId;
use crate::domain::ids::{ClaimableId, LedgerSeq, OperationId, TxHash};
use crate::ports::network::{
    AccountAnswer, AccountPage, BuildError, ClaimableEnd, ClaimablePage, EffectId, EffectRecord, Feed,
    HistoryRecord, Ledger, Network, NetworkError, OperationRecord, Removed, Sent, SignedFeeBump,
    SignedTransaction, Spending, TransactionPlan, TransactionRecord,
};
use crate::sandbox::Sandbox;
use crate::sandbox::acts::Intent;

/// Looks at every envelope that is sent, whoever sends it: nothing is paid by two that may both land.
pub(super) struct Lookout {
    sandbox: Sandbox,
    trail: Arc<Trail>,
    sent: Mutex<BTreeMap<TxHash, Intent>>,
}

impl Lookout {
    pub(super) fn new(sandbox: Sandbox, trail: Arc<Trail>) -> Self {
        Self { sandbox, trail, sent: Mutex::default() }
    }

    #[cfg(feature = "simulated-bugs")]
    fn hash(&self, envelope: &str) -> Option<TxHash> {
        self.sandbox.intent(envelope).ok().map(|intent| intent.hash)
    }

    /// An envelope is about to be sent.
    fn sees(&self, name: &str, envelope: &str) {
        let intent = match self.sandbox.intent(envelope) {
            Ok(intent) => intent,
            Err(error) => {
                self.trail.wrong(Wrong::Broken, format!("{name} sends what is no envelope: {error}"));
                return;
            }
        };
        self.trail.note(&format!("{name} sends {} on {}", intent.hash, intent.source));
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        for other in sent.values().filter(|other| other.hash != intent.hash) {
            let shared = intent.movements.iter().find(|movement| other.movements.contains(movement));
            if let Some((from, to, asset, amount, _)) = shared
                && let Some(why) = self.may_have_paid(other)
            {
                let what = format!(
                    "{name} sends {} to move {amount} stroops of {} from {from} to {to:?}, but {} {why}",
                    intent.hash,
                    asset.code(),
                    other.hash
                );
                self.trail.wrong(Wrong::DoublePayment, what);
            }
        }
        sent.insert(intent.hash, intent);
    }

    /// Why an envelope that was sent before may have paid; `None` if it is certain that it did not and never will.
    fn may_have_paid(&self, other: &Intent) -> Option<&'static str> {
        self.sandbox.with_ledger(|ledger| {
            if let Some(record) = ledger.history().transaction(other.hash) {
                return record.successful.then_some("has done so");
            }
            let over = other.max_time > 0 && ledger.latest().time > other.max_time;
            let used =
                ledger.state().get(other.source).is_none_or(|source| source.sequence >= other.sequence);
            (!over && !used).then_some("may still do so")
        })
    }
}

/// The network as a process sees it.
pub(super) struct ProcessNetwork {
    pub(super) name: String,
    pub(super) inner: Arc<dyn Network>,
    pub(super) fate: Arc<Fate>,
    pub(super) lookout: Arc<Lookout>,
    pub(super) time: VirtualClock,
    #[cfg(feature = "simulated-bugs")]
    pub(super) bug: Option<(Bug, Base)>,
}

impl ProcessNetwork {
    async fn alive(&self) -> Result<(), NetworkError> {
        self.fate.thaw(&self.time).await;
        if self.fate.is_dead() { Err(cut_off()) } else { Ok(()) }
    }

    /// A question about what became of a transaction.
    async fn looks_up(&self) -> Result<(), NetworkError> {
        self.fate.thaw(&self.time).await;
        if self.fate.survives(Step::BeforeLookUp) { Ok(()) } else { Err(cut_off()) }
    }

    fn dead() -> Sent {
        Sent::Unknown { reason: "the process is dead".to_owned(), retry_after: None }
    }
}

#[async_trait]
impl Network for ProcessNetwork {
    fn platform(&self) -> AccountId {
        self.inner.platform()
    }

    fn escrows_per_transaction(&self, assets: usize) -> u16 {
        self.inner.escrows_per_transaction(assets)
    }

    fn channels_per_transaction(&self) -> u16 {
        self.inner.channels_per_transaction()
    }

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

    async fn transaction(&self, hash: TxHash) -> Result<Option<TransactionRecord>, NetworkError> {
        self.looks_up().await?;
        self.inner.transaction(hash).await
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

    fn spending(&self) -> Spending {
        self.inner.spending()
    }

    fn feed(&self, after: Option<OperationId>) -> Option<Box<dyn Feed>> {
        self.inner.feed(after)
    }

    async fn build(&self, plan: &TransactionPlan) -> Result<SignedTransaction, BuildError> {
        let dead = || BuildError::Invalid { reason: "the process is dead".to_owned() };
        self.fate.thaw(&self.time).await;
        if !self.fate.survives(Step::BeforeBuild) {
            return Err(dead());
        }
        let built = self.inner.build(plan).await;
        if self.fate.survives(Step::AfterBuild) { built } else { Err(dead()) }
    }

    async fn bump_fee(&self, envelope: &str, fee_per_operation: u32) -> Result<SignedFeeBump, BuildError> {
        let dead = || BuildError::Invalid { reason: "the process is dead".to_owned() };
        if !self.fate.survives(Step::BeforeBuild) {
            return Err(dead());
        }
        let bumped = self.inner.bump_fee(envelope, fee_per_operation).await;
        if self.fate.survives(Step::AfterBuild) { bumped } else { Err(dead()) }
    }

    async fn send(&self, envelope: &str) -> Sent {
        self.fate.thaw(&self.time).await;
        if !self.fate.survives(Step::BeforeSend) {
            return Self::dead();
        }
        self.lookout.sees(&self.name, envelope);
        let sent = self.inner.send(envelope).await;
        if !self.fate.survives(Step::AfterSend) {
            return Self::dead();
        }
        #[cfg(feature = "simulated-bugs")]
        if let (Some((Bug::RebuildOn504, base)), Sent::Unknown { .. }) = (&self.bug, &sent) {
            super::bugs::give_up(base, self.lookout.hash(envelope)).await;
        }
        sent
    }
}
