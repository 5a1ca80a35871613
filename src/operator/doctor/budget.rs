//! What watching costs in requests, and what that means for how soon a payment is seen.
//!
//! The number of accounts is what Horizon lists under our key: open reservations, accounts opened
//! ahead, those that were not closed yet, channels and the platform. How they are watched is said
//! by [`crate::domain::request_budget`], which the engine asks too.

use jiff::SignedDuration;

use super::check::unanswered;
use super::horizon::seconds;
use super::{Check, Expectations};
use crate::domain::request_budget::{LEDGER_MILLIS, Load, PAGE_ACCOUNTS, pace};
use crate::ports::network::{Network, NetworkError};

const CHECK: &str = "request-budget";
/// Requests that one payment takes where it is settled alone: its history, the settlement, a look for
/// its outcome.
pub const REQUESTS_PER_PAYMENT: u64 = 3;
/// From this delay on, in milliseconds, customers notice.
pub const SEEN_MILLIS_WARN: u64 = 60_000;
/// Most pages counted: 10,000 accounts. What more there are changes the cost no more, only the sweep.
const COUNTED_PAGES_MAX: u32 = 50;

/// How many accounts of ours Horizon lists, as far as is counted.
async fn accounts(network: &dyn Network) -> Result<u64, NetworkError> {
    let (mut count, mut after) = (0_u64, None);
    for _ in 0..COUNTED_PAGES_MAX {
        let page = network.watched_accounts(after).await?;
        count = count.saturating_add(u64::try_from(page.accounts.len()).unwrap_or(u64::MAX));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(count)
}

/// The line on the request budget. Without Horizon's list the accounts are taken from the books.
pub(super) async fn examine(
    network: Option<&dyn Network>,
    open_reservations: u64,
    expected: &Expectations,
) -> Check {
    let ahead = u64::from(expected.targets.warm_accounts) + u64::from(expected.targets.channels) + 1;
    let by_the_books = open_reservations.saturating_add(ahead);
    let accounts = match network {
        None => by_the_books,
        // A service that has only just begun gets what it is going to have.
        Some(network) => match accounts(network).await {
            Ok(listed) => listed.max(by_the_books),
            Err(error) => return unanswered(CHECK, &error),
        },
    };
    check(accounts, expected)
}

fn check(accounts: u64, expected: &Expectations) -> Check {
    let budget = expected.requests_per_hour_max;
    let pace = pace(&Load {
        accounts,
        tick_millis: u64::try_from(expected.tick.as_millis()).unwrap_or(u64::MAX),
        requests_per_hour_max: budget,
        spent_otherwise_per_hour: 0,
        stream: true,
        follow_accounts_min: expected.follow_accounts_min,
    });
    let span = |millis: u64| seconds(SignedDuration::from_millis(i64::try_from(millis).unwrap_or(i64::MAX)));
    let seen_max = pace.seen_millis_max();
    let by = if pace.followed { "the network's payment stream" } else { "the sweep" };
    let mut manner = format!(
        "a payment is seen by {by} {} after its ledger's close on average, {} at most",
        span(seen_max / 2),
        span(seen_max)
    );
    if pace.followed {
        manner.push_str(&format!(
            "; what the stream leaves out, by the sweep within {}",
            span(pace.sweep_millis)
        ));
    }
    let need = format!(
        "watching {accounts} accounts ({} pages of {PAGE_ACCOUNTS}) takes {} requests an hour",
        pace.pages, pace.requests_per_hour
    );
    let Some(budget) = budget.map(|budget| u64::from(budget.get())) else {
        return Check::ok(CHECK, format!("{need}, no limit is set; {manner}"));
    };
    let left = budget.saturating_sub(pace.requests_per_hour) / REQUESTS_PER_PAYMENT;
    let seen = format!("{need} of {budget}, which leaves room for {left} payments an hour; {manner}");
    let tick_stretched = pace.tick_millis > u64::try_from(expected.tick.as_millis()).unwrap_or(u64::MAX);
    if left > 0 && !tick_stretched && seen_max < SEEN_MILLIS_WARN {
        return Check::ok(CHECK, seen);
    }
    let advice = "use a Horizon of your own and raise stellar.requests_per_hour_max";
    if seen_max >= SEEN_MILLIS_WARN {
        return Check::warn(CHECK, seen, format!("{advice}; customers will notice the delay"));
    }
    if tick_stretched {
        let advice = format!(
            "{advice}, or set settlement.tick_millis to {} or more: a ledger takes {LEDGER_MILLIS}",
            pace.tick_millis
        );
        return Check::warn(CHECK, seen, advice);
    }
    Check::warn(CHECK, seen, advice)
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use std::num::NonZeroU32;
    use std::time::Duration;

    fn line(accounts: u64, tick_millis: u64, budget: u32) -> (Verdict, String) {
        let expected = Expectations {
            tick: Duration::from_millis(tick_millis),
            requests_per_hour_max: NonZeroU32::new(budget),
            ..super::super::accounts::tests::expected()
        };
        let check = check(accounts, &expected);
        (check.verdict, check.seen)
    }

    #[test]
    fn the_delay_is_said_for_a_sweep_and_for_a_stream() {
        let (verdict, seen) = line(25, 5_000, 3_600);
        assert_eq!(verdict, Verdict::Ok);
        assert!(seen.contains("takes 1440 requests an hour of 3600"), "{seen}");
        assert!(seen.contains("by the sweep 2.5 s") && seen.contains("5 s at most"), "{seen}");
        let (verdict, seen) = line(10_025, 5_000, 3_600);
        assert_eq!(verdict, Verdict::Ok);
        assert!(seen.contains("payment stream") && seen.contains("by the sweep within"), "{seen}");
    }

    #[test]
    fn ticks_that_the_budget_cannot_pay_are_a_warning_and_no_limit_is_none() {
        assert_eq!(line(25, 100, 3_600).0, Verdict::Warn);
        assert_eq!(line(799, 5_000, 720).0, Verdict::Warn);
        let (verdict, seen) = line(10_025, 100, 0);
        assert!(verdict == Verdict::Ok && seen.contains("no limit is set"), "{seen}");
    }
}
