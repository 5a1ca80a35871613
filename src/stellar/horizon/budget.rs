//! When the next request may be sent: the hourly budget, and the pauses Horizon asked for.
//!
//! All callers of one client share it, but not alike: a patient one (sweeps, streams) leaves part of the
//! burst for those that cannot wait. A caller waits a bounded time for its turn, or is told how long it would
//! be. Nothing here is remembered across a restart: Horizon's own limit stands behind it.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::request_budget::{MonotonicTime, TokenBucket};
use crate::ports::clock::Clock;
use crate::ports::network::{NetworkError, Spending};

/// Longest pause that Horizon can impose: what it asks beyond is not believed.
pub const PAUSE_SECONDS_MAX: u64 = 3_600;
/// One part in so many of the burst is kept from those that can wait.
const RESERVE_DIVISOR: u32 = 4;
/// How long a caller waits at most that can come again.
const PATIENT_WAIT_MAX: Duration = Duration::from_secs(5);
/// How far back spending is counted, in minutes.
const SPENT_MINUTES: usize = 10;
const MINUTE_SECONDS: u64 = 60;
const HOUR: Duration = Duration::from_secs(3_600);

/// Whether a request can wait for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// Money depends on it: submissions, outcomes, histories of accounts that changed, the latest ledger.
    Now,
    /// It comes again and finds the same later: a page of a sweep, a stream that goes on.
    Patient,
}

/// Urgent requests by minute, the last [`SPENT_MINUTES`] of them.
#[derive(Default)]
struct Spent {
    minute: u64,
    by_minute: [u32; SPENT_MINUTES],
}

impl Spent {
    fn add(&mut self, now: Duration, count: u32) {
        let minute = now.as_secs() / MINUTE_SECONDS;
        let gone = usize::try_from(minute.saturating_sub(self.minute)).unwrap_or(usize::MAX);
        self.minute = minute.max(self.minute);
        let gone = gone.min(SPENT_MINUTES);
        self.by_minute.rotate_right(gone % SPENT_MINUTES);
        self.by_minute.iter_mut().take(gone).for_each(|count| *count = 0);
        self.by_minute[0] = self.by_minute[0].saturating_add(count);
    }

    fn per_hour(&self) -> u64 {
        let minutes = u64::try_from(SPENT_MINUTES).unwrap_or(u64::MAX);
        self.by_minute.iter().map(|count| u64::from(*count)).sum::<u64>() * MINUTE_SECONDS / minutes
    }
}

#[derive(Default)]
struct State {
    /// Set back, the clock closes neither gate nor budget for longer.
    forward: MonotonicTime,
    allowance: TokenBucket,
    spent: Spent,
    /// No request before this.
    closed_until: Duration,
}

/// The request budget of one Horizon, and its gate.
pub(crate) struct Budget {
    clock: Arc<dyn Clock>,
    per_hour: Option<NonZeroU32>,
    burst: u32,
    state: Mutex<State>,
    wait_max: Duration,
}

impl Budget {
    /// A budget of `per_hour` requests (`None`: no limit), of which `burst` may come at once. A caller waits
    /// at most `wait_max` for its turn.
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        per_hour: Option<NonZeroU32>,
        burst: NonZeroU32,
        wait_max: Duration,
    ) -> Self {
        let mut state = State::default();
        state.forward.to(clock.now());
        Self { clock, per_hour, burst: burst.get(), state: Mutex::new(state), wait_max }
    }

    /// The state, and how much time has gone by.
    fn state(&self) -> (MutexGuard<'_, State>, Duration) {
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = state.forward.to(now);
        (state, elapsed)
    }

    /// Sends nothing for `pause` from now; shorter pauses do not end longer ones.
    pub(crate) fn pause(&self, pause: Duration) {
        let (mut state, now) = self.state();
        let until = now.saturating_add(pause.min(Duration::from_secs(PAUSE_SECONDS_MAX)));
        state.closed_until = until.max(state.closed_until);
    }

    /// Counts requests that nobody asked for: Horizon counts one per ledger of a stream.
    pub(crate) fn charge(&self, count: u32) {
        let (mut state, now) = self.state();
        state.spent.add(now, count);
        if let Some(per_hour) = self.per_hour {
            state.allowance.charge(now, HOUR / per_hour.get(), self.burst, count);
        }
    }

    /// What may be spent, and what has been lately.
    pub(crate) fn spending(&self) -> Spending {
        let (mut state, now) = self.state();
        state.spent.add(now, 0);
        Spending { per_hour_max: self.per_hour, otherwise_per_hour: state.spent.per_hour() }
    }

    /// Takes one request, or tells how long it would have to wait.
    fn take(&self, urgency: Urgency) -> Result<(), Duration> {
        let (mut state, now) = self.state();
        if state.closed_until > now {
            return Err(state.closed_until - now);
        }
        if let Some(per_hour) = self.per_hour {
            let kept = match urgency {
                Urgency::Now => 0,
                Urgency::Patient => self.burst / RESERVE_DIVISOR,
            };
            state.allowance.take(now, HOUR / per_hour.get(), self.burst, kept)?;
        }
        if urgency == Urgency::Now {
            state.spent.add(now, 1);
        }
        Ok(())
    }

    /// Returns when one request may be sent.
    ///
    /// # Errors
    /// [`NetworkError::RateLimited`] if that is further away than a caller waits.
    pub(crate) async fn turn(&self, urgency: Urgency) -> Result<(), NetworkError> {
        let wait_max = match urgency {
            Urgency::Now => self.wait_max,
            Urgency::Patient => self.wait_max.min(PATIENT_WAIT_MAX),
        };
        let mut waited = Duration::ZERO;
        loop {
            let Err(wait) = self.take(urgency) else { return Ok(()) };
            // At least a moment each time round, so that the waiting is bounded.
            let wait = wait.max(Duration::from_millis(1));
            if waited.saturating_add(wait) > wait_max {
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
            budget.turn(Urgency::Now).await.unwrap();
        }
        assert_eq!(clock.slept(), Duration::ZERO);
        for _ in 0..5 {
            budget.turn(Urgency::Now).await.unwrap();
        }
        let slept = clock.slept();
        assert!(slept >= Duration::from_secs(4) && slept <= Duration::from_secs(6), "{slept:?}");
    }

    #[tokio::test]
    async fn who_would_wait_too_long_is_told_how_long() {
        let clock = TestClock::new();
        let budget = budget(&clock, 60, 1, 10);
        budget.turn(Urgency::Now).await.unwrap();
        match budget.turn(Urgency::Now).await {
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
        budget.turn(Urgency::Now).await.unwrap();
        assert_eq!(clock.slept(), Duration::from_secs(20));
        budget.pause(Duration::from_secs(31));
        assert!(matches!(budget.turn(Urgency::Now).await, Err(NetworkError::RateLimited { .. })));
    }

    #[tokio::test]
    async fn a_clock_set_back_closes_neither_gate_nor_budget_for_longer() {
        let clock = TestClock::new();
        let budget = budget(&clock, 3_600, 2, 30);
        budget.turn(Urgency::Now).await.unwrap();
        budget.turn(Urgency::Now).await.unwrap();
        budget.pause(Duration::from_secs(20));
        clock.set_back(jiff::SignedDuration::from_hours(48));
        budget.turn(Urgency::Now).await.unwrap();
        assert_eq!(clock.slept(), Duration::from_secs(20));
        clock.set_back(jiff::SignedDuration::from_hours(48));
        for _ in 0..5 {
            budget.turn(Urgency::Now).await.unwrap();
        }
        assert!(clock.slept() < Duration::from_secs(26), "{:?}", clock.slept());
    }

    #[tokio::test]
    async fn a_patient_caller_leaves_a_quarter_of_the_burst_to_those_who_cannot_wait() {
        let clock = TestClock::new();
        let budget = budget(&clock, 3_600, 100, 0);
        let mut taken = 0;
        while budget.turn(Urgency::Patient).await.is_ok() {
            taken += 1;
        }
        assert_eq!(taken, 75);
        for _ in 0..25 {
            budget.turn(Urgency::Now).await.unwrap();
        }
        assert!(budget.turn(Urgency::Now).await.is_err());
    }

    #[tokio::test]
    async fn what_is_spent_besides_sweeps_is_counted_for_ten_minutes() {
        let clock = TestClock::new();
        clock.jump_when_idle();
        let budget = budget(&clock, 3_600, 100, 0);
        for _ in 0..30 {
            budget.turn(Urgency::Now).await.unwrap();
        }
        budget.turn(Urgency::Patient).await.unwrap();
        budget.charge(10);
        let spending = budget.spending();
        assert_eq!((spending.per_hour_max, spending.otherwise_per_hour), (NonZeroU32::new(3_600), 240));
        clock.sleep(Duration::from_secs(9 * 60)).await;
        assert_eq!(budget.spending().otherwise_per_hour, 240);
        clock.sleep(Duration::from_secs(60)).await;
        assert_eq!(budget.spending().otherwise_per_hour, 0);
    }
}
