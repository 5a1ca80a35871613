//! So many open reservations watched for so many ledgers, and every request of it counted.
//!
//! The real engine, database and Horizon client, over the sandbox's service in this process. Time is virtual:
//! nobody waits for a clock, and a ledger closes when all that could happen before it has happened. Sandbox
//! and client get no word of the counting, which is done between them and, for the looks of an open stream
//! at new ledgers, by the sandbox.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use farmgate::access::Decider;
use farmgate::app::clock::SystemEntropy;
use farmgate::domain::audit::Actor;
use farmgate::domain::currency::Currency;
use farmgate::domain::farm::Farm;
use farmgate::domain::identity::Identity;
use farmgate::domain::ids::{FarmId, IdentityId, NodeId, ReservationId};
use farmgate::domain::money::Stroops;
use farmgate::domain::node::Node;
use farmgate::domain::request_budget::Pace;
use farmgate::domain::reservation::Reservation;
use farmgate::domain::split::Distribution;
use farmgate::domain::tenant::Tenant;
use farmgate::domain::units::CloudUnits;
use farmgate::ports::clock::Clock;
use farmgate::ports::network::Network;
use farmgate::ports::store::{Put, Store, StoreError, transact};
use farmgate::reservations::{self, OrderRequest};
use farmgate::settlement::{Engine, Outside, Settings};
use farmgate::stellar::keys::{MemorySigner, SecretSeed};
use farmgate::stellar::transport::{Request, Response, ServiceTransport, Transport, TransportError};
use farmgate::stellar::{self, StellarNetwork};
use farmgate_sandbox::faucet::Gift;
use farmgate_sandbox::{self as sandbox, PUBLIC_RATE_LIMIT, Sandbox, TokenBucket};
use futures::future::{Either, select};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// Milliseconds between two ledgers.
const LEDGER_MILLIS: i64 = 5_000;
/// How long after a ledger's close the engine ticks, in milliseconds: on average it is half a ledger.
const TICK_OFFSET_MILLIS: i64 = 2_500;
/// Ledgers of an hour.
pub const LEDGERS_PER_HOUR: u32 = 720;
/// One payment every so many ledgers: one a minute.
const LEDGERS_PER_PAYMENT: u32 = 12;
/// Sleeps of the client from here on are time-outs; what is shorter it waits for.
const TIMEOUT_FROM: Duration = Duration::from_secs(16);
/// Most accounts opened at a time, and reservations of one database transaction.
const OPENED_AT_ONCE: usize = 5_000;
const RESERVATIONS_AT_ONCE: usize = 250;
/// Ticks within which accounts must have been opened.
const PREPARING_TICKS_MAX: usize = 200;
/// Ledgers within which a submission is answered, whoever answers.
const SUBMISSION_LEDGERS_MAX: usize = 10;
/// Rounds in which whoever has something to do does it.
const ROUNDS: usize = 20;
const CODE: &str = "FreeTFT";

struct VirtualClock {
    now: watch::Sender<Timestamp>,
}

#[async_trait]
impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    async fn sleep(&self, duration: Duration) {
        let until = *self.now.borrow() + duration;
        let mut now = self.now.subscribe();
        now.wait_for(|now| *now >= until).await.map(drop).unwrap_or_default();
    }
}

impl VirtualClock {
    fn forward(&self, to: Timestamp) {
        self.now.send_modify(|now| *now = to.max(*now));
    }
}

/// The client's clock: what it waits for goes by while it waits.
struct ClientClock(Arc<VirtualClock>);

#[async_trait]
impl Clock for ClientClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn sleep(&self, duration: Duration) {
        if duration >= TIMEOUT_FROM {
            return self.0.sleep(duration).await;
        }
        self.0.forward(self.0.now() + duration);
        tokio::task::yield_now().await;
    }
}

/// The network's ledgers, closed by hand.
struct Ledgers {
    sandbox: Sandbox,
    clock: Arc<VirtualClock>,
    next_at: Mutex<Timestamp>,
    /// While accounts are prepared time stands still.
    still: AtomicBool,
    closed: AtomicU64,
}

impl Ledgers {
    /// Closes the next ledger at its time, and those that are overdue.
    fn close(&self) {
        if self.still.load(Ordering::SeqCst) {
            self.sandbox.close_ledger();
            return;
        }
        let mut next_at = self.next_at.lock().unwrap();
        self.clock.forward(*next_at);
        while *next_at <= self.clock.now() {
            self.sandbox.close_ledger();
            self.closed.fetch_add(1, Ordering::SeqCst);
            *next_at += SignedDuration::from_millis(LEDGER_MILLIS);
        }
    }
}

/// Requests by what they ask for.
pub type Counts = BTreeMap<&'static str, u64>;

/// The way to Horizon, with somebody who counts, and Horizon's rate limit as the public servers have it.
struct Counted {
    inner: ServiceTransport,
    ledgers: Arc<Ledgers>,
    counts: Mutex<Counts>,
    allowance: TokenBucket,
    looks: AtomicU64,
    refused: AtomicU64,
}

impl Counted {
    fn count(&self, what: &'static str) {
        if self.ledgers.still.load(Ordering::SeqCst) {
            return;
        }
        *self.counts.lock().unwrap().entry(what).or_default() += 1;
        if !self.allowance.take(self.ledgers.clock.now()).is_allowed() {
            self.refused.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// The streams' looks at ledgers since the last time.
    fn count_looks(&self) {
        let looks = self.ledgers.sandbox.stream_looks();
        for _ in self.looks.swap(looks, Ordering::SeqCst)..looks {
            self.count(STREAM);
        }
    }
}

pub const TIP: &str = "latest ledger";
pub const SWEEP: &str = "sweep";
pub const STREAM: &str = "stream";
pub const HISTORIES: &str = "histories";
pub const SENDS: &str = "sends";
pub const OTHER: &str = "other";

fn kind(request: &Request) -> &'static str {
    let path = request.target.split('?').next().unwrap_or_default();
    match path {
        _ if request.form.is_some() => SENDS,
        "/ledgers" => TIP,
        "/accounts" => SWEEP,
        "/payments" => STREAM,
        _ if path.ends_with("/payments") => HISTORIES,
        _ => OTHER,
    }
}

#[async_trait]
impl Transport for Counted {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.count_looks();
        self.count(kind(&request));
        if request.form.is_none() {
            return self.inner.send(request).await;
        }
        // A submission is answered once it is in a ledger, and by an instance that lags some ledgers later.
        let mut answer = pin!(self.inner.send(request));
        for _ in 0..SUBMISSION_LEDGERS_MAX {
            for _ in 0..ROUNDS {
                if let Poll::Ready(answer) = futures::poll!(&mut answer) {
                    return answer;
                }
                tokio::task::yield_now().await;
            }
            self.ledgers.close();
        }
        answer.await
    }
}

/// What was seen while the reservations were watched.
#[derive(Debug, Clone)]
pub struct Watched {
    pub reservations: usize,
    pub accounts: usize,
    pub counts: Counts,
    /// Requests that a public Horizon would have refused.
    pub refused: u64,
    pub pace: Pace,
    pub payments: usize,
    pub settled: u64,
    /// How long after its ledger's close each payment was seen.
    pub seen_after: Vec<SignedDuration>,
}

impl Watched {
    pub fn requests(&self) -> u64 {
        self.counts.values().sum()
    }
}

pub struct Hour {
    pub sandbox: Sandbox,
    clock: Arc<VirtualClock>,
    ledgers: Arc<Ledgers>,
    transport: Arc<Counted>,
    store: Arc<dyn Store>,
    reservations: Vec<Reservation>,
    /// How many of them were paid.
    paid: AtomicUsize,
}

impl Hour {
    /// So many open reservations, each with an account whose history has been read.
    pub async fn prepare(store: Arc<dyn Store>, reservations: usize) -> Self {
        let began: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let clock = Arc::new(VirtualClock { now: watch::channel(began).0 });
        let settings = sandbox::Settings {
            ledger_ms: u64::try_from(LEDGER_MILLIS).unwrap(),
            ledger_operations_max: 1_000_000,
            ..sandbox::Settings::default()
        };
        let sandbox = Sandbox::new(settings, clock.clone());
        let ledgers = Arc::new(Ledgers {
            sandbox: sandbox.clone(),
            clock: clock.clone(),
            next_at: Mutex::new(began + SignedDuration::from_millis(LEDGER_MILLIS)),
            still: AtomicBool::new(true),
            closed: AtomicU64::new(0),
        });
        let transport = Arc::new(Counted {
            inner: ServiceTransport::new(sandbox.router()),
            ledgers: ledgers.clone(),
            counts: Mutex::default(),
            allowance: TokenBucket::new(PUBLIC_RATE_LIMIT),
            looks: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        });
        let mut hour = Self {
            sandbox,
            clock,
            ledgers,
            transport,
            store,
            reservations: Vec::new(),
            paid: AtomicUsize::new(0),
        };
        hour.describe_grid().await;
        while hour.reservations.len() < reservations {
            let count = OPENED_AT_ONCE.min(reservations - hour.reservations.len());
            hour.open_accounts(count).await;
            hour.open_reservations(count).await;
        }
        hour
    }

    /// The key that holds the network's XLM: an account of ours needs reserves.
    fn platform_key(&self) -> SecretSeed {
        self.sandbox.with_ledger(|ledger| SecretSeed::from_bytes(&ledger.keys().root.to_bytes()))
    }

    fn network(&self, requests_per_hour_max: Option<NonZeroU32>) -> Arc<dyn Network> {
        let signer = Arc::new(MemorySigner::new(self.platform_key()));
        let settings = stellar::Settings {
            requests_per_hour_max,
            ..stellar::Settings::new(
                "http://127.0.0.1:8000".parse().unwrap(),
                self.sandbox.passphrase(),
                self.platform_key().public_key(),
            )
        };
        let clock = Arc::new(ClientClock(self.clock.clone()));
        let entropy = Arc::new(SystemEntropy);
        Arc::new(StellarNetwork::new(&settings, self.transport.clone(), signer, clock, entropy))
    }

    async fn describe_grid(&self) {
        let free = Distribution::known("free").unwrap();
        let currency = Currency {
            code: CODE.parse().unwrap(),
            asset: self.sandbox.asset(CODE).unwrap(),
            usd_rate: "1".parse().unwrap(),
            rate_at: self.clock.now(),
            rate_valid_seconds: 30 * 86_400,
            distribution: Some(free.clone()),
            free_only: true,
        };
        let owner = IdentityId::new(1).unwrap();
        let farm = FarmId::new(1).unwrap();
        let capacity = CloudUnits { cu: "100000".parse().unwrap(), ..CloudUnits::default() };
        let node = Node {
            tenant: Tenant::default(),
            id: NodeId::new(1).unwrap(),
            farm,
            capacity,
            free_to_use: true,
        };
        let payout_addresses = BTreeMap::new();
        let farm = Farm {
            tenant: Tenant::default(),
            id: farm,
            name: "Free".to_owned(),
            owner,
            payout_addresses,
            distribution: free,
        };
        let key = hex::encode(self.platform_key().public_key().0).parse().unwrap();
        let customer =
            Identity { tenant: Tenant::default(), id: owner, name: "Customer".to_owned(), public_key: key };
        let put: Result<(), StoreError> = transact(&self.store, move |tx| {
            let (currency, farm, node, customer) =
                (currency.clone(), farm.clone(), node.clone(), customer.clone());
            Box::pin(async move {
                let created = [
                    tx.put_currency(&currency, None).await?,
                    tx.put_identity(&customer).await?,
                    tx.put_farm(&farm).await?,
                    tx.put_node(&node).await?,
                ];
                assert!(created.iter().all(|put| *put == Put::Created));
                Ok(())
            })
        })
        .await;
        put.unwrap();
    }

    /// Has the engine open so many accounts more than are taken, and read their histories.
    async fn open_accounts(&self, count: usize) {
        // Each engine makes its ids from the time, and they must not be those of the one before.
        self.clock.forward(self.clock.now() + SignedDuration::from_mins(1));
        let channels = u16::try_from((count / 50).clamp(4, 100)).unwrap();
        let ahead = usize::from(Settings::default().warm_accounts);
        let warm_accounts = u16::try_from(count + ahead).unwrap();
        let settings = Settings { channels, warm_accounts, ..Settings::default() };
        let engine = self.engine(self.network(None), settings);
        let assets = vec![self.sandbox.asset(CODE).unwrap()];
        for _ in 0..PREPARING_TICKS_MAX {
            let report = engine.tick().await.unwrap();
            assert!(report.troubles.is_empty(), "{:?}", report.troubles);
            self.ledgers.close();
            let ready = self.store.begin_read().await.unwrap().escrows_available(&assets).await.unwrap();
            if ready >= u64::from(warm_accounts) && report.pages > 0 && report.dirty == 0 {
                // Once more, so that those opened last have been looked at.
                assert_eq!(engine.tick().await.unwrap().dirty, 0);
                return;
            }
        }
        panic!("{count} accounts were not opened");
    }

    fn engine(&self, network: Arc<dyn Network>, settings: Settings) -> Engine {
        let (store, clock) = (self.store.clone(), self.clock.clone());
        Engine::new(Outside { store, network, clock, entropy: Arc::new(SystemEntropy) }, settings)
    }

    async fn open_reservations(&mut self, count: usize) {
        let mut left = count;
        while left > 0 {
            let some = left.min(RESERVATIONS_AT_ONCE);
            left -= some;
            let first = i64::try_from(self.reservations.len()).unwrap();
            let (platform, now) = (self.platform_key().public_key(), self.clock.now());
            let opened = transact(&self.store, move |tx| {
                Box::pin(async move {
                    let day = reservations::Settings {
                        payment_window_seconds: 86_400,
                        ..reservations::Settings::default()
                    };
                    let mut opened = Vec::new();
                    for number in (first..).take(some) {
                        let made_at = now + SignedDuration::from_millis(number);
                        let id = ReservationId::generate(made_at, 0);
                        let clock = Arc::new(Still(made_at));
                        let decider = Decider::new(Actor::CommandLine, clock, Arc::new(SystemEntropy));
                        let (settings, decider) = (&day, &decider);
                        let opening = reservations::Opening { settings, platform, decider, now, id };
                        opened.push(reservations::open(tx, &opening, &order()).await?);
                    }
                    Ok::<_, reservations::Error>(opened)
                })
            })
            .await;
            self.reservations.extend(opened.unwrap());
        }
    }

    /// Watches them for so many ledgers, with one payment a minute, by an engine that has only just begun.
    pub async fn watch(&self, ledgers: u32) -> Watched {
        let accounts = self.accounts().await;
        self.transport.count_looks();
        self.transport.counts.lock().unwrap().clear();
        self.ledgers.closed.store(0, Ordering::SeqCst);
        *self.ledgers.next_at.lock().unwrap() = self.clock.now() + SignedDuration::from_millis(LEDGER_MILLIS);
        self.ledgers.still.store(false, Ordering::SeqCst);
        let budget = NonZeroU32::new(PUBLIC_RATE_LIMIT.requests_per_hour);
        let engine = self.engine(self.network(budget), Settings::default());
        let watching = pin!(self.drive(&engine, ledgers, accounts));
        match select(pin!(engine.follow()), watching).await {
            Either::Right((watched, _)) => watched,
            Either::Left((never, _)) => match never {},
        }
    }

    async fn drive(&self, engine: &Engine, ledgers: u32, accounts: usize) -> Watched {
        let mut paid: Vec<(ReservationId, Timestamp)> = Vec::new();
        let mut given = Vec::new();
        let (mut seen_after, mut pace) = (Vec::new(), None);
        let mut settled = 0;
        let end = u64::from(ledgers);
        while self.ledgers.closed.load(Ordering::SeqCst) < end {
            let closed = self.ledgers.closed.load(Ordering::SeqCst);
            let due = closed / u64::from(LEDGERS_PER_PAYMENT);
            // The last ones would not be seen within the time.
            if u64::try_from(paid.len() + given.len() + seen_after.len()).unwrap() < due
                && closed + u64::from(LEDGERS_PER_PAYMENT) < end
                && let Some(reservation) = self.reservations.get(self.paid.fetch_add(1, Ordering::SeqCst))
            {
                self.pay(reservation);
                given.push(reservation.id);
            }
            self.ledgers.close();
            let closed_at = self.clock.now();
            paid.extend(given.drain(..).map(|id| (id, closed_at)));
            self.clock.forward(closed_at + SignedDuration::from_millis(TICK_OFFSET_MILLIS));
            for _ in 0..ROUNDS {
                tokio::task::yield_now().await;
            }
            let began = self.clock.now();
            let report = engine.tick().await.unwrap();
            assert!(report.troubles.is_empty(), "{:?}", report.troubles);
            settled += u64::from(report.settled);
            pace = report.pace.or(pace);
            if report.payments > 0 {
                paid = self.not_seen(paid, began, &mut seen_after).await;
            }
        }
        self.transport.count_looks();
        assert!(paid.is_empty(), "{} payments were not seen", paid.len());
        Watched {
            reservations: self.reservations.len(),
            accounts,
            counts: self.transport.counts.lock().unwrap().clone(),
            refused: self.transport.refused.load(Ordering::SeqCst),
            pace: pace.unwrap(),
            payments: seen_after.len(),
            settled,
            seen_after,
        }
    }

    fn pay(&self, reservation: &Reservation) {
        let amount: Stroops = reservation.quote.options[0].amount;
        let to = reservation.escrow.into();
        self.sandbox.give(Gift::Tokens { code: CODE.parse().unwrap(), to, amount }).unwrap();
    }

    /// Of those paid, the ones that the engine does not know of.
    async fn not_seen(
        &self,
        paid: Vec<(ReservationId, Timestamp)>,
        now: Timestamp,
        seen_after: &mut Vec<SignedDuration>,
    ) -> Vec<(ReservationId, Timestamp)> {
        let mut tx = self.store.begin_read().await.unwrap();
        let mut left = Vec::new();
        for (id, closed_at) in paid {
            let reservation = tx.reservation(id).await.unwrap().unwrap();
            if reservation.state.name() == "awaiting_payment" {
                left.push((id, closed_at));
            } else {
                seen_after.push(now.duration_since(closed_at));
            }
        }
        left
    }

    /// The accounts that the platform's key signs for.
    async fn accounts(&self) -> usize {
        let network = self.network(None);
        let (mut accounts, mut after) = (0, None);
        loop {
            let page = network.watched_accounts(after).await.unwrap();
            accounts += page.accounts.len();
            after = page.next;
            if after.is_none() {
                return accounts;
            }
        }
    }
}

fn order() -> OrderRequest {
    OrderRequest {
        tenant: Tenant::default(),
        customer: IdentityId::new(1).unwrap(),
        nodes: vec![NodeId::new(1).unwrap()],
        units: Some(CloudUnits { cu: "1".parse().unwrap(), ..CloudUnits::default() }),
        duration_seconds: Some(86_400),
        pool: None,
        currencies: None,
        refund: None,
    }
}

/// A clock that stands still.
struct Still(Timestamp);

#[async_trait]
impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }

    async fn sleep(&self, _: Duration) {}
}
