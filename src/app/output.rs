//! What a command prints. Results go to standard output, everything else to standard error.

use std::io::{self, Write};

use serde::Serialize;

use crate::domain::money::Stroops;
use crate::operator::Reconciliation;

/// A line of result.
pub fn say(line: &str) -> Result<(), io::Error> {
    writeln!(io::stdout().lock(), "{line}")
}

/// A result for programs: one line of JSON.
pub fn say_json(value: &impl Serialize) -> Result<(), io::Error> {
    say(&serde_json::to_string(value)?)
}

/// A line for people that is not the result. If it cannot be written there is nobody to tell.
pub fn note(line: &str) {
    let _untold = writeln!(io::stderr().lock(), "{line}");
}

/// An empty table for people, with these columns.
pub fn table<const COLUMNS: usize>(header: [&str; COLUMNS]) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::UTF8_BORDERS_ONLY).set_header(header);
    table
}

/// A sum that may be below zero, in units.
pub fn signed(stroops: i64) -> String {
    let sign = if stroops < 0 { "-" } else { "" };
    let magnitude = i64::try_from(stroops.unsigned_abs()).unwrap_or(i64::MAX);
    format!("{sign}{}", Stroops::new(magnitude).unwrap_or_default())
}

/// The lines of a reconciliation for people.
pub fn reconciliation_table(reconciliation: &Reconciliation) -> String {
    let mut table = table(["account", "asset", "journal", "ledger", ""]);
    for line in &reconciliation.lines {
        table.add_row([
            line.account.to_string(),
            line.asset.code().to_owned(),
            signed(line.journal),
            signed(line.ledger),
            if line.agrees() { "ok" } else { "DIFFERS" }.to_owned(),
        ]);
    }
    for line in &reconciliation.books {
        table.add_row([
            line.account.to_string(),
            line.asset.code().to_owned(),
            signed(line.journal),
            signed(line.stored),
            if line.agrees() { "ok" } else { "DIFFERS" }.to_owned(),
        ]);
    }
    for (asset, sum) in &reconciliation.unbalanced {
        let text = format!("postings in {asset} sum to {}", signed(*sum));
        table.add_row([text.as_str(), "", "", "", "UNBALANCED"]);
    }
    for count in &reconciliation.miscounted {
        let text = format!("{} reservations are {}", count.counted, count.state);
        let kept = format!("{} are counted", count.kept);
        table.add_row([text.as_str(), "", kept.as_str(), "", "DIFFERS"]);
    }
    let wrong = reconciliation.lines.iter().filter(|line| !line.agrees()).count()
        + reconciliation.books.iter().filter(|line| !line.agrees()).count();
    format!(
        "{table}\n{} accounts, {} balances, {wrong} differences",
        reconciliation.accounts,
        reconciliation.lines.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_below_zero_keep_their_sign() {
        assert_eq!(signed(-1), "-0.0000001");
        assert_eq!(signed(25_000_000), "2.5");
    }
}
