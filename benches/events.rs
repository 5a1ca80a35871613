//! What numbering events after their commit is worth: orders opened in a second by 16 writers on PostgreSQL,
//! beside 4 readers that follow `GET /v1/events` by cursor.
//!
//! `cargo bench --bench events` runs two ways in turn, three times each, and prints the table. *In the
//! transaction* is as it was: each commit gives its events their numbers itself, and waits for the one before
//! it. *After the commit* is as it is. It fails if a reader missed an event or got one twice.
//! `FARMGATE_TEST_POSTGRES` names the server; what is measured is a commit on disk, so `fsync` must be on.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use comfy_table::{CellAlignment, Table, presets};
use farmgate::domain::address::AccountId;
use farmgate::domain::escrow::{EscrowAccount, EscrowState, Watch};
use farmgate::domain::ids::{LedgerSeq, OperationId};
use farmgate::ports::clock::Clock;
use farmgate::ports::store::{ForwardAll, Store, StoreError, Tx, WrapTx};
use futures::future::join_all;
use rig::{Rig, free_tft, order, tft};

#[path = "../tests/http/rig.rs"]
#[allow(dead_code, unreachable_pub, reason = "the tests use all of it")]
mod rig;
#[path = "../tests/support/mod.rs"]
mod support;

const WRITERS: usize = 16;
const READERS: usize = 4;
const ORDERS_PER_WRITER: usize = 40;
const ROUNDS: usize = 3;
/// Created and changed.
const EVENTS_PER_ORDER: usize = 2;

/// How events get their numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    InTheTransaction,
    AfterTheCommit,
}

/// A database whose every commit numbers its events itself.
struct NumbersAtCommit(Arc<dyn Store>);

struct NumberedTx(Box<dyn Tx>);

impl WrapTx for NumberedTx {
    type Inner = dyn Tx;

    fn inner(&mut self) -> Result<&mut Self::Inner, StoreError> {
        Ok(&mut *self.0)
    }
}

impl ForwardAll for NumberedTx {}

#[async_trait]
impl Tx for NumberedTx {
    async fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
        self.0.number_events(1_000).await?;
        self.0.commit().await
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        self.0.rollback().await
    }
}

#[async_trait]
impl Store for NumbersAtCommit {
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError> {
        Ok(Box::new(NumberedTx(self.0.begin().await?)))
    }

    async fn begin_read(&self) -> Result<Box<dyn Tx>, StoreError> {
        self.0.begin_read().await
    }
}

/// One measured round.
struct Measured {
    way: Way,
    orders_per_second: f64,
    slowest_millis: u128,
    missed: usize,
    twice: usize,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        for way in [Way::InTheTransaction, Way::AfterTheCommit] {
            rounds.push(runtime.block_on(measure(way)));
        }
    }
    println!("{}", table(&rounds));
    let right = rounds.iter().all(|round| round.missed == 0 && round.twice == 0);
    if right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn measure(way: Way) -> Measured {
    let database = support::postgres().await;
    let rig = Arc::new(
        Rig::with(&database, |state| match way {
            Way::InTheTransaction => state.store = Arc::new(NumbersAtCommit(Arc::clone(&state.store))),
            Way::AfterTheCommit => {}
        })
        .await,
    );
    rig.furnish(0).await;
    ready_accounts(&rig, WRITERS * ORDERS_PER_WRITER).await;
    let written = Arc::new(AtomicBool::new(false));
    let slowest = Arc::new(AtomicU64::new(0));
    let readers = (0..READERS).map(|_| tokio::spawn(follow(Arc::clone(&rig), Arc::clone(&written))));
    let readers: Vec<_> = readers.collect();
    let began = now();
    let writers = (0..WRITERS).map(|_| {
        let (rig, slowest) = (Arc::clone(&rig), Arc::clone(&slowest));
        tokio::spawn(async move {
            for _ in 0..ORDERS_PER_WRITER {
                let began = now();
                rig.order(order(&["1"])).await.is(201);
                let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                slowest.fetch_max(took, Ordering::Relaxed);
            }
        })
    });
    for writer in join_all(writers).await {
        writer.expect("each order is opened");
    }
    let took = began.elapsed();
    written.store(true, Ordering::SeqCst);
    let expected = WRITERS * ORDERS_PER_WRITER * EVENTS_PER_ORDER;
    let (mut missed, mut twice) = (0, 0);
    for reader in readers {
        let read = reader.await.expect("a reader reads to the end");
        let different: BTreeSet<&String> = read.iter().collect();
        missed += expected - different.len();
        twice += read.len() - different.len();
    }
    let orders = u32::try_from(WRITERS * ORDERS_PER_WRITER).expect("a few hundred");
    Measured {
        way,
        orders_per_second: f64::from(orders) / took.as_secs_f64(),
        slowest_millis: slowest.load(Ordering::Relaxed).into(),
        missed,
        twice,
    }
}

/// Escrow accounts that can be given out.
async fn ready_accounts(rig: &Rig, number: usize) {
    let mut assets = vec![tft(), free_tft()];
    assets.sort();
    let mut tx = rig.store.begin().await.expect("a transaction");
    for place in 0..number {
        let mut account = [7; 32];
        account[..8].copy_from_slice(&(place as u64).to_le_bytes());
        let escrow = EscrowAccount {
            account: AccountId(account),
            version: 0,
            assets: assets.clone(),
            state: EscrowState::Ready,
            watch: Watch { cursor: OperationId(0), explained: LedgerSeq(1), dirty_since: None },
            created_at: rig.clock.now(),
        };
        tx.insert_escrow(&escrow).await.expect("it is new");
    }
    tx.commit().await.expect("it is committed");
}

/// Reads events by cursor until all were written and nothing comes any more; their ids.
#[allow(clippy::disallowed_methods, reason = "a benchmark's readers pause by the machine's time")]
async fn follow(rig: Arc<Rig>, written: Arc<AtomicBool>) -> Vec<String> {
    let (mut read, mut path) = (Vec::new(), "/v1/events?limit=100".to_owned());
    loop {
        let all_written = written.load(Ordering::SeqCst);
        let page = rig.get(&path).await.is(200).body;
        let items = page["items"].as_array().expect("a list");
        if items.is_empty() && all_written {
            return read;
        }
        read.extend(items.iter().map(|event| event["id"].as_str().expect("an id").to_owned()));
        if let Some(last) = items.last() {
            let cursor = last["cursor"].as_str().expect("a cursor");
            path = format!("/v1/events?limit=100&cursor={cursor}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn table(rounds: &[Measured]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header(["events are numbered", "orders a second", "slowest order, ms", "missed", "twice"]);
    for round in rounds {
        table.add_row([
            match round.way {
                Way::InTheTransaction => "in the transaction".to_owned(),
                Way::AfterTheCommit => "after the commit".to_owned(),
            },
            format!("{:.0}", round.orders_per_second),
            round.slowest_millis.to_string(),
            round.missed.to_string(),
            round.twice.to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[allow(clippy::disallowed_methods, reason = "a benchmark measures the machine's time")]
fn now() -> Instant {
    Instant::now()
}
