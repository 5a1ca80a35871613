//! The order book, and payments through it.

use crate::story::*;
use stellar_types::asset::Asset;
use stellar_xdr::OperationBody;

const XLM: Asset = Asset::Native;

fn gold() -> Asset {
    issued("GOLD", "issuer")
}

fn silver() -> Asset {
    issued("SILVER", "issuer")
}

/// Alice and bob trust gold and silver; alice has a thousand of each.
fn market() -> Story {
    let mut story = Story::with(&["alice", "bob", "carol", "issuer"]);
    for name in ["alice", "bob"] {
        story.must(&draft(name, [trust(gold(), i64::MAX), trust(silver(), i64::MAX)]));
    }
    story.must(&draft("issuer", [pay("alice", gold(), 1_000), pay("alice", silver(), 1_000)]));
    story
}

fn offers(story: &Story) -> Vec<(i64, i64)> {
    story.ledger.state().book().iter().map(|offer| (offer.id, offer.amount)).collect()
}

#[test]
fn an_offer_promises_money_and_room_until_it_is_withdrawn() {
    let mut story = market();
    story.must(&draft("alice", [sell(gold(), XLM, 600, (2, 1), 0)]));
    assert_eq!(offers(&story), [(1, 600)]);
    let alice = story.account("alice");
    assert_eq!(alice.lines[&gold()].liabilities.selling.get(), 600);
    assert_eq!(alice.liabilities.buying.get(), 1_200);
    assert_eq!(alice.subentries(), 3);
    assert_eq!(story.op_says(&draft("alice", [pay("bob", gold(), 401)])), "op_underfunded");
    assert_eq!(story.op_says(&draft("alice", [sell(gold(), silver(), 401, (1, 1), 0)])), "op_underfunded");
    assert_eq!(story.op_says(&draft("alice", [trust(gold(), 999)])), "op_invalid_limit");
    story.must(&draft("alice", [sell(gold(), XLM, 300, (2, 1), 1)]));
    assert_eq!(offers(&story), [(1, 300)]);
    assert_eq!(story.op_says(&draft("bob", [sell(gold(), XLM, 0, (2, 1), 1)])), "op_offer_not_found");
    story.must(&draft("alice", [sell(gold(), XLM, 0, (2, 1), 1)]));
    let alice = story.account("alice");
    assert_eq!((alice.lines[&gold()].liabilities.selling.get(), alice.liabilities.buying.get()), (0, 0));
    assert_eq!(alice.subentries(), 2);
    assert!(offers(&story).is_empty());
}

#[test]
fn a_better_offer_is_taken_first_and_the_rest_stays() {
    let mut story = market();
    story.must(&draft("alice", [sell(gold(), XLM, 100, (3, 1), 0), sell(gold(), XLM, 100, (2, 1), 0)]));
    let before = story.xlm("alice");
    story.must(&draft("bob", [buy(XLM, gold(), 150, (3, 1), 0)]));
    assert_eq!(story.holds("bob", gold()), 150);
    assert_eq!(story.xlm("alice"), before + 100 * 2 + 50 * 3);
    assert_eq!(offers(&story), [(1, 50)]);
    story.must(&draft("bob", [sell(XLM, gold(), 30, (1, 1), 0)]));
    assert_eq!(offers(&story), [(1, 50), (3, 30)], "too dear for bob: his offer waits");
}

#[test]
fn a_passive_offer_does_not_take_its_own_price() {
    let mut story = market();
    story.must(&draft("alice", [sell(gold(), XLM, 100, (1, 1), 0)]));
    story.must(&draft("bob", [sell_passively(XLM, gold(), 100, (1, 1))]));
    assert_eq!(offers(&story).len(), 2);
    story.must(&draft("bob", [sell(XLM, gold(), 100, (1, 1), 0)]));
    assert_eq!(offers(&story), [(2, 100)]);
}

#[test]
fn offers_are_refused_by_kind() {
    let mut story = market();
    for (body, code) in [
        (sell(gold(), gold(), 1, (1, 1), 0), "op_malformed"),
        (sell(gold(), XLM, 1, (0, 1), 0), "op_malformed"),
        (sell(gold(), XLM, 0, (1, 1), 0), "op_malformed"),
        (sell(gold(), XLM, 1, (1, 1), 77), "op_offer_not_found"),
        (sell(issued("TIN", "issuer"), XLM, 1, (1, 1), 0), "op_sell_no_trust"),
        (sell(gold(), issued("TIN", "issuer"), 1, (1, 1), 0), "op_buy_no_trust"),
        (sell(XLM, gold(), 100_000 * UNIT, (1, 1), 0), "op_underfunded"),
    ] {
        assert_eq!(story.op_says(&draft("alice", [body])), code);
    }
    assert_eq!(story.op_says(&draft("bob", [sell(gold(), XLM, 1, (1, 1), 0)])), "op_underfunded");
    story.must(&draft("bob", [trust(silver(), 5)]));
    assert_eq!(story.op_says(&draft("bob", [sell(XLM, silver(), 6, (1, 1), 0)])), "op_line_full");
    story.must(&draft("alice", [sell(gold(), XLM, 5, (1, 1), 0)]));
    assert_eq!(story.op_says(&draft("alice", [sell(XLM, gold(), 5, (1, 1), 0)])), "op_cross_self");
}

#[test]
fn who_may_not_hold_it_any_more_loses_the_offers_for_it() {
    let mut story = market();
    story.must(&draft("issuer", [options(|op| op.set_flags = Some(2))]));
    story.must(&draft("alice", [sell(gold(), XLM, 5, (1, 1), 0), sell(XLM, silver(), 5, (1, 1), 0)]));
    story.must(&draft("issuer", [line_flags("alice", gold(), 2, 1)]));
    assert_eq!(offers(&story).len(), 2, "maintained");
    assert_eq!(story.op_says(&draft("alice", [sell(gold(), XLM, 5, (1, 1), 0)])), "sell_not_authorized");
    story.must(&draft("bob", [pay_through("bob", (XLM, 5), &[], (gold(), 2))]));
    story.must(&draft("issuer", [line_flags("alice", gold(), 0, 2)]));
    assert_eq!(offers(&story), [(2, 5)]);
    assert_eq!(story.account("alice").lines[&gold()].liabilities.selling.get(), 0);
}

#[test]
fn an_exact_amount_arrives_through_two_books() {
    let mut story = market();
    story.must(&draft("alice", [sell(gold(), XLM, 100, (2, 1), 0), sell(silver(), gold(), 100, (1, 2), 0)]));
    let payment = pay_through("bob", (XLM, 40), &[gold()], (silver(), 40));
    let (bob, alice) = (story.xlm("bob"), story.xlm("alice"));
    let carol = story.xlm("carol");
    story.must(&draft("carol", [payment]));
    assert_eq!(story.holds("bob", silver()), 40);
    assert_eq!((story.xlm("carol"), story.xlm("bob")), (carol - 40 - 100, bob));
    assert_eq!(story.xlm("alice"), alice + 40);
    assert_eq!(offers(&story), [(1, 80), (2, 60)]);
    let dear = pay_through("bob", (XLM, 39), &[gold()], (silver(), 40));
    assert_eq!(story.op_says(&draft("carol", [dear])), "op_over_source_max");
    let much = pay_through("bob", (XLM, i64::MAX), &[gold()], (silver(), 61));
    assert_eq!(story.op_says(&draft("carol", [much])), "op_too_few_offers");
}

#[test]
fn an_exact_amount_leaves() {
    let mut story = market();
    story.must(&draft("alice", [sell(gold(), XLM, 100, (2, 1), 0)]));
    story.must(&draft("carol", [send_through("bob", (XLM, 41), &[], (gold(), 20))]));
    assert_eq!(story.holds("bob", gold()), 20, "the odd stroop is the seller's");
    assert_eq!(offers(&story), [(1, 80)]);
    let greedy = send_through("bob", (XLM, 40), &[], (gold(), 21));
    assert_eq!(story.op_says(&draft("carol", [greedy])), "op_under_dest_min");
    let own = send_through("alice", (XLM, 40), &[], (gold(), 1));
    assert_eq!(story.op_says(&draft("alice", [own])), "op_cross_self");
}

#[test]
fn strict_send_looks_at_its_source_first_and_strict_receive_at_the_destination() {
    let mut story = market();
    let tin = issued("TIN", "issuer");
    let says = |story: &mut Story, body| story.op_says(&draft("carol", [body]));
    assert_eq!(says(&mut story, send_through("carol", (tin, 1), &[], (gold(), 1))), "op_src_no_trust");
    assert_eq!(says(&mut story, pay_through("carol", (tin, 1), &[], (gold(), 1))), "op_no_trust");
    assert_eq!(says(&mut story, send_through("nobody", (tin, 1), &[], (gold(), 1))), "op_no_destination");
    assert_eq!(says(&mut story, pay_through("bob", (XLM, 0), &[], (gold(), 1))), "op_malformed");
    assert_eq!(says(&mut story, send_through("bob", (XLM, 1), &[], (gold(), 1))), "op_too_few_offers");
    let plenty = 100_000 * UNIT;
    assert_eq!(says(&mut story, send_through("bob", (XLM, plenty), &[], (gold(), 1))), "op_underfunded");
    story.must(&draft("alice", [pay_through("issuer", (gold(), 10), &[], (gold(), 10))]));
    assert_eq!(story.holds("alice", gold()), 990, "burned without a conversion");
}

#[test]
fn a_sponsored_offer_gives_its_reserve_back_when_it_is_taken() {
    let mut story = market();
    let sponsored = draft("carol", [begin("alice")])
        .by("alice", sell(gold(), XLM, 10, (1, 1), 0))
        .by("alice", end())
        .signed_by(&["carol", "alice"]);
    story.must(&sponsored);
    assert_eq!((story.account("carol").sponsoring, story.account("alice").sponsored), (1, 1));
    story.must(&draft("bob", [buy(XLM, gold(), 10, (1, 1), 0)]));
    assert_eq!((story.account("carol").sponsoring, story.account("alice").sponsored), (0, 0));
}

fn lead() -> Asset {
    issued("LEAD", "warden")
}

/// The market, with lead that the warden must allow to hold (alice has some, and may not use it any more),
/// dora, who has no gold and room for five silver, and erin, who can pay for no entry more.
fn guarded_market() -> Story {
    let mut story = market();
    story.befriend(&["warden", "dora"]);
    story.must(&draft("warden", [options(|op| op.set_flags = Some(3))]));
    story.must(&draft("alice", [create("erin", UNIT * 2 + UNIT / 5), trust(lead(), i64::MAX)]));
    story.must(&draft("erin", [trust(gold(), i64::MAX), trust(silver(), i64::MAX)]));
    story.must(&draft("dora", [trust(gold(), i64::MAX), trust(silver(), 5)]));
    story.must(&draft("issuer", [pay("erin", gold(), 10)]));
    let allowed =
        [line_flags("alice", lead(), 1, 0), pay("alice", lead(), 10), line_flags("alice", lead(), 0, 1)];
    story.must(&draft("warden", allowed));
    story.must(&draft("warden", [sell(lead(), XLM, 100, (1, 1), 0)]));
    story
}

#[test]
fn offers_of_every_kind_are_refused_alike() {
    let price = (1, 1);
    type Offering = fn(Asset, Asset, i64, (i32, i32)) -> OperationBody;
    let kinds: [Offering; 3] = [
        |give, get, amount, price| sell(give, get, amount, price, 0),
        |give, get, amount, price| buy(give, get, amount, price, 0),
        sell_passively,
    ];
    let tin = issued("TIN", "issuer");
    for kind in kinds {
        let mut story = guarded_market();
        story.must(&draft("alice", [sell(gold(), XLM, 5, (1, 2), 0)]));
        for (who, body, code) in [
            ("alice", kind(gold(), gold(), 1, price), "op_malformed"),
            ("alice", kind(gold(), XLM, 1, (0, 1)), "op_malformed"),
            ("alice", kind(tin, XLM, 1, price), "op_sell_no_trust"),
            ("alice", kind(gold(), tin, 1, price), "op_buy_no_trust"),
            ("alice", kind(lead(), XLM, 1, price), "sell_not_authorized"),
            ("alice", kind(XLM, lead(), 1, price), "buy_not_authorized"),
            ("dora", kind(XLM, silver(), 6, price), "op_line_full"),
            ("dora", kind(gold(), XLM, 1, price), "op_underfunded"),
            ("alice", kind(XLM, gold(), 5, price), "op_cross_self"),
            ("erin", kind(gold(), silver(), 1, price), "op_low_reserve"),
        ] {
            assert_eq!(story.op_says(&draft(who, [body])), code, "{who}");
        }
    }
    let mut story = market();
    for body in [sell(gold(), XLM, 1, price, 77), buy(gold(), XLM, 1, price, 77)] {
        assert_eq!(story.op_says(&draft("alice", [body])), "op_offer_not_found");
    }
}

#[test]
fn both_path_payments_are_refused_alike() {
    type Through = fn(&str, Asset, Asset, i64) -> OperationBody;
    let kinds: [Through; 2] = [
        |to, from, into, amount| pay_through(to, (from, i64::MAX), &[], (into, amount)),
        |to, from, into, amount| send_through(to, (from, amount), &[], (into, 1)),
    ];
    for through in kinds {
        let mut story = guarded_market();
        let books = [sell(gold(), XLM, 50, (1, 1), 0), sell(silver(), XLM, 50, (1, 1), 0)];
        story.must(&draft("alice", books));
        story.must(&draft("bob", [sell(XLM, gold(), 50, (2, 1), 0)]));
        story.must(&draft("warden", [sell(XLM, lead(), 50, (2, 1), 0)]));
        for (who, body, code) in [
            ("dora", through("bob", XLM, gold(), 0), "op_malformed"),
            ("dora", through("nobody", XLM, gold(), 4), "op_no_destination"),
            ("dora", through("carol", XLM, gold(), 4), "op_no_trust"),
            ("dora", through("alice", XLM, lead(), 4), "op_not_authorized"),
            ("bob", through("dora", XLM, silver(), 6), "op_line_full"),
            ("carol", through("bob", gold(), XLM, 4), "op_src_no_trust"),
            ("alice", through("bob", lead(), XLM, 4), "op_src_not_authorized"),
            ("dora", through("bob", gold(), XLM, 4), "op_underfunded"),
            ("dora", through("bob", XLM, gold(), 1_000), "op_too_few_offers"),
            ("alice", through("bob", XLM, gold(), 4), "op_cross_self"),
        ] {
            assert_eq!(story.op_says(&draft(who, [body])), code, "{who}");
        }
    }
}

#[test]
fn nothing_takes_more_than_a_thousand_offers() {
    let mut story = market();
    for _ in 0..6 {
        for who in ["alice", "issuer"] {
            let offers = vec![sell(gold(), XLM, 1, (1, 1), 0); 100];
            story.must(&draft(who, offers));
        }
    }
    let take = |amount| pay_through("bob", (XLM, i64::MAX), &[], (gold(), amount));
    assert_eq!(story.op_says(&draft("carol", [take(1_001)])), "op_exceeded_work_limit");
    story.must(&draft("carol", [take(1_000)]));
    assert_eq!(offers(&story).len(), 200);
}
