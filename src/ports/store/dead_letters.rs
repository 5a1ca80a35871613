use std::collections::BTreeMap;

use jiff::Timestamp;

use super::error::{Applied, StoreError};
use super::forward::store_trait;
use super::pages::Page;
use super::payments::Quarantined;
use crate::domain::address::AccountId;
use crate::domain::claimable::Claimable;
use crate::domain::dead_letter::{Kind, Undelivered};
use crate::domain::escrow::EscrowAccount;
use crate::domain::ids::{ClaimableId, SubmissionId, TransferId};
use crate::domain::transfer::Transfer;

/// Names a record that was put aside: the account in whose history it stands, and the SHA-256 of the record
/// in hexadecimal digits.
pub type RecordId = (AccountId, String);

/// A record that was put aside, and whether a person has seen to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantinedRecord {
    /// Its name.
    pub id: RecordId,
    /// The record.
    pub record: Quarantined,
    /// Who dismissed it; `None` while it is open.
    pub dismissed: Option<Dismissal>,
}

/// A person's word that a record needs nothing more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dismissal {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why.
    pub note: String,
}

/// How often something was tried: transactions that had no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tries {
    /// How many.
    pub count: u32,
    /// The last of them.
    pub last: Option<SubmissionId>,
}

store_trait! {
    /// Dead letters: what needs a person's decision before the engine can go on with it. Lists are by id,
    /// after `after`.
    pub trait DeadLettersTx, forwarded by ForwardDeadLetters {
        /// Records that were put aside: those that are open, or those that were dismissed.
        async fn quarantined_records(
            &mut self,
            dismissed: bool,
            after: Option<RecordId>,
            limit: u32,
        ) -> Result<Page<QuarantinedRecord, RecordId>, StoreError>;

        /// The record with this name, open or dismissed.
        async fn quarantined_record(
            &mut self,
            id: &RecordId,
        ) -> Result<Option<QuarantinedRecord>, StoreError>;

        /// Dismisses an open record; one that was dismissed stays as it is.
        async fn dismiss_record(
            &mut self,
            id: &RecordId,
            dismissal: &Dismissal,
        ) -> Result<Applied, StoreError>;

        /// Returns of payments that are owed and could not be delivered, or of which nobody has said where
        /// they go.
        async fn returns_undelivered(
            &mut self,
            after: Option<TransferId>,
            limit: u32,
        ) -> Result<Page<(Transfer, Option<Undelivered>), TransferId>, StoreError>;

        /// Repayments of claimable balances that are owed, tried or not.
        async fn repayments_unpaid(
            &mut self,
            after: Option<TransferId>,
            limit: u32,
        ) -> Result<Page<(Transfer, Option<Undelivered>), TransferId>, StoreError>;

        /// How a pending return or repayment could not be delivered; `None` if that was not tried, or it goes
        /// another way since.
        async fn undelivered(&mut self, transfer: TransferId) -> Result<Option<Undelivered>, StoreError>;

        /// Stores that a return or repayment could not be delivered; nothing unless it is pending and goes
        /// this way still.
        async fn set_undelivered(
            &mut self,
            transfer: &Transfer,
            undelivered: &Undelivered,
        ) -> Result<(), StoreError>;

        /// Transactions that carried a transfer, and had no effect.
        async fn tries_of(&mut self, transfer: TransferId) -> Result<Tries, StoreError>;

        /// Transactions that were to take back a claimable balance that is outstanding.
        async fn tries_to_reclaim(&mut self, claimable: ClaimableId) -> Result<Tries, StoreError>;

        /// Outstanding claimable balances that may be reclaimed at `now` and could not be, or may be since
        /// `overdue`.
        async fn claimables_not_reclaimed(
            &mut self,
            now: Timestamp,
            overdue: Timestamp,
            after: Option<ClaimableId>,
            limit: u32,
        ) -> Result<Page<Claimable, ClaimableId>, StoreError>;

        /// Escrow accounts that have been dirty since `since` or longer.
        async fn escrows_unexplained(
            &mut self,
            since: Timestamp,
            after: Option<AccountId>,
            limit: u32,
        ) -> Result<Page<EscrowAccount, AccountId>, StoreError>;

        /// How many there are of each kind at `now`.
        async fn dead_letter_counts(&mut self, now: Timestamp) -> Result<BTreeMap<Kind, u64>, StoreError>;
    }
}
