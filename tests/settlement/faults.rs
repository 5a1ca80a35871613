//! A network that does not say what happened.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use farmgate::domain::address::AccountId;
use farmgate::domain::ids::{LedgerSeq, OperationId, TxHash};
use farmgate::domain::transfer::SubmissionState;
use farmgate::ports::network::{
    AccountAnswer, AccountPage, BuildError, HistoryRecord, Ledger, Network, NetworkError, Sent,
    SignedTransaction, TransactionPlan, TransactionRecord,
};

use crate::support::on_both_databases;
use crate::world::{FARMER, World, price, share};

/// What becomes of the next envelopes.
#[derive(Default)]
pub struct Faults {
    /// So many are sent, and their sender is told that nobody knows.
    pub land_unseen: AtomicUsize,
    /// So many are lost on the way.
    pub lost: AtomicUsize,
    /// So many look-ups of a transaction find nothing, whatever is in the ledger.
    pub blind: AtomicUsize,
    /// Envelopes that reached the network.
    pub sent: AtomicUsize,
    /// Envelopes that were built.
    pub built: AtomicUsize,
}

pub struct FaultyNetwork {
    pub inner: Arc<dyn Network>,
    pub faults: Arc<Faults>,
}

fn take(counter: &AtomicUsize) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

#[async_trait]
impl Network for FaultyNetwork {
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
        self.inner.tip().await
    }

    async fn ledger(&self, sequence: LedgerSeq) -> Result<Option<Ledger>, NetworkError> {
        self.inner.ledger(sequence).await
    }

    async fn account(&self, account: AccountId) -> Result<AccountAnswer, NetworkError> {
        self.inner.account(account).await
    }

    async fn watched_accounts(&self, after: Option<AccountId>) -> Result<AccountPage, NetworkError> {
        self.inner.watched_accounts(after).await
    }

    async fn payments(
        &self,
        account: AccountId,
        after: OperationId,
        limit: usize,
    ) -> Result<Vec<HistoryRecord>, NetworkError> {
        self.inner.payments(account, after, limit).await
    }

    async fn transaction(&self, hash: TxHash) -> Result<Option<TransactionRecord>, NetworkError> {
        if take(&self.faults.blind) {
            return Ok(None);
        }
        self.inner.transaction(hash).await
    }

    async fn transaction_using(
        &self,
        account: AccountId,
        sequence: i64,
    ) -> Result<Option<TransactionRecord>, NetworkError> {
        self.inner.transaction_using(account, sequence).await
    }

    async fn build(&self, plan: &TransactionPlan) -> Result<SignedTransaction, BuildError> {
        self.faults.built.fetch_add(1, Ordering::SeqCst);
        self.inner.build(plan).await
    }

    async fn send(&self, envelope: &str) -> Sent {
        let unknown = || Sent::Unknown { reason: "504".to_owned(), retry_after: None };
        if take(&self.faults.lost) {
            return unknown();
        }
        self.faults.sent.fetch_add(1, Ordering::SeqCst);
        if take(&self.faults.land_unseen) {
            drop(self.inner.send(envelope).await);
            return unknown();
        }
        self.inner.send(envelope).await
    }
}

pub async fn faulty(store: Arc<dyn farmgate::ports::store::Store>) -> (World, Arc<Faults>) {
    let faults = Arc::new(Faults::default());
    let wrapped = Arc::clone(&faults);
    let world = World::with(store, |inner| Arc::new(FaultyNetwork { inner, faults: wrapped })).await;
    (world, faults)
}

/// Past the last moment at which a transaction built now could land.
const PAST_MAX_TIME_SECONDS: i64 = 400;

on_both_databases! {
    async fn unknown_then_landed_is_paid_once_and_never_rebuilt(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        let built = faults.built.load(Ordering::SeqCst);
        faults.land_unseen.store(1, Ordering::SeqCst);
        faults.blind.store(3, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settled").await;
        assert_eq!(faults.built.load(Ordering::SeqCst), built + 1);
        let whole = price(&reservation);
        assert_eq!(world.holds(FARMER, "TFT"), whole.checked_sub(share(whole, 10)).unwrap());
        world.assert_reconciled().await;
    }

    async fn unknown_then_never_is_rebuilt_only_once_dead_and_paid_once(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        let built = faults.built.load(Ordering::SeqCst);
        faults.lost.store(usize::MAX, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settling").await;
        world.rest().await;
        assert_eq!(world.state(reservation.id).await, "settling", "it may still land");
        assert_eq!(faults.built.load(Ordering::SeqCst), built + 1);
        world.clock.move_on(PAST_MAX_TIME_SECONDS);
        faults.lost.store(0, Ordering::SeqCst);
        world.until(reservation.id, "settled").await;
        assert_eq!(faults.built.load(Ordering::SeqCst), built + 2);
        let whole = price(&reservation);
        assert_eq!(world.holds(FARMER, "TFT"), whole.checked_sub(share(whole, 10)).unwrap());
        world.assert_reconciled().await;
    }

    async fn what_landed_is_not_rebuilt_although_every_look_up_is_blind_past_max_time(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        let built = faults.built.load(Ordering::SeqCst);
        faults.land_unseen.store(1, Ordering::SeqCst);
        faults.blind.store(usize::MAX, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settling").await;
        world.clock.move_on(PAST_MAX_TIME_SECONDS);
        // The channel's sequence number tells that it is used, and its history by whom.
        world.until(reservation.id, "settled").await;
        assert_eq!(faults.built.load(Ordering::SeqCst), built + 1);
        world.assert_reconciled().await;
    }

    async fn a_sequence_number_taken_by_somebody_else_costs_nothing(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        faults.lost.store(usize::MAX, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settling").await;
        let live = world.store.begin_read().await.unwrap().live_submissions().await.unwrap();
        let stolen = &live[0];
        world.use_up_sequence("platform", stolen.channel, stolen.sequence).await;
        world.clock.move_on(PAST_MAX_TIME_SECONDS);
        faults.lost.store(0, Ordering::SeqCst);
        world.until(reservation.id, "settled").await;
        let ended = world.store.begin_read().await.unwrap().submission(stolen.id).await.unwrap().unwrap();
        assert!(matches!(ended.state, SubmissionState::Dead { .. }), "{:?}", ended.state);
    }
}
