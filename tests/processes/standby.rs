//! The primary dies, and an asynchronous standby without the last commits is promoted under the running
//! service.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use farmgate::app::clock::SystemClock;
use farmgate::domain::address::{AccountId, Address};
use farmgate::domain::money::Stroops;
use farmgate::ports::clock::Clock;
use farmgate::ports::store::{Store, StoreError};
use farmgate::storage::{Settings, connect};
use farmgate_sandbox::wallet::{Horizon, Memo};
use farmgate_sandbox::{self as sandbox, Sandbox};
use jiff::{SignedDuration, Timestamp};

use crate::api::{Api, named, secret, wallet};
use crate::children::{farmgate, kill_9, signal, until};
use crate::postgres::{Server, Switch};
use crate::proxy::{Place, Proxy, Trap};

/// The shortest that a transaction may live, in seconds: so long nothing is built after each cut.
const LIFETIME_SECONDS: i64 = 100;
/// Accounts that are kept ready.
const WARM_ACCOUNTS: u64 = 2;
/// After how many requests to Horizon, counted from the payment on, the standby gets nothing more.
const CUTS: [u32; 10] = [0, 1, 2, 3, 4, 5, 6, 8, 10, 13];

/// The machine's clock, ahead of it: for the network's ledgers.
#[derive(Default)]
struct Ahead(AtomicI64);

#[async_trait]
impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now() + SignedDuration::from_secs(self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}

struct World {
    clock: Arc<Ahead>,
    sandbox: sandbox::Handle,
    horizon: Horizon,
    proxy: Proxy,
    switch: Switch,
    api: Api,
}

impl World {
    async fn new(primary: &Server) -> Self {
        let clock = Arc::new(Ahead::default());
        let settings = sandbox::Settings { ledger_ms: 150, ..sandbox::Settings::default() };
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let sandbox = Sandbox::start(settings, clock.clone(), any).await.unwrap();
        let horizon = Horizon::at(&sandbox.url()).unwrap();
        let proxy = Proxy::start(sandbox.url()).await;
        for name in ["platform", "foundation", "farmer", "alice"] {
            horizon.fund(wallet(name).account(), named("XLM"), Stroops::ZERO).await.unwrap();
            horizon.trust(&wallet(name), named("TFT")).await.unwrap();
        }
        let purse = Stroops::from_units(10_000);
        horizon.fund(wallet("alice").account(), named("TFT"), purse).await.unwrap();
        let switch = Switch::to(primary).await;
        let api = Api::new(&switch.url("postgres")).await;
        Self { clock, sandbox, horizon, proxy, switch, api }
    }

    fn serve(&self) -> tokio::process::Child {
        farmgate()
            .args(["serve", "--database", &self.switch.url("postgres"), "--horizon", &self.proxy.url()])
            .args(["--listen", &format!("127.0.0.1:{}", self.api.port)])
            .env("FARMGATE_PLATFORM_SECRET", secret("platform"))
            .env("FARMGATE_RESERVATIONS__PAYOUT__FOUNDATION", wallet("foundation").account().to_string())
            .env("FARMGATE_SETTLEMENT__TICK_MILLIS", "100")
            .env("FARMGATE_SETTLEMENT__RESEND_SECONDS", "1")
            .env("FARMGATE_SETTLEMENT__LEASE_SECONDS", "2")
            .env("FARMGATE_SETTLEMENT__WARM_ACCOUNTS", WARM_ACCOUNTS.to_string())
            .env("FARMGATE_SETTLEMENT__TRANSACTION_LIFETIME_SECONDS", LIFETIME_SECONDS.to_string())
            .env("FARMGATE_STELLAR__REQUESTS_PER_HOUR_MAX", "0")
            .env("FARMGATE_LOG__FILTER", "off")
            .spawn()
            .unwrap()
    }

    /// Waits until no envelope of the service is under way and none is to come: accounts are ready.
    async fn at_rest(&self) {
        let store = connect(&Settings::for_url(self.switch.url("postgres").parse().unwrap())).await.unwrap();
        let tft = self.sandbox.sandbox.asset("TFT").unwrap();
        until("nothing is under way", async || {
            let mut tx = store.begin_read().await.unwrap();
            let open =
                tx.channels().await.unwrap().all().unwrap().iter().all(|channel| channel.opening.is_none());
            let ready = tx.escrows_available(&[tft]).await.unwrap() >= WARM_ACCOUNTS;
            let idle = tx.live_submissions().await.unwrap().is_empty();
            let owed = tx.pending_transfers().await.unwrap().0;
            (open && ready && idle && owed == 0).then_some(())
        })
        .await;
    }

    fn tft(&self, name: &str) -> Stroops {
        let tft = self.sandbox.sandbox.asset("TFT").unwrap();
        self.sandbox.sandbox.balance(wallet(name).account(), &tft).unwrap_or_default()
    }
}

/// One cut: the standby gets nothing more after so many requests, the settlement is sent, its answer is cut
/// off, the primary dies, and the standby is promoted. The settlement lands before that, or late. The server
/// that is the primary then.
async fn cut(world: &World, primary: Server, requests: u32, lands: Place) -> Server {
    let standby = primary.standby();
    let reservation = world.api.reserve().await;
    world.at_rest().await;
    let sender = until("the standby has everything", async || primary.sender().await).await;
    let id = reservation["id"].as_str().unwrap().to_owned();
    let price: Stroops = reservation["payment_options"][0]["amount"].as_str().unwrap().parse().unwrap();
    let escrow: AccountId = reservation["escrow"]["address"].as_str().unwrap().parse().unwrap();
    let (farmer, alice) = (world.tft("farmer"), world.tft("alice"));
    let share = Stroops::new(price.get() - price.get() / 10).unwrap();
    world.proxy.set(Trap { method: "POST", path_begins: "/transactions", path_ends: "", place: lands });
    let much = Stroops::new(price.get() * 3).unwrap();
    let to = Address::Account(escrow);
    world.horizon.pay(&wallet("alice"), to, named("TFT"), much, &Memo::None).await.unwrap();
    world.proxy.after(requests, move || signal("-STOP", &[sender]));
    let sprung = tokio::time::timeout(Duration::from_secs(60), world.proxy.sprung());
    sprung.await.expect("the settlement was never sent");
    signal("-STOP", &[sender]);
    primary.dies(sender);
    standby.promote();
    world.switch.turn(&standby);

    let mut raw = standby.raw().await;
    let unpaid = if lands == Place::Late { farmer } else { farmer.checked_add(share).unwrap() };
    until("nothing is built", async || {
        let pauses = "SELECT COUNT(*) FROM engine_status WHERE builds_nothing_before IS NOT NULL";
        assert_eq!(
            world.tft("farmer"),
            unpaid,
            "after {requests} requests: nothing is built on an old database"
        );
        (raw.numbers(pauses).await == [1]).then_some(())
    })
    .await;
    raw.close().await;
    if lands == Place::Late {
        world.proxy.deliver();
        until("the settlement lands", async || (world.tft("farmer") != farmer).then_some(())).await;
    }
    world.clock.0.fetch_add(LIFETIME_SECONDS + 1, Ordering::SeqCst);
    world.api.until_settled(&id).await;
    let back = alice.checked_sub(price).unwrap();
    until("the excess is back", async || (world.tft("alice") == back).then_some(())).await;
    let paid = world.tft("farmer").checked_sub(farmer).unwrap();
    assert_eq!(paid, share, "after {requests} requests: paid once");
    drop(primary);
    standby
}

/// A cut after each number of requests, the one after the other, under a service that goes on.
async fn nothing_is_paid_twice(cuts: impl IntoIterator<Item = u32>, lands: Place) {
    let mut primary = Server::primary().await;
    let world = World::new(&primary).await;
    let mut serve = world.serve();
    world.api.is_ready().await;
    world.api.describe_grid(&world.horizon).await;
    for requests in cuts {
        primary = cut(&world, primary, requests, lands).await;
    }
    world.at_rest().await;
    assert!(serve.try_wait().unwrap().is_none(), "the service went on by itself");
    kill_9(&mut serve).await;
    let reconciled = farmgate()
        .args(["reconcile", "--database", &world.switch.url("postgres"), "--horizon", &world.sandbox.url()])
        .env("FARMGATE_PLATFORM_SECRET", secret("platform"))
        .output()
        .await
        .unwrap();
    let table = String::from_utf8_lossy(&reconciled.stdout).into_owned();
    assert!(reconciled.status.success(), "{table}{}", String::from_utf8_lossy(&reconciled.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_without_the_last_commits_pays_nothing_twice_what_lands_late() {
    nothing_is_paid_twice(CUTS.into_iter().step_by(2), Place::Late).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_without_the_last_commits_pays_nothing_twice_what_landed_unanswered() {
    nothing_is_paid_twice(CUTS.into_iter().skip(1).step_by(2), Place::TimedOut).await;
}

/// A transaction that may write, as every order is.
async fn writes(store: &Arc<dyn Store>) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    tx.lease().await?;
    tx.commit().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_stayed_at_a_standby_are_thrown_away() {
    let primary = Server::primary().await;
    let switch = Switch::to(&primary).await;
    let settings =
        Settings { acquire_timeout_seconds: 1, ..Settings::for_url(switch.url("postgres").parse().unwrap()) };
    let store = connect(&settings).await.unwrap();
    writes(&store).await.unwrap();
    let standby = primary.standby();
    until("the standby has everything", async || primary.sender().await).await;
    // A failover as clients see it: their connections end, and the address leads to a server that takes no
    // writes.
    switch.turn(&standby);
    primary.ends_sessions().await;
    for _ in 0..3 {
        let refused = writes(&store).await.unwrap_err();
        assert!(matches!(refused, StoreError::Unavailable { .. }), "{refused}");
    }
    // Connections that were made before the standby was left behind are of no use afterwards.
    switch.turn(&primary);
    until("orders are taken again, without a restart", async || writes(&store).await.ok()).await;
    for _ in 0..20 {
        writes(&store).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_made_read_only_under_us_is_unavailable_until_it_is_not() {
    let primary = Server::primary().await;
    let settings = Settings {
        acquire_timeout_seconds: 1,
        ..Settings::for_url(primary.url("postgres").parse().unwrap())
    };
    let store = connect(&settings).await.unwrap();
    writes(&store).await.unwrap();
    primary.takes_writes(false).await;
    let refused = writes(&store).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable { .. }), "{refused}");
    primary.takes_writes(true).await;
    until("it is used again", async || writes(&store).await.ok()).await;
}
