//! A small world for stories about money: a sandbox network, a database, an engine that ticks when told, and
//! people.
//!
//! Ledgers close by themselves every few milliseconds. Time is the machine's, moved forward when a story says
//! so.

pub mod books;
pub mod clock;
pub mod crashing_store;
pub mod engines;
pub mod faulty_network;
pub mod gate;
pub mod grid;
pub mod interrupted;
pub mod operator;
pub mod orders;
pub mod raw_transactions;
pub mod transport;
pub mod unstored_transactions;
pub mod wallets;

use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use farmgate::app::clock::SystemEntropy;
use farmgate::domain::address::AccountId;
use farmgate::domain::asset::{Asset, AssetCode};
use farmgate::domain::escrow::EscrowAccount;
use farmgate::domain::money::Stroops;
use farmgate::domain::reservation::Reservation;
use farmgate::domain::sealing::{SealedSecret, SealingKey};
use farmgate::ports::network::Network;
use farmgate::ports::store::{Store, StoreError, Tx, transact};
use farmgate::reservations;
use farmgate::settlement::{Engine, Outside, Settings};
use farmgate::stellar::keys::{MemorySigner, SecretSeed};
use farmgate::stellar::transport::HttpTransport;
use farmgate::stellar::{self, StellarNetwork};
use farmgate_sandbox::wallet::{Horizon, Wallet};
use farmgate_sandbox::{self, Sandbox};
use futures::future::BoxFuture;
use transport::FaultyTransport;

use clock::MovedClock;

/// Ticks after which a story has gone wrong.
const TICKS_MAX: usize = 400;

const LEDGER_MS: u64 = 20;

/// Past the last moment at which a transaction built now could land.
pub const PAST_MAX_TIME_SECONDS: i64 = 400;

/// Past every deadline that a quote gives.
pub const PAST_THE_DEADLINE_SECONDS: i64 = 4_000;

/// The fee of one operation while ledgers are not full, in stroops.
pub const BASE_FEE: i64 = 100;

/// The people of a story; each is a wallet of that name.
pub const FOUNDATION: &str = "foundation";

pub const FARMER: &str = "farmer";

pub struct World {
    pub clock: Arc<MovedClock>,
    pub sandbox: farmgate_sandbox::Handle,
    pub horizon: Horizon,
    pub store: Arc<dyn Store>,
    /// The network as the engine sees it.
    pub network: Arc<dyn Network>,
    /// The network as it is.
    pub plain: Arc<dyn Network>,
    pub transport: Arc<FaultyTransport>,
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

pub fn units(cu: &str) -> farmgate::domain::units::CloudUnits {
    farmgate::domain::units::CloudUnits { cu: cu.parse().unwrap(), ..Default::default() }
}

/// The one payment option of a reservation.
pub fn price(reservation: &Reservation) -> Stroops {
    reservation.quote.options[0].amount
}

/// What the farmer gets of a price: all but the foundation's tenth.
pub fn farmers_share(reservation: &Reservation) -> Stroops {
    let whole = price(reservation);
    whole.checked_sub(share(whole, 10)).unwrap()
}

pub fn platform() -> AccountId {
    wallet("platform").account()
}

pub fn share(whole: Stroops, percent: i64) -> Stroops {
    Stroops::new(whole.get() * percent / 100).unwrap()
}

async fn start_sandbox(clock: &Arc<MovedClock>) -> farmgate_sandbox::Handle {
    let settings =
        farmgate_sandbox::Settings { ledger_ms: LEDGER_MS, ..farmgate_sandbox::Settings::default() };
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    Sandbox::start(settings, clock.clone(), any).await.unwrap()
}

/// The network behind a sandbox, as the platform sees it.
fn connected(
    sandbox: &farmgate_sandbox::Handle,
    clock: &Arc<MovedClock>,
    recovery_sealing_key: Option<SealingKey>,
) -> (Arc<dyn Network>, Arc<FaultyTransport>) {
    let platform = wallet("platform");
    let mut settings = stellar::Settings::new(
        sandbox.url().parse().unwrap(),
        farmgate_sandbox::network::PASSPHRASE.to_owned(),
        platform.account(),
    );
    settings.requests_per_hour_max = None;
    settings.attempts_max = 1;
    settings.recovery_sealing_key = recovery_sealing_key;
    let inner = HttpTransport::new(&settings.horizon_url).unwrap();
    let transport = Arc::new(FaultyTransport { inner, answer: Mutex::default() });
    let signer = Arc::new(MemorySigner::new(SecretSeed::from_bytes(&platform.key().to_bytes())));
    let entropy = Arc::new(SystemEntropy);
    let network = StellarNetwork::new(&settings, transport.clone(), signer, clock.clone(), entropy);
    (Arc::new(network), transport)
}

/// A sandbox of its own, and the network behind it.
pub struct AnotherNetwork {
    /// It runs as long as this is held.
    _sandbox: farmgate_sandbox::Handle,
    pub network: Arc<dyn Network>,
}

impl World {
    /// The same network after a reset: of the same passphrase, with a history of its own.
    pub async fn reset_network(&self) -> AnotherNetwork {
        let sandbox = start_sandbox(&self.clock).await;
        let (network, _) = connected(&sandbox, &self.clock, None);
        AnotherNetwork { _sandbox: sandbox, network }
    }

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
        let sandbox = start_sandbox(&clock).await;
        let horizon = Horizon::at(&sandbox.url()).unwrap();
        let (plain, transport) = connected(&sandbox, &clock, recovery_sealing_key);
        let network = wrap(plain.clone());
        let payout = reservations::PayoutAccounts {
            foundation: Some(wallet(FOUNDATION).account()),
            sales: None,
            wisdom: None,
        };
        let settings = reservations::Settings { payout, ..reservations::Settings::default() };
        let outside = Outside {
            store: store.clone(),
            network: network.clone(),
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
        };
        let engine = Engine::new(outside, engine_settings());
        let world = Self {
            clock,
            sandbox,
            horizon,
            store,
            network,
            plain,
            transport,
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

    pub fn asset(&self, code: &str) -> Asset {
        self.sandbox.sandbox.asset(code).unwrap()
    }

    pub async fn escrow(&self, account: AccountId) -> EscrowAccount {
        self.store.begin_read().await.unwrap().escrows(&[account]).await.unwrap().all().unwrap().remove(0)
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

    /// An escrow account on the ledger that no reservation has.
    pub async fn waiting_account(&self, assigned: AccountId) -> AccountId {
        let page = self.network.watched_accounts(None).await.unwrap();
        let accounts: Vec<AccountId> = page.accounts.iter().map(|snapshot| snapshot.account).collect();
        let escrows = self.store.begin_read().await.unwrap().escrows(&accounts).await.unwrap().all().unwrap();
        escrows.into_iter().map(|escrow| escrow.account).find(|account| *account != assigned).unwrap()
    }
}
