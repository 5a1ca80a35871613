//! What strangers can do to accounts and envelopes that the whole network sees.

use std::sync::atomic::Ordering;

use farmgate::domain::money::Stroops;
use farmgate::domain::transfer::{Submission, SubmissionState};

use crate::support::on_both_databases;
use crate::world::faulty_network::{Faults, faulty};
use crate::world::{FARMER, PAST_MAX_TIME_SECONDS, PAST_THE_DEADLINE_SECONDS, World, amount, price, share};

const ALWAYS: usize = usize::MAX;

/// The amounts of so many payments of `each` stroops.
fn parts(count: i64, each: i64) -> Vec<Stroops> {
    (0..count).map(|_| Stroops::new(each).unwrap()).collect()
}

/// A settlement that is stored, and by which nothing has happened yet.
async fn settling(
    world: &World,
    faults: &Faults,
) -> (farmgate::domain::reservation::Reservation, Submission) {
    world.customer("alice").await;
    world.fund("stranger").await;
    let reservation = world.reserve().await;
    world.rest().await;
    faults.lost.store(ALWAYS, Ordering::SeqCst);
    let whole = price(&reservation);
    // Enough for two settlements: only we ourselves are in the way of a second one.
    world.pay("alice", reservation.escrow, whole.checked_add(whole).unwrap(), "TFT").await;
    world.until(reservation.id, "settling").await;
    let live = world.store.begin_read().await.unwrap().live_submissions().await.unwrap().all().unwrap();
    assert_eq!(live.len(), 1);
    (reservation, live[0].clone())
}

/// One settlement, at the stranger's cost, and an engine that goes on.
async fn assert_settled_once(
    world: &World,
    reservation: &farmgate::domain::reservation::Reservation,
    ours: &Submission,
) {
    let ended = world.store.begin_read().await.unwrap().submission(ours.id).await.unwrap().unwrap();
    assert!(matches!(ended.state, SubmissionState::Confirmed { .. }), "{:?}", ended.state);
    let whole = price(reservation);
    let farmers = whole.checked_sub(share(whole, 10)).unwrap();
    assert_eq!(world.holds(FARMER, "TFT"), farmers);
    world.until_holds("alice", "TFT", amount("10000").checked_sub(whole).unwrap()).await;
    world.rest().await;
    assert!(world.balance(reservation.escrow, "TFT").is_zero(), "the excess went back");
    world.assert_reconciled().await;
    let next = world.reserve().await;
    world.pay("alice", next.escrow, price(&next), "TFT").await;
    world.until(next.id, "settled").await;
    world.rest().await;
    world.assert_reconciled().await;
}

on_both_databases! {
    async fn a_strangers_fee_for_our_settlement_settles_it_once(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        let (reservation, ours) = settling(&world, &faults).await;
        world.bump("stranger", &ours.envelope).await;
        faults.lost.store(0, Ordering::SeqCst);
        world.until(reservation.id, "settled").await;
        assert_settled_once(&world, &reservation, &ours).await;
    }

    async fn a_strangers_fee_does_not_hide_our_settlement_from_blind_look_ups(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        let (reservation, ours) = settling(&world, &faults).await;
        let built = faults.built();
        faults.blind.store(ALWAYS, Ordering::SeqCst);
        world.bump("stranger", &ours.envelope).await;
        world.clock.move_on(PAST_MAX_TIME_SECONDS);
        world.until(reservation.id, "settled").await;
        assert!(faults.built() <= built + 1, "nothing but the return of the excess was built");
        faults.blind.store(0, Ordering::SeqCst);
        faults.lost.store(0, Ordering::SeqCst);
        assert_settled_once(&world, &reservation, &ours).await;
    }

    async fn dust_does_not_keep_a_price_from_being_paid(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        world.customer("stranger").await;
        let reservation = world.reserve().await;
        world.pay_often("stranger", reservation.escrow, &parts(300, 1), "TFT").await;
        world.tick().await.unwrap();
        assert_eq!(world.payments(reservation.id).await.len(), 300);
        assert_eq!(world.state(reservation.id).await, "awaiting_payment");
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settled").await;
        // The dust came first and pays; the latest payer gets back what it was too much.
        let dust = Stroops::new(300).unwrap();
        let left = amount("10000").checked_sub(price(&reservation)).unwrap().checked_add(dust).unwrap();
        world.until_holds("alice", "TFT", left).await;
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn a_price_paid_in_more_parts_than_a_page_has_is_paid(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        let whole = price(&reservation).get();
        let mut amounts = parts(250, whole / 250);
        amounts.push(Stroops::new(whole - whole / 250 * 250 + 1).unwrap());
        world.pay_often("alice", reservation.escrow, &amounts, "TFT").await;
        world.until(reservation.id, "settled").await;
        assert_eq!(world.payments(reservation.id).await.len(), 251);
        world.until_holds("alice", "TFT", amount("10000").checked_sub(price(&reservation)).unwrap()).await;
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn a_merge_into_an_escrow_account_stops_no_deadline_and_nobody_else(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        world.fund("merger").await;
        let merged_into = world.reserve().await;
        let other = world.reserve().await;
        world.rest().await;
        world.merge("merger", merged_into.escrow).await;
        world.rest().await;
        world.pay("alice", other.escrow, price(&other), "TFT").await;
        world.until(other.id, "settled").await;
        assert_eq!(world.state(merged_into.id).await, "awaiting_payment");
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(merged_into.id, "expired").await;
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn a_merge_into_an_escrow_account_that_was_paid_in_does_not_stop_its_settlement(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        world.fund("merger").await;
        let reservation = world.reserve().await;
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.merge("merger", reservation.escrow).await;
        world.rest().await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settled").await;
        world.until_holds("alice", "TFT", amount("10000").checked_sub(price(&reservation)).unwrap()).await;
    }
}
