//! Things that Horizon does not answer for, while it answers for others.

use std::sync::atomic::Ordering;

use farmgate::domain::dead_letter::Kind;
use farmgate::operator::{LetterFilter, dead_letters};
use farmgate::ports::clock::Clock;
use farmgate::ports::store::LIST_ROWS_MAX;

use crate::support::on_both_databases;
use crate::world::faulty_network::faulty;
use crate::world::{FARMER, PAST_THE_DEADLINE_SECONDS, World, amount, price, wallet};

/// Past the longest pause of a question that is not answered.
const PAST_THE_LONGEST_PAUSE_SECONDS: i64 = 601;
/// After so long an account that is not explained is listed.
const UNEXPLAINED_SECONDS: i64 = 3_600;

/// The ids of the dead letters of a kind.
async fn listed(world: &World, kind: Kind) -> Vec<String> {
    let filter = LetterFilter { kind: Some(kind), dismissed: false };
    let mut tx = world.store.begin_read().await.unwrap();
    let letters = dead_letters(&mut *tx, &filter, world.clock.now(), None, LIST_ROWS_MAX).await.unwrap();
    letters.into_iter().map(|letter| format!("{} {}", letter.id, letter.reason.unwrap_or_default())).collect()
}

on_both_databases! {
    async fn one_account_that_horizon_cannot_serve_stops_nobody_else(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let silent = world.reserve().await;
        let (second, third) = (world.reserve().await, world.reserve().await);
        world.rest().await;
        faults.silent.lock().unwrap().insert(silent.escrow);
        world.pay("alice", silent.escrow, amount("0.0000001"), "TFT").await;
        for (number, reservation) in [second, third].into_iter().enumerate() {
            world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
            world.until(reservation.id, "settled").await;
            assert!(!world.holds(FARMER, "TFT").is_zero(), "{number}");
            // Also by an engine that remembers nothing.
            world.restart(world.store.clone(), world.network.clone());
        }
        let report = world.tick().await.unwrap();
        let named = silent.escrow.to_string();
        assert!(report.troubles.iter().any(|trouble| trouble.contains(&named)), "{:?}", report.troubles);
        world.reserve().await;
        // It is asked about ever less often, and listed.
        world.clock.move_on(UNEXPLAINED_SECONDS);
        for _ in 0..12 {
            world.clock.move_on(PAST_THE_LONGEST_PAUSE_SECONDS);
            world.next_ledger().await;
            world.tick().await.unwrap();
        }
        let asked = faults.histories.load(Ordering::SeqCst);
        for _ in 0..20 {
            world.next_ledger().await;
            world.tick().await.unwrap();
        }
        assert!(faults.histories.load(Ordering::SeqCst) <= asked + 2, "it is left alone");
        let letters = listed(&world, Kind::UnexplainedAccount).await;
        assert!(letters.iter().any(|letter| letter.contains(&named)), "{letters:?}");
        assert_eq!(world.state(silent.id).await, "awaiting_payment", "nothing is decided about it");
        faults.silent.lock().unwrap().clear();
        world.clock.move_on(PAST_THE_LONGEST_PAUSE_SECONDS);
        world.until(silent.id, "refunded").await;
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn a_payer_that_horizon_cannot_answer_for_waits_alone_and_is_listed(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        for name in ["alice", "bob"] {
            world.customer(name).await;
        }
        let (first, second) = (world.reserve().await, world.reserve().await);
        world.rest().await;
        world.pay("alice", first.escrow, amount("1"), "TFT").await;
        world.pay("bob", second.escrow, amount("1"), "TFT").await;
        world.rest().await;
        faults.silent.lock().unwrap().insert(wallet("alice").account());
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(second.id, "refunded").await;
        world.until_holds("bob", "TFT", amount("10000")).await;
        let letters = listed(&world, Kind::UndeliverableReturn).await;
        assert!(matches!(&letters[..], [one] if one.ends_with(" unanswered")), "{letters:?}");
        faults.silent.lock().unwrap().clear();
        world.clock.move_on(86_400);
        world.until(first.id, "refunded").await;
        world.until_holds("alice", "TFT", amount("10000")).await;
        world.assert_reconciled().await;
    }

    async fn what_several_things_meet_is_the_networks_own_trouble(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let mut reservations = Vec::new();
        for _ in 0..4 {
            reservations.push(world.reserve().await);
        }
        world.rest().await;
        for reservation in &reservations {
            faults.silent.lock().unwrap().insert(reservation.escrow);
            world.pay("alice", reservation.escrow, price(reservation), "TFT").await;
        }
        world.next_ledger().await;
        let away = world.tick().await.unwrap_err().to_string();
        assert!(away.contains("unavailable"), "{away}");
        // None of them rests for it.
        faults.silent.lock().unwrap().clear();
        for reservation in &reservations {
            world.until(reservation.id, "settled").await;
        }
        world.assert_reconciled().await;
    }
}
