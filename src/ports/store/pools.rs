use std::collections::BTreeSet;

use super::error::StoreError;
use super::forward::store_trait;
use super::pages::Page;
use crate::domain::ids::{IdentityId, NodeId, PoolId};
use crate::domain::pool::Pool;
use crate::domain::tenant::Tenant;

/// Which pools to list.
#[derive(Debug, Clone, Default)]
pub struct PoolFilter {
    /// Only this tenant's.
    pub tenant: Option<Tenant>,
    /// Only this customer's, of the tenant that must be named with it.
    pub customer: Option<IdentityId>,
    /// Only those that may be used on this node, of the tenant that must be named with it.
    pub node: Option<NodeId>,
}

/// What reservations that have not ended may still add to a pool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolClaims {
    /// True if one of them may be paid with play money.
    pub play_money: bool,
    /// Their nodes.
    pub nodes: BTreeSet<NodeId>,
}

store_trait! {
    /// Pools. Each grant is a row of its own whose key is its reservation: none is credited twice.
    pub trait PoolsTx, forwarded by ForwardPools {
        /// Stores a new pool; its version must be 0.
        async fn insert_pool(&mut self, pool: &Pool) -> Result<(), StoreError>;

        /// Stores a pool with more grants or nodes, if its version is still the stored one; gives it back
        /// with the next. Grants that are stored are never changed.
        async fn update_pool(&mut self, pool: &Pool) -> Result<Pool, StoreError>;

        /// The pool with this id.
        async fn pool(&mut self, id: PoolId) -> Result<Option<Pool>, StoreError>;

        /// Pools in id order, after `after`.
        async fn pools(
            &mut self,
            filter: &PoolFilter,
            after: Option<PoolId>,
            limit: u32,
        ) -> Result<Page<Pool, PoolId>, StoreError>;

        /// What reservations that extend the pool and have not ended may still add to it. In a transaction
        /// that writes, nobody else claims or changes the pool until it has ended: read the pool afterwards.
        async fn pool_claims(&mut self, id: PoolId) -> Result<PoolClaims, StoreError>;

        /// True if a pool that was bought with play money, or a reservation that may still become one,
        /// contains the node.
        async fn node_is_under_free_pool(
            &mut self,
            tenant: &Tenant,
            node: NodeId,
        ) -> Result<bool, StoreError>;
    }
}
