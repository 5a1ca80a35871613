//! Time as an argument.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

/// What time it is, and waiting.
///
/// Nothing outside `app` asks the machine: a simulation passes virtual time through here.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The wall-clock time, UTC. It may jump; durations that matter for money are taken from ledger time.
    fn now(&self) -> Timestamp;

    /// Returns after `duration` of this clock's time.
    async fn sleep(&self, duration: Duration);
}
