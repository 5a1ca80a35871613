//! Who pays for reserves.

use crate::story::*;
use stellar_types::asset::Asset;

/// Alice opens an escrow account with nothing in it, a signer and a trust line: five reserves, all hers.
fn escrow(story: &Story) -> Draft {
    draft("alice", [begin("escrow"), create("escrow", 0)])
        .by(
            "escrow",
            options(|op| {
                op.signer = Some(stellar_xdr::Signer { key: signer_key("alice"), weight: 1 });
                op.master_weight = Some(0);
            }),
        )
        .by("escrow", trust(story.tft(), i64::MAX))
        .by("escrow", end())
        .signed_by(&["alice", "escrow"])
}

#[test]
fn an_account_with_nothing_in_it_lives_on_its_sponsors_reserves() {
    let mut story = Story::with(&["alice"]);
    let opening = escrow(&story);
    story.must(&opening);
    let (alice, escrow) = (story.account("alice"), story.account("escrow"));
    assert_eq!((alice.sponsoring, escrow.sponsored, escrow.subentries()), (4, 4, 2));
    assert_eq!(escrow.sponsor, Some(id("alice")));
    assert_eq!(escrow.lines[&story.tft()].sponsor, Some(id("alice")));
    assert_eq!(escrow.signers[&signer_key("alice")].sponsor, Some(id("alice")));
    assert_eq!(escrow.minimum_balance().get(), 0);
    assert_eq!(alice.minimum_balance().get(), 3 * UNIT);
    assert_eq!(escrow.balance.get(), 0);
}

#[test]
fn closing_an_escrow_returns_every_reserve() {
    let mut story = Story::with(&["alice"]);
    let opening = escrow(&story);
    story.must(&opening);
    story.issue("escrow", 10);
    let tft = story.tft();
    let close = draft("alice", []).by("escrow", trust(tft, 0)).by("escrow", merge("alice"));
    assert_eq!(story.send(&close).operations, ["op_invalid_limit", "op_has_sub_entries"]);
    let burn = OperationTo::issuer(&story);
    story.must(
        &draft("alice", []).by("escrow", burn).by("escrow", trust(tft, 0)).by("escrow", merge("alice")),
    );
    assert!(!story.exists("escrow"));
    assert_eq!((story.account("alice").sponsoring, story.account("alice").sponsored), (0, 0));
}

struct OperationTo;

impl OperationTo {
    fn issuer(story: &Story) -> stellar_xdr::OperationBody {
        let issuer = story.tft().issuer().unwrap();
        stellar_xdr::OperationBody::Payment(stellar_xdr::PaymentOp {
            destination: crate::xdr::muxed(issuer.into()).unwrap(),
            asset: crate::xdr::xdr_asset(story.tft()),
            amount: 10,
        })
    }
}

#[test]
fn a_sponsored_account_pays_with_its_own_money_too() {
    let mut story = Story::with(&["alice", "bob"]);
    let opening = escrow(&story);
    story.must(&opening);
    story.must(&draft("bob", [pay("escrow", Asset::Native, 5)]));
    let all = draft("alice", []).by("escrow", pay("bob", Asset::Native, 5));
    story.must(&all);
    assert_eq!(story.xlm("escrow"), 0);
}

#[test]
fn a_sandwich_needs_both_ends_and_both_signatures() {
    let mut story = Story::with(&["alice", "bob"]);
    let open = draft("alice", [begin("bob")]);
    assert_eq!(story.says(&open), "tx_bad_sponsorship");
    let lone = draft("alice", [end()]);
    assert_eq!(story.op_says(&lone), "op_not_sponsored");
    assert_eq!(story.op_says(&draft("alice", [begin("alice")])), "op_malformed");
    let unsigned = draft("alice", [begin("bob")]).by("bob", end()).signed_by(&["alice"]);
    assert_eq!(story.op_says(&unsigned), "op_bad_auth");
    story.must(&draft("alice", [begin("bob")]).by("bob", end()).signed_by(&["alice", "bob"]));
}

#[test]
fn sponsorships_do_not_nest() {
    let mut story = Story::with(&["alice", "bob", "carol"]);
    let twice = draft("alice", [begin("bob")])
        .by("carol", begin("bob"))
        .by("bob", end())
        .signed_by(&["alice", "bob", "carol"]);
    assert_eq!(story.send(&twice).operations, ["op_success", "op_already_sponsored", "op_success"]);
    let chain = draft("alice", [begin("bob")])
        .by("bob", begin("carol"))
        .by("carol", begin("alice"))
        .by("bob", end())
        .signed_by(&["alice", "bob", "carol"]);
    let codes = story.send(&chain);
    assert_eq!(codes.operations, ["op_success", "op_recursive", "op_recursive", "op_success"]);
}

#[test]
fn a_sponsor_without_money_cannot_sponsor_and_one_who_sponsors_cannot_leave() {
    let mut story = Story::with(&["alice", "bob"]);
    story.must(&draft("alice", [create("poor", UNIT + 10_000)]));
    let by_poor = draft("poor", [begin("escrow"), create("escrow", 0)])
        .by("escrow", end())
        .signed_by(&["poor", "escrow"]);
    assert_eq!(story.send(&by_poor).operations, ["op_success", "op_low_reserve", "op_no_source_account"]);
    let opening = escrow(&story);
    story.must(&opening);
    assert_eq!(story.op_says(&draft("alice", [merge("bob")])), "op_is_sponsor");
}

#[test]
fn without_a_sponsor_zero_is_not_enough() {
    let mut story = Story::with(&["alice"]);
    assert_eq!(story.op_says(&draft("alice", [create("escrow", 0)])), "op_low_reserve");
}

#[test]
fn a_removed_signer_gives_its_reserve_back_to_the_sponsor() {
    let mut story = Story::with(&["alice", "bob"]);
    let sponsored = draft("alice", [begin("bob")])
        .by("bob", signer(signer_key("s1"), 1))
        .by("bob", data("note", Some("x")))
        .by("bob", end())
        .signed_by(&["alice", "bob"]);
    story.must(&sponsored);
    assert_eq!((story.account("alice").sponsoring, story.account("bob").sponsored), (2, 2));
    story.must(&draft("bob", [signer(signer_key("s1"), 0)]));
    assert_eq!((story.account("alice").sponsoring, story.account("bob").sponsored), (1, 1));
    story.must(&draft("bob", [data("note", None)]));
    assert_eq!((story.account("alice").sponsoring, story.account("bob").sponsored), (0, 0));
}
