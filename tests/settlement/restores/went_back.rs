//! A database that goes back under a running engine: a standby is promoted that does not have the last commits.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use farmgate::domain::money::Stroops;
use farmgate::domain::reservation::Reservation;
use farmgate::ports::clock::Clock;
use farmgate::ports::store::{EngineStatus, ServerIdentity};
use farmgate::settlement::{Candidate, EngineError};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::copy::Backup;
use crate::support::{TestStore, on_both_databases};
use crate::world::faulty_network::faulty;
use crate::world::gate::Gate;
use crate::world::{FARMER, PAST_MAX_TIME_SECONDS, World, amount, engine_settings, farmers_share, price};

/// Looks at the database after which a story has gone wrong.
const WAITS_MAX: usize = 2_000;
/// Look-ups that find nothing: until the story says otherwise.
const ALWAYS: usize = usize::MAX;
/// What lives on where a standby had the newest renewal of the lease, and not what came after it.
const THE_LEASE: &[&str] = &["engine_lease", "engine_status"];

/// A candidate that runs until it is told to stop.
struct Running {
    stop: Arc<Notify>,
    task: JoinHandle<Result<(), EngineError>>,
}

impl Running {
    fn of(candidate: Candidate) -> Self {
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move { candidate.run(stopped.notified()).await });
        Self { stop, task }
    }

    async fn ends(self) {
        self.stop.notify_one();
        self.task.await.unwrap().unwrap();
    }
}

async fn status(world: &World) -> Option<EngineStatus> {
    world.store.begin_read().await.unwrap().engine_status().await.unwrap()
}

/// Waits while a candidate runs the engine.
async fn until(world: &World, what: &str, reached: impl AsyncFn() -> bool) {
    for _ in 0..WAITS_MAX {
        if reached().await {
            return;
        }
        world.clock.sleep(Duration::from_millis(5)).await;
    }
    panic!("not reached: {what}; the engine says {:?}", status(world).await);
}

async fn until_settled(world: &World, reservation: &Reservation) {
    until(world, "settled", async || world.state(reservation.id).await == "settled").await;
}

async fn until_it_pauses(world: &World) {
    let pauses = async || status(world).await.is_some_and(|status| status.builds_nothing_before.is_some());
    until(world, "a pause", pauses).await;
}

/// Three times its price is paid for a reservation; the settlement is built, stored, sent, and in the ledger, but
/// nobody was told; and the database goes back to before it was stored, all but some tables.
async fn goes_back_under_the_engine(store: &TestStore, kept: &[&str]) {
    let (world, faults) = faulty(store.store.clone()).await;
    world.customer("alice").await;
    let reservation = world.reserve().await;
    world.rest().await;
    let running = Running::of(world.candidate("one"));
    let built = Gate::closed();
    *faults.build_gate.lock().unwrap() = Some(Arc::clone(&built));
    faults.blind.store(ALWAYS, Ordering::SeqCst);
    let much = Stroops::new(price(&reservation).get() * 3).unwrap();
    world.pay("alice", reservation.escrow, much, "TFT").await;
    built.reached().await;
    let backup = Backup::take(store).await;
    faults.land_unseen.store(1, Ordering::SeqCst);
    built.open();
    until(&world, "paid once", async || world.holds(FARMER, "TFT") == farmers_share(&reservation)).await;
    backup.restore_but(store, kept).await;
    faults.blind.store(0, Ordering::SeqCst);
    until_it_pauses(&world).await;
    assert_eq!(
        world.holds(FARMER, "TFT"),
        farmers_share(&reservation),
        "nothing is built on an old database"
    );
    world.clock.move_on(PAST_MAX_TIME_SECONDS);
    until_settled(&world, &reservation).await;
    let rest = amount("10000").checked_sub(price(&reservation)).unwrap();
    until(&world, "the excess is back", async || world.holds("alice", "TFT") == rest).await;
    until(&world, "no pause", async || {
        status(&world).await.is_some_and(|status| status.builds_nothing_before.is_none())
    })
    .await;
    running.ends().await;
    assert_eq!(world.holds(FARMER, "TFT"), farmers_share(&reservation), "paid once");
    world.assert_reconciled().await;
}

on_both_databases! {
    async fn a_lost_envelope_is_noticed_though_the_newest_renewal_is_there(store: &TestStore) {
        goes_back_under_the_engine(store, THE_LEASE).await;
    }

    async fn a_database_that_goes_back_with_its_lease_pays_nothing_twice(store: &TestStore) {
        goes_back_under_the_engine(store, &[]).await;
    }

    async fn another_server_than_the_last_engines_is_looked_at_before_anything_is_built(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        let one = Running::of(world.candidate("one"));
        until(&world, "a report", async || status(&world).await.is_some()).await;
        one.ends().await;
        let mut last = status(&world).await.unwrap();
        let here = last.server.clone();
        assert_eq!(here.is_none(), store.is_sqlite());
        last.server = Some(ServerIdentity { system: "1".to_owned(), timeline: Some("00000001".to_owned()) });
        world.write(move |tx| {
            let last = last.clone();
            Box::pin(async move { tx.report(&last).await })
        })
        .await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        let running = Running::of(world.candidate("two"));
        if !store.is_sqlite() {
            until_it_pauses(&world).await;
            assert_eq!(status(&world).await.unwrap().server, here);
            assert_eq!(world.holds(FARMER, "TFT"), Stroops::ZERO);
            world.clock.move_on(engine_settings().transaction_lifetime_seconds);
        }
        until_settled(&world, &reservation).await;
        running.ends().await;
    }

    async fn what_was_seen_of_a_database_outlives_the_term(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        let backup = Backup::take(store).await;
        let one = Running::of(world.candidate("one"));
        until(&world, "a report", async || status(&world).await.is_some()).await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        until_settled(&world, &reservation).await;
        let built = faults.built();
        backup.restore(store).await;
        until_it_pauses(&world).await;
        assert_eq!(faults.built(), built, "nothing is built");
        world.clock.move_on(PAST_MAX_TIME_SECONDS);
        until_settled(&world, &reservation).await;
        one.ends().await;
        assert_eq!(world.holds(FARMER, "TFT"), farmers_share(&reservation), "paid once");
        world.assert_reconciled().await;
    }
}
