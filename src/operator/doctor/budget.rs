//! What watching costs in requests, and what that means for how soon a payment is seen.
//!
//! A tick asks twice for the latest ledger. Once per ledger it reads the pages of all accounts that our key signs for: 200 a
//! page, and one more request to learn that there are none after a full one. So with ticks `T` and ledgers `L` an hour,
//! and `A` accounts,
//!
//! ```text
//! requests an hour = 2 × T + min(T, L) × (⌊A / 200⌋ + 1)
//! ```
//!
//! `A` is the open reservations, the warm accounts, the channels and the platform. Payments cost more, each up to
//! [`REQUESTS_PER_PAYMENT`]. Where the budget is less, requests wait for their turn and a round takes longer than a
//! tick: the expected delay from a ledger's close to the look that sees it is half a round, and at most a whole one.

use std::time::Duration;

use jiff::SignedDuration;

use super::horizon::seconds;
use super::{Check, Expectations};
use crate::ports::network::PAGE_RECORDS_MAX;

/// Milliseconds between two ledgers of the public network.
const LEDGER_MILLIS: u64 = 5_000;
const HOUR_MILLIS: u64 = 3_600_000;
/// Requests of a tick besides its sweep.
const REQUESTS_PER_TICK: u64 = 2;
/// Requests that one payment takes where it is settled alone: its history, the settlement, a look for its outcome.
pub const REQUESTS_PER_PAYMENT: u64 = 3;
/// From this delay on, in milliseconds, customers notice.
pub const ROUND_MILLIS_WARN: u64 = 60_000;

/// What watching costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watching {
    /// Requests an hour at the configured tick, without any payment.
    pub requests_per_hour: u64,
    /// How long a round takes within the budget, in milliseconds: a payment is seen at most so long after its ledger's close.
    pub round_millis: u64,
}

/// What it costs to watch `accounts`, ticking so often, with so many requests an hour (`None`: no limit).
pub fn watching(accounts: u64, tick: Duration, requests_per_hour_max: Option<u32>) -> Watching {
    let tick_millis = u64::try_from(tick.as_millis()).unwrap_or(u64::MAX).clamp(1, HOUR_MILLIS);
    let pages = pages(accounts);
    let requests_per_hour = requests(pages, tick_millis);
    let round_millis = match requests_per_hour_max.map(u64::from) {
        Some(budget) if requests_per_hour > budget => stretched(pages, budget.max(1)),
        Some(_) | None => tick_millis,
    };
    Watching { requests_per_hour, round_millis }
}

const fn pages(accounts: u64) -> u64 {
    accounts / PAGE_RECORDS_MAX as u64 + 1
}

fn requests(pages: u64, round_millis: u64) -> u64 {
    let (rounds, ledgers) = (HOUR_MILLIS / round_millis, HOUR_MILLIS / LEDGER_MILLIS);
    REQUESTS_PER_TICK * rounds + rounds.min(ledgers).saturating_mul(pages)
}

/// The round, in milliseconds, at which the budget is used up exactly.
fn stretched(pages: u64, budget: u64) -> u64 {
    let whole = HOUR_MILLIS.saturating_mul(REQUESTS_PER_TICK.saturating_add(pages)).div_ceil(budget);
    if whole >= LEDGER_MILLIS {
        return whole;
    }
    // Shorter than a ledger, not every round sweeps.
    let sweeps = (HOUR_MILLIS / LEDGER_MILLIS).saturating_mul(pages);
    (HOUR_MILLIS * REQUESTS_PER_TICK).div_ceil(budget.saturating_sub(sweeps).max(1)).min(LEDGER_MILLIS)
}

/// The line on the request budget.
pub(super) fn check(open_reservations: u64, expected: &Expectations) -> Check {
    const CHECK: &str = "request-budget";
    let ahead = u64::from(expected.wanted.warm_accounts) + u64::from(expected.wanted.channels) + 1;
    let budget = expected.requests_per_hour_max.map(std::num::NonZeroU32::get);
    let watching = watching(open_reservations.saturating_add(ahead), expected.tick, budget);
    let round = SignedDuration::from_millis(i64::try_from(watching.round_millis).unwrap_or(i64::MAX));
    let delay = format!(
        "a payment is seen {} after its ledger's close on average, {} at most",
        seconds(round / 2),
        seconds(round)
    );
    let need = format!(
        "watching {open_reservations} open reservations takes {} requests an hour",
        watching.requests_per_hour
    );
    let Some(budget) = budget.map(u64::from) else {
        return Check::ok(CHECK, format!("{need}, no limit is set; {delay}"));
    };
    let left = budget.saturating_sub(watching.requests_per_hour) / REQUESTS_PER_PAYMENT;
    let seen = format!("{need} of {budget}, which leaves room for {left} payments an hour; {delay}");
    if watching.requests_per_hour <= budget && left > 0 {
        return Check::ok(CHECK, seen);
    }
    let advice =
        "use a Horizon of your own and raise stellar.requests_per_hour_max, or raise settlement.tick_millis";
    if watching.round_millis >= ROUND_MILLIS_WARN {
        return Check::warn(CHECK, seen, format!("{advice}; customers will notice the delay"));
    }
    Check::warn(CHECK, seen, advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_secs(5);
    const PUBLIC: Option<u32> = Some(3_600);

    #[test]
    fn the_default_tick_fits_a_public_horizon_until_the_third_page() {
        let at = |accounts| watching(accounts, TICK, PUBLIC);
        assert_eq!(at(25), Watching { requests_per_hour: 2_160, round_millis: 5_000 });
        assert_eq!(at(599), Watching { requests_per_hour: 3_600, round_millis: 5_000 });
        assert_eq!(at(600), Watching { requests_per_hour: 4_320, round_millis: 6_000 });
        assert_eq!(at(10_000), Watching { requests_per_hour: 38_160, round_millis: 53_000 });
    }

    #[test]
    fn a_round_takes_no_longer_than_a_tick_without_a_limit() {
        assert_eq!(watching(10_000, TICK, None).round_millis, 5_000);
        let fast = watching(25, Duration::from_millis(100), PUBLIC);
        assert_eq!(fast.requests_per_hour, 72_720, "a sweep comes once a ledger, however fast the ticks");
        assert_eq!(fast.round_millis, 2_500);
    }

    #[test]
    fn a_stretched_round_uses_the_budget_up_and_no_more() {
        for accounts in [0, 199, 200, 1_000, 50_000] {
            for budget in [100, 720, 1_440, 3_600, 100_000] {
                let watching = watching(accounts, Duration::from_millis(250), Some(budget));
                let used = requests(pages(accounts), watching.round_millis);
                assert!(used <= u64::from(budget), "{accounts} accounts, {budget} an hour: {used}");
            }
        }
    }
}
