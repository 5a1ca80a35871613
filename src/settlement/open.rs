//! Accounts opened ahead: the platform's own, channels, and warm escrow accounts.
//!
//! An account's key exists only while the transaction that creates it is signed; sealed, it is stored with it. If that transaction dies, the
//! account is given up and others are made; nothing was on it.

use jiff::SignedDuration;

use super::own::history_after;
use super::settle::store_submission;
use super::{Engine, EngineError, Ids};
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::escrow::{Channel, ChannelRole, ESCROW_ASSETS_MAX, EscrowAccount, EscrowState, Watch};
use crate::domain::ids::{LedgerSeq, OperationId};
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::domain::payment::Memo;
use crate::domain::transfer::Purpose;
use crate::ports::network::{Body, Ledger};
use crate::ports::store::{LIST_ROWS_MAX, transact};

/// After how long an issuer that was not on the ledger is looked for again.
const ISSUER_RECHECK: SignedDuration = SignedDuration::from_mins(5);
/// First pause after an opening transaction failed, in seconds; it doubles up to the largest.
const OPEN_PAUSE_SECONDS_MIN: i64 = 10;
const OPEN_PAUSE_SECONDS_MAX: i64 = 3_600;

impl Engine {
    /// Opens what is missing: first the platform's books, then channels, then escrow accounts.
    pub(super) async fn open_accounts(&self, tip: Ledger) -> Result<(), EngineError> {
        let paused = self.memory().open_pause.is_some_and(|(until, _)| self.clock.now() < until);
        let channels = self.store.begin_read().await?.channels().await?;
        if !channels.iter().any(|channel| channel.role == ChannelRole::Platform) {
            return self.open_platform().await;
        }
        self.top_up_channels(&channels, tip).await?;
        if paused {
            return Ok(());
        }
        let counts = |one: &&Channel| one.role == ChannelRole::Channel && !self.is_gone(one);
        let have = channels.iter().filter(counts).count();
        let missing = usize::from(self.settings.channels).saturating_sub(have);
        if missing > 0 {
            let count =
                self.network.channels_per_transaction().min(u16::try_from(missing).unwrap_or(u16::MAX));
            self.open_channels(count, tip).await?;
        }
        self.open_escrows(tip).await
    }

    /// After an opening transaction failed: wait, longer each time, so that no fees are burned in a loop.
    pub(super) fn pause_opening(&self) {
        let now = self.clock.now();
        let mut memory = self.memory();
        let last = memory.open_pause.map_or(0, |(_, pause)| pause.as_secs());
        let pause =
            SignedDuration::from_secs((last * 2).clamp(OPEN_PAUSE_SECONDS_MIN, OPEN_PAUSE_SECONDS_MAX));
        memory.open_pause = Some((now.checked_add(pause).unwrap_or(now), pause));
        tracing::error!(seconds = pause.as_secs(), "accounts could not be opened; waiting");
    }

    /// Enters the platform account into the books with the balance it has.
    async fn open_platform(&self) -> Result<(), EngineError> {
        let account = self.network.platform();
        let answer = self.network.account(account).await?;
        let Some(snapshot) = answer.account else { return Err(EngineError::NoPlatformAccount(account)) };
        let ids = Ids::of(self);
        transact(&self.store, move |tx| {
            let (ids, snapshot) = (ids.clone(), snapshot.clone());
            Box::pin(async move {
                let platform = Channel {
                    account,
                    role: ChannelRole::Platform,
                    opening: None,
                    sequence: snapshot.sequence,
                };
                tx.insert_channel(&platform).await?;
                tx.set_history_cursor(account, None, history_after(&snapshot)).await?;
                let mut postings = Postings::new();
                for balance in snapshot.balances {
                    let book = BookAccount::Stellar(account);
                    postings.movement(balance.asset, balance.amount, book, BookAccount::Capital);
                }
                ids.post(tx, Cause::Opening(account), None, ids.now(), postings).await
            })
        })
        .await
    }

    async fn open_channels(&self, count: u16, tip: Ledger) -> Result<(), EngineError> {
        let platform = self.free_channels().await?.into_iter().find(|c| c.role == ChannelRole::Platform);
        let Some(platform) = platform else { return Ok(()) };
        self.memory().built += 1;
        let starting_balance = self.settings.channel_starting_balance;
        let plan =
            self.transaction(&platform, tip, Memo::None, Body::OpenChannels { count, starting_balance })?;
        let signed = self.network.build(&plan).await?;
        let ids = Ids::of(self);
        transact(&self.store, move |tx| {
            let (ids, plan, signed) = (ids.clone(), plan.clone(), signed.clone());
            Box::pin(async move {
                let id = ids.submission()?;
                let accounts = signed.accounts.clone();
                let purpose = Purpose::OpenChannels { accounts: accounts.clone(), starting_balance };
                store_submission(tx, id, &plan, &signed, purpose, ids.now()).await?;
                for account in accounts {
                    let role = ChannelRole::Channel;
                    tx.insert_channel(&Channel { account, role, opening: Some(id), sequence: 0 }).await?;
                }
                Ok(())
            })
        })
        .await
    }

    async fn open_escrows(&self, tip: Ledger) -> Result<(), EngineError> {
        let assets = self.escrow_assets().await?;
        if assets.is_empty() {
            return Ok(());
        }
        let available = self.store.begin_read().await?.escrows_available(&assets).await?;
        let missing = u64::from(self.settings.warm_accounts).saturating_sub(available);
        let mut missing = u16::try_from(missing).unwrap_or(u16::MAX);
        for channel in self.free_channels().await? {
            if missing == 0 {
                break;
            }
            if channel.role == ChannelRole::Platform {
                continue;
            }
            let count = missing.min(self.network.escrows_per_transaction(assets.len()));
            missing -= count;
            self.memory().built += 1;
            self.open_escrow_batch(count, &assets, &channel, tip).await?;
        }
        Ok(())
    }

    async fn open_escrow_batch(
        &self,
        count: u16,
        assets: &[Asset],
        channel: &Channel,
        tip: Ledger,
    ) -> Result<(), EngineError> {
        let body = Body::OpenEscrows { count, assets: assets.to_vec() };
        let plan = self.transaction(channel, tip, Memo::None, body)?;
        let signed = self.network.build(&plan).await?;
        let (ids, assets) = (Ids::of(self), assets.to_vec());
        transact(&self.store, move |tx| {
            let (ids, plan, signed, assets) = (ids.clone(), plan.clone(), signed.clone(), assets.clone());
            Box::pin(async move {
                let (id, now) = (ids.submission()?, ids.now());
                let accounts = signed.accounts.clone();
                let purpose = Purpose::OpenEscrows { accounts: accounts.clone(), assets: assets.clone() };
                store_submission(tx, id, &plan, &signed, purpose, now).await?;
                for account in accounts {
                    let escrow = EscrowAccount {
                        account,
                        version: 0,
                        assets: assets.clone(),
                        state: EscrowState::Preparing { submission: id },
                        watch: Watch { cursor: OperationId(0), explained: LedgerSeq(0), dirty_since: None },
                        created_at: now,
                    };
                    tx.insert_escrow(&escrow).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// The credits that new escrow accounts trust: those of all currencies whose issuer is on the ledger, sorted.
    async fn escrow_assets(&self) -> Result<Vec<Asset>, EngineError> {
        let currencies = self.store.begin_read().await?.currencies(None, LIST_ROWS_MAX).await?;
        let mut assets: Vec<Asset> = Vec::new();
        for asset in currencies.into_iter().map(|currency| currency.asset) {
            let Some(issuer) = asset.issuer() else { continue };
            if self.issuer_is_there(asset, issuer).await? && !assets.contains(&asset) {
                assets.push(asset);
            }
        }
        assets.sort();
        assets.truncate(ESCROW_ASSETS_MAX);
        Ok(assets)
    }

    async fn issuer_is_there(&self, asset: Asset, issuer: AccountId) -> Result<bool, EngineError> {
        let now = self.clock.now();
        {
            let memory = self.memory();
            if memory.issuers_seen.contains(&asset) {
                return Ok(true);
            }
            if memory.issuers_missing.get(&asset).is_some_and(|again| now < *again) {
                return Ok(false);
            }
        }
        let there = self.network.account(issuer).await?.account.is_some();
        let mut memory = self.memory();
        if there {
            memory.issuers_missing.remove(&asset);
            memory.issuers_seen.insert(asset);
        } else {
            tracing::warn!(%asset, "no escrow account can trust this asset: its issuer is not on the ledger");
            let again = now.checked_add(ISSUER_RECHECK).unwrap_or(now);
            memory.issuers_missing.insert(asset, again);
        }
        Ok(there)
    }
}
