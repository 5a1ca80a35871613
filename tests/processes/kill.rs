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
use farmgate_sandbox::wallet::{Horizon, Memo, Named};
use farmgate_sandbox::{self as sandbox, Sandbox};
use tokio::process::Child;

use crate::api::{Api, named, secret, wallet};
use crate::children::{farmgate, kill_9, until};
use crate::proxy::{Place, Proxy, Trap};
use crate::support::{TestStore, on_both_databases};

/// So long the sandbox is given to close the ledgers that decide a transaction's fate while nobody watches.
const AWAY: Duration = Duration::from_secs(2);

struct World<'t> {
    sandbox: sandbox::Handle,
    horizon: Horizon,
    proxy: Proxy,
    database: &'t TestStore,
    api: Api,
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
        let api = Api::new(&database.url).await;
        Self { sandbox, horizon, proxy, database, api }
    }

    async fn serve(&self) -> Child {
        let child = farmgate()
            .args(["serve", "--database", &self.database.url, "--horizon", &self.proxy.url()])
            .args(["--listen", &format!("127.0.0.1:{}", self.api.port)])
            .env("FARMGATE_PLATFORM_SECRET", secret("platform"))
            .env("FARMGATE_RESERVATIONS__PAYOUT__FOUNDATION", wallet("foundation").account().to_string())
            .env("FARMGATE_SETTLEMENT__TICK_MILLIS", "100")
            .env("FARMGATE_SETTLEMENT__RESEND_SECONDS", "1")
            .env("FARMGATE_SETTLEMENT__LEASE_SECONDS", "2")
            .env("FARMGATE_SETTLEMENT__WARM_ACCOUNTS", "2")
            .env("FARMGATE_STELLAR__REQUESTS_PER_HOUR_MAX", "0")
            .env("FARMGATE_LOG__FILTER", "error")
            .spawn()
            .unwrap();
        self.api.is_ready().await;
        child
    }

    fn tft(&self, account: AccountId) -> Stroops {
        let tft = self.sandbox.sandbox.asset("TFT").unwrap();
        self.sandbox.sandbox.balance(account, &tft).unwrap_or_default()
    }

    /// Waits until no envelope of the service is under way: accounts are ready, channels are free.
    async fn at_rest(&self) {
        until("channels and accounts are open", async || {
            let mut tx = self.database.store.begin_read().await.unwrap();
            let channels = tx.channels().await.unwrap().all().unwrap();
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
    world.api.describe_grid(&world.horizon).await;
    let reservation = world.api.reserve().await;
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
    world.api.until_settled(&id).await;
    world.at_rest().await;
    let tenth = Stroops::new(amount.get() / 10).unwrap();
    assert_eq!(world.tft(wallet("foundation").account()), tenth);
    assert_eq!(world.tft(wallet("farmer").account()), amount.checked_sub(tenth).unwrap());
    assert!(world.tft(escrow).is_zero());
    let pools = world.api.get("/v1/pools").await.unwrap();
    assert_eq!(pools["items"].as_array().unwrap().len(), 1);
    let payments = world.api.get(&format!("/v1/reservations/{id}/payments")).await.unwrap();
    assert_eq!(payments["items"].as_array().unwrap().len(), 1);
    kill_9(&mut child).await;
    let reconciled = farmgate()
        .args(["reconcile", "--database", &database.url, "--horizon", &world.sandbox.url()])
        .env("FARMGATE_PLATFORM_SECRET", secret("platform"))
        .output()
        .await
        .unwrap();
    let table = String::from_utf8_lossy(&reconciled.stdout).into_owned();
    assert!(reconciled.status.success(), "{table}{}", String::from_utf8_lossy(&reconciled.stderr));
}

on_both_databases! {
    async fn killed_while_reading_the_payment_it_pays_once(database: &TestStore) {
        killed_at(database, |_| Trap {
            method: "GET",
            path_begins: "/accounts/",
            path_ends: "/payments",
            place: Place::AfterHorizon,
        })
        .await;
    }

    async fn killed_with_the_envelope_stored_and_not_sent_it_pays_once(database: &TestStore) {
        killed_at(database, |_| Trap {
            method: "POST",
            path_begins: "/transactions",
            path_ends: "",
            place: Place::BeforeHorizon,
        })
        .await;
    }

    async fn killed_with_the_envelope_sent_and_no_answer_it_pays_once(database: &TestStore) {
        killed_at(database, |_| Trap {
            method: "POST",
            path_begins: "/transactions",
            path_ends: "",
            place: Place::AfterHorizon,
        })
        .await;
    }

    async fn killed_after_a_504_while_looking_up_the_outcome_it_pays_once(database: &TestStore) {
        killed_at(database, |_| Trap {
            method: "POST",
            path_begins: "/transactions",
            path_ends: "",
            place: Place::TimedOutThen("/transactions/"),
        })
        .await;
    }

    async fn killed_as_the_answer_arrives_it_pays_once(database: &TestStore) {
        killed_at(database, |_| Trap {
            method: "POST",
            path_begins: "/transactions",
            path_ends: "",
            place: Place::Delivered,
        })
        .await;
    }
}
