//! Two services on one PostgreSQL under load, while whoever leads is killed or frozen and PostgreSQL is
//! killed, again and again. When all has calmed down, the ledger says whether anybody lost or won a stroop.
//!
//! What happens to whom is drawn from a seed, which is printed; when it meets what is not, for these are real
//! processes. `FARMGATE_CHAOS_SEED` sets it.

mod cluster;
mod customers;
mod services;
mod truth;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use farmgate::app::clock::SystemClock;
use farmgate::domain::asset::Asset;
use farmgate::domain::money::Stroops;
use farmgate::ports::clock::Clock;
use farmgate_sandbox::wallet::{Horizon, Named, Wallet};
use futures::StreamExt;
use futures::stream;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};
use tokio::task::{JoinHandle, LocalSet, spawn_local};

use crate::children::{until, within_steps};
use cluster::Cluster;
use customers::{Customer, HABITS, Ordered, PURSE_UNITS, Town};
use services::{LEASE_SECONDS, Machine, Network, Service};
use truth::Truth;

const SEED_VARIABLE: &str = "FARMGATE_CHAOS_SEED";
/// Customers who come with each blow.
const CUSTOMERS_PER_BLOW: usize = 3;
/// Longest time between two blows, in milliseconds, besides what is waited for.
const PAUSE_MILLIS_MAX: u64 = 1_000;
/// For how long a blow waits for an envelope to be under way, in steps of a tenth of a second.
const AT_WORK_STEPS_MAX: u32 = 20;
/// Who stands still for so long with a transaction open keeps the lease's row locked. Then it is tried again.
const STALLED: Duration = Duration::from_millis(500);
const FREEZES_MAX: u32 = 30;
/// How long everything is given to come to rest, in steps.
const CALM_STEPS_MAX: u32 = 900;

/// What is done to the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Blow {
    LeaderKilled,
    LeaderFrozen,
    PostgresKilled,
    SessionKilled,
    LeaderAndPostgresKilled,
}

/// All of them, in an order that is drawn.
const BLOWS: [Blow; 14] = [
    Blow::LeaderKilled,
    Blow::LeaderKilled,
    Blow::LeaderKilled,
    Blow::LeaderKilled,
    Blow::LeaderKilled,
    Blow::LeaderFrozen,
    Blow::LeaderFrozen,
    Blow::PostgresKilled,
    Blow::PostgresKilled,
    Blow::PostgresKilled,
    Blow::PostgresKilled,
    Blow::SessionKilled,
    Blow::LeaderAndPostgresKilled,
    Blow::LeaderAndPostgresKilled,
];

struct World {
    network: Network,
    cluster: Cluster,
    machine: Machine,
    services: [Service; 2],
    town: Arc<Town>,
    dice: ChaCha8Rng,
    /// Terms that were ended by freezing whoever led.
    frozen_out: usize,
    /// How often whoever led stood still with a transaction open.
    stalls: usize,
    _logs: tempfile::TempDir,
}

fn wallet(name: &str) -> Wallet {
    name.parse().unwrap()
}

/// A free port that no outgoing connection is given while nobody listens on it.
fn lasting_port(dice: &mut ChaCha8Rng) -> u16 {
    let mut ports = (0..100).map(|_| 20_000 + u16::try_from(dice.next_u64() % 12_000).unwrap());
    ports.find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}

/// Opens an account with XLM and a trust line.
async fn open(horizon: &Horizon, wallet: &Wallet, purse: Stroops) {
    let tft: Named = "TFT".parse().unwrap();
    // The network's givers may be busy with each other's.
    let given = async |named, amount| {
        until("the network gives", async || horizon.fund(wallet.account(), named, amount).await.ok()).await;
    };
    given(Named::Asset(Asset::Native), Stroops::ZERO).await;
    horizon.trust(wallet, tft).await.unwrap();
    if !purse.is_zero() {
        given(tft, purse).await;
    }
}

impl World {
    async fn new(seed: u64, customers: &[Customer]) -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let http = services::client();
        let network = Network::start(seed).await;
        // Ports are the machine's matter: another test may draw the same ones, but not the same process's.
        let mut ports = ChaCha8Rng::seed_from_u64(seed ^ u64::from(std::process::id()));
        let cluster = Cluster::start(lasting_port(&mut ports)).await;
        let machine = Machine {
            database: cluster.url(),
            horizon: network.url.clone(),
            platform: wallet("platform"),
            foundation: wallet("foundation"),
        };
        let horizon = Horizon::at(&network.url).unwrap();
        let everybody = ["platform", "foundation", "farmer"].map(|name| (wallet(name), Stroops::ZERO));
        let purse = Stroops::from_units(PURSE_UNITS);
        let payers = customers.iter().flat_map(|customer| [&customer.wallet, &customer.friend]);
        let everybody = everybody.into_iter().chain(payers.map(|payer| (payer.clone(), purse)));
        let opening = stream::iter(everybody).for_each_concurrent(40, async |(wallet, purse)| {
            open(&horizon, &wallet, purse).await;
        });
        let key_of = async |role| machine.run(&["keys", "create", role, "--role", role]).await.unwrap();
        let keys = async { (key_of("explorer").await, key_of("operator").await) };
        let ((), (key, operator)) = futures::join!(opening, keys);
        let logs = tempfile::tempdir().unwrap();
        let services = [(); 2].map(|()| Service::new(lasting_port(&mut ports), logs.path()));
        let tft = horizon.asset("TFT".parse().unwrap()).await.unwrap();
        let town = Town {
            services: services.iter().map(|service| service.url("")).collect(),
            key: key.trim().to_owned(),
            http,
            horizon,
            tft,
        };
        dice.next_u64();
        let town = Arc::new(town);
        let mut world =
            Self { network, cluster, machine, services, town, dice, frozen_out: 0, stalls: 0, _logs: logs };
        world.all_up().await;
        world.describe_grid(operator.trim()).await;
        world
    }

    async fn put(&self, key: &str, path: &str, body: Value) {
        let call = self.town.http.put(self.services[0].url(path)).bearer_auth(key).json(&body);
        let answer = call.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
    }

    async fn describe_grid(&self, operator: &str) {
        let tft = self.town.tft;
        let key = hex::encode(wallet("customer-0").account().bytes());
        let currency = json!({ "asset": tft, "usd_rate": "0.05", "rate_valid_seconds": 86_400 });
        self.put(operator, "/v1/currencies/TFT", currency).await;
        self.put(&self.town.key, "/v1/identities/1", json!({ "name": "Everybody", "public_key": key })).await;
        let addresses = json!({ tft.to_string(): wallet("farmer").account() });
        let farm = json!({
            "name": "North", "owner_id": "1", "distribution": "grid2", "payout_addresses": addresses,
        });
        self.put(&self.town.key, "/v1/farms/1", farm).await;
        let capacity = json!({ "cu": "1024", "su": "32", "ipv4u": "4" });
        self.put(&self.town.key, "/v1/nodes/1", json!({ "farm_id": "1", "capacity": capacity })).await;
    }

    fn below(&mut self, end: u64) -> u64 {
        self.dice.next_u64() % end
    }

    async fn all_up(&mut self) {
        for service in &mut self.services {
            service.is_up(&self.machine, &self.town.http).await;
        }
    }

    /// Which of the services leads, once one does.
    async fn leader(&self) -> usize {
        let found = within_steps(600, async || {
            for (place, service) in self.services.iter().enumerate() {
                if service.leads(&self.town.http).await == Some(true) {
                    return Some(place);
                }
            }
            None
        })
        .await;
        found.unwrap_or_else(|| panic!("nobody leads\n{}", self.last_words()))
    }

    fn last_words(&self) -> String {
        let server = std::fs::read_to_string(self.cluster.log()).unwrap_or_default();
        let lines: Vec<&str> = server.lines().rev().take(10).collect();
        let said: String = self.services.iter().map(Service::last_words).collect();
        format!("{said}PostgreSQL, latest first:\n{}", lines.join("\n"))
    }

    /// Numbers of the database, read past the service; `None` if it does not answer.
    async fn numbers(&self, sql: &str) -> Option<Vec<i64>> {
        let options: PgConnectOptions = self.cluster.url().parse().unwrap();
        let mut connection: PgConnection = options.connect().await.ok()?;
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut connection).await.ok()
    }

    /// Half of the blows strike while an envelope is under way, the others at any moment.
    async fn moment(&mut self) {
        let pause = Duration::from_millis(self.below(PAUSE_MILLIS_MAX));
        SystemClock.sleep(pause).await;
        if self.below(2) == 0 {
            within_steps(AT_WORK_STEPS_MAX, async || {
                let live = self.numbers("SELECT id FROM submissions WHERE state = 'live'").await?;
                (!live.is_empty()).then_some(())
            })
            .await;
        }
    }

    async fn strike(&mut self, blow: Blow) {
        let leader = self.leader().await;
        self.moment().await;
        match blow {
            Blow::LeaderKilled => {
                self.services[leader].kill_9().await;
                // Started at once it waits for its own old lease; else the other has taken it.
                if self.below(3) > 0 {
                    self.leader().await;
                }
            }
            Blow::LeaderFrozen => self.freeze(leader).await,
            Blow::PostgresKilled => {
                self.cluster.kill_9().await;
                let pause = Duration::from_millis(self.below(PAUSE_MILLIS_MAX));
                SystemClock.sleep(pause).await;
                self.cluster.start_again().await;
            }
            Blow::SessionKilled => {
                self.cluster.kill_9_a_session().await;
                self.cluster.answers().await;
            }
            Blow::LeaderAndPostgresKilled => {
                self.services[leader].kill_9().await;
                self.cluster.kill_9().await;
                self.cluster.start_again().await;
            }
        }
        self.all_up().await;
        self.leader().await;
    }

    /// Freezes whoever leads until the other does, and lets it go on: it must find that its term is over.
    async fn freeze(&mut self, leader: usize) {
        const LOST: &str = "the engine's lease is lost";
        for _ in 0..FREEZES_MAX {
            let lost = self.services[leader].said(LOST);
            self.services[leader].signal("-STOP");
            SystemClock.sleep(STALLED).await;
            if self.stalls_a_transaction().await {
                // Its lease cannot be taken from it now. It goes on as if nothing had been.
                self.services[leader].signal("-CONT");
                self.stalls += 1;
                let pause = Duration::from_millis(self.below(PAUSE_MILLIS_MAX));
                SystemClock.sleep(pause).await;
                continue;
            }
            let other = &self.services[1 - leader];
            until("the other leads", async || other.leads(&self.town.http).await?.then_some(())).await;
            self.services[leader].signal("-CONT");
            let noticed = async || (self.services[leader].said(LOST) > lost).then_some(());
            until("who was frozen notices", noticed).await;
            self.frozen_out += 1;
            return;
        }
    }

    /// True if a session has left a transaction lying for as long as somebody was frozen.
    async fn stalls_a_transaction(&self) -> bool {
        let sql = "SELECT pid::BIGINT FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' \
                   AND state_change < clock_timestamp() - INTERVAL '400 milliseconds'";
        self.numbers(sql).await.is_none_or(|found| !found.is_empty())
    }

    /// What is not at rest yet; nothing, when nothing is under way.
    async fn under_way(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (what, sql) in [
            (
                "reservations that have not ended",
                "SELECT id FROM reservations \
                 WHERE state NOT IN ('settled', 'refunded', 'expired', 'cancelled', 'rejected')",
            ),
            ("transactions under way", "SELECT id FROM submissions WHERE state = 'live'"),
            (
                "transfers that are not paid",
                "SELECT id FROM transfers WHERE state IN ('pending', 'in_flight')",
            ),
            (
                "accounts that are not closed",
                "SELECT reservation FROM escrows WHERE state IN ('assigned', 'closing', 'merged')",
            ),
            ("accounts that are not open", "SELECT 0::BIGINT FROM escrows WHERE state = 'preparing'"),
            ("channels that are not open", "SELECT opening FROM channels WHERE opening IS NOT NULL"),
            (
                "accounts that are not understood",
                "SELECT 0::BIGINT FROM escrows WHERE dirty_since IS NOT NULL",
            ),
        ] {
            match self.numbers(sql).await {
                Some(ids) if ids.is_empty() => {}
                Some(ids) => found.push(format!("{what}: {ids:?}")),
                None => found.push("the database does not answer".to_owned()),
            }
        }
        found
    }

    async fn calm(&self) {
        let mut rest = Vec::new();
        let calm = within_steps(CALM_STEPS_MAX, async || {
            rest = self.under_way().await;
            rest.is_empty().then_some(())
        })
        .await;
        assert!(calm.is_some(), "it does not come to rest: {rest:#?}\n{}", self.last_words());
    }

    /// Of two services one leads, and it is the one that the database says.
    async fn one_leads(&self) -> Vec<String> {
        let mut leads = 0;
        for service in &self.services {
            match service.leads(&self.town.http).await {
                Some(true) => leads += 1,
                Some(false) => {}
                None => return vec![format!("the service on port {} does not answer", service.port)],
            }
        }
        if leads == 1 { Vec::new() } else { vec![format!("{leads} of two services lead")] }
    }

    /// The same order again is answered as it was, by either process, and nothing was ordered twice.
    async fn orders_stand_once(&self, orders: &[Ordered]) -> Vec<String> {
        let mut findings = Vec::new();
        for (place, ordered) in orders.iter().enumerate() {
            let again =
                self.town.post("/v1/reservations", &ordered.request_key, &ordered.request, place + 1).await;
            if again["id"] != ordered.id.as_str() {
                findings
                    .push(format!("{} was {}, and now is {}", ordered.request_key, ordered.id, again["id"]));
            }
        }
        let stored = self.numbers("SELECT id FROM reservations").await.unwrap_or_default();
        if stored.len() != orders.len() {
            findings.push(format!("{} ordered once each, and there are {stored:?}", orders.len()));
        }
        findings
    }

    async fn books_agree(&self) -> Vec<String> {
        let mut findings = Vec::new();
        if let Err(table) = self.machine.run(&["reconcile"]).await {
            findings.push(format!("journal and ledger differ:\n{table}"));
        }
        let sums = "SELECT SUM(amount)::BIGINT FROM journal_postings GROUP BY asset HAVING SUM(amount) <> 0";
        let strange = "SELECT COALESCE(operation, 0) FROM quarantine";
        for (what, sql) in [("postings do not sum to zero", sums), ("records were put aside", strange)] {
            match self.numbers(sql).await {
                Some(found) if found.is_empty() => {}
                found => findings.push(format!("{what}: {found:?}")),
            }
        }
        findings
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_everybody_has_what_is_theirs() {
    LocalSet::new().run_until(chaos()).await;
}

async fn chaos() {
    let given = std::env::var(SEED_VARIABLE).ok().map(|seed| seed.parse().expect("the seed is a number"));
    let seed = given.unwrap_or_else(|| SystemClock.now().as_microsecond().unsigned_abs());
    println!("{SEED_VARIABLE}={seed}");
    let customers: Vec<Customer> = (0..BLOWS.len() * CUSTOMERS_PER_BLOW)
        .map(|number| Customer {
            number,
            habit: HABITS[number % HABITS.len()],
            wallet: wallet(&format!("customer-{number}")),
            friend: wallet(&format!("friend-{number}")),
        })
        .collect();
    let mut world = World::new(seed, &customers).await;
    world.network.begin_faults(&world.town.http).await;

    let mut blows = BLOWS.to_vec();
    for place in (1..blows.len()).rev() {
        let other = usize::try_from(world.below(place as u64 + 1)).unwrap();
        blows.swap(place, other);
    }
    let mut living: Vec<JoinHandle<Ordered>> = Vec::new();
    let mut coming = customers.iter();
    let mut done: BTreeMap<Blow, usize> = BTreeMap::new();
    for blow in blows {
        for customer in coming.by_ref().take(CUSTOMERS_PER_BLOW) {
            living.push(spawn_local(customer.clone().live(Arc::clone(&world.town))));
        }
        println!("{} {blow:?}", SystemClock.now());
        world.strike(blow).await;
        *done.entry(blow).or_default() += 1;
    }

    println!("{} it calms down", SystemClock.now());
    let faults = world.network.end_faults(&world.town.http).await;
    let mut orders = Vec::new();
    for life in living {
        orders.push(life.await.unwrap_or_else(|error| panic!("{error}\n{}", world.last_words())));
    }
    println!("{} everybody has paid", SystemClock.now());
    world.calm().await;
    let truth = Truth::read(&world.network.url, &world.town.http, world.machine.platform.account()).await;
    let (mut findings, ends) = truth.findings(&world.town, &orders, &customers).await;
    findings.extend(world.books_agree().await);
    findings.extend(world.one_leads().await);
    findings.extend(world.orders_stand_once(&orders).await);
    let tokens = world.numbers("SELECT token FROM engine_lease").await;
    println!(
        "{done:?}; frozen out: {}, with a transaction open: {}; lease tokens: {tokens:?}; \
         faults: {faults}; {ends:?}",
        world.frozen_out, world.stalls
    );
    assert!(findings.is_empty(), "seed {seed}: {findings:#?}\n{}", world.last_words());
    assert!(
        world.frozen_out > 0,
        "seed {seed}: nobody was frozen for longer than the lease of {LEASE_SECONDS} s"
    );
    let settled = ends.get("settled").copied().unwrap_or(0);
    assert!(settled >= orders.len() / 4 && ends.len() > 1, "seed {seed}: too little happened: {ends:?}");
}
