//! The network as one process sees it, and who looks at every envelope that a process sends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

#[cfg(feature = "simulated-bugs")]
use super::bugs::Bug;
use super::clock::VirtualClock;
use super::fate::{Fate, Step, cut_off};
use super::store::Base;
use super::trail::{Trail, Wrong};
use crate::domain::address::AccountId;
use crate::domain::ids::{ClaimableId, LedgerSeq, OperationId, TxHash};
use crate::ports::network::{
    AccountAnswer, AccountPage, BuildError, ClaimableEnd, ClaimablePage, EffectId, EffectRecord, Feed, Heard,
    HistoryRecord, Ledger, Network, NetworkError, OperationRecord, Removed, Sent, SignedFeeBump,
    SignedTransaction, Spending, TransactionPlan, TransactionRecord,
};
use crate::ports::store::{Store, StoreError};
use farmgate_sandbox::Sandbox;
use farmgate_sandbox::movements::Intent;

/// Looks at every envelope that is sent, whoever sends it: nothing is paid by two that may both land.
pub(super) struct Lookout {
    sandbox: Sandbox,
    base: Base,
    trail: Arc<Trail>,
    /// By the hash of the transaction, whatever fee bump it was sent in, and the last ledger before it was sent first.
    sent: Mutex<BTreeMap<TxHash, (Intent, LedgerSeq)>>,
}

impl Lookout {
    pub(super) fn new(sandbox: Sandbox, base: Base, trail: Arc<Trail>) -> Self {
        Self { sandbox, base, trail, sent: Mutex::default() }
    }

    /// The last ledger before a transaction was sent for the first time, by its own hash.
    pub(super) fn first_sent(&self, hash: TxHash) -> Option<LedgerSeq> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.get(&hash).map(|(_, ledger)| *ledger)
    }

    /// What is sent must be stored, a fee bump under its own hash.
    async fn is_stored(&self, intent: &Intent) -> Result<bool, StoreError> {
        let mut tx = Store::begin_read(&self.base).await?;
        let found = tx.submission_by_hash(intent.outer).await?;
        Ok(found.is_some_and(|found| found.hash == intent.hash))
    }

    #[cfg(feature = "simulated-bugs")]
    fn hash(&self, envelope: &str) -> Option<TxHash> {
        self.sandbox.intent(envelope).ok().map(|intent| intent.hash)
    }

    /// An envelope is about to be sent.
    async fn sees(&self, name: &str, envelope: &str) {
        let intent = match self.sandbox.intent(envelope) {
            Ok(intent) => intent,
            Err(error) => {
                self.trail.wrong(Wrong::Broken, format!("{name} sends what is no envelope: {error}"));
                return;
            }
        };
        if intent.outer == intent.hash {
            self.trail.note(&format!("{name} sends {} on {}", intent.hash, intent.source));
        } else {
            let what = format!("{name} sends {} in the fee bump {}", intent.hash, intent.outer);
            self.trail.happened("fee_bumps_sent", &what);
        }
        if !matches!(self.is_stored(&intent).await, Ok(true)) {
            self.trail.wrong(Wrong::Broken, format!("{name} sends {}, which is not stored", intent.outer));
        }
        let latest = self.sandbox.with_ledger(|ledger| ledger.latest().ledger);
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        for (other, _) in sent.values().filter(|(other, _)| other.hash != intent.hash) {
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
        sent.entry(intent.hash).or_insert((intent, latest));
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
    pub(super) trail: Arc<Trail>,
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

/// The payment stream as a process hears it.
struct ProcessFeed {
    inner: Box<dyn Feed>,
    trail: Arc<Trail>,
}

#[async_trait]
impl Feed for ProcessFeed {
    async fn next(&mut self) -> Result<Option<Heard>, NetworkError> {
        let next = self.inner.next().await;
        match &next {
            Ok(Some(heard)) => {
                self.trail.happened_unseen("payments_heard", &format!("heard of {}", heard.operation));
            }
            Ok(None) => self.trail.note_unseen("heard nothing"),
            Err(error) => self.trail.note(&format!("the stream broke off: {error}")),
        }
        next
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
        let inner = self.inner.feed(after)?;
        Some(Box::new(ProcessFeed { inner, trail: Arc::clone(&self.trail) }))
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
        self.lookout.sees(&self.name, envelope).await;
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
