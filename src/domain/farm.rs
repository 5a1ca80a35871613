//! Farms: who is paid for capacity.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::address::AccountId;
use super::asset::Asset;
use super::ids::{FarmId, IdentityId};
use super::split::Distribution;
use super::tenant::Tenant;

/// Longest name of a farm, node or identity, in bytes.
pub const NAME_BYTES_MAX: usize = 128;
/// Most assets a farm may have a payout address for.
pub const FARM_PAYOUTS_MAX: usize = 16;

/// A farm as the explorer describes it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Farm {
    /// The tenant that it belongs to.
    pub tenant: Tenant,
    /// Its id within the tenant.
    pub id: FarmId,
    /// Its name.
    pub name: String,
    /// The identity that owns it.
    pub owner: IdentityId,
    /// Where it is paid, per asset. A currency without an address here does not pay for its nodes.
    pub payout_addresses: BTreeMap<Asset, AccountId>,
    /// How its reservations are distributed, where the currency does not override it.
    pub distribution: Distribution,
}

/// What of a farm says who is paid.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FarmTerms {
    /// The identity that owns it.
    pub owner: IdentityId,
    /// Where it is paid, per asset.
    pub payout_addresses: BTreeMap<Asset, AccountId>,
    /// How its reservations are distributed.
    pub distribution: Distribution,
}

impl From<&Farm> for FarmTerms {
    fn from(farm: &Farm) -> Self {
        Self {
            owner: farm.owner,
            payout_addresses: farm.payout_addresses.clone(),
            distribution: farm.distribution.clone(),
        }
    }
}
