//! A log that cannot be written costs the log, and nothing else.

use std::process::Stdio;

use farmgate::domain::address::{AccountId, Address};
use farmgate::domain::money::Stroops;
use farmgate_sandbox::wallet::Memo;
use tokio::process::Child;

use crate::api::{Api, named, wallet};
use crate::children::until;
use crate::doctor::Machine;
use crate::stop::signalled;

/// Requests of one look at how many lines were lost.
const REQUESTS: usize = 100;

/// A service with money around it.
struct World {
    machine: Machine,
    api: Api,
}

impl World {
    async fn new() -> Self {
        let machine = Machine::new(None).await;
        machine.fund("platform").await;
        for name in ["foundation", "farmer", "alice"] {
            machine.fund(name).await;
            machine.trust(name).await;
        }
        let purse = Stroops::from_units(1_000);
        machine.horizon.fund(wallet("alice").account(), named("TFT"), purse).await.unwrap();
        let api = Api::new(&machine.database).await;
        Self { machine, api }
    }

    async fn serve(&self, stderr: impl Into<Stdio>, filter: &str) -> Child {
        let listen = format!("127.0.0.1:{}", self.api.port);
        let mut command =
            self.machine.command(&["serve", "--listen", &listen], &[("FARMGATE_LOG__FILTER", filter)]);
        let child = command.stderr(stderr).spawn().unwrap();
        self.api.is_ready().await;
        child
    }

    /// Loses lines; takes, is paid and settles an order; and ends well when it is told to.
    async fn goes_on_without_its_log(&self, mut service: Child) {
        until("lines are lost and counted", async || {
            for _ in 0..REQUESTS {
                self.api.get("/v1/pools").await.expect("it answers");
            }
            let lost = self.api.metric("farmgate_log_lines_lost_total").await.expect("it answers");
            (lost > 0).then_some(())
        })
        .await;
        self.api.describe_grid(&self.machine.horizon).await;
        let reservation = self.api.reserve().await;
        let amount = reservation["payment_options"][0]["amount"].as_str().unwrap().parse().unwrap();
        let escrow: AccountId = reservation["escrow"]["address"].as_str().unwrap().parse().unwrap();
        let (alice, to) = (wallet("alice"), Address::Account(escrow));
        self.machine.horizon.pay(&alice, to, named("TFT"), amount, &Memo::None).await.unwrap();
        self.api.until_settled(reservation["id"].as_str().unwrap()).await;
        assert_eq!(signalled(&mut service, "-TERM").await.code(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_whose_log_loses_its_reader_goes_on() {
    let world = World::new().await;
    let (reader, stderr) = std::io::pipe().unwrap();
    let service = world.serve(stderr, "info").await;
    assert_eq!(world.api.metric("farmgate_log_lines_lost_total").await, Some(0));
    drop(reader);
    world.goes_on_without_its_log(service).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_whose_log_is_on_a_full_disk_goes_on() {
    let world = World::new().await;
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let service = world.serve(full, "info").await;
    world.goes_on_without_its_log(service).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_whose_log_is_never_read_goes_on() {
    let world = World::new().await;
    let (_unread, stderr) = std::io::pipe().unwrap();
    let service = world.serve(stderr, "trace").await;
    world.goes_on_without_its_log(service).await;
}
