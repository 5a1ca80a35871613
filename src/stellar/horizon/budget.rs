//! When the next request may be sent: the hourly budget, and the pauses Horizon asked for.
//!
//! All callers of one client share it. A caller waits a bounded time for its turn, or is told how long it would
//! be. Nothing here is remembered across a restart: Horizon's own limit stands behind it.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use jiff::{SignedDuration, Timestamp};

use crate::ports::clock::Clock;
use crate::ports::network::NetworkError;

/// Longest pause that Horizon can impose: what it asks beyond is not believed.
pub const PAUSE_SECONDS_MAX: u64 = 3_600;

/// Our clock, as governor wants one.
#[derive(Clone)]
struct BudgetClock(Arc<dyn Clock>);

impl GovernorClock for BudgetClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let nanos = self.0.now().as_nanosecond();
        Nanos::new(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, BudgetClock, NoOpMiddleware<Nanos>>;

/// The request budget of one Horizon, and its gate.
pub(crate) struct Budget {
    clock: Arc<dyn Clock>,
    limiter: Option<Limiter>,
    /// No request before this, in microseconds of UTC.
    closed_until: AtomicI64,
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
        let limiter = per_hour.map(|per_hour| {
            let quota = Quota::per_hour(per_hour).allow_burst(burst);
            Limiter::direct_with_clock(quota, BudgetClock(clock.clone()))
        });
        Self { clock, limiter, closed_until: AtomicI64::new(i64::MIN), wait_max }
    }

    /// Sends nothing for `pause` from now; shorter pauses do not end longer ones.
    pub(crate) fn pause(&self, pause: Duration) {
        let pause = pause.min(Duration::from_secs(PAUSE_SECONDS_MAX));
        let until = SignedDuration::try_from(pause)
            .ok()
            .and_then(|pause| self.clock.now().checked_add(pause).ok())
            .unwrap_or(Timestamp::MAX);
        self.closed_until.fetch_max(until.as_microsecond(), Ordering::SeqCst);
    }

    /// How long the gate stays closed; zero if it is open.
    fn closed_for(&self) -> Duration {
        let until = self.closed_until.load(Ordering::SeqCst);
        let remaining = until.saturating_sub(self.clock.now().as_microsecond());
        let remaining = Duration::from_micros(u64::try_from(remaining).unwrap_or(0));
        // A clock set back must not close the gate for longer than any pause.
        if remaining > Duration::from_secs(PAUSE_SECONDS_MAX) { Duration::ZERO } else { remaining }
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
                    Some(Err(until)) => until.wait_time_from(BudgetClock(self.clock.clone()).now()),
                },
                closed => closed,
            };
            // At least a moment each time round, so that the waiting is bounded.
            let wait = wait.max(Duration::from_millis(1));
            if waited.saturating_add(wait) > self.wait_max {
                metrics::counter!("farmgate_horizon_budget_refusals_total").increment(1);
                return Err(NetworkError::RateLimited { retry_after: wait });
            }
            self.clock.sleep(wait).await;
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
    async fn a_clock_set_back_does_not_close_the_gate_for_ever() {
        let clock = TestClock::new();
        let budget = budget(&clock, 0, 1, 30);
        budget.pause(Duration::from_secs(20));
        clock.set_back(SignedDuration::from_hours(48));
        budget.turn().await.unwrap();
    }
}
