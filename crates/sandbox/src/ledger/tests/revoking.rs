//! Sponsorship of what exists: taken on, handed on, given up.

use stellar_xdr::{
    ClaimPredicate, LedgerKey, LedgerKeyAccount, LedgerKeyClaimableBalance, LedgerKeyData, LedgerKeyOffer,
    LedgerKeyTrustLine, String64, TrustLineAsset,
};

use crate::story::*;
use crate::xdr::{xdr_account, xdr_asset};
use stellar_types::asset::Asset;

fn account_key(name: &str) -> LedgerKey {
    LedgerKey::Account(LedgerKeyAccount { account_id: xdr_account(id(name)) })
}

fn data_key(name: &str, data: &str) -> LedgerKey {
    let data_name = String64(data.try_into().unwrap());
    LedgerKey::Data(LedgerKeyData { account_id: xdr_account(id(name)), data_name })
}

fn line_key(name: &str, asset: Asset) -> LedgerKey {
    let asset = match xdr_asset(asset) {
        stellar_xdr::Asset::Native => TrustLineAsset::Native,
        stellar_xdr::Asset::CreditAlphanum4(asset) => TrustLineAsset::CreditAlphanum4(asset),
        stellar_xdr::Asset::CreditAlphanum12(asset) => TrustLineAsset::CreditAlphanum12(asset),
    };
    LedgerKey::Trustline(LedgerKeyTrustLine { account_id: xdr_account(id(name)), asset })
}

fn offer_key(name: &str, offer_id: i64) -> LedgerKey {
    LedgerKey::Offer(LedgerKeyOffer { seller_id: xdr_account(id(name)), offer_id })
}

fn counts(story: &Story, name: &str) -> (u32, u32) {
    (story.account(name).sponsoring, story.account(name).sponsored)
}

/// Alice pays for a new account of bob's with a signer, a line and a data entry.
fn sponsored() -> Story {
    let mut story = Story::with(&["alice", "carol"]);
    let opening = draft("alice", [begin("bob"), create("bob", UNIT / 2)])
        .by("bob", signer(signer_key("s1"), 1))
        .by("bob", trust(story.tft(), i64::MAX))
        .by("bob", data("note", Some("x")))
        .by("bob", end())
        .signed_by(&["alice", "bob"]);
    story.must(&opening);
    assert_eq!((counts(&story, "alice"), counts(&story, "bob")), ((5, 0), (0, 5)));
    story
}

#[test]
fn who_stops_paying_leaves_the_reserve_to_the_owner_if_the_owner_has_it() {
    let mut story = sponsored();
    let tft = story.tft();
    let give_up = draft("alice", [revoke(line_key("bob", tft))]);
    story.must(&give_up);
    assert_eq!((counts(&story, "alice"), counts(&story, "bob")), ((4, 0), (0, 4)));
    assert_eq!(story.account("bob").lines[&tft].sponsor, None);
    for body in
        [revoke(data_key("bob", "note")), revoke_signer("bob", signer_key("s1")), revoke(account_key("bob"))]
    {
        assert_eq!(story.op_says(&draft("alice", [body])), "op_low_reserve");
    }
    story.must(&draft("carol", [pay("bob", Asset::Native, 2 * UNIT)]));
    story.must(&draft(
        "alice",
        [revoke(data_key("bob", "note")), revoke_signer("bob", signer_key("s1")), revoke(account_key("bob"))],
    ));
    assert_eq!((counts(&story, "alice"), counts(&story, "bob")), ((0, 0), (0, 0)));
    assert_eq!(story.account("bob").sponsor, None);
}

#[test]
fn only_the_payer_may_stop_and_only_of_what_is_there() {
    let mut story = sponsored();
    for (by, body, code) in [
        ("carol", revoke(account_key("bob")), "op_not_sponsor"),
        ("bob", revoke(account_key("bob")), "op_not_sponsor"),
        ("alice", revoke(account_key("carol")), "op_not_sponsor"),
        ("alice", revoke(account_key("nobody")), "op_does_not_exist"),
        ("alice", revoke(data_key("bob", "other")), "op_does_not_exist"),
        ("alice", revoke_signer("bob", signer_key("s2")), "op_does_not_exist"),
        ("alice", revoke(data_key("bob", "")), "op_malformed"),
        ("alice", revoke(line_key("bob", Asset::Native)), "op_malformed"),
        ("alice", revoke(offer_key("bob", 0)), "op_malformed"),
        ("alice", revoke(offer_key("bob", 1)), "op_does_not_exist"),
    ] {
        let signed = draft("carol", []).by(by, body).signed_by(&["carol", by]);
        let signed = if by == "carol" { signed.signed_by(&["carol"]) } else { signed };
        assert_eq!(story.op_says(&signed), code);
    }
}

#[test]
fn a_sponsor_hands_on_to_its_own_sponsor() {
    let mut story = sponsored();
    let hand_on = draft("carol", [begin("alice")])
        .by("alice", revoke(account_key("bob")))
        .by("alice", revoke_signer("bob", signer_key("s1")))
        .by("alice", end())
        .signed_by(&["carol", "alice"]);
    story.must(&hand_on);
    assert_eq!(counts(&story, "carol"), (3, 0));
    assert_eq!((counts(&story, "alice"), counts(&story, "bob")), ((2, 0), (0, 5)));
    assert_eq!(story.account("bob").sponsor, Some(id("carol")));
}

#[test]
fn an_owner_finds_a_sponsor_for_what_it_has() {
    let mut story = Story::with(&["alice", "bob"]);
    story.must(&draft("bob", [data("note", Some("x"))]));
    let take_on = draft("alice", [begin("bob")])
        .by("bob", revoke(account_key("bob")))
        .by("bob", revoke(data_key("bob", "note")))
        .by("bob", end())
        .signed_by(&["alice", "bob"]);
    story.must(&take_on);
    assert_eq!((counts(&story, "alice"), counts(&story, "bob")), ((3, 0), (0, 3)));
    assert_eq!(story.account("bob").sponsor, Some(id("alice")));
}

#[test]
fn an_offer_is_sponsored_later_and_given_up_again() {
    let mut story = Story::with(&["alice", "bob"]);
    let tft = story.tft();
    story.must(&draft("bob", [trust(tft, i64::MAX), sell(Asset::Native, tft, 1, (1, 1), 0)]));
    let take_on = draft("alice", [begin("bob")])
        .by("bob", revoke(offer_key("bob", 1)))
        .by("bob", end())
        .signed_by(&["alice", "bob"]);
    story.must(&take_on);
    assert_eq!((counts(&story, "alice"), counts(&story, "bob")), ((1, 0), (0, 1)));
    story.must(&draft("alice", [revoke(offer_key("bob", 1))]));
    assert_eq!((counts(&story, "alice"), counts(&story, "bob")), ((0, 0), (0, 0)));
}

#[test]
fn a_claimable_balance_is_handed_on_but_never_given_up() {
    let mut story = Story::with(&["alice", "bob", "carol"]);
    let setting = draft("alice", [set_aside(Asset::Native, 5, &[("bob", ClaimPredicate::Unconditional)])]);
    let balance = story.balance_of(&setting, 0);
    story.must(&setting);
    let key = || LedgerKey::ClaimableBalance(LedgerKeyClaimableBalance { balance_id: balance.to_xdr() });
    assert_eq!(story.op_says(&draft("alice", [revoke(key())])), "op_only_transferable");
    let hand_on = draft("carol", [begin("alice")])
        .by("alice", revoke(key()))
        .by("alice", end())
        .signed_by(&["carol", "alice"]);
    story.must(&hand_on);
    assert_eq!((counts(&story, "alice"), counts(&story, "carol")), ((0, 0), (1, 0)));
    story.must(&draft("bob", [claim(balance)]));
    assert_eq!(counts(&story, "carol"), (0, 0));
}
