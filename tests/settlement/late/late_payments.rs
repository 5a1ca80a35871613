//! Money that comes when nothing is asked any more, from whom it must not go back to, or by a roundabout way.

use std::sync::atomic::Ordering;

use farmgate::domain::address::Address;
use farmgate::domain::payment::{Attribution, PaymentKind};
use farmgate::domain::reservation::Reservation;
use farmgate::domain::transfer::{Delivery, TransferState};
use farmgate::settlement::EngineError;

use crate::support::on_both_databases;
use crate::world::faulty_network::faulty;
use crate::world::{PAST_THE_DEADLINE_SECONDS, World, amount, price, wallet};

const PURSE: &str = "10000";

/// A reservation with an account that the engine knows to be empty.
async fn awaiting(world: &World) -> Reservation {
    world.customer("alice").await;
    let reservation = world.reserve().await;
    world.rest().await;
    reservation
}

on_both_databases! {
    async fn a_payment_after_the_deadline_is_late_although_nothing_was_decided(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let reservation = awaiting(&world).await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.next_ledger().await;
        assert_eq!(world.state(reservation.id).await, "awaiting_payment", "we were away");
        world.until(reservation.id, "expired").await;
        world.until_holds("alice", "TFT", amount(PURSE)).await;
        world.rest().await;
        assert_eq!(world.attributions(reservation.id).await, [Attribution::Late]);
        world.assert_reconciled().await;
    }

    async fn money_after_a_refund_goes_straight_back(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let reservation = awaiting(&world).await;
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.rest().await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "refunded").await;
        world.pay("alice", reservation.escrow, amount("2"), "TFT").await;
        world.next_ledger().await;
        world.tick().await.unwrap();
        world.until_holds("alice", "TFT", amount(PURSE)).await;
        world.rest().await;
        assert_eq!(world.state(reservation.id).await, "refunded");
        assert_eq!(world.attributions(reservation.id).await, [Attribution::Counted, Attribution::Late]);
        world.assert_reconciled().await;
    }

    async fn money_while_a_refund_is_owed_goes_back_as_well(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        let reservation = awaiting(&world).await;
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.rest().await;
        faults.lost.store(usize::MAX, Ordering::SeqCst);
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "refunding").await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.rest().await;
        assert_eq!(world.attributions(reservation.id).await, [Attribution::Counted, Attribution::Late]);
        faults.lost.store(0, Ordering::SeqCst);
        world.clock.move_on(2);
        world.until(reservation.id, "refunded").await;
        world.until_holds("alice", "TFT", amount(PURSE)).await;
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn money_while_a_settlement_is_on_its_way_goes_back_and_is_not_paid_out(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        let reservation = awaiting(&world).await;
        faults.lost.store(usize::MAX, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settling").await;
        let rest = world.holds("alice", "TFT");
        world.customer("bob").await;
        world.pay("bob", reservation.escrow, price(&reservation), "TFT").await;
        world.rest().await;
        assert_eq!(world.attributions(reservation.id).await, [Attribution::Counted, Attribution::Late]);
        faults.lost.store(0, Ordering::SeqCst);
        world.clock.move_on(2);
        world.until(reservation.id, "settled").await;
        world.until_holds("bob", "TFT", amount(PURSE)).await;
        world.rest().await;
        assert_eq!(world.holds("alice", "TFT"), rest, "who paid first has paid");
        assert!(world.balance(reservation.escrow, "TFT").is_zero());
        world.assert_reconciled().await;
    }

    async fn money_from_an_account_of_ours_is_taken_in_and_never_sent_back(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let reservation = awaiting(&world).await;
        let platform = wallet("platform").account();
        world.pay("platform", reservation.escrow, amount("3"), "XLM").await;
        for _ in 0..6 {
            world.next_ledger().await;
            let outcome = world.tick().await;
            let ours = |error: &EngineError| {
                matches!(error, EngineError::ForeignOutgoing { account, .. } if *account == platform)
            };
            assert!(outcome.is_err_and(|error| ours(&error)), "the engine did not send it, and says so");
        }
        let came = world.payments(reservation.id).await;
        assert_eq!(came.len(), 1);
        assert_eq!(came[0].payment.from, Some(Address::Account(platform)));
        let back = world.store.begin_read().await.unwrap().refund_of(came[0].payment.id).await.unwrap();
        let back = back.expect("it waits for somebody to say where it belongs");
        assert_eq!((back.delivery, back.state), (Delivery::Undecided, TransferState::Pending));
        assert_eq!(world.balance(reservation.escrow, "XLM"), amount("3"));
    }

    async fn a_payment_through_a_path_counts_and_goes_back_as_what_arrived(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let reservation = awaiting(&world).await;
        world.customer("maker").await;
        world.offer_tft_for_xlm("maker", amount("1000")).await;
        let more = price(&reservation).checked_add(amount("1")).unwrap();
        world.pay_tft_with_xlm("alice", reservation.escrow, more).await;
        world.until(reservation.id, "settled").await;
        world.until_holds("alice", "TFT", amount("10001")).await;
        world.rest().await;
        let came = world.payments(reservation.id).await;
        assert_eq!(came.len(), 1);
        let payment = &came[0].payment;
        assert_eq!((payment.kind, payment.asset), (PaymentKind::PathPayment, world.asset("TFT")));
        assert_eq!(payment.amount, more);
        world.assert_reconciled().await;
    }
    async fn a_payment_whose_operation_failed_brings_nothing(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        let reservation = awaiting(&world).await;
        faults.failed.store(1, Ordering::SeqCst);
        let before = world.escrow(reservation.escrow).await.watch.cursor;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.rest().await;
        assert_eq!(faults.failed.load(Ordering::SeqCst), 0, "it was read");
        assert!(world.escrow(reservation.escrow).await.watch.cursor > before);
        assert_eq!(world.payments(reservation.id).await, []);
        assert_eq!(world.state(reservation.id).await, "awaiting_payment");
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.rest().await;
        assert_eq!(world.payments(reservation.id).await.len(), 1, "the next one counts");
    }
}
