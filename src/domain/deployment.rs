//! What a database belongs to: one network, and one platform account on it.

use serde::{Deserialize, Serialize};

use super::address::AccountId;
use super::ledger::{Divergence, Ledger};

/// The passphrase of the public network.
pub const PUBLIC_PASSPHRASE: &str = "Public Global Stellar Network ; September 2015";

/// A network and the platform's account on it. Everything in a database is about these two, so that it is of
/// no use, and a danger to money, with others.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Deployment {
    /// The network's passphrase.
    pub network_passphrase: String,
    /// The platform's account.
    pub platform: AccountId,
}

/// What a database knows of the deployment it belongs to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DeploymentFacts {
    /// The deployment; `None` before the first start.
    pub deployment: Option<Deployment>,
    /// The first ledger that was seen: the network's identity, beside its passphrase. `None` before.
    pub first: Option<Ledger>,
    /// The latest ledger that was noted, every few ledgers: by it the network is recognised. `None` before.
    pub latest: Option<Ledger>,
    /// What the network says against what was seen before; `None` if it does not contradict it.
    pub divergence: Option<Divergence>,
}
