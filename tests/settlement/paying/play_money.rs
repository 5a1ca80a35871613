//! Money that is given away, such as FreeTFT: it pays for free nodes alone, and is burned.

use farmgate::domain::currency::Currency;
use farmgate::domain::ids::{NodeId, PoolId};
use farmgate::domain::node::Node;
use farmgate::domain::reservation::{RefundReason, Reservation, State};
use farmgate::domain::split::Distribution;
use farmgate::domain::tenant::Tenant;
use farmgate::ports::clock::Clock;
use farmgate::reservations::{self, OrderRequest, QuoteError, Refusal};

use crate::support::on_both_databases;
use crate::world::{FARMER, World, amount, farmers_share, price, units, wallet};

/// A world with FreeTFT, of which alice has 10,000 beside as many TFT.
async fn world(store: &crate::support::TestStore) -> World {
    let world = World::new(store.store.clone()).await;
    let (asset, now) = (world.asset("FreeTFT"), world.clock.now());
    world
        .write(move |tx| {
            Box::pin(async move {
                let currency = tx.currency("TFT".parse().unwrap()).await?.unwrap();
                let free = Currency {
                    code: "FreeTFT".parse().unwrap(),
                    asset,
                    rate_at: now,
                    distribution: Distribution::known("free").ok(),
                    free_only: true,
                    ..currency
                };
                tx.put_currency(&free, None).await.map(drop)
            })
        })
        .await;
    world.customer("alice").await;
    world.trust("alice", "FreeTFT").await;
    let alice = wallet("alice").account();
    world.horizon.fund(alice, World::named("FreeTFT"), amount("10000")).await.unwrap();
    world
}

fn node(number: i64) -> NodeId {
    NodeId::new(number).unwrap()
}

fn paid_in(world: &World, code: &str) -> OrderRequest {
    OrderRequest { nodes: vec![node(2)], currencies: Some(vec![code.parse().unwrap()]), ..world.request() }
}

async fn settled(world: &World, request: OrderRequest, code: &str) -> (Reservation, PoolId) {
    let reservation = world.reserve_as(request).await;
    world.pay("alice", reservation.escrow, price(&reservation), code).await;
    let reservation = world.until(reservation.id, "settled").await;
    let State::Settled { settlement, .. } = &reservation.state else { panic!() };
    let pool = settlement.pool;
    (reservation, pool)
}

/// Extends a pool in time, paid with play money.
fn longer(world: &World, pool: PoolId) -> OrderRequest {
    let more = OrderRequest { nodes: vec![], units: None, pool: Some(pool), ..world.request() };
    OrderRequest { currencies: Some(vec!["FreeTFT".parse().unwrap()]), ..more }
}

/// Adds a node that is not free to use to a pool, paid with TFT.
fn with_a_paid_node(world: &World, pool: PoolId) -> OrderRequest {
    let more = OrderRequest { units: Some(units("1")), duration_seconds: None, ..world.request() };
    OrderRequest {
        nodes: vec![node(1)],
        pool: Some(pool),
        currencies: Some(vec!["TFT".parse().unwrap()]),
        ..more
    }
}

async fn refused(world: &World, request: OrderRequest) -> QuoteError {
    match world.open(request).await.unwrap_err() {
        reservations::Error::Quote(refused) => refused,
        other => panic!("{other}"),
    }
}

on_both_databases! {
    async fn play_money_is_burned_and_the_farmer_gets_none_of_it(store: &TestStore) {
        let world = world(store).await;
        world.trust(FARMER, "FreeTFT").await;
        let (reservation, pool) = settled(&world, paid_in(&world, "FreeTFT"), "FreeTFT").await;
        let legs = world.store.begin_read().await.unwrap().transfers_of(reservation.id).await.unwrap();
        assert_eq!(legs.len(), 1);
        assert_eq!(legs[0].to.account(), world.asset("FreeTFT").issuer(), "what its issuer gets is gone");
        assert_eq!(legs[0].amount, price(&reservation));
        assert!(world.holds(FARMER, "FreeTFT").is_zero());
        assert!(world.balance(reservation.escrow, "FreeTFT").is_zero());
        assert!(world.pool(pool).await.free_only);
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn a_free_node_takes_the_other_currencies_of_its_farm_too(store: &TestStore) {
        let world = world(store).await;
        let offered = OrderRequest { nodes: vec![node(2)], ..world.request() };
        let reservation = world.reserve_as(offered).await;
        assert_eq!(reservation.quote.options.len(), 2);
        let (reservation, pool) = settled(&world, paid_in(&world, "TFT"), "TFT").await;
        assert_eq!(world.holds(FARMER, "TFT"), farmers_share(&reservation));
        assert!(!world.pool(pool).await.free_only);
    }

    async fn of_play_money_and_a_paid_node_for_one_pool_the_first_accepted_wins(store: &TestStore) {
        let world = world(store).await;
        let (_, pool) = settled(&world, paid_in(&world, "TFT"), "TFT").await;
        let free = world.reserve_as(longer(&world, pool)).await;
        let refusal = refused(&world, with_a_paid_node(&world, pool)).await;
        assert!(matches!(refusal, QuoteError::PaidNodeInFreePool { .. }), "{refusal}");
        world.cancel(free.id).await.unwrap();
        world.clock.move_on(2);
        world.until(free.id, "cancelled").await;

        let paid = world.reserve_as(with_a_paid_node(&world, pool)).await;
        let refusal = refused(&world, longer(&world, pool)).await;
        let for_free_nodes = |refusal: &QuoteError| match refusal {
            QuoteError::Currency { reason: Refusal::FreeOnly(refused), .. } => *refused == node(1),
            _ => false,
        };
        assert!(for_free_nodes(&refusal), "{refusal}");
        world.pay("alice", paid.escrow, price(&paid), "TFT").await;
        world.until(paid.id, "settled").await;
        let whole = world.pool(pool).await;
        assert!(whole.nodes.contains(&node(1)) && !whole.free_only);
        let refusal = refused(&world, longer(&world, pool)).await;
        assert!(for_free_nodes(&refusal), "{refusal}");
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn a_node_that_is_no_longer_free_sends_play_money_back(store: &TestStore) {
        let world = world(store).await;
        let reservation = world.reserve_as(paid_in(&world, "FreeTFT")).await;
        world
            .write(|tx| {
                Box::pin(async move {
                    let known = tx.node(&Tenant::default(), node(2)).await?.unwrap();
                    tx.put_node(&Node { free_to_use: false, ..known }).await.map(drop)
                })
            })
            .await;
        world.pay("alice", reservation.escrow, price(&reservation), "FreeTFT").await;
        let refunded = world.until(reservation.id, "refunded").await;
        assert!(matches!(refunded.state, State::Refunded { why: RefundReason::SettlementImpossible, .. }));
        assert_eq!(world.holds("alice", "FreeTFT"), amount("10000"));
        world.rest().await;
        world.assert_reconciled().await;
    }
}
