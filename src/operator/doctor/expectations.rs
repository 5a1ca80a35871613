//! What the checks hold the world against.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::domain::address::AccountId;
use crate::domain::deployment::Deployment;
use crate::domain::split::Recipient;
use crate::operator::account_inventory::Targets;

/// What is configured, as far as the checks need it.
#[derive(Debug, Clone)]
pub struct Expectations {
    /// The network's passphrase.
    pub network_passphrase: String,
    /// The platform account, if it is known.
    pub platform: Option<AccountId>,
    /// The platform's signing key, if there is one.
    pub signer: Option<AccountId>,
    /// The accounts opened ahead.
    pub targets: Targets,
    /// The most paid per operation, in stroops.
    pub fee_per_operation_stroops: u32,
    /// Requests an hour; `None` for no limit.
    pub requests_per_hour_max: Option<NonZeroU32>,
    /// The pause between two looks at the ledger.
    pub tick: Duration,
    /// From how many accounts on the network's payment stream is followed.
    pub follow_accounts_min: u64,
    /// Where recipients other than farmers are paid.
    pub payout: BTreeMap<Recipient, AccountId>,
}

impl Expectations {
    /// The deployment that is configured, if the platform account is known.
    pub fn deployment(&self) -> Option<Deployment> {
        let network_passphrase = self.network_passphrase.clone();
        Some(Deployment { network_passphrase, platform: self.platform? })
    }
}
