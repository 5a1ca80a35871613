use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::distribution::{Distribution, DistributionChoice};
use super::payout_change::PayoutChange;
use super::text::{AccountText, AssetText, IdText, Name, Rate, TenantText, TimeText, Units, UnitsText};
use crate::domain::address::AccountId;
use crate::domain::asset::{Asset, AssetCode};
use crate::domain::identity::PublicKey;
use crate::domain::ids::{FarmId, IdentityId, NodeId};
use crate::domain::tenant::Tenant;
use crate::domain::units::{MilliUnits, ResourceUnits};
use crate::domain::{currency, farm, identity, node};

/// A farm, to be described.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FarmBody {
    /// Its name.
    pub name: Name,
    /// The identity that owns it; it must be known.
    #[schema(value_type = IdText)]
    pub owner_id: IdentityId,
    /// Where it is paid, per asset. A currency without an address here does not pay for its nodes.
    #[schema(value_type = BTreeMap<String, AccountText>)]
    pub payout_addresses: BTreeMap<Asset, AccountId>,
    /// How its reservations are distributed, where the currency does not override it.
    pub distribution: DistributionChoice,
}

/// A farm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Farm {
    /// The tenant that it belongs to.
    #[schema(value_type = TenantText)]
    pub tenant: Tenant,
    /// Its id within the tenant.
    #[schema(value_type = IdText)]
    pub id: FarmId,
    /// Its name.
    pub name: String,
    /// The identity that owns it.
    #[schema(value_type = IdText)]
    pub owner_id: IdentityId,
    /// Where it is paid, per asset.
    #[schema(value_type = BTreeMap<String, AccountText>)]
    pub payout_addresses: BTreeMap<Asset, AccountId>,
    /// How its reservations are distributed.
    pub distribution: Distribution,
    /// What of the description is not in force yet, since somebody else is paid by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payout_change: Option<PayoutChange>,
}

impl From<farm::Farm> for Farm {
    fn from(farm: farm::Farm) -> Self {
        Self {
            tenant: farm.tenant,
            id: farm.id,
            name: farm.name,
            owner_id: farm.owner,
            distribution: (&farm.distribution).into(),
            payout_addresses: farm.payout_addresses,
            payout_change: None,
        }
    }
}

/// What a machine has. Its cloud units are `cu = min(mru / 4, cru / 2)` and `su = hru / 1200 + sru / 300`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// Logical cores.
    #[schema(value_type = UnitsText)]
    pub cru: MilliUnits,
    /// Memory, GiB.
    #[schema(value_type = UnitsText)]
    pub mru: MilliUnits,
    /// Disk, GiB.
    #[schema(value_type = UnitsText)]
    pub hru: MilliUnits,
    /// SSD, GiB.
    #[schema(value_type = UnitsText)]
    pub sru: MilliUnits,
    /// Public IPv4 addresses.
    #[serde(default)]
    #[schema(value_type = UnitsText)]
    pub ipv4u: MilliUnits,
}

impl Resources {
    /// The resource units; IPv4 addresses are none of them.
    pub const fn units(&self) -> ResourceUnits {
        ResourceUnits { cru: self.cru, mru: self.mru, hru: self.hru, sru: self.sru }
    }
}

/// A node, to be described: by its cloud units or by its resources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeBody {
    /// The farm it belongs to; it must be known.
    #[schema(value_type = IdText)]
    pub farm_id: FarmId,
    /// What it has, in cloud units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Units>,
    /// What it has, in resource units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// True if play money may pay for it. Cannot be cleared while such capacity is on it.
    #[serde(default)]
    pub free_to_use: bool,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Node {
    /// The tenant that it belongs to.
    #[schema(value_type = TenantText)]
    pub tenant: Tenant,
    /// Its id within the tenant.
    #[schema(value_type = IdText)]
    pub id: NodeId,
    /// The farm it belongs to.
    #[schema(value_type = IdText)]
    pub farm_id: FarmId,
    /// What it has.
    pub capacity: Units,
    /// True if play money may pay for it.
    pub free_to_use: bool,
    /// What of the description is not in force yet, since somebody else is paid by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payout_change: Option<PayoutChange>,
}

impl From<node::Node> for Node {
    fn from(node: node::Node) -> Self {
        Self {
            tenant: node.tenant,
            id: node.id,
            farm_id: node.farm,
            capacity: node.capacity.into(),
            free_to_use: node.free_to_use,
            payout_change: None,
        }
    }
}

/// An identity, to be described.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityBody {
    /// Its name.
    pub name: Name,
    /// Its ed25519 public key in hexadecimal digits, with which it signs reservations.
    #[schema(value_type = String, pattern = "^[0-9a-fA-F]{64}$")]
    pub public_key: PublicKey,
}

/// A customer, farmer or sales channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Identity {
    /// The tenant that it belongs to.
    #[schema(value_type = TenantText)]
    pub tenant: Tenant,
    /// Its id within the tenant.
    #[schema(value_type = IdText)]
    pub id: IdentityId,
    /// Its name.
    pub name: String,
    /// Its ed25519 public key in hexadecimal digits.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub public_key: PublicKey,
    /// What of the description is not in force yet, since somebody else is paid by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payout_change: Option<PayoutChange>,
}

impl From<identity::Identity> for Identity {
    fn from(identity: identity::Identity) -> Self {
        let identity::Identity { tenant, id, name, public_key } = identity;
        Self { tenant, id, name, public_key, payout_change: None }
    }
}

/// A currency, to be described.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CurrencyBody {
    /// The asset on the ledger.
    #[schema(value_type = AssetText)]
    pub asset: Asset,
    /// USD for one unit.
    pub usd_rate: Rate,
    /// When the rate was true; now, if left out. It cannot lie ahead, nor before that of the rate that is
    /// known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<TimeText>)]
    pub rate_at: Option<Timestamp>,
    /// For how many seconds after that the rate may be used.
    #[schema(minimum = 1, maximum = 31_622_400, example = 86_400)]
    pub rate_valid_seconds: i64,
    /// True for play money: it pays only where every node is free to use.
    #[serde(default)]
    pub free_only: bool,
    /// The distribution used instead of the farms', if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution: Option<DistributionChoice>,
}

/// An asset that pays for reservations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Currency {
    /// Its name in the API.
    #[schema(value_type = String, example = "TFT")]
    pub code: AssetCode,
    /// The asset on the ledger.
    #[schema(value_type = AssetText)]
    pub asset: Asset,
    /// USD for one unit.
    pub usd_rate: Rate,
    /// When the rate was true.
    #[schema(value_type = TimeText)]
    pub rate_at: Timestamp,
    /// For how many seconds after that the rate may be used.
    pub rate_valid_seconds: i64,
    /// True for play money.
    pub free_only: bool,
    /// The distribution used instead of the farms', if any.
    pub distribution: Option<Distribution>,
}

impl From<currency::Currency> for Currency {
    fn from(currency: currency::Currency) -> Self {
        Self {
            code: currency.code,
            asset: currency.asset,
            usd_rate: Rate::new(currency.usd_rate),
            rate_at: currency.rate_at,
            rate_valid_seconds: currency.rate_valid_seconds,
            free_only: currency.free_only,
            distribution: currency.distribution.as_ref().map(Distribution::from),
        }
    }
}
