//! Settlements that are many, or cannot be made.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use farmgate::domain::address::AccountId;
use farmgate::domain::asset::Asset;
use farmgate::domain::currency::Currency;
use farmgate::domain::farm::Farm;
use farmgate::domain::ids::{FarmId, NodeId, TxHash};
use farmgate::domain::node::Node;
use farmgate::domain::pool::{Grant, POOL_SECONDS_AHEAD_MAX};
use farmgate::domain::reservation::{RefundReason, State};
use farmgate::domain::tenant::Tenant;
use farmgate::domain::transfer::ResultCodes;
use farmgate::ports::clock::Clock;
use farmgate::reservations::OrderRequest;
use jiff::SignedDuration;

use crate::support::on_both_databases;
use crate::world::faulty_network::faulty;
use crate::world::{
    BASE_FEE, FARMER, FOUNDATION, PAST_MAX_TIME_SECONDS, World, engine_settings, farmers_share, price, share,
    units, wallet,
};

/// With the foundation's, a reservation on all of them has 26 legs: three fit a transaction.
const FARMS: i64 = 25;

/// One node on each of many farms.
async fn many_farms(world: &World) -> Vec<NodeId> {
    let first = world.farm().await;
    let mut nodes = vec![NodeId::new(1).unwrap()];
    for number in 2..=FARMS {
        let farm = Farm { tenant: Tenant::default(), id: FarmId::new(number).unwrap(), ..first.clone() };
        let id = NodeId::new(100 + number).unwrap();
        let node =
            Node { tenant: Tenant::default(), id, farm: farm.id, capacity: units("100"), free_to_use: false };
        nodes.push(id);
        world
            .write(move |tx| {
                let (farm, node) = (farm.clone(), node.clone());
                Box::pin(async move {
                    tx.put_farm(&farm).await.map(drop)?;
                    tx.put_node(&node).await.map(drop)
                })
            })
            .await;
    }
    nodes
}

/// The channel of the one transaction that is under way.
async fn channel_in_use(world: &World) -> AccountId {
    world.store.begin_read().await.unwrap().live_submissions().await.unwrap().all().unwrap()[0].channel
}

async fn until_in_use(world: &World) {
    for _ in 0..100 {
        if !world.store.begin_read().await.unwrap().live_submissions().await.unwrap().is_empty() {
            return;
        }
        world.tick().await.unwrap();
        world.next_ledger().await;
    }
    panic!("no transaction is under way");
}

on_both_databases! {
    async fn more_legs_than_transactions_and_channels_can_take_are_all_paid(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let nodes = many_farms(&world).await;
        let mut reservations = Vec::new();
        for _ in 0..10 {
            let request = OrderRequest { nodes: nodes.clone(), ..world.request() };
            reservations.push(world.reserve_as(request).await);
        }
        world.rest().await;
        assert_eq!(reservations[0].quote.options[0].legs.len(), 26);
        for reservation in &reservations {
            world.pay("alice", reservation.escrow, price(reservation), "TFT").await;
        }
        let mut transactions: BTreeSet<TxHash> = BTreeSet::new();
        for reservation in &reservations {
            let settled = world.until(reservation.id, "settled").await;
            let State::Settled { settlement, .. } = settled.state else { panic!() };
            transactions.extend(settlement.transaction);
            assert!(world.balance(reservation.escrow, "TFT").is_zero());
        }
        assert_eq!(transactions.len(), 4, "three reservations fit a transaction, and there are ten");
        assert!(transactions.len() > engine_settings().channels.into(), "more than channels");
        let sum: i64 = reservations.iter().map(|reservation| price(reservation).get()).sum();
        assert_eq!(world.holds(FARMER, "TFT").get() + world.holds(FOUNDATION, "TFT").get(), sum);
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn settlements_that_fail_in_the_ledger_cost_a_fee_that_is_in_the_books(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        world.fund("untrusting").await;
        let mut farm = world.farm().await;
        farm.payout_addresses.insert(world.asset("TFT"), wallet("untrusting").account());
        world.put_farm(farm).await;
        for round in 1..=3 {
            let reservation = world.reserve().await;
            world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
            world.until(reservation.id, "settled").await;
            world.rest().await;
            let fees = world.fees_of_failures().await;
            assert_eq!(
                fees,
                vec![2 * BASE_FEE; round],
                "one for each that failed, of two legs; then the farmer's became a claimable balance"
            );
            world.assert_reconciled().await;
        }
    }

    async fn a_farmer_is_paid_at_the_address_of_the_quote(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        world.customer("thief").await;
        let reservation = world.reserve().await;
        let mut farm = world.farm().await;
        farm.payout_addresses.insert(world.asset("TFT"), wallet("thief").account());
        world.put_farm(farm).await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settled").await;
        assert_eq!(world.holds(FARMER, "TFT"), farmers_share(&reservation));
        assert_eq!(world.holds("thief", "TFT"), "10000".parse().unwrap());
    }

    async fn of_a_batch_only_the_reservation_whose_account_is_frozen_is_held(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.issuer_may_claw_back().await;
        world.customer("alice").await;
        let frozen = world.reserve().await;
        let good = world.reserve().await;
        world.rest().await;
        let built = faults.built();
        for reservation in [&frozen, &good] {
            world.pay("alice", reservation.escrow, price(reservation), "TFT").await;
        }
        world.freeze(frozen.escrow, true).await;
        let held = world.until(frozen.id, "held").await;
        let State::Held { why, .. } = held.state else { panic!() };
        assert_eq!(why.code, "op_src_not_authorized");
        world.until(good.id, "settled").await;
        assert_eq!(faults.built(), built + 2, "together, and then without the one that is held");
        assert_eq!(world.fees_of_failures().await, [4 * BASE_FEE]);
        assert_eq!(world.balance(frozen.escrow, "TFT"), price(&frozen));
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn a_channel_that_cannot_pay_its_fee_rests_and_another_goes_on(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        let transaction = "tx_insufficient_balance".to_owned();
        *faults.refusal.lock().unwrap() = Some(ResultCodes { transaction, operations: vec![] });
        faults.lost.store(usize::MAX, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settling").await;
        let poor = channel_in_use(&world).await;
        world.rest().await;
        *faults.refusal.lock().unwrap() = None;
        world.clock.move_on(PAST_MAX_TIME_SECONDS);
        world.rest().await;
        for _ in 0..3 {
            until_in_use(&world).await;
            assert_ne!(channel_in_use(&world).await, poor, "it rests");
            world.clock.move_on(PAST_MAX_TIME_SECONDS / 4);
            world.rest().await;
        }
        faults.lost.store(0, Ordering::SeqCst);
        world.until(reservation.id, "settled").await;
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn an_extension_past_the_pools_limits_goes_back_and_its_neighbour_settles(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let first = world.reserve().await;
        world.pay("alice", first.escrow, price(&first), "TFT").await;
        let State::Settled { settlement, .. } = world.until(first.id, "settled").await.state else {
            panic!()
        };
        let longer =
            OrderRequest { nodes: vec![], units: None, pool: Some(settlement.pool), ..world.request() };
        let longer = world.reserve_as(longer).await;
        let good = world.reserve().await;
        world.rest().await;
        world
            .write(move |tx| {
                Box::pin(async move {
                    let mut pool = tx.pool(settlement.pool).await?.unwrap();
                    let from = pool.expires_at();
                    let until = settlement.at + SignedDuration::from_secs(POOL_SECONDS_AHEAD_MAX - 600);
                    let units = pool.grants[0].units;
                    pool.grants.push(Grant { reservation: "77".parse().unwrap(), units, from, until });
                    tx.update_pool(&pool).await.map(drop)
                })
            })
            .await;
        let before = world.pool(settlement.pool).await;
        world.pay("alice", longer.escrow, price(&longer), "TFT").await;
        world.pay("alice", good.escrow, price(&good), "TFT").await;
        let refunded = world.until(longer.id, "refunded").await;
        assert!(matches!(refunded.state, State::Refunded { why: RefundReason::SettlementImpossible, .. }));
        world.until(good.id, "settled").await;
        world.rest().await;
        assert!(world.balance(longer.escrow, "TFT").is_zero(), "it went back");
        assert_eq!(world.pool(settlement.pool).await, before);
        world.assert_reconciled().await;
    }

    async fn of_two_options_paid_in_full_the_one_completed_first_settles(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let (tft, tfta) = (world.asset("TFT"), world.asset("TFTA"));
        let mut farm = world.farm().await;
        farm.payout_addresses.insert(tfta, wallet(FARMER).account());
        world.put_farm(farm).await;
        let now = world.clock.now();
        world
            .write(move |tx| {
                Box::pin(async move {
                    let currency = tx.currency("TFT".parse().unwrap()).await?.unwrap();
                    let code = "TFTA".parse().unwrap();
                    let second = Currency { code, asset: tfta, rate_at: now, ..currency };
                    tx.put_currency(&second, None).await.map(drop)
                })
            })
            .await;
        world.customer("alice").await;
        for name in [FARMER, FOUNDATION, "alice"] {
            world.trust(name, "TFTA").await;
        }
        let alice = wallet("alice").account();
        world.horizon.fund(alice, World::named("TFTA"), "1000".parse().unwrap()).await.unwrap();
        let reservation = world.reserve().await;
        world.rest().await;
        let assets: Vec<Asset> = reservation.quote.options.iter().map(|option| option.asset).collect();
        assert_eq!(assets, [tft, tfta], "the one offered last is completed first");
        let whole = price(&reservation);
        assert_eq!(reservation.quote.options[1].amount, whole);
        world.pay("alice", reservation.escrow, share(whole, 50), "TFT").await;
        world.pay("alice", reservation.escrow, whole, "TFTA").await;
        world.pay("alice", reservation.escrow, whole, "TFT").await;
        world.until(reservation.id, "settled").await;
        let farmers = whole.checked_sub(share(whole, 10)).unwrap();
        assert_eq!(world.holds(FARMER, "TFTA"), farmers);
        assert!(world.holds(FARMER, "TFT").is_zero());
        assert!(world.balance(reservation.escrow, "TFTA").is_zero());
        world.until_holds("alice", "TFT", "10000".parse().unwrap()).await;
        world.rest().await;
        world.assert_reconciled().await;
    }
}
