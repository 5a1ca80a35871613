//! Claimable balances that nobody claimed: reclaimed, and still owed.

use std::sync::atomic::Ordering;

use farmgate::domain::address::Address;
use farmgate::domain::claimable::{Claimable, ClaimableState, RECLAIM_AFTER_SECONDS};
use farmgate::domain::ids::ReservationId;
use farmgate::domain::money::Stroops;
use farmgate::domain::payment::Memo;
use farmgate::domain::refund::RefundAddress;
use farmgate::domain::reservation::Reservation;
use farmgate::domain::transfer::{GivenBack, Transfer, TransferKind};
use farmgate::ports::clock::Clock;
use farmgate::settlement::{ReturnError, Settings};

use crate::claimables::claimable_balances::{give_up_tft, outstanding, waiting, with_an_untrusting_farmer};
use crate::support::on_both_databases;
use crate::world::crashing_store::{Blow, CrashingStore};
use crate::world::faulty_network::{Faults, faulty};
use crate::world::{FARMER, World, engine_settings, farmers_share, price, wallet};

const ALWAYS: usize = usize::MAX;
/// Past the first pause of a balance that cannot be reclaimed.
const PAST_THE_PAUSE_SECONDS: i64 = 700;

/// Two balances that stand.
async fn standing(world: &World) -> Vec<Claimable> {
    world.customer("alice").await;
    for reservation in [with_an_untrusting_farmer(world).await, world.reserve().await] {
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settled").await;
    }
    world.rest().await;
    let balances = outstanding(world).await;
    assert_eq!(balances.len(), 2);
    balances
}

/// Three balances that may be reclaimed, of which one was claimed, and no history says so.
pub async fn one_of_three_is_claimed(world: &World, faults: &Faults) -> (Claimable, Vec<Claimable>) {
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

pub async fn state(world: &World, claimable: &Claimable) -> ClaimableState {
    world.store.begin_read().await.unwrap().claimable(claimable.id).await.unwrap().unwrap().state
}

pub async fn ticks(world: &World, count: usize) {
    for _ in 0..count {
        world.tick().await.unwrap();
        world.next_ledger().await;
    }
}

/// The two others are reclaimed, and the one that cannot be costs ever fewer fees.
async fn assert_the_others_are_reclaimed(
    world: &World,
    faults: &Faults,
    claimed: &Claimable,
    others: &[Claimable],
) {
    for other in others {
        assert!(matches!(state(world, other).await, ClaimableState::Reclaimed { .. }));
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

/// More commits than there are from a reclaim to its repayment.
const COMMITS_MAX: usize = 200;

/// An engine that closes no account meanwhile.
fn patient() -> Settings {
    Settings { quiet_period_seconds: farmgate::settlement::QUIET_PERIOD_SECONDS_MAX, ..engine_settings() }
}

/// A balance of a farmer who cannot receive it, 180 days old; and what it is worth.
async fn unclaimed(world: &World, reservation: Reservation) -> (Claimable, Stroops) {
    world.rest().await;
    world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
    world.until(reservation.id, "settled").await;
    world.rest().await;
    let balance = outstanding(world).await.remove(0);
    world.clock.move_on(RECLAIM_AFTER_SECONDS + 3_600);
    (balance, farmers_share(&reservation))
}

/// The same, reclaimed by the platform.
pub async fn reclaimed(world: &World) -> (Claimable, Stroops) {
    world.restart_with(world.store.clone(), world.network.clone(), patient());
    world.customer("alice").await;
    let reservation = with_an_untrusting_farmer(world).await;
    let (balance, owed) = unclaimed(world, reservation).await;
    ticks(world, 10).await;
    assert!(matches!(state(world, &balance).await, ClaimableState::Reclaimed { .. }));
    (balance, owed)
}

async fn repayments(world: &World, reservation: Option<ReservationId>) -> Vec<Transfer> {
    let mut transfers =
        world.store.begin_read().await.unwrap().transfers_of(reservation.unwrap()).await.unwrap();
    transfers.retain(|transfer| matches!(transfer.kind, TransferKind::Repayment { .. }));
    transfers
}

/// Runs from a reclaim to its repayment with a blow at the `n`th commit; false if all was paid before.
async fn strike_at(world: &World, n: usize, blow: Blow) -> bool {
    // The rate of 180 days ago is no rate.
    let now = world.clock.now();
    world
        .write(move |tx| {
            Box::pin(async move {
                let mut currency = tx.currency("TFT".parse().unwrap()).await?.unwrap();
                let over = currency.rate_at;
                currency.rate_at = now;
                tx.put_currency(&currency, Some(over)).await.map(drop)
            })
        })
        .await;
    let reservation = world.reserve().await;
    let (_, owed) = unclaimed(world, reservation).await;
    world.trust("untrusting", "TFT").await;
    let (store, dealt) = CrashingStore::striking(world.store.clone(), n, blow);
    world.restart_with(store, world.network.clone(), patient());
    for _ in 0..20 {
        if dealt.load(Ordering::SeqCst) || world.holds("untrusting", "TFT") == owed {
            break;
        }
        drop(world.tick().await);
        world.next_ledger().await;
    }
    let struck = dealt.load(Ordering::SeqCst);
    world.restart_with(world.store.clone(), world.network.clone(), patient());
    world.until_holds("untrusting", "TFT", owed).await;
    world.rest().await;
    assert_eq!(world.holds("untrusting", "TFT"), owed, "once: {blow:?} at {n}");
    assert_eq!(waiting(world).await, (0, 0), "{blow:?} at {n}");
    world.assert_reconciled().await;
    give_up_tft(world, "untrusting").await;
    struck
}

on_both_databases! {
    async fn what_was_reclaimed_is_paid_once_when_it_can_be_received(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let (balance, owed) = reclaimed(&world).await;
        assert_eq!(repayments(&world, balance.reservation).await.len(), 1);
        assert_eq!(waiting(&world).await, (0, -owed.get()), "it is owed still");
        let failures = world.fees_of_failures().await;
        world.clock.move_on(3_600);
        ticks(&world, 6).await;
        assert_eq!(world.fees_of_failures().await, failures, "nothing is tried that cannot work");
        assert_eq!(outstanding(&world).await, [], "and never again by a balance to claim");
        world.assert_reconciled().await;

        world.trust("untrusting", "TFT").await;
        world.clock.move_on(86_400);
        world.until_holds("untrusting", "TFT", owed).await;
        world.rest().await;
        assert_eq!(waiting(&world).await, (0, 0));
        assert!(world.balance(wallet("platform").account(), "TFT").is_zero());
        world.restart_with(world.store.clone(), world.network.clone(), patient());
        world.clock.move_on(86_400);
        world.rest().await;
        assert_eq!(world.holds("untrusting", "TFT"), owed, "once");
        assert_eq!(repayments(&world, balance.reservation).await.len(), 1);
        world.assert_reconciled().await;
    }

    async fn what_was_reclaimed_by_an_earlier_version_is_paid_too(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let (balance, owed) = reclaimed(&world).await;
        store.tamper("DELETE FROM transfers WHERE state = 'pending'").await;
        world.assert_reconciled().await;
        world.restart_with(world.store.clone(), world.network.clone(), patient());
        world.trust("untrusting", "TFT").await;
        world.clock.move_on(86_400);
        world.until_holds("untrusting", "TFT", owed).await;
        world.rest().await;
        assert_eq!(repayments(&world, balance.reservation).await.len(), 1);
        assert_eq!(waiting(&world).await, (0, 0));
        world.assert_reconciled().await;
    }

    async fn an_operator_says_where_what_was_reclaimed_goes(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let (balance, owed) = reclaimed(&world).await;
        let before = world.holds(FARMER, "TFT");
        let to = RefundAddress::new(Address::Account(wallet(FARMER).account()), Memo::Id(7)).unwrap();
        let what = GivenBack::Claimable(balance.id);
        for _ in 0..2 {
            world.give_back(what, to.clone()).await.unwrap();
        }
        world.until_holds(FARMER, "TFT", before.checked_add(owed).unwrap()).await;
        world.rest().await;
        assert_eq!(waiting(&world).await, (0, 0));
        let again = world.give_back(what, to).await;
        assert!(matches!(again, Err(ReturnError::NotPending { state: "confirmed", .. })), "{again:?}");
        world.assert_reconciled().await;
    }

    async fn a_crash_between_a_reclaim_and_its_repayment_pays_once(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.restart_with(world.store.clone(), world.network.clone(), patient());
        world.customer("alice").await;
        world.cancel(with_an_untrusting_farmer(&world).await.id).await.unwrap();
        for n in 1..COMMITS_MAX {
            let blow = if n % 2 == 0 { Blow::DiesBefore } else { Blow::DiesAfter };
            if !strike_at(&world, n, blow).await {
                assert!(n > 8, "only {n} commits were seen between a reclaim and its repayment");
                return;
            }
        }
        panic!("a repayment takes more than {COMMITS_MAX} commits");
    }

    async fn a_balance_that_cannot_be_reclaimed_holds_up_no_other(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        let (claimed, others) = one_of_three_is_claimed(&world, &faults).await;
        let failures = world.fees_of_failures().await.len();
        ticks(&world, 20).await;
        assert_eq!(world.fees_of_failures().await.len(), failures + 1, "one fee to find out which");
        assert_the_others_are_reclaimed(&world, &faults, &claimed, &others).await;
    }

    async fn balances_whose_ends_nobody_tells_are_reclaimed_all_the_same(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        let balances = standing(&world).await;
        faults.silent_ends.store(true, Ordering::SeqCst);
        world.clock.move_on(RECLAIM_AFTER_SECONDS + 60);
        ticks(&world, 12).await;
        for balance in &balances {
            let state = state(&world, balance).await;
            assert!(matches!(state, ClaimableState::Reclaimed { .. }), "{state:?}");
        }
        world.assert_reconciled().await;
    }

    async fn balances_that_fail_without_codes_are_reclaimed_one_by_one(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        let (claimed, others) = one_of_three_is_claimed(&world, &faults).await;
        let failures = world.fees_of_failures().await.len();
        faults.codeless.store(true, Ordering::SeqCst);
        ticks(&world, 20).await;
        assert_eq!(world.fees_of_failures().await.len(), failures + 2, "together, and alone");
        assert_the_others_are_reclaimed(&world, &faults, &claimed, &others).await;
    }
}
