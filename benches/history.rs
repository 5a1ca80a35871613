//! What a long history costs: the same work on a nearly empty database and on one with a million settled
//! reservations, side by side, on SQLite and PostgreSQL. The nearly empty one has two hundred, and each
//! customer and node has a hundred in either, so that lists have as many rows to show.
//!
//! `cargo bench --bench history` prints a table for each database; `-- 20000` seeds so many instead, and with
//! `scattered` what a customer bought is not from one part of the history but from all of it. PostgreSQL is
//! the server of `FARMGATE_TEST_POSTGRES`. The history is made by the tests' seeder, not by an engine.
//!
//! What is measured is the time in the engine's ticks, in an order's transaction and in lists: the mean of
//! the middle half of rounds that take turns, so that whatever else the machine does falls on both. It fails
//! if anything takes more than [`RATIO_MAX`] times as long with the history.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use comfy_table::{CellAlignment, Table, presets};
use farmgate::app::clock::SystemClock;
use farmgate::domain::ids::{IdentityId, NodeId, ReservationId};
use farmgate::domain::tenant::Tenant;
use farmgate::operator::{LetterFilter, dead_letters};
use farmgate::ports::clock::Clock;
use farmgate::ports::store::{PoolFilter, ReservationFilter};
use history::{Customers, History};
use support::TestStore;
use world::{World, price};

#[path = "../tests/storage/history.rs"]
mod history;
#[allow(dead_code, reason = "the seeder needs a part of it")]
#[path = "../tests/storage/samples.rs"]
mod samples;
#[path = "../tests/support/mod.rs"]
mod support;
#[allow(dead_code, unused_imports, reason = "stories use the rest")]
#[path = "../tests/settlement/world/mod.rs"]
mod world;

const RESERVATIONS: i64 = 1_000_000;
const FEW: i64 = 200;
const OF_EACH_CUSTOMER: i64 = 100;
/// What is rare happened to one reservation in so many.
const RARE: i64 = 100;
const ROUNDS: usize = 40;
const TICKS: u32 = 10;
const RATIO_MAX: f64 = 1.2;
/// Ledgers after which a payment should long be settled.
const LEDGERS_MAX: usize = 400;
/// Rows that a list is asked for.
const ROWS: u32 = 100;

/// What is measured.
const KINDS: [&str; 10] = [
    "an idle tick",
    "an order",
    "a payment until it is settled",
    "a list of reservations",
    "… of those in a state",
    "… of a customer's",
    "a list of a customer's pools",
    "… of a node's pools",
    "a list of events",
    "dead letters, counts and debts",
];

/// The lists among them, in the same order.
#[derive(Debug, Clone, Copy)]
enum List {
    All,
    InState,
    OfCustomer,
    PoolsOfCustomer,
    PoolsOnNode,
    Events,
    Letters,
}

const LISTS: [List; 7] = [
    List::All,
    List::InState,
    List::OfCustomer,
    List::PoolsOfCustomer,
    List::PoolsOnNode,
    List::Events,
    List::Letters,
];

/// A database with a world around it.
struct Subject {
    world: World,
    spent: [Vec<Duration>; KINDS.len()],
    _database: TestStore,
}

#[tokio::main]
async fn main() -> ExitCode {
    let asked = std::env::args().skip(1).find_map(|word| word.parse().ok());
    let reservations = asked.unwrap_or(RESERVATIONS);
    let mut within = true;
    for engine in ["SQLite", "PostgreSQL"] {
        let mut table = Table::new();
        table.load_preset(presets::ASCII_MARKDOWN);
        table.set_header([engine, &FEW.to_string(), &reservations.to_string(), "ratio"]);
        let mut few = Subject::new(engine, FEW).await;
        let mut full = Subject::new(engine, reservations).await;
        for round in 0..ROUNDS {
            eprintln!("{engine}: round {} of {ROUNDS}", round + 1);
            few.round().await;
            full.round().await;
        }
        for (number, kind) in KINDS.into_iter().enumerate() {
            let (before, after) = (middle(&mut few.spent[number]), middle(&mut full.spent[number]));
            let ratio = after.as_secs_f64() / before.as_secs_f64();
            within &= ratio <= RATIO_MAX;
            table.add_row([kind, &micros(before), &micros(after), &format!("{ratio:.2}")]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        println!("{table}\n");
    }
    if within { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Subject {
    async fn new(engine: &str, reservations: i64) -> Self {
        let database = if engine == "SQLite" { support::sqlite().await } else { support::postgres().await };
        eprintln!("{engine}: {reservations} reservations are seeded …");
        let mut raw = database.raw().await;
        let customers = match std::env::args().any(|word| word == "scattered") {
            true => Customers::InTurn(reservations / OF_EACH_CUSTOMER),
            false => Customers::InARow(OF_EACH_CUSTOMER),
        };
        let history = History { reservations, customers, rare: RARE };
        history::seed(&mut raw, history, SystemClock.now()).await;
        raw.close().await;
        let world = World::new(database.store.clone()).await;
        world.customer("alice").await;
        world.rest().await;
        forget_what_is_old(&world).await;
        Self { world, spent: Default::default(), _database: database }
    }

    async fn round(&mut self) {
        let began = now();
        for _ in 0..TICKS {
            self.world.tick().await.expect("a tick");
        }
        self.spent[0].push(began.elapsed() / TICKS);
        let began = now();
        let reservation = self.world.reserve().await;
        self.spent[1].push(began.elapsed());
        self.world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        let settled = self.settle(reservation.id).await;
        self.spent[2].push(settled);
        for (number, list) in LISTS.into_iter().enumerate() {
            let began = now();
            self.list(list, reservation.id).await;
            self.spent[3 + number].push(began.elapsed());
        }
        self.world.rest().await;
    }

    /// The time spent in ticks until the reservation is settled.
    async fn settle(&self, id: ReservationId) -> Duration {
        let mut spent = Duration::ZERO;
        for _ in 0..LEDGERS_MAX {
            self.world.next_ledger().await;
            let began = now();
            self.world.tick().await.expect("a tick");
            spent += began.elapsed();
            if self.world.state(id).await == "settled" {
                return spent;
            }
        }
        panic!("reservation {id} is not settled");
    }

    /// Reads a list twice where it has pages: its first, and its last.
    async fn list(&self, list: List, last: ReservationId) {
        let customer = IdentityId::new(1).ok();
        match list {
            List::All => self.reservations(ReservationFilter::default(), last).await,
            List::InState => {
                for state in ["settled", "awaiting_payment"] {
                    let filter = ReservationFilter { state: Some(state), ..ReservationFilter::default() };
                    self.reservations(filter, last).await;
                }
            }
            List::OfCustomer => {
                self.reservations(
                    ReservationFilter { tenant: Some(Tenant::default()), state: None, customer },
                    last,
                )
                .await
            }
            List::PoolsOfCustomer => {
                self.pools(PoolFilter { tenant: Some(Tenant::default()), customer, node: None }).await
            }
            List::PoolsOnNode => {
                self.pools(PoolFilter {
                    tenant: Some(Tenant::default()),
                    customer: None,
                    node: NodeId::new(1).ok(),
                })
                .await
            }
            List::Events => {
                let mut tx = self.world.store.begin_read().await.expect("a transaction");
                assert!(tx.events(None, None, ROWS).await.expect("a list").all().is_ok());
            }
            List::Letters => self.letters_counts_and_debts().await,
        }
    }

    async fn reservations(&self, filter: ReservationFilter, last: ReservationId) {
        let mut tx = self.world.store.begin_read().await.expect("a transaction");
        for after in [None, ReservationId::new(last.get() - 1).ok()] {
            let page = tx.reservations(&filter, after, ROWS).await.expect("a list");
            assert!(page.unreadable().next().is_none());
        }
    }

    async fn pools(&self, filter: PoolFilter) {
        let mut tx = self.world.store.begin_read().await.expect("a transaction");
        assert!(tx.pools(&filter, None, ROWS).await.expect("a list").all().is_ok());
    }

    async fn letters_counts_and_debts(&self) {
        let mut tx = self.world.store.begin_read().await.expect("a transaction");
        let now = self.world.clock.now();
        dead_letters(&mut *tx, &LetterFilter::default(), now, None, ROWS).await.expect("a list");
        tx.dead_letter_counts(now).await.expect("counts");
        tx.reservation_counts().await.expect("counts");
        tx.pending_transfers().await.expect("counts");
        tx.balances_owed(None, ROWS).await.expect("a list");
    }
}

/// An engine that ran all the time has forgotten the oldest events long ago.
async fn forget_what_is_old(world: &World) {
    let mut forgotten = None;
    loop {
        world.tick().await.expect("a tick");
        let mut tx = world.store.begin_read().await.expect("a transaction");
        let now = tx.event_numbers().await.expect("numbers").forgotten;
        if now == forgotten {
            return;
        }
        forgotten = now;
    }
}

#[allow(clippy::disallowed_methods, reason = "a benchmark measures the machine's time")]
fn now() -> Instant {
    Instant::now()
}

fn middle(spent: &mut [Duration]) -> Duration {
    spent.sort_unstable();
    let middle = &spent[spent.len() / 4..spent.len() - spent.len() / 4];
    middle.iter().sum::<Duration>() / u32::try_from(middle.len()).expect("a few rounds")
}

fn micros(spent: Duration) -> String {
    format!("{}.{:03} ms", spent.as_millis(), spent.subsec_micros() % 1_000)
}
