//! A crash after every durable step and before every commit: the engine dies there and another starts from storage.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use farmgate::ports::store::{Store, StoreError, Tx};

use crate::faults::{Faults, FaultyNetwork};
use crate::support::on_both_databases;
use crate::world::{FARMER, FOUNDATION, World, price, share};

/// More commits than a settlement takes.
const COMMITS_MAX: usize = 200;

/// A database that the process dies at: before or after its `n`th commit, everything fails.
struct CrashingStore {
    inner: Arc<dyn Store>,
    commits_left: AtomicUsize,
    after: bool,
    dead: Arc<AtomicBool>,
}

fn dead() -> StoreError {
    StoreError::Unavailable { reason: "the process has died".to_owned() }
}

impl CrashingStore {
    fn check(&self) -> Result<(), StoreError> {
        if self.dead.load(Ordering::SeqCst) { Err(dead()) } else { Ok(()) }
    }

    /// Called by each transaction that is about to commit.
    fn commit_crashes(&self) -> bool {
        self.commits_left.fetch_sub(1, Ordering::SeqCst) == 1
    }
}

#[async_trait]
impl Store for CrashingStore {
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError> {
        self.check()?;
        if !self.commit_crashes() {
            return self.inner.begin().await;
        }
        // The work of this transaction is done, its commit is not reached or its answer never comes.
        if self.after {
            let tx = self.inner.begin().await?;
            self.dead.store(true, Ordering::SeqCst);
            return Ok(tx);
        }
        self.dead.store(true, Ordering::SeqCst);
        Err(dead())
    }

    async fn begin_read(&self) -> Result<Box<dyn Tx>, StoreError> {
        self.check()?;
        self.inner.begin_read().await
    }
}

/// Runs a reservation from payment to settlement with a crash at the `n`th commit; false if it was settled before.
async fn crash_at(world: &World, network: &Arc<FaultyNetwork>, n: usize, after: bool) -> bool {
    let reservation = world.reserve().await;
    world.rest().await;
    let farmer = world.holds(FARMER, "TFT");
    let foundation = world.holds(FOUNDATION, "TFT");
    world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
    let died = Arc::new(AtomicBool::new(false));
    let store = CrashingStore {
        inner: world.store.clone(),
        commits_left: AtomicUsize::new(n),
        after,
        dead: died.clone(),
    };
    world.restart(Arc::new(store), network.clone());
    for _ in 0..40 {
        if died.load(Ordering::SeqCst) || world.state(reservation.id).await == "settled" {
            break;
        }
        drop(world.tick().await);
        world.next_ledger().await;
    }
    let crashed = died.load(Ordering::SeqCst);
    world.restart(world.store.clone(), network.clone());
    world.until(reservation.id, "settled").await;
    world.rest().await;
    let whole = price(&reservation);
    let tenth = share(whole, 10);
    assert_eq!(world.holds(FOUNDATION, "TFT"), foundation.checked_add(tenth).unwrap(), "crash {n}");
    let rest = whole.checked_sub(tenth).unwrap();
    assert_eq!(world.holds(FARMER, "TFT"), farmer.checked_add(rest).unwrap(), "crash {n}");
    assert!(world.balance(reservation.escrow, "TFT").is_zero(), "crash {n}");
    world.assert_reconciled().await;
    crashed
}

async fn crash_everywhere(store: Arc<dyn Store>, after: bool) {
    let world = World::new(store).await;
    world.customer("alice").await;
    let network =
        Arc::new(FaultyNetwork { inner: world.network.clone(), faults: Arc::new(Faults::default()) });
    for n in 1..COMMITS_MAX {
        if !crash_at(&world, &network, n, after).await {
            assert!(n > 5, "only {n} commits were seen between payment and settlement");
            return;
        }
    }
    panic!("a settlement takes more than {COMMITS_MAX} commits");
}

on_both_databases! {
    async fn a_crash_before_any_commit_pays_once(store: &TestStore) {
        crash_everywhere(store.store.clone(), false).await;
    }

    async fn a_crash_after_any_commit_pays_once(store: &TestStore) {
        crash_everywhere(store.store.clone(), true).await;
    }
}
