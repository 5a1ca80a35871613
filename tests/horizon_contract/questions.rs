//! Questions: what is asked, how answers are read, and what each fault of a server becomes.

use std::io::{Read, Write};
use std::time::Duration;

use farmgate::domain::address::AccountId;
use farmgate::domain::asset::Asset;
use farmgate::domain::ids::{LedgerSeq, OperationId, TxHash};
use farmgate::domain::payment::Memo;
use farmgate::ports::network::{EffectId, EffectKind, Gateway, History, HistoryRecord, NetworkError};
use farmgate::stellar::CheckError;
use serde_json::json;
use wiremock::ResponseTemplate;
use wiremock::matchers::{path, query_param};

use super::support::{Horizon, account, clock, fixture, network, ok, problem};

fn payments_path() -> String {
    format!("/accounts/{}/payments", account("escrow"))
}

fn account_path() -> String {
    format!("/accounts/{}", account("escrow"))
}

#[tokio::test]
async fn the_network_is_read_through_its_port() {
    let horizon = Horizon::start().await;
    horizon.answers("GET", "/ledgers", ok(&fixture("ledgers_page"))).await;
    horizon.answers("GET", "/ledgers/1200", ok(&fixture("ledger"))).await;
    horizon.answers("GET", "/", ok(&fixture("root"))).await;
    let escrow = ok(&fixture("account_escrow")).insert_header("Latest-Ledger", "1201");
    horizon.answers("GET", &account_path(), escrow).await;
    let transaction = fixture("transaction");
    let hash: TxHash = transaction["hash"].as_str().unwrap().parse().unwrap();
    horizon.answers("GET", &format!("/transactions/{hash}"), ok(&transaction)).await;

    assert_eq!(horizon.network.tip().await.unwrap().sequence, LedgerSeq(1200));
    let ledger = horizon.network.ledger(LedgerSeq(1200)).await.unwrap().unwrap();
    assert_eq!(ledger.closed_at.to_string(), "2026-03-01T10:00:05Z");
    let answer = horizon.network.account(account("escrow")).await.unwrap();
    let snapshot = answer.account.unwrap();
    assert_eq!((answer.ledger, snapshot.last_modified), (LedgerSeq(1201), LedgerSeq(1199)));
    assert_eq!(snapshot.sponsor, Some(account("platform")));
    let record = horizon.network.transaction(hash).await.unwrap().unwrap();
    assert_eq!((record.hash, record.codes.operations.len()), (hash, 2));
    assert_eq!(horizon.network.check_passphrase().await.unwrap().history_elder_ledger, LedgerSeq(2));
    for request in horizon.requests().await {
        assert!(request.headers["user-agent"].to_str().unwrap().starts_with("farmgate/"));
    }
}

#[tokio::test]
async fn a_horizon_of_another_network_is_refused() {
    let horizon = Horizon::start().await;
    let mut root = fixture("root");
    root["network_passphrase"] = json!("Another Network");
    horizon.answers("GET", "/", ok(&root)).await;
    match horizon.network.check_passphrase().await {
        Err(CheckError::OtherNetwork { theirs, .. }) => assert_eq!(theirs, "Another Network"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn payments_are_asked_after_the_cursor_with_their_memos() {
    let horizon = Horizon::start().await;
    let asked = wiremock::Mock::given(path(payments_path()))
        .and(query_param("cursor", "77"))
        .and(query_param("limit", "200"))
        .and(query_param("order", "asc"))
        .and(query_param("join", "transactions"))
        .respond_with(ok(&fixture("payments_page")));
    asked.expect(1).mount(&horizon.server).await;
    let records = horizon.network.payments(account("escrow"), OperationId(77), 5_000).await.unwrap();
    let memos: Vec<_> = records
        .iter()
        .map(|record| match record {
            HistoryRecord::Payment(payment) => payment.memo.clone(),
            HistoryRecord::NotAPayment { .. } | HistoryRecord::Unreadable { .. } => None,
        })
        .collect();
    let expected = [
        Some(Memo::None),
        Some(Memo::Text("p-42".to_owned())),
        Some(Memo::Id(u64::MAX)),
        Some(Memo::Hash(TxHash([7; 32]))),
        Some(Memo::Return(TxHash([8; 32]))),
        None,
        Some(Memo::None),
        None,
    ];
    assert_eq!(memos, expected);
}

#[tokio::test]
async fn one_bad_record_does_not_spoil_its_page() {
    let horizon = Horizon::start().await;
    let mut page = fixture("payments_page");
    page["_embedded"]["records"][2]["amount"] = json!("25,0");
    page["_embedded"]["records"][3] = json!("not even a record");
    horizon.answers("GET", &payments_path(), ok(&page)).await;
    let records = horizon.network.payments(account("escrow"), OperationId(0), 200).await.unwrap();
    assert_eq!(records.len(), 8);
    match &records[2] {
        HistoryRecord::Unreadable { operation: Some(operation), json, .. } => {
            assert_eq!(operation.ledger(), LedgerSeq(1161));
            assert!(json.contains("25,0"));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(&records[3], HistoryRecord::Unreadable { operation: None, .. }));
    assert!(matches!(&records[4], HistoryRecord::Payment(_)));
}

#[tokio::test]
async fn a_page_that_does_not_honour_the_cursor_is_not_believed() {
    let horizon = Horizon::start().await;
    let page = fixture("payments_page");
    horizon.answers("GET", &payments_path(), ok(&page)).await;
    let second = page["_embedded"]["records"][1]["id"].as_str().unwrap().parse().unwrap();
    let error = horizon.network.payments(account("escrow"), second, 200).await.unwrap_err();
    assert!(matches!(error, NetworkError::Unreadable { .. }), "{error}");
}

#[tokio::test]
async fn absence_is_an_answer_where_it_can_be_and_proves_nothing() {
    let horizon = Horizon::start().await;
    let gone = problem("error_404_not_found");
    horizon.answers("GET", "/ledgers/9", gone.clone()).await;
    horizon.answers("GET", &payments_path(), gone.clone()).await;
    horizon.answers("GET", "/ledgers", gone.clone()).await;
    horizon.answers("GET", &account_path(), gone.clone().insert_header("Latest-Ledger", "1201")).await;
    let network = &horizon.network;
    assert_eq!(network.ledger(LedgerSeq(9)).await.unwrap(), None);
    assert_eq!(network.transaction(TxHash([1; 32])).await.unwrap(), None);
    assert_eq!(network.transaction_using(account("channel"), 5).await.unwrap(), None);
    assert_eq!(network.payments(account("escrow"), OperationId(0), 200).await.unwrap(), vec![]);
    let answer = network.account(account("escrow")).await.unwrap();
    assert_eq!((answer.ledger, answer.account), (LedgerSeq(1201), None));
    let error = network.tip().await.unwrap_err();
    assert!(matches!(error, NetworkError::Refused { status: 404, .. }), "{error}");
}

#[tokio::test]
async fn without_the_ledger_header_an_answer_is_as_old_as_what_it_shows() {
    let horizon = Horizon::start().await;
    horizon.answers("GET", &account_path(), ok(&fixture("account_escrow"))).await;
    horizon.answers("GET", "/accounts", ok(&fixture("accounts_page_signer"))).await;
    let answer = horizon.network.account(account("escrow")).await.unwrap();
    assert_eq!(answer.ledger, LedgerSeq(1199));
    let page = horizon.network.watched_accounts(None).await.unwrap();
    assert_eq!((page.ledger, page.accounts.len(), page.next), (LedgerSeq(1201), 3, None));
    let nobody = horizon.network.account(account("stranger")).await.unwrap();
    assert_eq!((nobody.ledger, nobody.account), (LedgerSeq(0), None));
}

#[tokio::test]
async fn watched_accounts_are_found_by_the_platforms_signer_page_by_page() {
    let horizon = Horizon::start().await;
    let mut page = fixture("accounts_page_signer");
    let one = page["_embedded"]["records"][0].clone();
    let many: Vec<_> = (0..200_u8)
        .map(|n| {
            let mut record = one.clone();
            record["account_id"] = json!(farmgate::domain::address::AccountId([n; 32]));
            record
        })
        .collect();
    page["_embedded"]["records"] = json!(many);
    let first = ok(&page).insert_header("latest-ledger", "1300");
    let asked = wiremock::Mock::given(path("/accounts"))
        .and(query_param("signer", account("platform").to_string()))
        .and(query_param("limit", "200"))
        .and(query_param("order", "asc"))
        .respond_with(first);
    asked.expect(2).mount(&horizon.server).await;
    let read = horizon.network.watched_accounts(None).await.unwrap();
    assert_eq!((read.ledger, read.accounts.len()), (LedgerSeq(1300), 200));
    let next = read.next.unwrap();
    assert_eq!(next, read.accounts[199].account);
    // A Horizon that forgets the cursor would lead in circles.
    assert!(horizon.network.watched_accounts(Some(next)).await.is_err());
}

#[tokio::test]
async fn an_account_that_cannot_be_read_is_left_out_but_a_page_of_them_is_no_answer() {
    let horizon = Horizon::start().await;
    let mut page = fixture("accounts_page_signer");
    page["_embedded"]["records"][1]["balances"][0]["balance"] = json!("a lot");
    horizon.answers_first(1, "/accounts", ok(&page)).await;
    assert_eq!(horizon.network.watched_accounts(None).await.unwrap().accounts.len(), 2);
    for place in 0..3 {
        page["_embedded"]["records"][place]["sequence"] = json!(null);
    }
    horizon.answers("GET", "/accounts", ok(&page)).await;
    let error = horizon.network.watched_accounts(None).await.unwrap_err();
    assert!(matches!(error, NetworkError::Unreadable { .. }), "{error}");
}

#[tokio::test]
async fn the_transaction_that_used_a_sequence_number_is_found_among_others() {
    let horizon = Horizon::start().await;
    let page = fixture("transactions_page_desc");
    let asked = wiremock::Mock::given(path(format!("/accounts/{}/transactions", account("channel"))))
        .and(query_param("include_failed", "true"))
        .and(query_param("order", "desc"))
        .respond_with(ok(&page));
    asked.mount(&horizon.server).await;
    let first = 1000_i64 << 32;
    let failed = horizon.network.transaction_using(account("channel"), first + 6).await.unwrap().unwrap();
    assert_eq!((failed.successful, failed.codes.operations[1].as_str()), (false, "op_no_trust"));
    assert!(horizon.network.transaction_using(account("channel"), first + 3).await.unwrap().is_some());
    for sequence in [first, first + 7] {
        assert_eq!(horizon.network.transaction_using(account("channel"), sequence).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_fee_bump_is_known_by_both_its_hashes() {
    let horizon = Horizon::start().await;
    let bump = fixture("transaction_fee_bump");
    for part in ["fee_bump_transaction", "inner_transaction"] {
        let hash: TxHash = bump[part]["hash"].as_str().unwrap().parse().unwrap();
        horizon.answers("GET", &format!("/transactions/{hash}"), ok(&bump)).await;
        let record = horizon.network.transaction(hash).await.unwrap().unwrap();
        assert_eq!((record.source, record.fee_account), (account("channel"), account("platform")));
        assert_eq!((record.fee_charged.get(), record.codes.transaction.as_str()), (2_000, "tx_success"));
    }
}

#[tokio::test]
async fn the_answer_to_another_question_is_not_believed() {
    let horizon = Horizon::start().await;
    let stranger = account("stranger");
    horizon.answers("GET", &format!("/accounts/{stranger}"), ok(&fixture("account_escrow"))).await;
    horizon.answers("GET", &format!("/transactions/{}", TxHash([1; 32])), ok(&fixture("transaction"))).await;
    horizon.answers("GET", "/ledgers/7", ok(&fixture("ledger"))).await;
    assert!(matches!(horizon.network.account(stranger).await, Err(NetworkError::Unreadable { .. })));
    let transaction = horizon.network.transaction(TxHash([1; 32])).await;
    assert!(matches!(transaction, Err(NetworkError::Unreadable { .. })));
    assert!(matches!(horizon.network.ledger(LedgerSeq(7)).await, Err(NetworkError::Unreadable { .. })));
}

#[tokio::test]
async fn an_unavailable_horizon_is_asked_again_a_bounded_number_of_times() {
    let horizon = Horizon::start().await;
    horizon.answers("GET", "/ledgers", ok(&fixture("ledgers_page"))).await;
    horizon.answers_first(2, "/ledgers", ResponseTemplate::new(502).set_body_string("<html>")).await;
    assert!(horizon.network.tip().await.is_ok());
    assert_eq!(horizon.requests().await.len(), 3);
    assert!(horizon.clock.slept() >= Duration::from_millis(600), "backoff grows");

    let horizon = Horizon::start().await;
    horizon.answers("GET", "/ledgers", ResponseTemplate::new(500)).await;
    assert!(matches!(horizon.network.tip().await, Err(NetworkError::Unavailable { .. })));
    assert_eq!(horizon.requests().await.len(), 3);
}

#[tokio::test]
async fn stale_history_is_told_apart_and_not_asked_again() {
    let horizon = Horizon::start().await;
    horizon.answers("GET", "/ledgers", problem("error_503_stale_history")).await;
    assert!(matches!(horizon.network.tip().await, Err(NetworkError::StaleHistory)));
    assert_eq!(horizon.requests().await.len(), 1);
}

#[tokio::test]
async fn no_request_is_sent_before_retry_after_has_passed() {
    let horizon = Horizon::start().await;
    horizon.answers("GET", "/ledgers", ok(&fixture("ledgers_page"))).await;
    let limited = problem("error_429_rate_limit_exceeded").insert_header("Retry-After", "7");
    horizon.answers_first(1, "/ledgers", limited).await;
    match horizon.network.tip().await {
        Err(NetworkError::RateLimited { retry_after }) => assert_eq!(retry_after, Duration::from_secs(7)),
        other => panic!("{other:?}"),
    }
    assert_eq!((horizon.requests().await.len(), horizon.clock.slept()), (1, Duration::ZERO));
    assert!(horizon.network.tip().await.is_ok());
    assert_eq!(horizon.clock.slept(), Duration::from_secs(7));

    let limited = problem("error_429_rate_limit_exceeded").insert_header("Retry-After", "900");
    horizon.answers_first(1, "/ledgers", limited).await;
    assert!(horizon.network.tip().await.is_err());
    let sent = horizon.requests().await.len();
    match horizon.network.tip().await {
        Err(NetworkError::RateLimited { retry_after }) => {
            assert!(retry_after > Duration::from_secs(890), "{retry_after:?}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(horizon.requests().await.len(), sent, "the gate is closed");
}

#[tokio::test]
async fn retry_after_as_a_date_or_with_a_503_is_honoured_too() {
    let horizon = Horizon::start().await;
    horizon.answers("GET", "/ledgers", ok(&fixture("ledgers_page"))).await;
    let busy = ResponseTemplate::new(503).insert_header("Retry-After", "Sun, 01 Mar 2026 10:00:15 GMT");
    horizon.answers_first(1, "/ledgers", busy).await;
    assert!(horizon.network.tip().await.is_ok());
    assert_eq!(horizon.clock.slept().as_secs(), 10);
}

#[tokio::test]
async fn bodies_that_are_no_answer_are_unreadable() {
    let empty = String::new();
    let half = fixture("ledgers_page").to_string()[..100].to_owned();
    for body in [empty, half, "<html>busy</html>".to_owned(), "{}".to_owned(), "[]".to_owned()] {
        let horizon = Horizon::start().await;
        horizon.answers("GET", "/ledgers", ResponseTemplate::new(200).set_body_string(body)).await;
        let error = horizon.network.tip().await.unwrap_err();
        assert!(matches!(error, NetworkError::Unreadable { .. }), "{error}");
        assert_eq!(horizon.requests().await.len(), 1);
    }
    let horizon = Horizon::start().await;
    horizon.answers("GET", "/ledgers", ResponseTemplate::new(200).set_body_bytes([0xff, 0xfe])).await;
    assert!(matches!(horizon.network.tip().await, Err(NetworkError::Unreadable { .. })));
    let horizon = Horizon::start().await;
    let too_large = ResponseTemplate::new(200).set_body_string(" ".repeat((32 << 20) + 1));
    horizon.answers("GET", "/ledgers", too_large).await;
    assert!(matches!(horizon.network.tip().await, Err(NetworkError::TooLarge { .. })));
    assert_eq!(horizon.requests().await.len(), 1);
}

#[tokio::test]
async fn a_page_that_is_too_large_is_asked_for_in_smaller_pieces() {
    let horizon = Horizon::start().await;
    let path = format!("/accounts/{}/payments", AccountId([7; 32]));
    let too_large = ResponseTemplate::new(200).set_body_string(" ".repeat((32 << 20) + 1));
    horizon.answers("GET", &path, ok(&serde_json::json!({ "_embedded": { "records": [] } }))).await;
    horizon.answers_first(1, &path, too_large).await;
    let page = horizon.network.payments(AccountId([7; 32]), OperationId(0), 200).await.unwrap();
    assert!(page.is_empty());
    let asked: Vec<_> = horizon.requests().await.iter().map(|request| request.url.to_string()).collect();
    assert!(asked[0].contains("limit=200") && asked[1].contains("limit=20&"), "{asked:?}");
}

#[tokio::test]
async fn refusals_and_redirects_are_our_mistake_and_are_not_followed() {
    let horizon = Horizon::start().await;
    horizon.answers("GET", "/ledgers", problem("error_400_bad_request")).await;
    match horizon.network.tip().await {
        Err(NetworkError::Refused { status: 400, detail, .. }) => assert!(detail.contains("bad_request")),
        other => panic!("{other:?}"),
    }
    let away = ResponseTemplate::new(302).insert_header("Location", "/elsewhere");
    horizon.answers("GET", "/ledgers/5", away).await;
    let error = horizon.network.ledger(LedgerSeq(5)).await.unwrap_err();
    assert!(matches!(error, NetworkError::Refused { status: 302, .. }), "{error}");
    assert_eq!(horizon.requests().await.len(), 2);
}

#[tokio::test]
async fn a_slow_horizon_is_unavailable_once_the_time_is_up() {
    let horizon = Horizon::impatient().await;
    let slow = ok(&fixture("ledgers_page")).set_delay(Duration::from_secs(60));
    horizon.answers("GET", "/ledgers", slow).await;
    let error = horizon.network.tip().await.unwrap_err();
    assert!(
        matches!(&error, NetworkError::Unavailable { reason, .. } if reason.contains("within")),
        "{error}"
    );
}

/// Answers every connection with these bytes and closes it.
pub fn cut_off(bytes: &'static str) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            // Whatever of the request came with the first read is enough for a test.
            let _ = connection.read(&mut [0; 4_096]);
            let _ = connection.write_all(bytes.as_bytes());
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_connection_that_is_refused_reset_or_cut_off_is_unavailable() {
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let truncated = cut_off("HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"_embedded\":");
    for url in [nobody, cut_off(""), cut_off("HTTP/1.1 2"), truncated] {
        let error = network(&url, clock(false)).tip().await.unwrap_err();
        assert!(matches!(error, NetworkError::Unavailable { .. }), "{error}");
    }
}

fn effects_page(records: &[serde_json::Value]) -> serde_json::Value {
    json!({ "_embedded": { "records": records } })
}

fn credited(token: &str, amount: &str) -> serde_json::Value {
    json!({
        "id": token, "paging_token": token, "account": account("escrow"),
        "type": "account_credited", "type_i": 2,
        "created_at": "2026-03-01T10:00:05Z", "asset_type": "native", "amount": amount
    })
}

#[tokio::test]
async fn effects_are_asked_after_the_cursor_and_one_bad_record_does_not_spoil_them() {
    let horizon = Horizon::start().await;
    let page = effects_page(&[
        credited("77-4", "1.5"),
        credited("78-1", "1,5"),
        json!({ "paging_token": "78-2", "type": "something_new", "account": 7 }),
        json!({ "paging_token": "79-1", "type": "trade", "account": account("escrow") }),
        json!("not even a record"),
    ]);
    let asked = wiremock::Mock::given(path(format!("/accounts/{}/effects", account("escrow"))))
        .and(query_param("cursor", "77-3"))
        .and(query_param("limit", "200"))
        .and(query_param("order", "asc"))
        .respond_with(ok(&page));
    asked.expect(1).mount(&horizon.server).await;
    let after = Some(EffectId { operation: OperationId(77), index: 3 });
    let effects = horizon.network.effects(account("escrow"), after, 5_000).await.unwrap();
    let amount = "1.5".parse().unwrap();
    assert_eq!(effects[0].kind, EffectKind::Credited { asset: Asset::Native, amount });
    assert!(matches!(&effects[1].kind, EffectKind::Unreadable { json, .. } if json.contains("1,5")));
    assert_eq!(effects[1].id, Some(EffectId { operation: OperationId(78), index: 1 }), "it keeps its place");
    assert_eq!((&effects[2].kind, &effects[3].kind), (&EffectKind::Nothing, &EffectKind::Traded));
    assert!(effects[4].id.is_none() && matches!(effects[4].kind, EffectKind::Unreadable { .. }));
}

#[tokio::test]
async fn effects_that_do_not_honour_the_cursor_are_not_believed() {
    let horizon = Horizon::start().await;
    let at = format!("/accounts/{}/effects", account("escrow"));
    horizon.answers("GET", &at, ok(&effects_page(&[credited("77-4", "1"), credited("77-3", "1")]))).await;
    let answer = horizon.network.effects(account("escrow"), None, 200).await;
    assert!(matches!(answer, Err(NetworkError::Unreadable { .. })), "{answer:?}");
    let after = Some(EffectId { operation: OperationId(77), index: 4 });
    assert!(horizon.network.effects(account("escrow"), after, 200).await.is_err());
}

#[tokio::test]
async fn an_operation_is_looked_up_with_its_transaction() {
    let horizon = Horizon::start().await;
    let merge = json!({
        "id": "77", "type": "account_merge", "type_i": 8, "transaction_hash": "ab".repeat(32),
        "transaction_successful": true, "created_at": "2026-03-01T10:00:05Z",
        "source_account": account("payer"), "account": account("payer"), "into": account("escrow"),
        "transaction": { "memo_type": "id", "memo": "5", "inner_transaction": { "hash": "cd".repeat(32) } }
    });
    let asked = wiremock::Mock::given(path("/operations/77")).and(query_param("join", "transactions"));
    asked.respond_with(ok(&merge)).mount(&horizon.server).await;
    horizon.answers("GET", "/operations/78", problem("error_404_not_found")).await;
    horizon.answers("GET", "/operations/79", ok(&merge)).await;
    let read = horizon.network.operation(OperationId(77)).await.unwrap().unwrap();
    assert_eq!((read.kind.as_str(), read.source), ("account_merge", account("payer").into()));
    assert_eq!((read.memo.clone(), read.envelope_hash()), (Some(Memo::Id(5)), TxHash([0xcd; 32])));
    assert_eq!(horizon.network.operation(OperationId(78)).await.unwrap(), None);
    assert!(horizon.network.operation(OperationId(79)).await.is_err(), "it is another operation");
}

#[tokio::test]
async fn claimable_balances_are_asked_by_claimant_page_by_page() {
    let horizon = Horizon::start().await;
    let mut page = fixture("claimable_balances_page");
    let one = page["_embedded"]["records"][0].clone();
    let many: Vec<_> = (0..200).map(|_| one.clone()).collect();
    page["_embedded"]["records"] = json!(many);
    let asked = |cursor: &str| {
        wiremock::Mock::given(path("/claimable_balances"))
            .and(query_param("claimant", account("platform").to_string()))
            .and(query_param("cursor", cursor))
    };
    asked("").respond_with(ok(&page)).mount(&horizon.server).await;
    let token = one["paging_token"].as_str().unwrap();
    page["_embedded"]["records"] = json!([one, "not even a balance"]);
    asked(token).respond_with(ok(&page)).mount(&horizon.server).await;
    let first = horizon.network.claimable_balances(account("platform"), None).await.unwrap();
    assert_eq!((first.balances.len(), first.next.as_deref()), (200, Some(token)));
    let last = horizon.network.claimable_balances(account("platform"), first.next).await.unwrap();
    assert_eq!((last.balances.len(), last.next), (1, None));
    assert_eq!(last.balances[0].id, one["id"].as_str().unwrap());
}
