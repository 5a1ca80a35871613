//! What waits, what is replaced, what fits into a ledger, and in which order.

use crate::ledger::history::{List, Record, Scope, Selection};
use crate::ledger::outcome::{Outcome, Refusal};
use crate::ledger::{LEDGER_OPERATIONS_MAX, Submission};
use crate::story::*;
use stellar_types::asset::Asset;

fn refused(submission: &Submission) -> String {
    match submission {
        Submission::Refused(outcome) => crate::codes::result_codes(&outcome.to_xdr()).transaction.to_owned(),
        other => format!("{other:?}"),
    }
}

#[test]
fn one_transaction_waits_per_source() {
    let mut story = Story::with(&["alice", "bob"]);
    let sequence = story.account("alice").sequence;
    let nth = |n: i64| {
        draft("alice", [pay("bob", Asset::Native, n)]).with(|draft| draft.sequence = Some(sequence + n))
    };
    assert_eq!(story.submit(&nth(1)), Submission::Pending);
    assert_eq!(story.submit(&nth(1)), Submission::Duplicate);
    assert_eq!(story.submit(&nth(2)), Submission::TryAgainLater);
    assert_eq!(refused(&story.submit(&nth(0))), "tx_bad_seq");
    let other = draft("alice", [pay("bob", Asset::Native, 9)]);
    assert_eq!(story.submit(&other), Submission::TryAgainLater, "same sequence, no fee bump");
    story.close();
    assert_eq!(refused(&story.submit(&nth(1))), "tx_bad_seq", "it is in a ledger");
    assert_eq!(story.submit(&nth(2)), Submission::Pending);
}

#[test]
fn a_fee_bump_replaces_at_ten_times_the_rate() {
    let mut story = Story::with(&["alice", "bob", "payer"]);
    let waiting = draft("alice", [pay("bob", Asset::Native, 1)]);
    assert_eq!(story.submit(&waiting), Submission::Pending);
    let short = story.bumped(&waiting, "payer", 1_999);
    let now = story.now;
    assert_eq!(refused(&story.ledger.submit(short, now)), "tx_insufficient_fee");
    let enough = story.bumped(&waiting, "payer", 2_000);
    assert_eq!(story.ledger.submit(enough.clone(), now), Submission::Pending);
    assert_eq!(story.ledger.queued(), 1);
    story.close();
    assert!(story.ledger.history().transaction(enough.hash).unwrap().successful);
    assert_eq!(story.xlm("alice"), 10_000 * UNIT - 1);
}

#[test]
fn a_payer_cannot_promise_the_same_money_to_two_waiting_transactions() {
    let mut story = Story::with(&["alice", "bob", "payer"]);
    let now = story.now;
    let first = story.bumped(&draft("alice", [pay("bob", Asset::Native, 1)]), "payer", 6_000 * UNIT);
    let second = story.bumped(&draft("bob", [pay("alice", Asset::Native, 1)]), "payer", 6_000 * UNIT);
    assert_eq!(story.ledger.submit(first, now), Submission::Pending);
    let expected = Outcome::refused_outside(200, Refusal::InsufficientBalance);
    assert_eq!(story.ledger.submit(second, now), Submission::Refused(Box::new(expected)));
}

fn crowd(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("p{n}")).collect()
}

#[test]
fn a_full_ledger_takes_the_highest_bids_and_the_rest_waits() {
    let names = crowd(12);
    let refs: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut story = Story::with(&refs);
    for (n, name) in (0_u32..).zip(&refs) {
        let many = (0..100).map(|_| pay("p0", Asset::Native, 1));
        let bid = draft(name, many).with(|draft| draft.fee = Some(100 * (100 + n)));
        assert_eq!(story.submit(&bid), Submission::Pending);
    }
    story.close();
    let ledger = story.ledger.history().latest().unwrap().clone();
    assert_eq!(ledger.operations, LEDGER_OPERATIONS_MAX);
    assert_eq!(ledger.base_fee, 102, "the lowest rate that got in");
    assert_eq!(story.ledger.queued(), 2);
    assert_eq!(story.account("p11").balance.get() % UNIT, UNIT - 100 * 102 - 100);
    story.close();
    assert_eq!(story.ledger.queued(), 0);
    assert_eq!(story.ledger.history().latest().unwrap().base_fee, 100);
}

fn hashes(story: &Story) -> Vec<String> {
    let all = Selection { cursor: None, descending: false, limit: 200, include_failed: true };
    let records = story.ledger.history().whole().page(List::Transactions, Scope::All, all);
    records
        .iter()
        .map(|record| match record {
            Record::Transaction(tx) => tx.tx.hash.to_string(),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn busy(seed: u64) -> (Vec<String>, [u8; 32], Vec<String>) {
    let names = crowd(10);
    let mut story = Story::with_seed(seed);
    story.befriend(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let before = hashes(&story).len();
    let mut submitted = Vec::new();
    for name in &names {
        let payment = draft(name, [pay("p0", Asset::Native, 1)]);
        submitted.push(story.hash(&payment).to_string());
        assert_eq!(story.submit(&payment), Submission::Pending);
    }
    story.close();
    let hash = story.ledger.history().latest().unwrap().hash;
    (hashes(&story)[before..].to_vec(), hash, submitted)
}

#[test]
fn the_same_seed_gives_the_same_ledger_and_another_seed_another_order() {
    let (order, hash, submitted) = busy(7);
    assert_eq!((order.clone(), hash), {
        let again = busy(7);
        (again.0, again.1)
    });
    let mut sorted = submitted.clone();
    sorted.sort();
    let mut seen = order.clone();
    seen.sort();
    assert_eq!(sorted, seen);
    assert_ne!(order, submitted, "the order is not that of submission");
    assert_ne!(busy(8).1, hash);
}

#[test]
fn an_empty_ledger_closes_too_and_time_never_goes_back() {
    let mut story = Story::begin();
    let before = story.ledger.latest();
    story.ledger.close(story.now - jiff::SignedDuration::from_hours(1));
    let after = story.ledger.latest();
    assert_eq!(after.ledger.0, before.ledger.0 + 1);
    assert_eq!(after.time, before.time + 1, "two ledgers of five seconds do not share one");
    let history = story.ledger.history();
    let (old, new) = (history.ledger(before.ledger).unwrap(), history.ledger(after.ledger).unwrap());
    assert_eq!(new.header.previous_ledger_hash.0, old.hash);
}

#[test]
fn what_is_never_bid_for_is_dropped_after_ten_ledgers() {
    let names = crowd(11);
    let refs: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut story = Story::with(&refs);
    let many = || (0..100).map(|_| pay("p0", Asset::Native, 1));
    let poor = draft("p10", many());
    let hash = story.hash(&poor);
    assert_eq!(story.submit(&poor), Submission::Pending);
    for ledger in 1..=10 {
        assert_eq!(story.ledger.queued(), 1, "before ledger {ledger}");
        for name in &refs[..10] {
            assert_eq!(
                story.submit(&draft(name, many()).with(|draft| draft.fee = Some(20_000))),
                Submission::Pending
            );
        }
        story.close();
    }
    assert_eq!(story.ledger.queued(), 0);
    assert!(story.ledger.history().transaction(hash).is_none());
}
