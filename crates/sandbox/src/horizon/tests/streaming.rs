//! Server-sent events.

use super::*;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use futures::StreamExt;

use crate::story::*;
use stellar_types::asset::Asset;

async fn frames(response: Response<Body>) -> Vec<String> {
    let mut body = response.into_body().into_data_stream();
    let mut frames = Vec::new();
    while let Some(frame) = body.next().await {
        frames.push(String::from_utf8(frame.unwrap().to_vec()).unwrap());
    }
    frames
}

fn stream(path: &str) -> Request<Body> {
    Request::get(path).header(header::ACCEPT, "text/event-stream").body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_stream_greets_tells_payments_as_they_close_and_ends_after_its_limit() {
    let town = Town::new();
    town.befriend(&["alice", "bob"]);
    let path = format!("/accounts/{}/payments?cursor=now&limit=2", id("bob"));
    let response = town.ask(stream(&path)).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
    assert_eq!(response.headers()["cache-control"], "no-cache");
    let paying = async {
        for n in 1..=2 {
            tokio::task::yield_now().await;
            town.send(&draft("alice", [pay("bob", Asset::Native, n)]));
        }
    };
    let (frames, ()) = tokio::join!(frames(response), paying);
    assert_eq!(frames.len(), 4, "{frames:?}");
    assert_eq!(frames[0], "retry: 1000\nevent: open\ndata: \"hello\"\n\n");
    let first = format!("id: {}\ndata: {{", (3_i64 << 32) | (1 << 12) | 1);
    assert!(frames[1].starts_with(&first) && frames[1].ends_with("}\n\n"), "{}", frames[1]);
    assert!(frames[2].contains("\"amount\":\"0.0000002\""));
    assert_eq!(frames[3], "retry: 10\nevent: close\ndata: \"byebye\"\n\n");
}

#[tokio::test]
async fn a_silent_stream_says_goodbye_after_55_seconds() {
    let town = Town::new();
    let response = town.ask(stream("/ledgers?cursor=now")).await;
    let (frames, ()) = tokio::join!(frames(response), async { town.clock.forward(55) });
    assert_eq!(frames.len(), 2);
    assert!(frames[1].contains("byebye"));
}

#[tokio::test]
async fn an_account_streams_once_and_single_records_do_not_stream() {
    let town = Town::new();
    town.befriend(&["alice"]);
    let response = town.ask(stream(&format!("/accounts/{}", id("alice")))).await;
    let later = async {
        town.close();
        town.clock.forward(60);
    };
    let (frames, ()) = tokio::join!(frames(response), later);
    assert_eq!(frames.len(), 3);
    for path in ["/fee_stats", "/ledgers/1", &format!("/accounts?signer={}", id("alice"))] {
        assert_eq!(town.ask(stream(path)).await.status(), StatusCode::NOT_ACCEPTABLE, "{path}");
    }
    is_problem(&town.get("/accounts/GABC").await, 400, "bad_request");
}

#[tokio::test]
async fn a_stream_resumes_after_the_last_event() {
    let town = Town::new();
    let resumed = Request::get("/ledgers?cursor=now&limit=1")
        .header(header::ACCEPT, "text/event-stream")
        .header("Last-Event-ID", "0")
        .body(Body::empty())
        .unwrap();
    let frames = frames(town.ask(resumed).await).await;
    assert!(frames[1].starts_with("id: 4294967296\n"));
}
