//! Every kind of envelope that `stellar/` builds, decoded and encoded again byte for byte by a reader that
//! did not build it, its hash and signatures verified; and written down for readers in other languages.
//!
//! With `FARMGATE_ENVELOPES` set, the envelopes go into that file, a JSON object a line, for
//! `tests/sdk/python`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use farmgate::domain::address::{AccountId, Address};
use farmgate::domain::asset::Asset;
use farmgate::domain::ids::{ClaimableId, TxHash};
use farmgate::domain::money::Stroops;
use farmgate::domain::payment::Memo;
use farmgate::ports::entropy::Entropy;
use farmgate::ports::network::{
    Body, Closing, PaymentOperation, SignedFeeBump, SignedTransaction, TransactionPlan,
};
use farmgate::stellar::builder::TransactionFactory;
use farmgate::stellar::keys::{MemorySigner, SecretSeed};
use sha2::{Digest, Sha256};
use stellar_xdr::{
    FeeBumpTransactionInnerTx, Hash, Limits, ReadXdr, TransactionEnvelope, TransactionSignaturePayload,
    TransactionSignaturePayloadTaggedTransaction, WriteXdr,
};

const PASSPHRASES: [&str; 2] =
    ["Public Global Stellar Network ; September 2015", "Farmgate Sandbox Network ; 2026"];
const LIMITS: Limits = Limits { depth: 200, len: 1 << 20 };

/// Other bytes each time: a new account's key is never another's.
#[derive(Default)]
struct Counting(AtomicU8);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(100 + self.0.fetch_add(1, Ordering::Relaxed) % 100);
    }
}

fn seed(role: u8) -> SecretSeed {
    SecretSeed::from_bytes(&[role; 32])
}

fn id(role: u8) -> AccountId {
    seed(role).public_key()
}

fn credit(code: &str) -> Asset {
    Asset::credit(code.parse().unwrap(), id(9))
}

fn pay(to: impl Into<Address>, asset: Asset, stroops: i64) -> PaymentOperation {
    PaymentOperation {
        from: id(3),
        to: to.into(),
        asset,
        amount: Stroops::new(stroops).unwrap(),
        reclaim_from: None,
    }
}

/// A balance to be claimed by `to`.
fn claimable(to: AccountId, asset: Asset, stroops: i64) -> PaymentOperation {
    let reclaim_from = Some("2026-07-01T00:00:00Z".parse().unwrap());
    PaymentOperation { reclaim_from, ..pay(to, asset, stroops) }
}

/// The name of a body's kind, as in the source.
fn kind(body: &Body) -> &'static str {
    match body {
        Body::OpenChannels { .. } => "OpenChannels",
        Body::OpenEscrows { .. } => "OpenEscrows",
        Body::Pay(_) => "Pay",
        Body::Reclaim { .. } => "Reclaim",
        Body::CloseEscrows(_) => "CloseEscrows",
    }
}

/// Bodies of every kind, with their names. A kind that is missing fails
/// `every_kind_of_body_is_among_the_samples`.
fn bodies() -> Vec<(&'static str, Body)> {
    let muxed = Address::Muxed { account: id(5), id: u64::MAX };
    let all_assets =
        vec![credit("TFT"), credit("FreeTFT"), Asset::Native, credit("A"), credit("ABCDEFGHIJKL")];
    vec![
        ("one channel", Body::OpenChannels { count: 1, starting_balance: Stroops::from_units(3) }),
        ("many channels", Body::OpenChannels { count: 19, starting_balance: Stroops::new(1).unwrap() }),
        ("an escrow account without assets", Body::OpenEscrows { count: 1, assets: vec![] }),
        ("escrow accounts", Body::OpenEscrows { count: 3, assets: all_assets }),
        ("a payment of XLM", Body::Pay(vec![pay(id(4), Asset::Native, 1)])),
        (
            "payments to muxed addresses",
            Body::Pay(vec![pay(muxed, credit("TFT"), i64::MAX), pay(muxed, credit("FreeTFT"), 7)]),
        ),
        (
            "payments and balances to claim",
            Body::Pay(vec![
                pay(id(4), credit("TFT"), 1),
                claimable(id(5), credit("TFT"), 2),
                claimable(id(7), Asset::Native, i64::MAX),
                PaymentOperation { from: id(8), ..claimable(id(5), credit("ABCDEFGHIJKL"), 4) },
            ]),
        ),
        (
            "balances reclaimed",
            Body::Reclaim {
                trust: vec![credit("TFT"), credit("FreeTFT")],
                claimables: vec![ClaimableId([0xef; 32]), ClaimableId([1; 32])],
            },
        ),
        (
            "accounts closed",
            Body::CloseEscrows(vec![
                Closing {
                    account: id(3),
                    assets: vec![credit("TFT"), credit("FreeTFT")],
                    carried: vec![(credit("TFT"), Stroops::from_units(3))],
                },
                Closing { account: id(4), assets: vec![], carried: vec![] },
            ]),
        ),
        ("a hundred payments", Body::Pay(vec![pay(id(4), credit("TFTA"), 10_000_000); 100])),
    ]
}

fn memos() -> [(&'static str, Memo); 5] {
    [
        ("no memo", Memo::None),
        ("a text", Memo::Text("p-12 café & co".to_owned())),
        ("an id", Memo::Id(u64::MAX)),
        ("a hash", Memo::Hash(TxHash([0xab; 32]))),
        ("a return", Memo::Return(TxHash([0xcd; 32]))),
    ]
}

struct Sample {
    name: String,
    passphrase: &'static str,
    envelope: String,
    hash: TxHash,
    /// Who must have signed, in order.
    signers: Vec<AccountId>,
}

async fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    for passphrase in PASSPHRASES {
        for recovery in [0_u8, 3] {
            let signer = Arc::new(MemorySigner::new(seed(2)));
            let recovery_signers = (0..recovery).map(|n| id(50 + n)).collect();
            let entropy = Arc::new(Counting::default());
            let factory = TransactionFactory::new(passphrase, id(1), recovery_signers, signer, entropy);
            for (what, body) in bodies() {
                for (which, memo) in memos() {
                    let plan = TransactionPlan {
                        channel: id(6),
                        sequence: i64::MAX - 1,
                        max_time: "2026-01-02T03:04:05Z".parse().unwrap(),
                        fee_per_operation: 100_000,
                        memo,
                        body: within(body.clone(), factory.owners().accounts_per_transaction(5)),
                    };
                    let signed = factory.build(&plan).await.unwrap();
                    let signers = [id(2)].into_iter().chain(signed.accounts.iter().copied()).collect();
                    let name = format!("{what}, {which}, {recovery} recovery signers, {passphrase}");
                    let SignedTransaction { envelope, hash, .. } = signed;
                    if which == "no memo" {
                        let bump = factory.bump_fee(&envelope, 1_000_000).await.unwrap();
                        assert_ne!(bump.hash, hash, "{name}");
                        let (name, signers) = (format!("a fee bump of {name}"), vec![id(2)]);
                        let SignedFeeBump { envelope, hash, .. } = bump;
                        samples.push(Sample { name, passphrase, envelope, hash, signers });
                    }
                    samples.push(Sample { name, passphrase, envelope, hash, signers });
                }
            }
        }
    }
    samples
}

/// The body with no more accounts than one transaction takes.
fn within(body: Body, accounts_max: u16) -> Body {
    match body {
        Body::OpenChannels { count, starting_balance } => {
            Body::OpenChannels { count: count.min(accounts_max), starting_balance }
        }
        Body::OpenEscrows { count, assets } => Body::OpenEscrows { count: count.min(accounts_max), assets },
        other @ (Body::Pay(_) | Body::Reclaim { .. } | Body::CloseEscrows(_)) => other,
    }
}

#[tokio::test]
async fn a_fee_bump_never_bids_less_than_what_it_bumps_and_keeps_it_as_it_is() {
    let signer = Arc::new(MemorySigner::new(seed(2)));
    let entropy = Arc::new(Counting::default());
    let factory = TransactionFactory::new(PASSPHRASES[1], id(1), vec![], signer, entropy);
    let plan = TransactionPlan {
        channel: id(6),
        sequence: 7,
        max_time: "2026-01-02T03:04:05Z".parse().unwrap(),
        fee_per_operation: 500,
        memo: Memo::None,
        body: Body::Pay(vec![pay(id(4), Asset::Native, 1), pay(id(5), Asset::Native, 2)]),
    };
    let signed = factory.build(&plan).await.unwrap();
    for (asked, bids) in [(100, 500), (5_000, 5_000)] {
        let bump = factory.bump_fee(&signed.envelope, asked).await.unwrap();
        assert_eq!((bump.fee_per_operation, factory.hash(&bump.envelope)), (bids, Some(bump.hash)));
        let decoded = TransactionEnvelope::from_xdr_base64(&bump.envelope, LIMITS).unwrap();
        let TransactionEnvelope::TxFeeBump(decoded) = decoded else { panic!("no fee bump") };
        assert_eq!(decoded.tx.fee, i64::from(bids) * 3, "two operations, and the bump");
        let FeeBumpTransactionInnerTx::Tx(inner) = decoded.tx.inner_tx;
        assert_eq!(TransactionEnvelope::Tx(inner).to_xdr_base64(LIMITS).unwrap(), signed.envelope);
        assert!(factory.bump_fee(&bump.envelope, 1_000_000).await.is_err(), "a bump is not bumped");
    }
}

#[test]
fn every_kind_of_body_is_among_the_samples() {
    let source = syn::parse_file(include_str!("../src/ports/network/transaction.rs")).unwrap();
    let variants = source.items.iter().find_map(|item| match item {
        syn::Item::Enum(body) if body.ident == "Body" => Some(&body.variants),
        _ => None,
    });
    let named: BTreeSet<String> = variants.unwrap().iter().map(|variant| variant.ident.to_string()).collect();
    let sampled: BTreeSet<String> = bodies().iter().map(|(_, body)| kind(body).to_owned()).collect();
    assert_eq!(sampled, named);
}

#[tokio::test]
async fn every_envelope_is_read_back_byte_for_byte_with_its_hash_and_signatures() {
    let samples = samples().await;
    for Sample { name, passphrase, envelope, hash: told, signers } in &samples {
        let bytes = STANDARD.decode(envelope).unwrap();
        let decoded = TransactionEnvelope::from_xdr(&bytes, LIMITS).unwrap();
        assert_eq!(decoded.to_xdr(LIMITS).unwrap(), bytes, "{name}");
        let (tagged_transaction, signatures) = match decoded {
            TransactionEnvelope::Tx(plain) => {
                (TransactionSignaturePayloadTaggedTransaction::Tx(plain.tx), plain.signatures)
            }
            TransactionEnvelope::TxFeeBump(bump) => {
                (TransactionSignaturePayloadTaggedTransaction::TxFeeBump(bump.tx), bump.signatures)
            }
            TransactionEnvelope::TxV0(_) => panic!("{name}"),
        };
        let payload = TransactionSignaturePayload {
            network_id: Hash(Sha256::digest(passphrase).into()),
            tagged_transaction,
        };
        let hash: [u8; 32] = Sha256::digest(payload.to_xdr(LIMITS).unwrap()).into();
        assert_eq!(TxHash(hash), *told, "{name}");
        assert_eq!(signatures.len(), signers.len(), "{name}");
        for (decorated, signer) in signatures.iter().zip(signers) {
            let key = VerifyingKey::from_bytes(signer.bytes()).unwrap();
            let signature = Signature::from_slice(&decorated.signature.0).unwrap();
            assert_eq!(decorated.hint.0, signer.bytes()[28..], "{name}");
            key.verify_strict(&hash, &signature).unwrap();
        }
    }
    if let Ok(path) = std::env::var("FARMGATE_ENVELOPES") {
        let lines: String = samples.iter().map(line).collect();
        std::fs::write(&path, lines).unwrap();
        println!("{} envelopes are in {path}", samples.len());
    }
}

fn line(sample: &Sample) -> String {
    let line = serde_json::json!({
        "name": sample.name,
        "passphrase": sample.passphrase,
        "envelope": sample.envelope,
        "hash": sample.hash,
        "signers": sample.signers,
    });
    format!("{line}\n")
}
