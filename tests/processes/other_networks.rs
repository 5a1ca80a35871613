//! A database, a network and a key that do not belong together: every command says so by name, and changes
//! nothing.

use std::process::Output;
use std::time::Duration;

use farmgate::app::clock::SystemClock;
use farmgate::ports::clock::Clock;

use crate::children::free_port;
use crate::doctor::{Machine, secret, wallet};
use crate::support::{TestStore, on_both_databases};

/// Longest that a process may take to refuse.
const REFUSED_WITHIN: Duration = Duration::from_secs(60);
/// What closes after this closes in a later second.
const CLOSED_LATER: Duration = Duration::from_secs(1);

async fn ready_machine(database: &TestStore) -> Machine {
    let machine = Machine::new(Some(database)).await;
    machine.fund("platform").await;
    let done = machine.run(&["setup", "--yes"], &[]).await;
    assert!(done.status.success(), "{}", text(&done));
    machine
}

fn text(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat()
}

/// What each command says that would work with these settings.
async fn refusals(machine: &Machine, variables: &[(&str, &str)]) -> Vec<(&'static str, String)> {
    let listen = format!("127.0.0.1:{}", free_port());
    let mut said = Vec::new();
    for (command, arguments) in [
        ("serve", &["serve", "--listen", &listen][..]),
        ("setup", &["setup"]),
        ("setup --yes", &["setup", "--yes"]),
        ("reconcile", &["reconcile"]),
    ] {
        let run = machine.run(arguments, variables);
        let output = tokio::time::timeout(REFUSED_WITHIN, run).await;
        let output = output.unwrap_or_else(|_| panic!("{command} goes on"));
        assert_eq!(output.status.code(), Some(2), "{command}: {}", text(&output));
        said.push((command, text(&output)));
    }
    said
}

async fn are_refused(machine: &Machine, variables: &[(&str, &str)], named: &[&str]) {
    for (command, said) in refusals(machine, variables).await {
        for part in named {
            assert!(said.contains(part), "{command}: `{part}` is not in: {said}");
        }
    }
    let found = machine.doctor(variables).await;
    let (verdict, seen) = found.of("deployment");
    assert_eq!(verdict, "fail", "{seen}");
    for part in named.iter().filter(|part| !part.contains(".md")) {
        assert!(seen.contains(part), "doctor: `{part}` is not in: {seen}");
    }
}

on_both_databases! {
    async fn another_secret_under_the_same_database_is_refused_by_name(database: &TestStore) {
        let machine = ready_machine(database).await;
        assert_eq!(machine.doctor(&[]).await.of("deployment").0, "ok");
        machine.fund("somebody").await;
        let [ours, theirs] = ["platform", "somebody"].map(|name| wallet(name).account().to_string());
        let other = [("FARMGATE_PLATFORM_SECRET", &*secret("somebody"))];
        are_refused(&machine, &other, &[&ours, &theirs, "stellar.platform"]).await;
        assert_eq!(machine.doctor(&[]).await.of("deployment").0, "ok");
    }

    async fn a_database_of_an_earlier_version_knows_its_platform_by_its_books(database: &TestStore) {
        let machine = ready_machine(database).await;
        database
            .tamper(
                "UPDATE deployment SET network_passphrase = NULL, platform = NULL, first_facts = NULL, \
                 latest_facts = NULL, latest_ledger = NULL",
            )
            .await;
        let other = [("FARMGATE_PLATFORM_SECRET", &*secret("somebody"))];
        let ours = wallet("platform").account().to_string();
        are_refused(&machine, &other, &[&ours, "stellar.platform"]).await;
        assert!(machine.run(&["setup", "--yes"], &[]).await.status.success());
    }

    async fn another_network_under_the_same_database_is_refused_by_name(database: &TestStore) {
        let mut machine = ready_machine(database).await;
        machine.another_sandbox("Another Network ; 2026").await;
        let other = [("FARMGATE_STELLAR__NETWORK_PASSPHRASE", "Another Network ; 2026")];
        let ours = format!("belongs to the network `{}`", farmgate_sandbox::network::PASSPHRASE);
        are_refused(&machine, &other, &[&ours, "Another Network ; 2026", "stellar.network_passphrase"]).await;
    }

    async fn a_network_that_was_reset_is_refused_by_name_and_begun_anew(database: &TestStore) {
        let mut machine = ready_machine(database).await;
        // Closing times are whole seconds: within one, a network that was reset may be one that is behind.
        SystemClock.sleep(CLOSED_LATER).await;
        machine.another_sandbox(farmgate_sandbox::network::PASSPHRASE).await;
        machine.fund("platform").await;
        are_refused(&machine, &[], &["other_network", "it was reset", "docs/operating.md"]).await;
        machine.database = format!("sqlite://{}/anew.db", machine.folder.path().display());
        let anew = machine.run(&["setup", "--yes"], &[]).await;
        assert!(anew.status.success(), "{}", text(&anew));
        assert_eq!(machine.doctor(&[]).await.of("deployment").0, "ok");
    }
}
