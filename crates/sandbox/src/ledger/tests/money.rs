//! Accounts, trust lines and payments.

use crate::story::*;
use stellar_types::asset::Asset;

const MAX: i64 = i64::MAX;

#[test]
fn friendbot_gives_ten_thousand_and_a_payment_moves_it() {
    let mut story = Story::with(&["alice", "bob"]);
    story.must(&draft("alice", [pay("bob", Asset::Native, 5 * UNIT)]));
    assert_eq!(story.xlm("alice"), 9_995 * UNIT - 100);
    assert_eq!(story.xlm("bob"), 10_005 * UNIT);
}

#[test]
fn a_payment_is_refused_by_the_first_thing_that_is_wrong_at_the_destination() {
    let mut story = Story::with(&["alice", "bob", "carol"]);
    let tft = story.tft();
    let payment = draft("alice", [pay("nobody", tft, 1)]);
    assert_eq!(story.op_says(&payment), "op_no_destination");
    assert_eq!(story.op_says(&draft("alice", [pay("bob", tft, 1)])), "op_no_trust");
    story.must(&draft("bob", [trust(tft, 10)]));
    assert_eq!(story.op_says(&draft("alice", [pay("bob", tft, 11)])), "op_line_full");
    assert_eq!(story.op_says(&draft("alice", [pay("bob", tft, 1)])), "op_src_no_trust");
    story.must(&draft("alice", [trust(tft, MAX)]));
    assert_eq!(story.op_says(&draft("alice", [pay("bob", tft, 1)])), "op_underfunded");
    story.issue("alice", 5);
    story.must(&draft("alice", [pay("bob", tft, 5)]));
    assert_eq!((story.holds("alice", tft), story.holds("bob", tft)), (0, 5));
}

#[test]
fn an_amount_of_nothing_is_malformed_and_costs_nothing() {
    let mut story = Story::with(&["alice", "bob"]);
    let before = story.xlm("alice");
    for amount in [0, -1] {
        assert_eq!(story.op_says(&draft("alice", [pay("bob", Asset::Native, amount)])), "op_malformed");
    }
    assert_eq!(story.xlm("alice"), before);
}

#[test]
fn a_failed_payment_costs_its_fee_and_its_sequence_number_and_nothing_else() {
    let mut story = Story::with(&["alice", "bob"]);
    let (before, sequence) = (story.xlm("alice"), story.account("alice").sequence);
    let both = draft("alice", [pay("bob", Asset::Native, UNIT), pay("nobody", Asset::Native, UNIT)]);
    assert_eq!(story.send(&both).operations, ["op_success", "op_no_destination"]);
    assert_eq!(story.xlm("alice"), before - 200);
    assert_eq!(story.account("alice").sequence, sequence + 1);
    assert_eq!(story.xlm("bob"), 10_000 * UNIT);
}

#[test]
fn the_reserve_cannot_be_spent_but_the_fee_may_take_from_it() {
    let mut story = Story::with(&["alice", "bob"]);
    let spendable = 9_999 * UNIT;
    let too_much = draft("alice", [pay("bob", Asset::Native, spendable)]);
    assert_eq!(story.op_says(&too_much), "op_underfunded");
    story.must(&draft("alice", [pay("bob", Asset::Native, spendable - 200)]));
    assert_eq!(story.xlm("alice"), UNIT);
    let broke = draft("alice", [pay("bob", Asset::Native, 1)]);
    assert_eq!(story.says(&broke), "tx_insufficient_balance");
}

#[test]
fn xlm_to_oneself_always_succeeds_and_tokens_to_oneself_need_room() {
    let mut story = Story::with(&["alice"]);
    let tft = story.tft();
    story.must(&draft("alice", [pay("alice", Asset::Native, MAX)]));
    assert_eq!(story.op_says(&draft("alice", [pay("alice", tft, 1)])), "op_no_trust");
    story.must(&draft("alice", [trust(tft, 10)]));
    story.issue("alice", 8);
    assert_eq!(story.op_says(&draft("alice", [pay("alice", tft, 3)])), "op_line_full");
    story.must(&draft("alice", [pay("alice", tft, 2)]));
    assert_eq!(story.holds("alice", tft), 8);
}

#[test]
fn what_is_paid_to_the_issuer_is_gone_even_if_the_issuer_is_gone() {
    let mut story = Story::with(&["issuer", "alice", "bob"]);
    let gold = issued("GOLD", "issuer");
    story.must(&draft("alice", [trust(gold, MAX)]));
    story.must(&draft("issuer", [pay("alice", gold, 10)]));
    story.must(&draft("alice", [pay("issuer", gold, 4)]));
    assert_eq!(story.holds("alice", gold), 6);
    story.must(&draft("issuer", [merge("bob")]));
    story.must(&draft("alice", [pay("issuer", gold, 6)]));
    assert_eq!(story.holds("alice", gold), 0);
    let unknown = draft("alice", [trust(issued("GONE", "issuer"), 5)]);
    assert_eq!(story.op_says(&unknown), "op_no_issuer");
    story.must(&draft("alice", [trust(gold, 0)]));
}

#[test]
fn trust_lines_have_limits_reserves_and_no_debts() {
    let mut story = Story::with(&["alice"]);
    let tft = story.tft();
    assert_eq!(story.op_says(&draft("alice", [trust(tft, 0)])), "op_invalid_limit");
    assert_eq!(story.op_says(&draft("alice", [trust(tft, -1)])), "op_malformed");
    assert_eq!(story.op_says(&draft("alice", [trust(Asset::Native, 1)])), "op_malformed");
    assert_eq!(story.op_says(&draft("alice", [trust(issued("A", "alice"), 1)])), "op_malformed");
    story.must(&draft("alice", [trust(tft, 100)]));
    assert_eq!(story.account("alice").minimum_balance().get(), 3 * UNIT / 2);
    story.issue("alice", 10);
    assert_eq!(story.op_says(&draft("alice", [trust(tft, 9)])), "op_invalid_limit");
    assert_eq!(story.op_says(&draft("alice", [trust(tft, 0)])), "op_invalid_limit");
    story.must(&draft("alice", [trust(tft, 10)]));
    assert_eq!(story.op_says(&draft("nobody", [trust(tft, 9)])), "tx_no_source_account");
}

#[test]
fn a_trust_line_needs_half_an_xlm_more() {
    let mut story = Story::with(&["alice", "bob"]);
    let tft = story.tft();
    story.must(&draft("alice", [create("carol", UNIT + 300)]));
    assert_eq!(story.op_says(&draft("carol", [trust(tft, 1)])), "op_low_reserve");
    assert_eq!(story.op_says(&draft("carol", [data("a", Some("b"))])), "op_low_reserve");
    assert_eq!(story.op_says(&draft("carol", [signer(signer_key("bob"), 1)])), "op_low_reserve");
}

#[test]
fn accounts_are_created_once_with_at_least_one_xlm() {
    let mut story = Story::with(&["alice"]);
    assert_eq!(story.op_says(&draft("alice", [create("bob", UNIT - 1)])), "op_low_reserve");
    assert_eq!(story.op_says(&draft("alice", [create("bob", 10_000 * UNIT)])), "op_underfunded");
    assert_eq!(story.op_says(&draft("alice", [create("bob", -1)])), "op_malformed");
    assert_eq!(story.op_says(&draft("alice", [create("alice", UNIT)])), "op_malformed");
    story.must(&draft("alice", [create("bob", UNIT)]));
    let born = story.ledger.latest().ledger;
    assert_eq!(story.account("bob").sequence, i64::from(born.0) << 32);
    assert_eq!(story.op_says(&draft("alice", [create("bob", UNIT)])), "op_already_exists");
}

#[test]
fn a_merge_moves_everything_and_the_address_is_free_again() {
    let mut story = Story::with(&["alice", "bob"]);
    let tft = story.tft();
    assert_eq!(story.op_says(&draft("alice", [merge("alice")])), "op_malformed");
    assert_eq!(story.op_says(&draft("alice", [merge("nobody")])), "op_no_account");
    story.must(&draft("alice", [trust(tft, 5)]));
    assert_eq!(story.op_says(&draft("alice", [merge("bob")])), "op_has_sub_entries");
    story.must(&draft("alice", [trust(tft, 0), signer(signer_key("carol"), 1)]));
    let total = story.xlm("alice") + story.xlm("bob");
    story.must(&draft("alice", [merge("bob")]));
    assert!(!story.exists("alice"));
    assert_eq!(story.xlm("bob"), total - 100);
    story.must(&draft("bob", [create("alice", UNIT)]));
    assert!(story.account("alice").signers.is_empty());
}

#[test]
fn an_account_whose_sequence_runs_ahead_cannot_be_merged() {
    let mut story = Story::with(&["alice", "bob"]);
    let ahead = (i64::from(story.ledger.latest().ledger.0) + 10) << 32;
    story.must(&draft("alice", [bump(ahead)]));
    assert_eq!(story.op_says(&draft("alice", [merge("bob")])), "op_seq_num_too_far");
}

#[test]
fn operations_of_an_account_merged_earlier_in_the_transaction_have_no_source() {
    let mut story = Story::with(&["alice", "bob"]);
    let after = draft("bob", []).by("alice", merge("bob")).by("alice", pay("bob", Asset::Native, 1));
    let after = after.signed_by(&["bob", "alice"]);
    assert_eq!(story.send(&after).operations, ["op_success", "op_no_source_account"]);
    assert!(story.exists("alice"));
}

#[test]
fn a_token_payment_touches_the_lines_and_not_the_receiver() {
    let mut story = Story::with(&["alice", "bob"]);
    let tft = story.tft();
    story.must(&draft("alice", [trust(tft, MAX)]));
    story.must(&draft("bob", [trust(tft, MAX)]));
    story.issue("alice", 10);
    let (account_before, line_before) =
        (story.account("bob").last_modified, story.account("bob").lines[&tft].last_modified);
    story.must(&draft("alice", [pay("bob", tft, 10)]));
    let latest = story.ledger.latest().ledger;
    assert_eq!(story.account("bob").last_modified, account_before);
    assert!(line_before < latest);
    assert_eq!(story.account("bob").lines[&tft].last_modified, latest);
    assert_eq!(story.account("alice").lines[&tft].last_modified, latest);
    assert_eq!(story.account("alice").last_modified, latest, "the fee was taken there");
}

#[test]
fn an_issuer_that_requires_authorization_gives_and_takes_it() {
    let mut story = Story::with(&["issuer", "alice", "bob"]);
    let gold = issued("GOLD", "issuer");
    story.must(&draft("issuer", [options(|op| op.set_flags = Some(1))]));
    story.must(&draft("alice", [trust(gold, 100)]));
    assert_eq!(story.op_says(&draft("issuer", [pay("alice", gold, 1)])), "op_not_authorized");
    story.must(&draft("issuer", [line_flags("alice", gold, 1, 0)]));
    story.must(&draft("issuer", [pay("alice", gold, 1)]));
    let revoke = draft("issuer", [line_flags("alice", gold, 0, 1)]);
    assert_eq!(story.op_says(&revoke), "op_cant_revoke");
    story.must(&draft("issuer", [options(|op| op.set_flags = Some(2))]));
    story.must(&revoke);
    assert_eq!(story.op_says(&draft("alice", [pay("issuer", gold, 1)])), "op_src_not_authorized");
    assert_eq!(story.op_says(&draft("issuer", [line_flags("bob", gold, 1, 0)])), "op_no_trust");
    story.must(&draft("issuer", [line_flags("alice", gold, 2, 0)]));
    assert_eq!(story.op_says(&draft("issuer", [line_flags("alice", gold, 1, 0)])), "op_invalid_state");
    assert_eq!(story.op_says(&draft("issuer", [line_flags("alice", gold, 3, 0)])), "op_malformed");
    assert_eq!(story.op_says(&draft("alice", [line_flags("alice", gold, 1, 0)])), "op_malformed");
}
