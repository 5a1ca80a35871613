//! What customers do, and who has what in the end.

use farmgate::domain::reservation::State;
use farmgate::reservations::OrderRequest;
use farmgate::settlement::EngineError;
use jiff::SignedDuration;

use crate::support::on_both_databases;
use crate::world::{FARMER, FOUNDATION, PAST_THE_DEADLINE_SECONDS, World, amount, price, share, units};

on_both_databases! {
    async fn a_punctual_payment_pays_everybody_and_brings_a_pool_to_life(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        let price = price(&reservation);
        world.pay("alice", reservation.escrow, price, "TFT").await;
        let settled = world.until(reservation.id, "settled").await;

        assert_eq!(world.holds(FARMER, "TFT"), price.checked_sub(share(price, 10)).unwrap());
        assert_eq!(world.holds(FOUNDATION, "TFT"), share(price, 10));
        assert!(world.balance(reservation.escrow, "TFT").is_zero());
        let State::Settled { settlement, .. } = settled.state else { panic!() };
        let pool = world.pool(settlement.pool).await;
        assert_eq!(pool.units_at(settlement.at).unwrap(), reservation.order.units);
        assert_eq!(pool.expires_at(), settlement.at + SignedDuration::from_secs(86_400));
        world.assert_reconciled().await;
    }

    async fn a_price_paid_in_parts_by_two_people_is_paid(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        world.customer("bob").await;
        let reservation = world.reserve().await;
        let half = share(price(&reservation), 50);
        world.pay("alice", reservation.escrow, half, "TFT").await;
        world.rest().await;
        assert_eq!(world.state(reservation.id).await, "awaiting_payment");
        world.pay("bob", reservation.escrow, price(&reservation).checked_sub(half).unwrap(), "TFT").await;
        world.until(reservation.id, "settled").await;
        assert_eq!(world.payments(reservation.id).await.len(), 2);
        world.assert_reconciled().await;
    }

    async fn a_customer_who_never_pays_loses_the_reservation(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let reservation = world.reserve().await;
        world.rest().await;
        assert_eq!(world.state(reservation.id).await, "awaiting_payment", "the deadline has not passed");
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "expired").await;
        world.assert_reconciled().await;
    }

    async fn a_payment_before_the_deadline_counts_although_we_were_away_until_after_it(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.next_ledger().await;
        world.until(reservation.id, "settled").await;
        world.assert_reconciled().await;
    }

    async fn a_pool_is_extended_in_time_and_in_capacity(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let first = world.reserve().await;
        world.pay("alice", first.escrow, price(&first), "TFT").await;
        let settled = world.until(first.id, "settled").await;
        let State::Settled { settlement, .. } = settled.state else { panic!() };
        let before = world.pool(settlement.pool).await;

        let longer = OrderRequest {
            nodes: vec![],
            units: None,
            pool: Some(settlement.pool),
            duration_seconds: Some(600),
            ..world.request()
        };
        let longer = world.reserve_as(longer).await;
        world.pay("alice", longer.escrow, price(&longer), "TFT").await;
        world.until(longer.id, "settled").await;
        let pool = world.pool(settlement.pool).await;
        assert_eq!(pool.expires_at(), before.expires_at() + SignedDuration::from_secs(600));

        let wider = OrderRequest {
            nodes: vec![],
            units: Some(units("2")),
            pool: Some(settlement.pool),
            duration_seconds: None,
            ..world.request()
        };
        let wider = world.reserve_as(wider).await;
        world.pay("alice", wider.escrow, price(&wider), "TFT").await;
        let wide = world.until(wider.id, "settled").await;
        let State::Settled { settlement: second, .. } = wide.state else { panic!() };
        let pool = world.pool(settlement.pool).await;
        assert_eq!(pool.units_at(second.at).unwrap(), units("3"));
        assert_eq!(pool.grants.len(), 3);
        world.assert_reconciled().await;
    }

    async fn many_reservations_share_one_transaction(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let mut reservations = Vec::new();
        for _ in 0..4 {
            reservations.push(world.reserve().await);
        }
        for reservation in &reservations {
            world.pay("alice", reservation.escrow, price(reservation), "TFT").await;
        }
        let mut transactions = Vec::new();
        for reservation in &reservations {
            let settled = world.until(reservation.id, "settled").await;
            let State::Settled { settlement, .. } = settled.state else { panic!() };
            transactions.push(settlement.transaction);
        }
        transactions.dedup();
        assert_eq!(transactions.len(), 1, "all were funded when the engine looked");
        world.assert_reconciled().await;
    }

    async fn a_price_of_zero_is_settled_without_money(store: &TestStore) {
        let mut world = World::new(store.store.clone()).await;
        let mut free = world.request();
        free.units = Some(units("0.001"));
        free.duration_seconds = Some(60);
        world.settings.unit_prices.cu = 0.into();
        let reservation = world.reserve_as(free).await;
        world.until(reservation.id, "settled").await;
        world.assert_reconciled().await;
    }

    async fn money_taken_by_somebody_with_our_key_stops_the_engine(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.rest().await;
        world.steal("platform", reservation.escrow, amount("1"), "TFT").await;
        world.next_ledger().await;
        let error = world.tick().await.unwrap_err();
        assert!(error.stops_the_engine(), "{error}");
        assert!(matches!(error, EngineError::ForeignOutgoing { .. }));
    }
}
