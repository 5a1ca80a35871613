//! Documents, pages and problems.

use super::*;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use stellar_xdr::{ClaimPredicate, Memo};

use crate::story::*;
use stellar_types::address::Address;
use stellar_types::asset::Asset;
use stellar_types::ids::LedgerSeq;

#[tokio::test]
async fn the_root_tells_the_passphrase_and_the_issuers() {
    let town = Town::new();
    let (status, root) = town.get("/").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(root["network_passphrase"], "Farmgate Sandbox Network ; 2026");
    assert_eq!(root["history_latest_ledger"], 1);
    assert_eq!(root["history_latest_ledger_closed_at"], "2026-01-01T00:00:00Z");
    let issuer = town.sandbox.asset("TFT").unwrap().issuer().unwrap();
    assert_eq!(root["farmgate_sandbox"]["issuers"]["TFT"], issuer.to_string());
    assert_eq!(root["farmgate_sandbox"]["friendbot"], "http://horizon.test/friendbot");
}

#[tokio::test]
async fn an_account_comes_with_the_ledger_it_is_as_of() {
    let town = Town::new();
    town.befriend(&["alice"]);
    let tft = town.sandbox.asset("TFT").unwrap();
    town.send(&draft("alice", [trust(tft, i64::MAX), data("note", Some("hello"))]));
    let request = Request::get(format!("/accounts/{}", id("alice"))).body(Body::empty()).unwrap();
    let response = town.ask(request).await;
    assert_eq!(response.headers()["Latest-Ledger"], "3");
    assert_eq!(response.headers()["content-type"], "application/hal+json; charset=utf-8");
    let account = json(response).await;
    assert_eq!(account["sequence"], ((2_i64 << 32) + 1).to_string());
    assert_eq!(account["sequence_ledger"], 3);
    assert_eq!(account["subentry_count"], 2);
    assert_eq!(account["last_modified_ledger"], 3);
    assert_eq!(account["data"]["note"], "aGVsbG8=");
    let balances = account["balances"].as_array().unwrap();
    assert_eq!(balances[0]["asset_code"], "TFT");
    assert_eq!(balances[0]["limit"], "922337203685.4775807");
    assert_eq!(balances[0]["is_authorized"], true);
    assert!(balances[0].get("is_clawback_enabled").is_none());
    assert_eq!(balances[1]["asset_type"], "native");
    assert_eq!(balances[1]["balance"], "9999.9999800");
    assert_eq!(account["signers"][0]["weight"], 1);
    assert_eq!(account["num_sponsored"], 0);
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_document() {
    let town = Town::new();
    is_problem(&town.get(&format!("/accounts/{}", id("nobody"))).await, 404, "not_found");
    is_problem(&town.get(&format!("/accounts/{}/payments", id("nobody"))).await, 404, "not_found");
    is_problem(&town.get(&format!("/transactions/{}", "0".repeat(64))).await, 404, "not_found");
    is_problem(&town.get("/ledgers/99").await, 404, "not_found");
    is_problem(&town.get("/nothing/here").await, 404, "not_found");
    let response = town.ask(Request::get("/nothing").body(Body::empty()).unwrap()).await;
    assert_eq!(response.headers()["content-type"], "application/problem+json; charset=utf-8");
}

#[tokio::test]
async fn bad_parameters_are_named_with_horizons_reasons() {
    let town = Town::new();
    let muxed = "MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVAAAAAAAAAAAAAJLK";
    for (path, field, reason) in [
        ("/payments?limit=0", "limit", "invalid limit: non-positive value provided"),
        ("/payments?limit=201", "limit", "invalid limit: value provided that is over limit max of 200"),
        ("/payments?limit=ten", "limit", "unparseable value"),
        ("/payments?cursor=x", "cursor", "cursor: invalid value"),
        ("/payments?cursor=-1", "cursor", "cursor: invalid value"),
        ("/payments?order=up", "order", "order: invalid value"),
        ("/accounts/GABC", "account_id", crate::horizon::response::BAD_ACCOUNT),
        (&format!("/accounts/{muxed}"), "account_id", crate::horizon::response::BAD_ACCOUNT),
        ("/transactions/ABC", "tx_id", crate::horizon::response::BAD_HASH),
    ] {
        let answer = town.get(path).await;
        is_problem(&answer, 400, "bad_request");
        assert_eq!(answer.1["extras"]["invalid_field"], field, "{path}");
        assert_eq!(answer.1["extras"]["reason"], reason, "{path}");
    }
    is_problem(&town.get("/accounts").await, 400, "invalid_accounts_params");
    let two = format!("/accounts?signer={0}&sponsor={0}", id("alice"));
    is_problem(&town.get(&two).await, 400, "invalid_accounts_params");
}

#[tokio::test]
async fn accounts_are_found_by_signer_sponsor_and_asset_page_by_page() {
    let town = Town::new();
    let names = ["alice", "bob", "carol", "dave", "erin"];
    town.befriend(&names);
    for name in &names[1..] {
        town.send(&draft(name, [signer(signer_key("alice"), 1)]));
    }
    let mut seen = Vec::new();
    let mut path = format!("/accounts?limit=2&signer={}", id("alice"));
    loop {
        let (_, page) = town.get(&path).await;
        let records = page["_embedded"]["records"].as_array().unwrap().clone();
        if records.is_empty() {
            break;
        }
        assert!(records.len() <= 2);
        seen.extend(records.iter().map(|record| record["id"].as_str().unwrap().to_owned()));
        let next = page["_links"]["next"]["href"].as_str().unwrap();
        path = next.strip_prefix("http://horizon.test").unwrap().to_owned();
        let last = seen.last().unwrap();
        assert_eq!(path, format!("/accounts?cursor={last}&limit=2&order=asc&signer={}", id("alice")));
    }
    let mut expected: Vec<_> = names.iter().map(|name| id(name).to_string()).collect();
    expected.sort();
    assert_eq!(seen, expected, "in the order of their texts, the signer's own account among them");

    let request = Request::get(format!("/accounts?signer={}", id("alice"))).body(Body::empty()).unwrap();
    assert_eq!(town.ask(request).await.headers()["Latest-Ledger"], "6");
    let tft = town.sandbox.asset("TFT").unwrap();
    let sandwich = draft("bob", [begin("carol")])
        .by("carol", trust(tft, 5))
        .by("carol", end())
        .signed_by(&["bob", "carol"]);
    town.send(&sandwich);
    for query in [format!("sponsor={}", id("bob")), format!("asset={tft}")] {
        let (_, page) = town.get(&format!("/accounts?{query}")).await;
        let records = page["_embedded"]["records"].as_array().unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0]["id"], id("carol").to_string());
        assert_eq!(records[0]["balances"][0]["sponsor"], id("bob").to_string());
    }
}

#[tokio::test]
async fn payments_come_in_pages_with_their_memo_when_joined() {
    let town = Town::new();
    town.befriend(&["alice", "bob"]);
    let mut hashes = Vec::new();
    for n in 1..=3 {
        let memo = Memo::Text(format!("p-{n} & co").as_str().try_into().unwrap());
        let payment = draft("alice", [pay("bob", Asset::Native, n)]).with(|draft| draft.memo = memo);
        hashes.push(town.send(&payment));
    }
    let base = format!("/accounts/{}/payments", id("bob"));
    let (_, page) = town.get(&format!("{base}?join=transactions&limit=3")).await;
    let records = page["_embedded"]["records"].as_array().unwrap();
    assert_eq!(records[0]["type"], "create_account");
    assert_eq!(records[0]["starting_balance"], "10000.0000000");
    assert_eq!(records[1]["type_i"], 1);
    assert_eq!(records[1]["amount"], "0.0000001");
    assert_eq!(records[1]["transaction_hash"], hashes[0].to_string());
    assert_eq!(records[1]["transaction"]["memo"], "p-1 & co");
    assert_eq!(records[1]["transaction"]["memo_type"], "text");
    let id_of = |record: &Value| record["id"].as_str().unwrap().to_owned();
    assert_eq!(id_of(&records[1]), ((3_i64 << 32) | (1 << 12) | 1).to_string());

    let (_, rest) = town.get(&format!("{base}?cursor={}", id_of(&records[2]))).await;
    assert_eq!(rest["_embedded"]["records"].as_array().unwrap().len(), 1);
    assert!(rest["_embedded"]["records"][0].get("transaction").is_none());
    let (_, back) = town.get(&format!("{base}?order=desc&limit=1")).await;
    assert_eq!(back["_embedded"]["records"][0]["amount"], "0.0000003");
    let prev = back["_links"]["prev"]["href"].as_str().unwrap();
    assert!(prev.ends_with("&limit=1&order=asc"), "{prev}");
    let (_, none) = town.get(&format!("{base}?cursor=now")).await;
    assert_eq!(none["_embedded"]["records"].as_array().unwrap().len(), 0);
    let now = format!(
        "http://horizon.test{base}?cursor={}&limit=10&order=asc",
        crate::horizon::request::page::after(LedgerSeq(5))
    );
    for link in ["self", "next"] {
        assert_eq!(none["_links"][link]["href"], now);
    }
    let raw = town.ask(Request::get(format!("{base}?join=transactions")).body(Body::empty()).unwrap()).await;
    let bytes = raw.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(text.contains("p-1 \\u0026 co") && !text.contains('&'), "as Go escapes it");
}

#[tokio::test]
async fn failed_payments_are_listed_only_when_asked_for_and_never_have_effects() {
    let town = Town::new();
    town.befriend(&["alice", "bob"]);
    let hash = town.send(&draft("alice", [pay("bob", Asset::Native, 20_000 * UNIT)]));
    let base = format!("/accounts/{}/payments", id("bob"));
    let count = |page: &Value| page["_embedded"]["records"].as_array().unwrap().len();
    assert_eq!(count(&town.get(&base).await.1), 1);
    let (_, all) = town.get(&format!("{base}?include_failed=true")).await;
    assert_eq!(count(&all), 2);
    assert_eq!(all["_embedded"]["records"][1]["transaction_successful"], false);
    assert_eq!(count(&town.get(&format!("/transactions/{hash}/operations")).await.1), 1);
    assert_eq!(count(&town.get(&format!("/transactions/{hash}/effects")).await.1), 0);
    let (_, tx) = town.get(&format!("/transactions/{hash}")).await;
    assert_eq!((&tx["successful"], &tx["fee_charged"]), (&json!(false), &json!("100")));
    assert_eq!(tx["memo_type"], "none");
    assert!(tx.get("memo").is_none());
}

#[tokio::test]
async fn a_merged_account_is_gone_and_its_history_and_amount_stay() {
    let town = Town::new();
    town.befriend(&["alice", "bob"]);
    town.send(&draft("alice", [merge("bob")]));
    is_problem(&town.get(&format!("/accounts/{}", id("alice"))).await, 404, "not_found");
    let (_, page) = town.get(&format!("/accounts/{}/payments?order=desc", id("alice"))).await;
    let merged = &page["_embedded"]["records"][0];
    assert_eq!(merged["into"], id("bob").to_string());
    assert!(merged.get("amount").is_none());
    let effects = format!("/operations/{}/effects", merged["id"].as_str().unwrap());
    let (_, page) = town.get(&effects).await;
    let records = page["_embedded"]["records"].as_array().unwrap();
    let kinds: Vec<_> = records.iter().map(|record| record["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["account_debited", "account_credited", "account_removed"]);
    assert_eq!(records[1]["amount"], "9999.9999900");
    assert_eq!(records[1]["paging_token"], format!("{}-2", merged["id"].as_str().unwrap()));
    assert_eq!(records[1]["id"].as_str().unwrap().len(), 30);
}

#[tokio::test]
async fn muxed_addresses_show_beside_their_accounts() {
    let town = Town::new();
    town.befriend(&["alice", "bob"]);
    let to = Address::Muxed { account: id("bob"), id: 5 };
    let body = stellar_xdr::OperationBody::Payment(stellar_xdr::PaymentOp {
        destination: crate::xdr::muxed(to).unwrap(),
        asset: stellar_xdr::Asset::Native,
        amount: 1,
    });
    town.send(&draft("alice", [body]));
    let (_, page) = town.get(&format!("/accounts/{}/payments?order=desc&limit=1", id("bob"))).await;
    let payment = &page["_embedded"]["records"][0];
    assert_eq!(payment["to"], id("bob").to_string());
    assert_eq!(payment["to_muxed"], to.to_string());
    assert_eq!(payment["to_muxed_id"], "5");
    assert!(payment.get("from_muxed").is_none());
}

#[tokio::test]
async fn ledgers_and_fees_are_told() {
    let town = Town::new();
    town.befriend(&["alice", "bob"]);
    town.send(&draft("alice", [pay("bob", Asset::Native, 1)]).with(|draft| draft.fee = Some(500)));
    let (_, ledger) = town.get("/ledgers/3").await;
    assert_eq!(ledger["sequence"], 3);
    assert_eq!(ledger["successful_transaction_count"], 1);
    assert_eq!(ledger["closed_at"], "2026-01-01T00:00:10Z");
    assert_eq!(ledger["base_reserve_in_stroops"], 5_000_000);
    assert_eq!(ledger["total_coins"], "100000000000.0000000");
    let (_, before) = town.get("/ledgers/2").await;
    assert_eq!(ledger["prev_hash"], before["hash"]);
    let (_, page) = town.get("/ledgers?order=desc&limit=1").await;
    assert_eq!(page["_embedded"]["records"][0]["paging_token"], (3_i64 << 32).to_string());
    let (_, fees) = town.get("/fee_stats").await;
    assert_eq!((&fees["last_ledger"], &fees["last_ledger_base_fee"]), (&json!("3"), &json!("100")));
    assert_eq!(fees["max_fee"]["max"], "500");
    assert_eq!(fees["fee_charged"]["mode"], "100");
    for path in ["/ledgers/3/transactions", "/ledgers/3/payments", "/operations?limit=1", "/effects?limit=1"]
    {
        let (status, page) = town.get(path).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(page["_embedded"]["records"].as_array().unwrap().len(), 1, "{path}");
    }
}

#[tokio::test]
async fn a_browser_gets_a_page_and_everyone_else_json() {
    let town = Town::new();
    town.befriend(&["alice"]);
    town.sandbox.faults().set_rate(crate::faults::Fault::ResetBefore, 1_000);
    let browser =
        Request::get("/").header(header::ACCEPT, "text/html,*/*;q=0.8").body(Body::empty()).unwrap();
    let response = town.ask(browser).await;
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    let bytes = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    let page = String::from_utf8(bytes.to_vec()).unwrap();
    for part in ["Ledger <strong>2</strong>", "reset_before", "FreeTFT", "/transactions/", "done"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("http://") && !page.contains("https://"), "nothing from elsewhere");
    town.sandbox.faults().clear();
    assert_eq!(town.get("/").await.1["history_latest_ledger"], 2);
}

#[tokio::test]
async fn every_list_is_told_page_by_page_in_both_orders_without_gap_or_repetition() {
    let town = Town::new();
    town.befriend(&["alice", "bob"]);
    town.send(&draft("alice", [trust(issued("GOLD", "bob"), i64::MAX)]));
    town.send(&draft("bob", [trust(issued("GOLD", "alice"), i64::MAX)]));
    for n in 1..=3 {
        town.send(&draft("alice", [pay("bob", Asset::Native, n), pay("bob", Asset::Native, n)]));
        town.send(&draft("alice", [sell(Asset::Native, issued("GOLD", "bob"), n, (1, 1), 0)]));
        town.send(&draft("bob", [pay_through("bob", (issued("GOLD", "bob"), n), &[], (Asset::Native, n))]));
        town.send(&draft("bob", [sell(Asset::Native, issued("GOLD", "alice"), n, (1, 1), 0)]));
        town.send(&draft("bob", [set_aside(Asset::Native, n, &[("alice", ClaimPredicate::Unconditional)])]));
    }
    let alice = id("alice");
    for list in [
        "/ledgers?".to_owned(),
        "/transactions?".to_owned(),
        "/operations?".to_owned(),
        "/payments?".to_owned(),
        "/effects?".to_owned(),
        "/trades?".to_owned(),
        "/offers?".to_owned(),
        "/claimable_balances?".to_owned(),
        format!("/accounts?signer={alice}&"),
        format!("/accounts/{alice}/transactions?"),
        format!("/accounts/{alice}/operations?"),
        format!("/accounts/{alice}/payments?"),
        format!("/accounts/{alice}/effects?"),
        format!("/accounts/{alice}/trades?"),
    ] {
        let tokens = |page: &Value| -> Vec<Value> {
            let records = page["_embedded"]["records"].as_array().unwrap();
            records.iter().map(|record| record["paging_token"].clone()).collect()
        };
        let (_, whole) = town.get(&format!("{list}limit=200")).await;
        let whole = tokens(&whole);
        assert!(!whole.is_empty(), "{list}");
        for order in ["asc", "desc"] {
            let (mut seen, mut next) = (Vec::new(), format!("{list}limit=1&order={order}"));
            while seen.len() <= whole.len() {
                let (_, page) = town.get(&next).await;
                let Some(token) = tokens(&page).pop() else { break };
                seen.push(token);
                let href = page["_links"]["next"]["href"].as_str().unwrap();
                next = href.strip_prefix("http://horizon.test").unwrap().to_owned();
            }
            if order == "desc" {
                seen.reverse();
            }
            assert_eq!(seen, whole, "{list} {order}");
        }
    }
}

#[tokio::test]
async fn whoever_asks_for_it_is_answered_compressed_and_no_stream_is() {
    let town = Town::new();
    town.befriend(&["alice"]);
    let asks = |accept: &str, encoding: &str| {
        let request = Request::get("/ledgers?cursor=now&limit=1").header(header::ACCEPT, accept);
        request.header(header::ACCEPT_ENCODING, encoding).body(Body::empty()).unwrap()
    };
    for (accept, encoding, packed) in [
        ("application/json", "gzip", Some("gzip")),
        ("application/json", "identity", None),
        ("text/event-stream", "gzip", None),
    ] {
        let answer = town.ask(asks(accept, encoding)).await;
        let got = answer.headers().get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap());
        assert_eq!(got, packed, "{accept} {encoding}");
    }
}
