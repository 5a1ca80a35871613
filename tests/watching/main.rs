//! Many open reservations, watched within the request budget of a public Horizon.

mod hour;
#[path = "../support/mod.rs"]
mod support;

use farmgate_sandbox::faults::Fault;
use hour::{Hour, LEDGERS_PER_HOUR, STREAM, SWEEP, TIP, Watched};

/// Ledgers of five minutes.
const LEDGERS: u32 = LEDGERS_PER_HOUR / 12;
/// Requests of five minutes.
const BUDGET: u64 = 3_600 / 12;

async fn watched(reservations: usize) -> Watched {
    let database = support::sqlite().await;
    let watched = Hour::prepare(database.store.clone(), reservations).await.watch(LEDGERS).await;
    println!("{watched:?}");
    watched
}

fn assert_within_the_budget(watched: &Watched) {
    assert_eq!(watched.refused, 0, "a public Horizon refuses none of them");
    assert!(watched.requests() <= BUDGET, "{} requests in five minutes: {watched:?}", watched.requests());
    assert!(watched.accounts > watched.reservations, "with those opened ahead");
    assert!(watched.payments >= 3 && watched.settled == watched.payments as u64, "{watched:?}");
}

#[tokio::test]
async fn ten_reservations_are_swept_once_a_ledger_within_the_budget() {
    let watched = watched(10).await;
    assert_within_the_budget(&watched);
    assert!(!watched.pace.followed && !watched.pace.is_stretched());
    assert!(watched.counts[TIP] <= u64::from(LEDGERS) * 5 / 4, "one look at the latest ledger for each");
    assert!(watched.seen_after.iter().all(|delay| delay.as_secs() <= 5), "{watched:?}");
}

#[tokio::test]
async fn a_hundred_reservations_cost_no_more_than_ten() {
    let watched = watched(100).await;
    assert_within_the_budget(&watched);
    assert!(!watched.pace.followed && watched.counts[SWEEP] <= u64::from(LEDGERS) + 10, "{watched:?}");
}

#[tokio::test]
async fn a_thousand_reservations_are_heard_of_by_the_stream_and_swept_more_rarely() {
    let database = support::sqlite().await;
    let hour = Hour::prepare(database.store.clone(), 1_000).await;
    let watched = hour.watch(LEDGERS).await;
    assert_within_the_budget(&watched);
    assert!(watched.pace.followed && watched.pace.is_stretched());
    assert!(watched.counts[STREAM] > u64::from(LEDGERS) / 2, "{watched:?}");
    assert!(watched.counts[SWEEP] >= 10 * watched.pace.pages, "the sweep goes on as a check: {watched:?}");
    assert!(watched.seen_after.iter().all(|delay| delay.as_secs() <= 8), "{watched:?}");

    // A stream that says nothing: what it leaves out is found by the sweep, and so is what comes after each
    // of its silences.
    hour.sandbox.faults().set_rate(Fault::SilentStream, 1_000);
    let watched = hour.watch(LEDGERS).await;
    assert_within_the_budget(&watched);
    let slowest = watched.seen_after.iter().max().unwrap();
    assert!(slowest.as_secs() > 8, "{watched:?}");
    assert!(slowest.as_secs() <= 2 * 18 + 5, "a sweep takes 18 seconds: {watched:?}");

    // One that breaks off in the middle of its records is opened again from where it was, and what it tells
    // of is looked for until the instance that answers has it.
    hour.sandbox.faults().clear();
    hour.sandbox.faults().set_rate(Fault::TruncatedStream, 500);
    hour.sandbox.faults().set_rate(Fault::SecondInstance, 1_000);
    let watched = hour.watch(LEDGERS / 2).await;
    assert!(watched.pace.followed && watched.refused == 0, "{watched:?}");
    assert!(watched.payments >= 1, "{watched:?}");
}
