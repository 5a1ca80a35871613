//! The settlement engine: watches escrow accounts, takes in payments, pays out, and recovers.
//!
//! One [`Engine::tick`] looks at the ledger once and brings every reservation as far as it can go. What it
//! knows is in the database only, so that a restart at any point goes on from there: intent is
//! committed before anything is sent, and outcomes are taken from closed ledgers alone.
//!
//! Never here: HTTP, SQL, XDR, or a transaction rebuilt while its predecessor could still land. Failure of
//! the network or the database ends a tick early and loses nothing; the next one starts from storage again.

mod backoff;
mod books;
mod engine;
mod inbound;
mod outbound;
mod outcome;
mod recovery;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{Either, select};
use jiff::{SignedDuration, Timestamp};

use backoff::Pauses;
pub use engine::leadership::{Candidate, Look, Term, Watched};
pub use inbound::foreign_claimables::WAITING_SECONDS_MAX;
pub use outbound::held::{Decision, ResolveError, held, resolve};
pub use outbound::refund::{ReturnError, return_to};
use recovery::build_gate::Building;
pub use settings::{QUIET_PERIOD_SECONDS_MAX, Settings};

use crate::capacity::CapacityError;
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::claimable::InvalidClaimableTransition;
use crate::domain::dead_letter::{RETRY_SECONDS_MAX, RETRY_SECONDS_MIN};
use crate::domain::escrow::Channel;
use crate::domain::ids::{
    EntryId, LedgerSeq, OperationId, ReservationId, SubmissionId, TransferId, TxHash, new_id_number,
};
use crate::domain::journal::{Cause, Entry, JournalError, Postings};
use crate::domain::money::{AmountError, Stroops};
use crate::domain::pace::Pace;
use crate::domain::payment::Memo;
use crate::domain::reservation::InvalidTransition;
use crate::domain::transfer::{InvalidTransferTransition, ResultCodes, Route};
use crate::ports::clock::Clock;
use crate::ports::entropy::Entropy;
use crate::ports::network::{Body, BuildError, Ledger, Network, NetworkError, TransactionPlan};
use crate::ports::store::{Applied, EngineStatus, RetryOn, Stopped, Store, StoreError, Tx, transact};

/// Why a tick ended early. Nothing is lost by it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The network did not answer.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The database did not do what was asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A transaction could not be built or signed.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A sum that does not fit.
    #[error(transparent)]
    Amount(#[from] AmountError),
    /// An entry that does not balance: a mistake of ours, caught before it was stored.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A way between states that does not exist.
    #[error(transparent)]
    Reservation(#[from] InvalidTransition),
    /// A way between states that does not exist.
    #[error(transparent)]
    Claimable(#[from] InvalidClaimableTransition),
    /// A way between states that does not exist.
    #[error(transparent)]
    Transfer(#[from] InvalidTransferTransition),
    /// A pool could not be credited.
    #[error(transparent)]
    Capacity(#[from] CapacityError),
    /// The platform's account is not on the ledger.
    #[error("the platform account {0} is not on the ledger: fund it with XLM")]
    NoPlatformAccount(AccountId),
    /// Money left an account of ours by a transaction that is not stored: somebody else has our key, or the
    /// database is not the one that belongs to this key. The engine stops until a person has looked.
    #[error(
        "operation {operation} took money from our account {account}, but transaction {transaction} is not ours"
    )]
    ForeignOutgoing {
        /// The account.
        account: AccountId,
        /// The operation.
        operation: OperationId,
        /// Its transaction.
        transaction: TxHash,
    },
    /// What is stored contradicts what the ledger or other rows say.
    #[error("stored facts contradict each other: {0}")]
    Contradiction(String),
}

impl EngineError {
    /// True if no later tick can help: a person must look first.
    pub const fn stops_the_engine(&self) -> bool {
        matches!(self, Self::ForeignOutgoing { .. })
    }

    /// True if it says nothing of the one thing that was worked on: the database or the network is away, and
    /// the next thing would meet the same.
    const fn ends_the_tick(&self) -> bool {
        match self {
            Self::Network(
                NetworkError::Unavailable { .. }
                | NetworkError::RateLimited { .. }
                | NetworkError::StaleHistory,
            )
            | Self::Store(StoreError::Unavailable { .. } | StoreError::LeaseLost { .. })
            | Self::Capacity(CapacityError::Store(
                StoreError::Unavailable { .. } | StoreError::LeaseLost { .. },
            ))
            | Self::NoPlatformAccount(_) => true,
            Self::Network(
                NetworkError::Unreadable { .. }
                | NetworkError::TooLarge { .. }
                | NetworkError::Refused { .. },
            )
            | Self::Store(
                StoreError::Conflict { .. }
                | StoreError::Exists { .. }
                | StoreError::Corrupt { .. }
                | StoreError::Refused { .. },
            )
            | Self::Capacity(_)
            | Self::Build(_)
            | Self::Amount(_)
            | Self::Journal(_)
            | Self::Reservation(_)
            | Self::Transfer(_)
            | Self::Claimable(_)
            | Self::Contradiction(_) => false,
            Self::ForeignOutgoing { .. } => true,
        }
    }
}

impl RetryOn for EngineError {
    fn is_conflict(&self) -> bool {
        match self {
            Self::Store(error) | Self::Capacity(CapacityError::Store(error)) => error.is_conflict(),
            Self::Network(_)
            | Self::Build(_)
            | Self::Amount(_)
            | Self::Journal(_)
            | Self::Reservation(_)
            | Self::Transfer(_)
            | Self::Claimable(_)
            | Self::Capacity(CapacityError::Pool(_) | CapacityError::NoPool(_))
            | Self::NoPlatformAccount(_)
            | Self::ForeignOutgoing { .. }
            | Self::Contradiction(_) => false,
        }
    }
}

/// What one tick did, for logs and tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TickReport {
    /// The latest ledger it saw.
    pub ledger: LedgerSeq,
    /// Payments taken in.
    pub payments: u32,
    /// Reservations that became funded.
    pub funded: u32,
    /// Reservations put into settlement transactions.
    pub settling: u32,
    /// Reservations that became settled.
    pub settled: u32,
    /// Reservations that ended because their deadline passed.
    pub expired: u32,
    /// Reservations that were held.
    pub held: u32,
    /// Payments that went back.
    pub returned: u32,
    /// Accounts that are closed, their whole history in the books.
    pub closed: u32,
    /// Fees that were raised.
    pub bumps: u32,
    /// Accounts whose changes are not explained yet.
    pub dirty: u32,
    /// Pages of a sweep that it looked at.
    pub pages: u32,
    /// Accounts whose histories it read because they were known to have changed.
    pub hints: u32,
    /// How the accounts are watched at present; `None` if it did not come so far.
    pub pace: Option<Pace>,
    /// Until what ledger time nothing is built, since nobody looked for longer than a transaction lives.
    pub builds_nothing_before: Option<Timestamp>,
    /// Since when the network's payment stream cannot be read, while it should be followed: the sweep finds payments meanwhile.
    pub stream_away_since: Option<Timestamp>,
    /// Things that could not be worked on, one by one; the others went on.
    pub troubles: Vec<String>,
}

impl TickReport {
    /// Notes that one thing could not be worked on, so that the others go on; passes on what ends the tick.
    fn isolate(
        &mut self,
        what: &dyn std::fmt::Display,
        outcome: Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        match outcome {
            Err(error) if !error.ends_the_tick() => {
                tracing::error!(%what, %error, "left for the next tick");
                self.trouble(format!("{what}: {error}"));
                Ok(())
            }
            outcome => outcome,
        }
    }

    fn trouble(&mut self, trouble: String) {
        if self.troubles.len() < TROUBLES_MAX {
            self.troubles.push(trouble);
        }
    }
}

/// How old the latest ledger may be, by when it was asked for, for transactions to be built on it.
const TIP_AGE_MAX: SignedDuration = SignedDuration::from_secs(2);

/// Most troubles one tick reports.
const TROUBLES_MAX: usize = 10;

/// What the engine remembers between ticks. Losing it costs a few requests, never money.
struct Memory {
    /// The latest ledger seen.
    tip: Option<Ledger>,
    /// The last ledger that was seen before this engine began, and the first that it saw.
    unseen: Option<(LedgerSeq, LedgerSeq)>,
    /// Whether transactions may be built.
    building: Building,
    /// The last ledger whose sweep came to its end.
    swept: Option<LedgerSeq>,
    swept_at: Option<Timestamp>,
    watching: inbound::stream_hints::Watching,
    /// Accounts that are not explained: when they are looked at again.
    dirty: BTreeMap<AccountId, inbound::sweep::Recheck>,
    /// The last operation whose effects were looked at, of accounts that payments do not explain; of our own accounts also that
    /// up to which the journal explains everything.
    effects_seen: BTreeMap<AccountId, OperationId>,
    /// The platform account and channels whose balances the journal explains: their last change.
    own_seen: BTreeMap<AccountId, LedgerSeq>,
    /// Since when the others are not explained.
    own_dirty_since: BTreeMap<AccountId, Timestamp>,
    /// When claimable balances are looked for again, and how often they were.
    waiting_looked: Option<(Timestamp, usize)>,
    /// The last return that was looked at; the next tick goes on after it.
    refund_after: Option<TransferId>,
    /// Returns that could not be delivered: when they are tried again.
    undelivered: Pauses<Route>,
    /// Payout accounts that gave no answer, and when one that is known is looked at again.
    payouts_failed: Pauses<AccountId>,
    payouts_not_before: Option<Timestamp>,
    /// Claimable balances that nobody had claimed: when they are looked at again.
    claims: outbound::reclaim::Claims,
    /// Accounts that may be closed, and when others may.
    closing: outbound::close::Candidates,
    /// Until when no claimable balance is made, since the platform has no reserve to spare.
    claimables_not_before: Option<Timestamp>,
    /// Codes a transaction was refused with, until its outcome is known.
    refusals: BTreeMap<SubmissionId, ResultCodes>,
    /// Channels that could not pay a fee, and until when they are left alone.
    poor: BTreeMap<AccountId, Timestamp>,
    /// Channels that the last whole sweep did not meet, and in how many sweeps in a row: they are not used.
    missing: BTreeMap<AccountId, u32>,
    /// Channels that the sweep under way has met.
    met: BTreeSet<AccountId>,
    /// What channels had for their fees when they were last seen.
    channel_xlm: BTreeMap<AccountId, Stroops>,
    /// Until when channels are given nothing, since that did not work.
    top_up_not_before: Option<Timestamp>,
    /// Reservations of transactions that failed for no reservation's named fault: settled one by one.
    alone: BTreeSet<ReservationId>,
    /// How many transactions were built: channels take turns.
    built: usize,
    /// Bids that were refused.
    bids: outbound::fee_bump::Bids,
    /// When a transaction may be sent again.
    send_not_before: BTreeMap<SubmissionId, Timestamp>,
    /// When accounts may be opened again after a failure, and how long the last pause was.
    open_pause: Option<(Timestamp, SignedDuration)>,
    /// Assets whose issuer is on the ledger.
    issuers_seen: BTreeSet<Asset>,
    /// Assets whose issuer was not, and when it is looked for again.
    issuers_missing: BTreeMap<Asset, Timestamp>,
}

impl Memory {
    fn new() -> Self {
        Self {
            tip: None,
            unseen: None,
            building: Building::Unknown,
            swept: None,
            swept_at: None,
            watching: inbound::stream_hints::Watching::default(),
            dirty: BTreeMap::new(),
            effects_seen: BTreeMap::new(),
            own_seen: BTreeMap::new(),
            own_dirty_since: BTreeMap::new(),
            waiting_looked: None,
            refund_after: None,
            undelivered: Pauses::new(RETRY_SECONDS_MIN, RETRY_SECONDS_MAX),
            payouts_failed: Pauses::new(
                outbound::payout_checks::RETRY_SECONDS_MIN,
                outbound::payout_checks::RETRY_SECONDS_MAX,
            ),
            payouts_not_before: None,
            claims: outbound::reclaim::Claims::new(),
            closing: outbound::close::Candidates::new(),
            claimables_not_before: None,
            refusals: BTreeMap::new(),
            poor: BTreeMap::new(),
            missing: BTreeMap::new(),
            met: BTreeSet::new(),
            channel_xlm: BTreeMap::new(),
            top_up_not_before: None,
            alone: BTreeSet::new(),
            built: 0,
            bids: outbound::fee_bump::Bids::default(),
            send_not_before: BTreeMap::new(),
            open_pause: None,
            issuers_seen: BTreeSet::new(),
            issuers_missing: BTreeMap::new(),
        }
    }
}

/// The engine, over the database it is given. A [`Candidate`] runs it: one at a time on a database, over a store that refuses its
/// writes once another does. Unique keys and guarded writes keep money safe even if two do.
pub struct Engine {
    store: Arc<dyn Store>,
    network: Arc<dyn Network>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    settings: Settings,
    memory: Mutex<Memory>,
    last_id: Arc<AtomicI64>,
}

impl Engine {
    /// An engine over these ports.
    pub fn new(
        store: Arc<dyn Store>,
        network: Arc<dyn Network>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        settings: Settings,
    ) -> Self {
        let last_id = Arc::new(AtomicI64::new(0));
        Self { store, network, clock, entropy, settings, memory: Mutex::new(Memory::new()), last_id }
    }

    /// Ticks until `stop` resolves, reporting each to the database; a tick in hand is finished first. Beside it the
    /// network's payments are followed, where that is worth while.
    ///
    /// # Errors
    /// Only what [`EngineError::stops_the_engine`]; everything else is reported and tried again.
    async fn run(&self, stop: impl Future<Output = ()> + Send) -> Result<(), EngineError> {
        match select(pin!(self.ticks(stop)), pin!(self.follow())).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right((never, _)) => match never {},
        }
    }

    async fn ticks(&self, stop: impl Future<Output = ()> + Send) -> Result<(), EngineError> {
        let mut stop = pin!(stop);
        loop {
            let outcome = self.tick().await;
            self.report(&outcome).await;
            match outcome {
                Err(error) if error.stops_the_engine() => return Err(error),
                Err(error) => tracing::warn!(%error, "tick ended early"),
                Ok(report) => tracing::debug!(?report, "tick"),
            }
            tokio::select! {
                () = &mut stop => return Ok(()),
                () = self.clock.sleep(Duration::from_millis(self.pace().tick_millis)) => {}
            }
        }
    }

    /// Looks at the ledger once and brings everything as far as it can go.
    pub async fn tick(&self) -> Result<TickReport, EngineError> {
        let began = self.clock.now();
        let tip = self.network.tip().await?;
        self.look_back_once(tip).await?;
        self.memory().tip = Some(tip);
        let mut report = TickReport { ledger: tip.sequence, ..TickReport::default() };
        self.look_up_outcomes(tip, &mut report).await?;
        self.sweep(tip, &mut report).await?;
        let tip = self.fresh(tip, began).await?;
        if self.may_build(tip, &mut report) {
            self.build(tip, &mut report).await?;
        } else {
            self.send_live(tip, &mut report).await?;
        }
        let checked = self.check_payouts(&mut report).await;
        report.isolate(&"payout accounts", checked)?;
        let waiting = self.look_for_waiting_balances().await;
        report.isolate(&"claimable balances", waiting)?;
        Ok(report)
    }

    /// Builds what there is to send, and sends it.
    async fn build(&self, tip: Ledger, report: &mut TickReport) -> Result<(), EngineError> {
        let opened = self.open_accounts(tip).await;
        report.isolate(&"opening accounts", opened)?;
        self.look_at_held(report).await?;
        self.settle(tip, report).await?;
        self.send_live(tip, report).await?;
        // Last, and on its own: looking payers up must not keep settlements from being sent.
        let refunded = self.refund(tip, report).await;
        report.isolate(&"returns", refunded)?;
        let followed = self.follow_claimables(tip).await;
        report.isolate(&"claimable balances", followed)?;
        let closed = self.close(tip, report).await;
        report.isolate(&"closing accounts", closed)?;
        self.send_live(tip, report).await
    }

    /// One step towards the channels and escrow accounts that the settings ask for: follows what was sent to its outcome,
    /// and opens what is missing. Nobody is paid and nothing is watched by it.
    ///
    /// For `farmgate setup`, which calls it until all are there. An engine that runs does the same by itself.
    pub async fn open_once(&self) -> Result<TickReport, EngineError> {
        let tip = self.network.tip().await?;
        let mut report = TickReport { ledger: tip.sequence, ..TickReport::default() };
        self.look_up_outcomes(tip, &mut report).await?;
        let opened = self.open_accounts(tip).await;
        report.isolate(&"opening accounts", opened)?;
        self.send_live(tip, &mut report).await?;
        Ok(report)
    }

    /// The latest ledger, asked for again if that took long: what is built now gets its whole time to land.
    async fn fresh(&self, tip: Ledger, asked_at: Timestamp) -> Result<Ledger, EngineError> {
        let age = self.clock.now().duration_since(asked_at);
        if !age.is_negative() && age < TIP_AGE_MAX {
            return Ok(tip);
        }
        let tip = self.network.tip().await?;
        self.memory().tip = Some(tip);
        Ok(tip)
    }

    async fn report(&self, outcome: &Result<TickReport, EngineError>) {
        let (tip, swept_at, stream_away_since, building) = {
            let memory = self.memory();
            (memory.tip, memory.swept_at, memory.watching.away_since(), memory.building)
        };
        let ticked_at = self.clock.now();
        let trouble = match outcome {
            Ok(report) if report.troubles.is_empty() => None,
            Ok(report) => Some(report.troubles.join("; ")),
            Err(error) => Some(error.to_string()),
        };
        let stopped = match outcome {
            Ok(_) => Some(None),
            Err(EngineError::ForeignOutgoing { account, operation, transaction }) => Some(Some(Stopped {
                account: *account,
                operation: *operation,
                transaction: *transaction,
                since: ticked_at,
            })),
            Err(_) => None,
        };
        let stored: Result<(), StoreError> = transact(&self.store, move |tx| {
            let trouble = trouble.clone();
            Box::pin(async move {
                // Before the first answer of the network since the start, what was known at the last stop stands.
                let last = tx.engine_status().await?;
                let before = last.as_ref().and_then(|last| last.stopped);
                // A tick that did not come so far says nothing of it.
                let stopped = stopped.unwrap_or(before).map(|stopped| match before {
                    Some(before) if before.operation == stopped.operation => before,
                    Some(_) | None => stopped,
                });
                let known = tip.map(|tip| (tip.sequence, tip.closed_at));
                let (ledger, ledger_closed_at) = known
                    .or(last.as_ref().map(|last| (last.ledger, last.ledger_closed_at)))
                    .unwrap_or((LedgerSeq(0), Timestamp::UNIX_EPOCH));
                let builds_nothing_before = match building {
                    Building::Unknown => last.as_ref().and_then(|last| last.builds_nothing_before),
                    Building::NotBefore(_) | Building::AfterSweep(..) | Building::Allowed => {
                        building.not_before()
                    }
                };
                let status = EngineStatus {
                    ticked_at,
                    ledger,
                    ledger_closed_at,
                    swept_at,
                    trouble,
                    stream_away_since,
                    builds_nothing_before,
                    stopped,
                };
                tx.report(&status).await
            })
        })
        .await;
        if let Err(error) = stored {
            tracing::warn!(%error, "the engine's report was not stored");
        }
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        // Memory is a cache: what a panicking holder left is still good to use.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Channels that may send a transaction now. They take turns, so that their fees drain evenly; one that could not pay a
    /// fee rests for a while.
    async fn free_channels(&self) -> Result<Vec<Channel>, EngineError> {
        let mut tx = self.store.begin_read().await?;
        let leased: Vec<AccountId> =
            tx.live_submissions().await?.into_iter().map(|submission| submission.channel).collect();
        let channels = tx.channels().await?;
        let now = self.clock.now();
        let mut memory = self.memory();
        memory.poor.retain(|_, until| *until > now);
        let mut free: Vec<Channel> = channels
            .into_iter()
            .filter(|channel| channel.opening.is_none() && !leased.contains(&channel.account))
            .filter(|channel| !memory.poor.contains_key(&channel.account))
            .filter(|channel| !memory.missing.contains_key(&channel.account))
            .collect();
        if !free.is_empty() {
            let turn = memory.built % free.len();
            free.rotate_left(turn);
        }
        Ok(free)
    }

    /// The plan of a transaction on a free channel.
    fn transaction(
        &self,
        channel: &Channel,
        tip: Ledger,
        memo: Memo,
        body: Body,
    ) -> Result<TransactionPlan, EngineError> {
        Ok(TransactionPlan {
            channel: channel.account,
            sequence: channel.sequence + 1,
            max_time: self.max_time(tip)?,
            fee_per_operation: self.settings.fee_per_operation_stroops,
            memo,
            body,
        })
    }

    /// The `max_time` of a transaction built now: it counts from ledger time, in whole seconds.
    fn max_time(&self, tip: Ledger) -> Result<Timestamp, EngineError> {
        Timestamp::from_second(tip.closed_at.as_second() + self.settings.transaction_lifetime_seconds)
            .map_err(|error| EngineError::Contradiction(format!("ledger time: {error}")))
    }
}

/// Makes ids inside a transaction's work, which may run several times. Those of one engine never repeat; another engine's
/// may collide, and the work then runs again with fresh ones.
#[derive(Clone)]
struct Ids {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    last: Arc<AtomicI64>,
}

impl Ids {
    fn of(engine: &Engine) -> Self {
        let last = Arc::clone(&engine.last_id);
        Self { clock: Arc::clone(&engine.clock), entropy: Arc::clone(&engine.entropy), last }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A number above all that were made before.
    fn number(&self) -> i64 {
        let drawn = new_id_number(self.now(), self.entropy.u16());
        let last =
            self.last.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(drawn.max(last + 1)));
        drawn.max(last.unwrap_or_else(|last| last) + 1)
    }

    fn transfer(&self) -> Result<TransferId, EngineError> {
        TransferId::new(self.number()).map_err(|error| EngineError::Contradiction(error.to_string()))
    }

    fn submission(&self) -> Result<SubmissionId, EngineError> {
        SubmissionId::new(self.number()).map_err(|error| EngineError::Contradiction(error.to_string()))
    }

    /// Posts an entry; nothing if nothing moved.
    async fn post(
        &self,
        tx: &mut dyn Tx,
        cause: Cause,
        reservation: Option<ReservationId>,
        at: Timestamp,
        postings: Postings,
    ) -> Result<(), EngineError> {
        if postings.is_empty() {
            return Ok(());
        }
        let text = cause.to_string();
        match self.post_once(tx, cause, reservation, at, postings).await? {
            Applied::Executed => Ok(()),
            Applied::AlreadyApplied => {
                Err(EngineError::Contradiction(format!("{text} is in the journal already")))
            }
        }
    }

    /// Posts an entry that moves something, unless its cause is in the journal already.
    async fn post_once(
        &self,
        tx: &mut dyn Tx,
        cause: Cause,
        reservation: Option<ReservationId>,
        at: Timestamp,
        postings: Postings,
    ) -> Result<Applied, EngineError> {
        let id =
            EntryId::new(self.number()).map_err(|error| EngineError::Contradiction(error.to_string()))?;
        Ok(tx.post(&Entry::new(id, cause, reservation, at, postings.into_vec())?).await?)
    }
}
