//! Full ledgers: bids that rise, and what becomes of money meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use farmgate::domain::asset::Asset;
use farmgate::domain::fee_bump::FeeBump;
use farmgate::domain::reservation::Reservation;

use crate::support::{TestStore, on_both_databases};
use crate::world::faulty_network::{Faults, faulty};
use crate::world::{FARMER, PAST_MAX_TIME_SECONDS, World, engine_settings, farmers_share, price, wallet};

/// More than one rise of the bid, and less than a transaction's lifetime.
const A_WHILE_SECONDS: i64 = 40;

async fn bumps(world: &World) -> Vec<FeeBump> {
    world.store.begin_read().await.unwrap().live_fee_bumps().await.unwrap().all().unwrap()
}

async fn bids(world: &World) -> Vec<u32> {
    bumps(world).await.into_iter().map(|bump| bump.fee_per_operation).collect()
}

/// A reservation that is paid, and whose settlement waits to be sent into a network with faults.
async fn paid(store: &TestStore) -> (World, Arc<Faults>, Reservation) {
    let (world, faults) = faulty(store.store.clone()).await;
    world.customer("alice").await;
    let reservation = world.reserve().await;
    world.rest().await;
    world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
    (world, faults, reservation)
}

async fn assert_paid_once(world: &World, reservation: &Reservation) {
    assert_eq!(world.holds(FARMER, "TFT"), farmers_share(reservation));
    assert!(world.balance(reservation.escrow, "TFT").is_zero());
    world.rest().await;
    world.assert_reconciled().await;
}

fn platform_xlm(world: &World) -> i64 {
    world.sandbox.sandbox.balance(wallet("platform").account(), &Asset::Native).unwrap().get()
}

on_both_databases! {
    async fn a_refused_bid_rises_tenfold_until_it_is_taken(store: &TestStore) {
        let (world, faults, reservation) = paid(store).await;
        let first = engine_settings().fee_per_operation_stroops;
        let (built, xlm) = (faults.built(), platform_xlm(&world));
        faults.bid_min.store(first * 50, Ordering::SeqCst);
        let mut seen = Vec::new();
        while world.state(reservation.id).await != "settled" {
            world.tick().await.unwrap();
            seen.extend(bids(&world).await.last().copied());
            world.next_ledger().await;
        }
        seen.dedup();
        assert_eq!(seen, [first * 10], "the next bid is taken at once");
        assert_eq!(faults.built(), built + 1, "the same envelope in all of them");
        assert!(platform_xlm(&world) < xlm, "the platform pays for a bump");
        assert_eq!(bids(&world).await, [0; 0], "nothing is live any more");
        assert_paid_once(&world, &reservation).await;
    }

    async fn an_envelope_that_nobody_answers_for_bids_more_as_ledgers_close(store: &TestStore) {
        let (world, faults, reservation) = paid(store).await;
        let settings = engine_settings();
        let built = faults.built();
        faults.lost.store(usize::MAX, Ordering::SeqCst);
        world.until(reservation.id, "settling").await;
        world.rest().await;
        assert_eq!(bids(&world).await, [0; 0], "not at once");
        for rise in [10, 100] {
            world.clock.move_on(A_WHILE_SECONDS);
            world.rest().await;
            assert_eq!(bids(&world).await.last(), Some(&(settings.fee_per_operation_stroops * rise)));
        }
        assert_eq!(settings.fee_ceiling_stroops, settings.fee_per_operation_stroops * 100);
        world.clock.move_on(A_WHILE_SECONDS);
        world.rest().await;
        assert_eq!(bids(&world).await.len(), 2, "the ceiling is reached");
        faults.lost.store(0, Ordering::SeqCst);
        world.until(reservation.id, "settled").await;
        assert_eq!(faults.built(), built + 1);
        assert_paid_once(&world, &reservation).await;
    }

    async fn at_the_ceiling_money_waits_and_nothing_is_dropped(store: &TestStore) {
        let (world, faults, reservation) = paid(store).await;
        let built = faults.built();
        faults.bid_min.store(u32::MAX, Ordering::SeqCst);
        for attempt in 1..=3 {
            world.until(reservation.id, "settling").await;
            world.rest().await;
            assert_eq!(world.state(reservation.id).await, "settling");
            assert_eq!(bids(&world).await.last(), Some(&engine_settings().fee_ceiling_stroops));
            assert_eq!(faults.built(), built + attempt, "rebuilt only when the last is dead");
            world.clock.move_on(PAST_MAX_TIME_SECONDS);
            world.rest().await;
        }
        faults.bid_min.store(0, Ordering::SeqCst);
        world.until(reservation.id, "settled").await;
        assert_paid_once(&world, &reservation).await;
    }

    async fn a_bump_that_landed_unseen_is_found_and_never_paid_again(store: &TestStore) {
        let (world, faults, reservation) = paid(store).await;
        let built = faults.built();
        faults.bid_min.store(engine_settings().fee_per_operation_stroops * 10, Ordering::SeqCst);
        faults.land_unseen.store(1, Ordering::SeqCst);
        faults.blind.store(4, Ordering::SeqCst);
        world.until(reservation.id, "settled").await;
        assert_eq!(faults.built(), built + 1);
        assert_paid_once(&world, &reservation).await;
    }

    async fn every_outer_hash_is_stored_and_leads_to_its_transaction(store: &TestStore) {
        let (world, faults, reservation) = paid(store).await;
        faults.bid_min.store(u32::MAX, Ordering::SeqCst);
        world.until(reservation.id, "settling").await;
        world.rest().await;
        let bumps = bumps(&world).await;
        let mut tx = world.store.begin_read().await.unwrap();
        let live = tx.live_submissions().await.unwrap().all().unwrap().remove(0);
        assert_eq!(bumps.len(), 2);
        for bump in bumps {
            assert_ne!(bump.hash, live.hash);
            assert_eq!(tx.submission_by_hash(bump.hash).await.unwrap().unwrap().id, live.id);
        }
        drop(tx);
        // Another process knows them from the database alone, and sends the highest.
        world.restart(world.store.clone(), world.network.clone());
        faults.bid_min.store(engine_settings().fee_ceiling_stroops, Ordering::SeqCst);
        world.until(reservation.id, "settled").await;
        assert_paid_once(&world, &reservation).await;
    }

    async fn while_the_platform_cannot_pay_a_bump_the_envelope_goes_without(store: &TestStore) {
        let (world, faults, reservation) = paid(store).await;
        faults.lost.store(usize::MAX, Ordering::SeqCst);
        world.until(reservation.id, "settling").await;
        world.clock.move_on(A_WHILE_SECONDS);
        faults.no_bumps.store(true, Ordering::SeqCst);
        world.rest().await;
        assert_eq!(bids(&world).await.len(), 1);
        faults.lost.store(0, Ordering::SeqCst);
        world.until(reservation.id, "settled").await;
        assert_paid_once(&world, &reservation).await;
    }
}
