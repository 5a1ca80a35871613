//! SIGTERM and SIGINT: the step in hand is finished, the lease given back, and the exit code is 0.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use farmgate::app::clock::SystemClock;
use farmgate::domain::escrow::ChannelRole;
use farmgate::ports::clock::Clock;
use tokio::process::{Child, Command};

use crate::children::{free_port, until};
use crate::doctor::Machine;
use crate::support::{TestStore, on_both_databases};

/// By then a process that was asked to stop has ended, one way or the other.
const STOPPED_WITHIN: Duration = Duration::from_secs(45);

async fn machine(database: &TestStore) -> Machine {
    let machine = Machine::new(Some(database)).await;
    machine.fund("platform").await;
    machine
}

/// The service, and where its log is.
fn serves(machine: &Machine, name: &str) -> (Child, std::path::PathBuf) {
    let path = machine.folder.path().join(name);
    let listen = format!("127.0.0.1:{}", free_port());
    let child = machine
        .command(&["serve", "--listen", &listen], &[("FARMGATE_LOG__FILTER", "info")])
        .env_remove("NO_COLOR")
        .stderr(Stdio::from(std::fs::File::create(&path).unwrap()))
        .spawn()
        .unwrap();
    (child, path)
}

pub async fn signalled(child: &mut Child, signal: &str) -> ExitStatus {
    let id = child.id().unwrap().to_string();
    assert!(
        Command::new("sh").args(["-c", "kill \"$@\"", "kill", signal, &id]).status().await.unwrap().success()
    );
    tokio::time::timeout(STOPPED_WITHIN, child.wait()).await.expect("it does not stop").unwrap()
}

/// Waits until the engine is at work: it has stored the first channel that it opens, and may be about to send
/// that, to look it up, or to open the next accounts.
async fn at_work(database: &TestStore) {
    until("the engine opens channels", async || {
        let mut tx = database.store.begin_read().await.unwrap();
        let channels = tx.channels().await.unwrap().all().unwrap();
        channels.iter().any(|channel| channel.role == ChannelRole::Channel).then_some(())
    })
    .await;
}

async fn lease_is_free(database: &TestStore) -> bool {
    let lease = database.store.begin_read().await.unwrap().lease().await.unwrap();
    lease.holder.is_none() && lease.token > 0
}

on_both_databases! {
    async fn a_service_that_is_told_to_stop_at_work_gives_the_lease_back_and_ends_well(database: &TestStore) {
        let machine = machine(database).await;
        let (mut first, log) = serves(&machine, "first.log");
        at_work(database).await;
        let status = signalled(&mut first, "-TERM").await;
        let said = std::fs::read_to_string(&log).unwrap();
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(lease_is_free(database).await, "{said}");
        assert!(said.contains("engine starts") && said.contains("lease_from=\"nobody\""), "{said}");
        assert!(said.contains("lease is released"), "{said}");
        assert!(!said.contains('\x1b'), "a log in a file has colour codes: {said:?}");

        // The next one leads at once, says what it found, and goes on with it.
        let (mut second, log) = serves(&machine, "second.log");
        until("it leads, and all accounts are open", async || {
            let mut tx = database.store.begin_read().await.unwrap();
            tx.lease().await.unwrap().holder?;
            let channels = tx.channels().await.unwrap().all().unwrap();
            let open = channels.iter().filter(|one| one.opening.is_none()).count() > 1;
            let idle = tx.live_submissions().await.unwrap().is_empty();
            (open && idle).then_some(())
        })
        .await;
        let status = signalled(&mut second, "-INT").await;
        let said = std::fs::read_to_string(&log).unwrap();
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(lease_is_free(database).await, "{said}");
        let found = ["schema=", "live_transactions=", "reservations=", "pending_transfers="];
        for found in found.into_iter().chain(["warm_accounts="]) {
            assert!(said.contains(found), "{found} is not in {said}");
        }
    }

    async fn setup_waits_while_somebody_has_the_lease_and_takes_it_when_it_runs_out(database: &TestStore) {
        let machine = machine(database).await;
        let mut tx = database.store.begin().await.unwrap();
        let free = tx.lease().await.unwrap();
        assert!(tx.take_lease(&free, "serve-gone", SystemClock.now()).await.unwrap().is_some());
        tx.commit().await.unwrap();
        let output = machine.run(&["setup", "--yes"], &[]).await;
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{said}");
        assert!(said.contains("serve-gone has the engine's lease"), "{said}");
        let lease = database.store.begin_read().await.unwrap().lease().await.unwrap();
        assert_eq!((lease.holder, lease.token), (None, 3), "{said}");
    }

    async fn of_two_services_one_leads_and_both_are_ready(database: &TestStore) {
        let machine = machine(database).await;
        let ports = [free_port(), free_port()];
        let mut children = Vec::new();
        for port in ports {
            let listen = format!("127.0.0.1:{port}");
            children.push(machine.command(&["serve", "--listen", &listen], &[]).spawn().unwrap());
        }
        let http = crate::children::http_client();
        let leads = async |port: u16| {
            let answer = http.get(format!("http://127.0.0.1:{port}/readyz")).send().await.ok()?;
            let body: serde_json::Value = answer.error_for_status().ok()?.json().await.ok()?;
            body["leads"].as_bool()
        };
        let leader = until("both are ready and one leads", async || {
            match (leads(ports[0]).await?, leads(ports[1]).await?) {
                (true, false) => Some(0),
                (false, true) => Some(1),
                _ => None,
            }
        })
        .await;
        assert_eq!(signalled(&mut children[leader], "-TERM").await.code(), Some(0));
        until("the other leads", async || leads(ports[1 - leader]).await?.then_some(())).await;
        assert_eq!(signalled(&mut children[1 - leader], "-TERM").await.code(), Some(0));
    }
}
