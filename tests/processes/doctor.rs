//! `doctor` says what is missing on a new machine, `setup` mends it, and then nothing is.

use std::net::SocketAddr;
use std::process::Output;
use std::sync::Arc;

use farmgate::app::clock::SystemClock;
use farmgate::domain::asset::Asset;
use farmgate::domain::currency::Currency;
use farmgate::domain::farm::Farm;
use farmgate::domain::ids::{FarmId, IdentityId};
use farmgate::domain::money::Stroops;
use farmgate::domain::split::Distribution;
use farmgate::domain::tenant::Tenant;
use farmgate::ports::clock::Clock;
use farmgate::ports::store::{Put, Store, StoreError, transact};
use farmgate_sandbox::wallet::{Horizon, Named, Wallet};
use farmgate_sandbox::{self as sandbox, Sandbox};
use serde_json::Value;

use crate::children::{farmgate, free_port, kill_9, until};
use crate::support::{TestStore, on_both_databases};

const CHANNELS: &str = "2";
const WARM_ACCOUNTS: &str = "3";

pub fn wallet(name: &str) -> Wallet {
    name.parse().unwrap()
}

pub fn secret(name: &str) -> String {
    let key = stellar_strkey::ed25519::PrivateKey(wallet(name).key().to_bytes());
    key.as_unredacted().to_string().as_str().to_owned()
}

/// A machine beside a sandbox network.
pub struct Machine {
    sandbox: sandbox::Handle,
    pub horizon: Horizon,
    pub folder: tempfile::TempDir,
    pub database: String,
}

impl Machine {
    pub async fn new(database: Option<&TestStore>) -> Self {
        let settings = sandbox::Settings { ledger_ms: 200, ..sandbox::Settings::default() };
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let sandbox = Sandbox::start(settings, Arc::new(SystemClock), any).await.unwrap();
        let horizon = Horizon::at(&sandbox.url()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let own = format!("sqlite://{}/farmgate.db", folder.path().display());
        Self { sandbox, horizon, database: database.map_or(own, |database| database.url.clone()), folder }
    }

    /// Another sandbox in place of the one that was there, with this passphrase.
    pub async fn another_sandbox(&mut self, passphrase: &str) {
        let passphrase = passphrase.to_owned();
        let settings = sandbox::Settings { ledger_ms: 200, passphrase, ..sandbox::Settings::default() };
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        self.sandbox = Sandbox::start(settings, Arc::new(SystemClock), any).await.unwrap();
        self.horizon = Horizon::at(&self.sandbox.url()).unwrap();
    }

    pub async fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        self.command(arguments, variables).output().await.unwrap()
    }

    pub fn command(&self, arguments: &[&str], variables: &[(&str, &str)]) -> tokio::process::Command {
        let mut command = farmgate();
        command
            .args(arguments)
            .args(["--database", &self.database])
            .current_dir(self.folder.path())
            .env("FARMGATE_STELLAR__HORIZON_URL", self.sandbox.url())
            .env("FARMGATE_STELLAR__REQUESTS_PER_HOUR_MAX", "0")
            .env("FARMGATE_SETTLEMENT__TICK_MILLIS", "100")
            .env("FARMGATE_SETTLEMENT__RESEND_SECONDS", "1")
            .env("FARMGATE_SETTLEMENT__LEASE_SECONDS", "2")
            .env("FARMGATE_SETTLEMENT__CHANNELS", CHANNELS)
            .env("FARMGATE_SETTLEMENT__WARM_ACCOUNTS", WARM_ACCOUNTS)
            .env("FARMGATE_RESERVATIONS__PAYOUT__FOUNDATION", wallet("foundation").account().to_string())
            .env("FARMGATE_PLATFORM_SECRET", secret("platform"))
            .env("FARMGATE_LOG__FILTER", "error")
            .envs(variables.iter().copied());
        command
    }

    pub async fn doctor(&self, variables: &[(&str, &str)]) -> Diagnosis {
        let output = self.run(&["doctor", "--json"], variables).await;
        let text = String::from_utf8(output.stdout).unwrap();
        let all = format!("{text}{}", String::from_utf8_lossy(&output.stderr));
        let read: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {all}"));
        assert!(!all.contains(&secret("platform")), "a secret was printed");
        assert_eq!(read["ok"].as_bool().unwrap(), output.status.success(), "{all}");
        Diagnosis { well: output.status.success(), checks: read["checks"].as_array().unwrap().clone() }
    }

    async fn setup(&self, arguments: &[&str]) -> (bool, String) {
        let output = self.run(&[&["setup"], arguments].concat(), &[]).await;
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }

    pub async fn fund(&self, name: &str) {
        let native = Named::Asset(Asset::Native);
        self.horizon.fund(wallet(name).account(), native, Stroops::ZERO).await.unwrap();
    }

    pub async fn trust(&self, name: &str) -> Asset {
        let tft: Named = "TFT".parse().unwrap();
        self.horizon.trust(&wallet(name), tft).await.unwrap();
        self.horizon.asset(tft).await.unwrap()
    }
}

pub struct Diagnosis {
    well: bool,
    checks: Vec<Value>,
}

impl Diagnosis {
    /// The first line of this check.
    pub fn of(&self, check: &str) -> (&str, &str) {
        let line = self.checks.iter().find(|line| line["check"] == check);
        let line = line.unwrap_or_else(|| panic!("no line on {check}: {:#?}", self.checks));
        let advised = line["advice"].is_string();
        assert_eq!(advised, line["verdict"] != "ok", "what is not in order says what to do: {line}");
        (line["verdict"].as_str().unwrap(), line["seen"].as_str().unwrap())
    }

    fn not_ok(&self) -> Vec<&str> {
        let others = self.checks.iter().filter(|line| line["verdict"] != "ok");
        others.map(|line| line["check"].as_str().unwrap()).collect()
    }
}

async fn describe_grid(store: &Arc<dyn Store>, tft: Asset) {
    let currency = Currency {
        code: "TFT".parse().unwrap(),
        asset: tft,
        usd_rate: "0.05".parse().unwrap(),
        rate_at: SystemClock.now(),
        rate_valid_seconds: 86_400,
        distribution: None,
        free_only: false,
    };
    let farm = Farm {
        tenant: Tenant::default(),
        id: FarmId::new(1).unwrap(),
        name: "North".to_owned(),
        owner: IdentityId::new(1).unwrap(),
        payout_addresses: [(tft, wallet("farmer").account())].into(),
        distribution: Distribution::known("grid2").unwrap(),
    };
    let put: Result<(), StoreError> = transact(store, move |tx| {
        let (currency, farm) = (currency.clone(), farm.clone());
        Box::pin(async move {
            assert_eq!(tx.put_currency(&currency, None).await?, Put::Created);
            assert_eq!(tx.put_farm(&farm).await?, Put::Created);
            Ok(())
        })
    })
    .await;
    put.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_new_machine_every_missing_thing_is_named_and_nothing_is_made() {
    let machine = Machine::new(None).await;
    let found = machine.doctor(&[("FARMGATE_PLATFORM_SECRET", "")]).await;
    assert!(!found.well);
    assert_eq!(found.of("secret").0, "fail");
    assert_eq!(found.of("database").0, "fail");
    for fine in ["configuration", "horizon", "passphrase", "history", "protocol", "clock"] {
        assert_eq!(found.of(fine).0, "ok", "{fine}");
    }
    let found = machine.doctor(&[("FARMGATE_PLATFORM_SECRET", "SNOTASECRET")]).await;
    assert!(found.of("secret").0 == "fail" && !found.of("secret").1.contains("SNOTASECRET"));
    let found = machine.doctor(&[]).await;
    assert_eq!(found.not_ok(), ["database", "platform-account"]);
    assert!(found.of("platform-account").1.contains(&wallet("platform").account().to_string()));
    assert_eq!(std::fs::read_dir(machine.folder.path()).unwrap().count(), 0, "doctor made a file");
    let people = machine.run(&["doctor"], &[]).await;
    let text = String::from_utf8(people.stdout).unwrap();
    assert!(text.contains("FAIL  database") && text.contains("→ "), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn setup_shows_its_plan_and_does_nothing_until_told() {
    let machine = Machine::new(None).await;
    let (well, said) = machine.setup(&["--yes"]).await;
    assert!(!well && said.contains("create the platform account"), "{said}");
    machine.fund("platform").await;
    let (well, said) = machine.setup(&[]).await;
    assert!(well && said.contains("open 2, which takes 23 XLM"), "{said}");
    assert!(said.contains("setup --yes"), "{said}");
    assert_eq!(std::fs::read_dir(machine.folder.path()).unwrap().count(), 0, "setup made a file");
    let (well, said) = machine.setup(&["--yes"]).await;
    assert!(well && said.contains("2 channels and 0 escrow accounts are ready"), "{said}");
    let (well, said) = machine.setup(&["--yes"]).await;
    assert!(well && said.contains("nothing to do"), "{said}");
    assert!(said.contains("PUT /v1/currencies"), "escrow accounts wait for a currency: {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn setup_does_not_promise_a_database_where_none_can_be_made() {
    let mut machine = Machine::new(None).await;
    machine.fund("platform").await;
    machine.database = "sqlite:///proc/farmgate.db".to_owned();
    for arguments in [&[][..], &["--yes"]] {
        let (well, said) = machine.setup(arguments).await;
        assert_eq!(well, arguments.is_empty(), "{said}");
        assert!(said.contains("/proc cannot be written") && !said.contains("--yes` does it"), "{said}");
    }
}

/// True if the tests' PostgreSQL server does not ask for its commits to be written to the disk.
async fn loses_commits(database: &TestStore) -> bool {
    if database.is_sqlite() {
        return false;
    }
    let sql =
        "SELECT name::text FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off'";
    !database.raw().await.texts(sql).await.is_empty()
}

on_both_databases! {
    async fn after_setup_everything_is_in_order(database: &TestStore) {
        let machine = Machine::new(Some(database)).await;
        for name in ["platform", "foundation", "farmer"] {
            machine.fund(name).await;
        }
        let tft = machine.trust("foundation").await;
        describe_grid(&database.store, tft).await;

        let found = machine.doctor(&[]).await;
        assert_eq!(found.of("channels").0, "fail");
        assert_eq!(found.of("warm-accounts").0, "fail");
        let (well, said) = machine.setup(&["--yes"]).await;
        assert!(well && said.contains("2 channels and 3 escrow accounts are ready"), "{said}");
        let (well, said) = machine.setup(&["--yes"]).await;
        assert!(well && said.contains("nothing to do"), "{said}");

        let found = machine.doctor(&[]).await;
        // The tests' own server may be one that loses commits for the sake of speed, and is told of.
        let unsafe_server = loses_commits(database).await;
        assert_eq!(found.well, !unsafe_server, "{:?}", found.checks);
        let but_for_commits =
            |found: &Diagnosis| found.not_ok().into_iter().filter(|check| *check != "commits").count();
        assert_eq!(found.of("commits").0, if unsafe_server { "fail" } else { "ok" });
        assert_eq!(but_for_commits(&found), 2, "{:?}", found.checks);
        assert_eq!(found.of("engine").0, "warn");
        let (verdict, seen) = found.of("payout");
        assert_eq!(verdict, "warn");
        let (farmer, asset) = (wallet("farmer").account().to_string(), tft.to_string());
        assert!(["farm 1 (North)", &farmer, &asset].iter().all(|part| seen.contains(part)), "{seen}");
        let found = machine.doctor(&[("FARMGATE_RESERVATIONS__PAYOUT__FOUNDATION", &farmer)]).await;
        let why = "the foundation must be able to take every settlement's share";
        assert_eq!(found.of("payout").0, "fail", "{why}");

        machine.trust("farmer").await;
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let mut serve = machine.command(&["serve", "--listen", &listen], &[]).spawn().unwrap();
        until("nothing is left to see to", async || {
            let found = machine.doctor(&[]).await;
            (but_for_commits(&found) == 0).then_some(())
        })
        .await;
        kill_9(&mut serve).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_network_is_told_from_ours() {
    let machine = Machine::new(None).await;
    machine.fund("platform").await;
    let public = "Public Global Stellar Network ; September 2015";
    let found = machine.doctor(&[("FARMGATE_STELLAR__NETWORK_PASSPHRASE", public)]).await;
    assert!(!found.well);
    let (verdict, seen) = found.of("passphrase");
    assert!(verdict == "fail" && seen.contains(public), "{seen}");
    assert!(!found.checks.iter().any(|line| line["check"] == "platform-account"), "of another network");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_horizon_that_is_away_is_a_line_and_the_books_are_still_looked_at() {
    let machine = Machine::new(None).await;
    machine.fund("platform").await;
    assert!(machine.setup(&["--yes"]).await.0);
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let found = machine.doctor(&[("FARMGATE_STELLAR__HORIZON_URL", &nobody)]).await;
    assert!(!found.well);
    let (verdict, seen) = found.of("horizon");
    assert!(verdict == "fail" && seen.contains("unavailable"), "{seen}");
    assert_eq!(found.of("database").0, "ok");
    assert_eq!(found.of("request-budget").0, "ok");
}
