use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::payment::Memo;
use super::refund::RefundAddress;
use super::sep7::pay_uri;
use super::text::{AccountText, AmountText, AssetText, IdText, Rate, TenantText, TimeText, Units};
use crate::domain::address::AccountId;
use crate::domain::asset::{Asset, AssetCode};
use crate::domain::ids::{FarmId, IdentityId, LedgerSeq, NodeId, PoolId, ReservationId, TxHash};
use crate::domain::money::Stroops;
use crate::domain::payment::PaymentId;
use crate::domain::pool::Extension;
use crate::domain::pricing::PriceBreakdown;
use crate::domain::reservation::{self, State};
use crate::domain::split::Recipient;
use crate::domain::tenant::Tenant;

/// What is ordered.
///
/// For a new pool: nodes, units and a duration. With a `pool_id`, either a duration (the same units for
/// longer) or units (more of them until the pool ends); nodes named are then added to the pool's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReservationOrder {
    /// Who orders; it must be known.
    #[schema(value_type = IdText)]
    pub customer_id: IdentityId,
    /// The nodes, each once.
    #[serde(default)]
    #[schema(value_type = Vec<IdText>, max_items = 100)]
    pub nodes: Vec<NodeId>,
    /// The capacity over all nodes together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<Units>,
    /// For how long, in seconds from settlement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 60, maximum = 315_360_000)]
    pub duration_seconds: Option<i64>,
    /// The pool to extend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<IdText>)]
    pub pool_id: Option<PoolId>,
    /// The currencies to offer; all that qualify, if left out. One that is named must qualify.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, max_items = 16)]
    pub currencies: Option<Vec<AssetCode>>,
    /// Where money goes back to that cannot go back to where it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<RefundAddress>,
}

/// A capacity reservation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Reservation {
    /// Its id.
    #[schema(value_type = IdText)]
    pub id: ReservationId,
    /// The tenant that it belongs to.
    #[schema(value_type = TenantText)]
    pub tenant: Tenant,
    /// Where it stands: `awaiting_signatures`, `awaiting_farmer`, `awaiting_payment`, `funded`, `settling`,
    /// `settled`, `rejected`, `cancelled`, `expired`, `refunding`, `refunded` or `held`.
    ///
    /// `expired`: nothing that counts came in time; money in assets that no option asks for goes straight
    /// back and does not count. `refunding`: what counted goes back; a payment whose return is `undecided`
    /// waits until somebody says where it belongs. `refunded`: all that counted has gone back.
    #[schema(example = "awaiting_payment")]
    pub state: &'static str,
    /// Who ordered.
    #[schema(value_type = IdText)]
    pub customer_id: IdentityId,
    /// The nodes.
    #[schema(value_type = Vec<IdText>)]
    pub nodes: Vec<NodeId>,
    /// The capacity over all nodes together.
    pub units: Units,
    /// For how long, in seconds.
    pub duration_seconds: i64,
    /// The pool it extends; `null` for a new one.
    pub extends: Option<Extends>,
    /// Where to pay.
    pub escrow: Escrow,
    /// The ways to pay: one of them in full.
    pub payment_options: Vec<PaymentOption>,
    /// A payment is in time if its ledger closed at or before this.
    #[schema(value_type = TimeText)]
    pub deadline: Timestamp,
    /// Where money goes back to that cannot go back to where it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund: Option<RefundAddress>,
    /// What funded it, once that has happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub funding: Option<Funding>,
    /// How it was settled, once that has happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settlement: Option<Settlement>,
    /// Why it was rejected, is held or is paid back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What its account lacks, if it is held and that is known; left out where nothing is missing, as while
    /// it is frozen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lacks: Option<Lack>,
    /// When it ended without a settlement, or since when money is held or going back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<TimeText>)]
    pub since: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = TimeText)]
    pub created_at: Timestamp,
    /// When it was asked to be called off, if it was; decided with one of the ledgers after that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<TimeText>)]
    pub cancel_requested_at: Option<Timestamp>,
}

/// How a reservation extends a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Extends {
    /// The pool.
    #[schema(value_type = IdText)]
    pub pool_id: PoolId,
    /// `time` or `capacity`.
    #[schema(example = "time")]
    pub dimension: &'static str,
    /// When added capacity ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<TimeText>)]
    pub until: Option<Timestamp>,
}

/// Where to pay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Escrow {
    /// The account of this reservation alone.
    #[schema(value_type = AccountText)]
    pub address: AccountId,
    /// The memo to pay with.
    pub memo: Memo,
}

/// One way to pay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PaymentOption {
    /// The currency.
    #[schema(value_type = String, example = "TFT")]
    pub currency: AssetCode,
    /// The asset to pay in.
    #[schema(value_type = AssetText)]
    pub asset: Asset,
    /// The exact amount.
    #[schema(value_type = AmountText)]
    pub amount: Stroops,
    /// SEP-7: opens the payment in a wallet.
    pub sep7_uri: String,
    /// True for play money.
    pub free_only: bool,
    /// What the amount was computed from.
    pub breakdown: Breakdown,
    /// The distribution's name.
    #[schema(example = "grid3")]
    pub distribution: String,
    /// Who is paid how much: sums to the amount.
    pub legs: Vec<Leg>,
}

/// What an amount was computed from:
/// `units × unit price × seconds / 2592000 × (1 − discount) / divisor / rate`, rounded up once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Breakdown {
    /// The capacity priced.
    pub units: Units,
    /// The time priced.
    pub duration_seconds: i64,
    /// USD per unit and 30 days.
    pub unit_prices: UnitPrices,
    /// The discount for duration.
    pub discount_percent: u8,
    /// What the network divides prices by.
    pub network_divisor: u32,
    /// The exact USD price, `numerator/denominator`.
    #[schema(example = "12/1")]
    pub usd: String,
    /// USD for one unit of the currency.
    pub usd_rate: Rate,
}

/// USD per unit and 30 days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct UnitPrices {
    /// Per compute unit.
    #[schema(example = "10")]
    pub cu: String,
    /// Per storage unit.
    #[schema(example = "8")]
    pub su: String,
    /// Per public IPv4 address.
    #[schema(example = "6")]
    pub ipv4u: String,
}

/// One payout of the settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Leg {
    /// `farmer`, `foundation`, `burn`, `sales` or `wisdom`.
    #[schema(value_type = String, example = "farmer")]
    pub recipient: Recipient,
    /// Which farm, for a farmer's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<IdText>)]
    pub farm_id: Option<FarmId>,
    /// The account paid.
    #[schema(value_type = AccountText)]
    pub to: AccountId,
    /// How much.
    #[schema(value_type = AmountText)]
    pub amount: Stroops,
}

/// What funded a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Funding {
    /// In what.
    #[schema(value_type = AssetText)]
    pub asset: Asset,
    /// What is paid out.
    #[schema(value_type = AmountText)]
    pub amount: Stroops,
    /// The payment that completed it; `null` for a price of zero.
    #[schema(value_type = Option<String>)]
    pub payment_id: Option<PaymentId>,
    /// When that payment's ledger closed.
    #[schema(value_type = TimeText)]
    pub at: Timestamp,
}

/// What the account of a held reservation has too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Lack {
    /// In what.
    #[schema(value_type = AssetText)]
    pub asset: Asset,
    /// How much.
    #[schema(value_type = AmountText)]
    pub amount: Stroops,
}

impl From<reservation::Lack> for Lack {
    fn from(lack: reservation::Lack) -> Self {
        Self { asset: lack.asset, amount: lack.amount }
    }
}

/// How a reservation was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Settlement {
    /// The transaction; `null` for a price of zero.
    #[schema(value_type = Option<String>)]
    pub transaction: Option<TxHash>,
    /// Its ledger.
    #[schema(value_type = Option<u32>)]
    pub ledger: Option<LedgerSeq>,
    /// When its ledger closed.
    #[schema(value_type = TimeText)]
    pub at: Timestamp,
    /// The pool that was created or extended.
    #[schema(value_type = IdText)]
    pub pool_id: PoolId,
}

impl From<&Extension> for Extends {
    fn from(extension: &Extension) -> Self {
        match extension {
            Extension::Time { pool } => Self { pool_id: *pool, dimension: "time", until: None },
            Extension::Capacity { pool, until } => {
                Self { pool_id: *pool, dimension: "capacity", until: Some(*until) }
            }
        }
    }
}

impl From<&PriceBreakdown> for Breakdown {
    fn from(breakdown: &PriceBreakdown) -> Self {
        let text = |price: Decimal| price.normalize().to_string();
        let prices = &breakdown.unit_prices;
        Self {
            units: breakdown.units.into(),
            duration_seconds: breakdown.seconds,
            unit_prices: UnitPrices { cu: text(prices.cu), su: text(prices.su), ipv4u: text(prices.ipv4u) },
            discount_percent: breakdown.discount_percent,
            network_divisor: breakdown.network_divisor,
            usd: breakdown.usd_fraction.clone(),
            usd_rate: Rate::new(breakdown.usd_rate),
        }
    }
}

impl From<&reservation::Funding> for Funding {
    fn from(funding: &reservation::Funding) -> Self {
        Self { asset: funding.asset, amount: funding.amount, payment_id: funding.payment, at: funding.at }
    }
}

impl From<&reservation::Settlement> for Settlement {
    fn from(settlement: &reservation::Settlement) -> Self {
        Self {
            transaction: settlement.transaction,
            ledger: settlement.ledger,
            at: settlement.at,
            pool_id: settlement.pool,
        }
    }
}

impl From<&reservation::Leg> for Leg {
    fn from(leg: &reservation::Leg) -> Self {
        Self { recipient: leg.recipient, farm_id: leg.farm, to: leg.to, amount: leg.amount }
    }
}

impl Reservation {
    /// A reservation; `network_passphrase` is `None` on the public network.
    pub fn new(reservation: &reservation::Reservation, network_passphrase: Option<&str>) -> Self {
        let reservation::Reservation { id, order, quote, escrow, memo, state, created_at, .. } = reservation;
        let cancel_requested_at = reservation.cancel_requested_at;
        let option = |option: &reservation::PaymentOption| PaymentOption {
            currency: option.currency,
            asset: option.asset,
            amount: option.amount,
            sep7_uri: pay_uri(*escrow, option.asset, option.amount, memo, network_passphrase),
            free_only: option.free_only,
            breakdown: (&option.breakdown).into(),
            distribution: option.distribution.clone(),
            legs: option.legs.iter().map(Leg::from).collect(),
        };
        let facts = Facts::of(state);
        Self {
            id: *id,
            tenant: reservation.tenant.clone(),
            state: state.name(),
            customer_id: order.customer,
            nodes: order.nodes.clone(),
            units: order.units.into(),
            duration_seconds: order.seconds,
            extends: order.extends.as_ref().map(Extends::from),
            escrow: Escrow { address: *escrow, memo: memo.into() },
            payment_options: quote.options.iter().map(option).collect(),
            deadline: quote.deadline,
            refund: order.refund.clone().map(RefundAddress::from),
            funding: facts.funding,
            settlement: facts.settlement,
            reason: facts.reason,
            lacks: state.lacks().map(Lack::from),
            since: facts.since,
            created_at: *created_at,
            cancel_requested_at,
        }
    }
}

/// What a state has to tell.
#[derive(Default)]
struct Facts {
    funding: Option<Funding>,
    settlement: Option<Settlement>,
    reason: Option<String>,
    since: Option<Timestamp>,
}

impl Facts {
    fn of(state: &State) -> Self {
        let none = Self::default();
        match state {
            State::AwaitingSignatures | State::AwaitingFarmer { .. } | State::AwaitingPayment { .. } => none,
            State::Funded { funding } | State::Settling { funding, .. } => {
                Self { funding: Some(funding.into()), ..none }
            }
            State::Settled { funding, settlement } => {
                Self { funding: Some(funding.into()), settlement: Some(settlement.into()), ..none }
            }
            State::Rejected { reason, at } => Self { reason: Some(reason.clone()), since: Some(*at), ..none },
            State::Cancelled { at } | State::Expired { at, .. } => Self { since: Some(*at), ..none },
            State::Refunding { why, since } => {
                Self { reason: Some(reason(*why).to_owned()), since: Some(*since), ..none }
            }
            State::Refunded { why, at } => {
                Self { reason: Some(reason(*why).to_owned()), since: Some(*at), ..none }
            }
            State::Held { funding, why, since, .. } => Self {
                funding: Some(funding.into()),
                reason: Some(format!("{}: {}", why.code, why.detail)),
                since: Some(*since),
                ..none
            },
        }
    }
}

const fn reason(why: reservation::RefundReason) -> &'static str {
    match why {
        reservation::RefundReason::PaidInPart => "paid_in_part",
        reservation::RefundReason::Cancelled => "cancelled",
        reservation::RefundReason::SettlementImpossible => "settlement_impossible",
    }
}

/// An operator's decision about a held reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    /// What becomes of it.
    pub decision: ResolutionDecision,
}

/// What becomes of a held reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResolutionDecision {
    /// Its settlement is tried again at once.
    Settle,
    /// What remains goes back; the latest payment bears what is missing.
    Refund,
}
