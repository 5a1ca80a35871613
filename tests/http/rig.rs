//! The API in this process, without sockets, with keys and a small grid.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, header};
use farmgate::access::{Decider, create_key};
use farmgate::domain::address::AccountId;
use farmgate::domain::asset::Asset;
use farmgate::domain::audit::Actor;
use farmgate::domain::escrow::{EscrowAccount, EscrowState, Watch};
use farmgate::domain::ids::{LedgerSeq, OperationId};
use farmgate::http::{AppState, Settings, router};
use farmgate::ports::clock::Clock;
use farmgate::ports::entropy::Entropy;
use farmgate::ports::store::{Role, Store};
use farmgate::reservations;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::TestStore;

/// 2026-03-01T12:00:00Z.
pub const NOW_SECOND: i64 = 1_772_366_400;
/// The process's name in the engine's lease.
pub const HOLDER: &str = "serve-test";
pub const PASSPHRASE: &str = "Test SDF Network ; September 2015";
pub const PUBLIC_KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

/// A clock that is set by hand; its waits are real but a hundred times shorter.
pub struct HandClock(AtomicI64);

#[async_trait]
impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }

    #[allow(clippy::disallowed_methods, reason = "a test's clock may ask the machine")]
    async fn sleep(&self, duration: Duration) {
        // Polls are hurried; the time that a request may take is not, however busy the machine is.
        let hurried = if duration < Duration::from_secs(1) { duration / 100 } else { duration };
        tokio::time::sleep(hurried).await;
    }
}

/// Numbers that never repeat.
pub struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let number = self.0.fetch_add(1, Ordering::SeqCst).to_le_bytes();
            chunk.copy_from_slice(&number[..chunk.len()]);
        }
    }
}

pub struct Rig {
    pub store: Arc<dyn Store>,
    pub clock: Arc<HandClock>,
    pub entropy: Arc<Counting>,
    pub router: Router,
    pub operator: String,
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

pub fn account(number: u8) -> AccountId {
    AccountId([number; 32])
}

pub fn tft() -> Asset {
    Asset::credit("TFT".parse().unwrap(), account(100))
}

pub fn free_tft() -> Asset {
    Asset::credit("FreeTFT".parse().unwrap(), account(101))
}

impl Rig {
    /// The API with nothing in its database but an operator's key.
    pub async fn bare(database: &TestStore) -> Self {
        Self::with(database, |_| ()).await
    }

    pub async fn with(database: &TestStore, change: impl FnOnce(&mut AppState)) -> Self {
        let clock = Arc::new(HandClock(AtomicI64::new(NOW_SECOND)));
        let entropy = Arc::new(Counting(AtomicU64::new(1)));
        let store = Arc::clone(&database.store);
        let mut state = AppState {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            entropy: Arc::clone(&entropy) as Arc<dyn Entropy>,
            settings: Settings::default(),
            reservations: reservations::Settings {
                payout: reservations::PayoutAccounts {
                    foundation: Some(account(50)),
                    sales: None,
                    wisdom: Some(account(51)),
                },
                escrow_wait_seconds: 1,
                ..reservations::Settings::default()
            },
            platform: account(200),
            network_passphrase: PASSPHRASE.to_owned(),
            payout_change_delay_seconds: 0,
            holder: HOLDER.to_owned(),
            metrics: Arc::new(String::new),
        };
        change(&mut state);
        let mut rig = Self { store, clock, entropy, router: router(state), operator: String::new() };
        rig.operator = rig.key(Role::Operator).await;
        rig
    }

    /// With customer 7, farmer 11, farms 1 and 2 (paid at accounts 1 and 2), nodes 1 and 2 of farm 1 (2 is
    /// free to use), node 3 of farm 2, TFT at 0.02 USD, FreeTFT, and `escrows` accounts that are ready.
    pub async fn grid(database: &TestStore, escrows: u8) -> Self {
        let rig = Self::bare(database).await;
        rig.furnish(escrows).await;
        rig
    }

    pub async fn furnish(&self, escrows: u8) {
        for id in [7, 11] {
            let body = json!({ "name": format!("person {id}"), "public_key": PUBLIC_KEY });
            self.put(&format!("/v1/identities/{id}"), body).await.is(201);
        }
        for id in [1, 2] {
            self.put(&format!("/v1/farms/{id}"), farm(id)).await.is(201);
        }
        for (id, farm, free) in [(1, 1, false), (2, 1, true), (3, 2, false)] {
            let body =
                json!({ "farm_id": farm.to_string(), "capacity": { "cu": "100" }, "free_to_use": free });
            self.put(&format!("/v1/nodes/{id}"), body).await.is(201);
        }
        self.put("/v1/currencies/TFT", currency(tft())).await.is(201);
        let mut play = currency(free_tft());
        play["free_only"] = json!(true);
        play["distribution"] = json!("free");
        self.put("/v1/currencies/FreeTFT", play).await.is(201);
        for number in 0..escrows {
            self.escrow(number + 150).await;
        }
    }

    /// One more escrow account that is ready.
    pub async fn escrow(&self, number: u8) {
        let mut assets = vec![tft(), free_tft()];
        assets.sort();
        let mut tx = self.store.begin().await.unwrap();
        let escrow = EscrowAccount {
            account: account(number),
            version: 0,
            assets,
            state: EscrowState::Ready,
            watch: Watch { cursor: OperationId(0), explained: LedgerSeq(1), dirty_since: None },
            created_at: self.clock.now(),
        };
        tx.insert_escrow(&escrow).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Whoever decides by a command.
    pub fn decider(&self) -> Decider {
        Decider::new(Actor::CommandLine, self.clock.clone(), self.entropy.clone())
    }

    /// A new key's secret.
    pub async fn key(&self, role: Role) -> String {
        self.key_of(role, None).await
    }

    /// The secret of a new key for the things of a tenant.
    pub async fn key_of(&self, role: Role, tenant: Option<&str>) -> String {
        let mut tx = self.store.begin().await.unwrap();
        let name = format!("{} {}", role.as_str(), self.entropy.u64());
        let tenant = tenant.map(|name| name.parse().unwrap());
        let key = create_key(&mut *tx, &self.decider(), &name, role, tenant).await.unwrap();
        tx.commit().await.unwrap();
        key.secret.expose_secret().to_owned()
    }

    pub fn pass(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let answer = Answer { status: parts.status.as_u16(), headers: parts.headers, body };
        if answer.status >= 400 {
            assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json", "{}", answer.body);
            assert_eq!(answer.headers["x-request-id"].to_str().ok(), answer.body["request_id"].as_str());
            assert!(answer.body["detail"].is_string() && answer.body["title"].is_string());
        }
        answer
    }

    /// A request with this key; `headers` come after the usual ones.
    pub async fn call(&self, method: Method, path: &str, key: &str, body: impl Into<Body>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {key}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.into())
            .unwrap();
        self.send(request).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, &self.operator, Body::empty()).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PUT, path, &self.operator, body.to_string()).await
    }

    pub async fn cancel(&self, id: &str) -> Answer {
        let path = format!("/v1/reservations/{id}/cancel");
        self.call(Method::POST, &path, &self.operator, Body::empty()).await
    }

    pub async fn order(&self, body: Value) -> Answer {
        self.call(Method::POST, "/v1/reservations", &self.operator, body.to_string()).await
    }

    /// An order with headers besides, which may stand more than once.
    pub async fn order_with(&self, headers: &[(&str, &str)], body: &Value) -> Answer {
        let mut request = Request::post("/v1/reservations")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.operator))
            .header(header::CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub async fn order_once(&self, key: &str, body: &Value) -> Answer {
        let request = Request::post("/v1/reservations")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.operator))
            .header(header::CONTENT_TYPE, "application/json")
            .header("idempotency-key", key)
            .body(Body::from(body.to_string()))
            .unwrap();
        self.send(request).await
    }
}

impl Answer {
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    /// Held against status, code and field.
    #[track_caller]
    pub fn is_problem(&self, status: u16, code: &str, field: Option<&str>) {
        let got = (self.status, self.body["code"].as_str(), self.body["field"].as_str());
        assert_eq!(got, (status, Some(code), field), "{}", self.body);
    }

    pub fn text(&self, name: &str) -> String {
        self.body[name].as_str().unwrap().to_owned()
    }
}

pub fn farm(id: u8) -> Value {
    json!({
        "name": format!("farm {id}"),
        "owner_id": "11",
        "payout_addresses": { tft().to_string(): account(id).to_string() },
        "distribution": "grid3",
    })
}

pub fn currency(asset: Asset) -> Value {
    json!({ "asset": asset.to_string(), "usd_rate": "0.02", "rate_valid_seconds": 86_400 })
}

/// A month of one compute unit on these nodes.
pub fn order(nodes: &[&str]) -> Value {
    json!({ "customer_id": "7", "nodes": nodes, "units": { "cu": "1" }, "duration_seconds": 2_592_000 })
}

/// The object with some fields changed; `null` removes one.
pub fn but(mut body: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            body.as_object_mut().unwrap().remove(name);
        } else {
            body[name] = value.clone();
        }
    }
    body
}
