use super::error::StoreError;
use super::forward::store_trait;
use super::pages::Page;
use crate::domain::address::AccountId;
use crate::domain::ids::{ClaimableId, ReservationId, SubmissionId, TransferId, TxHash};
use crate::domain::payment::PaymentId;
use crate::domain::transfer::{Submission, Transfer};

store_trait! {
    /// Transfers (money that goes out) and submissions (the transactions that carry them).
    pub trait TransfersTx, forwarded by ForwardTransfers {
        /// Stores new transfers; they must be pending.
        async fn insert_transfers(&mut self, transfers: &[Transfer]) -> Result<(), StoreError>;

        /// Stores a transfer's new state, if the stored one is still that of `before`, and it still goes the
        /// same way.
        ///
        /// Going in flight takes the transfer's one live attempt by unique key; being released frees it;
        /// being confirmed keeps it for ever.
        async fn update_transfer(&mut self, before: &Transfer, after: &Transfer) -> Result<(), StoreError>;

        /// Stores that a pending transfer goes another way (where to, with which memo, how), if it is still
        /// as it was before.
        async fn redirect_transfer(&mut self, before: &Transfer, after: &Transfer) -> Result<(), StoreError>;

        /// Makes all pending transfers from `closed`, an account that is no more, go from `home`.
        async fn sweep_to_platform(&mut self, closed: AccountId, home: AccountId) -> Result<(), StoreError>;

        /// True if a transfer from this account is pending or in flight.
        async fn money_is_owed_from(&mut self, account: AccountId) -> Result<bool, StoreError>;

        /// True if a return of a payment that counted towards this reservation is pending or in flight.
        async fn counted_returns_open(&mut self, reservation: ReservationId) -> Result<bool, StoreError>;

        /// A reservation's transfers, by ordinal.
        async fn transfers_of(&mut self, reservation: ReservationId) -> Result<Vec<Transfer>, StoreError>;

        /// The place of a reservation's next transfer: one more than its highest ordinal.
        async fn next_ordinal(&mut self, reservation: ReservationId) -> Result<u32, StoreError>;

        /// Returns of payments, and repayments, that are owed and in no live transaction, in id order, after
        /// `after`; not those of which nobody has said where they go.
        async fn pending_refunds(
            &mut self,
            after: Option<TransferId>,
            limit: u32,
        ) -> Result<Page<Transfer, TransferId>, StoreError>;

        /// Returns of payments to `account` that are owed and in no live transaction, in id order, after
        /// `after`.
        async fn pending_refunds_from(
            &mut self,
            account: AccountId,
            after: Option<TransferId>,
            limit: u32,
        ) -> Result<Vec<Transfer>, StoreError>;

        /// The return of a payment that stands; if all were given up, the last of them.
        async fn refund_of(&mut self, payment: PaymentId) -> Result<Option<Transfer>, StoreError>;

        /// The repayment of a claimable balance that was reclaimed.
        async fn repayment_of(&mut self, claimable: ClaimableId) -> Result<Option<Transfer>, StoreError>;

        /// True if a transfer from this account is in flight: its balance on the ledger may change at any
        /// time.
        async fn money_leaves(&mut self, account: AccountId) -> Result<bool, StoreError>;

        /// Transfers by id, in the order asked for; at most 100. A missing one is [`StoreError::Corrupt`].
        async fn transfers(&mut self, ids: &[TransferId]) -> Result<Vec<Transfer>, StoreError>;

        /// Stores a new transaction; it must be live. Takes its channel's one lease by unique key.
        async fn insert_submission(&mut self, submission: &Submission) -> Result<(), StoreError>;

        /// Stores a transaction of ours that was found on the ledger, with its outcome; it must be confirmed.
        async fn insert_recovered(&mut self, submission: &Submission) -> Result<(), StoreError>;

        /// Counts an attempt of a live transaction, before it is made.
        async fn count_attempt(&mut self, id: SubmissionId) -> Result<(), StoreError>;

        /// Notes what an attempt of a live transaction answered; nothing if it is no longer live.
        async fn note_answer(&mut self, id: SubmissionId, answer: &str) -> Result<(), StoreError>;

        /// Stores the outcome of a transaction, if it is still live. Frees its channel.
        async fn resolve_submission(&mut self, submission: &Submission) -> Result<(), StoreError>;

        /// The transaction with this id.
        async fn submission(&mut self, id: SubmissionId) -> Result<Option<Submission>, StoreError>;

        /// The transaction with this hash, or with a fee bump of ours that has it.
        async fn submission_by_hash(&mut self, hash: TxHash) -> Result<Option<Submission>, StoreError>;

        /// True if a transaction with this hash is stored, whether it can be read or not.
        async fn has_submission(&mut self, hash: TxHash) -> Result<bool, StoreError>;

        /// All live transactions, oldest first. There is at most one per channel.
        async fn live_submissions(&mut self) -> Result<Page<Submission, SubmissionId>, StoreError>;

        /// The channels that have a live transaction, whether it can be read or not: nothing else is sent by
        /// them.
        async fn channels_in_use(&mut self) -> Result<Vec<AccountId>, StoreError>;
    }
}
