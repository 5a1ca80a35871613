//! One run: a network, a database, processes that come and go, people; and time, which the run moves on itself.
//!
//! Everything runs on one thread, one thing after the other. Time stands still while anything can go on without it; then
//! the next sleeper is woken, or the next ledger closes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use tokio::task::JoinHandle;

#[cfg(feature = "simulated-bugs")]
use super::bugs::Bug;
use super::clock::{VirtualClock, WallClock};
use super::dice::{Dice, SeededEntropy, Topic};
use super::fate::{Fate, Mishaps, Step};
use super::judge::{Ends, Findings, Judge};
use super::network::{Lookout, ProcessNetwork};
use super::people::{Case, Errand, FARMER, FOUNDATION, PLATFORM, People, account, key};
use super::store::{Base, ProcessStore};
use super::trail::{Trail, Wrong};
use super::{Options, SimulationError};
use crate::domain::address::AccountId;
use crate::domain::asset::AssetCode;
use crate::domain::currency::Currency;
use crate::domain::escrow::EscrowState;
use crate::domain::farm::Farm;
use crate::domain::identity::Identity;
use crate::domain::ids::{FarmId, IdentityId, NodeId, ReservationId};
use crate::domain::money::Stroops;
use crate::domain::node::Node;
use crate::domain::reservation::Reservation;
use crate::domain::split::Distribution;
use crate::domain::units::{CloudUnits, MilliUnits};
use crate::ports::clock::Clock;
use crate::ports::entropy::Entropy;
use crate::ports::network::Network;
use crate::ports::store::{LIST_ROWS_MAX, Store, StoreError, transact};
use crate::reservations::{self, OrderRequest};
use crate::sandbox::faults::{Fault, FaultParameters};
use crate::sandbox::ledger::state::AccountFilter;
use crate::sandbox::network::PASSPHRASE;
use crate::sandbox::{self, Sandbox};
use crate::settlement::{self, Candidate, EngineError};
use crate::stellar::keys::{MemorySigner, SecretSeed};
use crate::stellar::transport::ServiceTransport;
use crate::stellar::{self, StellarNetwork};

/// Seconds between two ledgers.
const LEDGER_SECONDS: u64 = 5;
/// Ledgers in which people act and things go wrong.
const STORM_LEDGERS: u64 = 110;
/// Ledgers after that in which nothing goes wrong any more; what is not in order then is not in order.
const CALM_LEDGERS_MAX: u64 = 420;
/// How often the verdict is asked for meanwhile, in ledgers.
const VERDICT_LEDGERS: u64 = 10;
/// After so many ledgers of the calm a process starts again: what it waits with because it did not work is tried at once.
const CALM_RESTART_LEDGERS: u64 = 60;
/// Seconds a customer has to pay.
const WINDOW_SECONDS: u32 = 240;
/// Seconds an account stays open after its reservation's end.
const QUIET_SECONDS: i64 = 60;
/// After how many seconds the lease of a process that died, or is frozen, is taken over.
const LEASE_SECONDS: u32 = 10;
/// Seconds for which a process freezes: the least and the most.
const FREEZE_SECONDS: (u64, u64) = (5, 150);
/// The least that becomes a claimable balance, at the rate of every currency: 5 cents.
const CLAIMABLE_MIN: Stroops = Stroops::from_units(2);
const CLAIMABLE_MIN_USD: Decimal = Decimal::from_parts(10, 0, 0, false, 2);
/// Reservations of a run: the least and the most.
const ORDERS: (u64, u64) = (10, 18);
/// Ledgers between two crashes: the least and the most.
const CRASH_LEDGERS: (u64, u64) = (3, 13);
/// Seconds by which the service's clock jumps at most.
const JUMP_SECONDS_MAX: u64 = 300;
/// How often everybody gets a turn in vain before time moves on.
const TURNS_IN_VAIN: u32 = 4;
/// More things than can happen between two ledgers.
const WAKES_PER_LEDGER_MAX: u32 = 20_000;
/// For how much a reservation may ask, in units.
const UNITS: (u64, u64) = (1, 4);

const fn id<T: Copy, E: Copy>(id: Result<T, E>) -> T {
    match id {
        Ok(id) => id,
        Err(_) => panic!("a small number is an id"),
    }
}

const CUSTOMER: IdentityId = id(IdentityId::new(2));
const FARM_OWNER: IdentityId = id(IdentityId::new(1));
const FARM: FarmId = id(FarmId::new(1));
const NODE: NodeId = id(NodeId::new(1));

struct Process {
    name: String,
    fate: Arc<Fate>,
    task: JoinHandle<Result<(), EngineError>>,
}

/// A run.
pub(super) struct World {
    seed: u64,
    time: VirtualClock,
    wall: WallClock,
    sandbox: Sandbox,
    base: Base,
    store: Arc<dyn Store>,
    trail: Arc<Trail>,
    lookout: Arc<Lookout>,
    blows: Arc<Mutex<Dice>>,
    people: People,
    judge: Judge,
    cases: Vec<Case>,
    processes: Vec<Process>,
    /// How many processes should be there, and since when one that died is missing.
    wanted: usize,
    started: u64,
    crashes_armed: u64,
    restart_at: u64,
    crash_at: u64,
    mishaps: Mishaps,
    entropy: Arc<SeededEntropy>,
    ledger: u64,
    next_close: Timestamp,
    reservations_made: u16,
    states: BTreeMap<ReservationId, &'static str>,
    #[cfg(feature = "simulated-bugs")]
    bug: Option<Bug>,
}

/// What a run comes to, besides its trail.
pub(super) struct Outcome {
    pub(super) ends: Ends,
    pub(super) reservations: u64,
    pub(super) faults: BTreeMap<String, u64>,
}

impl World {
    pub(super) fn new(
        seed: u64,
        options: &Options,
        base: Base,
        trail: Arc<Trail>,
        time: VirtualClock,
    ) -> Result<Self, SimulationError> {
        let settings =
            sandbox::Settings { seed, ledger_ms: LEDGER_SECONDS * 1_000, ..sandbox::Settings::default() };
        let sandbox = Sandbox::new(settings, Arc::new(time.clone()));
        let window_ledgers = u64::from(WINDOW_SECONDS) / LEDGER_SECONDS;
        let people = People::new(sandbox.clone(), Dice::new(seed, Topic::People), window_ledgers)
            .ok_or_else(|| SimulationError::Setup { reason: "the sandbox issues no TFT".to_owned() })?;
        let lookout = Arc::new(Lookout::new(sandbox.clone(), Arc::clone(&trail)));
        let judge =
            Judge::new(sandbox.clone(), base.clone(), Arc::clone(&trail), account(PLATFORM), CLAIMABLE_MIN);
        #[cfg(not(feature = "simulated-bugs"))]
        let _ = options;
        let next_close = time.now();
        Ok(Self {
            seed,
            wall: WallClock::new(time.clone()),
            store: Arc::new(base.clone()),
            blows: Arc::new(Mutex::new(Dice::new(seed, Topic::Blows))),
            entropy: Arc::new(SeededEntropy::new(seed)),
            time,
            sandbox,
            base,
            trail,
            lookout,
            people,
            judge,
            cases: Vec::new(),
            processes: Vec::new(),
            wanted: 0,
            started: 0,
            crashes_armed: 0,
            restart_at: 0,
            crash_at: 0,
            mishaps: Mishaps::default(),
            ledger: 0,
            next_close,
            reservations_made: 0,
            states: BTreeMap::new(),
            #[cfg(feature = "simulated-bugs")]
            bug: options.bug,
        })
    }

    fn draw<T>(&self, draw: impl FnOnce(&mut Dice) -> T) -> T {
        draw(&mut self.blows.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Runs from beginning to end, or until something is wrong.
    pub(super) async fn run(mut self) -> Result<Outcome, SimulationError> {
        self.prepare().await?;
        self.storm();
        self.start_missing();
        while self.ledger < STORM_LEDGERS && !self.trail.is_wrong() {
            self.strike();
            self.errands().await?;
            self.close().await;
        }
        let ends = self.calm().await?;
        for process in &self.processes {
            process.task.abort();
        }
        self.settle().await;
        let mut faults: BTreeMap<String, u64> = BTreeMap::new();
        for (fault, count) in self.sandbox.faults().counts() {
            faults.insert(fault.name().to_owned(), count);
        }
        let reservations = u64::try_from(self.cases.len()).unwrap_or(u64::MAX);
        Ok(Outcome { ends, reservations, faults })
    }

    async fn prepare(&mut self) -> Result<(), SimulationError> {
        let (sandbox, time) = (self.sandbox.clone(), self.time.clone());
        let mut now = self.next_close;
        let setup = |reason: String| SimulationError::Setup { reason };
        self.people
            .arrive(|| {
                now = later(now);
                time.move_on(now);
                sandbox.close_ledger();
            })
            .map_err(setup)?;
        self.next_close = later(now);
        self.judge.begin();
        self.describe_grid().await?;
        let orders = self.people.dice.between(ORDERS.0, ORDERS.1);
        self.people.plan(orders, STORM_LEDGERS);
        Ok(())
    }

    async fn describe_grid(&self) -> Result<(), SimulationError> {
        let setup = |reason: &dyn std::fmt::Display| SimulationError::Setup { reason: reason.to_string() };
        let (tft, tfta, now) = (self.people.tft, self.people.tfta, self.time.now());
        let farm = Farm {
            id: FARM,
            name: "North".to_owned(),
            owner: FARM_OWNER,
            payout_addresses: [(tft, account(FARMER)), (tfta, account(FARMER))].into(),
            distribution: Distribution::known("grid2").map_err(|error| setup(&error))?,
        };
        let node = Node { id: NODE, farm: farm.id, capacity: units(1_000_000), free_to_use: false };
        let customer = Identity {
            id: CUSTOMER,
            name: "Customer".to_owned(),
            public_key: hex::encode(account("customer").0).parse().map_err(|_| setup(&"no key"))?,
        };
        let mut currencies = Vec::new();
        for (code, asset) in [("TFT", tft), ("TFTA", tfta)] {
            currencies.push(Currency {
                code: code.parse().map_err(|_| setup(&"no code"))?,
                asset,
                usd_rate: "0.05".parse().map_err(|_| setup(&"no rate"))?,
                rate_at: now,
                rate_valid_seconds: 30 * 86_400,
                distribution: None,
                free_only: false,
            });
        }
        transact(&self.store, move |tx| {
            let (farm, node, customer, currencies) =
                (farm.clone(), node.clone(), customer.clone(), currencies.clone());
            Box::pin(async move {
                let mut put = vec![tx.put_farm(&farm).await?, tx.put_node(&node).await?];
                put.push(tx.put_identity(&customer).await?);
                for currency in &currencies {
                    put.push(tx.put_currency(currency).await?);
                }
                drop(put);
                Ok::<_, StoreError>(())
            })
        })
        .await
        .map_err(SimulationError::from)
    }

    /// Draws which faults there are, and how often.
    fn storm(&mut self) {
        let mut dice = Dice::new(self.seed, Topic::Weather);
        let faults = self.sandbox.faults();
        for fault in Fault::ALL {
            let most = match fault {
                Fault::ResetBefore | Fault::StaleHistory | Fault::GarbageBody | Fault::TruncatedBody => 50,
                Fault::RateLimited | Fault::SlowAnswer => 25,
                Fault::LaggingHistory | Fault::SecondInstance => 150,
                Fault::TimeoutLands | Fault::TimeoutLost | Fault::ResetAfter | Fault::DroppedTransaction => {
                    200
                }
                Fault::TruncatedStream | Fault::RepeatedEvents | Fault::SilentStream => 200,
                Fault::MissedLedger => 150,
                Fault::FeeSurge => 80,
            };
            if dice.chance(650) {
                faults.set_rate(fault, u16::try_from(dice.between(most / 10, most)).unwrap_or(0));
            }
        }
        faults.set_parameters(FaultParameters {
            lag_ledgers: u32::try_from(dice.between(1, 8)).unwrap_or(1),
            retry_after_seconds: u32::try_from(dice.between(1, 8)).unwrap_or(1),
            slow_ms: dice.between(100, 20_000),
            surge_factor: [5, 50, 500].get(usize::try_from(dice.below(3)).unwrap_or(0)).copied().unwrap_or(5),
        });
        let mut rate = |most: u64| if dice.chance(600) { dice.between(1, most) } else { 0 };
        self.mishaps =
            Mishaps { refused: rate(15), stalled: rate(8), undone: rate(25), unanswered: rate(25) };
        self.wanted = 1;
    }

    /// Arms deaths, jumps clocks, sends a second process in.
    fn strike(&mut self) {
        if self.ledger >= self.crash_at {
            self.crash_at = self.ledger + self.draw(|dice| dice.between(CRASH_LEDGERS.0, CRASH_LEDGERS.1));
            self.doom_one();
        }
        if self.draw(|dice| dice.chance(30)) {
            let seconds = self.draw(|dice| dice.between(0, 2 * JUMP_SECONDS_MAX));
            let ahead = i64::try_from(seconds).unwrap_or(0) - i64::try_from(JUMP_SECONDS_MAX).unwrap_or(0);
            self.trail.fault("clock_jump", &format!("the service's clock is {ahead} s ahead"));
            self.wall.jump(ahead);
        }
        if self.draw(|dice| dice.chance(40)) {
            self.freeze_one();
        }
        if self.draw(|dice| dice.chance(20)) {
            self.wanted = if self.wanted == 1 { 2 } else { 1 };
            self.trail.note(&format!("{} processes from now on", self.wanted));
            while self.processes.len() > self.wanted {
                if let Some(process) = self.processes.pop() {
                    process.fate.kill();
                    process.task.abort();
                }
            }
        }
        if self.ledger >= self.restart_at {
            self.start_missing();
        }
    }

    /// A process does nothing for a while, in the middle of whatever it does, and another is there to take over.
    fn freeze_one(&mut self) {
        let count = self.processes.len();
        let which = usize::try_from(self.draw(|dice| dice.below(count as u64))).unwrap_or(0);
        let seconds = self.draw(|dice| dice.between(FREEZE_SECONDS.0, FREEZE_SECONDS.1));
        if let Some(process) = self.processes.get(which) {
            process.fate.freeze(self.time.now(), i64::try_from(seconds).unwrap_or(0));
            self.wanted = 2;
        }
    }

    /// A process dies soon: each step in turn, the sooner or the later time that it is taken. One that was armed before and
    /// did not come to its step dies now.
    fn doom_one(&mut self) {
        let count = self.processes.len();
        if count == 0 {
            return;
        }
        let which = usize::try_from(self.draw(|dice| dice.below(count as u64))).unwrap_or(0);
        let number = self.seed.wrapping_add(self.crashes_armed);
        self.crashes_armed += 1;
        let Some(process) = self.processes.get(which) else { return };
        if process.fate.is_doomed() {
            process.fate.kill();
            return;
        }
        let step = Step::ALL[usize::try_from(number % Step::ALL.len() as u64).unwrap_or(0)];
        let often = match step {
            Step::BeforeCommit | Step::AfterCommit => 12,
            Step::BeforeLookUp => 3,
            Step::BeforeBuild | Step::AfterBuild | Step::BeforeSend | Step::AfterSend => 2,
        };
        process.fate.doom(step, u32::try_from(number / 7 % often).unwrap_or(0));
    }

    fn start_missing(&mut self) {
        while self.processes.len() < self.wanted {
            self.started += 1;
            let name = format!("process {}", self.started);
            self.trail.note(&format!("{name} starts"));
            let fate = Arc::new(Fate::new(
                name.clone(),
                self.mishaps,
                Arc::clone(&self.blows),
                Arc::clone(&self.trail),
            ));
            let Some(key) = key(PLATFORM) else { return };
            let Ok(url) = "http://horizon.invalid".parse() else { return };
            let mut settings = stellar::Settings::new(url, PASSPHRASE.to_owned(), account(PLATFORM));
            settings.requests_per_hour_max = None;
            settings.attempts_max = 2;
            let transport = Arc::new(ServiceTransport::new(self.sandbox.router()));
            let signer = Arc::new(MemorySigner::new(SecretSeed::from_bytes(&key.to_bytes())));
            let wall: Arc<dyn Clock> = Arc::new(self.wall.clone());
            let entropy: Arc<dyn Entropy> = Arc::clone(&self.entropy) as Arc<dyn Entropy>;
            let inner: Arc<dyn Network> = Arc::new(StellarNetwork::new(
                &settings,
                transport,
                signer,
                Arc::clone(&wall),
                Arc::clone(&entropy),
            ));
            let network = ProcessNetwork {
                name: name.clone(),
                inner,
                fate: Arc::clone(&fate),
                lookout: Arc::clone(&self.lookout),
                time: self.time.clone(),
                #[cfg(feature = "simulated-bugs")]
                bug: self.bug.map(|bug| (bug, self.base.clone())),
            };
            let store = ProcessStore {
                base: self.base.clone(),
                fate: Arc::clone(&fate),
                time: self.time.clone(),
                #[cfg(feature = "simulated-bugs")]
                bug: self.bug,
            };
            let settings = settlement::Settings {
                channels: 3,
                warm_accounts: 4,
                transaction_lifetime_seconds: 120,
                refund_claimable_min_usd: CLAIMABLE_MIN_USD,
                quiet_period_seconds: QUIET_SECONDS,
                lease_seconds: LEASE_SECONDS,
                ..settlement::Settings::default()
            };
            let candidate =
                Candidate::new(Arc::new(store), Arc::new(network), wall, entropy, settings, &name);
            let task = tokio::spawn(async move { candidate.run(std::future::pending()).await });
            self.processes.push(Process { name, fate, task });
        }
    }

    /// Buries the dead. Another takes the place of each, soon.
    fn bury(&mut self) {
        let (trail, before) = (Arc::clone(&self.trail), self.processes.len());
        self.processes.retain(|process| {
            if process.fate.is_dead() {
                process.task.abort();
                return false;
            }
            if process.task.is_finished() {
                trail.wrong(Wrong::Broken, format!("{} has stopped for a person to look", process.name));
                return false;
            }
            true
        });
        if self.processes.len() < before {
            let outage =
                if self.draw(|dice| dice.chance(300)) { self.draw(|dice| dice.between(2, 8)) } else { 0 };
            self.restart_at = self.ledger + outage;
            if outage == 0 {
                self.start_missing();
            }
        }
    }

    /// Lets everything go on that needs no time.
    async fn settle(&self) {
        let progress = || (self.base.calls(), self.sandbox.requests_served());
        let mut last = progress();
        let mut in_vain = 0;
        while in_vain < TURNS_IN_VAIN {
            tokio::task::yield_now().await;
            let now = progress();
            in_vain = if now == last { in_vain + 1 } else { 0 };
            last = now;
        }
    }

    /// Lets time pass until the next ledger, and closes it.
    async fn close(&mut self) {
        self.settle().await;
        self.bury();
        let mut wakes = 0;
        while let Some(at) = self.time.next().filter(|at| *at <= self.next_close) {
            self.time.move_on(at);
            self.settle().await;
            self.bury();
            wakes += 1;
            if wakes > WAKES_PER_LEDGER_MAX {
                let what = "the engine does not rest between two ledgers".to_owned();
                self.trail.wrong(Wrong::Broken, what);
                break;
            }
        }
        self.time.move_on(self.next_close);
        self.next_close = later(self.next_close);
        self.ledger += 1;
        match self.sandbox.tick() {
            Some(sequence) => {
                let hash = self
                    .sandbox
                    .with_ledger(|ledger| ledger.history().ledger(sequence).map(|record| record.hash));
                let hash = hash.map(hex::encode).unwrap_or_default();
                self.trail.note_unseen(&format!("ledger {sequence} {hash}"));
            }
            None => self.trail.note_unseen("no ledger"),
        }
        self.settle().await;
        self.bury();
        self.judge.look(&self.cases).await;
        if let Err(error) = self.note_states().await {
            self.trail.wrong(Wrong::Broken, format!("reservations cannot be read: {error}"));
        }
    }

    async fn note_states(&mut self) -> Result<(), StoreError> {
        let mut tx = self.store.begin_read().await?;
        for case in &self.cases {
            let id = case.reservation.id;
            let Some(stored) = tx.reservation(id).await? else { continue };
            let name = stored.state.name();
            if self.states.insert(id, name) != Some(name) {
                self.trail.note(&format!("reservation {id} ({:?}) is {name}", case.habit));
            }
        }
        Ok(())
    }

    /// People do what is due.
    async fn errands(&mut self) -> Result<(), SimulationError> {
        for (errand, tries) in self.people.due(self.ledger) {
            match &errand {
                Errand::Open { habit } => {
                    let habit = *habit;
                    match self.open().await {
                        Ok(reservation) => {
                            self.trail.note(&format!("{habit:?} orders {}", reservation.id));
                            let opened = self.sandbox.with_ledger(|ledger| ledger.latest().ledger);
                            let case = Case { reservation, habit, opened, cancelled: false, frozen: false };
                            self.people.pay_for(self.ledger, &case);
                            self.cases.push(case);
                        }
                        Err(reservations::Error::NoEscrowReady) => {
                            self.people.again(self.ledger, errand, 0);
                        }
                        Err(error) => self.trail.note(&format!("no order: {error}")),
                    }
                }
                Errand::Cancel { reservation } => {
                    let reservation = *reservation;
                    let now = self.wall.now();
                    let asked = transact(&self.store, move |tx| {
                        Box::pin(async move { reservations::cancel(tx, reservation, now).await })
                    })
                    .await;
                    if asked.is_ok()
                        && let Some(case) = self.case(reservation)
                    {
                        case.cancelled = true;
                    }
                    self.trail.note(&format!("{reservation} is called off: {}", asked.is_ok()));
                }
                Errand::Stray => match self.account_of_nobody().await? {
                    Some(to) => {
                        let errand = self.people.stray(to);
                        self.people.again(self.ledger, errand, 0);
                    }
                    None => self.people.again(self.ledger, errand, tries),
                },
                Errand::FreezeEscrow { reservation, frozen, .. } => {
                    let (reservation, frozen) = (*reservation, *frozen);
                    let done = self.act(errand, tries);
                    if let Some(case) = self.case(reservation).filter(|_| done || frozen) {
                        case.frozen = frozen;
                    }
                }
                Errand::Pay { .. }
                | Errand::Through { .. }
                | Errand::Distrust { .. }
                | Errand::Trust { .. }
                | Errand::Leave { .. }
                | Errand::Freeze { .. }
                | Errand::Claim { .. } => {
                    self.act(errand, tries);
                }
            }
        }
        Ok(())
    }

    fn case(&mut self, id: ReservationId) -> Option<&mut Case> {
        self.cases.iter_mut().find(|case| case.reservation.id == id)
    }

    /// Does an errand, or tries it again in the next ledger; true if the ledger took it.
    fn act(&mut self, errand: Errand, tries: u8) -> bool {
        let done = self.people.run(&errand);
        match &done {
            Ok(hash) => self.trail.note(&format!("{errand:?}: {hash}")),
            Err(sandbox::acts::ActError::Busy) => self.people.again(self.ledger, errand, tries),
            Err(error) => self.trail.note(&format!("{errand:?}: {error}")),
        }
        done.is_ok()
    }

    /// An escrow account that no reservation has yet.
    async fn account_of_nobody(&self) -> Result<Option<AccountId>, SimulationError> {
        let signed: Vec<AccountId> = self.sandbox.with_ledger(|ledger| {
            let found = ledger.state().find(AccountFilter::Signer(account(PLATFORM)));
            let accounts = found.map(|accounts| accounts.iter().map(|account| account.0).collect());
            accounts.unwrap_or_default()
        });
        let first: Vec<AccountId> = signed.into_iter().take(LIST_ROWS_MAX as usize).collect();
        let escrows = self.store.begin_read().await?.escrows(&first).await?;
        Ok(escrows.iter().filter(|escrow| escrow.state == EscrowState::Ready).map(|one| one.account).min())
    }

    async fn open(&mut self) -> Result<Reservation, reservations::Error> {
        let settings = reservations::Settings {
            payment_window_seconds: WINDOW_SECONDS,
            payout: reservations::PayoutAccounts {
                foundation: Some(account(FOUNDATION)),
                sales: None,
                wisdom: None,
            },
            ..reservations::Settings::default()
        };
        let amount = self.people.dice.between(UNITS.0 * 1_000, UNITS.1 * 1_000);
        let both = self.people.dice.chance(300);
        let codes: Vec<AssetCode> = ["TFT", "TFTA"]
            .iter()
            .take(if both { 2 } else { 1 })
            .filter_map(|code| code.parse().ok())
            .collect();
        let request = OrderRequest {
            customer: CUSTOMER,
            nodes: vec![NODE],
            units: Some(units(amount)),
            duration_seconds: Some(86_400),
            pool: None,
            currencies: Some(codes),
            refund: None,
        };
        self.reservations_made += 1;
        let (now, number, platform) = (self.wall.now(), self.reservations_made, account(PLATFORM));
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

    /// Nothing goes wrong any more, and time passes: everything comes to its end, or the verdict says what did not.
    async fn calm(&mut self) -> Result<Ends, SimulationError> {
        self.trail.note("calm");
        self.sandbox.faults().clear();
        self.wall.jump(0);
        self.mishaps = Mishaps::default();
        self.wanted = 1;
        for process in &self.processes {
            process.fate.calm();
        }
        while self.processes.len() > self.wanted {
            if let Some(process) = self.processes.pop() {
                process.task.abort();
            }
        }
        let mut last: (Findings, Ends) = (Findings::new(), Ends::default());
        for round in 0..CALM_LEDGERS_MAX {
            if self.trail.is_wrong() {
                return Ok(last.1);
            }
            if round % CALM_RESTART_LEDGERS == 0 {
                for process in self.processes.drain(..) {
                    process.task.abort();
                }
            }
            self.start_missing();
            self.errands().await?;
            self.close().await;
            if round % VERDICT_LEDGERS == VERDICT_LEDGERS - 1 {
                last = self.judge.verdict(&self.cases).await?;
                if last.0.is_empty() && self.people.is_done() {
                    return Ok(last.1);
                }
            }
        }
        for (how, what) in last.0 {
            self.trail.wrong(how, what);
        }
        Ok(last.1)
    }
}

fn later(time: Timestamp) -> Timestamp {
    let seconds = i64::try_from(LEDGER_SECONDS).unwrap_or(5);
    time.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

fn units(milli: u64) -> CloudUnits {
    CloudUnits { cu: MilliUnits::new(milli).unwrap_or_default(), ..CloudUnits::default() }
}
