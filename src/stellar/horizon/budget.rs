//! When the next request may be sent: the hourly budget, and the pauses Horizon asked for.
//!
//! All callers of one client share it. A caller waits a bounded time for its turn, or is told how long it would
//! be. Nothing here is remembered across a restart: Horizon's own limit stands behind it.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use jiff::Timestamp;

use crate::ports::clock::Clock;
use crate::ports::network::NetworkError;

/// Longest pause that Horizon can impose: what it asks beyond is not believed.
pub const PAUSE_SECONDS_MAX: u64 = 3_600;

/// Our clock, going forward only: set back, it stands still for a moment instead of closing the budget for as long.
#[derive(Clone)]
struct ForwardClock {
    clock: Arc<dyn Clock>,
    /// The wall clock when last looked at, and how far it has gone forward since the first look.
    seen: Arc<Mutex<(Timestamp, Duration)>>,
}

impl ForwardClock {
    fn new(clock: Arc<dyn Clock>) -> Self {
        let seen = Arc::new(Mutex::new((clock.now(), Duration::ZERO)));
        Self { clock, seen }
    }

    fn elapsed(&self) -> Duration {
        let now = self.clock.now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = Duration::try_from(now.duration_since(seen.0)).unwrap_or(Duration::ZERO);
        *seen = (now, seen.1.saturating_add(gone));
        seen.1
    }
}

impl GovernorClock for ForwardClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(u64::try_from(self.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, ForwardClock, NoOpMiddleware<Nanos>>;

/// The request budget of one Horizon, and its gate.
pub(crate) struct Budget {
    clock: ForwardClock,
    limiter: Option<Limiter>,
    /// No request before this.
    closed_until: Mutex<Duration>,
    wait_max: Duration,
}

impl Budget {
    /// A budget of `per_hour` requests (`None`: no limit), of which `burst` may come at once. A caller waits at
    /// most `wait_max` for its turn.
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        per_hour: Option<NonZeroU32>,
        burst: NonZeroU32,
        wait_max: Duration,
    ) -> Self {
        let clock = ForwardClock::new(clock);
        let limiter = per_hour.map(|per_hour| {
            let quota = Quota::per_hour(per_hour).allow_burst(burst);
            Limiter::direct_with_clock(quota, clock.clone())
        });
        Self { clock, limiter, closed_until: Mutex::new(Duration::ZERO), wait_max }
    }

    /// Sends nothing for `pause` from now; shorter pauses do not end longer ones.
    pub(crate) fn pause(&self, pause: Duration) {
        let until = self.clock.elapsed().saturating_add(pause.min(Duration::from_secs(PAUSE_SECONDS_MAX)));
        let mut closed_until = self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        *closed_until = until.max(*closed_until);
    }

    /// How long the gate stays closed; zero if it is open.
    fn closed_for(&self) -> Duration {
        let until = *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.saturating_sub(self.clock.elapsed())
    }

    /// Returns when one request may be sent.
    ///
    /// # Errors
    /// [`NetworkError::RateLimited`] if that is further away than a caller waits.
    pub(crate) async fn turn(&self) -> Result<(), NetworkError> {
        let mut waited = Duration::ZERO;
        loop {
            let wait = match self.closed_for() {
                Duration::ZERO => match self.limiter.as_ref().map(Limiter::check) {
                    None | Some(Ok(())) => return Ok(()),
                    Some(Err(until)) => until.wait_time_from(self.clock.now()),
                },
                closed => closed,
            };
            // At least a moment each time round, so that the waiting is bounded.
            let wait = wait.max(Duration::from_millis(1));
            if waited.saturating_add(wait) > self.wait_max {
                metrics::counter!("farmgate_horizon_budget_refusals_total").increment(1);
                return Err(NetworkError::RateLimited { retry_after: wait });
            }
            self.clock.clock.sleep(wait).await;
            waited = waited.saturating_add(wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stellar::testing::TestClock;

    fn budget(clock: &Arc<TestClock>, per_hour: u32, burst: u32, wait_seconds: u64) -> Budget {
        let (per_hour, burst) = (NonZeroU32::new(per_hour), NonZeroU32::new(burst).unwrap());
        Budget::new(clock.clone(), per_hour, burst, Duration::from_secs(wait_seconds))
    }

    #[tokio::test]
    async fn a_burst_goes_at_once_and_then_one_a_second() {
        let clock = TestClock::new();
        let budget = budget(&clock, 3_600, 3, 10);
        for _ in 0..3 {
            budget.turn().await.unwrap();
        }
        assert_eq!(clock.slept(), Duration::ZERO);
        for _ in 0..5 {
            budget.turn().await.unwrap();
        }
        let slept = clock.slept();
        assert!(slept >= Duration::from_secs(4) && slept <= Duration::from_secs(6), "{slept:?}");
    }

    #[tokio::test]
    async fn who_would_wait_too_long_is_told_how_long() {
        let clock = TestClock::new();
        let budget = budget(&clock, 60, 1, 10);
        budget.turn().await.unwrap();
        match budget.turn().await {
            Err(NetworkError::RateLimited { retry_after }) => {
                assert!(retry_after > Duration::from_secs(50), "{retry_after:?}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(clock.slept(), Duration::ZERO);
    }

    #[tokio::test]
    async fn nothing_is_sent_before_a_pause_is_over() {
        let clock = TestClock::new();
        let budget = budget(&clock, 0, 1, 30);
        budget.pause(Duration::from_secs(20));
        budget.pause(Duration::from_secs(5));
        budget.turn().await.unwrap();
        assert_eq!(clock.slept(), Duration::from_secs(20));
        budget.pause(Duration::from_secs(31));
        assert!(matches!(budget.turn().await, Err(NetworkError::RateLimited { .. })));
    }

    #[tokio::test]
    async fn a_clock_set_back_closes_neither_gate_nor_budget_for_longer() {
        let clock = TestClock::new();
        let budget = budget(&clock, 3_600, 2, 30);
        budget.turn().await.unwrap();
        budget.turn().await.unwrap();
        budget.pause(Duration::from_secs(20));
        clock.set_back(jiff::SignedDuration::from_hours(48));
        budget.turn().await.unwrap();
        assert_eq!(clock.slept(), Duration::from_secs(20));
        clock.set_back(jiff::SignedDuration::from_hours(48));
        for _ in 0..5 {
            budget.turn().await.unwrap();
        }
        assert!(clock.slept() < Duration::from_secs(26), "{:?}", clock.slept());
    }
}
