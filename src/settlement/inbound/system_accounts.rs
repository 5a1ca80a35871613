//! The platform account and the channels: what comes to them, and what leaves them by nobody's leave.
//!
//! They change with every transaction of ours, so their history is asked for only when the journal does not
//! explain their balances. What an operator's own account pays there is capital; anything else goes back to
//! its payer. What leaves them by a transaction that is not stored stops the engine, as for escrow accounts.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::ingest::{Histories, Read};
use super::unexplained::{Explanation, Unexplained};
use crate::domain::address::AccountId;
use crate::domain::escrow::{Channel, ChannelRole, HistoryCursor};
use crate::domain::ids::{LedgerSeq, OperationId};
use crate::domain::transfer::{Purpose, Submission};
use crate::ports::network::{AccountPage, AccountSnapshot};
use crate::ports::store::{StoreError, Tx};
use crate::settlement::books::accounts::{differences, hidden_channels, history_after};
use crate::settlement::books::work::Ports;
use crate::settlement::memory::Memory;
use crate::settlement::recovery::build_gate::{BuildGate, GateState};
use crate::settlement::{EngineError, TickReport};

/// By how many ledgers the stored place in an account's history may be behind: who has to read it reads no
/// more than these again, and storing it costs a write in so many ledgers.
const BEHIND_LEDGERS_MAX: u32 = 100;

/// True if a live transaction may move what is on the platform's account or on a channel. One that cannot
/// be read may move whatever its source holds.
async fn any_may_move(tx: &mut dyn Tx, channel: &Channel) -> Result<bool, StoreError> {
    let live = tx.live_submissions().await?.readable(|_| {});
    if live.iter().any(|submission| may_move(submission, channel)) {
        return Ok(true);
    }
    let hidden = hidden_channels(tx).await?;
    Ok(match channel.role {
        ChannelRole::Platform => !hidden.is_empty(),
        ChannelRole::Channel => hidden.contains(&channel.account),
    })
}

/// True if a live transaction moves money of this account that the journal does not have yet.
fn may_move(submission: &Submission, channel: &Channel) -> bool {
    let by_purpose = match &submission.purpose {
        Purpose::OpenChannels { accounts, .. } => accounts.contains(&channel.account),
        Purpose::TopUpChannels { channels } => {
            channel.role == ChannelRole::Platform
                || channels.iter().any(|top_up| top_up.channel == channel.account)
        }
        Purpose::Reclaim { .. } | Purpose::CloseEscrows { .. } => channel.role == ChannelRole::Platform,
        Purpose::OpenEscrows { .. } | Purpose::PayTransfers { .. } | Purpose::Recovered => false,
    };
    // Its fee, and what it pays to accounts it opens.
    submission.channel == channel.account || by_purpose
}

/// What the journal and the ledger say of an account.
enum Books {
    Agree,
    /// The ledger has more of something: it must have come.
    Short,
    /// The ledger has less.
    Over,
}

async fn books(tx: &mut dyn Tx, snapshot: &AccountSnapshot) -> Result<Books, StoreError> {
    let differences = differences(tx, snapshot).await?;
    Ok(match differences.values().min() {
        None => Books::Agree,
        Some(least) if *least < 0 => Books::Short,
        Some(_) => Books::Over,
    })
}

/// What is remembered of these accounts.
#[derive(Default)]
struct SeenSnapshots {
    /// Those whose balances the journal explains: their last change.
    explained: BTreeMap<AccountId, LedgerSeq>,
    /// Since when the others are not explained.
    dirty_since: BTreeMap<AccountId, Timestamp>,
}

/// The step that takes in what happens to the platform account and the channels.
pub(in crate::settlement) struct SystemAccounts {
    ports: Arc<Ports>,
    gate: Arc<BuildGate>,
    histories: Arc<Histories>,
    unexplained: Arc<Unexplained>,
    seen: Memory<SeenSnapshots>,
}

impl SystemAccounts {
    pub(in crate::settlement) fn new(
        ports: Arc<Ports>,
        gate: Arc<BuildGate>,
        histories: Arc<Histories>,
        unexplained: Arc<Unexplained>,
    ) -> Self {
        Self { ports, gate, histories, unexplained, seen: Memory::default() }
    }

    /// Looks at those of a page's accounts that are the platform's or channels; a sweep that `searches` reads
    /// their histories whatever explains their balances.
    pub(in crate::settlement) async fn look_at(
        &self,
        page: &AccountPage,
        channels: &[Channel],
        searches: bool,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        let search = |account: &AccountId| searches || self.ports.unknown.has(account);
        let changed: Vec<(&Channel, &AccountSnapshot)> = channels
            .iter()
            .filter(|channel| channel.opening.is_none())
            .filter_map(|channel| {
                let found = page.accounts.iter().find(|snapshot| snapshot.account == channel.account);
                Some((channel, found.filter(|found| search(&found.account) || !self.is_explained(found))?))
            })
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        let bumps = self.ports.read().await?.live_fee_bumps().await?;
        for (channel, snapshot) in changed {
            if search(&channel.account) && !self.is_read(channel.account, report).await? {
                continue;
            }
            // The platform pays for fee bumps.
            let bumping = channel.role == ChannelRole::Platform && !bumps.is_empty();
            let moving = bumping || any_may_move(&mut *self.ports.read().await?, channel).await?;
            let looked = self.look_at_one(channel, snapshot, moving, report).await;
            if looked.is_err() {
                self.ports.unknown.add(channel.account);
            }
            report.isolate(&channel.account, looked)?;
        }
        Ok(())
    }

    /// Reads an account's history; true if it was read to its end. Otherwise nothing is paid from it.
    async fn is_read(&self, account: AccountId, report: &mut TickReport) -> Result<bool, EngineError> {
        let read = self.histories.ingest(account, report).await;
        let is_read = matches!(read, Ok(Read::ToItsEnd));
        if !is_read {
            self.ports.unknown.add(account);
        }
        report.isolate(&account, read.map(drop))?;
        Ok(is_read)
    }

    fn is_explained(&self, snapshot: &AccountSnapshot) -> bool {
        let seen = self.seen.lock();
        seen.explained.get(&snapshot.account).is_some_and(|seen| *seen >= snapshot.last_modified)
    }

    async fn look_at_one(
        &self,
        channel: &Channel,
        snapshot: &AccountSnapshot,
        moving: bool,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        let account = channel.account;
        self.begin_watch(channel, snapshot).await?;
        let moving = moving || self.ports.read().await?.money_leaves(account).await?;
        match books(&mut *self.ports.read().await?, snapshot).await? {
            Books::Agree if moving => return Ok(()),
            Books::Agree => return self.explained(channel, snapshot).await,
            // Its own transactions take fees and money that are journaled with their outcome.
            Books::Over if moving => return Ok(()),
            Books::Short | Books::Over if self.unexplained.rests(snapshot, false) => return Ok(()),
            Books::Short | Books::Over => {}
        }
        self.histories.ingest(account, report).await?;
        let mut state = books(&mut *self.ports.read().await?, snapshot).await?;
        if !moving
            && !matches!(state, Books::Agree)
            && self.histories.take_in_effects(account, report).await?
        {
            state = books(&mut *self.ports.read().await?, snapshot).await?;
        }
        match state {
            Books::Agree => self.explained(channel, snapshot).await?,
            Books::Short | Books::Over => {
                let now = self.ports.now();
                let since = *self.seen.lock().dirty_since.entry(account).or_insert(now);
                self.unexplained.remember(snapshot, Explanation::Dirty(since), false, report);
            }
        }
        Ok(())
    }

    /// The journal explains what the account had in this snapshot: nothing up to then need be looked for
    /// in its payments or its effects, not by an engine that starts anew either.
    async fn explained(&self, channel: &Channel, snapshot: &AccountSnapshot) -> Result<(), EngineError> {
        let reached = history_after(snapshot);
        // What is not stored may have cancelled out what was not read, until all was searched.
        if self.gate.state() == GateState::Open {
            self.keep_history_cursor(channel, snapshot, reached).await?;
        }
        self.histories.effects_explained(snapshot.account, reached.effects);
        let mut seen = self.seen.lock();
        seen.explained.insert(snapshot.account, snapshot.last_modified);
        seen.dirty_since.remove(&snapshot.account);
        drop(seen);
        self.unexplained.forget(&snapshot.account);
        self.ports.unknown.remove(&snapshot.account);
        Ok(())
    }

    /// Stores how far an account's history need not be looked at, if what is stored is far behind, and
    /// only where the journal of that same database transaction has all that the snapshot has, with nothing
    /// of ours under way.
    async fn keep_history_cursor(
        &self,
        channel: &Channel,
        snapshot: &AccountSnapshot,
        reached: HistoryCursor,
    ) -> Result<(), EngineError> {
        let account = channel.account;
        let far = |stored: OperationId, reached: OperationId| {
            stored.ledger().0.saturating_add(BEHIND_LEDGERS_MAX) < reached.ledger().0
        };
        let is_behind =
            |watch: &HistoryCursor| far(watch.effects, reached.effects) || far(watch.cursor, reached.cursor);
        let stored = self.ports.read().await?.history_cursor(account).await?;
        if !stored.is_some_and(|watch| is_behind(&watch)) {
            return Ok(());
        }
        let (channel, snapshot) = (channel.clone(), snapshot.clone());
        self.ports
            .transact(move |work| {
                let (channel, snapshot) = (channel.clone(), snapshot.clone());
                Box::pin(async move {
                    let Some(watch) = work.history_cursor(account).await? else { return Ok(()) };
                    let moving =
                        any_may_move(work.tx(), &channel).await? || work.money_leaves(account).await?;
                    if moving || !matches!(books(work.tx(), &snapshot).await?, Books::Agree) {
                        return Ok(());
                    }
                    let cursor = watch.cursor.max(reached.cursor);
                    let after = HistoryCursor { cursor, effects: watch.effects.max(reached.effects) };
                    Ok::<_, EngineError>(work.set_history_cursor(account, Some(watch), after).await?)
                })
            })
            .await
    }

    /// Begins to watch an account. A channel's history is all ours; the platform's counts from its opening
    /// entry, which is stored with the watch: without one (in a database from before) it counts from now.
    async fn begin_watch(&self, channel: &Channel, snapshot: &AccountSnapshot) -> Result<(), EngineError> {
        let account = channel.account;
        if self.ports.read().await?.history_cursor(account).await?.is_some() {
            return Ok(());
        }
        let watch = match channel.role {
            ChannelRole::Platform => history_after(snapshot),
            ChannelRole::Channel => HistoryCursor { cursor: OperationId(0), effects: OperationId(0) },
        };
        self.ports
            .transact(move |work| {
                Box::pin(async move {
                    match work.history_cursor(account).await? {
                        Some(_) => Ok(()),
                        None => Ok::<_, EngineError>(work.set_history_cursor(account, None, watch).await?),
                    }
                })
            })
            .await
    }
}
