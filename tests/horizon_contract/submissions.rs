//! Submissions: sent once, and known to have landed only when Horizon shows them.

use std::time::Duration;

use farmgate::domain::address::Address;
use farmgate::domain::asset::Asset;
use farmgate::domain::money::Stroops;
use farmgate::domain::payment::Memo;
use farmgate::ports::network::{
    Body, Gateway, Network, PaymentOperation, Sent, SignedTransaction, TransactionPlan,
};
use serde_json::json;
use wiremock::ResponseTemplate;

use super::questions::cut_off;
use super::support::{Horizon, account, clock, fixture, network, ok, problem};

const AT: &str = "/transactions";

pub async fn signed(horizon: &impl Network) -> SignedTransaction {
    let payment = PaymentOperation {
        from: account("escrow"),
        to: Address::Account(account("farmer")),
        asset: Asset::Native,
        amount: Stroops::from_units(9),
        reclaim_from: None,
    };
    let plan = TransactionPlan {
        channel: account("channel"),
        sequence: (1000 << 32) + 1,
        max_time: "2026-03-01T10:05:00Z".parse().unwrap(),
        fee_per_operation: 100,
        memo: Memo::None,
        body: Body::Pay(vec![
            payment.clone(),
            PaymentOperation { to: account("foundation").into(), amount: Stroops::from_units(1), ..payment },
        ]),
    };
    horizon.build(&plan).await.unwrap()
}

#[tokio::test]
async fn an_included_transaction_is_read_from_the_answer() {
    let horizon = Horizon::start().await;
    let signed = signed(&horizon.network).await;
    let resource = fixture("transaction");
    assert_eq!(resource["hash"], signed.hash.to_string(), "the fixture is this very transaction");
    horizon.answers("POST", AT, ok(&resource)).await;
    match horizon.network.send(&signed.envelope).await {
        Sent::Included(record) => assert_eq!((record.hash, record.successful), (signed.hash, true)),
        other => panic!("{other:?}"),
    }
    let request = &horizon.requests().await[0];
    let form: Vec<_> = url::form_urlencoded::parse(&request.body).into_owned().collect();
    assert_eq!(form, [("tx".to_owned(), signed.envelope)]);
    assert_eq!(request.headers["content-type"], "application/x-www-form-urlencoded");
}

#[tokio::test]
async fn a_refusal_gives_its_codes() {
    for (name, whole, operations) in [
        ("error_400_transaction_failed", "tx_failed", vec!["op_success", "op_no_trust"]),
        ("error_400_transaction_failed_bad_seq", "tx_bad_seq", vec![]),
        ("error_400_transaction_failed_fee_bump", "tx_failed", vec!["op_underfunded", "op_success"]),
        ("error_400_transaction_malformed", "transaction_malformed", vec![]),
    ] {
        let horizon = Horizon::start().await;
        horizon.answers("POST", AT, problem(name)).await;
        let signed = signed(&horizon.network).await;
        match horizon.network.send(&signed.envelope).await {
            Sent::Refused { codes } => {
                assert_eq!(
                    (codes.transaction.as_str(), codes.operations),
                    (whole, operations.iter().map(ToString::to_string).collect())
                );
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn everything_else_is_unknown_and_sent_once() {
    let text = |status, body: &str| ResponseTemplate::new(status).set_body_string(body);
    let mut other = fixture("transaction");
    other["hash"] = json!("ab".repeat(32));
    for answer in [
        problem("error_504_transaction_submission_timeout"),
        problem("error_503_stale_history"),
        problem("error_400_bad_request"),
        problem("error_404_not_found"),
        ResponseTemplate::new(500),
        ResponseTemplate::new(302).insert_header("Location", "/elsewhere"),
        text(200, ""),
        text(200, "{}"),
        text(200, "<html>"),
        text(201, "{}"),
        text(400, "<html>"),
        text(400, "{\"type\":\"about:blank\"}"),
        ResponseTemplate::new(200).set_body_bytes([0xff, 0xfe]),
        ok(&other),
    ] {
        let horizon = Horizon::start().await;
        horizon.answers("POST", AT, answer).await;
        let signed = signed(&horizon.network).await;
        let sent = horizon.network.send(&signed.envelope).await;
        assert!(matches!(sent, Sent::Unknown { .. }), "{sent:?}");
        assert_eq!(horizon.requests().await.len(), 1, "never sent again by itself");
    }
}

#[tokio::test]
async fn a_rate_limited_submission_says_how_long_to_wait_and_closes_the_gate() {
    let horizon = Horizon::start().await;
    let limited = problem("error_429_rate_limit_exceeded").insert_header("Retry-After", "900");
    horizon.answers("POST", AT, limited).await;
    let signed = signed(&horizon.network).await;
    for _ in 0..2 {
        match horizon.network.send(&signed.envelope).await {
            Sent::Unknown { retry_after: Some(wait), .. } => assert_eq!(wait, Duration::from_secs(900)),
            other => panic!("{other:?}"),
        }
        assert_eq!(horizon.requests().await.len(), 1);
    }
}

#[tokio::test]
async fn a_submission_without_an_answer_is_unknown() {
    let truncated = cut_off("HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"hash\":");
    for url in [cut_off(""), truncated, "http://127.0.0.1:1".to_owned()] {
        let network = network(&url, clock(false));
        let sent = network.send(&signed(&network).await.envelope).await;
        assert!(matches!(sent, Sent::Unknown { .. }), "{sent:?}");
    }
    let horizon = Horizon::impatient().await;
    let slow = ok(&fixture("transaction")).set_delay(Duration::from_secs(60));
    horizon.answers("POST", AT, slow).await;
    let sent = horizon.network.send(&signed(&horizon.network).await.envelope).await;
    assert!(matches!(sent, Sent::Unknown { .. }), "{sent:?}");
}
