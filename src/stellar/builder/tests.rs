//! What envelopes say, and which plans cannot become one.

use std::sync::Arc;

use async_trait::async_trait;
use proptest::prelude::*;
use stellar_xdr::{
    Limits, MuxedAccount, Operation, OperationBody, Preconditions, ReadXdr, TransactionEnvelope,
    TransactionV1Envelope,
};

use super::*;
use crate::domain::address::Address;
use crate::domain::asset::Asset;
use crate::domain::ids::ClaimableId;
use crate::domain::money::Stroops;
use crate::domain::payment::Memo;
use crate::ports::network::{Body, Closing, PaymentOperation, payment_places};
use crate::ports::signer::SignerError;
use crate::stellar::keys::MemorySigner;
use crate::stellar::sealing::SealingSecret;
use crate::stellar::testing::Counting;

const PASSPHRASE: &str = "Test Network";

fn account(byte: u8) -> AccountId {
    SecretSeed::from_bytes(&[byte; 32]).public_key()
}

fn credit(code: &str) -> Asset {
    Asset::credit(code.parse().unwrap(), account(50))
}

fn factory_of(signer: Arc<dyn Signer>, recovery: u8) -> TransactionFactory {
    let recovery = (0..recovery).map(|n| account(100 + n)).collect();
    TransactionFactory::new(PASSPHRASE, account(1), recovery, signer, Counting::new())
}

fn factory(recovery: u8) -> TransactionFactory {
    factory_of(Arc::new(MemorySigner::new(SecretSeed::from_bytes(&[1; 32]))), recovery)
}

fn plan(body: Body) -> TransactionPlan {
    TransactionPlan {
        channel: account(2),
        sequence: 77,
        max_time: "2026-01-02T03:04:05Z".parse().unwrap(),
        fee_per_operation: 1_000,
        memo: Memo::None,
        body,
    }
}

fn pay(to: impl Into<Address>, asset: Asset, stroops: i64) -> PaymentOperation {
    PaymentOperation {
        from: account(3),
        to: to.into(),
        asset,
        amount: Stroops::new(stroops).unwrap(),
        reclaim_from: None,
    }
}

fn decode(envelope: &str) -> TransactionV1Envelope {
    match TransactionEnvelope::from_xdr_base64(envelope, Limits { depth: 200, len: 1 << 20 }) {
        Ok(TransactionEnvelope::Tx(envelope)) => envelope,
        other => panic!("{other:?}"),
    }
}

fn source(operation: &Operation) -> [u8; 32] {
    match &operation.source_account {
        Some(MuxedAccount::Ed25519(key)) => key.0,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_payment_says_what_was_planned_and_is_signed_once() {
    let muxed = Address::Muxed { account: account(5), id: u64::MAX };
    let payments = vec![pay(account(4), Asset::Native, 1), pay(muxed, credit("FreeTFT"), i64::MAX)];
    let plan = TransactionPlan { memo: Memo::Return(TxHash([7; 32])), ..plan(Body::Pay(payments)) };
    let signed = factory(0).build(&plan).await.unwrap();
    let envelope = decode(&signed.envelope);
    assert_eq!((envelope.tx.fee, envelope.tx.seq_num.0), (2_000, 77));
    assert_eq!(envelope.tx.memo, stellar_xdr::Memo::Return(stellar_xdr::Hash([7; 32])));
    match &envelope.tx.cond {
        Preconditions::Time(bounds) => {
            assert_eq!((bounds.min_time.0, bounds.max_time.0), (0, 1_767_323_045));
        }
        other => panic!("{other:?}"),
    }
    match (&envelope.tx.operations[0].body, &envelope.tx.operations[1].body) {
        (OperationBody::Payment(first), OperationBody::Payment(second)) => {
            assert_eq!(first.destination, MuxedAccount::Ed25519(stellar_xdr::Uint256(account(4).0)));
            match &second.destination {
                MuxedAccount::MuxedEd25519(muxed) => {
                    assert_eq!((muxed.id, muxed.ed25519.0), (u64::MAX, account(5).0));
                }
                other @ MuxedAccount::Ed25519(_) => panic!("{other:?}"),
            }
            assert_eq!((first.amount, second.amount), (1, i64::MAX));
        }
        other => panic!("{other:?}"),
    }
    assert!(envelope.tx.operations.iter().all(|operation| source(operation) == account(3).0));
    assert_eq!(envelope.signatures.len(), 1);
    assert_eq!(factory(0).hash(&signed.envelope), Some(signed.hash));
    assert_eq!(signed.accounts, vec![]);
}

fn names(envelope: &str) -> Vec<&'static str> {
    decode(envelope).tx.operations.iter().map(|operation| operation.body.name()).collect()
}

fn claimable(from: u8, to: impl Into<Address>, stroops: i64) -> PaymentOperation {
    let reclaim_from = Some("2026-07-01T00:00:00Z".parse().unwrap());
    PaymentOperation { from: account(from), reclaim_from, ..pay(to, credit("TFT"), stroops) }
}

#[tokio::test]
async fn claimable_balances_of_an_account_share_one_sponsorship() {
    let payments = vec![
        pay(account(4), credit("TFT"), 1),
        claimable(3, account(5), 2),
        claimable(3, account(6), 3),
        claimable(7, account(5), 4),
        pay(account(4), credit("TFT"), 5),
    ];
    let places = payment_places(payments.iter().map(|one| (one.from, one.reclaim_from.is_some())));
    assert_eq!(places, (vec![0, 2, 3, 6, 8], 9));
    let signed = factory(0).build(&plan(Body::Pay(payments))).await.unwrap();
    let operations = decode(&signed.envelope).tx.operations;
    let (begin, end) = ("BeginSponsoringFutureReserves", "EndSponsoringFutureReserves");
    let (create, payment) = ("CreateClaimableBalance", "Payment");
    let expected = [payment, begin, create, create, end, begin, create, end, payment];
    assert_eq!(names(&signed.envelope), expected);
    let sources: Vec<_> = operations.iter().map(source).collect();
    let expected = [3, 1, 3, 3, 3, 1, 7, 7, 3].map(|byte| account(byte).0);
    assert_eq!(sources, expected);
    match &operations[2].body {
        OperationBody::CreateClaimableBalance(create) => {
            assert_eq!((create.amount, create.claimants.len()), (2, 2));
            let stellar_xdr::Claimant::ClaimantTypeV0(platform) = &create.claimants[1];
            let too_early = stellar_xdr::ClaimPredicate::BeforeAbsoluteTime(1_782_864_000);
            assert_eq!(platform.predicate, stellar_xdr::ClaimPredicate::Not(Some(Box::new(too_early))));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(signed.claimables.len(), 3);
}

#[tokio::test]
async fn accounts_are_closed_line_by_line_and_merged() {
    let closing = |byte, codes: &[&str]| Closing {
        account: account(byte),
        assets: codes.iter().map(|code| credit(code)).collect(),
        carried: vec![],
    };
    let body = Body::CloseEscrows(vec![closing(3, &["TFT", "TFTA"]), closing(4, &[])]);
    let signed = factory(0).build(&plan(body)).await.unwrap();
    assert_eq!(names(&signed.envelope), ["ChangeTrust", "ChangeTrust", "AccountMerge", "AccountMerge"]);
    let carried = vec![(credit("TFT"), Stroops::from_units(3))];
    let carrying = Closing { carried, ..closing(5, &["TFT"]) };
    assert_eq!(carrying.operations(), 3);
    let carrying = factory(0).build(&plan(Body::CloseEscrows(vec![carrying]))).await.unwrap();
    assert_eq!(names(&carrying.envelope), ["Payment", "ChangeTrust", "AccountMerge"]);
    match &decode(&carrying.envelope).tx.operations[0].body {
        OperationBody::Payment(payment) => {
            assert_eq!(payment.amount, Stroops::from_units(3).get());
            assert_eq!(payment.destination, MuxedAccount::Ed25519(stellar_xdr::Uint256(account(1).0)));
        }
        other => panic!("{other:?}"),
    }
    let envelope = decode(&signed.envelope);
    match (&envelope.tx.operations[0].body, &envelope.tx.operations[3].body) {
        (OperationBody::ChangeTrust(trust), OperationBody::AccountMerge(into)) => {
            assert_eq!(trust.limit, 0);
            assert_eq!(*into, MuxedAccount::Ed25519(stellar_xdr::Uint256(account(1).0)));
        }
        other => panic!("{other:?}"),
    }
    let platform = plan(Body::CloseEscrows(vec![closing(1, &[])]));
    assert!(matches!(factory(0).build(&platform).await, Err(BuildError::Invalid { .. })));
}

#[tokio::test]
async fn what_nobody_claimed_is_reclaimed_by_the_platform() {
    let claimables = vec![ClaimableId([1; 32]), ClaimableId([2; 32])];
    let body = Body::Reclaim { trust: vec![credit("TFT")], claimables };
    let signed = factory(0).build(&plan(body)).await.unwrap();
    let expected = ["ChangeTrust", "ClaimClaimableBalance", "ClaimClaimableBalance"];
    assert_eq!(names(&signed.envelope), expected);
    assert!(decode(&signed.envelope).tx.operations.iter().all(|one| source(one) == account(1).0));
}

#[tokio::test]
async fn the_hash_is_the_networks() {
    let plan = plan(Body::Pay(vec![pay(account(4), Asset::Native, 1)]));
    let here = factory(0).build(&plan).await.unwrap();
    let signer = Arc::new(MemorySigner::new(SecretSeed::from_bytes(&[1; 32])));
    let there = TransactionFactory::new("Other Network", account(1), vec![], signer, Counting::new());
    assert_ne!(here.hash, there.build(&plan).await.unwrap().hash);
}

#[tokio::test]
async fn escrow_accounts_are_sponsored_handed_over_and_trust_their_assets() {
    let assets = vec![credit("TFT"), Asset::Native, credit("FreeTFT")];
    let factory = factory(2);
    let signed = factory.build(&plan(Body::OpenEscrows { count: 2, assets })).await.unwrap();
    let envelope = decode(&signed.envelope);
    assert_eq!((signed.accounts.len(), envelope.signatures.len()), (2, 3));
    assert_ne!(signed.accounts[0], signed.accounts[1]);
    let operations = envelope.tx.operations.as_slice();
    assert_eq!(operations.len(), 16);
    for (escrow, steps) in signed.accounts.iter().zip(operations.chunks(8)) {
        let sources: Vec<_> = steps.iter().map(source).collect();
        let (ours, theirs) = (account(1).0, escrow.0);
        assert_eq!(sources, [ours, ours, theirs, theirs, theirs, theirs, theirs, theirs]);
        let names: Vec<_> = steps.iter().map(|step| step.body.name()).collect();
        let expected = [
            "BeginSponsoringFutureReserves",
            "CreateAccount",
            "SetOptions",
            "SetOptions",
            "SetOptions",
            "ChangeTrust",
            "ChangeTrust",
            "EndSponsoringFutureReserves",
        ];
        assert_eq!(names, expected);
        match &steps[2].body {
            OperationBody::SetOptions(options) => {
                assert_eq!(options.master_weight, Some(0));
                let all = [options.low_threshold, options.med_threshold, options.high_threshold];
                assert_eq!(all, [Some(2); 3]);
                assert_eq!(options.signer.as_ref().unwrap().weight, 2);
            }
            other => panic!("{other:?}"),
        }
        match &steps[5].body {
            OperationBody::ChangeTrust(trust) => assert_eq!(trust.limit, i64::MAX),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_transaction_takes_as_many_accounts_as_it_is_said_to_and_no_more() {
    let codes = ["TFT", "TFTA", "FreeTFT", "A", "B", "C", "D", "E"];
    for recovery in [0, 3, 19] {
        let factory = factory(recovery);
        for trust_lines in 0..codes.len() {
            let assets: Vec<_> = codes[..trust_lines].iter().map(|code| credit(code)).collect();
            let count = factory.owners().accounts_per_transaction(trust_lines);
            let fits = plan(Body::OpenEscrows { count, assets: assets.clone() });
            assert_eq!(factory.build(&fits).await.unwrap().accounts.len(), usize::from(count));
            let over = plan(Body::OpenEscrows { count: count + 1, assets });
            assert!(matches!(factory.build(&over).await, Err(BuildError::Invalid { .. })));
        }
        let count = factory.owners().accounts_per_transaction(0);
        let channels = Body::OpenChannels { count, starting_balance: Stroops::from_units(2) };
        assert!(factory.build(&plan(channels)).await.is_ok());
    }
}

#[tokio::test]
async fn each_new_accounts_own_key_is_the_one_that_was_sealed() {
    let secret = SealingSecret::generate(&*Counting::new());
    let sealing = factory(0).sealing_to(Some(secret.public_key()));
    let channels = || Body::OpenChannels { count: 2, starting_balance: Stroops::from_units(2) };
    for body in [channels(), Body::OpenEscrows { count: 3, assets: vec![credit("TFT")] }] {
        let signed = sealing.build(&plan(body)).await.unwrap();
        let sealed: Vec<AccountId> = signed.sealed.iter().map(|sealed| sealed.account).collect();
        assert_eq!(sealed, signed.accounts);
        let envelope = decode(&signed.envelope);
        for sealed in &signed.sealed {
            let seed = secret.open(sealed).unwrap();
            let signature = seed.sign(signed.hash).to_vec();
            assert!(envelope.signatures.iter().any(|one| one.signature.0.as_slice() == signature));
        }
    }
    let payment = Body::Pay(vec![pay(account(4), Asset::Native, 1)]);
    assert_eq!(sealing.build(&plan(payment)).await.unwrap().sealed, []);
    assert_eq!(
        factory(0).build(&plan(channels())).await.unwrap().sealed,
        [],
        "without a key they are dropped"
    );
}

#[tokio::test]
async fn nothing_is_opened_under_a_key_that_seals_nothing() {
    let sealing = factory(0).sealing_to(Some(SealingKey([0; 32])));
    let escrows = plan(Body::OpenEscrows { count: 1, assets: vec![] });
    match sealing.build(&escrows).await {
        Err(BuildError::Invalid { reason }) => assert!(reason.contains("weak"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_the_ledger_would_always_refuse_is_not_built() {
    let good = || pay(account(4), Asset::Native, 1);
    let muxed = Address::Muxed { account: account(4), id: 7 };
    let paying = |payments| plan(Body::Pay(payments));
    let escrows = |count, assets| plan(Body::OpenEscrows { count, assets });
    for (plan, why) in [
        (paying(vec![]), "nothing"),
        (paying(vec![good(); 101]), "101 operations"),
        (paying(vec![pay(Address::Contract([4; 32]), Asset::Native, 1)]), "contract"),
        (paying(vec![pay(account(4), Asset::Native, 0)]), "of nothing"),
        (paying(vec![claimable(3, muxed, 1)]), "muxed"),
        (paying(vec![claimable(3, account(1), 1)]), "platform itself"),
        (paying(vec![claimable(3, account(4), 0)]), "of nothing"),
        (escrows(0, vec![]), "nothing"),
        (escrows(20, vec![]), "signatures"),
        (escrows(u16::MAX, vec![]), "signatures"),
        (escrows(1, vec![credit("TFT"), credit("TFT")]), "twice"),
        (TransactionPlan { fee_per_operation: 99, ..paying(vec![good()]) }, "fee"),
        (TransactionPlan { fee_per_operation: u32::MAX, ..paying(vec![good(), good()]) }, "fee"),
        (TransactionPlan { sequence: 0, ..paying(vec![good()]) }, "sequence"),
        (TransactionPlan { memo: Memo::Text("é".repeat(15)), ..paying(vec![good()]) }, "memo"),
        (
            TransactionPlan { max_time: "2026-01-02T03:04:05.5Z".parse().unwrap(), ..paying(vec![good()]) },
            "whole second",
        ),
        (
            TransactionPlan { max_time: "1970-01-01T00:00:00Z".parse().unwrap(), ..paying(vec![good()]) },
            "1970",
        ),
    ] {
        match factory(0).build(&plan).await {
            Err(BuildError::Invalid { reason }) => assert!(reason.contains(why), "{why}: {reason}"),
            other => panic!("{why}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_signer_that_would_overwrite_another_is_refused() {
    let signer: Arc<dyn Signer> = Arc::new(MemorySigner::new(SecretSeed::from_bytes(&[1; 32])));
    for recovery in [vec![account(1)], vec![account(7), account(8), account(7)]] {
        let factory =
            TransactionFactory::new(PASSPHRASE, account(9), recovery, signer.clone(), Counting::new());
        let escrows = plan(Body::OpenEscrows { count: 1, assets: vec![] });
        assert!(matches!(factory.build(&escrows).await, Err(BuildError::Invalid { .. })));
    }
}

struct OddSigner {
    answer: Result<[u8; 64], SignerError>,
}

#[async_trait]
impl Signer for OddSigner {
    fn public_key(&self) -> AccountId {
        account(1)
    }

    async fn sign(&self, _: TxHash) -> Result<[u8; 64], SignerError> {
        self.answer.clone()
    }
}

#[tokio::test]
async fn a_signer_that_fails_or_signs_wrongly_is_noticed_before_anything_is_sent() {
    let plan = plan(Body::Pay(vec![pay(account(4), Asset::Native, 1)]));
    let wrong = factory_of(Arc::new(OddSigner { answer: Ok([0; 64]) }), 0);
    assert!(matches!(wrong.build(&plan).await, Err(BuildError::Invalid { .. })));
    let failing = OddSigner { answer: Err(SignerError { reason: "away".to_owned() }) };
    let failing = factory_of(Arc::new(failing), 0);
    assert!(matches!(failing.build(&plan).await, Err(BuildError::Signer(_))));
}

#[tokio::test]
async fn an_envelope_that_says_anything_else_is_noticed() {
    let payments = vec![pay(account(4), credit("TFT"), 5)];
    let right = TransactionPlan { memo: Memo::Id(9), ..plan(Body::Pay(payments)) };
    let factory = factory(0);
    let signed = factory.build(&right).await.unwrap();
    let signer = factory.owners().signer;
    let check = |plan: &TransactionPlan, signers: &[AccountId]| {
        let outline = plan::outline(plan, factory.owners(), &[]).unwrap();
        envelope::check(&signed.envelope, &outline, signers, &factory.network_id)
    };
    assert_eq!(check(&right, &[signer]), Ok(signed.hash));
    assert_eq!(check(&right, &[]), Err(envelope::EnvelopeError::Signatures));
    assert_eq!(check(&right, &[account(9)]), Err(envelope::EnvelopeError::Signatures));
    let paying = |payment| TransactionPlan { body: Body::Pay(vec![payment]), ..right.clone() };
    for (wrong, what) in [
        (TransactionPlan { channel: account(9), ..right.clone() }, "source account"),
        (TransactionPlan { sequence: 78, ..right.clone() }, "sequence number"),
        (TransactionPlan { fee_per_operation: 1_001, ..right.clone() }, "fee"),
        (
            TransactionPlan { max_time: "2026-01-02T03:04:06Z".parse().unwrap(), ..right.clone() },
            "time bounds",
        ),
        (TransactionPlan { memo: Memo::None, ..right.clone() }, "memo"),
        (paying(pay(account(4), credit("TFT"), 6)), "operation 1"),
        (paying(pay(account(4), credit("TFTA"), 5)), "operation 1"),
        (paying(pay(Address::Muxed { account: account(4), id: 0 }, credit("TFT"), 5)), "operation 1"),
    ] {
        let expected = envelope::EnvelopeError::Differs { what: what.to_owned() };
        assert_eq!(check(&wrong, &[signer]), Err(expected));
    }
}

fn any_address() -> impl Strategy<Value = Address> {
    let key = any::<[u8; 32]>().prop_map(AccountId);
    (key, any::<Option<u64>>()).prop_map(|(account, id)| match id {
        Some(id) => Address::Muxed { account, id },
        None => Address::Account(account),
    })
}

fn any_asset() -> impl Strategy<Value = Asset> {
    prop_oneof![
        Just(Asset::Native),
        ("[A-Za-z0-9]{1,12}", any::<[u8; 32]>())
            .prop_map(|(code, issuer)| Asset::credit(code.parse().unwrap(), AccountId(issuer))),
    ]
}

fn any_memo() -> impl Strategy<Value = Memo> {
    prop_oneof![
        Just(Memo::None),
        "[ -~]{0,28}".prop_map(Memo::Text),
        any::<u64>().prop_map(Memo::Id),
        any::<[u8; 32]>().prop_map(|hash| Memo::Hash(TxHash(hash))),
        any::<[u8; 32]>().prop_map(|hash| Memo::Return(TxHash(hash))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn both_encoders_agree_on_every_payment(
        payments in proptest::collection::vec(
            (any::<[u8; 32]>(), any_address(), any_asset(), 1..=i64::MAX),
            1..=100,
        ),
        memo in any_memo(),
        sequence in 1..=i64::MAX,
        fee in 100..=1_000_000_u32,
        second in 1..=100_000_000_000_i64,
    ) {
        let payments = payments.into_iter().map(|(from, to, asset, stroops)| {
            PaymentOperation { from: AccountId(from), ..pay(to, asset, stroops) }
        });
        let plan = TransactionPlan {
            channel: account(2),
            sequence,
            max_time: jiff::Timestamp::from_second(second).unwrap(),
            fee_per_operation: fee,
            memo,
            body: Body::Pay(payments.collect()),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        prop_assert!(runtime.block_on(factory(0).build(&plan)).is_ok());
    }
}
