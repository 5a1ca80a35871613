//! A real database as one process sees it: each call is over before anything else of the run goes on, and
//! a commit goes as the process's [`ProcessFaults`] wants it.
//!
//! The driver's own threads work on a runtime of its own, and the run waits for them: whatever the machine's
//! scheduler does, the same seed asks the same things in the same order.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::runtime::Handle;

use super::clock::VirtualClock;
#[cfg(feature = "simulated-bugs")]
use super::faults::bugs::Bug;
use super::faults::process_faults::{Commit, ProcessFaults, Step, gone};
#[cfg(feature = "simulated-bugs")]
use crate::domain::address::AccountId;
#[cfg(feature = "simulated-bugs")]
use crate::domain::escrow::EscrowAccount;
#[cfg(feature = "simulated-bugs")]
use crate::domain::transfer::Transfer;
use crate::ports::clock::Clock;
use crate::ports::store::{
    ForwardAccepted, ForwardAccess, ForwardAccounts, ForwardAudit, ForwardCatalog, ForwardClaimables,
    ForwardDeadLetters, ForwardDeployment, ForwardEvents, ForwardFeeBumps, ForwardJournal, ForwardLease,
    ForwardPayments, ForwardPayoutChanges, ForwardPayouts, ForwardPools, ForwardReservations,
    ForwardTransfers, ForwardUnreadableRows, ForwardWatchdog, Lease, Store, StoreError, Tx, WrapTx,
};
#[cfg(feature = "simulated-bugs")]
use crate::ports::store::{PaymentFilter, PaymentsTx};

/// The database, and the runtime that its driver works on.
#[derive(Clone)]
pub(super) struct Base {
    store: Arc<dyn Store>,
    runtime: Handle,
    /// Counts calls: while it rises, something is going on.
    calls: Arc<AtomicU64>,
    /// The token of the engine's lease that was taken last.
    token: Arc<AtomicI64>,
}

impl Base {
    pub(super) fn new(store: Arc<dyn Store>, runtime: Handle) -> Self {
        Self { store, runtime, calls: Arc::default(), token: Arc::default() }
    }

    /// How many calls were made so far.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// The token of the engine's lease that was taken last.
    pub(super) fn token(&self) -> i64 {
        self.token.load(Ordering::SeqCst)
    }

    /// The database went back to when this token had been taken last.
    pub(super) fn went_back_to(&self, token: i64) {
        self.token.store(token, Ordering::SeqCst);
    }

    /// Does something to the database on its runtime, from beginning to end.
    pub(super) fn at_once<T>(&self, work: impl Future<Output = T>) -> T {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let _entered = self.runtime.enter();
        futures::executor::block_on(work)
    }

    fn begin(&self, faults: Option<Arc<ProcessFaults>>) -> Result<WholeTx, StoreError> {
        let inner = self.at_once(self.store.begin())?;
        Ok(WholeTx::new(inner, self.clone(), faults))
    }

    fn begin_read(&self, faults: Option<Arc<ProcessFaults>>) -> Result<WholeTx, StoreError> {
        let inner = self.at_once(self.store.begin_read())?;
        Ok(WholeTx::new(inner, self.clone(), faults))
    }
}

/// Those who use the database and never die: customers, the simulator itself.
#[async_trait]
impl Store for Base {
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError> {
        Ok(Box::new(Self::begin(self, None)?))
    }

    async fn begin_read(&self) -> Result<Box<dyn Tx>, StoreError> {
        Ok(Box::new(Self::begin_read(self, None)?))
    }
}

/// The database as a process sees it.
pub(super) struct ProcessStore {
    pub(super) base: Base,
    pub(super) faults: Arc<ProcessFaults>,
    pub(super) time: VirtualClock,
    #[cfg(feature = "simulated-bugs")]
    pub(super) bug: Option<Bug>,
}

#[async_trait]
impl Store for ProcessStore {
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError> {
        self.faults.wait_while_frozen(&self.time).await;
        self.faults.begins()?;
        if let Some(seconds) = self.faults.stall_seconds() {
            self.time.sleep(Duration::from_secs(seconds)).await;
            self.faults.begins()?;
        }
        let tx = self.base.begin(Some(Arc::clone(&self.faults)))?;
        #[cfg(feature = "simulated-bugs")]
        let tx = tx.with_bug(self.bug);
        Ok(Box::new(tx))
    }

    async fn begin_read(&self) -> Result<Box<dyn Tx>, StoreError> {
        self.faults.wait_while_frozen(&self.time).await;
        self.faults.begins()?;
        Ok(Box::new(self.base.begin_read(Some(Arc::clone(&self.faults)))?))
    }
}

/// What a transaction has to do with the engine's lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LeaseUse {
    /// Nothing yet.
    None,
    /// It read it first, in order to write.
    Read,
    /// It took it under this token.
    Taken(i64),
    /// It renewed it or gave it back: guarded by the token itself.
    Kept,
}

/// A transaction each call of which is over when it returns.
pub(super) struct WholeTx {
    /// Taken when it ends.
    inner: Option<Box<dyn Tx>>,
    base: Base,
    faults: Option<Arc<ProcessFaults>>,
    lease: LeaseUse,
    #[cfg(feature = "simulated-bugs")]
    bug: Option<Bug>,
    /// Where the history of an account was read to.
    #[cfg(feature = "simulated-bugs")]
    cursor: Option<(AccountId, crate::domain::ids::OperationId)>,
}

impl WholeTx {
    fn new(inner: Box<dyn Tx>, base: Base, faults: Option<Arc<ProcessFaults>>) -> Self {
        Self {
            inner: Some(inner),
            base,
            faults,
            lease: LeaseUse::None,
            #[cfg(feature = "simulated-bugs")]
            bug: None,
            #[cfg(feature = "simulated-bugs")]
            cursor: None,
        }
    }

    #[cfg(feature = "simulated-bugs")]
    fn with_bug(mut self, bug: Option<Bug>) -> Self {
        self.bug = bug;
        self
    }

    fn open(&mut self) -> Result<(&mut (dyn Tx + 'static), Base), StoreError> {
        if self.faults.as_ref().is_some_and(|faults| faults.is_dead()) {
            return Err(gone());
        }
        let base = self.base.clone();
        Ok((&mut **self.inner.as_mut().ok_or_else(gone)?, base))
    }

    /// What a process commits, it commits under the lease that was taken last, and after having looked.
    fn check_lease(&self, faults: &ProcessFaults) {
        let last = self.base.token.load(Ordering::SeqCst);
        match self.lease {
            LeaseUse::Taken(_) | LeaseUse::Kept => {}
            LeaseUse::Read if faults.token() == last => {}
            LeaseUse::Read => {
                faults.wrong(&format!("writes under token {}, but {last} was taken", faults.token()))
            }
            LeaseUse::None => faults.wrong("writes without having looked at the lease"),
        }
    }

    fn undo(&mut self) -> Result<(), StoreError> {
        let Some(inner) = self.inner.take() else { return Ok(()) };
        self.base.at_once(inner.rollback())
    }
}

#[cfg(feature = "simulated-bugs")]
impl WholeTx {
    /// Stores the cursor alone, as if that had been committed before what follows from the history
    /// that was read.
    fn keep_cursor(&self) -> Result<(), StoreError> {
        let (Some(Bug::CursorBeforeEffects), Some((account, cursor))) = (self.bug, self.cursor) else {
            return Ok(());
        };
        let mut tx = self.base.begin(None)?;
        let (inner, base) = tx.open()?;
        let Some(mut escrow) = base.at_once(inner.escrow(account))? else { return Ok(()) };
        if escrow.watch.cursor < cursor {
            escrow.watch.cursor = cursor;
            base.at_once(inner.update_escrow(&escrow))?;
        }
        let inner = tx.inner.take().ok_or_else(gone)?;
        base.at_once(inner.commit())
    }

    /// Returns that all go to whoever paid first.
    async fn misdirected(&mut self, transfers: &[Transfer]) -> Result<Vec<Transfer>, StoreError> {
        use crate::domain::transfer::TransferKind;
        let mut transfers = transfers.to_vec();
        if self.bug != Some(Bug::RefundToFirstPayer) {
            return Ok(transfers);
        }
        for transfer in &mut transfers {
            let TransferKind::Refund { .. } = transfer.kind else { continue };
            let filter = PaymentFilter { reservation: transfer.reservation, attribution: None };
            let first = PaymentsTx::payments(self, &filter, None, 1).await?;
            let from = first.first().and_then(|first| first.payment.from);
            transfer.to = from.filter(|_| transfer.reservation.is_some()).unwrap_or(transfer.to);
        }
        Ok(transfers)
    }
}

impl Drop for WholeTx {
    fn drop(&mut self) {
        let _entered = self.base.runtime.enter();
        drop(self.inner.take());
    }
}

fn lost() -> StoreError {
    StoreError::Unavailable { reason: "the connection broke at the commit".to_owned() }
}

#[async_trait]
impl Tx for WholeTx {
    async fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
        let Some(faults) = self.faults.clone() else {
            let inner = self.inner.take().ok_or_else(gone)?;
            return self.base.at_once(inner.commit());
        };
        let survives = faults.survives(Step::BeforeCommit);
        let commit = if survives { faults.commit() } else { Commit::Undone };
        if commit == Commit::Undone {
            self.undo()?;
            #[cfg(feature = "simulated-bugs")]
            self.keep_cursor()?;
            return Err(if survives { lost() } else { gone() });
        }
        self.check_lease(&faults);
        let inner = self.inner.take().ok_or_else(gone)?;
        self.base.at_once(inner.commit())?;
        if let LeaseUse::Taken(token) = self.lease {
            self.base.token.store(token, Ordering::SeqCst);
            faults.take(token);
        }
        if !faults.survives(Step::AfterCommit) {
            return Err(gone());
        }
        if commit == Commit::Unanswered { Err(lost()) } else { Ok(()) }
    }

    async fn rollback(mut self: Box<Self>) -> Result<(), StoreError> {
        self.undo()
    }
}

impl WrapTx for WholeTx {
    type Inner = dyn Tx;

    fn inner(&mut self) -> Result<&mut Self::Inner, StoreError> {
        Ok(self.open()?.0)
    }

    async fn around<'tx, T, C>(&'tx mut self, call: C) -> Result<T, StoreError>
    where
        T: Send,
        C: FnOnce(&'tx mut Self::Inner) -> BoxFuture<'tx, Result<T, StoreError>> + Send,
    {
        let (inner, base) = self.open()?;
        base.at_once(call(inner))
    }
}

impl ForwardAccepted for WholeTx {}
impl ForwardAccess for WholeTx {}
impl ForwardCatalog for WholeTx {}
impl ForwardClaimables for WholeTx {}
impl ForwardDeadLetters for WholeTx {}
impl ForwardDeployment for WholeTx {}
impl ForwardAudit for WholeTx {}
impl ForwardEvents for WholeTx {}
impl ForwardFeeBumps for WholeTx {}
impl ForwardJournal for WholeTx {}
impl ForwardPayments for WholeTx {}
impl ForwardPayoutChanges for WholeTx {}
impl ForwardPayouts for WholeTx {}
impl ForwardPools for WholeTx {}
impl ForwardReservations for WholeTx {}
impl ForwardUnreadableRows for WholeTx {}
impl ForwardWatchdog for WholeTx {}

#[async_trait]
impl ForwardAccounts for WholeTx {
    #[cfg(feature = "simulated-bugs")]
    async fn update_escrow(&mut self, escrow: &EscrowAccount) -> Result<EscrowAccount, StoreError> {
        self.cursor = Some((escrow.account, escrow.watch.cursor));
        self.around(|tx| tx.update_escrow(escrow)).await
    }
}

#[async_trait]
impl ForwardLease for WholeTx {
    async fn lease(&mut self) -> Result<Lease, StoreError> {
        self.lease = LeaseUse::Read;
        self.around(|tx| tx.lease()).await
    }

    async fn take_lease(
        &mut self,
        seen: &Lease,
        holder: &str,
        now: Timestamp,
    ) -> Result<Option<Lease>, StoreError> {
        let taken = self.around(|tx| tx.take_lease(seen, holder, now)).await?;
        self.lease = taken.as_ref().map_or(LeaseUse::Kept, |lease| LeaseUse::Taken(lease.token));
        Ok(taken)
    }

    async fn renew_lease(
        &mut self,
        token: i64,
        holder: &str,
        now: Timestamp,
    ) -> Result<Option<Lease>, StoreError> {
        self.lease = LeaseUse::Kept;
        self.around(|tx| tx.renew_lease(token, holder, now)).await
    }

    async fn release_lease(&mut self, token: i64, holder: &str) -> Result<bool, StoreError> {
        self.lease = LeaseUse::Kept;
        self.around(|tx| tx.release_lease(token, holder)).await
    }
}

#[async_trait]
impl ForwardTransfers for WholeTx {
    #[cfg(feature = "simulated-bugs")]
    async fn has_submission(&mut self, hash: crate::domain::ids::TxHash) -> Result<bool, StoreError> {
        let unseen = self.bug == Some(Bug::UnseenGoingBack);
        Ok(unseen || self.around(|tx| tx.has_submission(hash)).await?)
    }

    #[cfg(feature = "simulated-bugs")]
    async fn insert_transfers(&mut self, transfers: &[Transfer]) -> Result<(), StoreError> {
        let transfers = &self.misdirected(transfers).await?[..];
        self.around(|tx| tx.insert_transfers(transfers)).await
    }
}
