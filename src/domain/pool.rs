//! Pools of policy `allocation`: reserved units, until they expire.
//!
//! A pool is the list of its grants. Each settled reservation adds one grant: units, from when, until when.
//! What the pool has at a time is the sum of the grants that run then, so it has exactly what was paid for.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::ids::{IdentityId, NodeId, PoolId, ReservationId};
use super::tenant::Tenant;
use super::units::{CloudUnits, UnitsError};

/// Most grants a pool may have for a further extension to be eligible.
pub const POOL_GRANTS_MAX: usize = 1_000;
/// How far ahead a pool's capacity may end for a further extension to be eligible, in seconds: a hundred
/// years. Far less than the calendar's end, so that extensions that are decided at the same time all fit.
pub const POOL_SECONDS_AHEAD_MAX: i64 = 100 * 366 * 86_400;

/// How a reservation extends a pool.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "dimension", rename_all = "snake_case")]
pub enum Extension {
    /// The same units for longer: the grant begins when the pool would have expired.
    Time {
        /// The pool.
        pool: PoolId,
    },
    /// More units until the pool expires, as it stood when the reservation was quoted.
    Capacity {
        /// The pool.
        pool: PoolId,
        /// When the added units end.
        until: Timestamp,
    },
}

impl Extension {
    /// The pool that is extended.
    pub const fn pool(&self) -> PoolId {
        match self {
            Self::Time { pool } | Self::Capacity { pool, .. } => *pool,
        }
    }
}

/// What one settled reservation added.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Grant {
    /// The reservation that paid for it; it adds one grant, once.
    pub reservation: ReservationId,
    /// The units.
    pub units: CloudUnits,
    /// From when.
    pub from: Timestamp,
    /// Until when, exclusive.
    pub until: Timestamp,
}

/// Capacity that a customer deploys from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pool {
    /// Its id: the number of the reservation that created it.
    pub id: PoolId,
    /// Counts its changes, from 0.
    pub version: i64,
    /// The tenant whose customer and nodes it has.
    pub tenant: Tenant,
    /// Whose it is.
    pub customer: IdentityId,
    /// The nodes it may be used on.
    pub nodes: BTreeSet<NodeId>,
    /// True if any of it was bought with play money: all its nodes are and stay free to use.
    pub free_only: bool,
    /// What it was given, in the order of settlement.
    pub grants: Vec<Grant>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// Why a pool cannot be credited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// The reservation has been credited to it before.
    #[error("pool {pool} has been credited with reservation {reservation} before")]
    AlreadyCredited {
        /// The pool.
        pool: PoolId,
        /// The reservation.
        reservation: ReservationId,
    },
    /// It has [`POOL_GRANTS_MAX`] grants, or lasts for [`POOL_SECONDS_AHEAD_MAX`].
    #[error(
        "pool {0} cannot be extended further: it has {POOL_GRANTS_MAX} grants, or lasts for a hundred years"
    )]
    Full(PoolId),
    /// The time does not fit the calendar.
    #[error("the capacity would end beyond the calendar")]
    Time,
}

/// A credit to a pool: what a settled reservation paid for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credit {
    /// The reservation.
    pub reservation: ReservationId,
    /// Its nodes; they join the pool's.
    pub nodes: Vec<NodeId>,
    /// Its units.
    pub units: CloudUnits,
    /// The time paid for, in seconds.
    pub seconds: i64,
    /// True if it was paid with play money.
    pub free_only: bool,
    /// When it was settled.
    pub at: Timestamp,
}

fn after(from: Timestamp, seconds: i64) -> Result<Timestamp, PoolError> {
    from.checked_add(SignedDuration::from_secs(seconds)).map_err(|_| PoolError::Time)
}

impl Pool {
    /// A new pool from its first credit; the grant runs from the settlement.
    pub fn create(tenant: Tenant, customer: IdentityId, credit: Credit) -> Result<Self, PoolError> {
        let until = after(credit.at, credit.seconds)?;
        // Both ids have the same range, so the number always fits.
        let id = PoolId::new(credit.reservation.get()).map_err(|_| PoolError::Time)?;
        Ok(Self {
            id,
            version: 0,
            tenant,
            customer,
            nodes: credit.nodes.into_iter().collect(),
            free_only: credit.free_only,
            grants: vec![Grant {
                reservation: credit.reservation,
                units: credit.units,
                from: credit.at,
                until,
            }],
            created_at: credit.at,
        })
    }

    /// The pool with one more credit.
    ///
    /// In time: the grant begins when the last grant ends, or at the settlement if that has passed. In
    /// capacity: it runs from the settlement until the time that was quoted; if that has passed, for the
    /// seconds paid for.
    pub fn extend(mut self, extension: &Extension, credit: Credit) -> Result<Self, PoolError> {
        if self.grants.iter().any(|grant| grant.reservation == credit.reservation) {
            return Err(PoolError::AlreadyCredited { pool: self.id, reservation: credit.reservation });
        }
        let (from, until) = match extension {
            Extension::Time { .. } => {
                let from = self.expires_at().max(credit.at);
                (from, after(from, credit.seconds)?)
            }
            Extension::Capacity { until, .. } if *until > credit.at => (credit.at, *until),
            Extension::Capacity { .. } => (credit.at, after(credit.at, credit.seconds)?),
        };
        self.grants.push(Grant { reservation: credit.reservation, units: credit.units, from, until });
        self.nodes.extend(credit.nodes);
        self.free_only |= credit.free_only;
        Ok(self)
    }

    /// Refuses a pool that cannot be extended by `seconds` at `now`.
    ///
    /// Asked before money moves. Once it has, [`Pool::extend`] is unconditional.
    pub fn extensible(&self, seconds: i64, now: Timestamp) -> Result<(), PoolError> {
        let ahead = self.expires_at().max(now).as_second().saturating_sub(now.as_second());
        let full =
            self.grants.len() >= POOL_GRANTS_MAX || ahead.saturating_add(seconds) > POOL_SECONDS_AHEAD_MAX;
        if full { Err(PoolError::Full(self.id)) } else { Ok(()) }
    }

    /// When its last grant ends.
    pub fn expires_at(&self) -> Timestamp {
        self.grants.iter().map(|grant| grant.until).max().unwrap_or(self.created_at)
    }

    /// The units it has at `at`.
    pub fn units_at(&self, at: Timestamp) -> Result<CloudUnits, UnitsError> {
        self.grants
            .iter()
            .filter(|grant| grant.from <= at && at < grant.until)
            .try_fold(CloudUnits::default(), |sum, grant| sum.checked_add(grant.units))
    }

    /// The units it has in its last moment: what an extension in time goes on with.
    pub fn units_at_expiry(&self) -> Result<CloudUnits, UnitsError> {
        let end = self.expires_at();
        self.grants
            .iter()
            .filter(|grant| grant.until == end)
            .try_fold(CloudUnits::default(), |sum, grant| sum.checked_add(grant.units))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::units::MilliUnits;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn credit(reservation: i64, cu: u64, seconds: i64, settled: i64) -> Credit {
        Credit {
            reservation: ReservationId::new(reservation).unwrap(),
            nodes: vec![NodeId::new(reservation).unwrap()],
            units: CloudUnits { cu: MilliUnits::new(cu).unwrap(), ..CloudUnits::default() },
            seconds,
            free_only: false,
            at: at(settled),
        }
    }

    fn pool() -> Pool {
        Pool::create(Tenant::default(), IdentityId::new(1).unwrap(), credit(7, 1_000, 100, 1_000)).unwrap()
    }

    #[test]
    fn a_new_pool_has_its_units_until_it_expires() {
        let pool = pool();
        assert_eq!(pool.id.get(), 7);
        assert_eq!(pool.expires_at(), at(1_100));
        assert_eq!(pool.units_at(at(999)).unwrap().cu.get(), 0);
        assert_eq!(pool.units_at(at(1_000)).unwrap().cu.get(), 1_000);
        assert_eq!(pool.units_at(at(1_099)).unwrap().cu.get(), 1_000);
        assert_eq!(pool.units_at(at(1_100)).unwrap().cu.get(), 0);
    }

    #[test]
    fn more_time_begins_where_the_pool_would_have_ended() {
        let time = Extension::Time { pool: pool().id };
        let longer = pool().extend(&time, credit(8, 1_000, 50, 1_010)).unwrap();
        assert_eq!(longer.expires_at(), at(1_150));
        assert_eq!(longer.units_at(at(1_120)).unwrap().cu.get(), 1_000);
        let late = pool().extend(&time, credit(8, 1_000, 50, 2_000)).unwrap();
        assert_eq!(late.expires_at(), at(2_050), "an expired pool goes on from the settlement");
        assert_eq!(late.units_at(at(1_500)).unwrap().cu.get(), 0);
    }

    #[test]
    fn more_capacity_ends_when_it_was_quoted_to_end() {
        let capacity = Extension::Capacity { pool: pool().id, until: at(1_100) };
        let wider = pool().extend(&capacity, credit(8, 500, 90, 1_010)).unwrap();
        assert_eq!(wider.expires_at(), at(1_100));
        assert_eq!(wider.units_at(at(1_050)).unwrap().cu.get(), 1_500);
        assert_eq!(wider.units_at_expiry().unwrap().cu.get(), 1_500);
        let late = pool().extend(&capacity, credit(8, 500, 90, 1_200)).unwrap();
        assert_eq!(late.units_at(at(1_289)).unwrap().cu.get(), 500, "paid seconds are not lost");
    }

    #[test]
    fn a_pool_is_not_extended_for_more_than_a_hundred_years() {
        assert_eq!(pool().extensible(1_000, at(1_000)), Ok(()));
        assert_eq!(pool().extensible(POOL_SECONDS_AHEAD_MAX - 100, at(1_000)), Ok(()));
        assert_eq!(pool().extensible(POOL_SECONDS_AHEAD_MAX, at(1_000)), Err(PoolError::Full(pool().id)));
        let mut crowded = pool();
        crowded.grants = vec![crowded.grants[0].clone(); POOL_GRANTS_MAX];
        assert_eq!(crowded.extensible(1, at(1_000)), Err(PoolError::Full(crowded.id)));
    }

    #[test]
    fn a_reservation_is_credited_once() {
        let time = Extension::Time { pool: pool().id };
        assert!(matches!(
            pool().extend(&time, credit(7, 1, 1, 1_000)),
            Err(PoolError::AlreadyCredited { .. })
        ));
    }

    proptest! {
        #[test]
        fn time_extensions_lose_no_second(seconds in proptest::collection::vec(1..1_000_i64, 1..20)) {
            let mut whole = pool();
            for (index, seconds) in seconds.iter().enumerate() {
                let number = 100 + i64::try_from(index).unwrap();
                let time = Extension::Time { pool: whole.id };
                whole = whole.extend(&time, credit(number, 1_000, *seconds, 1_001)).unwrap();
            }
            prop_assert_eq!(whole.expires_at(), at(1_100 + seconds.iter().sum::<i64>()));
            let granted: i64 = whole
                .grants
                .iter()
                .map(|grant| grant.until.as_second() - grant.from.as_second())
                .sum();
            prop_assert_eq!(granted, 100 + seconds.iter().sum::<i64>());
        }
    }
}
