//! What all of a running sandbox shares: the ledger behind a lock, its file, the clock, the faults in force.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use stellar_types::clock::Clock;
use stellar_types::ids::{LedgerSeq, TxHash};
use tokio::sync::{Notify, watch};

use crate::faucet::{Gift, GiftError, give};
use crate::faults::{Fault, FaultControl};
use crate::ledger::close::Weather;
use crate::ledger::{Ledger, Submission, unix_seconds};
use crate::log::Log;
use crate::rate_limit::{RateLimit, Taken, TokenBucket};
use crate::xdr::Tx;

/// What HTTP handlers, the node and in-process users share.
pub struct Shared {
    ledger: Mutex<Ledger>,
    /// Taken before the ledger, and while one closes: ledgers are written in their order.
    log: Mutex<Option<Log>>,
    /// The last closed ledger.
    pub closed: watch::Sender<LedgerSeq>,
    /// The same for those who wait for one ledger; they are woken in the order in which they came.
    pub closing: Notify,
    /// The time, for all of it.
    pub clock: Arc<dyn Clock>,
    /// HTTP requests answered so far.
    pub requests: AtomicU64,
    /// Looks of streams at new ledgers.
    pub stream_looks: AtomicU64,
    /// The faults in force.
    pub faults: FaultControl,
    bucket: Option<TokenBucket>,
}

/// A time that a ledger cannot close at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// Ledger time does not go back.
    #[error("the last ledger closed later, at {latest} unix seconds")]
    Early {
        /// When the last ledger closed.
        latest: u64,
    },
}

impl Shared {
    /// The state of a network that was taken up, or begins, with this ledger.
    pub fn new(
        (ledger, log): (Ledger, Option<Log>),
        clock: Arc<dyn Clock>,
        faults: FaultControl,
        rate_limit: Option<RateLimit>,
    ) -> Self {
        let (closed, _) = watch::channel(ledger.latest().ledger);
        Self {
            ledger: Mutex::new(ledger),
            log: Mutex::new(log),
            closed,
            closing: Notify::new(),
            clock,
            requests: AtomicU64::new(0),
            stream_looks: AtomicU64::new(0),
            faults,
            bucket: rate_limit.map(TokenBucket::new),
        }
    }

    /// The ledger. A panic elsewhere while it was held leaves it as it was between two calls' steps, which
    /// is good enough for a sandbox to keep answering.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one request against the rate limit, if there is one.
    pub fn take_request(&self) -> Option<Taken> {
        self.bucket.as_ref().map(|bucket| bucket.take(self.clock.now()))
    }

    /// The same for a stream's look at a new ledger.
    pub fn take_stream_look(&self) -> Option<Taken> {
        self.stream_looks.fetch_add(1, Ordering::Relaxed);
        self.take_request()
    }

    /// Takes a transaction, or says why not.
    pub fn submit(&self, tx: Tx) -> Submission {
        let now = self.clock.now();
        self.ledger().submit(tx, now)
    }

    /// Takes a transaction as any other, and forgets it.
    pub fn submit_and_forget(&self, tx: Tx) -> Submission {
        let (now, source) = (self.clock.now(), tx.source());
        let mut ledger = self.ledger();
        let said = ledger.submit(tx, now);
        if said == Submission::Pending {
            ledger.forget(source);
        }
        said
    }

    fn close(&self, at: Timestamp) -> LedgerSeq {
        let mut weather = Weather::default();
        if self.faults.strikes(Fault::FeeSurge) {
            weather.fee_floor *= i64::from(self.faults.parameters().surge_factor);
        }
        let lag = if self.faults.lags() { self.faults.parameters().lag_ledgers } else { 0 };
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ledger = self.ledger();
        ledger.keep_past(lag);
        let closed = ledger.close_in(weather, at);
        if let Some(log) = log.as_mut() {
            log.append(&ledger);
        }
        drop(ledger);
        drop(log);
        self.closed.send_replace(closed);
        self.closing.notify_waiters();
        closed
    }

    /// Closes a ledger now.
    pub fn close_now(&self) -> LedgerSeq {
        self.close(self.clock.now())
    }

    /// Closes a ledger at a time that is not before the last one's.
    pub fn close_at(&self, at: Timestamp) -> Result<LedgerSeq, StepError> {
        let latest = self.ledger().latest().time;
        if unix_seconds(at) < latest {
            return Err(StepError::Early { latest });
        }
        Ok(self.close(at))
    }

    /// Has friendbot or an issuer give something in the next ledger.
    pub fn give(&self, gift: Gift) -> Result<TxHash, GiftError> {
        let now = self.clock.now();
        give(&mut self.ledger(), gift, now)
    }
}
