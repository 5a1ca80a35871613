//! Accounts of ours, as they are stored and as the ledger shows them.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::escrow::{Channel, ChannelRole, HistoryCursor};
use crate::domain::ids::{LedgerSeq, OperationId};
use crate::domain::journal::BookAccount;
use crate::domain::money::Stroops;
use crate::ports::network::AccountSnapshot;
use crate::ports::store::{StoreError, Tx};
use crate::settlement::EngineError;

/// The platform's account.
pub(in crate::settlement) async fn platform(tx: &mut dyn Tx) -> Result<AccountId, EngineError> {
    let mut unreadable = None;
    let channels = tx.channels().await?.readable(|row| unreadable = Some(row));
    match channels.into_iter().find(|channel| channel.role == ChannelRole::Platform) {
        Some(platform) => Ok(platform.account),
        None => Err(match unreadable {
            Some(row) => StoreError::from(row).into(),
            None => EngineError::Contradiction("no platform account is stored".to_owned()),
        }),
    }
}

pub(in crate::settlement) fn trusted(snapshot: &AccountSnapshot) -> Vec<Asset> {
    let balances = snapshot.balances.iter().map(|balance| balance.asset);
    balances.filter(|asset| *asset != Asset::Native).collect()
}

pub(in crate::settlement) async fn channel(
    tx: &mut dyn Tx,
    account: AccountId,
) -> Result<Channel, EngineError> {
    let channel = tx.channels().await?.row(&account)?;
    channel.ok_or_else(|| EngineError::Contradiction(format!("channel {account} is not stored")))
}

/// The channels of live transactions that cannot be read: they send nothing else until these are mended.
pub(in crate::settlement) async fn hidden_channels(
    tx: &mut dyn Tx,
) -> Result<BTreeSet<AccountId>, StoreError> {
    let mut hidden: BTreeSet<AccountId> = tx.channels_in_use().await?.into_iter().collect();
    for submission in tx.live_submissions().await?.readable(|_| {}) {
        hidden.remove(&submission.channel);
    }
    Ok(hidden)
}

pub(in crate::settlement) async fn is_ours(tx: &mut dyn Tx, account: AccountId) -> Result<bool, StoreError> {
    let channel = tx.channels().await?.keys().any(|channel| *channel == account);
    Ok(channel || !tx.escrows(&[account]).await?.is_empty())
}

/// Where the money that came to `account` is now: with the platform, once the account is merged.
pub(in crate::settlement) async fn home_of(
    tx: &mut dyn Tx,
    account: AccountId,
) -> Result<AccountId, EngineError> {
    match tx.escrow(account).await? {
        Some(escrow) if escrow.state.is_merged() => platform(tx).await,
        Some(_) | None => Ok(account),
    }
}

/// Where the history begins that a snapshot does not contain: after the ledger of its last change. A further
/// change would have risen that number, so all that happened up to then is in its balances, and nothing
/// of what came later.
pub(in crate::settlement) fn history_after(snapshot: &AccountSnapshot) -> HistoryCursor {
    let next = LedgerSeq(snapshot.last_modified.0.saturating_add(1));
    let last = OperationId(OperationId::from_parts(next, 0, 0).0 - 1);
    HistoryCursor { cursor: last, effects: last }
}

/// The assets in which the journal and the ledger say different things of an account.
pub(in crate::settlement) async fn differing_assets(
    tx: &mut dyn Tx,
    snapshot: &AccountSnapshot,
) -> Result<Vec<Asset>, StoreError> {
    let differences = differences(tx, snapshot).await?;
    Ok(differences.into_keys().collect())
}

/// In which assets the journal says more of an account than the ledger, and by how many stroops.
pub(in crate::settlement) async fn differences(
    tx: &mut dyn Tx,
    snapshot: &AccountSnapshot,
) -> Result<BTreeMap<Asset, i128>, StoreError> {
    let mut differences: BTreeMap<Asset, i128> = BTreeMap::new();
    for (asset, journal) in tx.balances_of(BookAccount::Stellar(snapshot.account)).await? {
        *differences.entry(asset).or_default() += i128::from(journal);
    }
    for balance in &snapshot.balances {
        *differences.entry(balance.asset).or_default() -= i128::from(balance.amount.get());
    }
    differences.retain(|_, difference| *difference != 0);
    Ok(differences)
}

/// True if an account can be paid these tokens on top of what it holds.
pub(in crate::settlement) fn has_room(account: &AccountSnapshot, tokens: &[(Asset, Stroops)]) -> bool {
    tokens.iter().all(|(asset, amount)| {
        account.balances.iter().any(|balance| {
            let room = balance.limit.map(|limit| limit.checked_sub(balance.amount));
            balance.asset == *asset
                && balance.authorized
                && room.is_none_or(|room| room.is_ok_and(|room| room >= *amount))
        })
    })
}
