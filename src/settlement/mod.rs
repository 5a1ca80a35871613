//! The settlement engine: watches escrow accounts, takes in payments, pays out, and recovers.
//!
//! One [`Engine::tick`] looks at the ledger once and brings every reservation as far as it can go. What it
//! knows is in the database only, so that a restart at any point goes on from there: intent is
//! committed before anything is sent, and outcomes are taken from closed ledgers alone.
//!
//! Never here: HTTP, SQL, XDR, or a transaction rebuilt while its predecessor could still land. Failure of
//! the network or the database ends a tick early and loses nothing; the next one starts from storage again.

mod expire;
mod ingest;
mod open;
mod outcome;
mod send;
mod settings;
mod settle;
mod sweep;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

pub use settings::Settings;

use crate::capacity::CapacityError;
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::escrow::Channel;
use crate::domain::ids::{EntryId, LedgerSeq, OperationId, ReservationId, SubmissionId, TransferId, TxHash};
use crate::domain::journal::{Cause, Entry, JournalError, Postings};
use crate::domain::money::AmountError;
use crate::domain::reservation::InvalidTransition;
use crate::domain::transfer::{InvalidTransferTransition, ResultCodes};
use crate::ports::clock::Clock;
use crate::ports::entropy::Entropy;
use crate::ports::network::{BuildError, Ledger, Network, NetworkError};
use crate::ports::store::{Applied, EngineStatus, RetryOn, Store, StoreError, Tx, transact};

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
    /// Accounts whose changes are not explained yet.
    pub dirty: u32,
}

/// What the engine remembers between ticks. Losing it costs a few requests, never money.
#[derive(Default)]
struct Memory {
    /// The latest ledger seen.
    tip: Option<Ledger>,
    /// The last ledger whose sweep came to its end.
    swept: Option<LedgerSeq>,
    swept_at: Option<Timestamp>,
    /// Codes a transaction was refused with, until its outcome is known.
    refusals: BTreeMap<SubmissionId, ResultCodes>,
    /// When a transaction may be sent again.
    send_not_before: BTreeMap<SubmissionId, Timestamp>,
    /// When accounts may be opened again after a failure, and how long the last pause was.
    open_pause: Option<(Timestamp, SignedDuration)>,
    /// Assets whose issuer is on the ledger.
    issuers_seen: Vec<Asset>,
}

/// The engine. One runs at a time on a database; unique keys keep money safe even if two do.
pub struct Engine {
    store: Arc<dyn Store>,
    network: Arc<dyn Network>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    settings: Settings,
    memory: Mutex<Memory>,
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
        Self { store, network, clock, entropy, settings, memory: Mutex::default() }
    }

    /// Ticks until `stop` resolves, reporting each to the database; a tick in hand is finished first.
    ///
    /// # Errors
    /// Only what [`EngineError::stops_the_engine`]; everything else is reported and tried again.
    pub async fn run(&self, stop: impl Future<Output = ()> + Send) -> Result<(), EngineError> {
        let mut stop = std::pin::pin!(stop);
        self.log_what_is_found().await;
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
                () = self.clock.sleep(self.settings.tick()) => {}
            }
        }
    }

    /// Looks at the ledger once and brings everything as far as it can go.
    pub async fn tick(&self) -> Result<TickReport, EngineError> {
        let tip = self.network.tip().await?;
        self.memory().tip = Some(tip);
        let mut report = TickReport { ledger: tip.sequence, ..TickReport::default() };
        self.look_up_outcomes(tip, &mut report).await?;
        self.open_accounts(tip).await?;
        self.sweep(tip, &mut report).await?;
        self.settle(tip, &mut report).await?;
        self.send_live(tip, &mut report).await?;
        Ok(report)
    }

    async fn log_what_is_found(&self) {
        match self.found().await {
            Ok((live, counts)) => tracing::info!(live_transactions = live, ?counts, "engine starts"),
            Err(error) => tracing::warn!(%error, "engine starts without its database"),
        }
    }

    async fn found(&self) -> Result<(usize, Vec<(String, u64)>), StoreError> {
        let mut tx = self.store.begin_read().await?;
        let live = tx.live_submissions().await?.len();
        Ok((live, tx.reservation_counts().await?))
    }

    async fn report(&self, outcome: &Result<TickReport, EngineError>) {
        let (tip, swept_at) = {
            let memory = self.memory();
            (memory.tip, memory.swept_at)
        };
        let (ticked_at, trouble) = (self.clock.now(), outcome.as_ref().err().map(ToString::to_string));
        let stored: Result<(), StoreError> = transact(&self.store, move |tx| {
            let trouble = trouble.clone();
            Box::pin(async move {
                // Before the first answer of the network since the start, what was known at the last stop stands.
                let last = tx.engine_status().await?;
                let known = tip.map(|tip| (tip.sequence, tip.closed_at));
                let (ledger, ledger_closed_at) = known
                    .or(last.map(|last| (last.ledger, last.ledger_closed_at)))
                    .unwrap_or((LedgerSeq(0), Timestamp::UNIX_EPOCH));
                let status = EngineStatus { ticked_at, ledger, ledger_closed_at, swept_at, trouble };
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

    /// Channels that may send a transaction now, with their next sequence number.
    async fn free_channels(&self) -> Result<Vec<Channel>, EngineError> {
        let mut tx = self.store.begin_read().await?;
        let leased: Vec<AccountId> =
            tx.live_submissions().await?.into_iter().map(|submission| submission.channel).collect();
        let channels = tx.channels().await?;
        Ok(channels
            .into_iter()
            .filter(|channel| channel.opening.is_none() && !leased.contains(&channel.account))
            .collect())
    }

    /// The `max_time` of a transaction built now: it counts from ledger time, in whole seconds.
    fn max_time(&self, tip: Ledger) -> Result<Timestamp, EngineError> {
        Timestamp::from_second(tip.closed_at.as_second() + self.settings.transaction_lifetime_seconds)
            .map_err(|error| EngineError::Contradiction(format!("ledger time: {error}")))
    }
}

/// Makes ids inside a transaction's work, which may run several times.
#[derive(Clone)]
struct Ids {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Ids {
    fn of(engine: &Engine) -> Self {
        Self { clock: Arc::clone(&engine.clock), entropy: Arc::clone(&engine.entropy) }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn transfer(&self) -> TransferId {
        TransferId::generate(self.now(), self.entropy.u16())
    }

    fn submission(&self) -> SubmissionId {
        SubmissionId::generate(self.now(), self.entropy.u16())
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
        let id = EntryId::generate(self.now(), self.entropy.u16());
        let text = cause.to_string();
        match tx.post(&Entry::new(id, cause, reservation, at, postings.into_vec())?).await? {
            Applied::Executed => Ok(()),
            Applied::AlreadyApplied => {
                Err(EngineError::Contradiction(format!("{text} is in the journal already")))
            }
        }
    }
}
