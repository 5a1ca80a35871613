//! Channels: what they have left for fees, and whether they are there at all.
//!
//! One whose fees have used up its XLM sends nothing. A channel with less than half of `channel_starting_balance` gets the rest of it from the platform's account. What
//! channels have is seen in the sweeps, so that it costs no request. One that a whole sweep did not meet is not used, and is replaced if several
//! did not: what was built on it would never land.

use crate::domain::address::Address;
use crate::domain::asset::Asset;
use crate::domain::escrow::{Channel, ChannelRole};
use crate::domain::ids::LedgerSeq;
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::domain::money::Stroops;
use crate::domain::payment::Memo;
use crate::domain::transfer::{Purpose, TopUp};
use crate::ports::network::{
    AccountPage, AccountSnapshot, Body, Ledger, PaymentOperation, TRANSACTION_OPERATIONS_MAX,
};
use crate::ports::store::{Tx, transact};
use crate::settlement::outbound::settle::store_submission;
use crate::settlement::{Engine, EngineError, Ids, TickReport};

/// After how many sweeps in a row that did not meet a channel another is opened.
const MISSING_SWEEPS: u32 = 3;

impl Engine {
    /// Remembers what a page says that channels have.
    pub(in crate::settlement) fn see_channels(&self, channels: &[Channel], page: &AccountPage) {
        let mut memory = self.memory();
        for channel in channels.iter().filter(|channel| channel.role == ChannelRole::Channel) {
            let snapshot = page.accounts.iter().find(|snapshot| snapshot.account == channel.account);
            let xlm = snapshot.and_then(|found| found.balances.iter().find(|one| one.asset == Asset::Native));
            if let Some(xlm) = xlm {
                memory.channel_xlm.insert(channel.account, xlm.amount);
                memory.met.insert(channel.account);
            }
        }
    }

    /// Takes over sequence numbers that are ahead of what is stored, of channels with nothing under way: somebody else used them, or the
    /// database was restored from a backup. What is built on an old one could never land. Their fees are booked.
    pub(in crate::settlement) async fn catch_up(
        &self,
        channels: &[Channel],
        page: &AccountPage,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        let ahead: Vec<AccountSnapshot> = page
            .accounts
            .iter()
            .filter(|snapshot| {
                channels.iter().any(|channel| {
                    channel.account == snapshot.account
                        && channel.opening.is_none()
                        && channel.sequence < snapshot.sequence
                })
            })
            .cloned()
            .collect();
        if ahead.is_empty() {
            return Ok(());
        }
        // Money that left it by a payment is no fee, and stops the engine.
        for snapshot in &ahead {
            self.ingest(snapshot.account, report).await?;
        }
        let (ids, ceiling) = (Ids::of(self), self.fee_ceiling());
        transact(&self.store, move |tx| {
            let (ids, ahead) = (ids.clone(), ahead.clone());
            Box::pin(async move {
                let live = tx.live_submissions().await?;
                for channel in tx.channels().await? {
                    let found = ahead.iter().find(|snapshot| snapshot.account == channel.account);
                    let idle = !live.iter().any(|submission| submission.channel == channel.account);
                    if let Some(snapshot) = found.filter(|found| idle && found.sequence > channel.sequence) {
                        catch_up_one(tx, &ids, &channel, snapshot, ceiling).await?;
                    }
                }
                Ok::<_, EngineError>(())
            })
        })
        .await
    }

    /// The most that one transaction may cost by our settings, in stroops.
    fn fee_ceiling(&self) -> i64 {
        let bid = self.settings.fee_ceiling_stroops.max(self.settings.fee_per_operation_stroops);
        let operations = i64::try_from(TRANSACTION_OPERATIONS_MAX).unwrap_or(i64::MAX);
        i64::from(bid).saturating_mul(operations.saturating_add(1))
    }

    /// A sweep whose oldest page is of this ledger has come to its end: channels that were there by then and that it did not meet are
    /// missing.
    pub(in crate::settlement) async fn note_missing_channels(
        &self,
        oldest: LedgerSeq,
    ) -> Result<(), EngineError> {
        let channels = self.store.begin_read().await?.channels().await?;
        let mut memory = self.memory();
        let met = std::mem::take(&mut memory.met);
        let mut missing = std::mem::take(&mut memory.missing);
        missing.retain(|account, _| !met.contains(account));
        for channel in channels.iter().filter(|one| one.role == ChannelRole::Channel && one.opening.is_none())
        {
            // Its sequence number is not below that of the ledger that opened it, shifted.
            let is_old = i64::from(oldest.0) > channel.sequence >> 32;
            if is_old && !met.contains(&channel.account) {
                let sweeps = missing.entry(channel.account).or_default();
                *sweeps += 1;
                if *sweeps == MISSING_SWEEPS {
                    tracing::error!(channel = %channel.account, "the channel is no longer on the ledger; another takes its place");
                }
            }
        }
        memory.missing = missing;
        Ok(())
    }

    /// True if the channel is taken to be gone for good.
    pub(in crate::settlement) fn is_gone(&self, channel: &Channel) -> bool {
        self.memory().missing.get(&channel.account).is_some_and(|sweeps| *sweeps >= MISSING_SWEEPS)
    }

    /// What channels lack of their starting balance, of those that have less than half of it.
    fn lacking(&self, channels: &[Channel]) -> Vec<TopUp> {
        let (full, memory) = (self.settings.channel_starting_balance, self.memory());
        let lacks = |channel: &Channel| {
            let has = *memory.channel_xlm.get(&channel.account)?;
            let amount = full.checked_sub(has).ok()?;
            (has.get() < full.get() / 2).then_some(TopUp { channel: channel.account, amount })
        };
        channels.iter().filter_map(lacks).take(TRANSACTION_OPERATIONS_MAX).collect()
    }

    /// Gives channels that run out of XLM what they lack, unless that is under way.
    pub(in crate::settlement) async fn top_up_channels(
        &self,
        channels: &[Channel],
        tip: Ledger,
    ) -> Result<(), EngineError> {
        let lacking = self.lacking(channels);
        let paused = self.memory().top_up_not_before.is_some_and(|until| self.clock.now() < until);
        if lacking.is_empty() || paused {
            return Ok(());
        }
        let live = self.store.begin_read().await?.live_submissions().await?;
        if live.iter().any(|submission| matches!(submission.purpose, Purpose::TopUpChannels { .. })) {
            return Ok(());
        }
        let platform = self.free_channels().await?.into_iter().find(|c| c.role == ChannelRole::Platform);
        let Some(platform) = platform else { return Ok(()) };
        let pay = |top_up: &TopUp| PaymentOperation {
            from: platform.account,
            to: Address::Account(top_up.channel),
            asset: Asset::Native,
            amount: top_up.amount,
            reclaim_from: None,
        };
        let body = Body::Pay(lacking.iter().map(pay).collect());
        let plan = self.transaction(&platform, tip, Memo::None, body)?;
        let signed = self.network.build(&plan).await?;
        let total: i64 = lacking.iter().map(|top_up| top_up.amount.get()).sum();
        tracing::info!(channels = lacking.len(), stroops = total, "channels are topped up");
        self.memory().built += 1;
        let ids = Ids::of(self);
        transact(&self.store, move |tx| {
            let (ids, plan, signed) = (ids.clone(), plan.clone(), signed.clone());
            let purpose = Purpose::TopUpChannels { channels: lacking.clone() };
            Box::pin(async move {
                store_submission(tx, ids.submission()?, &plan, &signed, purpose, ids.now()).await
            })
        })
        .await
    }
}

/// What is missing of a channel's XLM, up to what its transactions may have cost, were their fees: whatever else leaves it stands in
/// its payments.
async fn catch_up_one(
    tx: &mut dyn Tx,
    ids: &Ids,
    channel: &Channel,
    snapshot: &AccountSnapshot,
    fee_ceiling: i64,
) -> Result<(), EngineError> {
    let (account, sequence) = (channel.account, snapshot.sequence);
    tracing::warn!(channel = %account, sequence, "the channel is ahead of what is stored");
    tx.update_channel(channel, &Channel { sequence, ..channel.clone() }).await?;
    let xlm = snapshot.balances.iter().find(|balance| balance.asset == Asset::Native);
    let (ChannelRole::Channel, Some(xlm)) = (channel.role, xlm) else { return Ok(()) };
    let book = BookAccount::Stellar(account);
    let missing = tx.balance(book, Asset::Native).await? - xlm.amount.get();
    let most = (sequence - channel.sequence).saturating_mul(fee_ceiling);
    if missing <= 0 || missing > most {
        return Ok(());
    }
    let mut postings = Postings::new();
    postings.movement(Asset::Native, Stroops::new(missing)?, BookAccount::NetworkFees, book);
    ids.post(tx, Cause::UnseenFees(account, sequence), None, ids.now(), postings).await
}
