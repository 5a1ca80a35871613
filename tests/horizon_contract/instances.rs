//! What one Horizon's address may do that a single server does not: answers that come late, from a second
//! instance that is behind, or without a field; and the payment stream.

use std::time::Duration;

use farmgate::domain::ids::{LedgerSeq, OperationId, TxHash};
use farmgate::ports::network::{Feed, Gateway, History, HistoryRecord, NetworkError, Sent};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;
use wiremock::matchers::{header, path, query_param};

use super::submissions::signed;
use super::support::{Horizon, account, fixture, ok, problem};

#[tokio::test]
async fn a_transaction_that_landed_behind_a_504_is_found_and_its_second_sending_repeats_the_outcome() {
    let horizon = Horizon::start().await;
    let signed = signed(&horizon.network).await;
    let at = format!("/transactions/{}", signed.hash);
    horizon.answers("POST", "/transactions", ok(&fixture("transaction"))).await;
    horizon.answers_first(1, "/transactions", problem("error_504_transaction_submission_timeout")).await;
    horizon.answers("GET", &at, ok(&fixture("transaction"))).await;
    horizon.answers_first(1, &at, problem("error_404_not_found")).await;

    let network = &horizon.network;
    assert!(matches!(network.send(&signed.envelope).await, Sent::Unknown { .. }));
    assert_eq!(network.transaction(signed.hash).await.unwrap(), None, "not yet, or not on this instance");
    let found = network.transaction(signed.hash).await.unwrap().unwrap();
    assert!(found.successful && found.hash == signed.hash);
    match network.send(&signed.envelope).await {
        Sent::Included(record) => assert_eq!(*record, found),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_second_instance_that_lags_is_known_by_the_ledger_of_its_answers() {
    let horizon = Horizon::start().await;
    let at = format!("/accounts/{}", account("escrow"));
    let of = |body: &Value, ledger: &str| ok(body).insert_header("Latest-Ledger", ledger);
    horizon.answers("GET", &at, of(&fixture("account_escrow"), "1300")).await;
    horizon
        .answers_first(1, &at, problem("error_404_not_found").insert_header("Latest-Ledger", "1190"))
        .await;
    let page = fixture("accounts_page_signer");
    horizon.answers("GET", "/accounts", of(&page, "1300")).await;
    horizon.answers_first(1, "/accounts", of(&page, "1290")).await;
    let history = format!("{at}/payments");
    horizon.answers("GET", &history, ok(&fixture("payments_page"))).await;
    horizon.answers_first(1, &history, ok(&fixture("payments_page_empty"))).await;

    let network = &horizon.network;
    let behind = network.account(account("escrow")).await.unwrap();
    assert_eq!((behind.ledger, behind.account), (LedgerSeq(1190), None), "absent as of then, no later");
    assert_eq!(network.account(account("escrow")).await.unwrap().ledger, LedgerSeq(1300));
    let pages =
        [network.watched_accounts(None).await.unwrap(), network.watched_accounts(None).await.unwrap()];
    assert_eq!(pages.map(|page| page.ledger), [LedgerSeq(1290), LedgerSeq(1300)]);
    assert_eq!(network.payments(account("escrow"), OperationId(0), 200).await.unwrap(), vec![]);
    assert_eq!(network.payments(account("escrow"), OperationId(0), 200).await.unwrap().len(), 8);
}

fn without(body: &Value, field: &str) -> Value {
    let mut body = body.clone();
    assert!(body.as_object_mut().unwrap().remove(field).is_some(), "{field}");
    body
}

#[tokio::test]
async fn an_answer_without_a_field_that_is_needed_is_unreadable_and_never_a_default() {
    let unreadable = |outcome: Result<(), NetworkError>, field: &str| {
        assert!(matches!(outcome, Err(NetworkError::Unreadable { .. })), "{field}: {outcome:?}");
    };
    for field in ["sequence", "closed_at"] {
        let horizon = Horizon::start().await;
        horizon.answers("GET", "/ledgers/1200", ok(&without(&fixture("ledger"), field))).await;
        unreadable(horizon.network.ledger(LedgerSeq(1200)).await.map(drop), field);
    }
    for field in ["account_id", "sequence", "balances", "last_modified_ledger"] {
        let horizon = Horizon::start().await;
        let at = format!("/accounts/{}", account("escrow"));
        horizon.answers("GET", &at, ok(&without(&fixture("account_escrow"), field))).await;
        unreadable(horizon.network.account(account("escrow")).await.map(drop), field);
    }
    let transaction = fixture("transaction");
    let hash: TxHash = transaction["hash"].as_str().unwrap().parse().unwrap();
    for field in [
        "hash",
        "paging_token",
        "successful",
        "ledger",
        "created_at",
        "source_account",
        "source_account_sequence",
        "fee_charged",
    ] {
        let horizon = Horizon::start().await;
        horizon.answers("GET", &format!("/transactions/{hash}"), ok(&without(&transaction, field))).await;
        unreadable(horizon.network.transaction(hash).await.map(drop), field);
    }
}

#[tokio::test]
async fn a_payment_without_a_field_that_is_needed_is_put_aside_and_its_page_goes_on() {
    for field in [
        "transaction_hash",
        "transaction_successful",
        "created_at",
        "from",
        "to",
        "amount",
        "asset_type",
        "asset_code",
        "asset_issuer",
    ] {
        let horizon = Horizon::start().await;
        let mut page = fixture("payments_page");
        let records = page["_embedded"]["records"].as_array_mut().unwrap();
        records[1] = without(&records[1], field);
        horizon.answers("GET", &format!("/accounts/{}/payments", account("escrow")), ok(&page)).await;
        let read = horizon.network.payments(account("escrow"), OperationId(0), 200).await.unwrap();
        let aside = matches!(read[1], HistoryRecord::Unreadable { operation: Some(_), .. });
        assert!(aside && read.len() == 8, "{field}: {:?}", read[1]);
        assert!(matches!(read[2], HistoryRecord::Payment(_)), "{field}");
    }
}

const HELLO: &str = "retry: 1000\nevent: open\ndata: \"hello\"\n\n";
const BYE: &str = "retry: 10\nevent: close\ndata: \"byebye\"\n\n";

fn events(frames: &[String]) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw([HELLO, &frames.concat(), BYE].concat(), "text/event-stream")
}

fn event(id: i64, json: &Value) -> String {
    format!("id: {id}\ndata: {json}\n\n")
}

async fn next_heard(feed: &mut dyn Feed) -> (i64, usize) {
    loop {
        if let Some(heard) = feed.next().await.unwrap() {
            return (heard.operation.0, heard.accounts.len());
        }
    }
}

#[tokio::test]
async fn the_payment_stream_is_heard_record_by_record_and_goes_on_after_the_last() {
    let horizon = Horizon::start().await;
    let records = fixture("payments_page")["_embedded"]["records"].as_array().unwrap().clone();
    let id = |record: &Value| record["id"].as_str().unwrap().parse::<i64>().unwrap();
    let last = id(&records[7]);
    let mut frames: Vec<String> = records.iter().map(|record| event(id(record), record)).collect();
    frames.insert(3, "id: 5\ndata: {\"id\":\n\n".to_owned());
    let cursor = |cursor: i64| {
        wiremock::Mock::given(path("/payments"))
            .and(query_param("cursor", cursor.to_string()))
            .and(header("last-event-id", cursor.to_string()))
            .and(header("accept", "text/event-stream"))
    };
    cursor(77).respond_with(events(&frames)).mount(&horizon.server).await;
    let later = json!({ "id": (last + 1).to_string(), "to": account("escrow") });
    cursor(last).respond_with(events(&[event(last + 1, &later)])).mount(&horizon.server).await;

    let mut feed = horizon.network.feed(Some(OperationId(77))).unwrap();
    for record in &records {
        let (operation, accounts) = next_heard(&mut *feed).await;
        assert_eq!(operation, id(record));
        assert!(accounts >= 1, "{record}");
    }
    assert_eq!(next_heard(&mut *feed).await, (last + 1, 1));
}

#[tokio::test]
async fn a_stream_over_the_rate_limit_closes_the_gate_for_everything() {
    let horizon = Horizon::start().await;
    let limited = problem("error_429_rate_limit_exceeded").insert_header("Retry-After", "7");
    horizon.answers("GET", "/payments", events(&[])).await;
    horizon.answers_first(1, "/payments", limited).await;
    horizon.answers("GET", "/ledgers", ok(&fixture("ledgers_page"))).await;
    let mut feed = horizon.network.feed(None).unwrap();
    assert!(matches!(feed.next().await, Err(NetworkError::RateLimited { .. })));
    assert!(horizon.network.tip().await.is_ok());
    assert_eq!(horizon.clock.slept(), Duration::from_secs(7));
    assert_eq!(feed.next().await.unwrap(), None, "and it is opened again");
}

#[tokio::test]
async fn a_place_that_the_stream_does_not_go_back_to_is_given_up_for_the_present() {
    let horizon = Horizon::start().await;
    let gone = ResponseTemplate::new(410)
        .set_body_json(json!({ "title": "Data Requested Is Before Recorded History" }));
    let at = |cursor: &str| wiremock::Mock::given(path("/payments")).and(query_param("cursor", cursor));
    at("77").respond_with(gone).mount(&horizon.server).await;
    at("now").respond_with(events(&[])).mount(&horizon.server).await;
    let mut feed = horizon.network.feed(Some(OperationId(77))).unwrap();
    assert!(matches!(feed.next().await, Err(NetworkError::Refused { status: 410, .. })));
    assert_eq!(feed.next().await.unwrap(), None);
}

#[tokio::test]
async fn what_is_spent_is_counted_but_for_sweeps_and_for_opening_streams() {
    let horizon = Horizon::start().await;
    horizon.answers("GET", "/ledgers", ok(&fixture("ledgers_page"))).await;
    horizon.answers("GET", "/accounts", ok(&fixture("accounts_page_signer"))).await;
    for _ in 0..3 {
        horizon.network.tip().await.unwrap();
        horizon.network.watched_accounts(None).await.unwrap();
    }
    let spending = horizon.network.spending();
    assert_eq!(spending.per_hour_max.map(std::num::NonZeroU32::get), Some(3_600));
    assert_eq!(spending.otherwise_per_hour, 3 * 6, "of ten minutes, for an hour");
}
