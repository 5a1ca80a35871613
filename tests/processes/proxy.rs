//! A proxy between `serve` and the sandbox that can stop a request at a chosen place.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use tokio::sync::Notify;

use crate::children::http_client;

/// Where a request is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It never reaches Horizon.
    BeforeHorizon,
    /// Horizon answers, and the answer is kept.
    AfterHorizon,
    /// Horizon answers, and the caller gets a 504 instead; the test is told at that moment.
    TimedOut,
    /// The caller gets a 504, and the request reaches Horizon when the test says so; the test is told at
    /// once.
    Late,
    /// Horizon answers, the caller gets a 504 instead, and the next request for `then` is stopped before
    /// Horizon.
    TimedOutThen(&'static str),
    /// Horizon answers and the caller gets it; the test is told at that moment.
    Delivered,
}

/// Which request is stopped, and where.
#[derive(Debug, Clone, Copy)]
pub struct Trap {
    pub method: &'static str,
    /// The path begins with this …
    pub path_begins: &'static str,
    /// … and ends with this.
    pub path_ends: &'static str,
    pub place: Place,
}

#[derive(Clone)]
struct Shared {
    upstream: String,
    client: reqwest::Client,
    trap: Arc<Mutex<Option<Trap>>>,
    sprung: Arc<Notify>,
    after: Arc<Mutex<Option<(u32, Interruption)>>>,
    late: Arc<Notify>,
}

/// What a test does between two requests.
type Interruption = Box<dyn FnOnce() + Send>;

/// A running proxy.
pub struct Proxy {
    pub address: SocketAddr,
    shared: Shared,
}

impl Proxy {
    pub async fn start(upstream: String) -> Self {
        let shared = Shared {
            upstream,
            client: http_client(),
            trap: Arc::default(),
            sprung: Arc::default(),
            after: Arc::default(),
            late: Arc::default(),
        };
        let router = Router::new().fallback(forward).with_state(shared.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, shared }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sets a trap; [`Proxy::sprung`] tells when it has been stepped into.
    pub fn set(&self, trap: Trap) {
        *self.shared.trap.lock().unwrap() = Some(trap);
    }

    /// Does something once after so many further requests, before the next.
    pub fn after(&self, requests: u32, what: impl FnOnce() + Send + 'static) {
        *self.shared.after.lock().unwrap() = Some((requests, Box::new(what)));
    }

    /// What is late reaches Horizon now.
    pub fn deliver(&self) {
        self.shared.late.notify_one();
    }

    pub async fn sprung(&self) {
        self.shared.sprung.notified().await;
    }
}

async fn forward(
    State(shared): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let due = {
        let mut after = shared.after.lock().unwrap();
        match after.take() {
            Some((0, what)) => Some(what),
            Some((left, what)) => {
                *after = Some((left - 1, what));
                None
            }
            None => None,
        }
    };
    if let Some(what) = due {
        what();
    }
    let place = {
        let mut trap = shared.trap.lock().unwrap();
        let hit = trap.filter(|trap| {
            method.as_str() == trap.method
                && uri.path().starts_with(trap.path_begins)
                && uri.path().ends_with(trap.path_ends)
        });
        if hit.is_some() {
            *trap = None;
        }
        hit.map(|trap| trap.place)
    };
    if place == Some(Place::BeforeHorizon) {
        shared.sprung.notify_one();
        std::future::pending::<()>().await;
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = shared.client.request(method, format!("{}{path}", shared.upstream)).body(body);
    for name in ["accept", "content-type"] {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value);
        }
    }
    if place == Some(Place::Late) {
        shared.sprung.notify_one();
        tokio::spawn(async move {
            shared.late.notified().await;
            drop(request.send().await);
        });
        return status(StatusCode::GATEWAY_TIMEOUT);
    }
    let Ok(answer) = request.send().await else { return status(StatusCode::BAD_GATEWAY) };
    let mut response = Response::builder().status(answer.status());
    for name in ["content-type", "latest-ledger", "retry-after"] {
        if let Some(value) = answer.headers().get(name) {
            response = response.header(name, value);
        }
    }
    let Ok(bytes) = answer.bytes().await else { return status(StatusCode::BAD_GATEWAY) };
    match place {
        Some(Place::AfterHorizon) => {
            shared.sprung.notify_one();
            std::future::pending().await
        }
        Some(Place::TimedOutThen(then)) => {
            let next = Trap { method: "GET", path_begins: then, path_ends: "", place: Place::BeforeHorizon };
            *shared.trap.lock().unwrap() = Some(next);
            status(StatusCode::GATEWAY_TIMEOUT)
        }
        Some(Place::TimedOut) => {
            shared.sprung.notify_one();
            status(StatusCode::GATEWAY_TIMEOUT)
        }
        Some(Place::Delivered) => {
            shared.sprung.notify_one();
            response.body(Body::from(bytes)).unwrap()
        }
        Some(Place::BeforeHorizon | Place::Late) | None => response.body(Body::from(bytes)).unwrap(),
    }
}

fn status(status: StatusCode) -> Response {
    Response::builder().status(status).body(Body::empty()).unwrap()
}
