use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::text::{IdText, TenantText, TimeText, Units};
use crate::domain::ids::{IdentityId, NodeId, PoolId, ReservationId};
use crate::domain::pool;
use crate::domain::tenant::Tenant;
use crate::domain::units::UnitsError;

/// Capacity that a customer deploys from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Pool {
    /// Its id: that of the reservation that created it.
    #[schema(value_type = IdText)]
    pub id: PoolId,
    /// The tenant that it belongs to.
    #[schema(value_type = TenantText)]
    pub tenant: Tenant,
    /// Whose it is.
    #[schema(value_type = IdText)]
    pub customer_id: IdentityId,
    /// The nodes it may be used on.
    #[schema(value_type = Vec<IdText>)]
    pub nodes: Vec<NodeId>,
    /// The units it has now.
    pub units: Units,
    /// When its last grant ends.
    #[schema(value_type = TimeText)]
    pub expires_at: Timestamp,
    /// True if any of it was bought with play money: its nodes are and stay free to use.
    pub free_only: bool,
    /// What it was given, in the order of settlement.
    pub grants: Vec<Grant>,
    /// When it came to life.
    #[schema(value_type = TimeText)]
    pub created_at: Timestamp,
}

/// What one settled reservation added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Grant {
    /// The reservation that paid for it.
    #[schema(value_type = IdText)]
    pub reservation_id: ReservationId,
    /// The units.
    pub units: Units,
    /// From when.
    #[schema(value_type = TimeText)]
    pub from: Timestamp,
    /// Until when, exclusive.
    #[schema(value_type = TimeText)]
    pub until: Timestamp,
}

impl Pool {
    /// The pool as it stands at `now`.
    ///
    /// # Errors
    /// If its grants sum to more units than there can be.
    pub fn at(pool: pool::Pool, now: Timestamp) -> Result<Self, UnitsError> {
        let grant = |grant: &pool::Grant| Grant {
            reservation_id: grant.reservation,
            units: grant.units.into(),
            from: grant.from,
            until: grant.until,
        };
        Ok(Self {
            id: pool.id,
            tenant: pool.tenant.clone(),
            customer_id: pool.customer,
            units: pool.units_at(now)?.into(),
            expires_at: pool.expires_at(),
            free_only: pool.free_only,
            grants: pool.grants.iter().map(grant).collect(),
            created_at: pool.created_at,
            nodes: pool.nodes.into_iter().collect(),
        })
    }
}
