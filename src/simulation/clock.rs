//! Virtual time: it stands still until the simulator moves it on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;

use crate::ports::clock::Clock;

/// When a run begins: 2026-01-01T00:00:00Z, in unix seconds.
const BEGINNING_SECONDS: i64 = 1_767_225_600;

/// Who waits, by when they are woken and in the order in which they began.
type Sleepers = BTreeMap<(Timestamp, u64), oneshot::Sender<()>>;

struct Inner {
    now: Timestamp,
    sleepers: Sleepers,
    count: u64,
}

/// The time of a run, by which ledgers close.
#[derive(Clone)]
pub(super) struct VirtualClock {
    inner: Arc<Mutex<Inner>>,
}

impl VirtualClock {
    pub(super) fn new() -> Self {
        let now = Timestamp::from_second(BEGINNING_SECONDS).unwrap_or(Timestamp::UNIX_EPOCH);
        Self { inner: Arc::new(Mutex::new(Inner { now, sleepers: BTreeMap::new(), count: 0 })) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the next sleeper is to be woken. Those that nobody waits for any more are forgotten.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let mut inner = self.inner();
        inner.sleepers.retain(|_, sleeper| !sleeper.is_closed());
        inner.sleepers.first_key_value().map(|((at, _), _)| *at)
    }

    /// Moves time on to `at`, and wakes the first of those who have slept till then. True if one was woken:
    /// others may wait still.
    pub(super) fn move_on(&self, at: Timestamp) -> bool {
        let mut inner = self.inner();
        inner.now = inner.now.max(at);
        let now = inner.now;
        while let Some(entry) = inner.sleepers.first_entry() {
            if entry.key().0 > now {
                return false;
            }
            if entry.remove().send(()).is_ok() {
                return true;
            }
        }
        false
    }
}

#[async_trait]
impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.inner().now
    }

    async fn sleep(&self, duration: Duration) {
        let (sender, receiver) = oneshot::channel();
        {
            let mut inner = self.inner();
            let until =
                SignedDuration::try_from(duration).ok().and_then(|time| inner.now.checked_add(time).ok());
            let key = (until.unwrap_or(Timestamp::MAX), inner.count);
            inner.count += 1;
            inner.sleepers.insert(key, sender);
        }
        // The sender is kept until it wakes: an error cannot come.
        drop(receiver.await);
    }
}

/// What the machine's clock of the service shows: virtual time, and by how much it is wrong.
#[derive(Clone)]
pub(super) struct WallClock {
    time: VirtualClock,
    ahead_seconds: Arc<AtomicI64>,
}

impl WallClock {
    pub(super) fn new(time: VirtualClock) -> Self {
        Self { time, ahead_seconds: Arc::new(AtomicI64::new(0)) }
    }

    /// Sets by how much it is wrong.
    pub(super) fn jump(&self, ahead_seconds: i64) {
        self.ahead_seconds.store(ahead_seconds, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_secs(self.ahead_seconds.load(Ordering::SeqCst));
        let now = self.time.now();
        now.checked_add(ahead).unwrap_or(now)
    }

    async fn sleep(&self, duration: Duration) {
        self.time.sleep(duration).await;
    }
}
