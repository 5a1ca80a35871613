//! A network that is not, or not yet again, the one that was seen before.

use std::sync::Arc;

use farmgate::domain::ids::LedgerSeq;
use farmgate::domain::ledger::{Divergence, INSTANCE_LAG_LEDGERS_MAX, Ledger};
use farmgate::ports::network::Network;
use farmgate::reservations;
use farmgate::settlement::EngineError;

use crate::support::on_both_databases;
use crate::world::faulty_network::faulty;
use crate::world::{AnotherNetwork, World, price};

/// What the engine says against the network.
async fn told(world: &World) -> Divergence {
    match world.tick().await {
        Err(EngineError::Diverged(divergence)) => *divergence,
        other => panic!("the engine works on: {other:?}"),
    }
}

/// What an order is refused for.
async fn refused(world: &World) -> Divergence {
    match world.open(world.request()).await {
        Err(reservations::Error::Diverged(divergence)) => divergence,
        other => panic!("an order was taken: {other:?}"),
    }
}

async fn latest(network: &Arc<dyn Network>) -> Ledger {
    network.tip().await.unwrap()
}

/// Waits until the other network is at this ledger.
async fn until_at(world: &World, other: &AnotherNetwork, sequence: u32) {
    while latest(&other.network).await.sequence < LedgerSeq(sequence) {
        world.next_ledger().await;
    }
}

on_both_databases! {
    async fn a_network_that_was_reset_gets_no_orders_and_nothing_is_sent_to_it(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        let (built, seen) = (faults.built(), latest(&world.network).await);
        world.clock.move_on(5);
        let reset = world.reset_network().await;
        *faults.other_ledgers.lock().unwrap() = Some(Arc::clone(&reset.network));
        let Divergence::OtherNetwork { found, .. } = told(&world).await else { panic!("it only fell back") };
        assert!(found.sequence < seen.sequence && found.closed_at > seen.closed_at, "{found}");
        assert!(matches!(refused(&world).await, Divergence::OtherNetwork { .. }));
        for _ in 0..3 {
            told(&world).await;
        }
        assert_eq!(faults.built(), built, "nothing was built on it");
        assert_eq!(world.state(reservation.id).await, "awaiting_payment");
        *faults.other_ledgers.lock().unwrap() = None;
        world.until(reservation.id, "settled").await;
        world.reserve().await;
    }

    async fn a_reset_network_that_came_further_is_told_by_a_ledger_of_both(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        world.rest().await;
        let mut tx = world.store.begin_read().await.unwrap();
        let facts = tx.deployment().await.unwrap();
        tx.rollback().await.unwrap();
        let (first, noted) = (facts.first.unwrap(), facts.latest.unwrap());
        assert!(first.sequence <= noted.sequence);
        let seen = latest(&world.network).await;
        let reset = world.reset_network().await;
        *faults.other_ledgers.lock().unwrap() = Some(Arc::clone(&reset.network));
        until_at(&world, &reset, seen.sequence.0 + INSTANCE_LAG_LEDGERS_MAX + 2).await;
        assert!(matches!(told(&world).await, Divergence::OtherNetwork { .. }), "a running engine asks");
        world.restart(world.store.clone(), world.network.clone());
        let Divergence::OtherNetwork { seen, found } = told(&world).await else { panic!("it fell back") };
        assert_eq!((seen, found.sequence), (noted, noted.sequence), "and one that was started again");
        assert_ne!(seen.hash, found.hash);
        assert!(matches!(refused(&world).await, Divergence::OtherNetwork { .. }));
    }

    async fn a_server_that_is_far_behind_gets_no_orders_until_it_has_caught_up(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        while latest(&world.network).await.sequence.0 <= INSTANCE_LAG_LEDGERS_MAX + 2 {
            world.next_ledger().await;
        }
        let last = world.tick().await.unwrap().ledger.0;
        let behind = async |ledgers: u32| world.network.ledger(LedgerSeq(last - ledgers)).await.unwrap();
        let built = faults.built();
        let near = behind(INSTANCE_LAG_LEDGERS_MAX / 2).await;
        *faults.tip_before.lock().unwrap() = near;
        world.tick().await.expect("instances differ by a few ledgers");
        let far = behind(INSTANCE_LAG_LEDGERS_MAX + 2).await;
        *faults.tip_before.lock().unwrap() = far;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        assert!(matches!(told(&world).await, Divergence::LedgerFellBack { found, .. } if Some(found) == far));
        assert!(matches!(refused(&world).await, Divergence::LedgerFellBack { .. }));
        world.restart(world.store.clone(), world.network.clone());
        assert!(matches!(refused(&world).await, Divergence::LedgerFellBack { .. }));
        assert_eq!(faults.built(), built);
        *faults.tip_before.lock().unwrap() = None;
        world.until(reservation.id, "settled").await;
        world.reserve().await;
    }
}
