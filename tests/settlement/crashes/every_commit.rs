//! Trouble at every durable step: the engine dies before a commit or after it and another starts from
//! storage; or a commit is undone, or its answer is lost, and the same engine goes on with what it remembers.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use farmgate::ports::store::Store;

use crate::support::on_both_databases;
use crate::world::crashing_store::{Blow, CrashingStore};
use crate::world::faulty_network::{Faults, FaultyNetwork};
use crate::world::interrupted::Commit;
use crate::world::{FARMER, FOUNDATION, World, price, share};

/// More commits than a settlement takes.
const COMMITS_MAX: usize = 200;

/// Runs a reservation from payment to settlement with a blow at the `n`th commit; false if it was settled
/// before.
async fn strike_at(world: &World, network: &Arc<FaultyNetwork>, n: usize, blow: Blow) -> bool {
    let reservation = world.reserve().await;
    world.rest().await;
    let farmer = world.holds(FARMER, "TFT");
    let foundation = world.holds(FOUNDATION, "TFT");
    world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
    let (store, dealt) = CrashingStore::striking(world.store.clone(), n, blow);
    world.restart(store, network.clone());
    for _ in 0..40 {
        if dealt.load(Ordering::SeqCst) || world.state(reservation.id).await == "settled" {
            break;
        }
        drop(world.tick().await);
        world.next_ledger().await;
    }
    let struck = dealt.load(Ordering::SeqCst);
    if let Blow::DiesBefore | Blow::DiesAfter = blow {
        world.restart(world.store.clone(), network.clone());
    }
    world.until(reservation.id, "settled").await;
    // A blow that was not dealt yet would fall on the rest.
    world.restart(world.store.clone(), network.clone());
    world.rest().await;
    let whole = price(&reservation);
    let tenth = share(whole, 10);
    assert_eq!(world.holds(FOUNDATION, "TFT"), foundation.checked_add(tenth).unwrap(), "{blow:?} at {n}");
    let rest = whole.checked_sub(tenth).unwrap();
    assert_eq!(world.holds(FARMER, "TFT"), farmer.checked_add(rest).unwrap(), "{blow:?} at {n}");
    assert!(world.balance(reservation.escrow, "TFT").is_zero(), "{blow:?} at {n}");
    world.assert_reconciled().await;
    struck
}

async fn strike_everywhere(store: Arc<dyn Store>, blow: Blow) {
    let world = World::new(store).await;
    world.customer("alice").await;
    let network =
        Arc::new(FaultyNetwork { inner: world.network.clone(), faults: Arc::new(Faults::default()) });
    for n in 1..COMMITS_MAX {
        if !strike_at(&world, &network, n, blow).await {
            assert!(n > 5, "only {n} commits were seen between payment and settlement");
            return;
        }
    }
    panic!("a settlement takes more than {COMMITS_MAX} commits");
}

on_both_databases! {
    async fn a_crash_before_any_commit_pays_once(store: &TestStore) {
        strike_everywhere(store.store.clone(), Blow::DiesBefore).await;
    }

    async fn a_crash_after_any_commit_pays_once(store: &TestStore) {
        strike_everywhere(store.store.clone(), Blow::DiesAfter).await;
    }

    async fn any_commit_whose_answer_is_lost_pays_once(store: &TestStore) {
        strike_everywhere(store.store.clone(), Blow::Commit(Commit::Unanswered)).await;
    }

    async fn any_commit_that_is_undone_pays_once(store: &TestStore) {
        strike_everywhere(store.store.clone(), Blow::Commit(Commit::Undone)).await;
    }
}
