//! Two engines on one database, and one that is told nothing for a while.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use farmgate::domain::ids::ReservationId;
use farmgate::domain::reservation::Reservation;
use farmgate::ports::clock::Clock;
use farmgate::ports::store::{Store, StoreError, Tx};
use farmgate::settlement::{Engine, EngineError, TickReport};
use farmgate::storage::connect;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::support::on_both_databases;
use crate::world::faulty_network::{Faults, FaultyNetwork, faulty};
use crate::world::gate::Gate;
use crate::world::interrupted::{Commit, InterruptedTx};
use crate::world::transport::CannedAnswer;
use crate::world::{FARMER, FOUNDATION, World, amount, engine_settings, price, share};

/// Rounds of both engines after which a story has gone wrong.
const ROUNDS_MAX: usize = 200;
/// Looks at the engine's report after which a story has gone wrong.
const LOOKS_MAX: usize = 1_000;

/// Both engines tick at once; what one of them loses against the other is not the end of either.
async fn both_tick(world: &World, other: &Engine) {
    let own = world.engine();
    let (one, two) = tokio::join!(own.tick(), other.tick());
    for outcome in [one, two] {
        assert!(!outcome.is_err_and(|error| error.stops_the_engine()));
    }
    world.next_ledger().await;
}

/// The world's engine begins a tick, which waits at the gate.
async fn ticks_up_to(world: &World, gate: &Gate) -> JoinHandle<Result<TickReport, EngineError>> {
    let slow = world.engine();
    let ticking = tokio::spawn(async move { slow.tick().await });
    gate.reached().await;
    ticking
}

/// A database whose next transaction waits at a gate before its commit, once there is one.
struct HoldingStore {
    inner: Arc<dyn Store>,
    gate: Mutex<Option<Arc<Gate>>>,
}

#[async_trait]
impl Store for HoldingStore {
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError> {
        let inner = self.inner.begin().await?;
        let gate = self.gate.lock().unwrap().take();
        Ok(Box::new(InterruptedTx { inner, commit: Commit::Done, gate }))
    }

    async fn begin_read(&self) -> Result<Box<dyn Tx>, StoreError> {
        self.inner.begin_read().await
    }
}

/// A reservation is to be cancelled, and the world's engine waits at a gate after it has seen that nothing
/// came.
async fn cancelling(
    world: &World,
    faults: &Faults,
    reservation: &Reservation,
) -> (Arc<Gate>, JoinHandle<Result<TickReport, EngineError>>) {
    world.cancel(reservation.id).await.unwrap();
    let gate = Gate::closed();
    *faults.waiting_gate.lock().unwrap() = Some(Arc::clone(&gate));
    world.clock.move_on(2);
    world.next_ledger().await;
    let ticking = ticks_up_to(world, &gate).await;
    (gate, ticking)
}

async fn assert_it_goes_back(world: &World, reservation: &Reservation) {
    assert_ne!(world.state(reservation.id).await, "cancelled", "there is money to go back");
    world.until(reservation.id, "refunded").await;
    assert_eq!(world.holds("alice", "TFT"), amount("10000"));
    world.assert_reconciled().await;
}

async fn all_settled(world: &World, ids: &[ReservationId]) -> bool {
    for id in ids {
        if world.state(*id).await != "settled" {
            return false;
        }
    }
    true
}

/// Waits until the engine reports a trouble that says this, or none.
async fn until_reported(world: &World, wanted: Option<&str>) {
    let mut last = None;
    for _ in 0..LOOKS_MAX {
        let status = world.store.begin_read().await.unwrap().engine_status().await.unwrap();
        let trouble = status.map(|status| status.trouble);
        match (&trouble, wanted) {
            (Some(None), None) => return,
            (Some(Some(trouble)), Some(wanted)) if trouble.contains(wanted) => return,
            _ => last = trouble,
        }
        world.clock.sleep(Duration::from_millis(5)).await;
    }
    panic!("the engine's report was not {wanted:?} but {last:?}");
}

on_both_databases! {
    async fn two_engines_at_once_pay_every_reservation_once(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let second = connect(&store.settings).await.unwrap();
        let other = world.another_engine(second, world.plain.clone(), engine_settings());
        let mut reservations = Vec::new();
        for _ in 0..ROUNDS_MAX {
            both_tick(&world, &other).await;
            if let Ok(reservation) = world.open(world.request()).await {
                world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
                reservations.push(reservation);
            }
            if reservations.len() == 8 {
                break;
            }
        }
        let ids: Vec<ReservationId> = reservations.iter().map(|reservation| reservation.id).collect();
        for _ in 0..ROUNDS_MAX {
            if all_settled(&world, &ids).await {
                break;
            }
            both_tick(&world, &other).await;
        }
        for _ in 0..5 {
            both_tick(&world, &other).await;
        }
        assert!(all_settled(&world, &ids).await);
        let whole = price(&reservations[0]);
        let count = i64::try_from(reservations.len()).unwrap();
        assert_eq!(count, 8);
        assert_eq!(world.holds(FOUNDATION, "TFT").get(), share(whole, 10).get() * count);
        let farmers = whole.checked_sub(share(whole, 10)).unwrap();
        assert_eq!(world.holds(FARMER, "TFT").get(), farmers.get() * count);
        for reservation in &reservations {
            assert!(world.balance(reservation.escrow, "TFT").is_zero());
        }
        assert!(world.store.begin_read().await.unwrap().live_submissions().await.unwrap().is_empty());
        world.assert_reconciled().await;
    }

    async fn history_that_another_engine_took_in_meanwhile_changes_nothing(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        let other = world.another_engine(world.store.clone(), world.plain.clone(), engine_settings());
        other.tick().await.unwrap();
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.next_ledger().await;
        let gate = Gate::closed();
        *faults.gate.lock().unwrap() = Some(Arc::clone(&gate));
        let slow = ticks_up_to(&world, &gate).await;
        assert_eq!(other.tick().await.unwrap().payments, 1);
        let taken_in = world.escrow(reservation.escrow).await;
        gate.open();
        assert_eq!(slow.await.unwrap().unwrap().payments, 0);
        assert_eq!(world.escrow(reservation.escrow).await, taken_in, "the slow one wrote nothing");
        assert_eq!(world.payments(reservation.id).await.len(), 1);
        world.assert_reconciled().await;
    }

    async fn money_that_another_engine_took_in_while_an_end_was_decided_goes_back(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        let other = world.another_engine(world.store.clone(), world.plain.clone(), engine_settings());
        other.tick().await.unwrap();
        let (gate, slow) = cancelling(&world, &faults, &reservation).await;
        // Now something does come, before the deadline, and the other one sees it.
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.next_ledger().await;
        assert_eq!(other.tick().await.unwrap().payments, 1);
        gate.open();
        slow.await.unwrap().unwrap();
        assert_it_goes_back(&world, &reservation).await;
    }

    async fn an_end_and_a_payment_that_are_decided_at_once_lose_no_money(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        let second = connect(&store.settings).await.unwrap();
        let holding = Arc::new(HoldingStore { inner: second, gate: Mutex::default() });
        let others = Arc::new(Faults::default());
        let network = FaultyNetwork { inner: world.plain.clone(), faults: Arc::clone(&others) };
        let other = Arc::new(world.another_engine(holding.clone(), Arc::new(network), engine_settings()));
        other.tick().await.unwrap();
        let (deciding, ends) = cancelling(&world, &faults, &reservation).await;
        let [reading, committing] = [Gate::closed(), Gate::closed()];
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.next_ledger().await;
        *others.gate.lock().unwrap() = Some(Arc::clone(&reading));
        let takes_in = tokio::spawn(async move { other.tick().await });
        reading.reached().await;
        *holding.gate.lock().unwrap() = Some(Arc::clone(&committing));
        reading.open();
        // The payment is written and not committed: whoever decides about the reservation now cannot see it.
        committing.reached().await;
        deciding.open();
        world.clock.sleep(Duration::from_millis(300)).await;
        assert!(!ends.is_finished(), "it waits for the account");
        committing.open();
        assert_eq!(takes_in.await.unwrap().unwrap().payments, 1);
        ends.await.unwrap().unwrap();
        assert_it_goes_back(&world, &reservation).await;
    }

    async fn while_horizon_is_away_the_engine_says_so_and_goes_on_when_it_is_back(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        let (candidate, stop) = (world.candidate("one"), Arc::new(Notify::new()));
        let running = tokio::spawn({
            let stop = Arc::clone(&stop);
            async move { candidate.run(stop.notified()).await }
        });
        until_reported(&world, None).await;
        let answer = |status, retry_after, body| Some(CannedAnswer { status, retry_after, body });
        *world.transport.answer.lock().unwrap() = answer(503, None, "down for maintenance");
        until_reported(&world, Some("unavailable")).await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        *world.transport.answer.lock().unwrap() =
            answer(200, None, "<html>Welcome to the hotel's network</html>");
        until_reported(&world, Some("cannot be read")).await;
        *world.transport.answer.lock().unwrap() = answer(404, None, r#"{"title":"Not Found","status":404}"#);
        until_reported(&world, Some("404")).await;
        *world.transport.answer.lock().unwrap() = answer(429, Some("1"), "");
        until_reported(&world, Some("budget")).await;
        assert_eq!(world.state(reservation.id).await, "awaiting_payment");
        *world.transport.answer.lock().unwrap() = None;
        until_reported(&world, None).await;
        for _ in 0..LOOKS_MAX {
            if world.state(reservation.id).await == "settled" {
                break;
            }
            world.next_ledger().await;
        }
        assert_eq!(world.state(reservation.id).await, "settled");
        assert!(!running.is_finished());
        stop.notify_one();
        running.await.unwrap().unwrap();
        world.assert_reconciled().await;
    }
}
