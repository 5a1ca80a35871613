use jiff::Timestamp;

use super::error::StoreError;
use super::forward::store_trait;
use super::pages::Page;
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::escrow::{Channel, EscrowAccount, HistoryCursor};
use crate::domain::ids::{ReservationId, SubmissionId};
use crate::domain::money::Stroops;
use crate::domain::sealing::SealedSecret;

/// A claimable balance that a stranger made for an account of ours. It is listed, and never claimed by
/// itself: that would take a trust line for whatever anybody sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignClaimable {
    /// Its id as Horizon writes it.
    pub id: String,
    /// Our account that may claim it.
    pub claimant: AccountId,
    /// Its asset.
    pub asset: Asset,
    /// What it holds, in stroops.
    pub amount: Stroops,
    /// Who pays its reserve: as a rule who made it. `None` if the ledger does not say.
    pub sponsor: Option<AccountId>,
    /// When it was first seen.
    pub seen_at: Timestamp,
    /// When our account was closed, so that nobody can claim it for us any more; `None` while it is open.
    pub out_of_reach_at: Option<Timestamp>,
}

store_trait! {
    /// Escrow accounts and channel accounts.
    pub trait AccountsTx, forwarded by ForwardAccounts {
        /// Stores a new escrow account; its version must be 0.
        async fn insert_escrow(&mut self, escrow: &EscrowAccount) -> Result<(), StoreError>;

        /// Stores a changed escrow account, if its version is still the stored one; gives it back with the
        /// next.
        async fn update_escrow(&mut self, escrow: &EscrowAccount) -> Result<EscrowAccount, StoreError>;

        /// Makes all accounts that wait for a reservation adopted ones, as of `at`: a reservation that is no
        /// longer stored may have had them. How many there were.
        async fn retire_ready(&mut self, at: Timestamp) -> Result<u64, StoreError>;

        /// Those of `accounts` that are escrow accounts of ours, in any order. At most 200 may be asked for
        /// at once.
        async fn escrows(
            &mut self,
            accounts: &[AccountId],
        ) -> Result<Page<EscrowAccount, AccountId>, StoreError>;

        /// The escrow account of ours with this address.
        async fn escrow(&mut self, account: AccountId) -> Result<Option<EscrowAccount>, StoreError>;

        /// The escrow accounts that are being prepared and that `submission` creates.
        async fn escrows_opened_by(
            &mut self,
            submission: SubmissionId,
        ) -> Result<Vec<EscrowAccount>, StoreError>;

        /// Those of `accounts` that are assigned to a reservation that has ended or whose money goes back,
        /// with it; at most 200 may be asked for.
        async fn escrows_at_rest(
            &mut self,
            accounts: &[AccountId],
        ) -> Result<Vec<(AccountId, ReservationId)>, StoreError>;

        /// Escrow accounts that are merged, their history not read to its end; in account order.
        async fn escrows_merged(&mut self, limit: u32) -> Result<Page<EscrowAccount, AccountId>, StoreError>;

        /// Escrow accounts that are dirty, longest first.
        async fn escrows_dirty(&mut self, limit: u32) -> Result<Vec<EscrowAccount>, StoreError>;

        /// How many escrow accounts that trust exactly `assets` (sorted) are ready or being prepared.
        async fn escrows_available(&mut self, assets: &[Asset]) -> Result<u64, StoreError>;

        /// The different lists of assets that escrow accounts trust which are ready or being prepared; at
        /// most `limit`.
        async fn escrow_asset_lists(&mut self, limit: u32) -> Result<Vec<Vec<Asset>>, StoreError>;

        /// Gives a ready escrow account that trusts all of `assets` to `reservation`, the oldest first;
        /// `None` if there is none. Two callers never get the same.
        async fn take_escrow(
            &mut self,
            assets: &[Asset],
            reservation: ReservationId,
        ) -> Result<Option<AccountId>, StoreError>;

        /// Stores the sealed master secret of a new account; it is never changed, and stays when the account
        /// is closed.
        async fn insert_sealed_secret(&mut self, sealed: &SealedSecret) -> Result<(), StoreError>;

        /// The sealed master secrets of those of `accounts` that have one, in any order; at most 200 may be
        /// asked for.
        async fn sealed_secrets(&mut self, accounts: &[AccountId]) -> Result<Vec<SealedSecret>, StoreError>;

        /// Stores a new channel account.
        async fn insert_channel(&mut self, channel: &Channel) -> Result<(), StoreError>;

        /// Stores a changed channel, if its sequence number and opening are still those of `before`.
        async fn update_channel(&mut self, before: &Channel, after: &Channel) -> Result<(), StoreError>;

        /// Removes a channel whose opening transaction never landed.
        async fn remove_channel(&mut self, channel: &Channel) -> Result<(), StoreError>;

        /// How far a channel's or the platform's history was taken in; `None` before the first look.
        async fn history_cursor(&mut self, account: AccountId) -> Result<Option<HistoryCursor>, StoreError>;

        /// Stores how far an account's history was taken in, if it is stored as `before`.
        async fn set_history_cursor(
            &mut self,
            account: AccountId,
            before: Option<HistoryCursor>,
            after: HistoryCursor,
        ) -> Result<(), StoreError>;

        /// Stores which claimable balances strangers have made for `claimant`, over what was stored; those
        /// that were known keep the time at which they were first seen.
        async fn set_foreign_claimables(
            &mut self,
            claimant: AccountId,
            balances: &[ForeignClaimable],
        ) -> Result<(), StoreError>;

        /// Stores that `claimant` was closed: what strangers made for it is out of reach, and stays listed as
        /// it was last seen.
        async fn foreign_claimables_out_of_reach(
            &mut self,
            claimant: AccountId,
            at: Timestamp,
        ) -> Result<(), StoreError>;

        /// Claimable balances of strangers for accounts of ours, by claimant and id, after `after`.
        async fn foreign_claimables(
            &mut self,
            after: Option<(AccountId, String)>,
            limit: u32,
        ) -> Result<Vec<ForeignClaimable>, StoreError>;

        /// All channels, the platform account among them, in account order. There are at most a few hundred.
        async fn channels(&mut self) -> Result<Page<Channel, AccountId>, StoreError>;
    }
}
