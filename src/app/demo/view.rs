//! What is seen while the demo runs: a live table on a terminal, a line per change elsewhere.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use comfy_table::{Table, presets};
use indicatif::{ProgressBar, ProgressStyle};

use super::customers::Customer;
use crate::app::clock::SystemClock;
use crate::ports::clock::Clock;
use crate::sandbox::Sandbox;

/// How often the view is renewed.
const FRAME: Duration = Duration::from_millis(200);

/// Where the demo is shown.
#[derive(Clone, Copy)]
pub(super) struct View {
    terminal: bool,
}

impl View {
    pub(super) fn new() -> Self {
        Self { terminal: std::io::stdout().is_terminal() }
    }

    /// A line that stays.
    pub(super) fn line(self, line: &str) -> Result<(), std::io::Error> {
        writeln!(std::io::stdout().lock(), "{line}")
    }

    /// Keeps the view up to date; never returns.
    pub(super) async fn keep(self, sandbox: &Sandbox, customers: &[Customer]) -> std::io::Error {
        let bar = ProgressBar::no_length();
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        let mut told: BTreeMap<&str, String> = BTreeMap::new();
        loop {
            if self.terminal {
                let ledger = sandbox.with_ledger(|ledger| ledger.latest().ledger);
                bar.set_message(format!("{}\nledger {ledger}", table(customers)));
                bar.tick();
            } else if let Err(error) = self.changes(customers, &mut told) {
                return error;
            }
            SystemClock.sleep(FRAME).await;
        }
    }

    fn changes<'c>(
        self,
        customers: &'c [Customer],
        told: &mut BTreeMap<&'c str, String>,
    ) -> Result<(), std::io::Error> {
        for customer in customers {
            let seen = customer.seen();
            let now = format!("{} {}", seen.reservation, seen.state);
            if seen.state.is_empty() || told.get(customer.name) == Some(&now) {
                continue;
            }
            self.line(&format!(
                "{:<8} {:<16} {:<18} {}",
                customer.name, seen.reservation, seen.asks, seen.state
            ))?;
            told.insert(customer.name, now);
        }
        Ok(())
    }
}

/// Everybody, and where they stand.
pub(super) fn table(customers: &[Customer]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_header(["customer", "reservation", "asks", "state"]);
    for customer in customers {
        let seen = customer.seen();
        table.add_row([customer.name.to_owned(), seen.reservation, seen.asks, seen.state]);
    }
    table
}
