use crate::domain::address::AccountId;
use crate::domain::asset::AssetCode;
use crate::domain::claimable::FARM_CLAIMABLES_MAX;
use crate::domain::ids::{FarmId, IdentityId, NodeId, PoolId};
use crate::domain::ledger::Divergence;
use crate::domain::pricing::{DURATION_SECONDS_MAX, DURATION_SECONDS_MIN, PriceError};
use crate::domain::reservation::{InvalidTransition, RESERVATION_NODES_MAX, RESERVATION_OPTIONS_MAX};
use crate::domain::split::{Recipient, SplitError};
use crate::domain::units::UnitsError;
use crate::ports::store::{RetryOn, StoreError};

/// Why an order cannot be priced. Indices are places in the request's lists.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuoteError {
    /// No such customer.
    #[error("identity {0} is not known")]
    UnknownCustomer(IdentityId),
    /// No nodes, or too many.
    #[error("a reservation names 1 to {RESERVATION_NODES_MAX} nodes")]
    NodeCount,
    /// No such node.
    #[error("node {node} is not known")]
    UnknownNode {
        /// Its place.
        index: usize,
        /// The node.
        node: NodeId,
    },
    /// The node's farm is gone.
    #[error("node {node} belongs to no known farm")]
    NodeWithoutFarm {
        /// Its place; `None` for a node of the pool.
        index: Option<usize>,
        /// The node.
        node: NodeId,
    },
    /// A node stands twice.
    #[error("node {node} is named twice")]
    DuplicateNode {
        /// The second place.
        index: usize,
        /// The node.
        node: NodeId,
    },
    /// A node that costs money, and a pool that was bought with play money or is about to be.
    #[error(
        "pool {pool} holds play-money capacity, or is to get some: node {node} is not free to use and cannot \
         join it"
    )]
    PaidNodeInFreePool {
        /// The pool.
        pool: PoolId,
        /// The node.
        node: NodeId,
    },
    /// No units where there must be some.
    #[error("a reservation asks for cloud units above zero")]
    NoUnits,
    /// Units where there must be none.
    #[error("an extension in time keeps the pool's units: give either units or a duration")]
    UnitsAndDuration,
    /// Neither units nor a duration for an extension.
    #[error("an extension of a pool gives either duration_seconds (more time) or units (more capacity)")]
    NothingToExtend,
    /// No duration for a new pool.
    #[error("a reservation gives its duration_seconds")]
    NoDuration,
    /// The duration is out of bounds.
    #[error("a reservation lasts from {DURATION_SECONDS_MIN} to {DURATION_SECONDS_MAX} seconds")]
    Duration,
    /// No such pool, or somebody else's.
    #[error("pool {0} is not a pool of this customer")]
    UnknownPool(PoolId),
    /// The pool ends too soon for more units to be sold in it.
    #[error("pool {pool} ends in {remaining_seconds} seconds: more units need at least {needed_seconds}")]
    PoolEndsTooSoon {
        /// The pool.
        pool: PoolId,
        /// What remains of it.
        remaining_seconds: i64,
        /// What would be enough.
        needed_seconds: i64,
    },
    /// An empty list of currencies, or too many.
    #[error("a reservation names 1 to {RESERVATION_OPTIONS_MAX} currencies, or leaves the list out for all")]
    CurrencyCount,
    /// No such currency.
    #[error("currency {code} is not known")]
    UnknownCurrency {
        /// Its place.
        index: usize,
        /// The currency.
        code: AssetCode,
    },
    /// A currency stands twice, or two of them are the same asset.
    #[error("currency {code} is named twice, or has the asset of another")]
    DuplicateCurrency {
        /// The second place.
        index: usize,
        /// The currency.
        code: AssetCode,
    },
    /// There is no currency at all.
    #[error("no currency is known that could pay")]
    NoCurrency,
    /// This currency does not pay for this order.
    #[error("currency {code}: {reason}")]
    Currency {
        /// Its place in the request; `None` where all were asked for and none qualifies.
        index: Option<usize>,
        /// The currency.
        code: AssetCode,
        /// Why not.
        reason: Refusal,
    },
    /// Money cannot go back to an account of ours.
    #[error("money cannot be returned to an account of this service")]
    RefundToUs,
    /// The price cannot be computed.
    #[error("the price: {0}")]
    Price(PriceError),
    /// The sum of units does not fit.
    #[error(transparent)]
    Units(#[from] UnitsError),
}

/// Why a currency does not pay for an order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its rate is too old.
    #[error("its rate is out of date")]
    RateStale,
    /// Play money, and a node that is not free to use.
    #[error("it pays for free nodes only, and node {0} is not free to use")]
    FreeOnly(NodeId),
    /// A farm takes none of it.
    #[error("farm {0} has no payout address for it")]
    NoFarmAddress(FarmId),
    /// A farm could not be paid in it too often, and has not claimed what was put aside for it.
    #[error("farm {0} has {FARM_CLAIMABLES_MAX} payouts of it to claim before it is paid more")]
    FarmLeavesUnclaimed(FarmId),
    /// The farms do not agree on who gets what.
    #[error("the nodes' farms have different distributions")]
    DistributionsDiffer,
    /// XLM has no issuer.
    #[error("XLM cannot be burned, and the distribution {0} burns")]
    NativeBurn(String),
    /// The service has no account for a recipient.
    #[error("no payout account is configured for {}", .0.as_str())]
    PayoutAddressMissing(Recipient),
    /// A payout would go to an account of the service, or burn the money.
    #[error("the payout address {0} is an account of this service or the asset's issuer")]
    PayoutAddressRefused(AccountId),
    /// A payout would go to an account that cannot be told whose it is.
    #[error("the payout address {0} takes payments with a memo only (SEP-29), and a payout has none")]
    PayoutAddressDemandsMemo(AccountId),
    /// The price.
    #[error(transparent)]
    Price(PriceError),
    /// The split.
    #[error(transparent)]
    Split(SplitError),
}

/// Why a reservation was not made, or not found.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The order cannot be priced.
    #[error(transparent)]
    Quote(#[from] QuoteError),
    /// No escrow account is ready; nothing was stored.
    #[error("no escrow account is ready; try again in a moment")]
    NoEscrowReady,
    /// The network is not where it was seen: nobody could tell who pays. Nothing was stored.
    #[error("{}: {}", .0.name(), .0)]
    Diverged(Divergence),
    /// A way between states that does not exist.
    #[error(transparent)]
    Transition(#[from] InvalidTransition),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RetryOn for Error {
    fn is_conflict(&self) -> bool {
        match self {
            Self::Store(error) => error.is_conflict(),
            Self::Quote(_) | Self::NoEscrowReady | Self::Diverged(_) | Self::Transition(_) => false,
        }
    }
}
