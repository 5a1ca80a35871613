//! API keys by command: of a tenant or of none, and the right to push rates that explorers had before.

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use sqlx::{Connection, SqliteConnection};

use crate::children::{farmgate, free_port};

async fn run(folder: &Path, arguments: &[&str]) -> Output {
    farmgate()
        .args(arguments)
        .current_dir(folder)
        .env("FARMGATE_STELLAR__HORIZON_URL", format!("http://127.0.0.1:{}", free_port()))
        .output()
        .await
        .unwrap()
}

/// What a command that fails says.
async fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments).await;
    assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

async fn json(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_slice(&run(folder, arguments).await.stdout).unwrap()
}

/// What doctor says of keys, if anything.
async fn said_of_keys(folder: &Path) -> Option<Value> {
    let said = json(folder, &["doctor", "--json"]).await;
    said["checks"].as_array().unwrap().iter().find(|line| line["check"] == "keys").cloned()
}

#[tokio::test]
async fn a_key_is_made_for_a_tenant_and_rates_are_taken_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let create = |name, role| ["keys", "create", name, "--role", role];
    for arguments in [
        &[&create("shop", "explorer")[..], &["--tenant", "acme"]].concat()[..],
        &create("old", "explorer"),
        &create("ops", "operator"),
        &create("feed", "rates"),
    ] {
        assert!(run(folder, arguments).await.status.success(), "{arguments:?}");
    }
    let told = refused(folder, &[&create("no", "operator")[..], &["--tenant", "acme"]].concat()).await;
    assert!(told.contains("a key of role operator belongs to no tenant"), "{told}");
    let told = refused(folder, &[&create("no", "node")[..], &["--tenant", "Acme"]].concat()).await;
    assert!(told.contains("a tenant's name is 1 to 32 of a-z, 0-9 and -"), "{told}");
    let keys = json(folder, &["keys", "list", "--json"]).await;
    let mut listed = keys.as_array().unwrap().iter();
    let tenants: Vec<_> = listed.clone().map(|key| (&key["name"], &key["tenant"])).collect();
    let expected = [("shop", Some("acme")), ("old", Some("default")), ("ops", None), ("feed", None)];
    assert_eq!(tenants.len(), expected.len());
    for (name, tenant) in expected {
        assert!(tenants.iter().any(|(one, of)| *one == name && of.as_str() == tenant), "{tenants:?}");
    }
    assert_eq!(said_of_keys(folder).await, None);

    let old = listed.find(|key| key["name"] == "old").unwrap()["id"].as_str().unwrap();
    let file = format!("sqlite://{}", folder.join("farmgate.db").display());
    let mut database = SqliteConnection::connect(&file).await.unwrap();
    sqlx::query("UPDATE api_keys SET pushes_rates = 1 WHERE name = 'old'")
        .execute(&mut database)
        .await
        .unwrap();
    database.close().await.unwrap();
    let said = said_of_keys(folder).await.unwrap();
    assert_eq!(said["verdict"], "warn");
    assert!(said["seen"].as_str().unwrap().contains(&format!("old ({old})")), "{said}");
    assert!(said["advice"].as_str().unwrap().contains("farmgate keys take-rates"), "{said}");
    assert!(run(folder, &["keys", "take-rates", old]).await.status.success());
    assert_eq!(said_of_keys(folder).await, None);
    let told = refused(folder, &["keys", "take-rates", old]).await;
    assert!(told.contains("has no right to push rates beside its role"), "{told}");
    let audit = json(folder, &["audit", "--subject", &format!("api_key:{old}"), "--json"]).await;
    assert!(audit.to_string().contains("api_key.rates_taken"), "{audit}");
}
