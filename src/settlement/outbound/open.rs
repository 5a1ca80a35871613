//! Accounts opened ahead: the platform's own, channels, and warm escrow accounts.
//!
//! An account's key exists only while the transaction that creates it is signed; sealed, it is stored with
//! it. If that transaction dies, the account is given up and others are made; nothing was on it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::channels::Channels;
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::escrow::{Channel, ChannelRole, ESCROW_ASSETS_MAX, EscrowAccount, EscrowState, Watch};
use crate::domain::ids::{LedgerSeq, OperationId};
use crate::domain::payment::Memo;
use crate::domain::transfer::Purpose;
use crate::ports::network::{Body, Ledger};
use crate::ports::store::LIST_ROWS_MAX;
use crate::settlement::books::accounts::{hidden_channels, history_after};
use crate::settlement::books::entries::opening;
use crate::settlement::books::work::Ports;
use crate::settlement::memory::Memory;
use crate::settlement::{EngineError, TickReport};

/// After how long an issuer that was not on the ledger is looked for again.
const ISSUER_RECHECK: SignedDuration = SignedDuration::from_mins(5);
/// How long opening waits for an issuer that is not answered for, before it goes on without its asset.
const ISSUER_WAIT: SignedDuration = SignedDuration::from_mins(2);
/// First pause after an opening transaction failed, in seconds; it doubles up to the largest.
const OPEN_PAUSE_SECONDS_MIN: i64 = 10;
const OPEN_PAUSE_SECONDS_MAX: i64 = 3_600;

/// What the step remembers.
#[derive(Default)]
struct OpenMemory {
    /// When accounts may be opened again after a failure, and how long the last pause was.
    pause: Option<(Timestamp, SignedDuration)>,
    /// Assets whose issuer is on the ledger.
    issuers_seen: BTreeSet<Asset>,
    /// Assets whose issuer was not, and when it is looked for again.
    issuers_missing: BTreeMap<Asset, Timestamp>,
    /// Assets whose issuers the network does not answer for, since when.
    issuers_unanswered: BTreeMap<Asset, Timestamp>,
}

/// The step that opens accounts ahead.
pub(in crate::settlement) struct Open {
    ports: Arc<Ports>,
    channels: Arc<Channels>,
    progress: Memory<OpenMemory>,
}

impl Open {
    pub(in crate::settlement) fn new(ports: Arc<Ports>, channels: Arc<Channels>) -> Self {
        Self { ports, channels, progress: Memory::default() }
    }

    /// Accounts were opened: nothing is paused any more.
    pub(in crate::settlement) fn succeeded(&self) {
        self.progress.lock().pause = None;
    }

    /// Opens what is missing: first the platform's books, then channels, then escrow accounts.
    pub(in crate::settlement) async fn run(
        &self,
        tip: Ledger,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        let paused = self.progress.lock().pause.is_some_and(|(until, _)| self.ports.now() < until);
        let channels = self.ports.read().await?.channels().await?;
        let platform = self.ports.network.platform();
        if !channels.keys().any(|channel| *channel == platform) {
            return self.open_platform().await;
        }
        let channels = self.ports.readable(channels);
        self.channels.top_up(&channels, tip).await?;
        if paused {
            return Ok(());
        }
        let hidden = hidden_channels(&mut *self.ports.read().await?).await?;
        let counts = |one: &&Channel| {
            one.role == ChannelRole::Channel && !self.channels.is_gone(one) && !hidden.contains(&one.account)
        };
        let have = channels.iter().filter(counts).count();
        let missing = usize::from(self.ports.settings.channels).saturating_sub(have);
        if missing > 0 {
            let count =
                self.ports.network.channels_per_transaction().min(u16::try_from(missing).unwrap_or(u16::MAX));
            self.open_channels(count, tip).await?;
        }
        self.open_escrows(tip, report).await
    }

    /// After an opening transaction failed: wait, longer each time, so that no fees are burned in a loop.
    pub(in crate::settlement) fn failed(&self) {
        let now = self.ports.now();
        let mut progress = self.progress.lock();
        let last = progress.pause.map_or(0, |(_, pause)| pause.as_secs());
        let pause =
            SignedDuration::from_secs((last * 2).clamp(OPEN_PAUSE_SECONDS_MIN, OPEN_PAUSE_SECONDS_MAX));
        progress.pause = Some((now.checked_add(pause).unwrap_or(now), pause));
        tracing::error!(seconds = pause.as_secs(), "accounts could not be opened; waiting");
    }

    /// Enters the platform account into the books with the balance it has.
    async fn open_platform(&self) -> Result<(), EngineError> {
        let account = self.ports.network.platform();
        let answer = self.ports.network.account(account).await?;
        let Some(snapshot) = answer.account else { return Err(EngineError::NoPlatformAccount(account)) };
        self.ports
            .transact(move |work| {
                let snapshot = snapshot.clone();
                Box::pin(async move {
                    let platform = Channel {
                        account,
                        role: ChannelRole::Platform,
                        opening: None,
                        sequence: snapshot.sequence,
                    };
                    work.insert_channel(&platform).await?;
                    work.set_history_cursor(account, None, history_after(&snapshot)).await?;
                    let now = work.now();
                    work.post(opening(&snapshot, |_| true, now)).await
                })
            })
            .await
    }

    async fn open_channels(&self, count: u16, tip: Ledger) -> Result<(), EngineError> {
        let platform = self.channels.free_platform().await?;
        let Some(platform) = platform else { return Ok(()) };
        self.channels.take_turn();
        let starting_balance = self.ports.settings.channel_starting_balance;
        let plan =
            self.channels.plan(&platform, tip, Memo::None, Body::OpenChannels { count, starting_balance })?;
        let signed = self.ports.network.build(&plan).await?;
        self.ports
            .transact(move |work| {
                let (plan, signed) = (plan.clone(), signed.clone());
                Box::pin(async move {
                    let id = work.new_submission_id()?;
                    let accounts = signed.accounts.clone();
                    let purpose = Purpose::OpenChannels { accounts: accounts.clone(), starting_balance };
                    work.store_submission(id, &plan, &signed, purpose).await?;
                    for account in accounts {
                        let role = ChannelRole::Channel;
                        work.insert_channel(&Channel { account, role, opening: Some(id), sequence: 0 })
                            .await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    async fn open_escrows(&self, tip: Ledger, report: &mut TickReport) -> Result<(), EngineError> {
        let assets = self.escrow_assets(report).await?;
        if assets.is_empty() {
            return Ok(());
        }
        let available = self.ports.read().await?.escrows_available(&assets).await?;
        let missing = u64::from(self.ports.settings.warm_accounts).saturating_sub(available);
        let mut missing = u16::try_from(missing).unwrap_or(u16::MAX);
        for channel in self.channels.free().await? {
            if missing == 0 {
                break;
            }
            if channel.role == ChannelRole::Platform {
                continue;
            }
            let count = missing.min(self.ports.network.escrows_per_transaction(assets.len()));
            missing -= count;
            self.channels.take_turn();
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
        let plan = self.channels.plan(channel, tip, Memo::None, body)?;
        let signed = self.ports.network.build(&plan).await?;
        let assets = assets.to_vec();
        self.ports
            .transact(move |work| {
                let (plan, signed, assets) = (plan.clone(), signed.clone(), assets.clone());
                Box::pin(async move {
                    let (id, now) = (work.new_submission_id()?, work.now());
                    let accounts = signed.accounts.clone();
                    let purpose = Purpose::OpenEscrows { accounts: accounts.clone(), assets: assets.clone() };
                    work.store_submission(id, &plan, &signed, purpose).await?;
                    for account in accounts {
                        let escrow = EscrowAccount {
                            account,
                            version: 0,
                            assets: assets.clone(),
                            state: EscrowState::Preparing { submission: id },
                            watch: Watch {
                                cursor: OperationId(0),
                                explained: LedgerSeq(0),
                                dirty_since: None,
                            },
                            created_at: now,
                        };
                        work.insert_escrow(&escrow).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// The credits that new escrow accounts trust: those of all currencies whose issuer is on the
    /// ledger, sorted.
    async fn escrow_assets(&self, report: &mut TickReport) -> Result<Vec<Asset>, EngineError> {
        let currencies = self.ports.read().await?.currencies(None, LIST_ROWS_MAX).await?;
        let currencies = self.ports.readable(currencies);
        let mut assets: Vec<Asset> = Vec::new();
        for asset in currencies.into_iter().map(|currency| currency.asset) {
            let Some(issuer) = asset.issuer() else { continue };
            let there = match self.issuer_is_there(asset, issuer).await {
                Ok(there) => there,
                Err(error) if self.waits_for_issuer(asset) => return Err(error),
                // The other currencies go on without it.
                Err(error) => {
                    report.isolate(&format!("the issuer of {asset}"), Err(error))?;
                    false
                }
            };
            if there && !assets.contains(&asset) {
                assets.push(asset);
            }
        }
        assets.sort();
        assets.truncate(ESCROW_ASSETS_MAX);
        Ok(assets)
    }

    /// True for a while after an issuer was first not answered for: accounts that do not trust its asset
    /// would have to be opened anew.
    fn waits_for_issuer(&self, asset: Asset) -> bool {
        let now = self.ports.now();
        let since = *self.progress.lock().issuers_unanswered.entry(asset).or_insert(now);
        now.duration_since(since) < ISSUER_WAIT
    }

    async fn issuer_is_there(&self, asset: Asset, issuer: AccountId) -> Result<bool, EngineError> {
        let now = self.ports.now();
        {
            let progress = self.progress.lock();
            if progress.issuers_seen.contains(&asset) {
                return Ok(true);
            }
            if progress.issuers_missing.get(&asset).is_some_and(|again| now < *again) {
                return Ok(false);
            }
        }
        let there = self.ports.network.account(issuer).await?.account.is_some();
        let mut progress = self.progress.lock();
        progress.issuers_unanswered.remove(&asset);
        if there {
            progress.issuers_missing.remove(&asset);
            progress.issuers_seen.insert(asset);
        } else {
            tracing::warn!(%asset, "no escrow account can trust this asset: its issuer is not on the ledger");
            let again = now.checked_add(ISSUER_RECHECK).unwrap_or(now);
            progress.issuers_missing.insert(asset, again);
        }
        Ok(there)
    }
}
