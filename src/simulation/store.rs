//! A real database as one process sees it: each call is over before anything else of the run goes on, and a commit goes as
//! the process's [`ProcessFaults`] wants it.
//!
//! The driver's own threads work on a runtime of its own, and the run waits for them: whatever the machine's scheduler does,
//! the same seed asks the same things in the same order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::runtime::Handle;

use super::clock::VirtualClock;
#[cfg(feature = "simulated-bugs")]
use super::faults::bugs::Bug;
use super::faults::process_faults::{Commit, ProcessFaults, Step, gone};
use crate::domain::address::AccountId;
use crate::domain::asset::{Asset, AssetCode};
use crate::domain::claimable::Claimable;
use crate::domain::currency::Currency;
use crate::domain::dead_letter::{Kind, Undelivered};
use crate::domain::escrow::{Channel, EscrowAccount, OwnWatch};
use crate::domain::event::{Event, EventKind};
use crate::domain::farm::Farm;
use crate::domain::fee_bump::FeeBump;
use crate::domain::identity::Identity;
use crate::domain::ids::{
    ApiKeyId, ClaimableId, EntryId, EventId, FarmId, IdentityId, NodeId, PoolId, ReservationId, SubmissionId,
    TransferId, TxHash,
};
use crate::domain::journal::{BookAccount, Entry};
use crate::domain::node::Node;
use crate::domain::payment::PaymentId;
use crate::domain::pool::Pool;
use crate::domain::reservation::Reservation;
use crate::domain::sealing::SealedSecret;
use crate::domain::transfer::{Submission, Transfer};
use crate::ports::clock::Clock;
use crate::ports::store::{
    AccessTx, AccountsTx, ApiKey, Applied, CatalogTx, ClaimableSums, ClaimablesTx, DeadLettersTx, Dismissal,
    EngineStatus, FeeBumpsTx, IdempotencyKey, JournalTx, Lease, LeaseTx, PaymentFilter, PaymentsTx,
    PayoutCheck, PayoutsTx, PoolClaims, PoolFilter, PoolsTx, Put, PutAside, Quarantined, RecordId,
    ReservationFilter, ReservationsTx, Store, StoreError, StoredAnswer, StoredPayment, TransfersTx, Tries,
    Tx, WaitingBalance, WatchdogTx,
};

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

    fn at_once<T>(&self, work: impl Future<Output = T>) -> T {
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

    fn open(&mut self) -> Result<(&mut Box<dyn Tx>, Base), StoreError> {
        if self.faults.as_ref().is_some_and(|faults| faults.is_dead()) {
            return Err(gone());
        }
        let base = self.base.clone();
        Ok((self.inner.as_mut().ok_or_else(gone)?, base))
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
    /// Stores the cursor alone, as if that had been committed before what follows from the history that was read.
    fn keep_cursor(&self) -> Result<(), StoreError> {
        let (Some(Bug::CursorBeforeEffects), Some((account, cursor))) = (self.bug, self.cursor) else {
            return Ok(());
        };
        let mut tx = self.base.begin(None)?;
        let (inner, base) = tx.open()?;
        let Some(mut escrow) = base.at_once(inner.escrows(&[account]))?.pop() else { return Ok(()) };
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
            let first = self.payments(&filter, None, 1).await?;
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

/// Passes calls on; what stands in brackets is written by hand.
macro_rules! pass_on {
    ($($of:ident { $($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)* } [$($by_hand:tt)*])+) => {
        $(
            #[async_trait]
            impl $of for WholeTx {
                $(
                    async fn $name(&mut self, $($argument: $type),*) -> Result<$answer, StoreError> {
                        let (inner, base) = self.open()?;
                        base.at_once(inner.$name($($argument),*))
                    }
                )*
                $($by_hand)*
            }
        )+
    };
}

pass_on! {
    AccessTx {
        insert_api_key(key: &ApiKey) -> ();
        api_key_by_hash(secret_hash: [u8; 32]) -> Option<ApiKey>;
        api_keys(after: Option<ApiKeyId>, limit: u32) -> Vec<ApiKey>;
        revoke_api_key(id: ApiKeyId, at: Timestamp) -> Applied;
        answer(key: &IdempotencyKey) -> Option<StoredAnswer>;
        keep_answer(key: &IdempotencyKey, answer: &StoredAnswer) -> ();
        forget_answers(before: Timestamp, limit: u32) -> u64;
    } []
    AccountsTx {
        insert_escrow(escrow: &EscrowAccount) -> ();
        retire_ready(at: Timestamp) -> u64;
        escrows(accounts: &[AccountId]) -> Vec<EscrowAccount>;
        escrows_opened_by(submission: SubmissionId) -> Vec<EscrowAccount>;
        escrows_at_rest(accounts: &[AccountId]) -> Vec<(AccountId, ReservationId)>;
        escrows_merged(limit: u32) -> Vec<EscrowAccount>;
        escrows_dirty(limit: u32) -> Vec<EscrowAccount>;
        escrows_available(assets: &[Asset]) -> u64;
        escrow_asset_lists(limit: u32) -> Vec<Vec<Asset>>;
        take_escrow(assets: &[Asset], reservation: ReservationId) -> Option<AccountId>;
        insert_sealed_secret(sealed: &SealedSecret) -> ();
        sealed_secrets(accounts: &[AccountId]) -> Vec<SealedSecret>;
        insert_channel(channel: &Channel) -> ();
        update_channel(before: &Channel, after: &Channel) -> ();
        remove_channel(channel: &Channel) -> ();
        channels() -> Vec<Channel>;
        own_watch(account: AccountId) -> Option<OwnWatch>;
        set_own_watch(account: AccountId, before: Option<OwnWatch>, after: OwnWatch) -> ();
        set_waiting_balances(claimant: AccountId, balances: &[WaitingBalance]) -> ();
        waiting_out_of_reach(claimant: AccountId, at: Timestamp) -> ();
        waiting_balances(after: Option<(AccountId, String)>, limit: u32) -> Vec<WaitingBalance>;
    } [
        async fn update_escrow(&mut self, escrow: &EscrowAccount) -> Result<EscrowAccount, StoreError> {
            #[cfg(feature = "simulated-bugs")]
            {
                self.cursor = Some((escrow.account, escrow.watch.cursor));
            }
            let (inner, base) = self.open()?;
            base.at_once(inner.update_escrow(escrow))
        }
    ]
    CatalogTx {
        put_farm(farm: &Farm) -> Put;
        farm(id: FarmId) -> Option<Farm>;
        farms(after: Option<FarmId>, limit: u32) -> Vec<Farm>;
        put_node(node: &Node) -> Put;
        node(id: NodeId) -> Option<Node>;
        nodes(farm: Option<FarmId>, after: Option<NodeId>, limit: u32) -> Vec<Node>;
        put_identity(identity: &Identity) -> Put;
        identity(id: IdentityId) -> Option<Identity>;
        identities(after: Option<IdentityId>, limit: u32) -> Vec<Identity>;
        put_currency(currency: &Currency) -> Put;
        currency(code: AssetCode) -> Option<Currency>;
        currencies(after: Option<AssetCode>, limit: u32) -> Vec<Currency>;
    } []
    ClaimablesTx {
        insert_claimable(claimable: &Claimable) -> ();
        update_claimable(before: &Claimable, after: &Claimable) -> ();
        claimable(id: ClaimableId) -> Option<Claimable>;
        claimables_open(after: Option<ClaimableId>, limit: u32) -> Vec<Claimable>;
        claimables_reclaimable(now: Timestamp, after: Option<(Timestamp, ClaimableId)>, limit: u32) -> Vec<Claimable>;
        claimables_not_repaid(after: Option<ClaimableId>, limit: u32) -> Vec<Claimable>;
        claimable_sums() -> Vec<ClaimableSums>;
        returns_by_claimable() -> u64;
        claimables_of_farm(farm: FarmId, asset: Asset) -> u64;
        farms_with_claimables(at_least: u32, limit: u32) -> Vec<(FarmId, Asset)>;
    } []
    DeadLettersTx {
        records_put_aside(dismissed: bool, after: Option<RecordId>, limit: u32) -> Vec<PutAside>;
        record_put_aside(id: &RecordId) -> Option<PutAside>;
        dismiss_record(id: &RecordId, dismissal: &Dismissal) -> Applied;
        returns_undelivered(after: Option<TransferId>, limit: u32) -> Vec<(Transfer, Option<Undelivered>)>;
        repayments_unpaid(after: Option<TransferId>, limit: u32) -> Vec<(Transfer, Option<Undelivered>)>;
        undelivered(transfer: TransferId) -> Option<Undelivered>;
        set_undelivered(transfer: &Transfer, undelivered: &Undelivered) -> ();
        tries_of(transfer: TransferId) -> Tries;
        tries_to_take_back(claimable: ClaimableId) -> Tries;
        claimables_not_taken_back(now: Timestamp, overdue: Timestamp, after: Option<ClaimableId>, limit: u32) -> Vec<Claimable>;
        escrows_unexplained(since: Timestamp, after: Option<AccountId>, limit: u32) -> Vec<EscrowAccount>;
        dead_letter_counts(now: Timestamp) -> BTreeMap<Kind, u64>;
    } []
    FeeBumpsTx {
        insert_fee_bump(bump: &FeeBump) -> ();
        live_fee_bumps() -> Vec<FeeBump>;
    } []
    JournalTx {
        post(entry: &Entry) -> Applied;
        balance(account: BookAccount, asset: Asset) -> i64;
        balances_of(account: BookAccount) -> Vec<(Asset, i64)>;
        balances(after: Option<(BookAccount, Asset)>, limit: u32) -> Vec<(BookAccount, Asset, i64)>;
        balances_owed(after: Option<(BookAccount, Asset)>, limit: u32) -> Vec<(BookAccount, Asset, i64)>;
        journal_sums() -> Vec<(Asset, i64)>;
        entries(reservation: Option<ReservationId>, after: Option<EntryId>, limit: u32) -> Vec<Entry>;
        append_event(at: Timestamp, kind: &EventKind) -> EventId;
        events(after: Option<EventId>, limit: u32) -> Vec<Event>;
        report(status: &EngineStatus) -> ();
        engine_status() -> Option<EngineStatus>;
    } []
    LeaseTx {} [
        async fn lease(&mut self) -> Result<Lease, StoreError> {
            self.lease = LeaseUse::Read;
            let (inner, base) = self.open()?;
            base.at_once(inner.lease())
        }

        async fn take_lease(
            &mut self,
            seen: &Lease,
            holder: &str,
            now: Timestamp,
        ) -> Result<Option<Lease>, StoreError> {
            let (inner, base) = self.open()?;
            let taken = base.at_once(inner.take_lease(seen, holder, now))?;
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
            let (inner, base) = self.open()?;
            base.at_once(inner.renew_lease(token, holder, now))
        }

        async fn release_lease(&mut self, token: i64, holder: &str) -> Result<bool, StoreError> {
            self.lease = LeaseUse::Kept;
            let (inner, base) = self.open()?;
            base.at_once(inner.release_lease(token, holder))
        }
    ]
    PaymentsTx {
        insert_payment(payment: &StoredPayment) -> Applied;
        payment(id: PaymentId) -> Option<StoredPayment>;
        payments(filter: &PaymentFilter, after: Option<PaymentId>, limit: u32) -> Vec<StoredPayment>;
        quarantine(record: &Quarantined) -> Applied;
        quarantined(limit: u32) -> Vec<Quarantined>;
    } []
    PayoutsTx {
        watch_payouts(accounts: &[AccountId]) -> ();
        payout_checks(accounts: &[AccountId]) -> Vec<PayoutCheck>;
        payouts_to_check(before: Timestamp, limit: u32) -> Vec<PayoutCheck>;
        set_payout_check(check: &PayoutCheck) -> ();
    } []
    PoolsTx {
        insert_pool(pool: &Pool) -> ();
        update_pool(pool: &Pool) -> Pool;
        pool(id: PoolId) -> Option<Pool>;
        pools(filter: &PoolFilter, after: Option<PoolId>, limit: u32) -> Vec<Pool>;
        pool_claims(id: PoolId) -> PoolClaims;
        node_is_under_free_pool(node: NodeId) -> bool;
    } []
    ReservationsTx {
        insert_reservation(reservation: &Reservation) -> ();
        update_reservation(reservation: &Reservation) -> Reservation;
        reservation(id: ReservationId) -> Option<Reservation>;
        reservation_by_escrow(escrow: AccountId) -> Option<Reservation>;
        reservations(filter: &ReservationFilter, after: Option<ReservationId>, limit: u32) -> Vec<Reservation>;
        reservations_overdue(now: Timestamp, after: Option<(Timestamp, ReservationId)>, limit: u32) -> Vec<Reservation>;
        reservation_counts() -> Vec<(String, u64)>;
    } []
    WatchdogTx {
        oldest_funded() -> Option<(ReservationId, Timestamp)>;
        oldest_unknown() -> Option<(SubmissionId, Timestamp)>;
        pending_transfers() -> (u64, Option<TransferId>);
    } []
    TransfersTx {
        update_transfer(before: &Transfer, after: &Transfer) -> ();
        redirect_transfer(before: &Transfer, after: &Transfer) -> ();
        move_home(closed: AccountId, home: AccountId) -> ();
        money_is_owed_from(account: AccountId) -> bool;
        counted_returns_open(reservation: ReservationId) -> bool;
        transfers_of(reservation: ReservationId) -> Vec<Transfer>;
        next_ordinal(reservation: ReservationId) -> u32;
        pending_refunds_from(account: AccountId, after: Option<TransferId>, limit: u32) -> Vec<Transfer>;
        refund_of(payment: PaymentId) -> Option<Transfer>;
        repayment_of(claimable: ClaimableId) -> Option<Transfer>;
        pending_refunds(after: Option<TransferId>, limit: u32) -> Vec<Transfer>;
        money_leaves(account: AccountId) -> bool;
        transfers(ids: &[TransferId]) -> Vec<Transfer>;
        insert_submission(submission: &Submission) -> ();
        insert_recovered(submission: &Submission) -> ();
        count_attempt(id: SubmissionId) -> ();
        note_answer(id: SubmissionId, answer: &str) -> ();
        resolve_submission(submission: &Submission) -> ();
        submission(id: SubmissionId) -> Option<Submission>;
        submission_by_hash(hash: TxHash) -> Option<Submission>;
        live_submissions() -> Vec<Submission>;
    } [
        async fn insert_transfers(&mut self, transfers: &[Transfer]) -> Result<(), StoreError> {
            #[cfg(feature = "simulated-bugs")]
            let transfers = &self.misdirected(transfers).await?[..];
            let (inner, base) = self.open()?;
            base.at_once(inner.insert_transfers(transfers))
        }
    ]
}
