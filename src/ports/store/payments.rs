use jiff::Timestamp;

use super::error::{Applied, StoreError};
use super::forward::store_trait;
use crate::domain::address::AccountId;
use crate::domain::ids::{OperationId, ReservationId};
use crate::domain::payment::{Attribution, Payment, PaymentId};

/// A payment, its reservation, and whether it counts towards the price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPayment {
    /// The payment.
    pub payment: Payment,
    /// The reservation of the account it came to, if there is one.
    pub reservation: Option<ReservationId>,
    /// Whether it counts towards the reservation's price, or why not.
    pub attribution: Attribution,
}

/// Which payments to list.
#[derive(Debug, Clone, Default)]
pub struct PaymentFilter {
    /// Only those for this reservation.
    pub reservation: Option<ReservationId>,
    /// Only those taken for this.
    pub attribution: Option<Attribution>,
}

/// A record of an account's history that could not be understood, kept for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The account in whose history it stands.
    pub account: AccountId,
    /// Its operation, if that could be read.
    pub operation: Option<OperationId>,
    /// The record as it came.
    pub json: String,
    /// What is wrong with it.
    pub reason: String,
    /// When it was put aside.
    pub at: Timestamp,
}

store_trait! {
    /// Payments that came in, and records of history that nobody could read.
    pub trait PaymentsTx, forwarded by ForwardPayments {
        /// Stores a payment, once.
        async fn insert_payment(&mut self, payment: &StoredPayment) -> Result<Applied, StoreError>;

        /// The payment with this id.
        async fn payment(&mut self, id: PaymentId) -> Result<Option<StoredPayment>, StoreError>;

        /// Payments in id order, after `after`.
        async fn payments(
            &mut self,
            filter: &PaymentFilter,
            after: Option<PaymentId>,
            limit: u32,
        ) -> Result<Vec<StoredPayment>, StoreError>;

        /// Puts a record aside, once per account and record.
        async fn quarantine(&mut self, record: &Quarantined) -> Result<Applied, StoreError>;

        /// What has been put aside and is not dismissed, oldest first.
        async fn quarantined(&mut self, limit: u32) -> Result<Vec<Quarantined>, StoreError>;
    }
}
