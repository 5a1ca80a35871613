//! The programs that take part: a sandbox network, and services on one database that are killed, frozen and
//! started again.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use farmgate_sandbox::wallet::Wallet;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::children::{farmgate, http_client, kill_9, signal, until};

/// After so long without a renewal another process leads.
pub const LEASE_SECONDS: u32 = 2;
/// How long customers have to pay.
pub const PAYMENT_WINDOW_SECONDS: u32 = 15;
/// Lines of a log that are shown when something is wrong.
const LOG_LINES_SHOWN: usize = 25;

const LEDGER_MILLIS: &str = "200";
const LAG_LEDGERS: &str = "3";
/// What goes wrong on the network, in thousandths of its occasions.
const FAULTS: [(&str, u32); 9] = [
    ("timeout_lands", 250),
    ("timeout_lost", 100),
    ("reset_before", 10),
    ("reset_after", 200),
    ("dropped_transaction", 50),
    ("lagging_history", 20),
    ("second_instance", 20),
    ("stale_history", 10),
    ("truncated_body", 10),
];

/// A client that does not wait for a process that stands still.
pub fn client() -> reqwest::Client {
    drop(http_client());
    let builder = reqwest::Client::builder().no_proxy().tls_certs_only([]);
    builder.timeout(Duration::from_secs(5)).build().unwrap()
}

/// The network.
pub struct Network {
    _child: Child,
    pub url: String,
}

impl Network {
    pub async fn start(seed: u64) -> Self {
        let mut child = farmgate()
            .args([
                "sandbox",
                "--listen",
                "127.0.0.1:0",
                "--ledger-ms",
                LEDGER_MILLIS,
                "--seed",
                &seed.to_string(),
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = lines.next_line().await.unwrap().expect("it says where it listens");
        Self { _child: child, url }
    }

    fn faults(&self) -> String {
        format!("{}/sandbox/faults", self.url)
    }

    pub async fn begin_faults(&self, http: &reqwest::Client) {
        let rates: serde_json::Map<_, _> =
            FAULTS.iter().map(|(kind, rate)| ((*kind).to_owned(), (*rate).into())).collect();
        let lag: u32 = LAG_LEDGERS.parse().unwrap();
        let body = serde_json::json!({ "per_mille": rates, "parameters": { "lag_ledgers": lag } });
        let answer = http.post(self.faults()).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// Ends all faults; how often each was injected.
    pub async fn end_faults(&self, http: &reqwest::Client) -> Value {
        let counts: Value = http.get(self.faults()).send().await.unwrap().json().await.unwrap();
        assert!(http.delete(self.faults()).send().await.unwrap().status().is_success());
        counts["injected"].clone()
    }
}

/// What every process of the service is started with.
pub struct Machine {
    pub database: String,
    pub horizon: String,
    pub platform: Wallet,
    pub foundation: Wallet,
}

impl Machine {
    pub fn command(&self, arguments: &[&str]) -> Command {
        let secret = stellar_strkey::ed25519::PrivateKey(self.platform.key().to_bytes());
        let mut command = farmgate();
        command
            .args(arguments)
            .args(["--database", &self.database])
            .env("FARMGATE_PLATFORM_SECRET", secret.as_unredacted().to_string().as_str())
            .env("FARMGATE_STELLAR__HORIZON_URL", &self.horizon)
            .env("FARMGATE_STELLAR__REQUESTS_PER_HOUR_MAX", "0")
            .env("FARMGATE_STELLAR__ANSWER_SECONDS_MAX", "5")
            .env("FARMGATE_STELLAR__SUBMIT_SECONDS_MAX", "5")
            .env("FARMGATE_DATABASE__ACQUIRE_TIMEOUT_SECONDS", "2")
            .env("FARMGATE_DATABASE__LOCK_TIMEOUT_SECONDS", "2")
            .env("FARMGATE_RESERVATIONS__PAYOUT__FOUNDATION", self.foundation.account().to_string())
            .env("FARMGATE_RESERVATIONS__PAYMENT_WINDOW_SECONDS", PAYMENT_WINDOW_SECONDS.to_string())
            .env("FARMGATE_RESERVATIONS__ESCROW_WAIT_SECONDS", "3")
            .env("FARMGATE_SETTLEMENT__TICK_MILLIS", "100")
            .env("FARMGATE_SETTLEMENT__RESEND_SECONDS", "1")
            .env("FARMGATE_SETTLEMENT__LEASE_SECONDS", LEASE_SECONDS.to_string())
            .env("FARMGATE_SETTLEMENT__WARM_ACCOUNTS", "4")
            .env("FARMGATE_SETTLEMENT__QUIET_PERIOD_SECONDS", "3")
            .env("FARMGATE_LOG__FILTER", "farmgate=info,farmgate::http=warn")
            .env("NO_COLOR", "1")
            .kill_on_drop(true);
        command
    }

    /// Runs a command that ends by itself; what it printed.
    pub async fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.command(arguments).output().await.unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() { Ok(text) } else { Err(text + &String::from_utf8_lossy(&output.stderr)) }
    }
}

/// One process of the service, over all its lives.
pub struct Service {
    pub port: u16,
    log: PathBuf,
    child: Option<Child>,
}

impl Service {
    pub fn new(port: u16, folder: &Path) -> Self {
        Self { port, log: folder.join(format!("serve-{port}.log")), child: None }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn start(&mut self, machine: &Machine) {
        let log = std::fs::File::options().create(true).append(true).open(&self.log).unwrap();
        let listen = format!("127.0.0.1:{}", self.port);
        let mut command = machine.command(&["serve", "--listen", &listen]);
        self.child = Some(command.stderr(Stdio::from(log)).spawn().unwrap());
    }

    /// Starts it, again and again if it ends because the database is away, until it answers.
    pub async fn is_up(&mut self, machine: &Machine, http: &reqwest::Client) {
        until("the service answers", async || {
            if self.child.as_mut().is_none_or(|child| child.try_wait().unwrap().is_some()) {
                self.start(machine);
            }
            let answer = http.get(self.url("/healthz")).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    pub async fn kill_9(&mut self) {
        if let Some(mut child) = self.child.take() {
            kill_9(&mut child).await;
        }
    }

    /// Sends `-STOP` or `-CONT`.
    pub fn signal(&self, name: &str) {
        let id = self.child.as_ref().and_then(Child::id);
        signal(name, &[id.expect("the service runs")]);
    }

    /// Whether it says that it has the lease; `None` if it does not answer, or not about the database.
    pub async fn leads(&self, http: &reqwest::Client) -> Option<bool> {
        self.child.as_ref()?;
        let text = http.get(self.url("/metrics")).send().await.ok()?.text().await.ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("farmgate_engine_leads "))?;
        Some(line.trim() == "1")
    }

    /// How often its log says this.
    pub fn said(&self, what: &str) -> usize {
        std::fs::read_to_string(&self.log).unwrap_or_default().matches(what).count()
    }

    /// The last of its log that is not about requests.
    pub fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let shown = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
        format!("the service on port {}:\n{}\n", self.port, shown.join("\n"))
    }
}
