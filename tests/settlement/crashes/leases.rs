//! Who runs the engine: one process at a time, and whoever lost the lease writes nothing, not even late.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use farmgate::domain::reservation::Reservation;
use farmgate::ports::clock::Clock;
use farmgate::ports::network::Network;
use farmgate::ports::store::{Lease, Store, StoreError, Tx};
use farmgate::settlement::{Candidate, EngineError, Leadership, Look, TickReport, Watched};
use farmgate::storage::connect;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::support::on_both_databases;
use crate::world::clock::MovedClock;
use crate::world::faulty_network::{Faults, FaultyNetwork, faulty};
use crate::world::gate::Gate;
use crate::world::interrupted::{Commit, InterruptedTx};
use crate::world::{FARMER, FOUNDATION, World, price, share};

/// Looks after which a lease that is not renewed must have been taken over.
const LOOKS_MAX: usize = 20;
/// Looks at the database after which a story has gone wrong.
const WAITS_MAX: usize = 2_000;

/// A database whose next commits go as a story wants them to.
struct StoryStore {
    inner: Arc<dyn Store>,
    next: Mutex<Option<(Commit, Option<Arc<Gate>>)>>,
    away: AtomicBool,
}

impl StoryStore {
    fn reached(&self) -> Result<(), StoreError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable { reason: "the network is cut".to_owned() });
        }
        Ok(())
    }

    fn over(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { inner, next: Mutex::default(), away: AtomicBool::new(false) })
    }
}

#[async_trait]
impl Store for StoryStore {
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError> {
        self.reached()?;
        let inner = self.inner.begin().await?;
        let Some((commit, gate)) = self.next.lock().unwrap().take() else { return Ok(inner) };
        Ok(Box::new(InterruptedTx { inner, commit, gate }))
    }

    async fn begin_read(&self) -> Result<Box<dyn Tx>, StoreError> {
        self.reached()?;
        self.inner.begin_read().await
    }
}

async fn lease(world: &World) -> Lease {
    world.store.begin_read().await.unwrap().lease().await.unwrap()
}

fn taken(look: Look) -> Leadership {
    match look {
        Look::Taken(term) => *term,
        Look::Held(lease) => panic!("it is held: {lease:?}"),
    }
}

/// Takes the lease at the first look.
async fn takes(candidate: &Candidate) -> Leadership {
    taken(candidate.look(&mut Watched::default()).await.unwrap())
}

/// Looks until the lease, which nobody renews, is taken over.
async fn takes_over(candidate: &Candidate) -> Leadership {
    let mut watched = Watched::default();
    for _ in 0..LOOKS_MAX {
        if let Look::Taken(term) = candidate.look(&mut watched).await.unwrap() {
            return *term;
        }
    }
    panic!("it was not taken over");
}

/// Another process on the same database, with a sight of the network that is not disturbed.
async fn another(world: &World, store: &crate::support::TestStore, kind: &str) -> Candidate {
    let second = connect(&store.settings).await.unwrap();
    world.another_candidate(second, world.plain.clone(), world.clock.clone(), kind)
}

/// A world with a reservation that was paid, and nothing of it seen yet.
async fn paid(world: &World) -> Reservation {
    world.customer("alice").await;
    let reservation = world.reserve().await;
    world.rest().await;
    world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
    world.next_ledger().await;
    reservation
}

/// The term's engine begins to tick, and comes as far as the gate: there the process freezes.
async fn freezes_at(
    term: &Arc<Leadership>,
    at: &Mutex<Option<Arc<Gate>>>,
) -> (Arc<Gate>, JoinHandle<Result<TickReport, EngineError>>) {
    let gate = Gate::closed();
    *at.lock().unwrap() = Some(Arc::clone(&gate));
    let frozen = Arc::clone(term);
    let ticking = tokio::spawn(async move { frozen.engine.tick().await });
    gate.reached().await;
    (gate, ticking)
}

async fn settles(world: &World, term: &Leadership, reservation: &Reservation) {
    for _ in 0..WAITS_MAX {
        if world.state(reservation.id).await == "settled" {
            return;
        }
        term.engine.tick().await.unwrap();
        world.next_ledger().await;
    }
    panic!("it was not settled");
}

async fn assert_paid_once(world: &World, reservation: &Reservation) {
    let whole = price(reservation);
    assert_eq!(world.holds(FOUNDATION, "TFT"), share(whole, 10));
    assert_eq!(world.holds(FARMER, "TFT"), whole.checked_sub(share(whole, 10)).unwrap());
    assert!(world.balance(reservation.escrow, "TFT").is_zero());
    world.assert_reconciled().await;
}

#[track_caller]
fn assert_lost(outcome: &Result<TickReport, EngineError>) {
    let lost = matches!(outcome, Err(EngineError::Store(StoreError::LeaseLost { .. })));
    assert!(lost, "{outcome:?}");
}

type Running = (Arc<Notify>, JoinHandle<Result<(), EngineError>>);

fn runs(candidate: Candidate) -> Running {
    let stop = Arc::new(Notify::new());
    let stopped = Arc::clone(&stop);
    (stop, tokio::spawn(async move { candidate.run(stopped.notified()).await }))
}

async fn until_held(world: &World, wanted: impl Fn(&Lease) -> bool) -> Lease {
    for _ in 0..WAITS_MAX {
        let lease = lease(world).await;
        if wanted(&lease) {
            return lease;
        }
        world.clock.sleep(Duration::from_millis(5)).await;
    }
    panic!("the lease is {:?}", lease(world).await);
}

on_both_databases! {
    async fn one_of_two_processes_leads_and_releases_the_lease_when_it_stops(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let (one, two) = (world.candidate("one"), another(&world, store, "two").await);
        let name = one.holder().to_owned();
        let (stop, running) = runs(one);
        until_held(&world, |lease| lease.holder.as_ref() == Some(&name)).await;
        let mut watched = Watched::default();
        assert!(matches!(two.look(&mut watched).await.unwrap(), Look::Held(lease) if lease.token == 1));
        stop.notify_one();
        running.await.unwrap().unwrap();
        let released = lease(&world).await;
        assert_eq!((released.holder, released.token), (None, 2));
        let term = taken(two.look(&mut watched).await.unwrap());
        assert_eq!((term.token(), term.before.holder.clone()), (3, None));
        term.engine.tick().await.unwrap();
    }

    async fn a_process_that_was_told_to_stop_takes_no_lease(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let before = lease(&world).await;
        world.candidate("serve").run(std::future::ready(())).await.unwrap();
        assert_eq!(lease(&world).await, before);
    }

    async fn a_lease_that_is_renewed_is_left_alone(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let (one, two) = (world.candidate("one"), another(&world, store, "two").await);
        let term = takes(&one).await;
        let mut watched = Watched::default();
        for _ in 0..3 * LOOKS_MAX {
            assert!(term.while_held(world.clock.sleep(Duration::from_millis(20))).await.is_some());
            assert!(matches!(two.look(&mut watched).await.unwrap(), Look::Held(_)));
        }
        assert!(lease(&world).await.renewal >= 3);
    }

    async fn a_process_that_wakes_up_with_a_settlement_built_stores_and_sends_nothing(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        let reservation = paid(&world).await;
        let one = Arc::new(takes(&world.candidate("one")).await);
        let (gate, ticking) = freezes_at(&one, &faults.build_gate).await;
        let sent = faults.sent.load(Ordering::SeqCst);
        let two = takes_over(&another(&world, store, "two").await).await;
        gate.open();
        assert_lost(&ticking.await.unwrap());
        assert_eq!(world.state(reservation.id).await, "funded");
        let mut tx = world.store.begin_read().await.unwrap();
        assert!(tx.live_submissions().await.unwrap().is_empty(), "it was stored");
        assert_eq!(faults.sent.load(Ordering::SeqCst), sent, "it was sent");
        drop(tx);
        settles(&world, &two, &reservation).await;
        assert_lost(&one.engine.tick().await);
        assert_eq!(faults.sent.load(Ordering::SeqCst), sent, "the first one still sends");
        assert_paid_once(&world, &reservation).await;
    }

    async fn a_process_that_wakes_up_with_an_outcome_does_not_record_it(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        let reservation = paid(&world).await;
        let one = Arc::new(takes(&world.candidate("one")).await);
        faults.land_unseen.store(1, Ordering::SeqCst);
        one.engine.tick().await.unwrap();
        assert_eq!(world.state(reservation.id).await, "settling");
        world.next_ledger().await;
        let (gate, ticking) = freezes_at(&one, &faults.look_up_gate).await;
        let two = takes_over(&another(&world, store, "two").await).await;
        gate.open();
        assert_lost(&ticking.await.unwrap());
        assert_eq!(world.state(reservation.id).await, "settling", "written late");
        settles(&world, &two, &reservation).await;
        assert_paid_once(&world, &reservation).await;
    }

    async fn a_process_that_wakes_up_with_a_payment_read_does_not_take_it_in(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        let reservation = paid(&world).await;
        let one = Arc::new(takes(&world.candidate("one")).await);
        let (gate, ticking) = freezes_at(&one, &faults.gate).await;
        let two = takes_over(&another(&world, store, "two").await).await;
        gate.open();
        assert_lost(&ticking.await.unwrap());
        assert!(world.payments(reservation.id).await.is_empty(), "written late");
        settles(&world, &two, &reservation).await;
        assert_paid_once(&world, &reservation).await;
    }

    async fn a_take_over_waits_for_what_is_being_written(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let reservation = paid(&world).await;
        let slow = StoryStore::over(connect(&store.settings).await.unwrap());
        let faults = Arc::new(Faults::default());
        let network: Arc<dyn Network> =
            Arc::new(FaultyNetwork { inner: world.plain.clone(), faults: Arc::clone(&faults) });
        let one = world.another_candidate(slow.clone(), network, world.clock.clone(), "one");
        let one = Arc::new(takes(&one).await);
        let (built, ticking) = freezes_at(&one, &faults.build_gate).await;
        let committing = Gate::closed();
        *slow.next.lock().unwrap() = Some((Commit::Done, Some(Arc::clone(&committing))));
        built.open();
        // The envelope is written and not committed. Whoever takes over now would not know of it.
        committing.reached().await;
        let two = another(&world, store, "two").await;
        let taking = tokio::spawn(async move { takes_over(&two).await });
        world.clock.sleep(Duration::from_millis(300)).await;
        assert!(!taking.is_finished(), "it does not wait");
        assert_eq!(lease(&world).await.token, 1);
        committing.open();
        let two = taking.await.unwrap();
        assert_ne!(world.state(reservation.id).await, "funded", "it was committed before the take-over");
        drop(ticking.await.unwrap());
        settles(&world, &two, &reservation).await;
        assert_paid_once(&world, &reservation).await;
    }

    async fn a_clock_that_is_set_takes_no_lease_over(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let ahead = Arc::new(MovedClock::default());
        let one = takes(&world.candidate("one")).await;
        let two = world.another_candidate(world.store.clone(), world.plain.clone(), ahead.clone(), "two");
        let mut watched = Watched::default();
        for _ in 0..3 {
            assert!(matches!(two.look(&mut watched).await.unwrap(), Look::Held(_)));
            ahead.move_on(3_600);
        }
        one.engine.tick().await.unwrap();
        let two = takes_over(&two).await;
        assert_lost(&one.engine.tick().await);
        two.engine.tick().await.unwrap();
    }

    async fn a_lease_whose_taking_was_not_answered_is_found_at_the_next_look(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let story = StoryStore::over(world.store.clone());
        let one = world.another_candidate(story.clone(), world.plain.clone(), world.clock.clone(), "one");
        let mut watched = Watched::default();
        *story.next.lock().unwrap() = Some((Commit::Unanswered, None));
        assert!(one.look(&mut watched).await.is_err());
        assert_eq!(lease(&world).await.holder.as_deref(), Some(one.holder()));
        let term = taken(one.look(&mut watched).await.unwrap());
        assert_eq!(term.token(), 2);
        term.engine.tick().await.unwrap();
    }

    async fn a_process_that_does_not_reach_the_database_is_replaced_and_stands_by(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let story = StoryStore::over(world.store.clone());
        let one = world.another_candidate(story.clone(), world.plain.clone(), world.clock.clone(), "one");
        let two = another(&world, store, "two").await;
        let (first, second) = (one.holder().to_owned(), two.holder().to_owned());
        let (stop_one, one) = runs(one);
        until_held(&world, |lease| lease.holder.as_ref() == Some(&first)).await;
        let (stop_two, two) = runs(two);
        story.away.store(true, Ordering::SeqCst);
        let held = until_held(&world, |lease| lease.holder.as_ref() == Some(&second)).await;
        assert_eq!(held.token, 2);
        story.away.store(false, Ordering::SeqCst);
        stop_two.notify_one();
        two.await.unwrap().unwrap();
        // It neither ended nor believes that it still leads.
        until_held(&world, |lease| lease.holder.as_ref() == Some(&first) && lease.token == 4).await;
        stop_one.notify_one();
        one.await.unwrap().unwrap();
    }

    async fn a_process_that_lost_the_lease_stands_by_and_leads_again(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let (one, two) = (world.candidate("one"), another(&world, store, "two").await);
        let (first, second) = (one.holder().to_owned(), two.holder().to_owned());
        let (stop, running) = runs(one);
        let held = until_held(&world, |lease| lease.holder.as_ref() == Some(&first)).await;
        // As after a freeze of the first: it is taken over while that has work in hand.
        let (seen, now) = (held.clone(), world.clock.now());
        world
            .write(move |tx| {
                let (seen, second) = (seen.clone(), second.clone());
                Box::pin(async move {
                    let seen = Lease { renewal: tx.lease().await?.renewal, ..seen };
                    assert!(tx.take_lease(&seen, &second, now).await?.is_some());
                    Ok(())
                })
            })
            .await;
        // Nobody renews it, so the first one gets it back after the lease time, with an engine that works.
        let again = until_held(&world, |lease| lease.holder.as_ref() == Some(&first)).await;
        assert_eq!(again.token, held.token + 2);
        let reservation = {
            world.customer("alice").await;
            loop {
                match world.open(world.request()).await {
                    Ok(reservation) => break reservation,
                    Err(_) => world.next_ledger().await,
                }
            }
        };
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        for _ in 0..WAITS_MAX {
            if world.state(reservation.id).await == "settled" {
                break;
            }
            world.next_ledger().await;
        }
        assert_paid_once(&world, &reservation).await;
        assert!(!running.is_finished());
        stop.notify_one();
        running.await.unwrap().unwrap();
        assert_eq!(lease(&world).await.holder, None);
    }
}
