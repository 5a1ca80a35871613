//! What orders cost, and which are refused.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;

use super::error::Refusal;
use super::facts::{Facts, OrderRequest, Payouts};
use super::settings::{PayoutAccounts, Settings};
use super::{QuoteError, quote};
use crate::domain::address::AccountId;
use crate::domain::asset::{Asset, AssetCode};
use crate::domain::currency::Currency;
use crate::domain::farm::Farm;
use crate::domain::ids::{FarmId, IdentityId, NodeId, PoolId, ReservationId};
use crate::domain::node::Node;
use crate::domain::pool::{Credit, Extension, Pool};
use crate::domain::split::{Distribution, Recipient};
use crate::domain::tenant::Tenant;
use crate::domain::units::{CloudUnits, MilliUnits};
use crate::ports::store::PoolClaims;

const NOW_SECOND: i64 = 1_772_366_400;
const DAY_SECONDS: i64 = 86_400;

fn now() -> Timestamp {
    Timestamp::from_second(NOW_SECOND).unwrap()
}

fn account(number: u8) -> AccountId {
    AccountId([number; 32])
}

fn node(number: i64) -> NodeId {
    NodeId::new(number).unwrap()
}

fn farm(number: i64) -> FarmId {
    FarmId::new(number).unwrap()
}

fn code(text: &str) -> AssetCode {
    text.parse().unwrap()
}

fn units(cu: u64) -> CloudUnits {
    CloudUnits { cu: MilliUnits::new(cu).unwrap(), ..CloudUnits::default() }
}

fn asset(text: &str) -> Asset {
    Asset::credit(code(text), account(100))
}

fn currency(text: &str, rate: &str) -> Currency {
    Currency {
        code: code(text),
        asset: asset(text),
        usd_rate: rate.parse().unwrap(),
        rate_at: now(),
        rate_valid_seconds: 60,
        distribution: None,
        free_only: false,
    }
}

fn free_tft() -> Currency {
    let distribution = Some(Distribution::known("free").unwrap());
    Currency { free_only: true, distribution, ..currency("FreeTFT", "0.02") }
}

/// Two farms: nodes 1 and 2 of farm 1, node 3 of farm 2. Node 2 is free to use. Farm `n` is paid
/// at account `n`.
fn facts() -> Facts {
    let farms = [1, 2].map(|number| {
        let payout = account(u8::try_from(number).unwrap());
        Farm {
            tenant: Tenant::default(),
            id: farm(number),
            name: format!("farm {number}"),
            owner: IdentityId::new(9).unwrap(),
            payout_addresses: BTreeMap::from([(asset("TFT"), payout), (asset("FreeTFT"), payout)]),
            distribution: Distribution::known("grid3").unwrap(),
        }
    });
    let nodes = [(1, 1, false), (2, 1, true), (3, 2, false)].map(|(number, of, free_to_use)| Node {
        tenant: Tenant::default(),
        id: node(number),
        farm: farm(of),
        capacity: units(100_000),
        free_to_use,
    });
    Facts {
        customer_known: true,
        nodes: nodes.into_iter().map(|node| (node.id, node)).collect(),
        farms: farms.into_iter().map(|farm| (farm.id, farm)).collect(),
        pool: None,
        claims: PoolClaims::default(),
        currencies: BTreeMap::from([(code("TFT"), currency("TFT", "0.02")), (code("FreeTFT"), free_tft())]),
        payouts: Payouts {
            accounts: PayoutAccounts {
                foundation: Some(account(50)),
                sales: None,
                wisdom: Some(account(51)),
            },
            ours: [account(200)].into(),
            ..Payouts::default()
        },
    }
}

fn order(nodes: &[i64]) -> OrderRequest {
    OrderRequest {
        tenant: Tenant::default(),
        customer: IdentityId::new(7).unwrap(),
        nodes: nodes.iter().map(|number| node(*number)).collect(),
        units: Some(units(1_000)),
        duration_seconds: Some(30 * DAY_SECONDS),
        pool: None,
        currencies: None,
        refund: None,
    }
}

fn asking(nodes: &[i64], currencies: &[&str]) -> OrderRequest {
    OrderRequest { currencies: Some(currencies.iter().map(|text| code(text)).collect()), ..order(nodes) }
}

/// A pool of 4 CU on node 2, ending `seconds` from now.
fn with_pool(free_only: bool, seconds: i64) -> (Facts, OrderRequest) {
    let credit = Credit {
        reservation: ReservationId::new(40).unwrap(),
        nodes: vec![node(2)],
        units: units(4_000),
        seconds,
        free_only,
        at: now(),
    };
    let pool = Pool::create(Tenant::default(), IdentityId::new(7).unwrap(), credit).unwrap();
    let request = OrderRequest { pool: Some(pool.id), units: None, duration_seconds: None, ..order(&[]) };
    (Facts { pool: Some(pool), ..facts() }, request)
}

fn refused(request: &OrderRequest, facts: &Facts) -> QuoteError {
    quote(request, facts, &Settings::default(), now()).unwrap_err()
}

fn refusal(request: &OrderRequest, facts: &Facts) -> Refusal {
    match refused(request, facts) {
        QuoteError::Currency { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_month_of_one_compute_unit_costs_five_dollars_and_is_split_as_the_farm_says() {
    let priced = quote(&order(&[1]), &facts(), &Settings::default(), now()).unwrap();
    let [option] = priced.quote.options.as_slice() else { panic!("FreeTFT does not pay for node 1") };
    assert_eq!((option.amount.to_string().as_str(), option.distribution.as_str()), ("250", "grid3"));
    let legs: Vec<(Recipient, AccountId, String)> =
        option.legs.iter().map(|leg| (leg.recipient, leg.to, leg.amount.to_string())).collect();
    assert_eq!(
        legs,
        [
            (Recipient::Farmer, account(1), "25".to_owned()),
            (Recipient::Burn, account(100), "100".to_owned()),
            (Recipient::Foundation, account(50), "25".to_owned()),
            (Recipient::Wisdom, account(51), "100".to_owned()),
        ]
    );
    assert_eq!(option.breakdown.usd_fraction, "5/1");
    assert_eq!(priced.quote.deadline.duration_since(now()).as_secs(), 3_600);
}

#[test]
fn farms_are_paid_by_the_share_of_their_nodes() {
    let priced = quote(&order(&[3, 1, 2]), &facts(), &Settings::default(), now()).unwrap();
    let farmers: Vec<(Option<FarmId>, String)> = priced.quote.options[0]
        .legs
        .iter()
        .filter(|leg| leg.recipient == Recipient::Farmer)
        .map(|leg| (leg.farm, leg.amount.to_string()))
        .collect();
    // 1000 milli-units on three nodes are 334, 333, 333: farm 1 has 667 of them.
    assert_eq!(farmers, [(Some(farm(1)), "16.675".to_owned()), (Some(farm(2)), "8.325".to_owned())]);
    assert_eq!(priced.order.nodes, [node(1), node(2), node(3)]);
}

#[test]
fn play_money_pays_for_free_nodes_and_is_burned() {
    let priced = quote(&order(&[2]), &facts(), &Settings::default(), now()).unwrap();
    let free = priced.quote.options.iter().find(|option| option.free_only).unwrap();
    assert!(free.legs.iter().all(|leg| leg.recipient == Recipient::Burn && leg.to == account(100)));
    assert_eq!(free.legs_total(), Ok(free.amount));
    assert_eq!(priced.quote.options.len(), 2, "a free node still takes its farm's other currencies");
    assert_eq!(refusal(&asking(&[1, 2], &["FreeTFT"]), &facts()), Refusal::FreeOnly(node(1)));
}

#[test]
fn orders_are_refused_by_what_is_wrong_with_them() {
    let facts = facts();
    let unknown = Facts { customer_known: false, ..facts.clone() };
    assert!(matches!(refused(&order(&[1]), &unknown), QuoteError::UnknownCustomer(_)));
    assert_eq!(refused(&order(&[]), &facts), QuoteError::NodeCount);
    assert_eq!(refused(&order(&[1, 77]), &facts), QuoteError::UnknownNode { index: 1, node: node(77) });
    assert_eq!(refused(&order(&[1, 2, 1]), &facts), QuoteError::DuplicateNode { index: 2, node: node(1) });
    let mut homeless = facts.clone();
    homeless.farms.remove(&farm(2));
    let lost = QuoteError::NodeWithoutFarm { index: Some(0), node: node(3) };
    assert_eq!(refused(&order(&[3]), &homeless), lost);
    assert_eq!(refused(&OrderRequest { units: Some(units(0)), ..order(&[1]) }, &facts), QuoteError::NoUnits);
    assert_eq!(refused(&OrderRequest { units: None, ..order(&[1]) }, &facts), QuoteError::NoUnits);
    for (seconds, error) in [
        (None, QuoteError::NoDuration),
        (Some(59), QuoteError::Duration),
        (Some(-1), QuoteError::Duration),
        (Some(i64::MAX), QuoteError::Duration),
    ] {
        assert_eq!(refused(&OrderRequest { duration_seconds: seconds, ..order(&[1]) }, &facts), error);
    }
    let elsewhere = OrderRequest { pool: Some(PoolId::new(40).unwrap()), ..order(&[1]) };
    assert!(matches!(refused(&elsewhere, &facts), QuoteError::UnknownPool(_)));
}

#[test]
fn currencies_are_refused_by_what_is_wrong_with_them() {
    let good = facts();
    assert_eq!(refused(&asking(&[1], &[]), &good), QuoteError::CurrencyCount);
    let unknown = QuoteError::UnknownCurrency { index: 1, code: code("BTC") };
    assert_eq!(refused(&asking(&[1], &["TFT", "BTC"]), &good), unknown);
    let twice = QuoteError::DuplicateCurrency { index: 1, code: code("TFT") };
    assert_eq!(refused(&asking(&[1], &["TFT", "TFT"]), &good), twice);
    assert_eq!(
        refused(&order(&[1]), &Facts { currencies: BTreeMap::new(), ..good.clone() }),
        QuoteError::NoCurrency
    );

    let changed = |change: fn(&mut Facts)| {
        let mut facts = facts();
        change(&mut facts);
        refusal(&asking(&[1, 3], &["TFT"]), &facts)
    };
    assert_eq!(
        changed(|facts| {
            facts.currencies.get_mut(&code("TFT")).unwrap().rate_at =
                Timestamp::from_second(NOW_SECOND - 61).unwrap();
        }),
        Refusal::RateStale
    );
    assert_eq!(
        changed(|facts| {
            facts.farms.get_mut(&farm(2)).unwrap().payout_addresses.clear();
        }),
        Refusal::NoFarmAddress(farm(2))
    );
    assert_eq!(
        changed(|facts| facts.payouts.crowded = [(farm(2), asset("TFT"))].into()),
        Refusal::FarmLeavesUnclaimed(farm(2))
    );
    assert_eq!(
        changed(|facts| {
            facts.farms.get_mut(&farm(2)).unwrap().distribution = Distribution::known("grid2").unwrap();
        }),
        Refusal::DistributionsDiffer
    );
    assert_eq!(
        changed(|facts| facts.payouts.accounts.wisdom = None),
        Refusal::PayoutAddressMissing(Recipient::Wisdom)
    );
    assert_eq!(
        changed(|facts| {
            facts.payouts.ours.insert(account(2));
        }),
        Refusal::PayoutAddressRefused(account(2))
    );
    assert_eq!(
        changed(|facts| {
            facts.payouts.demand_memos.insert(account(2));
        }),
        Refusal::PayoutAddressDemandsMemo(account(2))
    );
    assert_eq!(
        changed(|facts| facts.payouts.accounts.foundation = Some(account(100))),
        Refusal::PayoutAddressRefused(account(100)),
        "paying the issuer would burn the foundation's part"
    );
    assert_eq!(
        changed(|facts| {
            let tft = facts.currencies.get_mut(&code("TFT")).unwrap();
            tft.asset = Asset::Native;
            for farm in facts.farms.values_mut() {
                farm.payout_addresses.insert(Asset::Native, account(1));
            }
        }),
        Refusal::NativeBurn("grid3".to_owned())
    );
}

#[test]
fn a_currency_that_was_not_asked_for_is_left_out_where_it_does_not_qualify() {
    let mut facts = facts();
    facts.farms.get_mut(&farm(1)).unwrap().payout_addresses.remove(&asset("TFT"));
    let priced = quote(&order(&[2]), &facts, &Settings::default(), now()).unwrap();
    assert_eq!(priced.quote.options.len(), 1);
    assert!(priced.quote.options[0].free_only);
    assert!(matches!(refused(&order(&[1]), &facts), QuoteError::Currency { index: None, .. }));
}

#[test]
fn a_pool_gets_more_time_for_its_own_units() {
    let (facts, request) = with_pool(false, 1_000);
    let longer = OrderRequest { duration_seconds: Some(DAY_SECONDS), ..request.clone() };
    let priced = quote(&longer, &facts, &Settings::default(), now()).unwrap();
    assert_eq!((priced.order.units, priced.order.seconds), (units(4_000), DAY_SECONDS));
    assert_eq!(priced.order.nodes, [node(2)]);
    assert!(matches!(priced.order.extends, Some(Extension::Time { .. })));
    assert_eq!(refused(&request, &facts), QuoteError::NothingToExtend);
    let both = OrderRequest { units: Some(units(1)), ..longer };
    assert_eq!(refused(&both, &facts), QuoteError::UnitsAndDuration);
}

#[test]
fn a_pool_gets_more_units_for_the_time_it_has_left() {
    let (facts, request) = with_pool(false, 5_000);
    let wider = OrderRequest { units: Some(units(500)), ..request.clone() };
    let priced = quote(&wider, &facts, &Settings::default(), now()).unwrap();
    assert_eq!(priced.order.seconds, 5_000);
    let until = Timestamp::from_second(NOW_SECOND + 5_000).unwrap();
    assert_eq!(priced.order.extends, Some(Extension::Capacity { pool: facts.pool.unwrap().id, until }));
    let (late, _) = with_pool(false, 3_659);
    assert!(matches!(
        refused(&wider, &late),
        QuoteError::PoolEndsTooSoon { remaining_seconds: 3_659, needed_seconds: 3_660, .. }
    ));
}

#[test]
fn a_pool_of_play_money_takes_no_paid_node_and_a_paid_pool_no_play_money() {
    let (free, request) = with_pool(true, 10_000);
    let longer = OrderRequest { duration_seconds: Some(DAY_SECONDS), ..request };
    let paid = OrderRequest { nodes: vec![node(1)], ..longer.clone() };
    assert!(matches!(refused(&paid, &free), QuoteError::PaidNodeInFreePool { .. }));
    assert_eq!(quote(&longer, &free, &Settings::default(), now()).unwrap().quote.options.len(), 2);
    let (mut paid_pool, _) = with_pool(false, 10_000);
    paid_pool.pool.as_mut().unwrap().nodes.insert(node(1));
    let play = OrderRequest { currencies: Some(vec![code("FreeTFT")]), ..longer };
    assert_eq!(refusal(&play, &paid_pool), Refusal::FreeOnly(node(1)), "a node of the pool costs money");
}

#[test]
fn what_is_accepted_for_a_pool_decides_what_else_is() {
    let (facts, request) = with_pool(false, 10_000);
    let longer = OrderRequest { duration_seconds: Some(DAY_SECONDS), ..request };
    let play_money = PoolClaims { play_money: true, nodes: [node(2)].into() };
    let claimed = Facts { claims: play_money, ..facts.clone() };
    let paid = OrderRequest { nodes: vec![node(1)], ..longer.clone() };
    assert!(matches!(refused(&paid, &claimed), QuoteError::PaidNodeInFreePool { .. }));
    let paid_node = PoolClaims { play_money: false, nodes: [node(1), node(2)].into() };
    let claimed = Facts { claims: paid_node, ..facts };
    let play = OrderRequest { currencies: Some(vec![code("FreeTFT")]), ..longer };
    assert_eq!(refusal(&play, &claimed), Refusal::FreeOnly(node(1)), "a node that is to come costs money");
}

#[test]
fn somebody_elses_pool_is_no_pool() {
    let (facts, request) = with_pool(false, 10_000);
    let stranger = OrderRequest {
        tenant: Tenant::default(),
        customer: IdentityId::new(8).unwrap(),
        duration_seconds: Some(DAY_SECONDS),
        ..request
    };
    assert!(matches!(refused(&stranger, &facts), QuoteError::UnknownPool(_)));
}

#[test]
fn a_price_of_nothing_is_offered_without_legs() {
    let free = Settings {
        unit_prices: serde_json::from_str(r#"{"cu":"0","su":"0","ipv4u":"0"}"#).unwrap(),
        ..Settings::default()
    };
    let priced = quote(&order(&[1, 3]), &facts(), &free, now()).unwrap();
    assert!(priced.quote.options[0].amount.is_zero() && priced.quote.options[0].legs.is_empty());
}

proptest! {
    #[test]
    fn every_option_pays_out_exactly_what_it_asks(
        cu in 1..50_000_u64, su in 0..50_000_u64, seconds in 60..100_000_000_i64,
        rate in 1..1_000_000_u32, three: bool,
    ) {
        let mut facts = facts();
        facts.currencies.get_mut(&code("TFT")).unwrap().usd_rate = rust_decimal::Decimal::new(rate.into(), 5);
        let request = OrderRequest {
            units: Some(CloudUnits { su: MilliUnits::new(su).unwrap(), ..units(cu) }),
            duration_seconds: Some(seconds),
            ..order(if three { &[1, 2, 3] } else { &[2] })
        };
        for option in quote(&request, &facts, &Settings::default(), now()).unwrap().quote.options {
            prop_assert_eq!(option.legs_total(), Ok(option.amount));
        }
    }
}
