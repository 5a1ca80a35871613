use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::{Applied, StoreError};
use super::forward::store_trait;
use super::lease::ServerIdentity;
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::ids::{EntryId, LedgerSeq, OperationId, ReservationId, TxHash};
use crate::domain::journal::{BookAccount, Entry};

/// What the engine last reported of itself; `/readyz` and `doctor` read it, in whatever process they run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineStatus {
    /// When the last tick ended, by our clock.
    pub ticked_at: Timestamp,
    /// The latest ledger it knows of.
    pub ledger: LedgerSeq,
    /// When that closed.
    pub ledger_closed_at: Timestamp,
    /// When the last full sweep over our accounts ended, by our clock.
    pub swept_at: Option<Timestamp>,
    /// What keeps it from working, for people; `None` if nothing does.
    pub trouble: Option<String>,
    /// What it could not work on, for people, while everything else went on; `None` if there is nothing.
    pub left_alone: Option<String>,
    /// Since when the network's payment stream cannot be read, while it should be followed.
    pub stream_away_since: Option<Timestamp>,
    /// Before which ledger time nothing is built, since nobody looked for longer than a transaction lives.
    pub builds_nothing_before: Option<Timestamp>,
    /// Why it stopped until a person has looked; `None` if it did not.
    pub stopped: Option<Stopped>,
    /// The database server it reported to; `None` where none can be told.
    pub server: Option<ServerIdentity>,
}

/// Money that left an account of ours by a transaction that is not stored. No engine goes on before a person
/// has looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// The account.
    pub account: AccountId,
    /// The operation that took it.
    pub operation: OperationId,
    /// Its transaction.
    pub transaction: TxHash,
    /// When an engine first stopped for it, by our clock.
    pub since: Timestamp,
}

store_trait! {
    /// The journal, the events, and the engine's report.
    pub trait JournalTx, forwarded by ForwardJournal {
        /// Stores an entry, once per cause.
        ///
        /// An entry whose cause is stored already changes nothing: whoever posts it must not repeat the rest
        /// of its effects either.
        async fn post(&mut self, entry: &Entry) -> Result<Applied, StoreError>;

        /// The balance of a book account in an asset, in stroops: debits minus credits.
        async fn balance(&mut self, account: BookAccount, asset: Asset) -> Result<i64, StoreError>;

        /// A book account's balances that are not zero, by asset, in stroops.
        async fn balances_of(&mut self, account: BookAccount) -> Result<Vec<(Asset, i64)>, StoreError>;

        /// All balances that are not zero, after `after`, by the accounts' and then the assets' texts, in an
        /// order that the database fixes (its language may put letters before digits).
        async fn balances(
            &mut self,
            after: Option<(BookAccount, Asset)>,
            limit: u32,
        ) -> Result<Vec<(BookAccount, Asset, i64)>, StoreError>;

        /// Balances that are not zero of deposits, unattributed money, claimants and what was clawed back,
        /// after `after`, in the order of [`Self::balances`].
        async fn balances_owed(
            &mut self,
            after: Option<(BookAccount, Asset)>,
            limit: u32,
        ) -> Result<Vec<(BookAccount, Asset, i64)>, StoreError>;

        /// The sum of all postings per asset: zero for each, or the database was changed by other hands.
        async fn journal_sums(&mut self) -> Result<Vec<(Asset, i64)>, StoreError>;

        /// Entries in id order, after `after`, of one reservation if it is named.
        async fn entries(
            &mut self,
            reservation: Option<ReservationId>,
            after: Option<EntryId>,
            limit: u32,
        ) -> Result<Vec<Entry>, StoreError>;

        /// Stores the engine's report over the last one: there is one.
        async fn report(&mut self, status: &EngineStatus) -> Result<(), StoreError>;

        /// The engine's last report; `None` before the first.
        async fn engine_status(&mut self) -> Result<Option<EngineStatus>, StoreError>;
    }
}
