//! What the live view shows: a pure function of the terminal's size and of where the customers stand.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::text::{cell, cut, wrapped};

/// Columns of a customer's name, of what is asked for, and of the state; what is asked for takes what is
/// left.
const NAME_COLUMNS: usize = 10;
const ASKS_COLUMNS_MIN: usize = 14;
const STATE_COLUMNS: usize = 10;
/// Columns between two customers that stand side by side.
const GAP_COLUMNS: usize = 3;
/// So many columns has each customer at least.
const CUSTOMER_COLUMNS_MIN: usize = NAME_COLUMNS + 1 + ASKS_COLUMNS_MIN + 1 + STATE_COLUMNS;
/// Customers stand side by side up to so many.
const ABREAST_MAX: usize = 3;
/// On a terminal with so many lines or more the legend is shown, too.
const LEGEND_LINES_MIN: usize = 34;
/// So many lines the counts of all customers take at most.
const COUNTS_LINES_MAX: usize = 2;
/// The states in the order in which customers come to them; others follow.
const STATES: [&str; 10] = [
    TO_COME,
    "ready",
    TO_BE_PAID,
    "funded",
    "settling",
    "held",
    "refunding",
    "settled",
    "refunded",
    "expired",
];
const TO_COME: &str = "to come";
/// The API's `awaiting_payment`, in a column that leaves room for what is asked for.
const TO_BE_PAID: &str = "to be paid";
const FOOT: &str = "Ctrl-C stops the demo and removes what it wrote.";

/// A terminal's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) lines: usize,
}

/// Where one customer stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) asks: String,
    pub(super) state: String,
    /// When it moved last: the greater, the later.
    pub(super) moved: u64,
}

impl Row {
    fn state(&self) -> String {
        match self.state.as_str() {
            "" => TO_COME.to_owned(),
            "awaiting_payment" => TO_BE_PAID.to_owned(),
            state => state.replace('_', " "),
        }
    }
}

/// The lines of the view: none is wider than the terminal, and they are not more than fit it.
///
/// If not all customers fit, those that moved last are shown, in the order in which they came.
pub(super) fn frame(size: Size, title: &str, legend: &[&str], rows: &[Row]) -> Vec<String> {
    let mut lines = vec![title.to_owned()];
    let counted = format!("{} customers:", rows.len());
    lines.extend(
        wrapped("", &format!("{counted} {}", counts(rows)), size.columns).into_iter().take(COUNTS_LINES_MAX),
    );
    lines.push(String::new());
    if size.lines >= LEGEND_LINES_MIN {
        lines.extend(legend.iter().map(|line| (*line).to_owned()));
        lines.push(String::new());
    }
    // The last two lines say what is not shown and how to stop.
    let space = size.lines.saturating_sub(lines.len() + 2);
    let shown = table(Size { lines: space, ..size }, rows);
    lines.extend(shown.lines);
    lines.push(match shown.hidden {
        0 => String::new(),
        hidden => format!("{hidden} more do not fit here; they moved before these did."),
    });
    lines.push(FOOT.to_owned());
    lines.truncate(size.lines);
    lines.iter().map(|line| cut(line, size.columns)).collect()
}

/// How many customers are in each state.
pub(super) fn counts(rows: &[Row]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows {
        *counts.entry(row.state()).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(state, _)| STATES.iter().position(|known| known == state).unwrap_or(STATES.len()));
    counts.iter().map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>().join(", ")
}

/// All customers, on as many lines as they need.
pub(super) fn everybody(columns: usize, rows: &[Row]) -> Vec<String> {
    table(Size { columns, lines: rows.len() + 1 }, rows).lines
}

/// Customers as far as they fit, and how many do not.
struct Table {
    lines: Vec<String>,
    hidden: usize,
}

fn table(size: Size, rows: &[Row]) -> Table {
    let abreast = ((size.columns + GAP_COLUMNS) / (CUSTOMER_COLUMNS_MIN + GAP_COLUMNS)).clamp(1, ABREAST_MAX);
    let columns = (size.columns + GAP_COLUMNS) / abreast - GAP_COLUMNS.min(size.columns);
    let asks_columns = columns.saturating_sub(NAME_COLUMNS + STATE_COLUMNS + 2).max(ASKS_COLUMNS_MIN);
    let customer = |name: &str, asks: &str, state: &str| {
        let (name, asks) = (cell(name, NAME_COLUMNS), cell(asks, asks_columns));
        format!("{name} {asks} {}", cell(state, STATE_COLUMNS))
    };
    let beside = |customers: &[String]| customers.join(&" ".repeat(GAP_COLUMNS)).trim_end().to_owned();
    let mut lines = Vec::new();
    if size.lines > 0 {
        lines.push(beside(&vec![customer("customer", "asks for", "state"); abreast]));
    }
    let shown = latest(rows, size.lines.saturating_sub(lines.len()) * abreast);
    for row in shown.chunks(abreast) {
        let customers: Vec<_> = row.iter().map(|row| customer(row.name, &row.asks, &row.state())).collect();
        lines.push(beside(&customers));
    }
    Table { lines, hidden: rows.len() - shown.len() }
}

/// So many rows that moved last, in the order of all.
fn latest(rows: &[Row], rows_max: usize) -> Vec<&Row> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|index| Reverse(rows[*index].moved));
    order.truncate(rows_max);
    order.sort_unstable();
    order.into_iter().map(|index| &rows[index]).collect()
}

#[cfg(test)]
mod tests {
    use console::measure_text_width;

    use super::*;

    const LEGEND: &[&str] = &["TFT  the token of the grid", "cu   compute"];

    fn rows(count: u64) -> Vec<Row> {
        let row = |number| Row {
            name: "Barbara-農場",
            asks: format!("{number}.3333334 TFT or 13.3333334 TFTA"),
            state: if number % 2 == 0 { "awaiting_payment" } else { "settled" }.to_owned(),
            moved: number,
        };
        (0..count).map(row).collect()
    }

    #[track_caller]
    fn fits(columns: usize, lines: usize, rows: &[Row]) -> Vec<String> {
        let size = Size { columns, lines };
        let shown = frame(size, "Farmgate's demo, ledger 12, 9 seconds", LEGEND, rows);
        assert!(shown.len() <= lines, "{} lines on {size:?}", shown.len());
        for line in &shown {
            assert!(measure_text_width(line) <= columns, "{size:?}: {line}");
        }
        shown
    }

    #[test]
    fn on_80_by_24_those_who_moved_last_are_shown_and_the_others_counted() {
        let shown = fits(80, 24, &rows(53));
        assert_eq!(shown.len(), 24);
        let names = shown.iter().map(|line| line.matches("Barbara").count()).sum::<usize>();
        assert_eq!(
            names,
            2 * (24 - 6),
            "two abreast, below the title, the counts, a blank and a header: {shown:#?}"
        );
        assert_eq!(shown[22], format!("{} more do not fit here; they moved before these did.", 53 - names));
        assert!(!shown.iter().any(|line| line.contains(" 0.3333334")), "the first moved before all others");
        assert!(shown.iter().any(|line| line.contains(" 52.333")), "the last moved last: {shown:#?}");
        assert_eq!(shown[1], "53 customers: 27 to be paid, 26 settled");
        assert_eq!(shown[23], FOOT);
    }

    #[test]
    fn on_120_by_40_everybody_is_shown_with_the_legend() {
        let shown = fits(120, 40, &rows(53));
        assert_eq!(shown.iter().map(|line| line.matches("Barbara").count()).sum::<usize>(), 53);
        assert!(shown.iter().any(|line| line == LEGEND[0]), "{shown:#?}");
        assert!(!shown.iter().any(|line| line.contains("do not fit")), "{shown:#?}");
    }

    #[test]
    fn every_size_is_kept_to() {
        for columns in [1, 2, 10, 36, 37, 38, 74, 75, 80, 100, 119, 120, 143, 300] {
            for lines in [1, 2, 3, 4, 5, 6, 7, 23, 24, 33, 34, 40, 100] {
                for count in [0, 1, 53] {
                    fits(columns, lines, &rows(count));
                }
            }
        }
    }

    #[test]
    fn states_are_counted_in_the_order_in_which_they_come() {
        let mut rows = rows(5);
        rows[0].state = String::new();
        rows[1].state = "topped up".to_owned();
        assert_eq!(counts(&rows), "1 to come, 2 to be paid, 1 settled, 1 topped up");
    }
}
