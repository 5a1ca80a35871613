//! A sandbox that runs: the ledger behind a lock, a clock that closes it, HTTP in front.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use jiff::Timestamp;
use stellar_types::address::AccountId;
use stellar_types::asset::Asset;
use stellar_types::clock::Clock;
use stellar_types::ids::{LedgerSeq, TxHash};
use stellar_types::money::Stroops;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::faucet::{Gift, GiftError};
use crate::faults::{Fault, FaultControl, FaultSettings};
use crate::horizon;
use crate::horizon::serve::serve;
use crate::ledger::{Genesis, LEDGER_OPERATIONS_MAX, Ledger, Submission};
use crate::log::{Log, LogError};
use crate::network::{PASSPHRASE, SEED};
use crate::rate_limit::RateLimit;
use crate::state::{Shared, StepError};
use crate::wallet::Wallet;
use crate::xdr::Tx;

/// How long a ledger takes unless set otherwise, in milliseconds; on the public network about five seconds.
pub const LEDGER_MS: u64 = 1_000;

/// How a sandbox is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The network's passphrase.
    pub passphrase: String,
    /// The seed of its keys and of the order within a ledger.
    pub seed: u64,
    /// How long a ledger takes, in milliseconds; 0 if ledgers close by hand only.
    pub ledger_ms: u64,
    /// Most operations of one ledger; the queue holds four times as many.
    pub ledger_operations_max: u32,
    /// How many requests are answered, if not all; every ledger of a stream counts as one.
    pub rate_limit: Option<RateLimit>,
    /// Faults that it begins with.
    pub faults: FaultSettings,
    /// The file that the network is kept in, if it is to outlive the process.
    pub state: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            passphrase: PASSPHRASE.to_owned(),
            seed: SEED,
            ledger_ms: LEDGER_MS,
            ledger_operations_max: LEDGER_OPERATIONS_MAX,
            rate_limit: None,
            faults: FaultSettings::default(),
            state: None,
        }
    }
}

impl Settings {
    fn genesis(&self) -> Genesis {
        Genesis {
            passphrase: self.passphrase.clone(),
            seed: self.seed,
            ledger_ms: self.ledger_ms,
            ledger_operations_max: self.ledger_operations_max,
        }
    }
}

/// Why a sandbox does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It has no authentication, and gives money away: it must not be reachable from outside.
    #[error("the sandbox listens on loopback only, not on {address}")]
    NotLoopback {
        /// What it was told to listen on.
        address: SocketAddr,
    },
    /// The network cannot be taken up from its file.
    #[error(transparent)]
    State(#[from] LogError),
    /// The address cannot be listened on.
    #[error("the sandbox cannot listen on {address}: {source}")]
    Listen {
        /// What it was told to listen on.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A sandbox network in this process. Clones are the same network.
#[derive(Clone)]
pub struct Sandbox {
    shared: Arc<Shared>,
    ledger_ms: u64,
}

/// A sandbox that listens and closes ledgers until it is stopped or dropped.
pub struct Handle {
    /// The network.
    pub sandbox: Sandbox,
    /// Where it listens.
    pub address: SocketAddr,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Sandbox {
    /// A network whose first ledger closes now, in memory only: [`open`](Self::open) reads `state`. It does
    /// nothing by itself: see [`close_ledger`](Self::close_ledger), [`run`](Self::run) and
    /// [`start`](Self::start).
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> Self {
        let ledger = Ledger::new(settings.genesis(), clock.now());
        Self::with(settings, clock, ledger, None)
    }

    /// A network as its state file has it, or a new one that is kept there from now on; in memory only if
    /// the settings name no file.
    pub fn open(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, LogError> {
        let Some(path) = settings.state.clone() else { return Ok(Self::new(settings, clock)) };
        let (log, ledger) = Log::open(&path, settings.genesis(), clock.now())?;
        Ok(Self::with(settings, clock, ledger, Some(log)))
    }

    fn with(settings: Settings, clock: Arc<dyn Clock>, ledger: Ledger, log: Option<Log>) -> Self {
        let faults = FaultControl::new(settings.seed, &settings.faults);
        let shared = Shared::new((ledger, log), clock, faults, settings.rate_limit);
        Self { shared: Arc::new(shared), ledger_ms: settings.ledger_ms }
    }

    /// Starts a network that listens on a loopback address (port 0 for any) and closes its ledgers.
    pub async fn start(
        settings: Settings,
        clock: Arc<dyn Clock>,
        address: SocketAddr,
    ) -> Result<Handle, StartError> {
        Self::open(settings, clock)?.listen(address).await
    }

    /// Listens on a loopback address and closes ledgers until the handle is stopped or dropped.
    pub async fn listen(&self, address: SocketAddr) -> Result<Handle, StartError> {
        if !address.ip().is_loopback() {
            return Err(StartError::NotLoopback { address });
        }
        let failed = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let stop = CancellationToken::new();
        let serving = serve(listener, self.router());
        let stopped = stop.clone();
        let serve = tokio::spawn(async move {
            tokio::select! {
                () = serving => {}
                () = stopped.cancelled() => {}
            }
        });
        let (sandbox, stopped) = (self.clone(), stop.clone());
        let run = tokio::spawn(async move {
            tokio::select! {
                () = sandbox.run() => {}
                () = stopped.cancelled() => {}
            }
        });
        Ok(Handle { sandbox: self.clone(), address, stop, tasks: vec![serve, run] })
    }

    /// Closes a ledger after every `ledger_ms` of the clock, with or without transactions; never returns.
    pub async fn run(&self) {
        if self.ledger_ms == 0 {
            return std::future::pending().await;
        }
        loop {
            self.shared.clock.sleep(Duration::from_millis(self.ledger_ms)).await;
            self.tick();
        }
    }

    /// Closes a ledger as the timer does: unless it is missed.
    pub fn tick(&self) -> Option<LedgerSeq> {
        (!self.shared.faults.strikes(Fault::MissedLedger)).then(|| self.close_ledger())
    }

    /// Turns faults on and off, and counts them.
    pub fn faults(&self) -> &FaultControl {
        &self.shared.faults
    }

    /// Horizon's HTTP, to be served or called in process.
    pub fn router(&self) -> Router {
        horizon::router(Arc::clone(&self.shared))
    }

    /// Closes a ledger now.
    pub fn close_ledger(&self) -> LedgerSeq {
        self.shared.close_now()
    }

    /// Closes a ledger at a time that is not before the last one's.
    pub fn close_ledger_at(&self, at: Timestamp) -> Result<LedgerSeq, StepError> {
        self.shared.close_at(at)
    }

    /// Looks at the ledger.
    pub fn with_ledger<T>(&self, look: impl FnOnce(&Ledger) -> T) -> T {
        look(&self.shared.ledger())
    }

    /// Works on the ledger, as the sandbox's own parts do.
    pub(crate) fn with_ledger_mut<T>(&self, work: impl FnOnce(&mut Ledger) -> T) -> T {
        work(&mut self.shared.ledger())
    }

    /// The time by the sandbox's clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Submits an envelope without HTTP.
    pub fn submit(&self, tx: Tx) -> Submission {
        self.shared.submit(tx)
    }

    /// Has friendbot or an issuer give something in the next ledger.
    pub fn give(&self, gift: Gift) -> Result<TxHash, GiftError> {
        self.shared.give(gift)
    }

    /// The network's passphrase.
    pub fn passphrase(&self) -> String {
        self.with_ledger(|ledger| ledger.genesis().passphrase.clone())
    }

    /// The network's asset of this code, if it issues one.
    pub fn asset(&self, code: &str) -> Option<Asset> {
        self.with_ledger(|ledger| ledger.keys().assets().into_iter().find(|asset| asset.code() == code))
    }

    /// The wallet of whoever issues the network's asset of this code.
    pub fn issuer(&self, code: &str) -> Option<Wallet> {
        self.with_ledger(|ledger| ledger.keys().issuer(code).cloned()).map(Wallet::from)
    }

    /// What an account holds; `None` if it does not exist or has no trust line for the asset.
    pub fn balance(&self, account: AccountId, asset: &Asset) -> Option<Stroops> {
        self.with_ledger(|ledger| ledger.state().get(account)?.balance_of(asset))
    }

    /// Whether an account exists in the last closed ledger.
    pub fn account_exists(&self, account: AccountId) -> bool {
        self.with_ledger(|ledger| ledger.state().get(account).is_some())
    }

    /// The last sequence number an account consumed; a new one starts from its ledger's first.
    pub fn sequence(&self, account: AccountId) -> Option<i64> {
        self.with_ledger(|ledger| ledger.state().get(account).map(|account| account.sequence))
    }

    /// HTTP requests answered so far, of any kind.
    pub fn requests_served(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Looks of streams at new ledgers so far. Horizon's rate limit counts each as a request.
    pub fn stream_looks(&self) -> u64 {
        self.shared.stream_looks.load(Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let latest = self.with_ledger(|ledger| ledger.latest().ledger);
        f.debug_struct("Sandbox").field("ledger", &latest).finish_non_exhaustive()
    }
}

impl Handle {
    /// Where to send requests.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops listening and closing ledgers, and waits until both have stopped. Open connections are cut.
    pub async fn stop(mut self) {
        self.stop.cancel();
        for task in std::mem::take(&mut self.tasks) {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the sandbox failed");
            }
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
