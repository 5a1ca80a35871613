//! Faults, as a client meets them.

use super::*;

use axum::http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Severed;
use crate::faults::{Fault, FaultParameters};
use stellar_types::asset::Asset;

async fn text(response: Response<Body>) -> Result<String, axum::Error> {
    Ok(String::from_utf8(response.into_body().collect().await?.to_bytes().to_vec()).unwrap())
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

fn stream(path: &str) -> Request<Body> {
    Request::get(path).header(header::ACCEPT, "text/event-stream").body(Body::empty()).unwrap()
}

fn control(method: Method, path: &str, body: &Value) -> Request<Body> {
    Request::builder().method(method).uri(path).body(Body::from(body.to_string())).unwrap()
}

async fn town() -> Town {
    let town = Town::new();
    town.befriend(&["alice", "bob"]);
    town
}

impl Town {
    fn next(&self, fault: Fault) {
        self.sandbox.faults().inject_next(fault, 1);
    }

    fn payment(&self, amount: i64) -> Tx {
        self.write(&draft("alice", [pay("bob", Asset::Native, amount)]))
    }

    fn landed(&self, tx: &Tx) -> bool {
        self.sandbox.with_ledger(|ledger| ledger.history().transaction(tx.hash).is_some())
    }
}

#[tokio::test]
async fn a_timeout_tells_nothing_about_the_transaction() {
    let town = town().await;
    for (fault, lands) in [(Fault::TimeoutLands, true), (Fault::TimeoutLost, false)] {
        let tx = town.payment(1);
        town.next(fault);
        let answer = town.post("/transactions", "tx", &tx.to_base64()).await;
        is_problem(&answer, 504, "transaction_submission_timeout");
        assert_eq!(answer.1["extras"]["hash"], tx.hash.to_string());
        town.close();
        assert_eq!(town.landed(&tx), lands, "{fault}");
    }
}

#[tokio::test]
async fn a_cut_connection_tells_nothing_either() {
    let town = town().await;
    for (fault, lands) in [(Fault::ResetAfter, true), (Fault::ResetBefore, false)] {
        let tx = town.payment(2);
        town.next(fault);
        let response = town.ask(form("/transactions", "tx", &tx.to_base64())).await;
        assert_eq!(response.extensions().get::<Severed>(), Some(&Severed));
        assert!(text(response).await.is_err());
        town.close();
        assert_eq!(town.landed(&tx), lands, "{fault}");
    }
}

#[tokio::test]
async fn over_a_socket_the_connection_is_cut_without_an_answer() {
    let town = town().await;
    let handle = town.sandbox.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    let request = b"GET /ledgers/1 HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\n\r\n";
    for cut in [true, false] {
        if cut {
            town.next(Fault::ResetBefore);
        }
        let mut socket = tokio::net::TcpStream::connect(handle.address).await.unwrap();
        socket.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer).await;
        assert_eq!(answer.is_empty(), cut);
    }
    handle.stop().await;
}

#[tokio::test]
async fn a_dropped_transaction_is_accepted_and_never_lands() {
    let town = town().await;
    let tx = town.payment(3);
    town.next(Fault::DroppedTransaction);
    let (status, json) = town.post("/transactions_async", "tx", &tx.to_base64()).await;
    assert_eq!((status.as_u16(), &json["tx_status"]), (201, &"PENDING".into()));
    town.close();
    assert!(!town.landed(&tx));
    let (status, _) = town.post_and_close("/transactions", "tx", &tx.to_base64()).await;
    assert_eq!(status, 200, "the same envelope again");
}

#[tokio::test]
async fn servers_refuse_in_their_own_ways() {
    let town = town().await;
    town.next(Fault::RateLimited);
    let response = town.ask(get("/ledgers")).await;
    assert_eq!(response.headers()["Retry-After"], "2");
    let status = response.status();
    is_problem(&(status, json(response).await), 429, "rate_limit_exceeded");
    town.next(Fault::StaleHistory);
    let answer = town.get("/ledgers").await;
    is_problem(&answer, 503, "stale_history");
    assert_eq!(answer.1["extras"]["core_latest_ledger"], 2);
    town.next(Fault::StaleHistory);
    let answer = town.post("/transactions", "tx", "").await;
    is_problem(&answer, 503, "stale_history");
    assert_eq!(answer.1["extras"], Value::Null);
    town.next(Fault::GarbageBody);
    let response = town.ask(get("/ledgers")).await;
    assert_eq!(response.status(), 200);
    assert!(serde_json::from_str::<Value>(&text(response).await.unwrap()).is_err());
    town.next(Fault::TruncatedBody);
    assert!(text(town.ask(get("/ledgers")).await).await.is_err());
    let counts = town.sandbox.faults().counts();
    assert_eq!(counts[&Fault::StaleHistory], 2);
    assert_eq!(counts.values().sum::<u64>(), 5);
}

#[tokio::test]
async fn a_lagging_instance_shows_the_whole_of_the_past() {
    let town = town().await;
    let faults = town.sandbox.faults();
    faults.set_parameters(FaultParameters { lag_ledgers: 2, ..FaultParameters::default() });
    faults.set_rate(Fault::LaggingHistory, 1_000);
    let mut hashes = Vec::new();
    for amount in 1..=4 {
        hashes.push(town.send(&draft("alice", [pay("bob", Asset::Native, amount * UNIT)])));
    }
    let path = format!("/accounts/{}", id("bob"));
    let response = town.ask(get(&path)).await;
    assert_eq!(response.headers()["Latest-Ledger"], "4");
    assert_eq!(json(response).await["balances"][0]["balance"], "10003.0000000");
    let (_, page) = town.get(&format!("{path}/payments?limit=200")).await;
    assert_eq!(page["_embedded"]["records"].as_array().unwrap().len(), 3);
    is_problem(&town.get(&format!("/transactions/{}", hashes[3])).await, 404, "not_found");
    let (_, root) = town.get("/").await;
    assert_eq!((&root["history_latest_ledger"], &root["core_latest_ledger"]), (&4.into(), &6.into()));
    faults.set_rate(Fault::LaggingHistory, 0);
    faults.set_rate(Fault::SecondInstance, 1_000);
    for expected in ["4", "6", "4", "6"] {
        assert_eq!(town.ask(get(&path)).await.headers()["Latest-Ledger"], expected);
    }
    faults.clear();
    assert_eq!(town.ask(get(&path)).await.headers()["Latest-Ledger"], "6");
}

#[tokio::test]
async fn a_slow_answer_takes_its_time() {
    let town = town().await;
    town.next(Fault::SlowAnswer);
    let asking = town.get("/ledgers/1");
    tokio::pin!(asking);
    tokio::select! {
        biased;
        _ = &mut asking => panic!("answered at once"),
        () = tokio::task::yield_now() => {}
    }
    town.clock.forward(2);
    assert_eq!(asking.await.0, 200);
}

#[tokio::test]
async fn streams_break_repeat_and_fall_silent() {
    let town = town().await;
    let path = "/ledgers?limit=2";
    town.next(Fault::RepeatedEvents);
    let told = text(town.ask(stream(path)).await).await.unwrap();
    assert_eq!(told.matches("id: 4294967296\n").count(), 2);
    assert!(told.ends_with("data: \"byebye\"\n\n"));
    town.next(Fault::TruncatedStream);
    assert!(text(town.ask(stream(path)).await).await.is_err());
    town.next(Fault::SilentStream);
    let response = town.ask(stream(path)).await;
    let (told, ()) = tokio::join!(text(response), async { town.clock.forward(55) });
    assert_eq!(told.unwrap(), "retry: 1000\nevent: open\ndata: \"hello\"\n\n");
}

#[tokio::test]
async fn a_surge_lets_only_high_bids_in_and_a_missed_ledger_does_not_close() {
    let town = town().await;
    town.next(Fault::FeeSurge);
    let cheap = town.payment(1);
    town.sandbox.submit(cheap.clone());
    let high =
        town.write(&draft("bob", [pay("alice", Asset::Native, 1)]).with(|draft| draft.fee = Some(1_000)));
    town.sandbox.submit(high.clone());
    town.close();
    assert_eq!((town.landed(&cheap), town.landed(&high)), (false, true));
    let (_, stats) = town.get("/fee_stats").await;
    assert_eq!(stats["last_ledger_base_fee"], "1000");
    town.next(Fault::MissedLedger);
    assert_eq!(town.sandbox.tick(), None);
    assert!(town.sandbox.tick().is_some());
    assert!(town.landed(&cheap), "it has waited");
}

#[tokio::test]
async fn faults_are_told_and_turned_on_and_off_over_http() {
    let town = town().await;
    let path = "/sandbox/faults";
    let body = serde_json::json!({
        "per_mille": { "lagging_history": 10 },
        "next": { "reset_before": 2 },
        "parameters": { "lag_ledgers": 1_000 },
    });
    let json = json(town.ask(control(Method::POST, path, &body)).await).await;
    assert_eq!(json["per_mille"]["lagging_history"], 10);
    assert_eq!((&json["next"]["reset_before"], &json["parameters"]["lag_ledgers"]), (&2.into(), &100.into()));
    assert!(town.ask(get("/ledgers")).await.extensions().get::<Severed>().is_some());
    let (_, told) = town.get(path).await;
    assert_eq!(told["injected"], serde_json::json!({ "reset_before": 1 }));
    let wrong = serde_json::json!({ "next": { "earthquake": 1 } });
    let response = town.ask(control(Method::POST, path, &wrong)).await;
    assert_eq!(response.status(), 400);
    town.ask(control(Method::DELETE, path, &Value::Null)).await;
    let (_, told) = town.get(path).await;
    assert_eq!((&told["next"], &told["per_mille"]), (&serde_json::json!({}), &serde_json::json!({})));
}

#[tokio::test]
async fn ledgers_are_closed_by_hand_over_http() {
    let town = Town::new();
    let step = |body: Value| town.ask(control(Method::POST, "/sandbox/close", &body));
    let closed = json(step(serde_json::json!({ "count": 3 })).await).await;
    assert_eq!(closed["ledger"], 4);
    let closed = json(step(serde_json::json!({ "at": "2026-02-01T00:00:00Z" })).await).await;
    assert_eq!(closed["closed_at"], "2026-02-01T00:00:00Z");
    assert_eq!(step(serde_json::json!({ "at": "2026-01-31T23:59:59Z" })).await.status(), 400);
    assert_eq!(step(serde_json::json!({ "count": 0 })).await.status(), 400);
    assert_eq!(town.sandbox.with_ledger(|ledger| ledger.latest().ledger.0), 5);
}
