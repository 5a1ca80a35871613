//! Claimable balances that nobody claimed: taken back, and still owed.

use std::sync::atomic::Ordering;

use farmgate::domain::claimable::{Claimable, ClaimableState, RECLAIM_AFTER_SECONDS};

use crate::claimables::{outstanding, with_an_untrusting_farmer};
use crate::network::{Faults, faulty};
use crate::support::on_both_databases;
use crate::world::{World, price};

const ALWAYS: usize = usize::MAX;
/// Past the first pause of a balance that cannot be taken back.
const PAST_THE_PAUSE_SECONDS: i64 = 700;

/// Three balances that may be taken back, of which one was claimed, and no history says so.
async fn one_of_three_is_claimed(world: &World, faults: &Faults) -> (Claimable, Vec<Claimable>) {
    world.customer("alice").await;
    let mut reservations = vec![with_an_untrusting_farmer(world).await];
    for _ in 0..2 {
        reservations.push(world.reserve().await);
    }
    for reservation in &reservations {
        world.pay("alice", reservation.escrow, price(reservation), "TFT").await;
    }
    for reservation in &reservations {
        world.until(reservation.id, "settled").await;
    }
    world.rest().await;
    let mut balances = outstanding(world).await;
    assert_eq!(balances.len(), 3);
    faults.no_ends.store(ALWAYS, Ordering::SeqCst);
    world.clock.move_on(RECLAIM_AFTER_SECONDS + 60);
    world.trust("untrusting", "TFT").await;
    let claimed = balances.remove(1);
    world.claim("untrusting", claimed.id).await;
    (claimed, balances)
}

async fn state(world: &World, claimable: &Claimable) -> ClaimableState {
    world.store.begin_read().await.unwrap().claimable(claimable.id).await.unwrap().unwrap().state
}

async fn ticks(world: &World, count: usize) {
    for _ in 0..count {
        world.tick().await.unwrap();
        world.next_ledger().await;
    }
}

/// The two others are taken back, and the one that cannot be costs ever fewer fees.
async fn assert_the_others_are_taken_back(
    world: &World,
    faults: &Faults,
    claimed: &Claimable,
    others: &[Claimable],
) {
    for other in others {
        assert!(matches!(state(world, other).await, ClaimableState::TakenBack { .. }));
    }
    assert_eq!(state(world, claimed).await, ClaimableState::Outstanding);
    let failures = world.fees_of_failures().await.len();
    ticks(world, 10).await;
    assert_eq!(world.fees_of_failures().await.len(), failures, "it is left alone for a while");
    world.clock.move_on(PAST_THE_PAUSE_SECONDS);
    ticks(world, 10).await;
    assert_eq!(world.fees_of_failures().await.len(), failures + 1, "it was tried again once");
    world.clock.move_on(PAST_THE_PAUSE_SECONDS);
    ticks(world, 10).await;
    assert_eq!(world.fees_of_failures().await.len(), failures + 1, "and rests twice as long");
    faults.no_ends.store(0, Ordering::SeqCst);
    world.clock.move_on(86_400);
    ticks(world, 10).await;
    assert!(matches!(state(world, claimed).await, ClaimableState::Claimed { .. }));
    world.assert_reconciled().await;
}

on_both_databases! {
    async fn a_balance_that_cannot_be_taken_back_holds_up_no_other(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        let (claimed, others) = one_of_three_is_claimed(&world, &faults).await;
        let failures = world.fees_of_failures().await.len();
        ticks(&world, 20).await;
        assert_eq!(world.fees_of_failures().await.len(), failures + 1, "one fee to find out which");
        assert_the_others_are_taken_back(&world, &faults, &claimed, &others).await;
    }

    async fn balances_that_fail_without_codes_are_taken_back_one_by_one(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        let (claimed, others) = one_of_three_is_claimed(&world, &faults).await;
        let failures = world.fees_of_failures().await.len();
        faults.codeless.store(true, Ordering::SeqCst);
        ticks(&world, 20).await;
        assert_eq!(world.fees_of_failures().await.len(), failures + 2, "together, and alone");
        assert_the_others_are_taken_back(&world, &faults, &claimed, &others).await;
    }
}
