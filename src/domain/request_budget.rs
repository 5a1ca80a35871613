//! How often all accounts of ours are looked at within a request budget, and how soon a payment is seen.
//!
//! Of an hour's requests a quarter is kept for what cannot wait: submissions, their outcomes, the histories
//! of accounts that changed. What is left beside the looks at the latest ledger, and beside the network's
//! payment stream where it is followed, is for the sweep: its pages come evenly, and it takes as long
//! as it takes. The engine keeps to what [`pace`] says, and `farmgate doctor` shows it.

use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;

/// Accounts on one page of a sweep.
pub const PAGE_ACCOUNTS: u64 = 200;
/// From this number of accounts on, more than four pages, the network's payment stream is followed unless
/// set otherwise.
pub const FOLLOW_ACCOUNTS_MIN: u64 = 4 * PAGE_ACCOUNTS + 1;
/// Milliseconds between two ledgers of the public network.
pub const LEDGER_MILLIS: u64 = 5_000;
/// What a stream costs in an hour: one request per ledger, and one for each goodbye, which comes
/// after 55 seconds.
pub const STREAM_REQUESTS_PER_HOUR: u64 = HOUR_MILLIS / LEDGER_MILLIS + 66;

const HOUR_MILLIS: u64 = 3_600_000;
/// One part in so many of the budget is kept for what cannot wait.
const RESERVE_DIVISOR: u64 = 4;
/// The sweep gets one part in so many of the budget, whatever else is spent: without it no deadline
/// could be decided.
const SWEEP_DIVISOR: u64 = 20;
/// Looks at the latest ledger take at most one part in so many of the budget.
const TICK_DIVISOR: u64 = 2;

/// What there is to watch, and with what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Accounts that the platform's key signs for.
    pub accounts: u64,
    /// The configured pause between two looks at the ledger, in milliseconds.
    pub tick_millis: u64,
    /// Requests an hour; `None` for no limit.
    pub requests_per_hour_max: Option<NonZeroU32>,
    /// Requests an hour that the client has lately spent on everything but sweeping.
    pub spent_otherwise_per_hour: u64,
    /// True if the network has a payment stream to follow.
    pub stream: bool,
    /// From how many accounts on it is followed.
    pub follow_accounts_min: u64,
}

/// How the accounts are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Requests of one whole sweep: a full page is followed by another look.
    pub pages: u64,
    /// True if the network's payment stream is followed, so that the sweep only checks it.
    pub followed: bool,
    /// The pause between two looks at the ledger, in milliseconds.
    pub tick_millis: u64,
    /// Pages of sweeps in an hour at most; `None` for no limit.
    pub pages_per_hour_max: Option<u64>,
    /// The time from one look at an account to the next, in milliseconds.
    pub sweep_millis: u64,
    /// Requests an hour as long as nobody pays.
    pub requests_per_hour: u64,
}

impl Pace {
    /// True if the budget makes sweeps rarer than ledgers.
    pub const fn is_stretched(&self) -> bool {
        self.sweep_millis > LEDGER_MILLIS && self.sweep_millis > self.tick_millis
    }

    /// How long after its ledger's close a payment is seen at the latest, in milliseconds.
    ///
    /// Followed, that is a tick; what the stream left out is seen by the sweep, after [`Self::sweep_millis`].
    pub const fn seen_millis_max(&self) -> u64 {
        if self.followed || !self.is_stretched() { self.tick_millis } else { self.sweep_millis }
    }
}

/// How `load` is watched.
pub fn pace(load: &Load) -> Pace {
    let budget = load.requests_per_hour_max.map(|budget| u64::from(budget.get()));
    let tick_floor = budget.map_or(1, |budget| (HOUR_MILLIS * TICK_DIVISOR).div_ceil(budget));
    let tick_millis = load.tick_millis.max(tick_floor).min(HOUR_MILLIS);
    let pages = load.accounts / PAGE_ACCOUNTS + 1;
    let followed = load.stream && load.accounts >= load.follow_accounts_min;
    let standing = HOUR_MILLIS / tick_millis + if followed { STREAM_REQUESTS_PER_HOUR } else { 0 };
    let pages_per_hour_max = budget.map(|budget| {
        let others = load.spent_otherwise_per_hour.max(standing + budget / RESERVE_DIVISOR);
        budget.saturating_sub(others).max(budget / SWEEP_DIVISOR).max(1)
    });
    let whole = pages_per_hour_max.map_or(0, |allowed| HOUR_MILLIS.saturating_mul(pages).div_ceil(allowed));
    let sweep_millis = whole.max(tick_millis).max(LEDGER_MILLIS);
    let sweeps = HOUR_MILLIS.saturating_mul(pages) / sweep_millis;
    Pace {
        pages,
        followed,
        tick_millis,
        pages_per_hour_max,
        sweep_millis,
        requests_per_hour: standing + sweeps,
    }
}

/// Time that only goes forward, made from a clock that may be set back: it stands still for that moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct MonotonicTime {
    last: Option<Timestamp>,
    gone: Duration,
}

impl MonotonicTime {
    /// How much time has gone by from the first look to `now`.
    pub fn to(&mut self, now: Timestamp) -> Duration {
        let since = self.last.map_or(Duration::ZERO, |last| {
            Duration::try_from(now.duration_since(last)).unwrap_or(Duration::ZERO)
        });
        self.last = Some(now);
        self.gone = self.gone.saturating_add(since);
        self.gone
    }
}

/// An allowance that refills evenly: the generic cell rate algorithm (ITU-T I.371).
///
/// It holds when all of it will be whole again; each thing taken moves that by one interval. Times are
/// counted from any fixed moment, and never go back.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokenBucket {
    whole_at: Duration,
}

impl TokenBucket {
    /// Takes one of at most `burst` that come at once, one every `interval` over time, leaving
    /// `kept` of them.
    ///
    /// # Errors
    /// How long until there will be one, if nobody else takes it.
    pub fn take(&mut self, now: Duration, interval: Duration, burst: u32, kept: u32) -> Result<(), Duration> {
        let whole_at = self.whole_at.max(now).saturating_add(interval);
        let room = interval.saturating_mul(burst.saturating_sub(kept).max(1));
        let over = whole_at.saturating_sub(now.saturating_add(room));
        if over > Duration::ZERO {
            return Err(over);
        }
        self.whole_at = whole_at;
        Ok(())
    }

    /// Takes `count` that were used already, whether they were there or not; at most a whole `burst`
    /// is owed by it.
    pub fn charge(&mut self, now: Duration, interval: Duration, burst: u32, count: u32) {
        let owed = self.whole_at.max(now).saturating_add(interval.saturating_mul(count));
        self.whole_at = owed.min(now.saturating_add(interval.saturating_mul(burst.saturating_mul(2))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(accounts: u64, tick_millis: u64, budget: u32, spent_otherwise_per_hour: u64) -> Pace {
        let requests_per_hour_max = NonZeroU32::new(budget);
        pace(&Load {
            accounts,
            tick_millis,
            requests_per_hour_max,
            spent_otherwise_per_hour,
            stream: true,
            follow_accounts_min: FOLLOW_ACCOUNTS_MIN,
        })
    }

    #[test]
    fn two_pages_fit_a_public_horizon_once_a_ledger_and_four_do_not() {
        let one = at(125, 5_000, 3_600, 0);
        assert_eq!((one.pages, one.sweep_millis, one.requests_per_hour), (1, 5_000, 1_440));
        let two = at(399, 5_000, 3_600, 0);
        assert_eq!((two.sweep_millis, two.requests_per_hour, two.is_stretched()), (5_000, 2_160, false));
        let four = at(799, 5_000, 3_600, 0);
        assert_eq!((four.pages, four.followed, four.is_stretched()), (4, false, true));
        assert_eq!((four.sweep_millis, four.seen_millis_max()), (7_273, 7_273));
    }

    #[test]
    fn beyond_four_pages_the_cost_is_flat_and_payments_are_seen_by_the_stream() {
        assert!(!at(800, 5_000, 3_600, 0).followed);
        let costs: Vec<_> =
            [801, 1_025, 10_025, 1_000_000].map(|accounts| at(accounts, 5_000, 3_600, 0)).into();
        for pace in costs {
            assert!(pace.followed && (2_690..=2_700).contains(&pace.requests_per_hour), "{pace:?}");
            assert_eq!(pace.seen_millis_max(), 5_000);
        }
        assert_eq!(at(10_025, 5_000, 3_600, 0).sweep_millis, 153_769);
    }

    #[test]
    fn the_stream_is_followed_from_the_first_account_on_where_that_is_set() {
        let load = Load {
            accounts: 1,
            tick_millis: 5_000,
            requests_per_hour_max: NonZeroU32::new(3_600),
            spent_otherwise_per_hour: 0,
            stream: true,
            follow_accounts_min: 1,
        };
        assert!(pace(&load).followed);
        assert!(!pace(&Load { stream: false, ..load }).followed, "where there is none");
    }

    #[test]
    fn the_sweep_stretches_with_what_else_is_spent_but_never_ends() {
        let quiet = at(799, 5_000, 3_600, 0);
        let busy = at(799, 5_000, 3_600, 2_600);
        let flooded = at(799, 5_000, 3_600, 9_000);
        assert_eq!(busy.pages_per_hour_max, Some(1_000));
        assert_eq!(flooded.pages_per_hour_max, Some(180));
        assert!(quiet.sweep_millis < busy.sweep_millis && busy.sweep_millis < flooded.sweep_millis);
    }

    #[test]
    fn a_quarter_of_the_budget_is_left_at_any_number_of_accounts_and_any_tick() {
        for accounts in [0, 199, 200, 800, 801, 5_000, 100_000] {
            for tick_millis in [10, 250, 1_000, 5_000, 60_000] {
                for budget in [3_600, 7_200, 36_000, 1_000_000] {
                    let pace = at(accounts, tick_millis, budget, 0);
                    let kept = u64::from(budget) - pace.requests_per_hour;
                    let floor = u64::from(budget) / SWEEP_DIVISOR;
                    assert!(kept + floor >= u64::from(budget) / RESERVE_DIVISOR, "{pace:?} of {budget}");
                }
            }
        }
    }

    #[test]
    fn without_a_limit_every_ledger_is_swept_and_every_tick_is_kept() {
        let pace = at(10_000, 100, 0, 1_000_000);
        assert_eq!((pace.tick_millis, pace.sweep_millis, pace.pages_per_hour_max), (100, 5_000, None));
        assert!(!pace.is_stretched());
    }

    #[test]
    fn an_allowance_gives_its_burst_keeps_what_is_reserved_and_refills() {
        let (mut allowance, second) = (TokenBucket::default(), Duration::from_secs(1));
        for _ in 0..3 {
            assert_eq!(allowance.take(Duration::ZERO, second, 4, 1), Ok(()));
        }
        assert_eq!(allowance.take(Duration::ZERO, second, 4, 1), Err(second), "one is kept");
        assert_eq!(allowance.take(Duration::ZERO, second, 4, 0), Ok(()), "for those that may have it");
        assert_eq!(allowance.take(Duration::ZERO, second, 4, 0), Err(second));
        assert_eq!(allowance.take(second, second, 4, 0), Ok(()));
        allowance.charge(second, second, 4, 1_000_000);
        assert_eq!(allowance.take(second, second, 4, 0), Err(second * 5), "no debt lasts for ever");
    }
}
