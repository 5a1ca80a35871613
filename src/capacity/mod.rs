//! Pools: what a settled reservation turns into.
//!
//! Never here: money, or the network. A pool is credited in the database transaction that records the
//! settlement, and the grant's key is its reservation, so that no credit is lost or given twice.

use jiff::Timestamp;

use crate::domain::event::EventKind;
use crate::domain::ids::{NodeId, PoolId};
use crate::domain::pool::{Credit, Pool, PoolError};
use crate::domain::reservation::{PaymentOption, Reservation};
use crate::ports::store::{StoreError, Tx};

/// Why a pool was not credited, or cannot be.
#[derive(Debug, thiserror::Error)]
pub enum CapacityError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The pool's own rules.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The pool that was to be extended is not there.
    #[error("pool {0} does not exist")]
    NoPool(PoolId),
}

/// Why a reservation, although paid, cannot become capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Ineligible {
    /// The pool it extends is gone.
    #[error("pool {0} does not exist")]
    NoPool(PoolId),
    /// The pool it extends takes no more.
    #[error("pool {0} cannot be extended further")]
    PoolFull(PoolId),
    /// A node is gone.
    #[error("node {0} does not exist")]
    NoNode(NodeId),
    /// Play money would become capacity on a node that is not free to use.
    #[error("node {0} is not free to use")]
    PaidNode(NodeId),
}

/// Checks whether a reservation paid by `option` can still become capacity.
///
/// Capacity bought with play money must never be usable on a paid node: neither by joining a pool that
/// has one, nor by a paid node joining a pool that holds such capacity.
pub async fn eligibility(
    tx: &mut dyn Tx,
    reservation: &Reservation,
    option: &PaymentOption,
    now: Timestamp,
) -> Result<Result<(), Ineligible>, StoreError> {
    let mut nodes = reservation.order.nodes.clone();
    let mut free_only = option.free_only;
    if let Some(extension) = &reservation.order.extends {
        let Some(pool) = tx.pool(extension.pool()).await? else {
            return Ok(Err(Ineligible::NoPool(extension.pool())));
        };
        if pool.extensible(reservation.order.seconds, now).is_err() {
            return Ok(Err(Ineligible::PoolFull(pool.id)));
        }
        nodes.extend(pool.nodes);
        free_only |= pool.free_only;
    }
    for id in nodes {
        match tx.node(&reservation.tenant, id).await? {
            None => return Ok(Err(Ineligible::NoNode(id))),
            Some(node) if free_only && !node.free_to_use => return Ok(Err(Ineligible::PaidNode(id))),
            Some(_) => {}
        }
    }
    Ok(Ok(()))
}

/// Credits a settled reservation's capacity to its pool, new or extended, and tells so.
pub async fn credit(
    tx: &mut dyn Tx,
    reservation: &Reservation,
    free_only: bool,
    settled_at: Timestamp,
    now: Timestamp,
) -> Result<PoolId, CapacityError> {
    let order = &reservation.order;
    let credit = Credit {
        reservation: reservation.id,
        nodes: order.nodes.clone(),
        units: order.units,
        seconds: order.seconds,
        free_only,
        at: settled_at,
    };
    let Some(extension) = &order.extends else {
        let pool = Pool::create(reservation.tenant.clone(), order.customer, credit)?;
        tx.insert_pool(&pool).await?;
        let created = EventKind::PoolCreated { pool: pool.id, reservation: reservation.id };
        tx.append_event(now, pool.version, &created).await?;
        return Ok(pool.id);
    };
    let id = extension.pool();
    let pool = tx.pool(id).await?.ok_or(CapacityError::NoPool(id))?;
    let extended = tx.update_pool(&pool.extend(extension, credit)?).await?;
    let told = EventKind::PoolExtended { pool: id, reservation: reservation.id };
    tx.append_event(now, extended.version, &told).await?;
    Ok(id)
}
