//! A small world for stories about money: a sandbox network, a database, an engine that ticks when told, and people.
//!
//! Ledgers close by themselves every few milliseconds. Time is the machine's, moved forward when a story says so.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use farmgate::app::clock::{SystemClock, SystemEntropy};
use farmgate::domain::address::{AccountId, Address};
use farmgate::domain::asset::{Asset, AssetCode};
use farmgate::domain::currency::Currency;
use farmgate::domain::escrow::EscrowAccount;
use farmgate::domain::farm::Farm;
use farmgate::domain::identity::Identity;
use farmgate::domain::ids::{FarmId, IdentityId, NodeId, PoolId, ReservationId};
use farmgate::domain::journal::{BookAccount, Cause};
use farmgate::domain::money::Stroops;
use farmgate::domain::node::Node;
use farmgate::domain::payment::PaymentId;
use farmgate::domain::refund::RefundAddress;
use farmgate::domain::reservation::Reservation;
use farmgate::domain::sealing::{SealedSecret, SealingKey};
use farmgate::domain::split::Distribution;
use farmgate::domain::transfer::GivenBack;
use farmgate::operator::{Reconciliation, reconcile};
use farmgate::ports::clock::Clock;
use farmgate::ports::entropy::Entropy;
use farmgate::ports::network::{Body, Closing, Network, PaymentOperation, TransactionPlan};
use farmgate::ports::store::{
    LIST_ROWS_MAX, PaymentFilter, Put, Store, StoreError, StoredPayment, Tx, transact,
};
use farmgate::reservations::{self, OrderRequest};
use farmgate::settlement::{
    Candidate, Decision, Engine, EngineError, ResolveError, ReturnError, Settings, TickReport, resolve,
    return_to,
};
use farmgate::stellar::keys::{MemorySigner, SecretSeed};
use farmgate::stellar::transport::{HttpTransport, Request, Response, Transport, TransportError};
use farmgate::stellar::{self, StellarNetwork};
use farmgate_sandbox::wallet::{Horizon, Memo, Named, Receipt, Wallet, WalletError};
use farmgate_sandbox::{self as sandbox, Sandbox};
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};

/// Ticks after which a story has gone wrong.
const TICKS_MAX: usize = 400;
const LEDGER_MS: u64 = 20;

/// Past the last moment at which a transaction built now could land.
pub const PAST_MAX_TIME_SECONDS: i64 = 400;
/// Past every deadline that a quote gives.
pub const PAST_THE_DEADLINE_SECONDS: i64 = 4_000;

/// The machine's clock, moved forward.
#[derive(Default)]
pub struct MovedClock {
    ahead_seconds: AtomicI64,
}

#[async_trait]
impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        SystemClock.now() + SignedDuration::from_secs(self.ahead_seconds.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}

impl MovedClock {
    pub fn move_on(&self, seconds: i64) {
        self.ahead_seconds.fetch_add(seconds, Ordering::SeqCst);
    }
}

/// What Horizon's address answers instead of Horizon.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    pub status: u16,
    pub retry_after: Option<&'static str>,
    pub body: &'static str,
}

/// The way to Horizon, and what stands in it.
pub struct Road {
    inner: HttpTransport,
    pub weather: Mutex<Option<Weather>>,
}

#[async_trait]
impl Transport for Road {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let weather = *self.weather.lock().unwrap();
        let Some(weather) = weather else { return self.inner.send(request).await };
        let mut headers = http::HeaderMap::new();
        if let Some(seconds) = weather.retry_after {
            headers.insert(http::header::RETRY_AFTER, http::HeaderValue::from_static(seconds));
        }
        let body = futures::stream::iter([Ok(weather.body.as_bytes().to_vec())]);
        Ok(Response { status: weather.status, headers, body: Box::pin(body) })
    }
}

/// The fee of one operation while ledgers are not full, in stroops.
pub const BASE_FEE: i64 = 100;

/// The people of a story; each is a wallet of that name.
pub const FOUNDATION: &str = "foundation";
pub const FARMER: &str = "farmer";

pub struct World {
    pub clock: Arc<MovedClock>,
    pub sandbox: sandbox::Handle,
    pub horizon: Horizon,
    pub store: Arc<dyn Store>,
    /// The network as the engine sees it.
    pub network: Arc<dyn Network>,
    /// The network as it is.
    pub plain: Arc<dyn Network>,
    pub road: Arc<Road>,
    pub settings: reservations::Settings,
    engine: Mutex<Arc<Engine>>,
    next_number: AtomicU64,
}

pub fn wallet(name: &str) -> Wallet {
    name.parse().unwrap()
}

pub fn amount(text: &str) -> Stroops {
    text.parse().unwrap()
}

fn code(text: &str) -> AssetCode {
    text.parse().unwrap()
}

pub fn engine_settings() -> Settings {
    Settings {
        tick_millis: 10,
        channels: 2,
        warm_accounts: 4,
        resend_seconds: 1,
        lease_seconds: 1,
        ..Settings::default()
    }
}

impl World {
    /// A world with a funded platform, a foundation and a farmer who take TFT, and one farm with two nodes of
    /// which the second is free to use.
    pub async fn new(store: Arc<dyn Store>) -> Self {
        Self::with(store, |network| network).await
    }

    /// The same, with new accounts' own secrets sealed to this key.
    pub async fn sealing_to(store: Arc<dyn Store>, key: SealingKey) -> Self {
        Self::built(store, Some(key), |network| network).await
    }

    /// The same, with the engine's view of the network wrapped.
    pub async fn with(
        store: Arc<dyn Store>,
        wrap: impl FnOnce(Arc<dyn Network>) -> Arc<dyn Network>,
    ) -> Self {
        Self::built(store, None, wrap).await
    }

    async fn built(
        store: Arc<dyn Store>,
        recovery_sealing_key: Option<SealingKey>,
        wrap: impl FnOnce(Arc<dyn Network>) -> Arc<dyn Network>,
    ) -> Self {
        let clock = Arc::new(MovedClock::default());
        let settings = sandbox::Settings { ledger_ms: LEDGER_MS, ..sandbox::Settings::default() };
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let sandbox = Sandbox::start(settings, clock.clone(), any).await.unwrap();
        let horizon = Horizon::at(&sandbox.url()).unwrap();
        let platform = wallet("platform");
        let mut settings = stellar::Settings::new(
            sandbox.url().parse().unwrap(),
            sandbox::network::PASSPHRASE.to_owned(),
            platform.account(),
        );
        settings.requests_per_hour_max = None;
        settings.attempts_max = 1;
        settings.recovery_sealing_key = recovery_sealing_key;
        let inner = HttpTransport::new(&settings.horizon_url).unwrap();
        let road = Arc::new(Road { inner, weather: Mutex::default() });
        let signer = Arc::new(MemorySigner::new(SecretSeed::from_bytes(&platform.key().to_bytes())));
        let entropy = Arc::new(SystemEntropy);
        let network = StellarNetwork::new(&settings, road.clone(), signer, clock.clone(), entropy);
        let plain: Arc<dyn Network> = Arc::new(network);
        let network = wrap(plain.clone());
        let payout = reservations::PayoutAccounts {
            foundation: Some(wallet(FOUNDATION).account()),
            sales: None,
            wisdom: None,
        };
        let settings = reservations::Settings { payout, ..reservations::Settings::default() };
        let engine = Engine::new(
            store.clone(),
            network.clone(),
            clock.clone(),
            Arc::new(SystemEntropy),
            engine_settings(),
        );
        let world = Self {
            clock,
            sandbox,
            horizon,
            store,
            network,
            plain,
            road,
            settings,
            engine: Mutex::new(Arc::new(engine)),
            next_number: AtomicU64::new(1),
        };
        world.fund("platform").await;
        for name in [FOUNDATION, FARMER] {
            world.fund(name).await;
            world.trust(name, "TFT").await;
        }
        world.describe_grid().await;
        world
    }

    async fn describe_grid(&self) {
        let tft = self.asset("TFT");
        let currency = Currency {
            code: code("TFT"),
            asset: tft,
            usd_rate: "0.05".parse().unwrap(),
            rate_at: self.clock.now(),
            rate_valid_seconds: 30 * 86_400,
            distribution: None,
            free_only: false,
        };
        let farm = Farm {
            id: FarmId::new(1).unwrap(),
            name: "North".to_owned(),
            owner: IdentityId::new(1).unwrap(),
            payout_addresses: [(tft, wallet(FARMER).account())].into(),
            distribution: Distribution::known("grid2").unwrap(),
        };
        let node = |number, free_to_use| Node {
            id: NodeId::new(number).unwrap(),
            farm: farm.id,
            capacity: units("100"),
            free_to_use,
        };
        let nodes = [node(1, false), node(2, true)];
        let customer = Identity {
            id: IdentityId::new(2).unwrap(),
            name: "Customer".to_owned(),
            public_key: hex::encode(wallet("customer").account().0).parse().unwrap(),
        };
        let put: Result<(), StoreError> = transact(&self.store, move |tx| {
            let (currency, farm, nodes, customer) =
                (currency.clone(), farm.clone(), nodes.clone(), customer.clone());
            Box::pin(async move {
                let mut created = vec![tx.put_currency(&currency).await?, tx.put_farm(&farm).await?];
                for node in &nodes {
                    created.push(tx.put_node(node).await?);
                }
                created.push(tx.put_identity(&customer).await?);
                assert!(created.iter().all(|put| *put == Put::Created));
                Ok(())
            })
        })
        .await;
        put.unwrap();
    }

    pub fn asset(&self, code: &str) -> Asset {
        self.sandbox.sandbox.asset(code).unwrap()
    }

    pub fn named(code: &str) -> Named {
        code.parse().unwrap()
    }

    pub async fn fund(&self, name: &str) {
        let nothing = Stroops::ZERO;
        self.horizon.fund(wallet(name).account(), Named::Asset(Asset::Native), nothing).await.unwrap();
    }

    pub async fn trust(&self, name: &str, code: &str) {
        self.horizon.trust(&wallet(name), Self::named(code)).await.unwrap();
    }

    /// A new person with XLM and 10,000 TFT.
    pub async fn customer(&self, name: &str) {
        self.fund(name).await;
        self.trust(name, "TFT").await;
        self.horizon.fund(wallet(name).account(), Self::named("TFT"), amount("10000")).await.unwrap();
    }

    pub async fn pay(&self, name: &str, to: AccountId, much: Stroops, code: &str) -> Receipt {
        self.try_pay(name, Address::Account(to), much, code).await.unwrap()
    }

    pub async fn try_pay(
        &self,
        name: &str,
        to: Address,
        much: Stroops,
        code: &str,
    ) -> Result<Receipt, WalletError> {
        self.horizon.pay(&wallet(name), to, Self::named(code), much, &Memo::None).await
    }

    pub async fn distrust(&self, name: &str, code: &str) {
        self.horizon.distrust(&wallet(name), Self::named(code)).await.unwrap();
    }

    /// Pays as a sub-account of a person's account.
    pub async fn pay_as_sub_account(&self, name: &str, id: u64, to: AccountId, much: Stroops, code: &str) {
        let payer = wallet(name).as_sub_account(id);
        let to = Address::Account(to);
        self.horizon.pay(&payer, to, Self::named(code), much, &Memo::None).await.unwrap();
    }

    /// What a person holds of an asset; nothing without a trust line.
    pub fn holds(&self, name: &str, code: &str) -> Stroops {
        self.balance(wallet(name).account(), code)
    }

    pub fn balance(&self, account: AccountId, code: &str) -> Stroops {
        let asset = if code == "XLM" { Asset::Native } else { self.asset(code) };
        self.sandbox.sandbox.balance(account, &asset).unwrap_or_default()
    }

    pub fn request(&self) -> OrderRequest {
        OrderRequest {
            customer: IdentityId::new(2).unwrap(),
            nodes: vec![NodeId::new(1).unwrap()],
            units: Some(units("1")),
            duration_seconds: Some(86_400),
            pool: None,
            currencies: None,
            refund: None,
        }
    }

    /// An open reservation of one compute unit for a day; the engine is ticked until an account is ready.
    pub async fn reserve(&self) -> Reservation {
        self.reserve_as(self.request()).await
    }

    pub async fn reserve_as(&self, request: OrderRequest) -> Reservation {
        for _ in 0..TICKS_MAX {
            match self.open(request.clone()).await {
                Ok(reservation) => return reservation,
                Err(reservations::Error::NoEscrowReady) => drop(self.tick().await),
                Err(error) => panic!("no reservation: {error}"),
            }
        }
        panic!("no escrow account became ready");
    }

    pub async fn open(&self, request: OrderRequest) -> Result<Reservation, reservations::Error> {
        let settings = self.settings.clone();
        let (platform, now) = (wallet("platform").account(), self.clock.now());
        let number = u16::try_from(self.next_number.fetch_add(1, Ordering::SeqCst)).unwrap();
        transact(&self.store, move |tx| {
            let (settings, request) = (settings.clone(), request.clone());
            Box::pin(async move {
                let id = ReservationId::generate(now, number);
                let opening = reservations::Opening { settings: &settings, platform, now, id };
                reservations::open(tx, &opening, &request).await
            })
        })
        .await
    }

    pub async fn cancel(&self, id: ReservationId) -> Result<(), reservations::Error> {
        let now = self.clock.now();
        let cancelled =
            transact(&self.store, move |tx| Box::pin(async move { reservations::cancel(tx, id, now).await }))
                .await?;
        assert!(cancelled.is_some());
        Ok(())
    }

    pub async fn reservation(&self, id: ReservationId) -> Reservation {
        self.store.begin_read().await.unwrap().reservation(id).await.unwrap().unwrap()
    }

    pub async fn state(&self, id: ReservationId) -> &'static str {
        self.reservation(id).await.state.name()
    }

    pub fn engine(&self) -> Arc<Engine> {
        self.engine.lock().unwrap().clone()
    }

    pub async fn tick(&self) -> Result<TickReport, EngineError> {
        self.engine().tick().await
    }

    /// Forgets the engine and makes another from what is stored, with these ports.
    pub fn restart(&self, store: Arc<dyn Store>, network: Arc<dyn Network>) {
        self.restart_with(store, network, engine_settings());
    }

    /// The same, with other settings.
    pub fn restart_with(&self, store: Arc<dyn Store>, network: Arc<dyn Network>, settings: Settings) {
        *self.engine.lock().unwrap() = Arc::new(self.another_engine(store, network, settings));
    }

    /// One more engine beside the world's own.
    pub fn another_engine(
        &self,
        store: Arc<dyn Store>,
        network: Arc<dyn Network>,
        settings: Settings,
    ) -> Engine {
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        Engine::new(store, network, self.clock.clone(), entropy, settings)
    }

    /// A process that runs an engine when it has the lease.
    pub fn candidate(&self, kind: &str) -> Candidate {
        self.another_candidate(self.store.clone(), self.network.clone(), self.clock.clone(), kind)
    }

    /// The same, with these ports.
    pub fn another_candidate(
        &self,
        store: Arc<dyn Store>,
        network: Arc<dyn Network>,
        clock: Arc<dyn Clock>,
        kind: &str,
    ) -> Candidate {
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        Candidate::new(store, network, clock, entropy, engine_settings(), kind)
    }

    /// Waits for the next ledger.
    pub async fn next_ledger(&self) {
        let before = self.sandbox.sandbox.with_ledger(|ledger| ledger.latest().ledger);
        while self.sandbox.sandbox.with_ledger(|ledger| ledger.latest().ledger) == before {
            self.clock.sleep(Duration::from_millis(2)).await;
        }
    }

    /// Ticks until the reservation is in the state of this name.
    pub async fn until(&self, id: ReservationId, state: &str) -> Reservation {
        let mut last = None;
        for _ in 0..TICKS_MAX {
            let reservation = self.reservation(id).await;
            if reservation.state.name() == state {
                return reservation;
            }
            last = Some((reservation.state, self.tick().await));
            self.next_ledger().await;
        }
        panic!("reservation {id} did not become {state}: {last:?}");
    }

    /// Ticks until a person holds so much.
    pub async fn until_holds(&self, name: &str, code: &str, much: Stroops) {
        for _ in 0..TICKS_MAX {
            if self.holds(name, code) == much {
                return;
            }
            self.tick().await.unwrap();
            self.next_ledger().await;
        }
        panic!("{name} holds {} {code}, not {much}", self.holds(name, code));
    }

    /// Ticks a few times more: whatever could still happen, happens.
    pub async fn rest(&self) {
        for _ in 0..6 {
            self.next_ledger().await;
            self.tick().await.unwrap();
        }
    }

    pub async fn reconcile(&self) -> Reconciliation {
        reconcile(&self.store, &*self.network).await.unwrap()
    }

    /// The journal and the ledger agree about every account of ours.
    pub async fn assert_reconciled(&self) {
        let reconciliation = self.reconcile().await;
        let wrong: Vec<_> = reconciliation.lines.iter().filter(|line| !line.agrees()).collect();
        assert!(
            reconciliation.balances(),
            "{wrong:?} {:?} {:?}",
            reconciliation.books,
            reconciliation.unbalanced
        );
        assert!(reconciliation.accounts > 2, "nothing was compared");
    }

    /// What the journal says more of than the ledger, in stroops.
    pub async fn differences(&self) -> BTreeSet<(AccountId, Asset, i64)> {
        let reconciliation = self.reconcile().await;
        assert!(reconciliation.unbalanced.is_empty(), "{:?}", reconciliation.unbalanced);
        let wrong = reconciliation.lines.iter().filter(|line| !line.agrees());
        wrong.map(|line| (line.account, line.asset, line.journal - line.ledger)).collect()
    }

    /// Everything that came for a reservation.
    pub async fn payments(&self, reservation: ReservationId) -> Vec<StoredPayment> {
        let filter = PaymentFilter { reservation: Some(reservation), attribution: None };
        let mut tx = self.store.begin_read().await.unwrap();
        let mut payments: Vec<StoredPayment> = Vec::new();
        loop {
            let after = payments.last().map(|last| last.payment.id);
            let page = tx.payments(&filter, after, LIST_ROWS_MAX).await.unwrap();
            if page.is_empty() {
                return payments;
            }
            payments.extend(page);
        }
    }

    /// What the journal says of each transaction that failed in the ledger: the fee, in stroops of XLM.
    pub async fn fees_of_failures(&self) -> Vec<i64> {
        let mut tx = self.store.begin_read().await.unwrap();
        let (mut fees, mut after) = (Vec::new(), None);
        loop {
            let page = tx.entries(None, after, LIST_ROWS_MAX).await.unwrap();
            let Some(last) = page.last() else { return fees };
            after = Some(last.id());
            let failed = page.iter().filter(|entry| matches!(entry.cause(), Cause::Failed(_)));
            for posting in failed.flat_map(|entry| entry.postings()) {
                if posting.account == BookAccount::NetworkFees && posting.asset == Asset::Native {
                    fees.push(posting.amount);
                }
            }
        }
    }

    /// How many reserves the platform pays for others.
    pub async fn sponsoring(&self) -> u32 {
        let answer = self.plain.account(wallet("platform").account()).await.unwrap();
        answer.account.unwrap().control.unwrap().sponsoring
    }

    /// What the journal says of a book account, in stroops: debits minus credits.
    pub async fn book(&self, account: BookAccount, code: &str) -> i64 {
        let asset = if code == "XLM" { Asset::Native } else { self.asset(code) };
        self.store.begin_read().await.unwrap().balance(account, asset).await.unwrap()
    }

    /// Carries out an operator's decision where a payment's return goes.
    pub async fn return_to(&self, payment: PaymentId, to: RefundAddress) -> Result<(), ReturnError> {
        self.give_back(GivenBack::Payment(payment), to).await
    }

    /// The same, also of a claimable balance that was taken back.
    pub async fn give_back(&self, what: GivenBack, to: RefundAddress) -> Result<(), ReturnError> {
        let returned = transact(&self.store, move |tx| {
            let to = to.clone();
            Box::pin(async move { return_to(tx, what, &to).await })
        })
        .await?;
        assert!(returned.is_some());
        Ok(())
    }

    /// Carries out an operator's decision about a held reservation.
    pub async fn resolve(&self, id: ReservationId, decision: Decision) -> Result<Reservation, ResolveError> {
        let clock = self.clock.clone();
        let resolved = transact(&self.store, move |tx| {
            let clock = clock.clone();
            Box::pin(async move { resolve(tx, clock, Arc::new(SystemEntropy), id, decision).await })
        })
        .await?;
        Ok(resolved.unwrap())
    }

    pub async fn escrow(&self, account: AccountId) -> EscrowAccount {
        self.store.begin_read().await.unwrap().escrows(&[account]).await.unwrap().remove(0)
    }

    pub async fn sealed_secret(&self, account: AccountId) -> Option<SealedSecret> {
        self.store.begin_read().await.unwrap().sealed_secrets(&[account]).await.unwrap().pop()
    }

    /// Writes to the database, past everything that guards it.
    pub async fn write<F>(&self, work: F)
    where
        F: for<'tx> Fn(&'tx mut dyn Tx) -> BoxFuture<'tx, Result<(), StoreError>> + Send + Sync + 'static,
    {
        transact(&self.store, work).await.unwrap();
    }

    pub async fn put_farm(&self, farm: Farm) {
        self.write(move |tx| {
            let farm = farm.clone();
            Box::pin(async move { tx.put_farm(&farm).await.map(drop) })
        })
        .await;
    }

    pub async fn farm(&self) -> Farm {
        let id = FarmId::new(1).unwrap();
        self.store.begin_read().await.unwrap().farm(id).await.unwrap().unwrap()
    }

    pub async fn pool(&self, id: PoolId) -> farmgate::domain::pool::Pool {
        self.store.begin_read().await.unwrap().pool(id).await.unwrap().unwrap()
    }
}

pub fn units(cu: &str) -> farmgate::domain::units::CloudUnits {
    farmgate::domain::units::CloudUnits { cu: cu.parse().unwrap(), ..Default::default() }
}

/// The one payment option of a reservation.
pub fn price(reservation: &Reservation) -> Stroops {
    reservation.quote.options[0].amount
}

pub fn share(whole: Stroops, percent: i64) -> Stroops {
    Stroops::new(whole.get() * percent / 100).unwrap()
}

impl World {
    /// Moves money of an account of ours by a transaction that is stored nowhere, as whoever has our key could.
    pub async fn steal(&self, thief: &str, from: AccountId, much: Stroops, code: &str) {
        let source = wallet(thief).account();
        let sequence = self.network.account(source).await.unwrap().account.unwrap().sequence + 1;
        let to = Address::Account(wallet(FOUNDATION).account());
        let operation =
            PaymentOperation { from, to, asset: self.asset(code), amount: much, reclaim_from: None };
        self.send_unstored(source, sequence, operation).await;
    }

    /// Moves XLM of an account of ours in the same way.
    pub async fn steal_native(&self, thief: &str, from: AccountId, much: Stroops) {
        let source = wallet(thief).account();
        let sequence = self.network.account(source).await.unwrap().account.unwrap().sequence + 1;
        let to = Address::Account(wallet(FOUNDATION).account());
        let operation = PaymentOperation { from, to, asset: Asset::Native, amount: much, reclaim_from: None };
        self.send_unstored(source, sequence, operation).await;
    }

    /// An escrow account on the ledger that no reservation has.
    pub async fn waiting_account(&self, assigned: AccountId) -> AccountId {
        let page = self.network.watched_accounts(None).await.unwrap();
        let accounts: Vec<AccountId> = page.accounts.iter().map(|snapshot| snapshot.account).collect();
        let escrows = self.store.begin_read().await.unwrap().escrows(&accounts).await.unwrap();
        escrows.into_iter().map(|escrow| escrow.account).find(|account| *account != assigned).unwrap()
    }

    /// Uses up a channel's sequence number by a transaction that is stored nowhere, in which the payer pays itself.
    pub async fn use_up_sequence(&self, payer: &str, channel: AccountId, sequence: i64) {
        let from = wallet(payer).account();
        let operation = PaymentOperation {
            from,
            to: Address::Account(from),
            asset: Asset::Native,
            amount: amount("1"),
            reclaim_from: None,
        };
        self.send_unstored(channel, sequence, operation).await;
    }

    /// Merges an account of ours into the platform's by a transaction of `source` that is stored nowhere, as whoever has our key
    /// could.
    pub async fn merge_away(&self, account: AccountId, source: AccountId) {
        let sequence = self.plain.account(source).await.unwrap().account.unwrap().sequence + 1;
        let body = Body::CloseEscrows(vec![Closing { account, assets: vec![], carried: vec![] }]);
        self.send_plan(source, sequence, body).await;
    }

    async fn send_unstored(&self, channel: AccountId, sequence: i64, operation: PaymentOperation) {
        self.send_plan(channel, sequence, Body::Pay(vec![operation])).await;
    }

    async fn send_plan(&self, channel: AccountId, sequence: i64, body: Body) {
        let plan = TransactionPlan {
            channel,
            sequence,
            max_time: Timestamp::from_second(self.clock.now().as_second() + 200).unwrap(),
            fee_per_operation: 100,
            memo: farmgate::domain::payment::Memo::None,
            body,
        };
        let signed = self.plain.build(&plan).await.unwrap();
        self.post_text(&signed.envelope).await;
    }
}
