//! Channels: what they have left for fees, and whether they are there at all.
//!
//! One whose fees have used up its XLM sends nothing. A channel with less than half
//! of `channel_starting_balance` gets the rest of it from the platform's account. What channels have
//! is seen in the sweeps, so that it costs no request. One that a whole sweep did not meet is not used, and
//! is replaced if several did not: what was built on it would never land.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::escrow::{Channel, ChannelRole};
use crate::domain::ids::LedgerSeq;
use crate::domain::journal::BookAccount;
use crate::domain::money::Stroops;
use crate::domain::payment::Memo;
use crate::domain::transfer::{Purpose, TopUp};
use crate::ports::network::{
    AccountPage, AccountSnapshot, Body, Ledger, PaymentOperation, TRANSACTION_OPERATIONS_MAX, TransactionPlan,
};
use crate::settlement::EngineError;
use crate::settlement::books::entries::unseen_fees;
use crate::settlement::books::work::{Ports, UnitOfWork};
use crate::settlement::memory::Memory;

/// After how many sweeps in a row that did not meet a channel another is opened.
const MISSING_SWEEPS: u32 = 3;
/// How long a channel rests that could not pay a fee.
const POOR_CHANNEL_REST: SignedDuration = SignedDuration::from_mins(10);

/// What is remembered of channels.
#[derive(Default)]
struct SeenChannels {
    /// Channels that could not pay a fee, and until when they are left alone.
    poor: BTreeMap<AccountId, Timestamp>,
    /// Channels that the last whole sweep did not meet, and in how many sweeps in a row: they are not used.
    missing: BTreeMap<AccountId, u32>,
    /// Channels that the sweep under way has met.
    met: BTreeSet<AccountId>,
    /// What channels had for their fees when they were last seen.
    xlm: BTreeMap<AccountId, Stroops>,
    /// The sequence numbers that channels have reached on the ledger: what is built below them never lands.
    reached: BTreeMap<AccountId, i64>,
    /// Until when channels are given nothing, since that did not work.
    top_up_not_before: Option<Timestamp>,
    /// How many transactions were built: channels take turns.
    built: usize,
}

/// The platform's own account and the channels, as sources of transactions.
pub(in crate::settlement) struct Channels {
    ports: Arc<Ports>,
    seen: Memory<SeenChannels>,
}

impl Channels {
    pub(in crate::settlement) fn new(ports: Arc<Ports>) -> Self {
        Self { ports, seen: Memory::default() }
    }

    /// Those that may send a transaction now. They take turns, so that their fees drain evenly; one that
    /// could not pay a fee rests for a while, and one that is ahead of what is stored until it is caught up
    /// with.
    pub(in crate::settlement) async fn free(&self) -> Result<Vec<Channel>, EngineError> {
        let mut tx = self.ports.read().await?;
        let leased = tx.channels_in_use().await?;
        let channels = self.ports.readable(tx.channels().await?);
        let now = self.ports.now();
        let mut seen = self.seen.lock();
        seen.poor.retain(|_, until| *until > now);
        let mut free: Vec<Channel> = channels
            .into_iter()
            .filter(|channel| channel.opening.is_none() && !leased.contains(&channel.account))
            .filter(|channel| !seen.poor.contains_key(&channel.account))
            .filter(|channel| !seen.missing.contains_key(&channel.account))
            .filter(|channel| seen.reached.get(&channel.account).is_none_or(|at| *at <= channel.sequence))
            .collect();
        if !free.is_empty() {
            let turn = seen.built % free.len();
            free.rotate_left(turn);
        }
        Ok(free)
    }

    /// The first free channel; `None` if all are at work.
    pub(in crate::settlement) async fn free_channel(&self) -> Result<Option<Channel>, EngineError> {
        Ok(self.free().await?.into_iter().find(|channel| channel.role == ChannelRole::Channel))
    }

    /// The platform's own account, if no transaction of it is under way.
    pub(in crate::settlement) async fn free_platform(&self) -> Result<Option<Channel>, EngineError> {
        Ok(self.free().await?.into_iter().find(|channel| channel.role == ChannelRole::Platform))
    }

    /// A transaction is built: the next goes on another channel.
    pub(in crate::settlement) fn take_turn(&self) {
        self.seen.lock().built += 1;
    }

    /// The plan of a transaction on a free channel.
    pub(in crate::settlement) fn plan(
        &self,
        channel: &Channel,
        tip: Ledger,
        memo: Memo,
        body: Body,
    ) -> Result<TransactionPlan, EngineError> {
        Ok(TransactionPlan {
            channel: channel.account,
            sequence: channel.sequence + 1,
            max_time: self.ports.max_time(tip)?,
            fee_per_operation: self.ports.settings.fee_per_operation_stroops,
            memo,
            body,
        })
    }

    /// Channels got XLM for their fees.
    pub(in crate::settlement) fn topped_up(&self, channels: &[AccountId]) {
        let mut seen = self.seen.lock();
        for channel in channels {
            seen.poor.remove(channel);
            seen.xlm.remove(channel);
        }
    }

    /// Channels could not be given XLM: they are given none for a while.
    pub(in crate::settlement) fn top_up_failed(&self, now: Timestamp) {
        tracing::error!("channels could not be topped up: fund the platform's account with XLM");
        self.seen.lock().top_up_not_before = now.checked_add(POOR_CHANNEL_REST).ok();
    }

    /// A channel had not enough XLM for a fee: it rests for a while.
    pub(in crate::settlement) fn could_not_pay(&self, channel: AccountId, now: Timestamp) {
        let until = now.checked_add(POOR_CHANNEL_REST).unwrap_or(now);
        tracing::error!(%channel, "the channel cannot pay a fee; it rests");
        self.seen.lock().poor.insert(channel, until);
    }

    /// A channel's sequence number on the ledger is known to be this: if it is ahead of what is stored, the
    /// channel sends nothing until a sweep has caught up with it.
    pub(in crate::settlement) fn reached(&self, channel: AccountId, sequence: i64) {
        let mut seen = self.seen.lock();
        let reached = seen.reached.entry(channel).or_default();
        *reached = sequence.max(*reached);
    }

    /// Remembers what a page says that channels have.
    pub(in crate::settlement) fn see(&self, channels: &[Channel], page: &AccountPage) {
        let mut seen = self.seen.lock();
        for channel in channels.iter().filter(|channel| channel.role == ChannelRole::Channel) {
            let snapshot = page.accounts.iter().find(|snapshot| snapshot.account == channel.account);
            let xlm = snapshot.and_then(|found| found.balances.iter().find(|one| one.asset == Asset::Native));
            if let Some(xlm) = xlm {
                seen.xlm.insert(channel.account, xlm.amount);
                seen.met.insert(channel.account);
            }
        }
    }

    /// Those of a page's accounts that are channels with a sequence number ahead of what is stored.
    pub(in crate::settlement) fn ahead(channels: &[Channel], page: &AccountPage) -> Vec<AccountSnapshot> {
        let is_ahead = |snapshot: &&AccountSnapshot| {
            channels.iter().any(|channel| {
                channel.account == snapshot.account
                    && channel.opening.is_none()
                    && channel.sequence < snapshot.sequence
            })
        };
        page.accounts.iter().filter(is_ahead).cloned().collect()
    }

    /// Takes over sequence numbers that are ahead of what is stored, of channels with nothing under way:
    /// somebody else used them, or the database was restored from a backup. What is built on an old one could
    /// never land. Their fees are booked. Their histories must have been read: money that left a channel
    /// by a payment is no fee, and stops the engine.
    pub(in crate::settlement) async fn catch_up(
        &self,
        ahead: Vec<AccountSnapshot>,
    ) -> Result<(), EngineError> {
        let ceiling = self.fee_ceiling();
        self.ports
            .transact(move |work| {
                let ahead = ahead.clone();
                Box::pin(async move {
                    let in_use = work.channels_in_use().await?;
                    let channels = work.channels().await?;
                    for channel in work.readable(channels) {
                        let found = ahead.iter().find(|snapshot| snapshot.account == channel.account);
                        let idle = !in_use.contains(&channel.account);
                        let found = found.filter(|found| idle && found.sequence > channel.sequence);
                        if let Some(snapshot) = found {
                            catch_up_one(work, &channel, snapshot, ceiling).await?;
                        }
                    }
                    Ok::<_, EngineError>(())
                })
            })
            .await
    }

    /// The most that one transaction may cost by our settings, in stroops.
    fn fee_ceiling(&self) -> i64 {
        let bid = self.ports.settings.fee_ceiling_stroops.max(self.ports.settings.fee_per_operation_stroops);
        let operations = i64::try_from(TRANSACTION_OPERATIONS_MAX).unwrap_or(i64::MAX);
        i64::from(bid).saturating_mul(operations.saturating_add(1))
    }

    /// A sweep whose oldest page is of this ledger has come to its end: channels that were there by then and
    /// that it did not meet are missing.
    pub(in crate::settlement) async fn sweep_ended(&self, oldest: LedgerSeq) -> Result<(), EngineError> {
        let channels = self.ports.readable(self.ports.read().await?.channels().await?);
        let mut seen = self.seen.lock();
        let met = std::mem::take(&mut seen.met);
        let mut missing = std::mem::take(&mut seen.missing);
        missing.retain(|account, _| !met.contains(account));
        for channel in channels.iter().filter(|one| one.role == ChannelRole::Channel && one.opening.is_none())
        {
            // Its sequence number is not below that of the ledger that opened it, shifted.
            let is_old = i64::from(oldest.0) > channel.sequence >> 32;
            if is_old && !met.contains(&channel.account) {
                let sweeps = missing.entry(channel.account).or_default();
                *sweeps += 1;
                if *sweeps == MISSING_SWEEPS {
                    tracing::error!(channel = %channel.account, "the channel is no longer on the ledger; \
                                                                 another takes its place");
                }
            }
        }
        seen.missing = missing;
        Ok(())
    }

    /// True if the channel is taken to be gone for good.
    pub(in crate::settlement) fn is_gone(&self, channel: &Channel) -> bool {
        self.seen.lock().missing.get(&channel.account).is_some_and(|sweeps| *sweeps >= MISSING_SWEEPS)
    }

    /// What channels lack of their starting balance, of those that have less than half of it.
    fn lacking(&self, channels: &[Channel]) -> Vec<TopUp> {
        let (full, seen) = (self.ports.settings.channel_starting_balance, self.seen.lock());
        let lacks = |channel: &Channel| {
            let has = *seen.xlm.get(&channel.account)?;
            let amount = full.checked_sub(has).ok()?;
            (has.get() < full.get() / 2).then_some(TopUp { channel: channel.account, amount })
        };
        channels.iter().filter_map(lacks).take(TRANSACTION_OPERATIONS_MAX).collect()
    }

    /// Gives channels that run out of XLM what they lack, unless that is under way.
    pub(in crate::settlement) async fn top_up(
        &self,
        channels: &[Channel],
        tip: Ledger,
    ) -> Result<(), EngineError> {
        let lacking = self.lacking(channels);
        let paused = self.seen.lock().top_up_not_before.is_some_and(|until| self.ports.now() < until);
        if lacking.is_empty() || paused {
            return Ok(());
        }
        let live = self.ports.readable(self.ports.read().await?.live_submissions().await?);
        if live.iter().any(|submission| matches!(submission.purpose, Purpose::TopUpChannels { .. })) {
            return Ok(());
        }
        let platform = self.free_platform().await?;
        let Some(platform) = platform else { return Ok(()) };
        let pay = |top_up: &TopUp| PaymentOperation {
            from: platform.account,
            to: Address::Account(top_up.channel),
            asset: Asset::Native,
            amount: top_up.amount,
            reclaim_from: None,
        };
        let body = Body::Pay(lacking.iter().map(pay).collect());
        let plan = self.plan(&platform, tip, Memo::None, body)?;
        let signed = self.ports.network.build(&plan).await?;
        let total: i64 = lacking.iter().map(|top_up| top_up.amount.get()).sum();
        tracing::info!(channels = lacking.len(), stroops = total, "channels are topped up");
        self.take_turn();
        self.ports
            .transact(move |work| {
                let (plan, signed) = (plan.clone(), signed.clone());
                let purpose = Purpose::TopUpChannels { channels: lacking.clone() };
                Box::pin(async move {
                    let id = work.new_submission_id()?;
                    work.store_submission(id, &plan, &signed, purpose).await
                })
            })
            .await
    }
}

/// What is missing of a channel's XLM, up to what its transactions may have cost, were their fees: whatever
/// else leaves it stands in its payments.
async fn catch_up_one(
    work: &mut UnitOfWork<'_>,
    channel: &Channel,
    snapshot: &AccountSnapshot,
    fee_ceiling: i64,
) -> Result<(), EngineError> {
    let (account, sequence) = (channel.account, snapshot.sequence);
    tracing::warn!(channel = %account, sequence, "the channel is ahead of what is stored");
    work.update_channel(channel, &Channel { sequence, ..channel.clone() }).await?;
    let xlm = snapshot.balances.iter().find(|balance| balance.asset == Asset::Native);
    let (ChannelRole::Channel, Some(xlm)) = (channel.role, xlm) else { return Ok(()) };
    let book = BookAccount::Stellar(account);
    let missing = work.balance(book, Asset::Native).await? - xlm.amount.get();
    let most = (sequence - channel.sequence).saturating_mul(fee_ceiling);
    if missing <= 0 || missing > most {
        return Ok(());
    }
    let now = work.now();
    work.post(unseen_fees(account, sequence, Stroops::new(missing)?, now)).await
}
