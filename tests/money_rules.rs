//! What docs/money-rules.md says of each rule's tests, against the sources of the tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const PAGE: &str = "docs/money-rules.md";
const RELIABILITY: &str = "docs/reliability.md";
/// Where tests stand.
const SOURCES: [&str; 3] = ["src", "tests", "crates"];
/// Stories about money: each shows a rule.
const STORIES: &str = "tests/settlement";
const BOTH: &str = "on_both_databases! {";
const COLUMNS: [&str; 3] = ["case", "what happens", "shown by"];
const ROWS_MIN: usize = 90;

/// The tests of a file, by whether they run on both databases.
type Tests = BTreeMap<String, bool>;

fn sources(folder: &Path, into: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push((path.to_str().unwrap().to_owned(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

fn function(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let rest = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?;
    rest.split('(').next()
}

/// The tests of a source: functions with a `test` attribute, and stories in the macro that runs them on both
/// databases. A story's helpers take something else than the one database, and stand outside.
fn tests(source: &str) -> Tests {
    let (mut tests, mut on_both, mut announced) = (Tests::new(), false, false);
    for line in source.lines() {
        let trimmed = line.trim_start();
        match line {
            BOTH => on_both = true,
            "}" => on_both = false,
            _ if trimmed.starts_with("#[test]") || trimmed.starts_with("#[tokio::test") => announced = true,
            _ => {}
        }
        let Some(name) = function(line) else { continue };
        if announced || (on_both && trimmed.starts_with("async fn ") && line.contains(": &TestStore)")) {
            tests.insert(name.to_owned(), on_both);
        }
        announced = false;
    }
    tests
}

/// All tests, by name: in which files they stand.
fn known() -> BTreeMap<String, Vec<(String, bool)>> {
    let mut files = Vec::new();
    for folder in SOURCES {
        sources(Path::new(folder), &mut files);
    }
    let mut known: BTreeMap<String, Vec<(String, bool)>> = BTreeMap::new();
    for (file, source) in files {
        for (name, on_both) in tests(&source) {
            known.entry(name).or_default().push((file.clone(), on_both));
        }
    }
    known
}

/// The rows of every table of the page, without their heads.
fn rows() -> Vec<Vec<String>> {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let lines = page.lines().filter(|line| line.starts_with('|'));
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let rows = lines.map(cells).filter(|row| *row != COLUMNS && !row.iter().all(|cell| cell == "---"));
    rows.collect()
}

fn named(row: &[String]) -> BTreeSet<String> {
    row[2].split(", ").map(|name| name.trim_matches('`').to_owned()).collect()
}

#[test]
fn every_rule_says_what_happens_and_names_tests_that_there_are() {
    let (known, rows) = (known(), rows());
    assert!(rows.len() >= ROWS_MIN, "{} rows were read of {PAGE}", rows.len());
    for row in &rows {
        assert_eq!(row.len(), COLUMNS.len(), "{row:?} in {PAGE}");
        assert!(row.iter().all(|cell| !cell.is_empty()), "{row:?} in {PAGE}");
        for name in named(row) {
            assert!(known.contains_key(&name), "there is no test {name:?}, as {PAGE} says: {:?}", row[0]);
        }
    }
}

#[test]
fn every_hard_case_names_stories_that_run_on_both_databases() {
    let page = std::fs::read_to_string(RELIABILITY).unwrap();
    let table = page.split("### The hard cases").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ") && line.contains('`')).collect();
    assert_eq!(rows.len(), 10, "the cases of {RELIABILITY}: {rows:?}");
    let known = known();
    for name in rows.iter().flat_map(|row| row.split('`').skip(1).step_by(2)) {
        let places = known.get(name).unwrap_or_else(|| panic!("there is no test {name:?}"));
        assert!(places.iter().any(|(_, on_both)| *on_both), "{name} runs on one database");
    }
}

#[test]
fn every_story_about_money_runs_on_both_databases_and_shows_a_rule() {
    let told: BTreeSet<String> = rows().iter().flat_map(|row| named(row)).collect();
    let known = known();
    let stories: Vec<_> = known
        .iter()
        .flat_map(|(name, places)| places.iter().map(move |place| (name, place)))
        .filter(|(_, (file, _))| file.starts_with(STORIES))
        .collect();
    assert!(stories.len() > 90, "{} stories were read", stories.len());
    for (name, (file, on_both)) in stories {
        assert!(on_both, "{name} in {file} runs on one database");
        assert!(told.contains(name), "{PAGE} does not say which rule {name} shows ({file})");
    }
}

#[test]
fn what_runs_on_both_databases_is_told_from_what_does_not() {
    let source = "
async fn helper(store: &TestStore) {}
on_both_databases! {
    async fn both(store: &TestStore) {
        fn inner() {}
    }
    async fn also_both(database: &TestStore) {}
}
#[test]
fn plain() {}
mod one {
    #[tokio::test(flavor = \"multi_thread\")]
    async fn alone() {}
    fn no_test() {}
}";
    let expected = [("alone", false), ("also_both", true), ("both", true), ("plain", false)];
    assert_eq!(tests(source), expected.map(|(name, on_both)| (name.to_owned(), on_both)).into());
    assert_eq!(
        include_str!("support/mod.rs").matches("super::$name(&$crate::support::").count(),
        2,
        "the macro calls each on two databases"
    );
}
