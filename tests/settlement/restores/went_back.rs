//! A database that goes back under a running engine: a standby is promoted that does not have the last
//! commits.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use farmgate::domain::journal::BookAccount;
use farmgate::domain::money::Stroops;
use farmgate::domain::payment::Attribution;
use farmgate::domain::reservation::Reservation;
use farmgate::domain::transfer::TransferState;
use farmgate::ports::store::ServerIdentity;
use farmgate::settlement::Settings;

use super::copy::Backup;
use super::running::{Running, status, until};
use crate::support::{TestStore, on_both_databases};
use crate::world::faulty_network::{Faults, faulty};
use crate::world::gate::Gate;
use crate::world::{
    FARMER, PAST_MAX_TIME_SECONDS, PAST_THE_DEADLINE_SECONDS, World, amount, engine_settings, farmers_share,
    price, wallet,
};

const QUIET_SECONDS: i64 = 3_600;
/// Look-ups that find nothing: until the story says otherwise.
const ALWAYS: usize = usize::MAX;
/// What lives on where a standby had the newest renewal of the lease, and not what came after it.
const THE_LEASE: &[&str] = &["engine_lease", "engine_status"];

async fn until_settled(world: &World, reservation: &Reservation) {
    until(world, "settled", async || world.state(reservation.id).await == "settled").await;
}

async fn pauses(world: &World) -> bool {
    status(world).await.is_some_and(|status| status.builds_nothing_before.is_some())
}

async fn until_it_pauses(world: &World) {
    until(world, "a pause", async || pauses(world).await).await;
}

/// Three times its price is paid for a reservation; the settlement is built, stored and sent, but nobody was
/// told what became of it; the database goes back to before it was stored, all but some tables; and then the
/// settlement lands.
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
    faults.lost.store(ALWAYS, Ordering::SeqCst);
    built.open();
    let live =
        async || world.store.begin_read().await.unwrap().live_submissions().await.unwrap().all().unwrap();
    until(&world, "sent", async || live().await.first().is_some_and(|one| one.attempts > 0)).await;
    let sent = live().await.remove(0);
    backup.restore_but(store, kept).await;
    faults.lost.store(0, Ordering::SeqCst);
    faults.blind.store(0, Ordering::SeqCst);
    let paid = async || !world.holds(FARMER, "TFT").is_zero();
    until(&world, "a pause, or a payment", async || pauses(&world).await || paid().await).await;
    assert!(!paid().await, "nothing is built on an old database");
    world.post_text(&sent.envelope).await;
    until(&world, "it lands", paid).await;
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

/// Who pays, and how much.
struct Paid {
    by: &'static str,
    much: Stroops,
}

/// What is paid leads to a transaction that is stored, sent and `over`; the database goes back to before it
/// was stored. Bob has paid as much meanwhile, and no history tells of either until the pause is nearly over.
async fn goes_back_and_hides(
    world: &World,
    faults: &Faults,
    store: &TestStore,
    reservation: &Reservation,
    paid: Paid,
    over: impl AsyncFn() -> bool,
) {
    let has = world.holds("bob", "TFT");
    let built = Gate::closed();
    *faults.build_gate.lock().unwrap() = Some(Arc::clone(&built));
    world.pay(paid.by, reservation.escrow, paid.much, "TFT").await;
    built.reached().await;
    let backup = Backup::take(store).await;
    built.open();
    until(world, "over", over).await;
    faults.no_history.store(ALWAYS, Ordering::SeqCst);
    let hides = world.pay("bob", reservation.escrow, paid.much, "TFT").await;
    backup.restore(store).await;
    until_it_pauses(world).await;
    let explained = async || world.escrow(reservation.escrow).await.watch.explained.0 >= hides.ledger;
    until(world, "as much is there as was", explained).await;
    faults.no_history.store(0, Ordering::SeqCst);
    world.clock.move_on(PAST_MAX_TIME_SECONDS);
    until(world, "the later payment is back", async || world.holds("bob", "TFT") == has).await;
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
        last.server = Some(ServerIdentity { system: 1, timeline: Some("00000001".to_owned()) });
        world
            .write(move |tx| {
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
            world.clock.move_on(PAST_MAX_TIME_SECONDS);
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
        let numbered_by =
            async || world.store.begin_read().await.unwrap().event_numbers().await.unwrap().incarnation;
        let before = numbered_by().await;
        backup.restore(store).await;
        until_it_pauses(&world).await;
        assert_eq!(faults.built(), built, "nothing is built");
        assert_ne!(numbered_by().await, before, "cursors of before are outdated");
        world.clock.move_on(PAST_MAX_TIME_SECONDS);
        until_settled(&world, &reservation).await;
        one.ends().await;
        assert_eq!(world.holds(FARMER, "TFT"), farmers_share(&reservation), "paid once");
        world.assert_reconciled().await;
    }

    async fn a_lost_settlement_that_a_later_payment_hides_is_not_paid_again(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        for name in ["alice", "bob"] {
            world.customer(name).await;
        }
        let reservation = world.reserve().await;
        world.rest().await;
        let running = Running::of(world.candidate("one"));
        let settled = async || world.state(reservation.id).await == "settled";
        let paid = Paid { by: "alice", much: price(&reservation) };
        goes_back_and_hides(&world, &faults, store, &reservation, paid, settled).await;
        until_settled(&world, &reservation).await;
        running.ends().await;
        assert_eq!(world.holds(FARMER, "TFT"), farmers_share(&reservation), "paid once");
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn a_lost_return_that_a_later_payment_hides_is_not_paid_again(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        for name in ["alice", "bob"] {
            world.customer(name).await;
        }
        let reservation = world.reserve().await;
        world.rest().await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settled").await;
        world.rest().await;
        let has = world.holds("alice", "TFT");
        let running = Running::of(world.candidate("one"));
        let returned = async || {
            let mut tx = world.store.begin_read().await.unwrap();
            let transfers = tx.transfers_of(reservation.id).await.unwrap();
            transfers.iter().all(|one| matches!(one.state, TransferState::Confirmed { .. }))
        };
        let paid = Paid { by: "alice", much: amount("1") };
        goes_back_and_hides(&world, &faults, store, &reservation, paid, returned).await;
        running.ends().await;
        assert_eq!(world.holds("alice", "TFT"), has, "once");
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn a_lost_late_payment_and_its_return_are_read_before_the_account_is_closed(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        let settings = Settings { quiet_period_seconds: QUIET_SECONDS, ..engine_settings() };
        world.restart_with(world.store.clone(), world.network.clone(), settings.clone());
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settled").await;
        world.rest().await;
        let has = world.holds("alice", "TFT");
        let backup = Backup::take(store).await;
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.rest().await;
        assert_eq!(world.holds("alice", "TFT"), has, "it is back");
        backup.restore(store).await;
        world.restart_with(world.store.clone(), world.network.clone(), settings);
        faults.no_history.store(ALWAYS, Ordering::SeqCst);
        world.rest().await;
        assert_eq!(world.attributions(reservation.id).await, [Attribution::Counted], "nothing tells of it");
        faults.no_history.store(0, Ordering::SeqCst);
        world.clock.move_on(QUIET_SECONDS + 60);
        let paused = async || world.tick().await.unwrap().builds_nothing_before.is_some();
        until(&world, "a pause", paused).await;
        world.clock.move_on(PAST_MAX_TIME_SECONDS);
        world.until_closed(reservation.escrow).await;
        let known = world.attributions(reservation.id).await;
        assert_eq!(known, [Attribution::Counted, Attribution::Late]);
        assert_eq!(world.holds("alice", "TFT"), has, "it went back once");
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn a_lost_return_of_an_excess_waits_for_the_outcome_of_its_settlement(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let rest = |reservation: &Reservation| amount("10000").checked_sub(price(reservation)).unwrap();
        let reservation = world.reserve().await;
        world.rest().await;
        faults.land_unseen.store(ALWAYS, Ordering::SeqCst);
        faults.blind.store(ALWAYS, Ordering::SeqCst);
        let much = Stroops::new(price(&reservation).get() * 3).unwrap();
        world.pay("alice", reservation.escrow, much, "TFT").await;
        world.until(reservation.id, "settling").await;
        world.next_ledger().await;
        assert_eq!(world.holds(FARMER, "TFT"), farmers_share(&reservation), "nobody was told that it landed");
        let backup = Backup::take(store).await;
        faults.land_unseen.store(0, Ordering::SeqCst);
        faults.blind.store(0, Ordering::SeqCst);
        world.until_holds("alice", "TFT", rest(&reservation)).await;
        backup.restore(store).await;
        world.restart(world.store.clone(), world.network.clone());
        // The history tells of the return, and an instance that is behind not yet of the settlement.
        faults.blind.store(1, Ordering::SeqCst);
        world.tick().await.expect("nothing stops");
        assert_eq!(faults.blind.load(Ordering::SeqCst), 0, "it was looked up");
        world.rest().await;
        world.clock.move_on(PAST_MAX_TIME_SECONDS);
        world.until(reservation.id, "settled").await;
        world.rest().await;
        assert_eq!(world.holds("alice", "TFT"), rest(&reservation), "it went back once");
        assert_eq!(world.holds(FARMER, "TFT"), farmers_share(&reservation), "paid once");
        world.assert_reconciled().await;
    }

    async fn a_lost_return_of_more_than_a_clawback_left_is_borne_by_others(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.issuer_may_claw_back().await;
        for name in ["alice", "bob"] {
            world.customer(name).await;
        }
        let (bobs, alices) = (world.holds("bob", "TFT"), world.holds("alice", "TFT"));
        let reservation = world.reserve().await;
        world.rest().await;
        world.pay("bob", reservation.escrow, amount("2"), "TFT").await;
        world.pay("alice", reservation.escrow, amount("3"), "TFT").await;
        world.rest().await;
        world.freeze(wallet("bob").account(), true).await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        let backup = Backup::take(store).await;
        let built = Gate::closed();
        *faults.build_gate.lock().unwrap() = Some(Arc::clone(&built));
        let claw_back = async {
            built.reached().await;
            world.claw_back(reservation.escrow, amount("1")).await;
            world.next_ledger().await;
            *faults.build_gate.lock().unwrap() = None;
            built.open();
        };
        let refund = async {
            while world.holds("alice", "TFT") < alices {
                world.tick().await.unwrap();
                world.next_ledger().await;
            }
        };
        futures::join!(claw_back, refund);
        assert_eq!(
            world.holds("alice", "TFT"),
            alices,
            "whole, as it was built before the clawback was seen"
        );
        backup.restore(store).await;
        world.restart(world.store.clone(), world.network.clone());
        // Effects tell of the clawback before the payments tell of the return.
        faults.no_history.store(ALWAYS, Ordering::SeqCst);
        world.rest().await;
        let taken = world.book(BookAccount::ClawedBack(Some(reservation.id)), "TFT").await;
        assert_eq!(taken, amount("1").get());
        faults.no_history.store(0, Ordering::SeqCst);
        world.rest().await;
        world.freeze(wallet("bob").account(), false).await;
        world.clock.move_on(PAST_MAX_TIME_SECONDS);
        world.until(reservation.id, "refunded").await;
        world.rest().await;
        assert_eq!(world.holds("alice", "TFT"), alices, "once");
        assert_eq!(
            world.holds("bob", "TFT"),
            bobs.checked_sub(amount("1")).unwrap(),
            "who paid first bears it"
        );
        world.assert_reconciled().await;
    }

    async fn a_lost_return_that_a_lost_clawback_had_cut_is_found(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.issuer_may_claw_back().await;
        world.customer("alice").await;
        let has = world.holds("alice", "TFT");
        let reservation = world.reserve().await;
        world.rest().await;
        let much = Stroops::new(price(&reservation).get() * 3).unwrap();
        world.pay("alice", reservation.escrow, much, "TFT").await;
        world.freeze(wallet("alice").account(), true).await;
        world.until(reservation.id, "settled").await;
        world.rest().await;
        let backup = Backup::take(store).await;
        world.claw_back(reservation.escrow, amount("1")).await;
        world.rest().await;
        world.freeze(wallet("alice").account(), false).await;
        world.clock.move_on(200);
        let rest = has.checked_sub(price(&reservation)).unwrap().checked_sub(amount("1")).unwrap();
        world.until_holds("alice", "TFT", rest).await;
        backup.restore(store).await;
        world.restart(world.store.clone(), world.network.clone());
        // Payments tell of the return, and an instance that is behind not yet of the clawback.
        faults.no_effects.store(1, Ordering::SeqCst);
        world.tick().await.expect("nothing stops");
        assert_eq!(faults.no_effects.load(Ordering::SeqCst), 0, "effects were read");
        world.rest().await;
        world.clock.move_on(PAST_MAX_TIME_SECONDS);
        world.rest().await;
        assert_eq!(world.holds("alice", "TFT"), rest, "it went back once");
        world.assert_reconciled().await;
    }

    async fn a_lost_return_that_a_clawback_had_cut_is_found_beside_its_lost_payment(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.issuer_may_claw_back().await;
        for name in ["alice", "bob"] {
            world.customer(name).await;
        }
        let reservation = world.reserve().await;
        world.rest().await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settled").await;
        world.rest().await;
        let rest = world.holds("bob", "TFT").checked_sub(amount("1")).unwrap();
        let backup = Backup::take(store).await;
        world.pay("bob", reservation.escrow, amount("3"), "TFT").await;
        world.freeze(wallet("bob").account(), true).await;
        world.rest().await;
        world.claw_back(reservation.escrow, amount("1")).await;
        world.rest().await;
        world.freeze(wallet("bob").account(), false).await;
        world.clock.move_on(200);
        world.until_holds("bob", "TFT", rest).await;
        backup.restore(store).await;
        world.restart(world.store.clone(), world.network.clone());
        world.tick().await.expect("nothing stops");
        world.rest().await;
        world.clock.move_on(PAST_MAX_TIME_SECONDS);
        world.rest().await;
        assert_eq!(world.holds("bob", "TFT"), rest, "it went back once");
        world.assert_reconciled().await;
    }
}
