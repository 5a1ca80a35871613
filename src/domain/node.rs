//! Nodes: where capacity is.

use serde::{Deserialize, Serialize};

use super::ids::{FarmId, NodeId};
use super::tenant::Tenant;
use super::units::CloudUnits;

/// A node as the explorer describes it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Node {
    /// The tenant that it belongs to.
    pub tenant: Tenant,
    /// Its id within the tenant.
    pub id: NodeId,
    /// The farm it belongs to.
    pub farm: FarmId,
    /// What it has.
    pub capacity: CloudUnits,
    /// True if FreeTFT may pay for it.
    pub free_to_use: bool,
}

/// What of a node says who is paid for what.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NodeTerms {
    /// The farm it belongs to.
    pub farm: FarmId,
    /// What it has.
    pub capacity: CloudUnits,
    /// True if FreeTFT may pay for it.
    pub free_to_use: bool,
}

impl From<&Node> for NodeTerms {
    fn from(node: &Node) -> Self {
        Self { farm: node.farm, capacity: node.capacity, free_to_use: node.free_to_use }
    }
}
