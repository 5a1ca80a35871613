//! What Horizon may answer, and what we make of it: every file of a fixtures folder, and how each fault of a
//! server is told apart from the others.

#[path = "horizon_contract/instances.rs"]
mod instances;
#[path = "horizon_contract/questions.rs"]
mod questions;
#[path = "horizon_contract/reading.rs"]
mod reading;
#[path = "horizon_contract/submissions.rs"]
mod submissions;
#[path = "horizon_contract/support.rs"]
mod support;

use std::path::PathBuf;

/// Names the folder to read instead of our own.
const FOLDER_VARIABLE: &str = "FARMGATE_HORIZON_FIXTURES";

fn folder() -> (PathBuf, &'static str) {
    match std::env::var_os(FOLDER_VARIABLE) {
        Some(folder) => (folder.into(), "named by the environment"),
        None => {
            let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/horizon");
            (own, "our own, since FARMGATE_HORIZON_FIXTURES is not set")
        }
    }
}

#[tokio::test]
async fn every_fixture_is_read_as_it_stands() {
    let (folder, which) = folder();
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a folder entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} holds no JSON file", folder.display());
    let mut total = reading::Counted::default();
    for path in &files {
        let text =
            std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        println!("reading {}", path.display());
        let counted = reading::file(&text).await;
        assert!(counted.records > 0 || text.contains("\"records\": []"), "{} holds nothing", path.display());
        total.add(&counted);
    }
    println!(
        "Horizon contract: {} files, {} records ({} payments, {} operations that are none), {which}: {}",
        files.len(),
        total.records,
        total.payments,
        total.not_payments,
        folder.display()
    );
}
