//! What issuers may do to those who trust them.

use crate::story::*;
use stellar_types::asset::Asset;

fn gold() -> Asset {
    issued("GOLD", "issuer")
}

/// The issuer's flags are set before alice trusts it.
fn town(flags: u32) -> Story {
    let mut story = Story::with(&["alice", "bob", "issuer"]);
    if flags != 0 {
        story.must(&draft("issuer", [options(|op| op.set_flags = Some(flags))]));
    }
    story.must(&draft("alice", [trust(gold(), i64::MAX)]));
    story
}

#[test]
fn money_is_clawed_back_from_lines_that_were_opened_under_the_flag() {
    let mut story = town(2 | 8);
    story.must(&draft("issuer", [pay("alice", gold(), 10)]));
    story.must(&draft("issuer", [clawback("alice", gold(), 4)]));
    assert_eq!(story.holds("alice", gold()), 6);
    let take = |amount| draft("issuer", [clawback("alice", gold(), amount)]);
    assert_eq!(story.op_says(&take(7)), "op_underfunded");
    assert_eq!(story.op_says(&take(0)), "op_malformed");
    assert_eq!(story.op_says(&draft("issuer", [clawback("bob", gold(), 1)])), "op_no_trust");
    assert_eq!(story.op_says(&draft("bob", [clawback("alice", gold(), 1)])), "op_malformed");
    story.must(&draft("issuer", [line_flags("alice", gold(), 0, 1)]));
    story.must(&take(1));
    story.must(&draft("issuer", [line_flags("alice", gold(), 0, 4)]));
    assert_eq!(story.op_says(&take(1)), "op_not_clawback_enabled");
    assert_eq!(story.holds("alice", gold()), 5);
}

#[test]
fn what_is_promised_to_an_offer_is_not_clawed_back() {
    let mut story = town(2 | 8);
    story.must(&draft("issuer", [pay("alice", gold(), 10)]));
    story.must(&draft("alice", [sell(gold(), Asset::Native, 8, (1, 1), 0)]));
    assert_eq!(story.op_says(&draft("issuer", [clawback("alice", gold(), 3)])), "op_underfunded");
    story.must(&draft("issuer", [clawback("alice", gold(), 2)]));
}

#[test]
fn trust_is_allowed_and_revoked_in_the_older_way_too() {
    let mut story = town(1 | 2);
    let pay_alice = draft("issuer", [pay("alice", gold(), 1)]);
    assert_eq!(story.op_says(&pay_alice), "op_not_authorized");
    story.must(&draft("issuer", [allow_trust("alice", gold(), 1)]));
    story.must(&pay_alice);
    story.must(&draft("issuer", [allow_trust("alice", gold(), 2)]));
    assert_eq!(story.op_says(&pay_alice), "op_not_authorized");
    for (body, code) in [
        (allow_trust("alice", gold(), 3), "op_malformed"),
        (allow_trust("alice", gold(), 4), "op_malformed"),
        (allow_trust("issuer", gold(), 1), "op_malformed"),
        (allow_trust("bob", gold(), 1), "op_no_trustline"),
    ] {
        assert_eq!(story.op_says(&draft("issuer", [body])), code);
    }
}

#[test]
fn without_the_revocable_flag_nothing_is_revoked() {
    let mut story = town(1);
    story.must(&draft("issuer", [allow_trust("alice", gold(), 1)]));
    for body in [
        allow_trust("alice", gold(), 0),
        allow_trust("alice", gold(), 2),
        line_flags("alice", gold(), 0, 1),
        line_flags("alice", gold(), 2, 1),
    ] {
        assert_eq!(story.op_says(&draft("issuer", [body])), "op_cant_revoke");
    }
    let both = line_flags("alice", gold(), 2, 0);
    assert_eq!(story.op_says(&draft("issuer", [both])), "op_invalid_state");
}
