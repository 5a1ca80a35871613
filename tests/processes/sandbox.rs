//! The sandbox as a program: it says where it listens, keeps its network in a file, and misbehaves when told
//! to.

use std::path::Path;
use std::process::Stdio;

use farmgate::domain::money::Stroops;
use farmgate_sandbox::wallet::{Horizon, Named, Wallet};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use crate::children::{farmgate, http_client, kill_9};

struct Network {
    child: Child,
    url: String,
}

impl Network {
    async fn start(flags: &[&str]) -> Self {
        let mut child = farmgate()
            .args(["sandbox", "--listen", "127.0.0.1:0", "--ledger-ms", "20"])
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = lines.next_line().await.unwrap().expect("it says where it listens");
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        Self { child, url }
    }

    async fn kept_in(state: &Path) -> Self {
        Self::start(&["--state", state.to_str().unwrap()]).await
    }

    fn wallets(&self) -> Horizon {
        Horizon::at(&self.url).unwrap()
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        http_client().get(format!("{}{path}", self.url)).send().await.unwrap()
    }
}

async fn refused(flags: &[&str]) -> String {
    let output = farmgate().args(["sandbox", "--listen", "127.0.0.1:0"]).args(flags).output().await.unwrap();
    assert!(!output.status.success(), "{flags:?} was accepted");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn a_network_in_a_file_outlives_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("network");
    let alice: Wallet = "alice".parse().unwrap();
    let tft: Named = "TFT".parse().unwrap();

    let mut first = Network::kept_in(&state).await;
    let wallets = first.wallets();
    let xlm = "native".parse().unwrap();
    wallets.fund(alice.account(), xlm, Stroops::from_units(10_000)).await.unwrap();
    let trusted = wallets.trust(&alice, tft).await.unwrap();
    kill_9(&mut first.child).await;

    let second = Network::kept_in(&state).await;
    let found = second.get(&format!("/transactions/{}", trusted.hash)).await;
    let found: serde_json::Value = found.error_for_status().unwrap().json().await.unwrap();
    assert_eq!(found["ledger"], serde_json::json!(trusted.ledger));
    let tft: Named = "TFT".parse().unwrap();
    let amount = Stroops::from_units(5);
    let after = second.wallets().fund(alice.account(), tft, amount).await.unwrap();
    assert!(after.receipt().ledger > trusted.ledger, "it goes on where it was");
    let account: serde_json::Value =
        second.get(&format!("/accounts/{}", alice.account())).await.json().await.unwrap();
    assert_eq!(account["balances"][0]["balance"], "5.0000000");

    let in_use = refused(&["--state", state.to_str().unwrap()]).await;
    assert!(in_use.contains("in use"), "{in_use}");
}

#[tokio::test]
async fn a_file_of_another_network_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("network");
    let mut first = Network::kept_in(&state).await;
    kill_9(&mut first.child).await;
    let before = std::fs::read(&state).unwrap();
    let error = refused(&["--seed", "2", "--state", state.to_str().unwrap()]).await;
    assert!(error.contains("another network"), "{error}");
    assert_eq!(std::fs::read(&state).unwrap(), before);
}

#[tokio::test]
async fn faults_named_on_the_command_line_are_in_force_from_the_start() {
    let flags = ["--fault", "rate_limited=1000", "--retry-after-seconds", "7", "--fault", "timeout_lost=5"];
    let network = Network::start(&flags).await;
    let limited = network.get("/fee_stats").await;
    assert_eq!(
        (limited.status(), limited.headers()["Retry-After"].as_bytes()),
        (429.try_into().unwrap(), &b"7"[..])
    );
    let faults: serde_json::Value = network.get("/sandbox/faults").await.json().await.unwrap();
    assert_eq!(faults["per_mille"], serde_json::json!({ "rate_limited": 1000, "timeout_lost": 5 }));
}

#[tokio::test]
async fn a_bad_fault_is_refused_with_its_flag() {
    let error = refused(&["--fault", "timeout=5"]).await;
    assert!(error.contains("--fault") && error.contains("timeout_lands"), "{error}");
}

/// What a wallet command prints.
async fn wallet(network: &Network, words: &[&str]) -> String {
    let output =
        farmgate().arg("sandbox").args(words).args(["--sandbox", &network.url]).output().await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn wallets_are_funded_twice_paid_by_name_and_tell_what_they_hold() {
    let network = Network::start(&[]).await;
    for who in ["alice", "farmer"] {
        let first = wallet(&network, &["fund", who]).await;
        assert!(first.starts_with("transaction "), "{first}");
        wallet(&network, &["trust", who, "TFT"]).await;
    }
    let again = wallet(&network, &["fund", "alice"]).await;
    assert!(again.starts_with("the account exists already, and got 10000 XLM more\ntransaction "), "{again}");
    wallet(&network, &["fund", "alice", "100", "TFT"]).await;
    wallet(&network, &["pay", "alice", "farmer", "60.5", "TFT"]).await;
    assert_eq!(wallet(&network, &["balance", "alice"]).await, "19999.99998 XLM\n39.5 TFT\n");
    assert_eq!(wallet(&network, &["balance", "farmer"]).await, "9999.99999 XLM\n60.5 TFT\n");
    let output =
        farmgate().args(["sandbox", "balance", "nobody", "--sandbox", &network.url]).output().await.unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("does not exist yet"), "{error}");
}
