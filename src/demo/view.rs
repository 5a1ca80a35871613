//! What is seen while the demo runs: a live table on a terminal, a line per change elsewhere.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use comfy_table::{Table, presets};
use indicatif::{ProgressBar, ProgressStyle};

use super::scenario::Scenario;
use crate::app::clock::SystemClock;
use crate::ports::clock::Clock;
use farmgate_sandbox::Sandbox;

/// How often the view is renewed.
const FRAME: Duration = Duration::from_millis(200);
/// How wide the output may be, in columns.
const COLUMNS_MAX: usize = 100;
/// Customers side by side in the live table.
const ABREAST: usize = 3;
/// Most characters of what is asked for in the live table.
const ASKS_CHARS: usize = 14;

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
    pub(super) async fn keep(self, sandbox: &Sandbox, scenarios: &[Scenario]) -> std::io::Error {
        let bar = ProgressBar::no_length();
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        let mut told: BTreeMap<&str, String> = BTreeMap::new();
        loop {
            if self.terminal {
                let ledger = sandbox.with_ledger(|ledger| ledger.latest().ledger);
                bar.set_message(format!("{}\nledger {ledger}", table(scenarios)));
                bar.tick();
            } else if let Err(error) = self.changes(scenarios, &mut told) {
                return error;
            }
            SystemClock.sleep(FRAME).await;
        }
    }

    fn changes<'p>(
        self,
        scenarios: &'p [Scenario],
        told: &mut BTreeMap<&'p str, String>,
    ) -> Result<(), std::io::Error> {
        for scenario in scenarios {
            let seen = scenario.seen();
            let now = format!("{} {}", seen.asks, seen.state);
            if seen.state.is_empty() || told.get(scenario.name) == Some(&now) {
                continue;
            }
            self.line(&format!("{:<10} {:<32} {}", scenario.name, seen.asks, seen.state))?;
            told.insert(scenario.name, now);
        }
        Ok(())
    }
}

/// Everybody, and where they stand: three abreast, so that it fits a screen.
pub(super) fn table(scenarios: &[Scenario]) -> Table {
    let mut table = Table::new();
    let header = ["customer", "asks", "state"].into_iter().cycle().take(3 * ABREAST);
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_header(header);
    for row in scenarios.chunks(ABREAST) {
        table.add_row(row.iter().flat_map(|scenario| {
            let seen = scenario.seen();
            [scenario.name.to_owned(), seen.asks.chars().take(ASKS_CHARS).collect(), seen.state]
        }));
    }
    table
}

/// A text after its head, in lines that are not too long; what follows stands below what came first.
pub(super) fn wrapped(head: &str, text: &str) -> String {
    let mut lines = vec![head.to_owned()];
    for word in text.split(' ') {
        let full =
            lines.last().is_some_and(|line| line.chars().count() + word.chars().count() >= COLUMNS_MAX);
        if full {
            lines.push(" ".repeat(head.chars().count()));
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(word);
            line.push(' ');
        }
    }
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_go_on_below_and_fit() {
        let text = "word ".repeat(60);
        let shown = wrapped("  head ", text.trim_end());
        assert!(shown.lines().all(|line| line.chars().count() <= COLUMNS_MAX), "{shown}");
        assert!(
            shown.lines().count() > 1 && shown.lines().skip(1).all(|line| line.starts_with("       word"))
        );
        assert_eq!(shown.split_whitespace().count(), 61);
    }
}
