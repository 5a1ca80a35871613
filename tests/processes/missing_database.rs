//! In a folder without a database: what only reads says so, says where it looked, and makes none.

use std::path::Path;
use std::process::Output;

use farmgate_sandbox::wallet::Wallet;
use serde_json::Value;

use crate::children::{farmgate, free_port};

const SECRET: &str = "SDHOAMBNLGCE2MV5ZKIVZAQD3VCLGP53P3OBSBI6UN5L5XZI5TKHFQL4";

async fn run(folder: &Path, arguments: &[&str]) -> Output {
    farmgate()
        .args(arguments)
        .current_dir(folder)
        .env("FARMGATE_PLATFORM_SECRET", SECRET)
        .env("FARMGATE_STELLAR__HORIZON_URL", format!("http://127.0.0.1:{}", free_port()))
        .output()
        .await
        .unwrap()
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[tokio::test]
async fn a_command_that_wants_a_database_says_where_it_looked_and_makes_none() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let account = &*"someone".parse::<Wallet>().unwrap().account().to_string();
    for arguments in [
        &["resolve"][..],
        &["resolve", "1", "--settle"],
        &["dead-letters"],
        &["dead-letters", "--check", "--json"],
        &["dead-letters", "dismiss", "held_reservation:5", "--note", "seen"],
        &["keys", "list"],
        &["keys", "list", "--json"],
        &["keys", "revoke", "1"],
        &["keys", "take-rates", "1"],
        &["reconcile"],
        &["return", "1-1", "--to", account],
        &["unseal", "--export", account],
        &["backup", "copy.db"],
    ] {
        let output = run(&folder, arguments).await;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {out}{err}");
        assert!(out.is_empty(), "{arguments:?}: {out}");
        let looked = folder.join("farmgate.db").display().to_string();
        for part in
            [&*looked, "there is no database", "`farmgate serve`", "--database", "FARMGATE_DATABASE__URL"]
        {
            assert!(err.contains(part), "{arguments:?}: `{part}` is not in: {err}");
        }
        assert_eq!(files(&folder), 0, "{arguments:?} made a file");
    }
}

#[tokio::test]
async fn an_empty_file_is_no_database_and_stays_empty() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("empty.db");
    std::fs::write(&file, "").unwrap();
    let output = run(folder.path(), &["resolve", "--database", "sqlite://empty.db"]).await;
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && err.contains("has no tables of Farmgate's"), "{err}");
    assert_eq!((files(folder.path()), std::fs::metadata(&file).unwrap().len()), (1, 0));
}

#[tokio::test]
async fn the_first_key_makes_the_database_and_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let create = ["keys", "create", "first", "--role", "operator"];
    let output = run(&folder, &create).await;
    let err = String::from_utf8_lossy(&output.stderr);
    let file = folder.join("farmgate.db");
    assert!(output.status.success() && file.exists(), "{err}");
    assert!(err.contains(&format!("The database {} is new", file.display())), "{err}");
    let listed = run(&folder, &["keys", "list"]).await;
    assert!(listed.status.success() && String::from_utf8_lossy(&listed.stdout).contains("first"));
    let second = run(&folder, &["keys", "create", "second", "--role", "auditor"]).await;
    assert!(!String::from_utf8_lossy(&second.stderr).contains("is new"));
}

#[tokio::test]
async fn doctor_names_what_is_in_the_way_rather_than_what_cannot_help() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let advice = async |database: &str, check: &str| {
        let output = run(&folder, &["doctor", "--json", "--database", database]).await;
        let read: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(!output.status.success());
        let mut lines = read["checks"].as_array().unwrap().iter();
        let line = lines.find(|line| line["check"] == check).unwrap();
        assert_eq!(line["verdict"], "fail", "{line}");
        (line["seen"].as_str().unwrap().to_owned(), line["advice"].as_str().unwrap().to_owned())
    };
    let (seen, possible) = advice("sqlite://farmgate.db", "database").await;
    assert!(seen.contains(&folder.join("farmgate.db").display().to_string()), "{seen}");
    assert!(possible.contains("`farmgate setup --yes`") && possible.contains("--database"), "{possible}");
    // Nobody can make a file there, not even root.
    for impossible in ["sqlite:///proc/farmgate.db", "sqlite:///nonexistent/farmgate.db"] {
        let (_, advice) = advice(impossible, "database").await;
        assert!(advice.contains("cannot be written") && !advice.contains("setup --yes"), "{advice}");
    }
    let (_, horizon) = advice("sqlite://farmgate.db", "horizon").await;
    assert!(horizon.contains("`farmgate sandbox`") && horizon.contains("stellar.horizon_url"), "{horizon}");
    assert_eq!(files(&folder), 0, "doctor made a file");
}

#[tokio::test]
async fn without_a_sandbox_it_is_said_how_to_start_one() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://127.0.0.1:{}", free_port());
    for (arguments, named) in [
        (&["setup"][..], "stellar.horizon_url"),
        (&["setup", "--yes"], "stellar.horizon_url"),
        (&["sandbox", "fund", "alice", "--sandbox", &url], "--sandbox"),
    ] {
        let output = run(folder.path(), arguments).await;
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {err}");
        assert!(err.contains("start `farmgate sandbox`") && err.contains(named), "{arguments:?}: {err}");
    }
    assert_eq!(files(folder.path()), 0, "a file was made");
}
