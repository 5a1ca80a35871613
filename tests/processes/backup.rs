//! `farmgate backup`: a copy of a database that a service works on, and what it is good for.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use crate::children::{farmgate, free_port, kill_9, until};
use crate::doctor::Machine;

async fn said(machine: &Machine, arguments: &[&str]) -> String {
    let output = machine.run(arguments, &[]).await;
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {err}");
    String::from_utf8(output.stdout).unwrap()
}

async fn refused(machine: &Machine, arguments: &[&str]) -> String {
    let output = machine.run(arguments, &[]).await;
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// What can be asked of a database at rest.
async fn books(machine: &Machine) -> [String; 3] {
    [
        said(machine, &["keys", "list", "--json"]).await,
        said(machine, &["reconcile", "--json"]).await,
        said(machine, &["dead-letters", "--json"]).await,
    ]
}

fn names(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap();
    names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_made_beside_a_running_service_is_whole_and_can_be_served_from() {
    let mut machine = Machine::new(None).await;
    machine.fund("platform").await;
    let folder = machine.folder.path().to_owned();
    let address = format!("127.0.0.1:{}", free_port());
    let serve = ["serve", "--listen", &address];
    let mut service = machine.command(&serve, &[]).stderr(Stdio::null()).spawn().unwrap();
    until("the database is there, with all its tables", async || {
        machine.run(&["keys", "list"], &[]).await.status.success().then_some(())
    })
    .await;
    // While accounts are opened, and the books written.
    for copy in 0..5 {
        until("a copy is made", async || {
            let output = machine.run(&["backup", &format!("early-{copy}.db")], &[]).await;
            output.status.success().then_some(())
        })
        .await;
    }
    until("all accounts are open", async || {
        let output = machine.run(&["reconcile", "--json"], &[]).await;
        let read: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
        (output.status.success() && read["accounts"].as_u64()? >= 3).then_some(())
    })
    .await;
    said(&machine, &["keys", "create", "before", "--role", "operator"]).await;
    let at_rest = books(&machine).await;
    let told = said(&machine, &["backup", "copy.db"]).await;
    assert!(told.contains("copy.db"), "{told}");
    said(&machine, &["keys", "create", "after", "--role", "operator"]).await;
    kill_9(&mut service).await;

    let copy = folder.join("copy.db");
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let left: Vec<_> = names(&folder).into_iter().filter(|name| name.contains("incomplete")).collect();
    assert!(left.is_empty(), "{left:?}");
    let bytes = std::fs::read(&copy).unwrap();
    let error = refused(&machine, &["backup", "copy.db"]).await;
    assert!(error.contains("copy.db exists"), "{error}");
    assert_eq!(std::fs::read(&copy).unwrap(), bytes, "it was written over");
    let error = refused(&machine, &["backup", "nowhere/copy.db"]).await;
    assert!(error.contains("nowhere/copy.db"), "{error}");

    // Restored: what was there is there, what came later is not.
    let original = books(&machine).await;
    assert!(original[0].contains("after"), "{}", original[0]);
    machine.database = format!("sqlite://{}", copy.display());
    assert_eq!(books(&machine).await, at_rest);
    for early in 0..5 {
        machine.database = format!("sqlite://{}/early-{early}.db", folder.display());
        said(&machine, &["keys", "list"]).await;
    }
    machine.database = format!("sqlite://{}", copy.display());
    let mut restored = machine.command(&serve, &[]).stderr(Stdio::null()).spawn().unwrap();
    let http = crate::children::http_client();
    until("a service on the copy is ready", async || {
        let answer = http.get(format!("http://{address}/readyz")).send().await.ok()?;
        answer.error_for_status().ok().map(drop)
    })
    .await;
    kill_9(&mut restored).await;
}

#[tokio::test]
async fn postgresql_is_backed_up_with_its_own_tools() {
    let folder = tempfile::tempdir().unwrap();
    let database = ["--database", "postgres://me:hunter2@127.0.0.1:1/farmgate"];
    let output =
        farmgate().args(["backup", "copy"]).args(database).current_dir(folder.path()).output().await.unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("pg_dump") && !error.contains("hunter2"), "{error}");
    assert_eq!(names(folder.path()), Vec::<String>::new());
}
