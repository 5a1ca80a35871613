//! Money that waits to be claimed.

use stellar_xdr::ClaimPredicate;

use crate::ledger::balances::{BalanceFilter, BalanceId};
use crate::story::*;
use stellar_types::asset::Asset;

const ALWAYS: ClaimPredicate = ClaimPredicate::Unconditional;

fn before(time: i64) -> ClaimPredicate {
    ClaimPredicate::BeforeAbsoluteTime(time)
}

fn within(seconds: i64) -> ClaimPredicate {
    ClaimPredicate::BeforeRelativeTime(seconds)
}

fn not(other: ClaimPredicate) -> ClaimPredicate {
    ClaimPredicate::Not(Some(Box::new(other)))
}

fn set_by_alice(story: &mut Story, body: stellar_xdr::OperationBody) -> BalanceId {
    let draft = draft("alice", [body]);
    let id = story.balance_of(&draft, 0);
    story.must(&draft);
    id
}

#[test]
fn the_first_claimant_to_come_gets_all_and_the_reserves_go_back() {
    let mut story = Story::with(&["alice", "bob", "carol"]);
    let before = story.xlm("alice");
    let claimants = [("bob", ALWAYS), ("carol", ALWAYS)];
    let balance = set_by_alice(&mut story, set_aside(Asset::Native, 7 * UNIT, &claimants));
    assert_eq!(story.account("alice").sponsoring, 2, "one reserve for each claimant");
    assert_eq!(story.xlm("alice"), before - 7 * UNIT - 100);
    let found =
        |story: &Story, filter| story.ledger.state().balances().find(filter).map_or(0, |all| all.len());
    assert_eq!(found(&story, BalanceFilter::Claimant(id("carol"))), 1);
    assert_eq!(story.op_says(&draft("alice", [claim(balance)])), "op_cannot_claim");
    story.must(&draft("carol", [claim(balance)]));
    assert_eq!(story.xlm("carol"), 10_007 * UNIT - 100);
    assert_eq!(story.op_says(&draft("bob", [claim(balance)])), "op_does_not_exist");
    assert_eq!(story.account("alice").sponsoring, 0);
    for filter in [BalanceFilter::All, BalanceFilter::Claimant(id("bob"))] {
        assert_eq!(found(&story, filter), 0);
    }
}

#[test]
fn an_id_follows_from_source_sequence_and_place_in_the_fee_bumped_transaction_too() {
    let mut story = Story::with(&["alice", "bob", "payer"]);
    let inner =
        draft("alice", [pay("bob", Asset::Native, 1), set_aside(Asset::Native, 5, &[("bob", ALWAYS)])]);
    let balance = story.balance_of(&inner, 1);
    let bumped = story.bumped(&inner, "payer", 1_000);
    assert_eq!(story.send_tx(bumped).transaction, "tx_fee_bump_inner_success");
    assert!(story.ledger.state().balances().get(balance).is_some());
    let text = balance.to_string();
    assert_eq!((text.len(), &text[..8]), (72, "00000000"));
    assert_eq!(text.parse(), Ok(balance));
}

#[test]
fn a_recipient_for_a_while_then_the_sender_again() {
    let mut story = Story::with(&["alice", "bob"]);
    let claimants = [("bob", within(12)), ("alice", not(within(12)))];
    let balance = set_by_alice(&mut story, set_aside(Asset::Native, UNIT, &claimants));
    let stored = story.ledger.state().balances().get(balance).unwrap();
    let closed = i64::try_from(story.ledger.latest().time).unwrap();
    assert_eq!(stored.claimants[0].predicate, before(closed + 12), "relative times become absolute");
    assert_eq!(story.op_says(&draft("alice", [claim(balance)])), "op_cannot_claim");
    story.close();
    assert_eq!(story.op_says(&draft("bob", [claim(balance)])), "op_cannot_claim", "15 seconds later");
    story.must(&draft("alice", [claim(balance)]));
}

#[test]
fn conditions_combine() {
    let mut story = Story::with(&["alice", "bob"]);
    let now = i64::try_from(story.ledger.latest().time).unwrap();
    let and = |a, b| ClaimPredicate::And([a, b].try_into().unwrap());
    let or = |a, b| ClaimPredicate::Or([a, b].try_into().unwrap());
    for (predicate, code) in [
        (and(before(now + 1_000), not(before(now))), "op_success"),
        (and(ALWAYS, before(now)), "op_cannot_claim"),
        (or(before(now), before(now + 1_000)), "op_success"),
        (or(before(now), not(ALWAYS)), "op_cannot_claim"),
    ] {
        let balance = set_by_alice(&mut story, set_aside(Asset::Native, 1, &[("bob", predicate)]));
        assert_eq!(story.op_says(&draft("bob", [claim(balance)])), code);
    }
}

#[test]
fn what_is_not_well_formed_is_refused() {
    let mut story = Story::with(&["alice", "bob"]);
    let deep = not(not(not(not(ALWAYS))));
    let one = ClaimPredicate::And([ALWAYS].try_into().unwrap());
    for body in [
        set_aside(Asset::Native, 0, &[("bob", ALWAYS)]),
        set_aside(Asset::Native, 1, &[]),
        set_aside(Asset::Native, 1, &[("bob", ALWAYS), ("bob", before(9))]),
        set_aside(Asset::Native, 1, &[("bob", deep)]),
        set_aside(Asset::Native, 1, &[("bob", one)]),
        set_aside(Asset::Native, 1, &[("bob", ClaimPredicate::Not(None))]),
        set_aside(Asset::Native, 1, &[("bob", before(-1))]),
    ] {
        assert_eq!(story.op_says(&draft("alice", [body])), "op_malformed");
    }
}

#[test]
fn setting_aside_and_claiming_need_what_a_payment_needs() {
    let mut story = Story::with(&["alice", "bob", "issuer"]);
    let gold = issued("GOLD", "issuer");
    let for_bob = |amount| draft("alice", [set_aside(gold, amount, &[("bob", ALWAYS)])]);
    assert_eq!(story.op_says(&for_bob(1)), "op_no_trust");
    story.must(&draft("alice", [trust(gold, i64::MAX)]));
    assert_eq!(story.op_says(&for_bob(1)), "op_underfunded");
    story.must(&draft("issuer", [pay("alice", gold, 10), options(|op| op.set_flags = Some(3))]));
    story.must(&draft("issuer", [line_flags("alice", gold, 0, 1)]));
    assert_eq!(story.op_says(&for_bob(1)), "op_not_authorized");
    story.must(&draft("issuer", [line_flags("alice", gold, 1, 0)]));
    let setting = for_bob(4);
    let balance = story.balance_of(&setting, 0);
    story.must(&setting);
    assert_eq!(story.holds("alice", gold), 6);
    let claiming = draft("bob", [claim(balance)]);
    assert_eq!(story.op_says(&claiming), "op_no_trust");
    story.must(&draft("bob", [trust(gold, 3)]));
    assert_eq!(story.op_says(&claiming), "op_not_authorized");
    story.must(&draft("issuer", [line_flags("bob", gold, 1, 0)]));
    assert_eq!(story.op_says(&claiming), "op_line_full");
    story.must(&draft("bob", [trust(gold, 4)]));
    story.must(&claiming);
    assert_eq!(story.holds("bob", gold), 4);
}

#[test]
fn reserves_are_the_sources_or_its_sponsors() {
    let mut story = Story::with(&["alice", "bob"]);
    story.must(&draft("alice", [create("poor", UNIT + 2_000)]));
    let body = || set_aside(Asset::Native, 1_000, &[("bob", ALWAYS)]);
    assert_eq!(story.op_says(&draft("poor", [body()])), "op_low_reserve");
    let sponsored = draft("alice", [begin("poor")]).by("poor", body()).by("poor", end());
    story.must(&sponsored.signed_by(&["alice", "poor"]));
    assert_eq!((story.account("alice").sponsoring, story.account("poor").sponsored), (1, 0));
    let all = story.ledger.state().balances();
    assert_eq!(all.find(BalanceFilter::Sponsor(id("alice"))).map(|found| found.len()), Some(1));
    assert_eq!(story.op_says(&draft("alice", [merge("bob")])), "op_is_sponsor");
}

#[test]
fn the_issuer_takes_back_what_was_set_aside_from_a_line_that_allowed_it() {
    let mut story = Story::with(&["alice", "bob", "issuer"]);
    let gold = issued("GOLD", "issuer");
    story.must(&draft("alice", [trust(gold, i64::MAX)]));
    story.must(&draft("issuer", [pay("alice", gold, 10)]));
    let plain = set_by_alice(&mut story, set_aside(gold, 1, &[("bob", ALWAYS)]));
    assert_eq!(story.op_says(&draft("issuer", [claw_back_balance(plain)])), "op_not_clawback_enabled");
    story.must(&draft("issuer", [options(|op| op.set_flags = Some(2 | 8))]));
    let own = draft("issuer", [set_aside(gold, 5, &[("bob", ALWAYS)])]);
    let balance = story.balance_of(&own, 0);
    story.must(&own);
    assert_eq!(story.op_says(&draft("alice", [claw_back_balance(balance)])), "op_no_issuer");
    story.must(&draft("issuer", [claw_back_balance(balance)]));
    assert_eq!(story.op_says(&draft("issuer", [claw_back_balance(balance)])), "op_does_not_exist");
    assert_eq!(story.account("issuer").sponsoring, 0);
}
