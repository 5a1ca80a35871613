//! Fees, times, sequence numbers, and the order in which they are looked at.

use crate::ledger::Submission;
use crate::story::*;
use stellar_types::asset::Asset;
use stellar_xdr::{
    Duration, LedgerBounds, OperationBody, Preconditions, PreconditionsV2, SequenceNumber, TimeBounds,
};

fn payment() -> OperationBody {
    pay("bob", Asset::Native, 1)
}

fn times(min: i64, max: i64) -> Preconditions {
    let time = |seconds: i64| u64::try_from(seconds).unwrap().into();
    Preconditions::Time(TimeBounds { min_time: time(min), max_time: time(max) })
}

fn conditioned(cond: Preconditions) -> Draft {
    draft("alice", [payment()]).with(|draft| draft.cond = cond)
}

#[test]
fn the_first_thing_wrong_is_the_answer() {
    let mut story = Story::with(&["alice", "bob"]);
    let now = story.now.as_second();
    let mut wrong = draft("alice", []).signed_by(&["stranger"]);
    wrong.cond = times(now + 1_000, 1);
    wrong.fee = Some(1);
    wrong.sequence = Some(1);
    assert_eq!(story.says(&wrong), "tx_missing_operation");
    let mut wrong = draft("nobody", [payment()]).signed_by(&["stranger"]);
    wrong.cond = times(now + 1_000, 1);
    wrong.fee = Some(1);
    assert_eq!(story.says(&wrong), "tx_too_early");
    wrong.cond = times(0, 1);
    assert_eq!(story.says(&wrong), "tx_too_late");
    wrong.cond = Preconditions::None;
    assert_eq!(story.says(&wrong), "tx_insufficient_fee");
    wrong.fee = Some(100);
    assert_eq!(story.says(&wrong), "tx_no_source_account");
    let mut wrong = draft("alice", [pay("bob", Asset::Native, -1)]).signed_by(&["alice", "stranger"]);
    wrong.sequence = Some(1);
    assert_eq!(story.says(&wrong), "tx_bad_seq");
    wrong.sequence = None;
    assert_eq!(story.op_says(&wrong), "op_malformed", "before the surplus signature");
}

#[test]
fn an_unsupported_operation_says_so() {
    let mut story = Story::with(&["alice"]);
    assert_eq!(story.op_says(&draft("alice", [OperationBody::Inflation])), "op_not_supported");
}

#[test]
fn the_sequence_number_must_be_the_next() {
    let mut story = Story::with(&["alice", "bob"]);
    let current = story.account("alice").sequence;
    for wrong in [0, current - 1, current, current + 2, i64::MAX] {
        let draft = draft("alice", [payment()]).with(|draft| draft.sequence = Some(wrong));
        assert_eq!(story.says(&draft), "tx_bad_seq");
    }
    story.must(&draft("alice", [payment()]));
}

#[test]
fn a_transaction_must_live_two_ledgers_longer() {
    let mut story = Story::with(&["alice", "bob"]);
    let now = story.now.as_second();
    assert_eq!(story.says(&conditioned(times(0, now + 9))), "tx_too_late");
    assert_eq!(story.says(&conditioned(times(0, now + 10))), "tx_success");
}

#[test]
fn what_expires_in_the_queue_never_appears_and_costs_nothing() {
    let mut story = Story::with(&["alice", "bob"]);
    let (before, now) = (story.xlm("alice"), story.now.as_second());
    let late = conditioned(times(0, now + 10));
    assert_eq!(story.submit(&late), Submission::Pending);
    let hash = story.hash(&late);
    story.now += jiff::SignedDuration::from_secs(60);
    story.close();
    assert!(story.ledger.history().transaction(hash).is_none());
    assert_eq!(story.ledger.queued(), 0);
    assert_eq!(story.xlm("alice"), before);
}

#[test]
fn ledger_bounds_exclude_the_last() {
    let mut story = Story::with(&["alice", "bob"]);
    let next = story.ledger.latest().ledger.0 + 1;
    let bounds = |min_ledger, max_ledger| {
        let ledger_bounds = Some(LedgerBounds { min_ledger, max_ledger });
        conditioned(Preconditions::V2(PreconditionsV2 { ledger_bounds, ..PreconditionsV2::default() }))
    };
    assert_eq!(story.says(&bounds(next + 1, 0)), "tx_too_early");
    assert_eq!(story.says(&bounds(0, next)), "tx_too_late");
    assert_eq!(story.says(&bounds(next, next + 1)), "tx_success");
}

#[test]
fn gaps_and_ages_of_sequence_numbers_are_conditions() {
    let mut story = Story::with(&["alice", "bob"]);
    story.must(&draft("alice", [payment()]));
    let sequence = story.account("alice").sequence;
    let with = |change: &dyn Fn(&mut PreconditionsV2)| {
        let mut all = PreconditionsV2::default();
        change(&mut all);
        conditioned(Preconditions::V2(all))
    };
    assert_eq!(story.says(&with(&|all| all.min_seq_age = Duration(6))), "tx_bad_minseq_age_or_gap");
    assert_eq!(story.says(&with(&|all| all.min_seq_ledger_gap = 2)), "tx_bad_minseq_age_or_gap");
    let far = with(&|all| all.min_seq_num = Some(SequenceNumber(sequence + 1)));
    let far = far.with(|draft| draft.sequence = Some(sequence + 10));
    assert_eq!(story.says(&far), "tx_bad_seq");
    let near = with(&|all| all.min_seq_num = Some(SequenceNumber(sequence)));
    story.must(&near.with(|draft| draft.sequence = Some(sequence + 10)));
    assert_eq!(story.account("alice").sequence, sequence + 10);
}

#[test]
fn an_extra_signer_must_sign_too() {
    let mut story = Story::with(&["alice", "bob"]);
    let extra = [signer_key("notary")].try_into().unwrap();
    let asked = conditioned(Preconditions::V2(PreconditionsV2 {
        extra_signers: extra,
        ..PreconditionsV2::default()
    }));
    assert_eq!(story.says(&asked.clone()), "tx_bad_auth");
    story.must(&asked.signed_by(&["alice", "notary"]));
}

#[test]
fn another_network_signs_other_hashes() {
    let mut story = Story::with(&["alice", "bob"]);
    let elsewhere = crate::xdr::network_id("Test SDF Network ; September 2015");
    let tx = story.write(&draft("alice", [payment()]));
    let hash = stellar_types::ids::TxHash(tx.inner().tx.hash(elsewhere).unwrap());
    assert_ne!(hash, tx.hash);
    let stellar_xdr::TransactionEnvelope::Tx(mut envelope) = tx.envelope() else { unreachable!() };
    envelope.signatures = [crate::xdr::sign(&key("alice"), hash)].try_into().unwrap();
    let foreign = stellar_xdr::TransactionEnvelope::Tx(envelope);
    let tx = crate::xdr::Tx::new(foreign, story.ledger.network_id()).unwrap();
    assert_eq!(story.send_tx(tx).transaction, "tx_bad_auth");
}

#[test]
fn a_fee_bump_pays_for_another_and_keeps_the_inner_result() {
    let mut story = Story::with(&["alice", "bob", "payer"]);
    let (alice, payer) = (story.xlm("alice"), story.xlm("payer"));
    let free = draft("alice", [pay("bob", Asset::Native, 7)]).with(|draft| draft.fee = Some(0));
    let inner_hash = story.hash(&free);
    let tx = story.bumped(&free, "payer", 10_000);
    let codes = story.send_tx(tx.clone());
    assert_eq!(codes.transaction, "tx_fee_bump_inner_success");
    assert_eq!(codes.inner_transaction, Some("tx_success"));
    assert_eq!(story.xlm("alice"), alice - 7);
    assert_eq!(story.xlm("payer"), payer - 200);
    let history = story.ledger.history();
    assert_eq!(history.transaction(inner_hash).unwrap().id, history.transaction(tx.hash).unwrap().id);
}

#[test]
fn a_fee_bump_is_refused_for_its_fee_its_payer_or_its_inner_transaction() {
    let mut story = Story::with(&["alice", "bob", "payer"]);
    let inner = draft("alice", [payment()]);
    let low = story.bumped(&inner, "payer", 199);
    assert_eq!(story.send_tx(low).transaction, "tx_insufficient_fee");
    let stranger = story.bumped(&inner, "stranger", 200);
    assert_eq!(story.send_tx(stranger).transaction, "tx_no_source_account");
    let dear = draft("alice", [payment()]).with(|draft| draft.fee = Some(1_000));
    let below_inner_rate = story.bumped(&dear, "payer", 1_999);
    assert_eq!(story.send_tx(below_inner_rate).transaction, "tx_insufficient_fee");
    let too_dear = story.bumped(&inner, "payer", 20_000 * UNIT);
    assert_eq!(story.send_tx(too_dear).transaction, "tx_insufficient_balance");
    let unsigned = story.bumped(&inner.signed_by(&["bob"]), "payer", 200);
    let codes = story.send_tx(unsigned);
    assert_eq!(codes.transaction, "tx_fee_bump_inner_failed");
    assert_eq!(codes.inner_transaction, Some("tx_bad_auth"));
}

#[test]
fn an_old_envelope_form_is_taken_too() {
    let mut story = Story::with(&["alice", "bob"]);
    let tx = story.write(&draft("alice", [payment()]));
    let v1 = tx.inner().clone();
    let stellar_xdr::MuxedAccount::Ed25519(source) = v1.tx.source_account.clone() else { unreachable!() };
    let v0 = stellar_xdr::TransactionEnvelope::TxV0(stellar_xdr::TransactionV0Envelope {
        tx: stellar_xdr::TransactionV0 {
            source_account_ed25519: source,
            fee: v1.tx.fee,
            seq_num: v1.tx.seq_num.clone(),
            time_bounds: None,
            memo: v1.tx.memo.clone(),
            operations: v1.tx.operations.clone(),
            ext: stellar_xdr::TransactionV0Ext::V0,
        },
        signatures: v1.signatures.clone(),
    });
    let old = crate::xdr::Tx::new(v0, story.ledger.network_id()).unwrap();
    assert_eq!(old.hash, tx.hash);
    assert_eq!(story.send_tx(old).transaction, "tx_success");
}

#[test]
fn an_extra_signer_is_named_once() {
    let mut story = Story::with(&["alice", "bob"]);
    let twice = vec![signer_key("bob"), signer_key("bob")].try_into().unwrap();
    let cond = Preconditions::V2(PreconditionsV2 { extra_signers: twice, ..PreconditionsV2::default() });
    assert_eq!(story.says(&conditioned(cond)), "tx_malformed");
}
