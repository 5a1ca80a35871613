//! What becomes of envelopes whose senders are not told.

use std::sync::atomic::Ordering;

use farmgate::domain::journal::BookAccount;
use farmgate::domain::reservation::State;
use farmgate::domain::transfer::{ResultCodes, SubmissionState};

use crate::support::on_both_databases;
use crate::world::faulty_network::faulty;
use crate::world::{
    BASE_FEE, FARMER, PAST_MAX_TIME_SECONDS, PAST_THE_DEADLINE_SECONDS, amount, farmers_share, price, wallet,
};

on_both_databases! {
    async fn unknown_then_landed_is_paid_once_and_never_rebuilt(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        let built = faults.built();
        faults.land_unseen.store(1, Ordering::SeqCst);
        faults.blind.store(3, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settled").await;
        assert_eq!(faults.built(), built + 1);
        assert_eq!(world.holds(FARMER, "TFT"), farmers_share(&reservation));
        world.assert_reconciled().await;
    }

    async fn a_sweep_over_the_request_budget_keeps_no_settlement_from_being_sent(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        faults.lost.store(1, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settling").await;
        faults.no_sweeps.store(true, Ordering::SeqCst);
        world.until(reservation.id, "settled").await;
        faults.no_sweeps.store(false, Ordering::SeqCst);
        world.assert_reconciled().await;
    }

    async fn unknown_then_never_is_rebuilt_only_once_dead_and_paid_once(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        let built = faults.built();
        faults.lost.store(usize::MAX, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settling").await;
        world.rest().await;
        assert_eq!(world.state(reservation.id).await, "settling", "it may still land");
        assert_eq!(faults.built(), built + 1);
        world.clock.move_on(PAST_MAX_TIME_SECONDS);
        faults.lost.store(0, Ordering::SeqCst);
        world.until(reservation.id, "settled").await;
        assert_eq!(faults.built(), built + 2);
        assert_eq!(world.holds(FARMER, "TFT"), farmers_share(&reservation));
        world.assert_reconciled().await;
    }

    async fn what_landed_is_not_rebuilt_although_every_look_up_is_blind_past_max_time(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        let built = faults.built();
        faults.land_unseen.store(1, Ordering::SeqCst);
        faults.blind.store(usize::MAX, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settling").await;
        world.clock.move_on(PAST_MAX_TIME_SECONDS);
        // The channel's sequence number tells that it is used, and its history by whom.
        world.until(reservation.id, "settled").await;
        assert_eq!(faults.built(), built + 1);
        world.assert_reconciled().await;
    }

    async fn a_sequence_number_taken_by_somebody_else_costs_its_fee_alone(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        faults.lost.store(usize::MAX, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settling").await;
        let live = world.store.begin_read().await.unwrap().live_submissions().await.unwrap().all().unwrap();
        let stolen = &live[0];
        let before = world.reconcile().await;
        assert!(before.balances(), "nothing has moved yet");
        world.use_up_sequence("platform", stolen.channel, stolen.sequence).await;
        world.clock.move_on(PAST_MAX_TIME_SECONDS);
        faults.lost.store(0, Ordering::SeqCst);
        world.until(reservation.id, "settled").await;
        let ended = world.store.begin_read().await.unwrap().submission(stolen.id).await.unwrap().unwrap();
        assert!(matches!(ended.state, SubmissionState::Dead { .. }), "{:?}", ended.state);
        assert_eq!(world.holds(FARMER, "TFT"), farmers_share(&reservation));
        assert!(world.balance(reservation.escrow, "TFT").is_zero());
        world.rest().await;
        world.assert_reconciled().await;
        let fees = world.book(BookAccount::NetworkFees, "XLM").await;
        assert!(fees >= BASE_FEE, "the fee of what is not ours is booked: {fees}");
    }

    async fn a_refusal_proves_nothing_about_what_has_landed(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        let built = faults.built();
        *faults.refusal.lock().unwrap() = Some(underfunded());
        faults.land_unseen.store(1, Ordering::SeqCst);
        faults.blind.store(3, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settled").await;
        *faults.refusal.lock().unwrap() = None;
        assert_eq!(faults.built(), built + 1);
        world.assert_reconciled().await;
    }

    async fn a_refusal_holds_its_reservation_only_once_the_envelope_is_dead(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        *faults.refusal.lock().unwrap() = Some(underfunded());
        faults.lost.store(usize::MAX, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settling").await;
        world.rest().await;
        assert_eq!(world.state(reservation.id).await, "settling", "it may still land");
        world.clock.move_on(PAST_MAX_TIME_SECONDS);
        let held = world.until(reservation.id, "held").await;
        let State::Held { why, .. } = held.state else { panic!() };
        assert_eq!(why.code, "op_underfunded");
        world.assert_reconciled().await;
    }

    async fn a_refusal_that_names_nobody_is_found_one_by_one_once_it_is_dead(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let (good, other, bad) = (world.reserve().await, world.reserve().await, world.reserve().await);
        world.rest().await;
        *faults.poison.lock().unwrap() = Some(bad.escrow);
        for reservation in [&good, &other, &bad] {
            world.pay("alice", reservation.escrow, price(reservation), "TFT").await;
        }
        world.until(bad.id, "settling").await;
        world.rest().await;
        assert_eq!(world.state(bad.id).await, "settling", "it may still land");
        world.clock.move_on(PAST_MAX_TIME_SECONDS);
        for reservation in [&good, &other] {
            world.until(reservation.id, "settled").await;
        }
        // Alone by now; its time counts from when it was built.
        world.until(bad.id, "settling").await;
        world.rest().await;
        world.clock.move_on(PAST_MAX_TIME_SECONDS);
        let held = world.until(bad.id, "held").await;
        let State::Held { why, .. } = held.state else { panic!() };
        assert_eq!(why.code, "tx_internal_error");
        assert_eq!(world.fees_of_failures().await, [] as [i64; 0], "nothing of it was ever in a ledger");
        world.assert_reconciled().await;
    }

    async fn a_failure_that_names_no_operation_is_found_one_by_one(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        world.fund("untrusting").await;
        let good = world.reserve().await;
        let mut farm = world.farm().await;
        farm.payout_addresses.insert(world.asset("TFT"), wallet("untrusting").account());
        world.put_farm(farm).await;
        let bad = world.reserve().await;
        world.rest().await;
        faults.codeless.store(true, Ordering::SeqCst);
        world.pay("alice", good.escrow, price(&good), "TFT").await;
        world.pay("alice", bad.escrow, price(&bad), "TFT").await;
        let held = world.until(bad.id, "held").await;
        let State::Held { why, .. } = held.state else { panic!() };
        assert_eq!(why.code, "tx_failed");
        world.until(good.id, "settled").await;
        world.rest().await;
        assert_eq!(world.fees_of_failures().await, [4 * BASE_FEE, 2 * BASE_FEE], "together, and alone");
        world.assert_reconciled().await;
    }

    async fn money_that_a_contract_took_back_is_booked_and_stops_nobody(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        let other = world.reserve().await;
        world.rest().await;
        world.pay("alice", reservation.escrow, amount("3"), "TFT").await;
        world.rest().await;
        faults.clawed_back.store(1, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.rest().await;
        let taken = world.book(BookAccount::ClawedBack(Some(reservation.id)), "TFT").await;
        assert_eq!(taken, amount("1").get());
        assert!(world.store.begin_read().await.unwrap().quarantined(10).await.unwrap().is_empty());
        world.pay("alice", other.escrow, price(&other), "TFT").await;
        world.until(other.id, "settled").await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.rest().await;
        assert_eq!(world.state(reservation.id).await, "awaiting_payment", "its balance is not explained");
    }
}

fn underfunded() -> ResultCodes {
    let operations = vec!["op_underfunded".to_owned(), "op_success".to_owned()];
    ResultCodes { transaction: "tx_failed".to_owned(), operations }
}
