//! A sandbox that runs: the ledger behind a lock, a clock that closes it, HTTP in front.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::gifts::{Gift, GiftError, give};
use super::http;
use super::ledger::{Genesis, Ledger, Submission};
use super::network::{PASSPHRASE, SEED};
use super::xdr::Tx;
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::ids::{LedgerSeq, TxHash};
use crate::domain::money::Stroops;
use crate::ports::clock::Clock;

/// How long a ledger takes unless set otherwise, in milliseconds; the public network takes about five seconds.
pub const LEDGER_MS: u64 = 1_000;

/// How a sandbox is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The network's passphrase.
    pub passphrase: String,
    /// The seed of its keys and of the order within a ledger.
    pub seed: u64,
    /// How long a ledger takes, in milliseconds.
    pub ledger_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { passphrase: PASSPHRASE.to_owned(), seed: SEED, ledger_ms: LEDGER_MS }
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
    /// The address cannot be listened on.
    #[error("the sandbox cannot listen on {address}: {source}")]
    Listen {
        /// What it was told to listen on.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What HTTP handlers, the driver and in-process users share.
pub(super) struct Shared {
    ledger: Mutex<Ledger>,
    pub(super) closed: watch::Sender<LedgerSeq>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) requests: AtomicU64,
    ledger_ms: u64,
}

impl Shared {
    /// The ledger. A panic elsewhere while it was held leaves it as it was between two calls' steps, which
    /// is good enough for a sandbox to keep answering.
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn submit(&self, tx: Tx) -> Submission {
        let now = self.clock.now();
        self.ledger().submit(tx, now)
    }

    pub(super) fn give(&self, gift: Gift) -> Result<TxHash, GiftError> {
        let now = self.clock.now();
        give(&mut self.ledger(), gift, now)
    }
}

/// A sandbox network in this process. Clones are the same network.
#[derive(Clone)]
pub struct Sandbox {
    shared: Arc<Shared>,
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
    /// A network whose first ledger closes now. It does nothing by itself: see
    /// [`close_ledger`](Self::close_ledger), [`run`](Self::run) and [`start`](Self::start).
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> Self {
        let Settings { passphrase, seed, ledger_ms } = settings;
        let ledger = Ledger::new(Genesis { passphrase, seed, ledger_ms }, clock.now());
        let (closed, _) = watch::channel(ledger.latest().ledger);
        let requests = AtomicU64::new(0);
        Self { shared: Arc::new(Shared { ledger: Mutex::new(ledger), closed, clock, requests, ledger_ms }) }
    }

    /// Starts a network that listens on a loopback address (port 0 for any) and closes its ledgers.
    pub async fn start(
        settings: Settings,
        clock: Arc<dyn Clock>,
        address: SocketAddr,
    ) -> Result<Handle, StartError> {
        Self::new(settings, clock).listen(address).await
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
        let serving = axum::serve(listener, self.router());
        let stopped = stop.clone();
        let serve = tokio::spawn(async move {
            tokio::select! {
                result = serving => {
                    if let Err(error) = result {
                        tracing::error!(%error, "the sandbox stopped listening");
                    }
                }
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
        loop {
            self.shared.clock.sleep(Duration::from_millis(self.shared.ledger_ms)).await;
            self.close_ledger();
        }
    }

    /// Horizon's HTTP, to be served or called in process.
    pub fn router(&self) -> Router {
        http::router(Arc::clone(&self.shared))
    }

    /// Closes a ledger now.
    pub fn close_ledger(&self) -> LedgerSeq {
        let now = self.shared.clock.now();
        let closed = self.shared.ledger().close(now);
        self.shared.closed.send_replace(closed);
        closed
    }

    /// Looks at the ledger.
    pub fn with_ledger<T>(&self, look: impl FnOnce(&Ledger) -> T) -> T {
        look(&self.shared.ledger())
    }

    /// Submits an envelope without HTTP.
    pub fn submit(&self, tx: Tx) -> Submission {
        self.shared.submit(tx)
    }

    /// Has friendbot or an issuer give something in the next ledger.
    pub fn give(&self, gift: Gift) -> Result<TxHash, GiftError> {
        self.shared.give(gift)
    }

    /// The network's asset of this code, if it issues one.
    pub fn asset(&self, code: &str) -> Option<Asset> {
        self.with_ledger(|ledger| ledger.keys().assets().into_iter().find(|asset| asset.code() == code))
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

    /// Stops listening and closing ledgers, and waits until both have stopped.
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
