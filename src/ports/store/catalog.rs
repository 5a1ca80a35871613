use jiff::Timestamp;

use super::error::StoreError;
use super::forward::store_trait;
use super::pages::Page;
use crate::domain::asset::AssetCode;
use crate::domain::currency::Currency;
use crate::domain::farm::Farm;
use crate::domain::identity::Identity;
use crate::domain::ids::{FarmId, IdentityId, NodeId};
use crate::domain::node::Node;
use crate::domain::tenant::Tenant;

/// What a PUT did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Put {
    /// The thing is new.
    Created,
    /// It was there and has been replaced (or was the same).
    Replaced,
}

store_trait! {
    /// Farms, nodes and identities, each of one tenant, as its explorer describes them, and currencies, which
    /// are everybody's. Lists are in id order, after `after`.
    pub trait CatalogTx, forwarded by ForwardCatalog {
        /// Creates or replaces a farm.
        async fn put_farm(&mut self, farm: &Farm) -> Result<Put, StoreError>;
        /// The tenant's farm with this id.
        async fn farm(&mut self, tenant: &Tenant, id: FarmId) -> Result<Option<Farm>, StoreError>;

        /// The same, before it is replaced: until the transaction ends nobody else replaces it.
        async fn farm_to_replace(
            &mut self,
            tenant: &Tenant,
            id: FarmId,
        ) -> Result<Option<Farm>, StoreError>;
        /// All farms of a tenant.
        async fn farms(
            &mut self,
            tenant: &Tenant,
            after: Option<FarmId>,
            limit: u32,
        ) -> Result<Page<Farm, FarmId>, StoreError>;

        /// Creates or replaces a node.
        async fn put_node(&mut self, node: &Node) -> Result<Put, StoreError>;
        /// The tenant's node with this id.
        async fn node(&mut self, tenant: &Tenant, id: NodeId) -> Result<Option<Node>, StoreError>;

        /// The same, before it is replaced: until the transaction ends nobody else replaces it.
        async fn node_to_replace(
            &mut self,
            tenant: &Tenant,
            id: NodeId,
        ) -> Result<Option<Node>, StoreError>;
        /// All nodes of a tenant, or those of one farm.
        async fn nodes(
            &mut self,
            tenant: &Tenant,
            farm: Option<FarmId>,
            after: Option<NodeId>,
            limit: u32,
        ) -> Result<Page<Node, NodeId>, StoreError>;

        /// Creates or replaces an identity.
        async fn put_identity(&mut self, identity: &Identity) -> Result<Put, StoreError>;
        /// The tenant's identity with this id.
        async fn identity(&mut self, tenant: &Tenant, id: IdentityId) -> Result<Option<Identity>, StoreError>;

        /// The same, before it is replaced: until the transaction ends nobody else replaces it.
        async fn identity_to_replace(
            &mut self,
            tenant: &Tenant,
            id: IdentityId,
        ) -> Result<Option<Identity>, StoreError>;
        /// All identities of a tenant.
        async fn identities(
            &mut self,
            tenant: &Tenant,
            after: Option<IdentityId>,
            limit: u32,
        ) -> Result<Page<Identity, IdentityId>, StoreError>;

        /// Creates a currency, or replaces the one that was read, whose rate was of the time `over`.
        /// [`StoreError::Conflict`] if it is there already, or has another rate's time by now.
        async fn put_currency(
            &mut self,
            currency: &Currency,
            over: Option<Timestamp>,
        ) -> Result<Put, StoreError>;
        /// The currency with this code.
        async fn currency(&mut self, code: AssetCode) -> Result<Option<Currency>, StoreError>;

        /// The same, before it is replaced: until the transaction ends nobody else replaces it.
        async fn currency_to_replace(&mut self, code: AssetCode) -> Result<Option<Currency>, StoreError>;
        /// All currencies in the order of their codes; there are few, and never more than `limit` are given.
        async fn currencies(
            &mut self,
            after: Option<AssetCode>,
            limit: u32,
        ) -> Result<Page<Currency, AssetCode>, StoreError>;
    }
}
