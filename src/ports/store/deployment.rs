use super::error::StoreError;
use super::forward::store_trait;
use crate::domain::deployment::{Deployment, DeploymentFacts};
use crate::domain::ledger::{Divergence, Ledger};

store_trait! {
    /// What the database belongs to: one row, and there is always one.
    pub trait DeploymentTx, forwarded by ForwardDeployment {
        /// What is known of it.
        async fn deployment(&mut self) -> Result<DeploymentFacts, StoreError>;

        /// Makes the database this deployment's, unless it is one's already; true if it was made so now.
        async fn claim_deployment(&mut self, deployment: &Deployment) -> Result<bool, StoreError>;

        /// Notes a ledger: as the first one if there is none, and as the latest if none of a higher number
        /// was noted. What the network said against an earlier one is forgotten.
        async fn note_ledger(&mut self, ledger: Ledger) -> Result<(), StoreError>;

        /// Stores what the network says against what was seen before.
        async fn note_divergence(&mut self, divergence: Divergence) -> Result<(), StoreError>;
    }
}
