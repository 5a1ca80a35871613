use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use num_bigint::BigUint;
use num_rational::BigRational;
use num_traits::One;

use crate::domain::address::AccountId;
use crate::domain::asset::{Asset, AssetCode};
use crate::domain::currency::Currency;
use crate::domain::ids::{FarmId, NodeId};
use crate::domain::pool::{Extension, Pool};
use crate::domain::pricing::{
    DURATION_SECONDS_MAX, DURATION_SECONDS_MIN, PriceBreakdown, amount_in_currency, discount_percent,
    usd_price,
};
use crate::domain::refund::RefundAddress;
use crate::domain::reservation::{
    Leg, Order, PaymentOption, Quote, RESERVATION_NODES_MAX, RESERVATION_OPTIONS_MAX,
};
use crate::domain::split::{Distribution, Part, Recipient, split};
use crate::domain::units::CloudUnits;

use super::QuoteError;
use super::error::Refusal;
use super::facts::{Facts, OrderRequest};
use super::settings::{POOL_REMAINING_SECONDS_MIN, Settings};

/// An order with its price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Priced {
    /// What is ordered.
    pub order: Order,
    /// What it costs.
    pub quote: Quote,
}

/// The exact price, and how it divides among the farms.
struct Price {
    usd: BigRational,
    farm_weights: Vec<(FarmId, BigUint)>,
}

/// Prices an order in every currency that may pay for it. Pure: the same facts give the same quote.
///
/// Units are spread evenly over the sorted nodes, and a farm's share of the price is that of its nodes.
/// Currencies the caller names must all qualify; where none is named, those that do are offered.
pub fn quote(
    request: &OrderRequest,
    facts: &Facts,
    settings: &Settings,
    now: Timestamp,
) -> Result<Priced, QuoteError> {
    if !facts.customer_known {
        return Err(QuoteError::UnknownCustomer(request.customer));
    }
    if request
        .refund
        .as_ref()
        .and_then(RefundAddress::account)
        .is_some_and(|to| facts.payouts.ours.contains(&to))
    {
        return Err(QuoteError::RefundToUs);
    }
    let pool = pool(request, facts)?;
    let nodes = nodes(request, facts, pool)?;
    let order = order(request, pool, nodes, settings, now)?;
    let price = price(&order, facts, settings)?;
    let options = options(request, &Basis { order: &order, price: &price, facts, settings, now })?;
    let window = SignedDuration::from_secs(settings.payment_window_seconds.into());
    let deadline = now.checked_add(window).unwrap_or(Timestamp::MAX);
    Ok(Priced { order, quote: Quote { options, quoted_at: now, deadline } })
}

fn pool<'facts>(request: &OrderRequest, facts: &'facts Facts) -> Result<Option<&'facts Pool>, QuoteError> {
    let Some(id) = request.pool else { return Ok(None) };
    match &facts.pool {
        Some(pool) if pool.id == id && pool.tenant == request.tenant && pool.customer == request.customer => {
            Ok(Some(pool))
        }
        Some(_) | None => Err(QuoteError::UnknownPool(id)),
    }
}

/// The nodes of the order, sorted: those asked for, and those of the pool.
fn nodes(request: &OrderRequest, facts: &Facts, pool: Option<&Pool>) -> Result<Vec<NodeId>, QuoteError> {
    let mut nodes = BTreeSet::new();
    for (index, &node) in request.nodes.iter().enumerate() {
        if !nodes.insert(node) {
            return Err(QuoteError::DuplicateNode { index, node });
        }
        let Some(known) = facts.nodes.get(&node) else {
            return Err(QuoteError::UnknownNode { index, node });
        };
        if !facts.farms.contains_key(&known.farm) {
            return Err(QuoteError::NodeWithoutFarm { index: Some(index), node });
        }
    }
    if let Some(pool) = pool {
        nodes.extend(&pool.nodes);
        if let Some(&node) = nodes.iter().find(|node| farm_of(**node, facts).is_none()) {
            return Err(QuoteError::NodeWithoutFarm { index: None, node });
        }
        if (pool.free_only || facts.claims.play_money)
            && let Some(node) = paid_node(nodes.iter(), facts)
        {
            return Err(QuoteError::PaidNodeInFreePool { pool: pool.id, node });
        }
    }
    if nodes.is_empty() || nodes.len() > RESERVATION_NODES_MAX {
        return Err(QuoteError::NodeCount);
    }
    Ok(nodes.into_iter().collect())
}

fn farm_of(node: NodeId, facts: &Facts) -> Option<FarmId> {
    let farm = facts.nodes.get(&node)?.farm;
    facts.farms.contains_key(&farm).then_some(farm)
}

fn paid_node<'nodes>(nodes: impl Iterator<Item = &'nodes NodeId>, facts: &Facts) -> Option<NodeId> {
    let mut nodes = nodes.copied();
    nodes.find(|node| !facts.nodes.get(node).is_some_and(|node| node.free_to_use))
}

fn order(
    request: &OrderRequest,
    pool: Option<&Pool>,
    nodes: Vec<NodeId>,
    settings: &Settings,
    now: Timestamp,
) -> Result<Order, QuoteError> {
    let (units, seconds, extends) = match (pool, request.units, request.duration_seconds) {
        (None, None, _) => return Err(QuoteError::NoUnits),
        (None, Some(_), None) => return Err(QuoteError::NoDuration),
        (None, Some(units), Some(seconds)) => (units, seconds, None),
        (Some(_), None, None) => return Err(QuoteError::NothingToExtend),
        (Some(_), Some(_), Some(_)) => return Err(QuoteError::UnitsAndDuration),
        (Some(pool), None, Some(seconds)) => {
            (pool.units_at_expiry()?, seconds, Some(Extension::Time { pool: pool.id }))
        }
        (Some(pool), Some(units), None) => {
            let until = pool.expires_at();
            let extension = Extension::Capacity { pool: pool.id, until };
            (units, remaining_seconds(pool, settings, now)?, Some(extension))
        }
    };
    if units.is_zero() {
        return Err(QuoteError::NoUnits);
    }
    if !(DURATION_SECONDS_MIN..=DURATION_SECONDS_MAX).contains(&seconds) {
        return Err(QuoteError::Duration);
    }
    let refund = request.refund.clone();
    Ok(Order { customer: request.customer, nodes, units, seconds, extends, refund })
}

/// Whole seconds until the pool ends. They must outlast the payment window, so that what is sold can begin.
fn remaining_seconds(pool: &Pool, settings: &Settings, now: Timestamp) -> Result<i64, QuoteError> {
    let remaining_seconds = pool.expires_at().duration_since(now).as_secs();
    let needed_seconds = i64::from(settings.payment_window_seconds) + i64::from(POOL_REMAINING_SECONDS_MIN);
    if remaining_seconds < needed_seconds {
        return Err(QuoteError::PoolEndsTooSoon { pool: pool.id, remaining_seconds, needed_seconds });
    }
    Ok(remaining_seconds)
}

fn price(order: &Order, facts: &Facts, settings: &Settings) -> Result<Price, QuoteError> {
    let usd_of = |units| {
        usd_price(units, order.seconds, &settings.unit_prices, settings.network).map_err(QuoteError::Price)
    };
    let places = u32::try_from(order.nodes.len()).map_err(|_| QuoteError::NodeCount)?;
    let mut units_of: BTreeMap<FarmId, CloudUnits> = BTreeMap::new();
    for (&node, units) in order.nodes.iter().zip(order.units.spread(places)) {
        let farm = farm_of(node, facts).ok_or(QuoteError::NodeWithoutFarm { index: None, node })?;
        let sum = units_of.entry(farm).or_default();
        *sum = sum.checked_add(units)?;
    }
    let mut prices = Vec::with_capacity(units_of.len());
    for (farm, units) in units_of {
        prices.push((farm, usd_of(units)?));
    }
    Ok(Price { usd: usd_of(order.units)?, farm_weights: whole_weights(&prices) })
}

/// The same proportions in whole numbers: every fraction over the common denominator.
fn whole_weights(prices: &[(FarmId, BigRational)]) -> Vec<(FarmId, BigUint)> {
    let common = prices.iter().fold(BigRational::one(), |common, (_, price)| {
        let denominator = (price * &common).denom().clone();
        common * BigRational::from_integer(denominator)
    });
    prices.iter().map(|(farm, price)| (*farm, (price * &common).to_integer().magnitude().clone())).collect()
}

/// What every payment option of one quote is made from.
struct Basis<'a> {
    order: &'a Order,
    price: &'a Price,
    facts: &'a Facts,
    settings: &'a Settings,
    now: Timestamp,
}

fn options(request: &OrderRequest, basis: &Basis<'_>) -> Result<Vec<PaymentOption>, QuoteError> {
    let facts = basis.facts;
    let offer = |currency: &Currency| option(currency, basis);
    let mut options: Vec<PaymentOption> = Vec::new();
    if let Some(codes) = &request.currencies {
        if codes.is_empty() || codes.len() > RESERVATION_OPTIONS_MAX {
            return Err(QuoteError::CurrencyCount);
        }
        for (index, &code) in codes.iter().enumerate() {
            let Some(currency) = facts.currencies.get(&code) else {
                return Err(QuoteError::UnknownCurrency { index, code });
            };
            if options.iter().any(|option| option.asset == currency.asset) {
                return Err(QuoteError::DuplicateCurrency { index, code });
            }
            let refuse = |reason| QuoteError::Currency { index: Some(index), code, reason };
            options.push(offer(currency).map_err(refuse)?);
        }
        return Ok(options);
    }
    let mut first_refusal: Option<(AssetCode, Refusal)> = None;
    for currency in facts.currencies.values() {
        if options.len() == RESERVATION_OPTIONS_MAX {
            break;
        }
        if options.iter().any(|option| option.asset == currency.asset) {
            continue;
        }
        match offer(currency) {
            Ok(option) => options.push(option),
            Err(reason) => {
                first_refusal.get_or_insert((currency.code, reason));
            }
        }
    }
    match first_refusal {
        _ if !options.is_empty() => Ok(options),
        Some((code, reason)) => Err(QuoteError::Currency { index: None, code, reason }),
        None => Err(QuoteError::NoCurrency),
    }
}

fn option(currency: &Currency, basis: &Basis<'_>) -> Result<PaymentOption, Refusal> {
    let &Basis { order, price, facts, settings, now } = basis;
    if !currency.rate_is_fresh(now) {
        return Err(Refusal::RateStale);
    }
    if currency.free_only
        && let Some(node) = paid_node(order.nodes.iter().chain(&facts.claims.nodes), facts)
    {
        return Err(Refusal::FreeOnly(node));
    }
    let distribution = distribution(currency, price, facts)?;
    check_destinations(currency.asset, distribution, price, facts)?;
    let amount = amount_in_currency(&price.usd, currency.usd_rate).map_err(Refusal::Price)?;
    let legs = split(amount, distribution, &price.farm_weights)
        .map_err(Refusal::Split)?
        .into_iter()
        .map(|part| leg(part, currency.asset, facts))
        .collect::<Result<_, _>>()?;
    Ok(PaymentOption {
        currency: currency.code,
        asset: currency.asset,
        amount,
        free_only: currency.free_only,
        breakdown: PriceBreakdown {
            units: order.units,
            seconds: order.seconds,
            unit_prices: settings.unit_prices.clone(),
            discount_percent: discount_percent(order.seconds),
            network_divisor: settings.network.divisor(),
            usd_fraction: format!("{}/{}", price.usd.numer(), price.usd.denom()),
            usd_rate: currency.usd_rate,
        },
        distribution: distribution.name().to_owned(),
        legs,
    })
}

/// The currency's own distribution, or that of the farms, who must agree.
fn distribution<'facts>(
    currency: &'facts Currency,
    price: &Price,
    facts: &'facts Facts,
) -> Result<&'facts Distribution, Refusal> {
    if let Some(distribution) = &currency.distribution {
        return Ok(distribution);
    }
    let mut of_farms = price
        .farm_weights
        .iter()
        .filter_map(|(farm, _)| facts.farms.get(farm))
        .map(|farm| &farm.distribution);
    let first = of_farms.next().ok_or(Refusal::DistributionsDiffer)?;
    if of_farms.all(|other| other == first) { Ok(first) } else { Err(Refusal::DistributionsDiffer) }
}

/// Every recipient of the distribution must have somewhere to be paid, even if rounding leaves
/// it nothing this time.
fn check_destinations(
    asset: Asset,
    distribution: &Distribution,
    price: &Price,
    facts: &Facts,
) -> Result<(), Refusal> {
    for share in distribution.shares() {
        match share.recipient {
            Recipient::Farmer => {
                for (farm, _) in &price.farm_weights {
                    farmer_account(*farm, asset, facts)?;
                }
            }
            Recipient::Burn if asset.issuer().is_none() => {
                return Err(Refusal::NativeBurn(distribution.name().to_owned()));
            }
            Recipient::Burn => {}
            Recipient::Foundation | Recipient::Sales | Recipient::Wisdom => {
                settings_account(share.recipient, asset, facts)?;
            }
        }
    }
    Ok(())
}

fn leg(part: Part, asset: Asset, facts: &Facts) -> Result<Leg, Refusal> {
    let to = match (part.recipient, part.farm) {
        (Recipient::Farmer, Some(farm)) => farmer_account(farm, asset, facts)?,
        (Recipient::Burn, _) => asset.issuer().ok_or_else(|| Refusal::NativeBurn(String::new()))?,
        (recipient, _) => settings_account(recipient, asset, facts)?,
    };
    Ok(Leg { recipient: part.recipient, farm: part.farm, to, amount: part.amount })
}

fn farmer_account(farm: FarmId, asset: Asset, facts: &Facts) -> Result<AccountId, Refusal> {
    if facts.payouts.crowded.contains(&(farm, asset)) {
        return Err(Refusal::FarmLeavesUnclaimed(farm));
    }
    let account = facts.farms.get(&farm).and_then(|farm| farm.payout_addresses.get(&asset));
    usable(*account.ok_or(Refusal::NoFarmAddress(farm))?, asset, facts)
}

fn settings_account(recipient: Recipient, asset: Asset, facts: &Facts) -> Result<AccountId, Refusal> {
    let account = facts.payouts.accounts.of(recipient);
    usable(account.ok_or(Refusal::PayoutAddressMissing(recipient))?, asset, facts)
}

fn usable(account: AccountId, asset: Asset, facts: &Facts) -> Result<AccountId, Refusal> {
    if facts.payouts.ours.contains(&account) || asset.issuer() == Some(account) {
        return Err(Refusal::PayoutAddressRefused(account));
    }
    if facts.payouts.demand_memos.contains(&account) {
        return Err(Refusal::PayoutAddressDemandsMemo(account));
    }
    Ok(account)
}
