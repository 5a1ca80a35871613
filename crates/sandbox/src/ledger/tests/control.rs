//! Signers, thresholds, options, data entries.

use crate::story::*;
use sha2::{Digest, Sha256};
use stellar_types::asset::Asset;
use stellar_xdr::{DecoratedSignature, Signature, SignatureHint, SignerKey, TransactionEnvelope, Uint256};

fn payment() -> stellar_xdr::OperationBody {
    pay("bob", Asset::Native, 1)
}

#[test]
fn weights_add_up_to_the_threshold() {
    let mut story = Story::with(&["alice", "bob"]);
    story.must(&draft("alice", [signer(signer_key("s1"), 1), signer(signer_key("s2"), 2), thresholds(3)]));
    let by = |names: &[&str]| draft("alice", [payment()]).signed_by(names);
    assert_eq!(story.says(&by(&["s1"])), "tx_bad_auth");
    assert_eq!(story.says(&by(&["alice", "s1"])), "tx_bad_auth");
    assert_eq!(story.says(&by(&["stranger", "s2"])), "tx_bad_auth");
    story.must(&by(&["s1", "s2"]));
    story.must(&by(&["s2", "alice"]));
}

#[test]
fn a_surplus_signature_is_refused() {
    let mut story = Story::with(&["alice", "bob"]);
    let by = |names: &[&str]| draft("alice", [payment()]).signed_by(names);
    assert_eq!(story.says(&by(&["alice", "stranger"])), "tx_bad_auth_extra");
    assert_eq!(story.says(&by(&["alice", "alice"])), "tx_bad_auth_extra");
    story.must(&draft("alice", [signer(signer_key("s1"), 1), thresholds(1)]));
    assert_eq!(story.says(&by(&["alice", "s1"])), "tx_bad_auth_extra", "one of them is enough");
    assert_eq!(story.says(&by(&["alice", "s1", "s1"])), "tx_bad_auth_extra");
}

#[test]
fn a_threshold_of_zero_still_needs_a_signature() {
    let mut story = Story::with(&["alice", "bob"]);
    assert_eq!(story.account("alice").thresholds.medium, 0);
    assert_eq!(story.says(&draft("alice", [payment()]).signed_by(&[])), "tx_bad_auth");
    assert_eq!(story.says(&draft("alice", [payment()]).signed_by(&["bob"])), "tx_bad_auth");
}

#[test]
fn each_operation_needs_its_level() {
    let mut story = Story::with(&["alice", "bob"]);
    story.must(&draft(
        "alice",
        [
            signer(signer_key("s1"), 1),
            signer(signer_key("s2"), 2),
            options(|op| {
                op.low_threshold = Some(1);
                op.med_threshold = Some(2);
                op.high_threshold = Some(3);
            }),
        ],
    ));
    let says =
        |story: &mut Story, body, names: &[&str]| story.op_says(&draft("alice", [body]).signed_by(names));
    assert_eq!(says(&mut story, bump(1), &["s1"]), "op_success");
    assert_eq!(says(&mut story, payment(), &["s1"]), "op_bad_auth");
    assert_eq!(says(&mut story, payment(), &["s2"]), "op_success");
    assert_eq!(says(&mut story, options(|op| op.home_domain = None), &["s2"]), "op_success");
    assert_eq!(says(&mut story, thresholds(1), &["s2"]), "op_bad_auth");
    assert_eq!(says(&mut story, merge("bob"), &["s2"]), "op_bad_auth");
    assert_eq!(says(&mut story, merge("bob"), &["s1", "s2"]), "op_success");
}

#[test]
fn operations_that_were_not_reached_show_success() {
    let mut story = Story::with(&["alice", "bob"]);
    let three = draft("alice", [payment()]).by("bob", pay("alice", Asset::Native, 1)).by("carol", payment());
    let codes = story.send(&three.signed_by(&["alice"]));
    assert_eq!(codes.transaction, "tx_failed");
    assert_eq!(codes.operations, ["op_success", "op_bad_auth", "op_success"]);
}

#[test]
fn a_transaction_known_in_advance_needs_no_signature_and_its_signer_vanishes_even_if_it_fails() {
    for (amount, code) in [(1, "tx_success"), (1_000_000 * UNIT, "tx_failed")] {
        let mut story = Story::with(&["alice", "bob"]);
        let sequence = story.account("alice").sequence + 2;
        let planned = draft("alice", [pay("bob", Asset::Native, amount)])
            .signed_by(&[])
            .with(|draft| draft.sequence = Some(sequence));
        let hash = story.hash(&planned);
        story.must(&draft("alice", [signer(SignerKey::PreAuthTx(Uint256(hash.0)), 1)]));
        assert_eq!(story.account("alice").subentries(), 1);
        assert_eq!(story.says(&planned), code);
        assert!(story.account("alice").signers.is_empty());
    }
}

#[test]
fn the_preimage_of_a_hash_signs() {
    let mut story = Story::with(&["alice", "bob"]);
    let hash: [u8; 32] = Sha256::digest(b"open sesame").into();
    story.must(&draft("alice", [signer(SignerKey::HashX(Uint256(hash)), 1)]));
    let by = |story: &Story, preimage: &[u8]| {
        let tx = story.write(&draft("alice", [payment()]).signed_by(&[]));
        let TransactionEnvelope::Tx(mut envelope) = tx.envelope() else { unreachable!() };
        let hint = SignatureHint([hash[28], hash[29], hash[30], hash[31]]);
        let signature = Signature(preimage.try_into().unwrap());
        envelope.signatures = [DecoratedSignature { hint, signature }].try_into().unwrap();
        crate::xdr::Tx::new(TransactionEnvelope::Tx(envelope), story.ledger.network_id()).unwrap()
    };
    let wrong = by(&story, b"open");
    assert_eq!(story.send_tx(wrong).transaction, "tx_bad_auth");
    let right = by(&story, b"open sesame");
    assert_eq!(story.send_tx(right).transaction, "tx_success");
}

#[test]
fn a_master_key_without_weight_signs_nothing() {
    let mut story = Story::with(&["alice", "bob"]);
    story.must(&draft("alice", [signer(signer_key("s1"), 1), options(|op| op.master_weight = Some(0))]));
    assert_eq!(story.says(&draft("alice", [payment()])), "tx_bad_auth");
    story.must(&draft("alice", [payment()]).signed_by(&["s1"]));
}

#[test]
fn options_are_refused_by_kind() {
    let mut story = Story::with(&["alice", "bob"]);
    let says = |story: &mut Story, body| story.op_says(&draft("alice", [body]));
    for (body, code) in [
        (signer(signer_key("alice"), 1), "op_bad_signer"),
        (signer(signer_key("bob"), 256), "op_bad_signer"),
        (thresholds(256), "op_threshold_out_of_range"),
        (options(|op| op.set_flags = Some(16)), "op_unknown_flag"),
        (options(|op| (op.set_flags, op.clear_flags) = (Some(1), Some(1))), "op_bad_flags"),
        (options(|op| op.set_flags = Some(8)), "op_auth_revocable_required"),
        (
            options(|op| op.home_domain = Some(stellar_xdr::String32("a\n".try_into().unwrap()))),
            "op_invalid_home_domain",
        ),
        (
            options(|op| op.inflation_dest = Some(crate::xdr::xdr_account(id("nobody")))),
            "op_invalid_inflation",
        ),
    ] {
        assert_eq!(says(&mut story, body), code);
    }
    let signers = (0..20).map(|n| signer(signer_key(&format!("s{n}")), 1));
    story.must(&draft("alice", signers));
    assert_eq!(says(&mut story, signer(signer_key("s20"), 1)), "op_too_many_signers");
    story.must(&draft("alice", [signer(signer_key("s0"), 0), signer(signer_key("s20"), 1)]));
    assert_eq!(says(&mut story, signer(signer_key("never"), 0)), "op_success");
    story.must(&draft("alice", [options(|op| op.set_flags = Some(4))]));
    assert_eq!(says(&mut story, options(|op| op.set_flags = Some(1))), "op_cant_change");
    assert_eq!(says(&mut story, merge("bob")), "op_immutable_set");
}

#[test]
fn data_entries_are_written_read_and_removed_by_name() {
    let mut story = Story::with(&["alice"]);
    assert_eq!(story.op_says(&draft("alice", [data("a", None)])), "op_data_name_not_found");
    assert_eq!(story.op_says(&draft("alice", [data("", Some("x"))])), "op_data_invalid_name");
    story.must(&draft("alice", [data("a", Some("x")), data("a", Some("y"))]));
    assert_eq!(story.account("alice").data["a"].value, b"y");
    assert_eq!(story.account("alice").subentries(), 1);
    story.must(&draft("alice", [data("a", None)]));
    assert_eq!(story.account("alice").subentries(), 0);
}

#[test]
fn sequence_numbers_are_bumped_forward_only() {
    let mut story = Story::with(&["alice"]);
    let sequence = story.account("alice").sequence;
    assert_eq!(story.op_says(&draft("alice", [bump(-1)])), "op_bad_seq");
    story.must(&draft("alice", [bump(1)]));
    assert_eq!(story.account("alice").sequence, sequence + 1);
    story.must(&draft("alice", [bump(sequence + 100)]));
    assert_eq!(story.account("alice").sequence, sequence + 100);
}

#[test]
fn an_account_has_at_most_a_thousand_entries() {
    let mut story = Story::with(&["alice"]);
    for hundred in 0..10 {
        let entries = (0..100).map(|n| data(&format!("{hundred}-{n}"), Some("x")));
        story.must(&draft("alice", entries));
    }
    assert_eq!(story.op_says(&draft("alice", [data("one more", Some("x"))])), "op_too_many_subentries");
    assert_eq!(story.op_says(&draft("alice", [signer(signer_key("bob"), 1)])), "op_too_many_subentries");
    story.must(&draft("alice", [data("0-0", None), data("one more", Some("x"))]));
}
