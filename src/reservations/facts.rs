use std::collections::{BTreeMap, BTreeSet};

use crate::domain::address::AccountId;
use crate::domain::asset::{Asset, AssetCode};
use crate::domain::claimable::FARM_CLAIMABLES_MAX;
use crate::domain::currency::Currency;
use crate::domain::farm::Farm;
use crate::domain::ids::{FarmId, IdentityId, NodeId, PoolId};
use crate::domain::node::Node;
use crate::domain::pool::Pool;
use crate::domain::refund::RefundAddress;
use crate::domain::reservation::{RESERVATION_NODES_MAX, RESERVATION_OPTIONS_MAX};
use crate::domain::tenant::Tenant;
use crate::domain::units::CloudUnits;
use crate::ports::store::{LIST_ROWS_MAX, PoolClaims, Tx};

use super::settings::PayoutAccounts;
use super::{Error, QuoteError};

/// Accounts asked of the store in one call.
const ACCOUNTS_BATCH_MAX: usize = 200;

/// What a customer asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRequest {
    /// The tenant whose customer orders, and whose nodes are ordered.
    pub tenant: Tenant,
    /// Who orders.
    pub customer: IdentityId,
    /// The nodes; for an extension those to add to the pool's own, if any.
    pub nodes: Vec<NodeId>,
    /// The capacity over all nodes together. None for an extension in time.
    pub units: Option<CloudUnits>,
    /// For how long, in seconds. None for an extension in capacity, which lasts as long as its pool.
    pub duration_seconds: Option<i64>,
    /// The pool to extend.
    pub pool: Option<PoolId>,
    /// The currencies to offer; `None` for all that qualify.
    pub currencies: Option<Vec<AssetCode>>,
    /// Where money goes back to that cannot go back to where it came from.
    pub refund: Option<RefundAddress>,
}

/// Everything a quote is made from, read in one transaction.
#[derive(Clone, Debug)]
pub struct Facts {
    /// True if the customer is known.
    pub customer_known: bool,
    /// The nodes of the request, of the pool and of what claims it that are known.
    pub nodes: BTreeMap<NodeId, Node>,
    /// Their farms that are known.
    pub farms: BTreeMap<FarmId, Farm>,
    /// The pool to extend, if it is known.
    pub pool: Option<Pool>,
    /// What reservations that have not ended may still add to that pool.
    pub claims: PoolClaims,
    /// The currencies asked for that are known, or all, by code.
    pub currencies: BTreeMap<AssetCode, Currency>,
    /// Where money may go, and where it must not.
    pub payouts: Payouts,
}

/// Where money may go, and where it must not.
#[derive(Clone, Debug, Default)]
pub struct Payouts {
    /// Recipients other than farmers.
    pub accounts: PayoutAccounts,
    /// Accounts of this service among all payout addresses.
    pub ours: BTreeSet<AccountId>,
    /// Payout addresses that are looked at by the engine.
    pub watched: BTreeSet<AccountId>,
    /// Those of them that demand a memo of whoever pays them (SEP-29).
    pub demand_memos: BTreeSet<AccountId>,
    /// Farms that cannot be paid in an asset, and leave as many claimable balances of it unclaimed as may
    /// stand for one farm.
    pub crowded: BTreeSet<(FarmId, Asset)>,
}

/// Reads what a quote needs. Lists over their bounds are not read; [`super::quote`] refuses them.
pub async fn load(
    tx: &mut dyn Tx,
    request: &OrderRequest,
    accounts: &PayoutAccounts,
    platform: AccountId,
) -> Result<Facts, Error> {
    if request.nodes.len() > RESERVATION_NODES_MAX {
        return Err(QuoteError::NodeCount.into());
    }
    let customer_known = tx.identity(&request.tenant, request.customer).await?.is_some();
    // The claims first: from then on nobody else claims or credits the pool.
    let (claims, pool) = match request.pool {
        Some(id) => (tx.pool_claims(id).await?, tx.pool(id).await?),
        None => (PoolClaims::default(), None),
    };
    let mut wanted: BTreeSet<NodeId> = request.nodes.iter().copied().collect();
    wanted.extend(pool.iter().flat_map(|pool| pool.nodes.iter().copied()));
    wanted.extend(&claims.nodes);
    let mut nodes = BTreeMap::new();
    let mut farms = BTreeMap::new();
    for id in wanted {
        let Some(node) = tx.node(&request.tenant, id).await? else { continue };
        if !farms.contains_key(&node.farm)
            && let Some(farm) = tx.farm(&request.tenant, node.farm).await?
        {
            farms.insert(farm.id, farm);
        }
        nodes.insert(id, node);
    }
    let currencies = load_currencies(tx, request.currencies.as_deref()).await?;
    let mut candidates: BTreeSet<AccountId> = accounts.all().collect();
    candidates.extend(request.refund.as_ref().and_then(RefundAddress::account));
    for currency in currencies.values() {
        candidates.extend(farms.values().filter_map(|farm| farm.payout_addresses.get(&currency.asset)));
    }
    let candidates: Vec<AccountId> = candidates.into_iter().collect();
    let crowded = tx.farms_with_claimables(&request.tenant, FARM_CLAIMABLES_MAX, LIST_ROWS_MAX).await?;
    let crowded = crowded.into_iter().collect();
    let payouts = Payouts { crowded, ..payouts(tx, &candidates, accounts, platform).await? };
    Ok(Facts { customer_known, nodes, farms, pool, claims, currencies, payouts })
}

async fn load_currencies(
    tx: &mut dyn Tx,
    asked: Option<&[AssetCode]>,
) -> Result<BTreeMap<AssetCode, Currency>, Error> {
    let mut currencies = BTreeMap::new();
    match asked {
        Some(codes) if codes.len() > RESERVATION_OPTIONS_MAX => return Err(QuoteError::CurrencyCount.into()),
        Some(codes) => {
            for code in codes {
                if let Some(currency) = tx.currency(*code).await? {
                    currencies.insert(*code, currency);
                }
            }
        }
        None => {
            // What cannot be read is not offered; the others are.
            for currency in tx.currencies(None, LIST_ROWS_MAX).await?.readable(|_| {}) {
                currencies.insert(currency.code, currency);
            }
        }
    }
    Ok(currencies)
}

async fn payouts(
    tx: &mut dyn Tx,
    candidates: &[AccountId],
    accounts: &PayoutAccounts,
    platform: AccountId,
) -> Result<Payouts, Error> {
    let mut payouts = Payouts { accounts: accounts.clone(), ..Payouts::default() };
    payouts.ours.extend(tx.channels().await?.keys());
    payouts.ours.insert(platform);
    for batch in candidates.chunks(ACCOUNTS_BATCH_MAX) {
        payouts.ours.extend(tx.escrows(batch).await?.keys());
        for check in tx.payout_checks(batch).await? {
            payouts.watched.insert(check.account);
            if check.memo_required {
                payouts.demand_memos.insert(check.account);
            }
        }
    }
    Ok(payouts)
}
