//! How many payments a second the sandbox takes: into its ledger, and through its HTTP.
//!
//! Each round is one full ledger of payments from so many sources, submitted and closed. Building and signing
//! them is not counted.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Request, header};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ed25519_dalek::SigningKey;
use farmgate::ports::clock::Clock;
use farmgate_sandbox::faucet::Gift;
use farmgate_sandbox::ledger::Submission;
use farmgate_sandbox::network::account_of_key;
use farmgate_sandbox::xdr::{Tx, network_id, sign};
use farmgate_sandbox::{Sandbox, Settings};
use jiff::Timestamp;
use stellar_xdr::{
    Asset, Memo, MuxedAccount, Operation, OperationBody, PaymentOp, Preconditions, SequenceNumber,
    Transaction, TransactionEnvelope, TransactionExt, TransactionV1Envelope, Uint256,
};
use tower::ServiceExt;

/// Payments of one round, each from a source of its own.
const PAYMENTS: u64 = 1_000;

struct Still(Timestamp);

#[async_trait]
impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }

    async fn sleep(&self, _: Duration) {
        std::future::pending().await
    }
}

struct Crowd {
    sandbox: Sandbox,
    keys: Vec<SigningKey>,
}

impl Crowd {
    fn gather() -> Self {
        let settings = Settings { ledger_ms: 0, ..Settings::default() };
        let sandbox = Sandbox::new(settings, Arc::new(Still(Timestamp::UNIX_EPOCH)));
        let keys: Vec<_> = (0..PAYMENTS)
            .map(|n| {
                let mut seed = [7; 32];
                seed[..8].copy_from_slice(&n.to_be_bytes());
                SigningKey::from_bytes(&seed)
            })
            .collect();
        for some in keys.chunks(100) {
            for key in some {
                sandbox.give(Gift::Account(account_of_key(key))).expect("a gift");
            }
            sandbox.close_ledger();
        }
        Self { sandbox, keys }
    }

    /// A payment from everyone to the next.
    fn payments(&self) -> Vec<Tx> {
        let network = network_id(&self.sandbox.passphrase());
        let next = self.keys.iter().cycle().skip(1);
        self.keys.iter().zip(next).map(|(key, to)| self.payment(key, to, network)).collect()
    }

    fn payment(&self, key: &SigningKey, to: &SigningKey, network: [u8; 32]) -> Tx {
        let muxed = |key: &SigningKey| MuxedAccount::Ed25519(Uint256(account_of_key(key).0));
        let body =
            OperationBody::Payment(PaymentOp { destination: muxed(to), asset: Asset::Native, amount: 1 });
        let sequence = self.sandbox.sequence(account_of_key(key)).expect("an account");
        let tx = Transaction {
            source_account: muxed(key),
            fee: 100,
            seq_num: SequenceNumber(sequence + 1),
            cond: Preconditions::None,
            memo: Memo::None,
            operations: [Operation { source_account: None, body }].try_into().expect("one operation"),
            ext: TransactionExt::V0,
        };
        let envelope = |tx, signatures: Vec<_>| {
            let signatures = signatures.try_into().expect("one signature");
            Tx::new(TransactionEnvelope::Tx(TransactionV1Envelope { tx, signatures }), network)
                .expect("an envelope")
        };
        let hash = envelope(tx.clone(), Vec::new()).hash;
        envelope(tx, vec![sign(key, hash)])
    }
}

fn into_the_ledger(c: &mut Criterion) {
    let crowd = Crowd::gather();
    let mut group = c.benchmark_group("sandbox");
    group.throughput(Throughput::Elements(PAYMENTS)).sample_size(20);
    group.bench_function("payments submitted and closed", |bench| {
        bench.iter_batched(
            || crowd.payments(),
            |payments| {
                for payment in payments {
                    assert_eq!(crowd.sandbox.submit(payment), Submission::Pending);
                }
                crowd.sandbox.close_ledger();
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn through_http(c: &mut Criterion) {
    let crowd = Crowd::gather();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    let mut group = c.benchmark_group("sandbox");
    group.throughput(Throughput::Elements(PAYMENTS)).sample_size(20);
    group.bench_function("payments posted to the router and closed", |bench| {
        bench.iter_batched(
            || {
                let form = |tx: &Tx| {
                    url::form_urlencoded::Serializer::new(String::new())
                        .append_pair("tx", &tx.to_base64())
                        .finish()
                };
                crowd.payments().iter().map(form).collect::<Vec<_>>()
            },
            |forms| {
                let router = crowd.sandbox.router();
                runtime.block_on(async {
                    let posts: Vec<_> = forms
                        .into_iter()
                        .map(|form| {
                            let request = Request::post("/transactions_async")
                                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                                .body(Body::from(form))
                                .expect("a request");
                            tokio::spawn(router.clone().oneshot(request))
                        })
                        .collect();
                    for post in posts {
                        let response = post.await.expect("no panic").expect("an answer");
                        assert_eq!(response.status(), 201);
                    }
                });
                crowd.sandbox.close_ledger();
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, into_the_ledger, through_http);
criterion_main!(benches);
