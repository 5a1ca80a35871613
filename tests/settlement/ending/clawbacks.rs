//! What issuers take back or freeze, and who bears it.

use std::sync::atomic::Ordering;

use farmgate::delivery::number_events;
use farmgate::domain::address::Address;
use farmgate::domain::event::EventKind;
use farmgate::domain::journal::BookAccount;
use farmgate::domain::money::Stroops;
use farmgate::domain::payment::Attribution;
use farmgate::domain::reservation::{Lack, RefundReason, Reservation, State};
use farmgate::domain::transfer::TransferState;
use farmgate::settlement::{Decision, ResolveError, Settings};

use crate::support::on_both_databases;
use crate::world::faulty_network::faulty;
use crate::world::{FARMER, PAST_THE_DEADLINE_SECONDS, World, amount, engine_settings, price, share, wallet};

const PURSE: &str = "10000";
/// Past the first pause before a held reservation is looked at.
const PAST_THE_PAUSE_SECONDS: i64 = 61;
/// Accounts are closed so soon after their end.
const QUIET_SECONDS: i64 = 3_600;

fn minus(one: Stroops, other: Stroops) -> Stroops {
    one.checked_sub(other).unwrap()
}

/// A world whose TFT can be clawed back from accounts of ours.
async fn world(store: &crate::support::TestStore) -> World {
    let world = World::new(store.store.clone()).await;
    world.issuer_may_claw_back().await;
    world.customer("alice").await;
    world.customer("bob").await;
    world
}

/// Paid by alice and bob in halves, in this order, and held because the issuer took a quarter back.
async fn held_short(world: &World) -> Reservation {
    let reservation = world.reserve().await;
    world.rest().await;
    let half = share(price(&reservation), 50);
    world.pay("alice", reservation.escrow, half, "TFT").await;
    world.pay("bob", reservation.escrow, minus(price(&reservation), half), "TFT").await;
    world.claw_back(reservation.escrow, share(price(&reservation), 25)).await;
    world.until(reservation.id, "held").await
}

/// How often a held reservation was tried, and for how many seconds it is left alone since it was held.
fn pause(reservation: &Reservation) -> (u32, i64) {
    let State::Held { funding, since, .. } = &reservation.state else { panic!("{:?}", reservation.state) };
    (funding.tries, reservation.state.next_look().unwrap().duration_since(*since).as_secs())
}

async fn assert_nothing_is_left(world: &World, reservation: &Reservation) {
    world.rest().await;
    assert!(world.balance(reservation.escrow, "TFT").is_zero());
    assert_eq!(world.book(BookAccount::Deposits(reservation.id), "TFT").await, 0);
    assert_eq!(world.book(BookAccount::ClawedBack(Some(reservation.id)), "TFT").await, 0);
    let transfers = world.store.begin_read().await.unwrap().transfers_of(reservation.id).await.unwrap();
    let is_final = |state: &TransferState| {
        matches!(state, TransferState::Confirmed { .. } | TransferState::Cancelled { .. })
    };
    assert!(transfers.iter().all(|transfer| is_final(&transfer.state)), "{transfers:?}");
    world.assert_reconciled().await;
}

on_both_databases! {
    async fn a_clawback_holds_the_reservation_and_is_in_the_books(store: &TestStore) {
        let world = world(store).await;
        let reservation = held_short(&world).await;
        let State::Held { why, .. } = &reservation.state else { panic!() };
        assert_eq!(why.code, "op_underfunded");
        world.rest().await;
        let quarter = share(price(&reservation), 25).get();
        assert_eq!(world.book(BookAccount::ClawedBack(Some(reservation.id)), "TFT").await, quarter);
        assert!(world.store.begin_read().await.unwrap().quarantined(10).await.unwrap().is_empty());
        world.assert_reconciled().await;
    }

    async fn what_a_held_reservation_lacks_is_stored_and_told(store: &TestStore) {
        let world = world(store).await;
        let reservation = held_short(&world).await;
        world.rest().await;
        let (tft, quarter) = (world.asset("TFT"), share(price(&reservation), 25));
        let lacks = |amount| Some(Lack { asset: tft, amount });
        assert_eq!(world.reservation(reservation.id).await.state.lacks(), lacks(quarter));
        let twice = quarter.checked_add(quarter).unwrap();
        world.claw_back(reservation.escrow, quarter).await;
        world.rest().await;
        assert_eq!(world.reservation(reservation.id).await.state.lacks(), lacks(twice));
        world.pay("alice", reservation.escrow, quarter, "TFT").await;
        world.rest().await;
        assert_eq!(world.reservation(reservation.id).await.state.lacks(), lacks(quarter), "it came nearer");
        number_events(&world.store).await.unwrap();
        let events =
            world.store.begin_read().await.unwrap().events(None, None, 1_000).await.unwrap().all().unwrap();
        let told: Vec<_> = events
            .into_iter()
            .filter_map(|event| match event.kind {
                EventKind::ReservationChanged { reservation: id, lacks, .. } if id == reservation.id => lacks,
                _ => None,
            })
            .map(|lack| lack.amount)
            .collect();
        assert_eq!(told.last(), Some(&quarter), "{told:?}");
        assert!(told.contains(&twice), "{told:?}");
        assert!(
            told.iter().zip(told.iter().skip(1)).all(|(one, next)| one != next),
            "each is told once: {told:?}"
        );
        world.pay("alice", reservation.escrow, quarter, "TFT").await;
        let settled = world.until(reservation.id, "settled").await;
        assert_eq!(settled.state.lacks(), None);
        assert_nothing_is_left(&world, &reservation).await;
    }

    async fn the_pause_of_a_held_reservation_survives_a_restart_and_an_unknown_outcome(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.issuer_may_claw_back().await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.freeze(reservation.escrow, true).await;
        let held = world.until(reservation.id, "held").await;
        assert_eq!(pause(&held), (1, 60));
        let asked =
            || faults.accounts_asked.lock().unwrap().iter().filter(|one| **one == held.escrow).count();
        for (tries, seconds) in [(2, 120), (3, 240)] {
            world.clock.move_on(seconds / 2 + 1);
            world.restart(world.store.clone(), world.network.clone());
            world.rest().await;
            let looked = world.reservation(reservation.id).await;
            assert_eq!((looked.state.name(), looked.state.lacks()), ("held", None), "nothing is missing");
            assert!(pause(&looked).0 == tries, "{:?}", looked.state);
            let before = asked();
            world.restart(world.store.clone(), world.network.clone());
            world.clock.move_on(seconds / 2);
            world.rest().await;
            assert_eq!(asked(), before, "half of its pause is over");
        }
        // Nobody knows what becomes of the next try, for a while.
        faults.land_unseen.store(1, Ordering::SeqCst);
        faults.blind.store(3, Ordering::SeqCst);
        world.resolve(reservation.id, Decision::Settle).await.unwrap();
        world.until(reservation.id, "settling").await;
        world.rest().await;
        let again = world.until(reservation.id, "held").await;
        assert_eq!(pause(&again), (4, 480), "it goes on where it was");
        world.freeze(reservation.escrow, false).await;
        world.clock.move_on(481);
        world.until(reservation.id, "settled").await;
        assert_nothing_is_left(&world, &reservation).await;
    }

    async fn money_that_fills_the_shortfall_settles_a_held_reservation(store: &TestStore) {
        let world = world(store).await;
        let reservation = held_short(&world).await;
        let quarter = share(price(&reservation), 25);
        world.pay("alice", reservation.escrow, quarter, "TFT").await;
        world.until(reservation.id, "settled").await;
        assert_eq!(world.holds(FARMER, "TFT"), minus(price(&reservation), share(price(&reservation), 10)));
        assert!(
            world.payments(reservation.id).await.iter().all(|one| one.attribution == Attribution::Counted)
        );
        assert_nothing_is_left(&world, &reservation).await;
    }

    async fn more_than_the_shortfall_goes_back(store: &TestStore) {
        let world = world(store).await;
        let reservation = held_short(&world).await;
        let quarter = share(price(&reservation), 25);
        let before = world.holds("alice", "TFT");
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settled").await;
        world.until_holds("alice", "TFT", minus(before, quarter)).await;
        assert_nothing_is_left(&world, &reservation).await;
    }

    async fn a_held_reservation_is_tried_again_only_when_its_account_is_whole(store: &TestStore) {
        let world = world(store).await;
        let reservation = held_short(&world).await;
        world.rest().await;
        let fees = world.fees_of_failures().await.len();
        for _ in 0..3 {
            world.clock.move_on(PAST_THE_PAUSE_SECONDS * 10);
            world.rest().await;
        }
        assert_eq!(world.state(reservation.id).await, "held");
        assert_eq!(world.fees_of_failures().await.len(), fees, "what cannot land is not sent");
    }

    async fn a_frozen_reservation_is_settled_when_its_issuer_thaws_it(store: &TestStore) {
        let world = world(store).await;
        let reservation = world.reserve().await;
        world.rest().await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.freeze(reservation.escrow, true).await;
        let held = world.until(reservation.id, "held").await;
        let State::Held { why, .. } = held.state else { panic!() };
        assert_eq!(why.code, "op_src_not_authorized");
        world.clock.move_on(PAST_THE_PAUSE_SECONDS);
        world.rest().await;
        assert_eq!(world.state(reservation.id).await, "held");
        world.freeze(reservation.escrow, false).await;
        world.clock.move_on(PAST_THE_PAUSE_SECONDS * 4);
        world.until(reservation.id, "settled").await;
        assert_nothing_is_left(&world, &reservation).await;
    }

    async fn an_operator_has_what_remains_sent_back_and_the_latest_payment_bears_the_loss(store: &TestStore) {
        let world = world(store).await;
        let reservation = held_short(&world).await;
        let refunding = world.resolve(reservation.id, Decision::Refund).await.unwrap();
        assert!(matches!(refunding.state, State::Refunding { why: RefundReason::SettlementImpossible, .. }));
        world.until(reservation.id, "refunded").await;
        assert_eq!(world.holds("alice", "TFT"), amount(PURSE), "who paid first has it all back");
        assert_eq!(world.holds("bob", "TFT"), minus(amount(PURSE), share(price(&reservation), 25)));
        let transfers = world.store.begin_read().await.unwrap().transfers_of(reservation.id).await.unwrap();
        let cancelled = transfers.iter().filter(|one| matches!(one.state, TransferState::Cancelled { .. }));
        assert_eq!(cancelled.count(), 2, "its legs are given up");
        assert_nothing_is_left(&world, &reservation).await;
        let again = world.resolve(reservation.id, Decision::Refund).await.unwrap();
        assert_eq!(again.state.name(), "refunded");
        assert!(matches!(
            world.resolve(reservation.id, Decision::Settle).await,
            Err(ResolveError::NotHeld { state: "refunded", .. })
        ));
    }

    async fn an_operator_has_a_held_reservation_settled_without_waiting(store: &TestStore) {
        let world = world(store).await;
        let reservation = world.reserve().await;
        world.rest().await;
        assert!(matches!(
            world.resolve(reservation.id, Decision::Refund).await,
            Err(ResolveError::NotHeld { state: "awaiting_payment", .. })
        ));
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.freeze(reservation.escrow, true).await;
        world.until(reservation.id, "held").await;
        world.freeze(reservation.escrow, false).await;
        let funded = world.resolve(reservation.id, Decision::Settle).await.unwrap();
        assert_eq!(funded.state.name(), "funded");
        world.until(reservation.id, "settled").await;
        assert!(world.resolve(reservation.id, Decision::Settle).await.is_ok(), "asking again is harmless");
        assert_nothing_is_left(&world, &reservation).await;
    }

    async fn a_clawback_cuts_a_return_that_is_owed_already(store: &TestStore) {
        let world = world(store).await;
        let reservation = world.reserve().await;
        world.rest().await;
        world.pay("bob", reservation.escrow, amount("1"), "TFT").await;
        world.pay("alice", reservation.escrow, amount("2"), "TFT").await;
        world.rest().await;
        for name in ["alice", "bob"] {
            let issuer = Address::Account(world.asset("TFT").issuer().unwrap());
            world.try_pay(name, issuer, world.holds(name, "TFT"), "TFT").await.unwrap();
            world.distrust(name, "TFT").await;
        }
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "refunding").await;
        world.claw_back(reservation.escrow, amount("1.5")).await;
        world.rest().await;
        for name in ["alice", "bob"] {
            world.trust(name, "TFT").await;
        }
        world.clock.move_on(200);
        world.until(reservation.id, "refunded").await;
        assert_eq!(world.holds("alice", "TFT"), amount("0.5"), "the latest bears it");
        assert_eq!(world.holds("bob", "TFT"), amount("1"));
        assert_nothing_is_left(&world, &reservation).await;
    }

    async fn who_paid_before_bears_nothing_that_a_payment_can_which_is_read_later(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.issuer_may_claw_back().await;
        world.customer("alice").await;
        world.customer("bob").await;
        let reservation = world.reserve().await;
        world.rest().await;
        world.pay("bob", reservation.escrow, amount("1"), "TFT").await;
        world.rest().await;
        world.freeze(wallet("bob").account(), true).await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "refunding").await;
        world.rest().await;
        // Effects tell of both, and an instance that is behind of no payment.
        faults.no_history.store(usize::MAX, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, amount("2"), "TFT").await;
        world.next_ledger().await;
        world.claw_back(reservation.escrow, amount("1.5")).await;
        world.rest().await;
        faults.no_history.store(0, Ordering::SeqCst);
        world.clock.move_on(200);
        world.until_holds("alice", "TFT", minus(amount(PURSE), amount("1.5"))).await;
        world.freeze(wallet("bob").account(), false).await;
        world.clock.move_on(200);
        world.until(reservation.id, "refunded").await;
        assert_eq!(world.holds("bob", "TFT"), amount(PURSE), "the latest bears it");
        assert_nothing_is_left(&world, &reservation).await;
    }

    async fn a_return_whose_money_was_all_clawed_back_does_not_wait_for_ever(store: &TestStore) {
        let world = world(store).await;
        let reservation = world.reserve().await;
        world.rest().await;
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.claw_back(reservation.escrow, amount("1")).await;
        world.rest().await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "refunded").await;
        assert_eq!(world.holds("alice", "TFT"), minus(amount(PURSE), amount("1")));
        assert_nothing_is_left(&world, &reservation).await;
    }

    async fn what_is_clawed_back_from_an_account_of_nobody_is_borne_by_who_paid_there(store: &TestStore) {
        let world = world(store).await;
        world.fund("carol").await;
        let reservation = world.reserve().await;
        world.rest().await;
        let account = world.waiting_account(reservation.escrow).await;
        world.pay("alice", account, amount("3"), "TFT").await;
        world.freeze(wallet("alice").account(), true).await;
        world.rest().await;
        assert_eq!(world.balance(account, "TFT"), amount("3"), "she cannot take it back now");
        world.claw_back(account, amount("1")).await;
        world.rest().await;
        assert_eq!(world.book(BookAccount::Unattributed, "TFT").await, -amount("2").get());
        world.freeze(wallet("alice").account(), false).await;
        world.clock.move_on(200);
        world.until_holds("alice", "TFT", minus(amount(PURSE), amount("1"))).await;
        world.rest().await;
        assert_eq!(world.book(BookAccount::Unattributed, "TFT").await, 0);
        assert_eq!(world.book(BookAccount::ClawedBack(None), "TFT").await, 0);
        world.assert_reconciled().await;
    }

    async fn a_clawback_from_an_account_that_was_given_out_is_borne_by_who_paid_before(store: &TestStore) {
        let world = world(store).await;
        let first = world.reserve().await;
        world.rest().await;
        let account = world.waiting_account(first.escrow).await;
        world.pay("alice", account, amount("3"), "TFT").await;
        world.freeze(wallet("alice").account(), true).await;
        world.rest().await;
        let mut taken = first;
        while taken.escrow != account {
            taken = world.reserve().await;
        }
        world.claw_back(account, amount("1")).await;
        world.rest().await;
        world.freeze(wallet("alice").account(), false).await;
        world.clock.move_on(200);
        world.until_holds("alice", "TFT", minus(amount(PURSE), amount("1"))).await;
        world.rest().await;
        assert_eq!(world.book(BookAccount::Unattributed, "TFT").await, 0);
        assert_eq!(world.book(BookAccount::ClawedBack(Some(taken.id)), "TFT").await, 0);
        world.assert_reconciled().await;
    }

    async fn who_paid_before_an_account_was_given_out_bears_nothing_that_its_customer_can(store: &TestStore) {
        let world = world(store).await;
        let first = world.reserve().await;
        world.rest().await;
        let account = world.waiting_account(first.escrow).await;
        world.pay("alice", account, amount("3"), "TFT").await;
        world.freeze(wallet("alice").account(), true).await;
        world.rest().await;
        let mut taken = first;
        while taken.escrow != account {
            taken = world.reserve().await;
        }
        world.pay("bob", account, amount("2"), "TFT").await;
        world.claw_back(account, amount("1")).await;
        world.rest().await;
        world.freeze(wallet("alice").account(), false).await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(taken.id, "refunded").await;
        world.until_holds("alice", "TFT", amount(PURSE)).await;
        assert_eq!(world.holds("bob", "TFT"), minus(amount(PURSE), amount("1")));
        assert_nothing_is_left(&world, &taken).await;
    }

    async fn what_came_and_was_clawed_back_while_history_lagged_is_known_at_the_deadline(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.issuer_may_claw_back().await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        faults.no_history.store(usize::MAX, Ordering::SeqCst);
        faults.no_effects.store(usize::MAX, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.claw_back(reservation.escrow, price(&reservation)).await;
        world.rest().await;
        assert_eq!(world.state(reservation.id).await, "awaiting_payment", "its balances are as they were");
        faults.no_history.store(0, Ordering::SeqCst);
        faults.no_effects.store(0, Ordering::SeqCst);
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "held").await;
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn what_came_late_and_was_clawed_back_unseen_is_known_before_closing(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        let settings = Settings { quiet_period_seconds: QUIET_SECONDS, ..engine_settings() };
        world.restart_with(world.store.clone(), world.network.clone(), settings);
        world.issuer_may_claw_back().await;
        world.customer("alice").await;
        world.customer("bob").await;
        let reservation = world.reserve().await;
        world.rest().await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settled").await;
        world.rest().await;
        faults.no_history.store(usize::MAX, Ordering::SeqCst);
        faults.no_effects.store(usize::MAX, Ordering::SeqCst);
        world.pay("bob", reservation.escrow, amount("2"), "TFT").await;
        world.claw_back(reservation.escrow, amount("2")).await;
        world.rest().await;
        let watch = world.escrow(reservation.escrow).await.watch;
        assert_eq!(watch.dirty_since, None, "its balances are as they were");
        assert_eq!(world.attributions(reservation.id).await, [Attribution::Counted], "nothing tells of it");
        faults.no_history.store(0, Ordering::SeqCst);
        faults.no_effects.store(0, Ordering::SeqCst);
        world.clock.move_on(QUIET_SECONDS + 60);
        world.rest().await;
        assert_eq!(world.attributions(reservation.id).await, [Attribution::Counted, Attribution::Late]);
        // It is tried again after a while.
        world.clock.move_on(86_400);
        world.rest().await;
        world.until_closed(reservation.escrow).await;
        assert_eq!(world.holds("bob", "TFT"), minus(amount(PURSE), amount("2")), "it was clawed back");
        assert_nothing_is_left(&world, &reservation).await;
    }

    async fn a_clawback_is_booked_once_by_an_engine_that_has_forgotten_it(store: &TestStore) {
        let world = world(store).await;
        let reservation = held_short(&world).await;
        world.rest().await;
        world.restart(world.store.clone(), world.network.clone());
        world.claw_back(reservation.escrow, amount("0.5")).await;
        world.rest().await;
        let taken = share(price(&reservation), 25).checked_add(amount("0.5")).unwrap();
        assert_eq!(world.book(BookAccount::ClawedBack(Some(reservation.id)), "TFT").await, taken.get());
        world.assert_reconciled().await;
    }

    async fn a_return_that_failed_because_its_money_was_clawed_back_is_cut_and_paid(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.issuer_may_claw_back().await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        world.pay("alice", reservation.escrow, amount("2"), "TFT").await;
        world.rest().await;
        faults.lost.store(usize::MAX, Ordering::SeqCst);
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "refunding").await;
        world.rest().await;
        world.claw_back(reservation.escrow, amount("1.5")).await;
        world.rest().await;
        assert_eq!(
            world.book(BookAccount::ClawedBack(Some(reservation.id)), "TFT").await,
            0,
            "it may still land"
        );
        faults.lost.store(0, Ordering::SeqCst);
        world.clock.move_on(2);
        world.until(reservation.id, "refunded").await;
        assert_eq!(world.holds("alice", "TFT"), minus(amount(PURSE), amount("1.5")));
        assert_nothing_is_left(&world, &reservation).await;
    }
}
