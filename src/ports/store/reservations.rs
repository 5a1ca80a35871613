use jiff::Timestamp;

use super::error::StoreError;
use super::forward::store_trait;
use super::pages::Page;
use crate::domain::address::AccountId;
use crate::domain::ids::{IdentityId, ReservationId};
use crate::domain::reservation::Reservation;
use crate::domain::tenant::Tenant;

/// Which reservations to list.
#[derive(Debug, Clone, Default)]
pub struct ReservationFilter {
    /// Only those in the state of this name.
    pub state: Option<&'static str>,
    /// Only this tenant's.
    pub tenant: Option<Tenant>,
    /// Only this customer's, of the tenant that must be named with it.
    pub customer: Option<IdentityId>,
}

store_trait! {
    /// Capacity reservations.
    pub trait ReservationsTx, forwarded by ForwardReservations {
        /// Stores a new reservation; its version must be 0.
        async fn insert_reservation(&mut self, reservation: &Reservation) -> Result<(), StoreError>;

        /// Stores a changed reservation, if its version is still the stored one; gives it back with the next.
        ///
        /// # Errors
        /// [`StoreError::Conflict`] if somebody else changed it.
        async fn update_reservation(&mut self, reservation: &Reservation) -> Result<Reservation, StoreError>;

        /// The reservation with this id.
        async fn reservation(&mut self, id: ReservationId) -> Result<Option<Reservation>, StoreError>;

        /// The reservation whose money goes to this account.
        async fn reservation_by_escrow(
            &mut self,
            escrow: AccountId,
        ) -> Result<Option<Reservation>, StoreError>;

        /// Reservations in id order, after `after`.
        async fn reservations(
            &mut self,
            filter: &ReservationFilter,
            after: Option<ReservationId>,
            limit: u32,
        ) -> Result<Page<Reservation, ReservationId>, StoreError>;

        /// Reservations that still take payments although their deadline, or a request to cancel, is before
        /// `now`; by when they are [decided](Reservation::decided_after) and id, after `after`.
        async fn reservations_overdue(
            &mut self,
            now: Timestamp,
            after: Option<(Timestamp, ReservationId)>,
            limit: u32,
        ) -> Result<Page<Reservation, (Timestamp, ReservationId)>, StoreError>;

        /// How many reservations are in each state, by its name; states without any are left out. It is kept
        /// with every change, and costs the same whatever has ended.
        async fn reservation_counts(&mut self) -> Result<Vec<(String, u64)>, StoreError>;

        /// The same, counted: it reads every reservation there is, page by page. It differs from
        /// [`Self::reservation_counts`] only if the database was changed by other hands.
        async fn reservations_recounted(&mut self) -> Result<Vec<(String, u64)>, StoreError>;
    }
}
