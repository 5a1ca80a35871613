//! What a run's farm has, and who orders of it.

use std::sync::Arc;

use jiff::Timestamp;

use super::actors::{FARMER, account};
use super::error::SimulationError;
use crate::domain::asset::Asset;
use crate::domain::currency::Currency;
use crate::domain::farm::Farm;
use crate::domain::identity::Identity;
use crate::domain::ids::{FarmId, IdentityId, NodeId};
use crate::domain::node::Node;
use crate::domain::split::Distribution;
use crate::domain::tenant::Tenant;
use crate::domain::units::{CloudUnits, MilliUnits};
use crate::ports::store::{Store, StoreError, transact};

/// Seconds a customer has to pay.
pub(super) const WINDOW_SECONDS: u32 = 240;

const fn id<T: Copy, E: Copy>(id: Result<T, E>) -> T {
    match id {
        Ok(id) => id,
        Err(_) => panic!("a small number is an id"),
    }
}

pub(super) const CUSTOMER: IdentityId = id(IdentityId::new(2));
const FARM_OWNER: IdentityId = id(IdentityId::new(1));
const FARM: FarmId = id(FarmId::new(1));
/// The node that costs something.
pub(super) const NODE: NodeId = id(NodeId::new(1));
/// The node that may be had for play money.
pub(super) const FREE_NODE: NodeId = id(NodeId::new(2));

pub(super) fn units(milli: u64) -> CloudUnits {
    CloudUnits { cu: MilliUnits::new(milli).unwrap_or_default(), ..CloudUnits::default() }
}

/// Stores the farm, its nodes, a customer and the currencies: TFT, TFTA, and play money.
pub(super) async fn describe(
    store: &Arc<dyn Store>,
    [tft, tfta, play]: [Asset; 3],
    now: Timestamp,
) -> Result<(), SimulationError> {
    let setup = |reason: &dyn std::fmt::Display| SimulationError::Setup { reason: reason.to_string() };
    let farm = Farm {
        tenant: Tenant::default(),
        id: FARM,
        name: "North".to_owned(),
        owner: FARM_OWNER,
        payout_addresses: [(tft, account(FARMER)), (tfta, account(FARMER))].into(),
        distribution: Distribution::known("grid2").map_err(|error| setup(&error))?,
    };
    let capacity = units(1_000_000);
    let node = Node { tenant: Tenant::default(), id: NODE, farm: farm.id, capacity, free_to_use: false };
    let free_node = Node { id: FREE_NODE, free_to_use: true, ..node.clone() };
    let customer = Identity {
        tenant: Tenant::default(),
        id: CUSTOMER,
        name: "Customer".to_owned(),
        public_key: hex::encode(account("customer").0).parse().map_err(|_| setup(&"no key"))?,
    };
    let mut currencies = Vec::new();
    for (code, asset) in [("TFT", tft), ("TFTA", tfta), ("FreeTFT", play)] {
        let is_play = asset == play;
        let distribution = if is_play { Distribution::known("free").ok() } else { None };
        currencies.push(Currency {
            code: code.parse().map_err(|_| setup(&"no code"))?,
            asset,
            usd_rate: "0.05".parse().map_err(|_| setup(&"no rate"))?,
            rate_at: now,
            rate_valid_seconds: 30 * 86_400,
            distribution,
            free_only: is_play,
        });
    }
    transact(store, move |tx| {
        let (farm, nodes) = (farm.clone(), [node.clone(), free_node.clone()]);
        let (customer, currencies) = (customer.clone(), currencies.clone());
        Box::pin(async move {
            let mut put = vec![tx.put_farm(&farm).await?];
            for node in &nodes {
                put.push(tx.put_node(node).await?);
            }
            put.push(tx.put_identity(&customer).await?);
            for currency in &currencies {
                put.push(tx.put_currency(currency, None).await?);
            }
            drop(put);
            Ok::<_, StoreError>(())
        })
    })
    .await
    .map_err(SimulationError::from)
}
