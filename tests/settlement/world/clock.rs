//! The machine's clock, moved forward.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use farmgate::app::clock::SystemClock;
use farmgate::ports::clock::Clock;
use jiff::{SignedDuration, Timestamp};

/// The machine's clock, moved forward.
#[derive(Default)]
pub struct MovedClock {
    ahead_seconds: AtomicI64,
}

#[async_trait]
impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        SystemClock.now() + SignedDuration::from_secs(self.ahead_seconds.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}

impl MovedClock {
    pub fn move_on(&self, seconds: i64) {
        self.ahead_seconds.fetch_add(seconds, Ordering::SeqCst);
    }
}
