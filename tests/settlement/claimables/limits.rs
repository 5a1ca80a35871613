//! Nobody locks the platform's reserves with dust, or with more claimable balances than a bound.

use farmgate::domain::claimable::FARM_CLAIMABLES_MAX;
use farmgate::domain::currency::Currency;
use farmgate::domain::ids::FarmId;
use farmgate::domain::reservation::{RefundReason, State};
use farmgate::ports::clock::Clock;
use farmgate::reservations::{self, OrderRequest, QuoteError, Refusal};
use farmgate::settlement::Settings;
use jiff::SignedDuration;

use crate::claimables::claimable_balances::{
    PART, give_up_tft, outstanding, paid_in_part_and_distrusted, reserve_much, waiting,
    with_an_untrusting_farmer,
};
use crate::support::on_both_databases;
use crate::world::{PAST_THE_DEADLINE_SECONDS, World, amount, engine_settings, price, wallet};

/// Past the pause of a return that could not be delivered a few times.
const PAST_SOME_PAUSES_SECONDS: i64 = 3_600;

/// Changes what is known of TFT.
async fn reprice(world: &World, change: fn(&mut Currency)) {
    let now = world.clock.now();
    world
        .write(move |tx| {
            Box::pin(async move {
                let mut currency = tx.currency("TFT".parse().unwrap()).await?.unwrap();
                let over = currency.rate_at;
                currency.rate_at = now;
                change(&mut currency);
                tx.put_currency(&currency, Some(over)).await.map(drop)
            })
        })
        .await;
}

async fn pass(world: &World, seconds: i64) {
    world.clock.move_on(seconds);
    world.rest().await;
}

on_both_databases! {
    async fn dust_locks_none_of_our_reserves(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let sponsoring = world.sponsoring().await;
        let reservation = paid_in_part_and_distrusted(&world, "19.9999999").await;
        world.until(reservation.id, "refunding").await;
        world.rest().await;
        assert_eq!(outstanding(&world).await, []);
        let accounts = world.sponsoring().await - sponsoring;
        world.clock.move_on(120);
        world.rest().await;
        assert_eq!(world.sponsoring().await - sponsoring, accounts);
        assert_eq!(world.state(reservation.id).await, "refunding", "it stays owed");
        assert_eq!(world.balance(reservation.escrow, "TFT"), amount("19.9999999"));
        world.assert_reconciled().await;
    }

    async fn a_return_of_exactly_the_minimum_becomes_a_balance_to_claim(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        // A dollar at five cents.
        let reservation = paid_in_part_and_distrusted(&world, "20").await;
        world.until(reservation.id, "refunded").await;
        assert_eq!(outstanding(&world).await[0].amount, amount("20"));
        world.assert_reconciled().await;
    }

    async fn a_return_that_nobody_can_price_stays_owed(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let reservation = paid_in_part_and_distrusted(&world, PART).await;
        let stale: fn(&mut Currency) = |currency| currency.rate_at -= SignedDuration::from_hours(24 * 31);
        let play_money: fn(&mut Currency) = |currency| currency.free_only = true;
        let cheap: fn(&mut Currency) = |currency| currency.usd_rate = "0.0199".parse().unwrap();
        for change in [stale, play_money, cheap] {
            reprice(&world, change).await;
            world.until(reservation.id, "refunding").await;
            pass(&world, PAST_SOME_PAUSES_SECONDS).await;
            assert_eq!(outstanding(&world).await, []);
            assert_eq!(world.balance(reservation.escrow, "TFT"), amount(PART), "it stays owed");
            reprice(&world, |currency| currency.free_only = false).await;
        }
        reprice(&world, |currency| currency.usd_rate = "0.02".parse().unwrap()).await;
        world.clock.move_on(PAST_SOME_PAUSES_SECONDS);
        world.until(reservation.id, "refunded").await;
        assert_eq!(outstanding(&world).await.len(), 1, "worth a dollar again");
        world.assert_reconciled().await;
    }

    async fn xlm_for_an_account_that_is_gone_waits_until_it_is_there_again(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        world.fund("heir").await;
        let reservation = world.reserve().await;
        world.rest().await;
        world.pay("alice", reservation.escrow, amount("500"), "XLM").await;
        give_up_tft(&world, "alice").await;
        world.merge("alice", wallet("heir").account()).await;
        world.rest().await;
        pass(&world, PAST_SOME_PAUSES_SECONDS / 2).await;
        assert_eq!(outstanding(&world).await, []);
        assert_eq!(world.balance(reservation.escrow, "XLM"), amount("500"), "it stays owed");
        world.fund("alice").await;
        let held = world.holds("alice", "XLM");
        world.clock.move_on(PAST_SOME_PAUSES_SECONDS);
        world.until_holds("alice", "XLM", held.checked_add(amount("500")).unwrap()).await;
        world.assert_reconciled().await;
    }

    async fn returns_beyond_the_bound_wait_until_one_is_claimed(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let one = Settings { refund_claimables_max: 1, ..engine_settings() };
        world.restart_with(world.store.clone(), world.network.clone(), one);
        for name in ["alice", "bob"] {
            world.customer(name).await;
        }
        let reservation = reserve_much(&world).await;
        for name in ["alice", "bob"] {
            world.pay(name, reservation.escrow, amount(PART), "TFT").await;
        }
        world.rest().await;
        for name in ["alice", "bob"] {
            give_up_tft(&world, name).await;
        }
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        let mut told = false;
        for _ in 0..20 {
            let report = world.tick().await.unwrap();
            told |= report.troubles.iter().any(|trouble| trouble.contains("as many as they may"));
            world.next_ledger().await;
        }
        assert!(told, "the engine says so");
        assert_eq!(outstanding(&world).await.len(), 1);
        assert_eq!(world.balance(reservation.escrow, "TFT"), amount(PART), "the other stays owed");
        assert_eq!(world.state(reservation.id).await, "refunding");
        let first = outstanding(&world).await.remove(0);
        let name = if first.recipient == wallet("alice").account() { "alice" } else { "bob" };
        world.trust(name, "TFT").await;
        world.claim(name, first.id).await;
        // First it is seen that the place is free, then the return is tried again.
        pass(&world, PAST_SOME_PAUSES_SECONDS).await;
        world.clock.move_on(PAST_SOME_PAUSES_SECONDS);
        world.until(reservation.id, "refunded").await;
        assert_eq!(outstanding(&world).await.len(), 1, "the place was free again");
        world.assert_reconciled().await;
    }

    async fn a_farm_that_leaves_too_many_unclaimed_is_paid_no_more(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let mut reservations = vec![with_an_untrusting_farmer(&world).await];
        for _ in 0..FARM_CLAIMABLES_MAX + 1 {
            reservations.push(world.reserve().await);
        }
        world.rest().await;
        let before = world.holds("alice", "TFT");
        for reservation in &reservations {
            world.pay("alice", reservation.escrow, price(reservation), "TFT").await;
        }
        let (mut settled, mut refunded) = (0, 0);
        for reservation in &reservations {
            let mut state = world.reservation(reservation.id).await.state;
            while !state.is_final() {
                world.tick().await.unwrap();
                world.next_ledger().await;
                state = world.reservation(reservation.id).await.state;
            }
            match state {
                State::Settled { .. } => settled += 1,
                State::Refunded { why: RefundReason::SettlementImpossible, .. } => refunded += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((settled, refunded), (FARM_CLAIMABLES_MAX, 2));
        let balances = outstanding(&world).await;
        assert_eq!(balances.len(), usize::try_from(FARM_CLAIMABLES_MAX).unwrap());
        let paid = price(&reservations[0]).get() * i64::from(FARM_CLAIMABLES_MAX);
        assert_eq!(before.get() - world.holds("alice", "TFT").get(), paid, "the others came back");

        let refused =
            world.open(OrderRequest { currencies: Some(vec!["TFT".parse().unwrap()]), ..world.request() });
        let Err(reservations::Error::Quote(QuoteError::Currency { index: Some(0), reason, .. })) =
            refused.await
        else {
            panic!("it was offered");
        };
        assert_eq!(reason, Refusal::FarmLeavesUnclaimed(FarmId::new(1).unwrap()));

        world.trust("untrusting", "TFT").await;
        world.claim("untrusting", balances[0].id).await;
        for _ in 0..20 {
            pass(&world, 60).await;
            if outstanding(&world).await.len() < balances.len() {
                break;
            }
        }
        let next = world.reserve().await;
        world.pay("alice", next.escrow, price(&next), "TFT").await;
        world.until(next.id, "settled").await;
        let (stands, owed) = waiting(&world).await;
        assert_eq!(stands, -owed);
        world.rest().await;
        world.assert_reconciled().await;
    }
}
