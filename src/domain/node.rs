//! Nodes: where capacity is.

use serde::{Deserialize, Serialize};

use super::ids::{FarmId, NodeId};
use super::units::CloudUnits;

/// A node as the explorer describes it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// The farm it belongs to.
    pub farm: FarmId,
    /// What it has.
    pub capacity: CloudUnits,
    /// True if FreeTFT may pay for it.
    pub free_to_use: bool,
}
