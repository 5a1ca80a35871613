//! `kill -9` of `serve` between payment and settlement, at places that a proxy before Horizon chooses; then
//! it is started again, and everybody must have been paid once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use farmgate::app::clock::SystemClock;
use farmgate::domain::address::{AccountId, Address};
use farmgate::domain::asset::Asset;
use farmgate::domain::money::Stroops;
use farmgate::ports::clock::Clock;
use farmgate_sandbox::wallet::{Horizon, Memo, Named, Wallet};
use farmgate_sandbox::{self as sandbox, Sandbox};
use serde_json::{Value, json};
use tokio::process::Child;

use crate::children::{farmgate, free_port, http_client, kill_9, until};
use crate::proxy::{Place, Proxy, Trap};
use crate::support::{TestStore, on_both_databases};

/// So long the sandbox is given to close the ledgers that decide a transaction's fate while nobody watches.
const AWAY: Duration = Duration::from_secs(2);

struct World<'t> {
    sandbox: sandbox::Handle,
    horizon: Horizon,
    proxy: Proxy,
    database: &'t TestStore,
    port: u16,
    key: String,
    http: reqwest::Client,
}

fn wallet(name: &str) -> Wallet {
    name.parse().unwrap()
}

fn named(code: &str) -> Named {
    code.parse().unwrap()
}

impl<'t> World<'t> {
    async fn new(database: &'t TestStore) -> Self {
        let settings = sandbox::Settings { ledger_ms: 200, ..sandbox::Settings::default() };
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let sandbox = Sandbox::start(settings, Arc::new(SystemClock), any).await.unwrap();
        let horizon = Horizon::at(&sandbox.url()).unwrap();
        let proxy = Proxy::start(sandbox.url()).await;
        let native = Named::Asset(Asset::Native);
        for name in ["platform", "foundation", "farmer", "alice"] {
            horizon.fund(wallet(name).account(), native, Stroops::ZERO).await.unwrap();
            horizon.trust(&wallet(name), named("TFT")).await.unwrap();
        }
        let purse = Stroops::from_units(1_000);
        horizon.fund(wallet("alice").account(), named("TFT"), purse).await.unwrap();
        let output = farmgate()
            .args(["keys", "create", "explorer", "--role", "explorer", "--database", &database.url])
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let key = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        let http = http_client();
        Self { sandbox, horizon, proxy, database, port: free_port(), key, http }
    }

    async fn serve(&self) -> Child {
        let secret = stellar_strkey::ed25519::PrivateKey(wallet("platform").key().to_bytes());
        let child = farmgate()
            .args(["serve", "--database", &self.database.url, "--horizon", &self.proxy.url()])
            .args(["--listen", &format!("127.0.0.1:{}", self.port)])
            .env("FARMGATE_PLATFORM_SECRET", secret.as_unredacted().to_string().as_str())
            .env("FARMGATE_RESERVATIONS__PAYOUT__FOUNDATION", wallet("foundation").account().to_string())
            .env("FARMGATE_SETTLEMENT__TICK_MILLIS", "100")
            .env("FARMGATE_SETTLEMENT__RESEND_SECONDS", "1")
            .env("FARMGATE_SETTLEMENT__LEASE_SECONDS", "2")
            .env("FARMGATE_SETTLEMENT__WARM_ACCOUNTS", "2")
            .env("FARMGATE_STELLAR__REQUESTS_PER_HOUR_MAX", "0")
            .env("FARMGATE_LOG__FILTER", "error")
            .spawn()
            .unwrap();
        until("the service is ready", async || {
            let answer = self.http.get(self.url("/readyz")).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
        child
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    async fn put(&self, path: &str, body: Value) {
        let call = self.http.put(self.url(path)).bearer_auth(&self.key).json(&body);
        let answer = call.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
    }

    async fn get(&self, path: &str) -> Value {
        let call = self.http.get(self.url(path)).bearer_auth(&self.key);
        call.send().await.unwrap().json().await.unwrap()
    }

    async fn describe_grid(&self) {
        let tft = self.horizon.asset(named("TFT")).await.unwrap();
        let key = hex::encode(wallet("alice").account().bytes());
        self.put(
            "/v1/currencies/TFT",
            json!({
                "asset": tft, "usd_rate": "0.05", "rate_valid_seconds": 86_400,
            }),
        )
        .await;
        self.put("/v1/identities/1", json!({ "name": "Alice", "public_key": key })).await;
        self.put(
            "/v1/farms/1",
            json!({
                "name": "North", "owner_id": "1", "distribution": "grid2",
                "payout_addresses": { tft.to_string(): wallet("farmer").account() },
            }),
        )
        .await;
        let capacity = json!({ "cu": "32", "su": "32", "ipv4u": "4" });
        self.put("/v1/nodes/1", json!({ "farm_id": "1", "capacity": capacity })).await;
    }

    async fn reserve(&self) -> Value {
        let order = json!({
            "customer_id": "1", "nodes": ["1"], "units": { "cu": "1", "su": "0", "ipv4u": "0" },
            "duration_seconds": 86_400,
        });
        let call = self.http.post(self.url("/v1/reservations")).bearer_auth(&self.key).json(&order);
        let answer = call.send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    fn tft(&self, account: AccountId) -> Stroops {
        let tft = self.sandbox.sandbox.asset("TFT").unwrap();
        self.sandbox.sandbox.balance(account, &tft).unwrap_or_default()
    }

    /// Waits until no envelope of the service is under way: accounts are ready, channels are free.
    async fn at_rest(&self) {
        until("channels and accounts are open", async || {
            let mut tx = self.database.store.begin_read().await.unwrap();
            let channels = tx.channels().await.unwrap();
            let open = channels.len() > 1 && channels.iter().all(|channel| channel.opening.is_none());
            let tft = self.sandbox.sandbox.asset("TFT").unwrap();
            let ready = tx.escrows_available(&[tft]).await.unwrap() >= 2;
            let idle = tx.live_submissions().await.unwrap().is_empty();
            (open && ready && idle).then_some(())
        })
        .await;
    }
}

/// Pays a reservation, lets the trap kill the service, starts it again, and looks at everybody's money.
async fn killed_at(database: &TestStore, trap: impl Fn(&str) -> Trap) {
    let world = World::new(database).await;
    let mut child = world.serve().await;
    world.describe_grid().await;
    let reservation = world.reserve().await;
    world.at_rest().await;
    let id = reservation["id"].as_str().unwrap().to_owned();
    let amount: Stroops = reservation["payment_options"][0]["amount"].as_str().unwrap().parse().unwrap();
    let escrow: AccountId = reservation["escrow"]["address"].as_str().unwrap().parse().unwrap();

    world.proxy.set(trap(&escrow.to_string()));
    let to = Address::Account(escrow);
    world.horizon.pay(&wallet("alice"), to, named("TFT"), amount, &Memo::None).await.unwrap();
    let sprung = tokio::time::timeout(Duration::from_secs(60), world.proxy.sprung());
    sprung.await.expect("the service never came to where it was to be killed");
    kill_9(&mut child).await;
    SystemClock.sleep(AWAY).await;

    let mut child = world.serve().await;
    until("the reservation is settled", async || {
        let reservation = world.get(&format!("/v1/reservations/{id}")).await;
        (reservation["state"] == "settled").then_some(())
    })
    .await;
    world.at_rest().await;
    let tenth = Stroops::new(amount.get() / 10).unwrap();
    assert_eq!(world.tft(wallet("foundation").account()), tenth);
    assert_eq!(world.tft(wallet("farmer").account()), amount.checked_sub(tenth).unwrap());
    assert!(world.tft(escrow).is_zero());
    let pools = world.get("/v1/pools").await;
    assert_eq!(pools["items"].as_array().unwrap().len(), 1);
    let payments = world.get(&format!("/v1/reservations/{id}/payments")).await;
    assert_eq!(payments["items"].as_array().unwrap().len(), 1);
    kill_9(&mut child).await;
    let secret = stellar_strkey::ed25519::PrivateKey(wallet("platform").key().to_bytes());
    let reconciled = farmgate()
        .args(["reconcile", "--database", &database.url, "--horizon", &world.sandbox.url()])
        .env("FARMGATE_PLATFORM_SECRET", secret.as_unredacted().to_string().as_str())
        .output()
        .await
        .unwrap();
    let table = String::from_utf8_lossy(&reconciled.stdout).into_owned();
    assert!(reconciled.status.success(), "{table}{}", String::from_utf8_lossy(&reconciled.stderr));
}

on_both_databases! {
    async fn killed_while_reading_the_payment_it_pays_once(database: &TestStore) {
        killed_at(database, |_| Trap {
            method: "GET", path_begins: "/accounts/", path_ends: "/payments", place: Place::AfterHorizon,
        })
        .await;
    }

    async fn killed_with_the_envelope_stored_and_not_sent_it_pays_once(database: &TestStore) {
        killed_at(database, |_| Trap {
            method: "POST", path_begins: "/transactions", path_ends: "", place: Place::BeforeHorizon,
        })
        .await;
    }

    async fn killed_with_the_envelope_sent_and_no_answer_it_pays_once(database: &TestStore) {
        killed_at(database, |_| Trap {
            method: "POST", path_begins: "/transactions", path_ends: "", place: Place::AfterHorizon,
        })
        .await;
    }

    async fn killed_after_a_504_while_looking_up_the_outcome_it_pays_once(database: &TestStore) {
        killed_at(database, |_| Trap {
            method: "POST", path_begins: "/transactions", path_ends: "",
            place: Place::TimedOutThen("/transactions/"),
        })
        .await;
    }

    async fn killed_as_the_answer_arrives_it_pays_once(database: &TestStore) {
        killed_at(database, |_| Trap {
            method: "POST", path_begins: "/transactions", path_ends: "", place: Place::Delivered,
        })
        .await;
    }
}
