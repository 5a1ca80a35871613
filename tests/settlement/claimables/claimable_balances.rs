//! Money for who cannot receive it, as claimable balances.

use std::sync::atomic::Ordering;

use farmgate::domain::address::Address;
use farmgate::domain::claimable::{Claimable, ClaimableState, RECLAIM_AFTER_SECONDS};
use farmgate::domain::journal::BookAccount;
use farmgate::domain::reservation::Reservation;
use farmgate::reservations::OrderRequest;
use farmgate::settlement::Settings;

use crate::support::on_both_databases;
use crate::world::{
    FARMER, FOUNDATION, PAST_MAX_TIME_SECONDS, PAST_THE_DEADLINE_SECONDS, World, amount, engine_settings,
    farmers_share, price, share, units, wallet,
};

/// Worth a claimable balance, and not enough to pay for anything.
pub const PART: &str = "50";

pub async fn outstanding(world: &World) -> Vec<Claimable> {
    world.store.begin_read().await.unwrap().claimables_open(None, 100).await.unwrap().all().unwrap()
}

/// What the journal says of TFT in a book account, in stroops.
pub async fn booked(world: &World, account: BookAccount) -> i64 {
    world.store.begin_read().await.unwrap().balance(account, world.asset("TFT")).await.unwrap()
}

/// What waits to be claimed, and what may be demanded, by the journal.
pub async fn waiting(world: &World) -> (i64, i64) {
    (booked(world, BookAccount::ClaimableBalances).await, booked(world, BookAccount::Claimants).await)
}

/// A reservation that costs more than a part that is worth a claimable balance.
pub async fn reserve_much(world: &World) -> Reservation {
    world.reserve_as(OrderRequest { units: Some(units("20")), ..world.request() }).await
}

/// A reservation whose farmer has an account, but no trust line.
pub async fn with_an_untrusting_farmer(world: &World) -> Reservation {
    world.fund("untrusting").await;
    let mut farm = world.farm().await;
    farm.payout_addresses.insert(world.asset("TFT"), wallet("untrusting").account());
    world.put_farm(farm).await;
    world.reserve().await
}

/// A reservation that was paid in part by somebody who then can no longer receive the token, past its
/// deadline.
pub async fn paid_in_part_and_distrusted(world: &World, part: &str) -> Reservation {
    world.customer("alice").await;
    let reservation = reserve_much(world).await;
    world.pay("alice", reservation.escrow, amount(part), "TFT").await;
    world.rest().await;
    give_up_tft(world, "alice").await;
    world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
    reservation
}

/// A person can no longer receive TFT.
pub async fn give_up_tft(world: &World, name: &str) {
    let issuer = world.asset("TFT").issuer().unwrap();
    let all = world.holds(name, "TFT");
    world.try_pay(name, Address::Account(issuer), all, "TFT").await.unwrap();
    world.distrust(name, "TFT").await;
}

on_both_databases! {
    async fn a_farmer_without_a_trust_line_is_settled_by_a_balance_to_claim(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        world.customer("bob").await;
        let good = world.reserve().await;
        let bad = with_an_untrusting_farmer(&world).await;
        world.rest().await;
        world.pay("alice", good.escrow, price(&good), "TFT").await;
        world.pay("bob", bad.escrow, price(&bad), "TFT").await;
        world.until(bad.id, "settled").await;
        world.until(good.id, "settled").await;
        assert_eq!(world.holds(FARMER, "TFT"), farmers_share(&good), "his neighbour is paid as ever");
        assert_eq!(world.fees_of_failures().await.len(), 1, "what was found out cost one fee");
        assert!(world.balance(bad.escrow, "TFT").is_zero());
        let both = share(price(&good), 10).get() + share(price(&bad), 10).get();
        assert_eq!(world.holds(FOUNDATION, "TFT").get(), both);
        let balances = outstanding(&world).await;
        assert_eq!(balances.len(), 1);
        assert_eq!(
            (balances[0].amount, balances[0].recipient),
            (farmers_share(&bad), wallet("untrusting").account())
        );
        let owed = farmers_share(&bad).get();
        assert_eq!(waiting(&world).await, (owed, -owed));
        world.assert_reconciled().await;

        world.trust("untrusting", "TFT").await;
        world.claim("untrusting", balances[0].id).await;
        world.clock.move_on(60);
        world.rest().await;
        assert_eq!(outstanding(&world).await, []);
        assert_eq!(waiting(&world).await, (0, 0), "claimed, and in the books");
        assert_eq!(world.holds("untrusting", "TFT"), farmers_share(&bad));
        world.assert_reconciled().await;
    }

    async fn what_nobody_claims_comes_back_and_stays_owed(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let patient = Settings { quiet_period_seconds: 10 * RECLAIM_AFTER_SECONDS, ..engine_settings() };
        world.restart_with(world.store.clone(), world.network.clone(), patient);
        world.customer("alice").await;
        let reservation = with_an_untrusting_farmer(&world).await;
        world.rest().await;
        let sponsoring = world.sponsoring().await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settled").await;
        world.rest().await;
        let balance = outstanding(&world).await.remove(0);
        assert_eq!(world.sponsoring().await, sponsoring + 2, "one reserve for each claimant");
        world.clock.move_on(RECLAIM_AFTER_SECONDS - 3_600);
        world.rest().await;
        assert_eq!(outstanding(&world).await, std::slice::from_ref(&balance), "an hour too early");
        world.clock.move_on(2 * 3_600);
        let platform = wallet("platform").account();
        for _ in 0..40 {
            world.tick().await.unwrap();
            world.next_ledger().await;
        }
        let taken = world.store.begin_read().await.unwrap().claimable(balance.id).await.unwrap().unwrap();
        assert!(matches!(taken.state, ClaimableState::Reclaimed { .. }), "{:?}", taken.state);
        let owed = farmers_share(&reservation);
        assert_eq!(world.balance(platform, "TFT"), owed, "on a trust line made for it");
        assert_eq!(waiting(&world).await, (0, -owed.get()), "the farmer is owed it still");
        assert_eq!(world.sponsoring().await, sponsoring, "its reserve came home");
        world.assert_reconciled().await;
    }

    async fn who_claims_at_the_last_moment_has_it_and_our_attempt_costs_a_fee(store: &TestStore) {
        let (world, faults) = crate::world::faulty_network::faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = with_an_untrusting_farmer(&world).await;
        world.rest().await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settled").await;
        world.trust("untrusting", "TFT").await;
        world.rest().await;
        let balance = outstanding(&world).await.remove(0);
        let failures = world.fees_of_failures().await.len();
        faults.lost.store(2, Ordering::SeqCst);
        world.clock.move_on(RECLAIM_AFTER_SECONDS + 60);
        for _ in 0..40 {
            world.tick().await.unwrap();
            world.next_ledger().await;
            if matches!(outstanding(&world).await[0].state, ClaimableState::Reclaiming { .. }) {
                break;
            }
        }
        world.claim("untrusting", balance.id).await;
        world.clock.move_on(86_400);
        for _ in 0..10 {
            world.tick().await.unwrap();
            world.next_ledger().await;
        }
        let ended = world.store.begin_read().await.unwrap().claimable(balance.id).await.unwrap().unwrap();
        assert!(matches!(ended.state, ClaimableState::Claimed { .. }), "{:?}", ended.state);
        assert_eq!(waiting(&world).await, (0, 0));
        assert!(world.fees_of_failures().await.len() <= failures + 1);
        assert_eq!(world.holds("untrusting", "TFT"), farmers_share(&reservation), "and once");
        world.assert_reconciled().await;
    }

    async fn a_return_that_its_payer_cannot_receive_becomes_a_balance_to_claim(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let reservation = paid_in_part_and_distrusted(&world, PART).await;
        world.until(reservation.id, "refunded").await;
        assert_eq!(world.fees_of_failures().await, [] as [i64; 0], "it was seen without paying for it");
        let balance = outstanding(&world).await.remove(0);
        assert_eq!((balance.amount, balance.recipient), (amount(PART), wallet("alice").account()));
        assert!(world.balance(reservation.escrow, "TFT").is_zero());
        world.trust("alice", "TFT").await;
        world.claim("alice", balance.id).await;
        assert_eq!(world.holds("alice", "TFT"), amount(PART));
        world.clock.move_on(120);
        world.rest().await;
        assert_eq!(waiting(&world).await, (0, 0));
        world.assert_reconciled().await;
    }

    async fn a_return_to_an_account_that_is_gone_becomes_a_balance_to_claim(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        world.fund("heir").await;
        let reservation = reserve_much(&world).await;
        world.pay("alice", reservation.escrow, amount(PART), "TFT").await;
        world.rest().await;
        give_up_tft(&world, "alice").await;
        world.merge("alice", wallet("heir").account()).await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "refunded").await;
        assert_eq!(outstanding(&world).await[0].recipient, wallet("alice").account());
        world.assert_reconciled().await;
    }

    async fn a_return_to_a_muxed_payer_stays_owed_whatever_it_is_worth(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("exchange").await;
        let reservation = reserve_much(&world).await;
        world.pay_as_sub_account("exchange", 77, reservation.escrow, amount(PART), "TFT").await;
        world.rest().await;
        give_up_tft(&world, "exchange").await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "refunding").await;
        world.rest().await;
        assert_eq!(outstanding(&world).await, [], "a balance names an account, and no sub-account");
        assert_eq!(world.balance(reservation.escrow, "TFT"), amount(PART));
        world.trust("exchange", "TFT").await;
        world.clock.move_on(120);
        world.until(reservation.id, "refunded").await;
        assert_eq!(world.holds("exchange", "TFT"), amount(PART));
        world.assert_reconciled().await;
    }

    async fn a_platform_without_a_reserve_to_spare_waits_and_goes_on(store: &TestStore) {
        let (world, faults) = crate::world::faulty_network::faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = with_an_untrusting_farmer(&world).await;
        world.rest().await;
        faults.no_reserve.store(true, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        while faults.claimables.lock().unwrap().is_empty() {
            world.tick().await.unwrap();
            world.next_ledger().await;
        }
        world.rest().await;
        world.clock.move_on(PAST_MAX_TIME_SECONDS);
        world.until(reservation.id, "funded").await;
        let built = faults.built();
        world.rest().await;
        assert_eq!(world.state(reservation.id).await, "funded", "not its fault, so it is not held");
        assert_eq!(faults.built(), built, "and it is not tried at once again");
        faults.no_reserve.store(false, Ordering::SeqCst);
        world.clock.move_on(700);
        world.until(reservation.id, "settled").await;
        world.rest().await;
        world.assert_reconciled().await;
    }
}
