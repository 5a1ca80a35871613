//! What docs/sandbox.md says of the sandbox, against the network's own lists, the tests and the routes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use farmgate_sandbox::codes::result_codes;
use stellar_xdr::{
    Limits, OperationResult, OperationType, ReadXdr, TransactionResult, TransactionResultExt,
    TransactionResultResult,
};

const LIMITS: Limits = Limits { depth: 20, len: 1_000 };
const PAGE: &str = "docs/sandbox.md";
/// Where results are expected by name.
const TESTS: [&str; 5] = [
    "crates/sandbox/src/ledger/tests",
    "crates/sandbox/src/horizon/tests",
    "tests/sdk/refusals.json",
    "tests/conformance.rs",
    "tests/stellar_sandbox.rs",
];
const ROUTES: &str = "crates/sandbox/src/horizon/mod.rs";
/// Results that no test can reach; the page says so.
const UNREACHED: [&str; 1] = ["op_too_many_sponsoring"];
/// The least of the codes of an operation's result; they go down from -1.
const CODE_MIN: i32 = -40;

fn read(path: &Path, into: &mut String) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            read(&entry.unwrap().path(), into);
        }
    } else {
        into.push_str(&std::fs::read_to_string(path).unwrap());
    }
}

fn text(path: &str) -> String {
    let mut text = String::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path), &mut text);
    text
}

/// The page from one heading to the next.
fn section(heading: &str) -> String {
    let page = text(PAGE);
    let rest = page.split(&format!("## {heading}\n")).nth(1).unwrap();
    rest.split("\n## ").next().unwrap().to_owned()
}

/// The rows of a section's table, without its head.
fn rows(section: &str) -> Vec<Vec<String>> {
    let lines = section.lines().filter(|line| line.starts_with("| ")).skip(2);
    let cells = |line: &str| -> Vec<String> {
        let line = line.replace("\\|", "/");
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    lines.map(cells).collect()
}

/// The words of a list, without what stands in brackets.
fn words(cell: &str) -> BTreeSet<String> {
    let mut depth = 0;
    let outside = cell.chars().filter(|c| {
        depth += i32::from(*c == '(') - i32::from(*c == ')');
        depth == 0 && *c != ')'
    });
    let outside: String = outside.collect();
    outside.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
}

/// All `prefix…` words between two `quote`s.
fn quoted(text: &str, quote: char, prefix: &str) -> BTreeSet<String> {
    let is_word =
        |word: &&str| word.starts_with(prefix) && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    text.split(quote).filter(is_word).map(str::to_owned).collect()
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// Horizon's names for what can become of an operation, besides success and what can become of any.
fn legal(kind: OperationType) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for code in CODE_MIN..0 {
        let bytes = [0_i32.to_be_bytes(), (kind as i32).to_be_bytes(), code.to_be_bytes()].concat();
        let Ok(result) = OperationResult::from_xdr(bytes, LIMITS) else { continue };
        let results = TransactionResultResult::TxFailed(vec![result].try_into().unwrap());
        let failed = TransactionResult { fee_charged: 0, result: results, ext: TransactionResultExt::V0 };
        names.extend(result_codes(&failed).operations.iter().map(|name| (*name).to_owned()));
    }
    names
}

fn short(name: &str) -> String {
    name.strip_prefix("op_").unwrap_or(name).to_owned()
}

#[test]
fn every_operation_is_listed_with_every_result_it_can_have() {
    let (mut applied, mut absent) = (BTreeMap::new(), BTreeSet::new());
    for row in rows(&section("Operations")) {
        let [names, is_applied, covered, never] = row.as_slice() else { panic!("{row:?}") };
        for name in words(names) {
            if is_applied.starts_with("no:") {
                absent.insert(name);
            } else {
                applied.insert(name, (words(covered), words(never)));
            }
        }
    }
    for kind in OperationType::VARIANTS {
        let name = snake(kind.name());
        if absent.remove(&name) {
            continue;
        }
        let (covered, never) = applied.remove(&name).unwrap_or_else(|| panic!("{name} is not in {PAGE}"));
        assert!(covered.is_disjoint(&never), "{name}");
        let told: BTreeSet<String> = covered.union(&never).cloned().collect();
        assert_eq!(told, legal(kind).iter().map(|name| short(name)).collect(), "{name} in {PAGE}");
    }
    assert!(applied.is_empty() && absent.is_empty(), "the network has no {applied:?}, {absent:?}");
}

#[test]
fn what_is_said_to_be_covered_is_expected_by_a_test_and_the_other_way_round() {
    let expected = TESTS.map(text).concat();
    let page = section("Operations");
    let mut told: BTreeSet<String> = rows(&page).iter().flat_map(|row| words(&row[2])).collect();
    let (_, below) = page.split_once("\nAny operation: ").unwrap();
    told.extend(quoted(&page, '`', "op_").iter().map(|name| short(name)));
    for name in &told {
        let named = [format!("\"op_{name}\""), format!("\"{name}\"")];
        let unreached = UNREACHED.contains(&format!("op_{name}").as_str());
        assert_ne!(named.iter().any(|name| expected.contains(name)), unreached, "{name} in {PAGE}");
    }
    for name in quoted(&expected, '"', "op_") {
        assert!(told.contains(&short(&name)), "{name} is not in {PAGE}");
    }
    let transactions = quoted(below, '`', "tx_");
    let mut seen = quoted(&expected, '"', "tx_");
    seen.retain(|name| !["tx_status", "tx_id"].contains(&name.as_str()));
    assert_eq!(transactions, seen, "{PAGE}");
}

#[test]
fn every_route_is_listed_and_none_that_is_said_to_be_absent() {
    let page = section("Endpoints");
    let source = text(ROUTES);
    let routes: Vec<&str> =
        source.split("route(").skip(1).filter_map(|call| call.split('"').nth(1)).collect();
    assert!(routes.len() > 30, "{routes:?}");
    let first = |path: &str| path.split(['/', '?', '{', '`']).nth(1).unwrap_or_default().to_owned();
    let (mut served, mut absent) = (BTreeSet::new(), BTreeSet::new());
    for row in rows(&page) {
        let endpoints = row[0].split('`').skip(1).step_by(2).filter_map(|text| text.split_once('/'));
        let names = endpoints.map(|(_, path)| first(&format!("/{path}")));
        if row[1].starts_with("no") { absent.extend(names) } else { served.extend(names) }
    }
    served.extend(["sandbox".to_owned()]);
    for route in routes {
        let name = first(route);
        assert!(served.contains(&name), "{route} is not in {PAGE}");
        assert!(!absent.contains(&name), "{route} is said to be absent in {PAGE}");
    }
}
