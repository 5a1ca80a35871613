use jiff::Timestamp;

use super::error::StoreError;
use super::forward::store_trait;
use crate::domain::ids::{ReservationId, SubmissionId, TransferId};

store_trait! {
    /// What waits longest, for whoever watches over the service.
    pub trait WatchdogTx, forwarded by ForwardWatchdog {
        /// The reservation that has been funded or settling for longest, and when the payment that funded it
        /// was in a ledger. Held ones wait for their account or a person, and are not asked for.
        async fn oldest_funded(&mut self) -> Result<Option<(ReservationId, Timestamp)>, StoreError>;

        /// The oldest live transaction that was sent, and when it was stored: its outcome is unknown.
        async fn oldest_unknown(&mut self) -> Result<Option<(SubmissionId, Timestamp)>, StoreError>;

        /// How many transfers wait to be sent, and the first of them.
        async fn pending_transfers(&mut self) -> Result<(u64, Option<TransferId>), StoreError>;
    }
}
