//! The accounts opened ahead: what is there, what is wanted, and what an account takes from the platform.
//!
//! Reserves are counted as the ledger counts them (Stellar documentation, "Minimum balance"): two base
//! reserves for an account, one for each of its trust lines and additional signers, paid by its sponsor.

use crate::domain::asset::{Asset, AssetCode};
use crate::domain::escrow::{ChannelRole, ESCROW_ASSETS_MAX};
use crate::domain::money::Stroops;
use crate::domain::transfer::Purpose;
use crate::ports::network::{AccountSnapshot, Network, NetworkError};
use crate::ports::store::{LIST_ROWS_MAX, Store, StoreError};

/// The network's base reserve, in stroops: half an XLM.
const BASE_RESERVE_STROOPS: i64 = 5_000_000;
/// Base reserves of an account that has nothing.
const ACCOUNT_RESERVES: i64 = 2;
/// The platform's signer on an account of ours.
const PLATFORM_SIGNER_RESERVES: i64 = 1;

/// The accounts that the settings ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Targets {
    /// Channel accounts.
    pub channels: u16,
    /// XLM that a new channel gets for its fees.
    pub channel_starting_balance: Stroops,
    /// Escrow accounts kept ready.
    pub warm_accounts: u16,
    /// Recovery signers that each new account gets.
    pub recovery_signers: usize,
}

/// The accounts that there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountInventory {
    /// True if the platform account is in the books.
    pub platform_in_books: bool,
    /// Channels that can be used.
    pub channels_ready: u64,
    /// Channels whose opening transaction has no outcome yet.
    pub channels_opening: u64,
    /// What new escrow accounts trust: the credits of all currencies whose issuer is on the ledger, sorted.
    pub assets: Vec<Asset>,
    /// Currencies whose issuer is not on the ledger: no account can trust them.
    pub issuers_missing: Vec<AssetCode>,
    /// Escrow accounts that trust `assets` and wait for a reservation.
    pub escrows_ready: u64,
    /// Those whose opening transaction has no outcome yet.
    pub escrows_opening: u64,
}

/// Why the inventory could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The network.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

/// Counts the accounts. The engine opens the same: [`AccountInventory::assets`] is what its next escrow
/// account will trust.
pub async fn account_inventory(
    store: &dyn Store,
    network: &dyn Network,
) -> Result<AccountInventory, InventoryError> {
    let mut tx = store.begin_read().await?;
    // What cannot be read is of no use now: the engine leaves it out, too.
    let channels = tx.channels().await?.readable(|_| {});
    let live = tx.live_submissions().await?.readable(|_| {});
    let currencies = tx.currencies(None, LIST_ROWS_MAX).await?.readable(|_| {});
    drop(tx);
    let mut inventory = AccountInventory::default();
    for channel in channels {
        match channel.role {
            ChannelRole::Platform => inventory.platform_in_books = true,
            ChannelRole::Channel if channel.opening.is_none() => inventory.channels_ready += 1,
            ChannelRole::Channel => inventory.channels_opening += 1,
        }
    }
    for currency in currencies {
        let Some(issuer) = currency.asset.issuer() else { continue };
        if network.account(issuer).await?.account.is_none() {
            inventory.issuers_missing.push(currency.code);
        } else if !inventory.assets.contains(&currency.asset) {
            inventory.assets.push(currency.asset);
        }
    }
    inventory.assets.sort();
    inventory.assets.truncate(ESCROW_ASSETS_MAX);
    let planned = store.begin_read().await?.escrows_available(&inventory.assets).await?;
    let opening = live.iter().map(|submission| match &submission.purpose {
        Purpose::OpenEscrows { accounts, assets } if *assets == inventory.assets => accounts.len() as u64,
        Purpose::OpenEscrows { .. }
        | Purpose::OpenChannels { .. }
        | Purpose::TopUpChannels { .. }
        | Purpose::Recovered
        | Purpose::PayTransfers { .. }
        | Purpose::Reclaim { .. }
        | Purpose::CloseEscrows { .. } => 0,
    });
    inventory.escrows_opening = opening.sum::<u64>().min(planned);
    inventory.escrows_ready = planned - inventory.escrows_opening;
    Ok(inventory)
}

impl AccountInventory {
    /// Channels that are not even being opened.
    pub fn channels_missing(&self, targets: &Targets) -> u64 {
        u64::from(targets.channels).saturating_sub(self.channels_ready + self.channels_opening)
    }

    /// Escrow accounts that are not even being opened; none while there is nothing they could trust.
    pub fn escrows_missing(&self, targets: &Targets) -> u64 {
        if self.assets.is_empty() {
            return 0;
        }
        u64::from(targets.warm_accounts).saturating_sub(self.escrows_ready + self.escrows_opening)
    }

    /// True if all that can be opened is there, and usable.
    pub fn is_complete(&self, targets: &Targets) -> bool {
        self.platform_in_books
            && self.channels_opening + self.escrows_opening == 0
            && self.channels_missing(targets) + self.escrows_missing(targets) == 0
    }

    /// Accounts that are there and usable, of those that are wanted: for a progress bar.
    pub fn ready(&self, targets: &Targets) -> u64 {
        let escrows = if self.assets.is_empty() { 0 } else { self.escrows_ready };
        self.channels_ready.min(targets.channels.into()) + escrows.min(targets.warm_accounts.into())
    }

    /// Accounts that are wanted and can be opened.
    pub fn total(&self, targets: &Targets) -> u64 {
        let escrows = if self.assets.is_empty() { 0 } else { targets.warm_accounts.into() };
        u64::from(targets.channels) + escrows
    }
}

/// XLM that the platform sets aside for one account of ours with so many trust lines and recovery signers.
pub fn reserve(trust_lines: usize, recovery_signers: usize) -> Stroops {
    let entries = i64::try_from(trust_lines.saturating_add(recovery_signers)).unwrap_or(i64::MAX);
    let reserves = entries.saturating_add(ACCOUNT_RESERVES + PLATFORM_SIGNER_RESERVES);
    Stroops::new(reserves.saturating_mul(BASE_RESERVE_STROOPS)).unwrap_or(Stroops::MAX)
}

/// XLM of an account above its reserves; all of it where the answer does not say what those are.
pub fn spendable(account: &AccountSnapshot) -> Stroops {
    let native = account.balances.iter().find(|balance| balance.asset == Asset::Native);
    let balance = native.map_or(Stroops::ZERO, |balance| balance.amount);
    let reserves = account.control.as_ref().map_or(0, |control| {
        ACCOUNT_RESERVES + i64::from(control.subentries) + i64::from(control.sponsoring)
            - i64::from(control.sponsored)
    });
    let bound = Stroops::new(reserves.saturating_mul(BASE_RESERVE_STROOPS)).unwrap_or(Stroops::ZERO);
    balance.checked_sub(bound).unwrap_or(Stroops::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::address::AccountId;

    const TARGETS: Targets = Targets {
        channels: 4,
        channel_starting_balance: Stroops::from_units(10),
        warm_accounts: 20,
        recovery_signers: 0,
    };

    #[test]
    fn an_account_takes_half_an_xlm_for_itself_twice_its_signers_and_its_lines() {
        assert_eq!(reserve(0, 0).to_string(), "1.5");
        assert_eq!(reserve(3, 0), Stroops::from_units(3));
        assert_eq!(reserve(3, 5).to_string(), "5.5");
        assert_eq!(reserve(usize::MAX, 1), Stroops::MAX);
    }

    #[test]
    fn what_is_being_opened_is_not_missing_and_not_ready() {
        let assets = vec![Asset::credit("TFT".parse().unwrap(), AccountId([9; 32]))];
        let opening = AccountInventory {
            platform_in_books: true,
            channels_ready: 1,
            channels_opening: 3,
            assets,
            escrows_ready: 5,
            escrows_opening: 15,
            ..AccountInventory::default()
        };
        assert_eq!((opening.channels_missing(&TARGETS), opening.escrows_missing(&TARGETS)), (0, 0));
        assert!(!opening.is_complete(&TARGETS));
        assert_eq!((opening.ready(&TARGETS), opening.total(&TARGETS)), (6, 24));
        let done = AccountInventory {
            channels_ready: 4,
            channels_opening: 0,
            escrows_ready: 20,
            escrows_opening: 0,
            ..opening
        };
        assert!(done.is_complete(&TARGETS));
        let no_currency = AccountInventory { assets: vec![], escrows_ready: 0, ..done };
        assert!(no_currency.is_complete(&TARGETS), "without a currency there is nothing to open");
    }
}
