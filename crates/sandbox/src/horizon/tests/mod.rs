//! Horizon's shapes, asked in process.

mod driving;
mod entries;
mod fault_injection;
mod market;
mod reading;
mod streaming;
mod submitting;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;
use tower::ServiceExt;

use crate::faucet::Gift;
use crate::ledger::Submission;
use crate::story::*;
use crate::xdr::Tx;
use crate::{Sandbox, Settings};
use stellar_types::clock::Clock;
use stellar_types::ids::TxHash;

/// A clock that tests move.
pub struct Hand {
    now: watch::Sender<Timestamp>,
}

#[async_trait]
impl Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    async fn sleep(&self, duration: Duration) {
        let until = *self.now.borrow() + duration;
        let _ = self.now.subscribe().wait_for(|now| *now >= until).await;
    }
}

impl Hand {
    pub fn forward(&self, seconds: u64) {
        self.now.send_modify(|now| *now += Duration::from_secs(seconds));
    }
}

pub struct Town {
    pub sandbox: Sandbox,
    pub clock: Arc<Hand>,
}

impl Town {
    pub fn new() -> Self {
        Self::with(Settings::default())
    }

    pub fn with(settings: Settings) -> Self {
        let (now, _) = watch::channel("2026-01-01T00:00:00Z".parse().unwrap());
        let clock = Arc::new(Hand { now });
        let settings = Settings { ledger_ms: 5_000, seed: 7, ..settings };
        Self { sandbox: Sandbox::new(settings, clock.clone()), clock }
    }

    pub fn close(&self) {
        self.clock.forward(5);
        self.sandbox.close_ledger();
    }

    pub fn befriend(&self, names: &[&str]) {
        for name in names {
            self.sandbox.give(Gift::Account(id(name))).unwrap();
        }
        self.close();
    }

    pub async fn ask(&self, request: Request<Body>) -> Response<Body> {
        self.sandbox.router().oneshot(request).await.unwrap()
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        let request = Request::get(path).header(header::HOST, "horizon.test").body(Body::empty()).unwrap();
        let response = self.ask(request).await;
        let status = response.status();
        (status, json(response).await)
    }
}

pub async fn json(response: Response<Body>) -> Value {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap()
}

pub fn form(path: &str, field: &str, value: &str) -> Request<Body> {
    let body = url::form_urlencoded::Serializer::new(String::new()).append_pair(field, value).finish();
    Request::post(path)
        .header(header::HOST, "horizon.test")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body))
        .unwrap()
}

impl Town {
    /// Writes a draft with the sequence numbers of this town.
    pub fn write(&self, draft: &Draft) -> Tx {
        self.sandbox.with_ledger(|ledger| write(ledger, draft))
    }

    /// Has it in a ledger without HTTP.
    pub fn send(&self, draft: &Draft) -> TxHash {
        let tx = self.write(draft);
        let hash = tx.hash;
        assert_eq!(self.sandbox.submit(tx), Submission::Pending);
        self.close();
        hash
    }

    pub async fn post(&self, path: &str, field: &str, value: &str) -> (StatusCode, Value) {
        let response = self.ask(form(path, field, value)).await;
        let status = response.status();
        (status, json(response).await)
    }

    /// Posts, and closes a ledger while the answer is waited for.
    pub async fn post_and_close(&self, path: &str, field: &str, value: &str) -> (StatusCode, Value) {
        let (answer, ()) = tokio::join!(self.post(path, field, value), async { self.close() });
        answer
    }
}

pub fn is_problem(answer: &(StatusCode, Value), status: u16, name: &str) {
    assert_eq!(answer.0.as_u16(), status, "{}", answer.1);
    assert_eq!(answer.1["type"], format!("https://stellar.org/horizon-errors/{name}"));
    assert_eq!(answer.1["status"], status);
}
