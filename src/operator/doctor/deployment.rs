//! Database, network and platform account: whether they belong together.

use super::check::{Check, unanswered};
use crate::domain::deployment::Deployment;
use crate::operator::deployment::{DeploymentError, advice, compare, recognise};
use crate::ports::network::Network;
use crate::ports::store::Store;

/// The line on it.
pub(super) async fn examine(store: &dyn Store, network: Option<&dyn Network>, ours: &Deployment) -> Check {
    const CHECK: &str = "deployment";
    let looked = async {
        let facts = compare(store, ours).await?;
        if let Some(network) = network {
            recognise(store, network).await?;
        }
        Ok(facts)
    };
    match looked.await {
        Ok(facts) => match (facts.deployment, facts.latest) {
            (None, _) => Check::ok(CHECK, "the database belongs to no network yet"),
            (Some(_), None) => Check::ok(CHECK, "the database's network and platform account; no ledger yet"),
            (Some(_), Some(latest)) => {
                let seen = format!("the database's network and platform account; it knows {latest}");
                Check::ok(CHECK, seen)
            }
        },
        Err(DeploymentError::Diverged(divergence)) => {
            Check::fail(CHECK, format!("{}: {divergence}", divergence.name()), advice(&divergence))
        }
        Err(error @ (DeploymentError::OtherPassphrase { .. } | DeploymentError::OtherPlatform { .. })) => {
            Check::fail(CHECK, error.to_string(), "nothing was changed; start no service with these settings")
        }
        Err(error @ (DeploymentError::Store(_) | DeploymentError::Network(_))) => unanswered(CHECK, &error),
    }
}
