//! How many requests an hour it takes to watch 10, 100, 1,000 and 10,000 open reservations, counted.
//!
//! `cargo bench --bench requests` prints the table; `-- 10 500` counts for these numbers instead. An hour
//! is 720 ledgers of virtual time, in which one customer a minute pays. It fails if a public Horizon would
//! have refused a request, or if a payment was not settled.

use std::process::ExitCode;

use comfy_table::{CellAlignment, Table, presets};
use hour::{HISTORIES, Hour, LEDGERS_PER_HOUR, OTHER, SENDS, STREAM, SWEEP, TIP, Watched};
use jiff::SignedDuration;

#[path = "../tests/watching/hour.rs"]
mod hour;
#[path = "../tests/support/mod.rs"]
mod support;

const RESERVATIONS: [usize; 4] = [10, 100, 1_000, 10_000];
const REQUESTS_PER_HOUR_MAX: u64 = 3_600;
const KINDS: [&str; 6] = [TIP, SWEEP, STREAM, HISTORIES, SENDS, OTHER];

fn main() -> ExitCode {
    let asked: Vec<usize> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let numbers = if asked.is_empty() { RESERVATIONS.to_vec() } else { asked };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let watched: Vec<Watched> =
        numbers.into_iter().map(|reservations| runtime.block_on(watch(reservations))).collect();
    println!("{}", table(&watched));
    let paid = |one: &Watched| one.settled == u64::try_from(one.payments).unwrap_or(u64::MAX);
    let within = |one: &Watched| one.refused == 0 && one.requests() <= REQUESTS_PER_HOUR_MAX && paid(one);
    if watched.iter().all(within) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn watch(reservations: usize) -> Watched {
    eprintln!("{reservations} reservations …");
    let database = support::sqlite().await;
    Hour::prepare(database.store.clone(), reservations).await.watch(LEDGERS_PER_HOUR).await
}

fn table(watched: &[Watched]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    let mut header: Vec<String> = ["open reservations", "accounts", "pages"].map(str::to_owned).to_vec();
    header.extend(KINDS.map(str::to_owned));
    header.extend(
        ["requests an hour", "refused", "a sweep takes", "payments", "seen after", "at most"]
            .map(str::to_owned),
    );
    table.set_header(header);
    for one in watched {
        let mut row =
            vec![one.reservations.to_string(), one.accounts.to_string(), one.pace.pages.to_string()];
        row.extend(KINDS.map(|kind| one.counts.get(kind).copied().unwrap_or(0).to_string()));
        row.extend([one.requests().to_string(), one.refused.to_string()]);
        row.push(seconds(one.pace.sweep_millis));
        row.push(one.payments.to_string());
        let most = one.seen_after.iter().max().copied().unwrap_or_default();
        let sum: SignedDuration = one.seen_after.iter().sum();
        let average = sum / i32::try_from(one.seen_after.len().max(1)).unwrap_or(i32::MAX);
        row.extend([average, most].map(|delay| seconds(u64::try_from(delay.as_millis()).unwrap_or(0))));
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn seconds(millis: u64) -> String {
    format!("{}.{} s", millis / 1_000, millis % 1_000 / 100)
}
