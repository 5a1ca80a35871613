//! Transactions come in.

use super::*;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::json;

use crate::ledger::Submission;
use crate::story::*;
use stellar_types::asset::Asset;
use stellar_types::money::Stroops;

#[tokio::test]
async fn a_submission_is_answered_when_its_ledger_closes_and_repeats_its_outcome() {
    let town = Town::new();
    town.befriend(&["alice", "bob"]);
    let tx = town.write(&draft("alice", [pay("bob", Asset::Native, 1)]));
    let (status, answer) = town.post_and_close("/transactions", "tx", &tx.to_base64()).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(answer["hash"], tx.hash.to_string());
    assert_eq!(answer["ledger"], 3);
    assert_eq!(answer["envelope_xdr"], tx.to_base64());
    assert_eq!(answer["source_account_sequence"], tx.sequence().to_string());
    let (status, again) = town.post("/transactions", "tx", &tx.to_base64()).await;
    assert_eq!((status, &again), (StatusCode::OK, &answer));
}

#[tokio::test]
async fn a_failed_submission_names_its_codes() {
    let town = Town::new();
    town.befriend(&["alice", "bob"]);
    let tx = town.write(&draft("alice", [pay("nobody", Asset::Native, 1)]));
    let answer = town.post_and_close("/transactions", "tx", &tx.to_base64()).await;
    is_problem(&answer, 400, "transaction_failed");
    let extras = &answer.1["extras"];
    assert_eq!(extras["envelope_xdr"], tx.to_base64());
    assert_eq!(
        extras["result_codes"],
        json!({ "transaction": "tx_failed", "operations": ["op_no_destination"] })
    );
    assert_eq!(extras["result_xdr"], "AAAAAAAAAGT/////AAAAAQAAAAAAAAAB////+wAAAAA=");

    let stale =
        town.write(&draft("alice", [pay("bob", Asset::Native, 1)]).with(|draft| draft.sequence = Some(1)));
    let answer = town.post("/transactions", "tx", &stale.to_base64()).await;
    is_problem(&answer, 400, "transaction_failed");
    assert_eq!(answer.1["extras"]["result_codes"], json!({ "transaction": "tx_bad_seq" }));
    assert_eq!(answer.1["extras"]["result_xdr"], "AAAAAAAAAGT////7AAAAAA==");

    let answer = town.post("/transactions", "tx", "AAAA").await;
    is_problem(&answer, 400, "transaction_malformed");
    assert_eq!(answer.1["extras"]["envelope_xdr"], "AAAA");
    let json_body = Request::post("/transactions").body(Body::from("{}")).unwrap();
    assert_eq!(town.ask(json_body).await.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn a_submission_behind_another_times_out_and_says_its_hash() {
    let town = Town::new();
    town.befriend(&["alice", "bob"]);
    let first = town.write(&draft("alice", [pay("bob", Asset::Native, 1)]));
    let second = draft("alice", [pay("bob", Asset::Native, 2)])
        .with(|draft| draft.sequence = Some(first.sequence() + 1));
    let second = town.write(&second);
    assert_eq!(town.sandbox.submit(first), Submission::Pending);
    let text = second.to_base64();
    let waiting = town.post("/transactions", "tx", &text);
    let (answer, ()) = tokio::join!(waiting, async { town.clock.forward(30) });
    is_problem(&answer, 504, "transaction_submission_timeout");
    assert_eq!(answer.1["extras"]["hash"], second.hash.to_string());
    assert_eq!(answer.1["extras"]["envelope_xdr"], second.to_base64());
}

#[tokio::test]
async fn asynchronous_submission_says_what_the_network_says() {
    let town = Town::new();
    town.befriend(&["alice", "bob"]);
    let nth = |n: i64| {
        let next = town.sandbox.sequence(id("alice")).unwrap() + n;
        town.write(&draft("alice", [pay("bob", Asset::Native, 1)]).with(|draft| draft.sequence = Some(next)))
    };
    let (first, second, old) = (nth(1), nth(2), nth(0));
    for (tx, status, name) in [
        (&first, StatusCode::CREATED, "PENDING"),
        (&first, StatusCode::CONFLICT, "DUPLICATE"),
        (&second, StatusCode::SERVICE_UNAVAILABLE, "TRY_AGAIN_LATER"),
        (&old, StatusCode::BAD_REQUEST, "ERROR"),
    ] {
        let (got, answer) = town.post("/transactions_async", "tx", &tx.to_base64()).await;
        assert_eq!((got, answer["tx_status"].as_str().unwrap()), (status, name));
        assert_eq!(answer["hash"], tx.hash.to_string());
        assert_eq!(answer.get("error_result_xdr").is_some(), name == "ERROR");
    }
}

#[tokio::test]
async fn friendbot_creates_an_account_once_and_issuers_give_tokens() {
    let town = Town::new();
    let path = format!("/friendbot?addr={}", id("alice"));
    let (answer, ()) = tokio::join!(town.get(&path), async { town.close() });
    assert_eq!(answer.0, StatusCode::OK);
    assert_eq!(town.sandbox.balance(id("alice"), &Asset::Native).unwrap(), Stroops::from_units(10_000));
    let (again, ()) = tokio::join!(town.get(&path), async { town.close() });
    is_problem(&again, 400, "transaction_failed");
    assert_eq!(again.1["extras"]["result_codes"]["operations"], json!(["op_already_exists"]));
    is_problem(&town.get("/friendbot?addr=me").await, 400, "bad_request");

    let tft = town.sandbox.asset("TFT").unwrap();
    town.send(&draft("alice", [trust(tft, i64::MAX)]));
    let body = json!({ "to": id("alice"), "code": "TFT", "amount": "12.5" }).to_string();
    let request = Request::post("/sandbox/issue").body(Body::from(body)).unwrap();
    let (response, ()) = tokio::join!(town.ask(request), async { town.close() });
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(town.sandbox.balance(id("alice"), &tft), Some("12.5".parse().unwrap()));
}

#[tokio::test]
async fn more_gifts_than_channels_wait_for_the_next_ledger() {
    let town = Town::new();
    let names: Vec<_> = (0..150).map(|n| format!("p{n}")).collect();
    let asked = futures::future::join_all(names.iter().map(|name| {
        let path = format!("/friendbot?addr={}", id(name));
        async {
            let path = path;
            town.get(&path).await
        }
    }));
    let closing = async {
        for _ in 0..3 {
            tokio::task::yield_now().await;
            town.close();
        }
    };
    let (answers, ()) = tokio::join!(asked, closing);
    assert!(answers.iter().all(|(status, _)| *status == StatusCode::OK));
}
