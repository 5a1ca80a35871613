//! The API of a running service, as the explorer calls it.

use farmgate_sandbox::wallet::{Horizon, Named, Wallet};
use serde_json::{Value, json};

use crate::children::{farmgate, free_port, http_client, until};

/// Where a service listens, and a key of the explorer's.
pub struct Api {
    pub port: u16,
    key: String,
    operator: String,
    http: reqwest::Client,
}

pub fn wallet(name: &str) -> Wallet {
    name.parse().unwrap()
}

pub fn named(code: &str) -> Named {
    code.parse().unwrap()
}

/// The secret seed of a person of the sandbox.
pub fn secret(name: &str) -> String {
    let secret = stellar_strkey::ed25519::PrivateKey(wallet(name).key().to_bytes());
    secret.as_unredacted().to_string().as_str().to_owned()
}

/// The secret of a new key of a role, whose name it bears.
async fn new_key(database: &str, role: &str) -> String {
    let output = farmgate()
        .args(["keys", "create", role, "--role", role, "--database", database])
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Api {
    /// A free port, and keys that are stored in this database.
    pub async fn new(database: &str) -> Self {
        let (key, operator) = (new_key(database, "explorer").await, new_key(database, "operator").await);
        Self { port: free_port(), key, operator, http: http_client() }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub async fn is_ready(&self) {
        until("the service is ready", async || {
            let answer = self.http.get(self.url("/readyz")).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    async fn put(&self, path: &str, body: Value) {
        self.put_with(&self.key, path, body).await;
    }

    async fn put_with(&self, key: &str, path: &str, body: Value) {
        let call = self.http.put(self.url(path)).bearer_auth(key).json(&body);
        let answer = call.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
    }

    /// What stands there; nothing if it is not answered, or not with success.
    pub async fn get(&self, path: &str) -> Option<Value> {
        let answer = self.http.get(self.url(path)).bearer_auth(&self.key).send().await.ok()?;
        answer.status().is_success().then_some(())?;
        answer.json().await.ok()
    }

    /// A metric without labels; nothing if it is not answered, or not there.
    pub async fn metric(&self, name: &str) -> Option<u64> {
        let text = self.http.get(self.url("/metrics")).send().await.ok()?.text().await.ok()?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        value.parse().ok()
    }

    pub async fn until_settled(&self, id: &str) {
        until("the reservation is settled", async || {
            let reservation = self.get(&format!("/v1/reservations/{id}")).await?;
            (reservation["state"] == "settled").then_some(())
        })
        .await;
    }

    /// Alice, and a farm with one node whose farmer takes TFT.
    pub async fn describe_grid(&self, horizon: &Horizon) {
        let tft = horizon.asset(named("TFT")).await.unwrap();
        let rate = json!({ "asset": tft, "usd_rate": "0.05", "rate_valid_seconds": 86_400 });
        self.put_with(&self.operator, "/v1/currencies/TFT", rate).await;
        let key = hex::encode(wallet("alice").account().bytes());
        self.put("/v1/identities/1", json!({ "name": "Alice", "public_key": key })).await;
        let farm = json!({
            "name": "North", "owner_id": "1", "distribution": "grid2",
            "payout_addresses": { tft.to_string(): wallet("farmer").account() },
        });
        self.put("/v1/farms/1", farm).await;
        let capacity = json!({ "cu": "32", "su": "32", "ipv4u": "4" });
        self.put("/v1/nodes/1", json!({ "farm_id": "1", "capacity": capacity })).await;
    }

    /// An order of one compute unit for a day, as soon as it is taken.
    pub async fn reserve(&self) -> Value {
        let order = json!({
            "customer_id": "1", "nodes": ["1"], "units": { "cu": "1", "su": "0", "ipv4u": "0" },
            "duration_seconds": 86_400,
        });
        until("an order is taken", async || {
            let call = self.http.post(self.url("/v1/reservations")).bearer_auth(&self.key).json(&order);
            let answer = call.send().await.ok()?;
            answer.status().is_success().then_some(())?;
            answer.json().await.ok()
        })
        .await
    }
}
