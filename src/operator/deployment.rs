//! Whether the database, the network and the platform's key belong together.

use std::sync::Arc;

use crate::domain::address::AccountId;
use crate::domain::deployment::{Deployment, DeploymentFacts};
use crate::domain::escrow::ChannelRole;
use crate::domain::ledger::Divergence;
use crate::ports::network::{Gateway, NetworkError};
use crate::ports::store::{RetryOn, Store, StoreError, Tx, transact};

/// Why they do not, or why that is not known.
#[derive(Debug, thiserror::Error)]
pub enum DeploymentError {
    /// Another passphrase.
    #[error(
        "the database belongs to the network `{stored}`, and stellar.network_passphrase is `{configured}`: \
         set that to the database's network, or name another database"
    )]
    OtherPassphrase {
        /// The database's.
        stored: String,
        /// The configuration's.
        configured: String,
    },
    /// Another platform account.
    #[error(
        "the database belongs to the platform account {stored}, and the configured one is {configured}: set \
         the secret and stellar.platform to the database's, or name another database"
    )]
    OtherPlatform {
        /// The database's.
        stored: Box<AccountId>,
        /// The configuration's.
        configured: Box<AccountId>,
    },
    /// The ledgers contradict what was seen before.
    #[error("{}: {}; {}", .0.name(), .0, advice(.0))]
    Diverged(Box<Divergence>),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The network.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

impl RetryOn for DeploymentError {
    fn is_conflict(&self) -> bool {
        match self {
            Self::Store(error) => error.is_conflict(),
            Self::OtherPassphrase { .. }
            | Self::OtherPlatform { .. }
            | Self::Diverged(_)
            | Self::Network(_) => false,
        }
    }
}

/// What to do about a network that contradicts what was seen of it.
pub const fn advice(divergence: &Divergence) -> &'static str {
    match divergence {
        Divergence::LedgerFellBack { .. } => {
            "wait until Horizon has caught up, or set stellar.horizon_url to another one"
        }
        Divergence::OtherNetwork { .. } => {
            "set stellar.horizon_url to the database's network; if a test network was reset, begin anew with \
             another database (docs/operating.md, \"After a test network was reset\")"
        }
    }
}

/// Makes the database `ours` if it belongs to nobody yet.
///
/// # Errors
/// [`DeploymentError::OtherPassphrase`] or [`DeploymentError::OtherPlatform`] if it belongs to another
/// deployment; then nothing is changed.
pub async fn claim(store: &Arc<dyn Store>, ours: Deployment) -> Result<(), DeploymentError> {
    transact(store, move |tx| {
        let ours = ours.clone();
        Box::pin(async move {
            let facts = tx.deployment().await?;
            belongs(tx, &facts, &ours).await?;
            if facts.deployment.is_none() && !tx.claim_deployment(&ours).await? {
                // Another process was faster, perhaps with another configuration.
                return Err(StoreError::Conflict { what: "the deployment".to_owned() }.into());
            }
            Ok(())
        })
    })
    .await
}

/// Compares the database's deployment with `ours`; tells what it knows of its own. Changes nothing.
///
/// # Errors
/// As [`claim`].
pub async fn compare(store: &dyn Store, ours: &Deployment) -> Result<DeploymentFacts, DeploymentError> {
    let mut tx = store.begin_read().await?;
    let facts = tx.deployment().await?;
    belongs(&mut *tx, &facts, ours).await?;
    Ok(facts)
}

/// A database of an earlier version does not say whose it is, but has the platform account in its books.
async fn belongs(tx: &mut dyn Tx, facts: &DeploymentFacts, ours: &Deployment) -> Result<(), DeploymentError> {
    let platform = match &facts.deployment {
        Some(Deployment { network_passphrase, .. }) if *network_passphrase != ours.network_passphrase => {
            let (stored, configured) = (network_passphrase.clone(), ours.network_passphrase.clone());
            return Err(DeploymentError::OtherPassphrase { stored, configured });
        }
        Some(deployment) => Some(deployment.platform),
        None => {
            let mut channels = tx.channels().await?.all()?.into_iter();
            channels.find(|channel| channel.role == ChannelRole::Platform).map(|channel| channel.account)
        }
    };
    match platform {
        Some(stored) if stored != ours.platform => Err(DeploymentError::OtherPlatform {
            stored: Box::new(stored),
            configured: Box::new(ours.platform),
        }),
        Some(_) | None => Ok(()),
    }
}

/// Looks whether the network is the one of which the database noted ledgers. One that it does not keep any
/// more proves nothing.
///
/// # Errors
/// [`DeploymentError::Diverged`] if it is not, or is far behind.
pub async fn recognise(store: &dyn Store, network: &dyn Gateway) -> Result<(), DeploymentError> {
    let facts = store.begin_read().await?.deployment().await?;
    let Some(latest) = facts.latest else { return Ok(()) };
    let tip = network.tip().await?;
    match network.divergence(latest, tip).await? {
        Some(found) => Err(DeploymentError::Diverged(Box::new(found))),
        None => Ok(()),
    }
}
