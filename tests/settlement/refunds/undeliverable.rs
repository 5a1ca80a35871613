//! Money that cannot go back keeps nothing open: neither a reservation, nor an account, nor the returns
//! behind it.

use std::sync::atomic::Ordering;

use farmgate::domain::address::AccountId;
use farmgate::domain::escrow::EscrowState;
use farmgate::domain::ids::ReservationId;
use farmgate::domain::journal::BookAccount;
use farmgate::domain::payment::{Attribution, Memo};
use farmgate::domain::refund::RefundAddress;
use farmgate::domain::reservation::State;
use farmgate::domain::transfer::{Delivery, Transfer, TransferState};
use farmgate::settlement::Settings;

use crate::support::on_both_databases;
use crate::world::faulty_network::faulty;
use crate::world::{
    PAST_MAX_TIME_SECONDS, PAST_THE_DEADLINE_SECONDS, World, amount, engine_settings, platform, price, wallet,
};

const QUIET_SECONDS: i64 = 3_600;
const CARRY_HOME_SECONDS: i64 = 86_400;
const PURSE: &str = "10000";
/// Payers whose accounts are gone: more than are looked up in one tick.
const GONE: usize = 25;

fn soon() -> Settings {
    Settings {
        quiet_period_seconds: QUIET_SECONDS,
        carry_home_seconds: CARRY_HOME_SECONDS,
        ..engine_settings()
    }
}

fn vault() -> RefundAddress {
    RefundAddress::new(wallet("vault").account().into(), Memo::None).unwrap()
}

async fn is_open(world: &World, account: AccountId) -> bool {
    matches!(world.escrow(account).await.state, EscrowState::Assigned { .. })
}

/// Ticks until an account is closed, with time going by.
async fn until_closed(world: &World, account: AccountId) {
    for _ in 0..100 {
        if matches!(world.escrow(account).await.state, EscrowState::Closed { .. }) {
            return;
        }
        world.tick().await.unwrap();
        world.clock.move_on(2);
        world.next_ledger().await;
    }
    panic!("account {account} is {:?}", world.escrow(account).await.state);
}

/// The return of the one payment of its kind.
async fn return_of(world: &World, attribution: Attribution, of: ReservationId) -> Transfer {
    let payments = world.payments(of).await;
    let payment = payments.iter().find(|one| one.attribution == attribution).unwrap().payment.id;
    world.store.begin_read().await.unwrap().refund_of(payment).await.unwrap().unwrap()
}

on_both_databases! {
    async fn a_stroop_of_a_merge_keeps_no_unpaid_reservation_and_no_account(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.restart_with(world.store.clone(), world.network.clone(), soon());
        for name in ["merger", "second", "vault"] {
            world.fund(name).await;
        }
        let unpaid = world.reserve().await;
        let cancelled = world.reserve().await;
        world.rest().await;
        world.merge("merger", unpaid.escrow).await;
        world.merge("second", cancelled.escrow).await;
        world.rest().await;
        let brought = world.balance(unpaid.escrow, "XLM");
        let both = brought.checked_add(world.balance(cancelled.escrow, "XLM")).unwrap();
        let home = world.holds("platform", "XLM");
        world.cancel(cancelled.id).await.unwrap();
        world.clock.move_on(2);
        world.until(cancelled.id, "cancelled").await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(unpaid.id, "expired").await;
        world.clock.move_on(QUIET_SECONDS + 60);
        until_closed(&world, unpaid.escrow).await;
        until_closed(&world, cancelled.escrow).await;
        assert_eq!(world.holds("platform", "XLM"), home.checked_add(both).unwrap(), "channels pay the fees");
        assert_eq!(world.book(BookAccount::Unattributed, "XLM").await, -both.get(), "it is still owed");
        world.assert_reconciled().await;
        let owed = return_of(&world, Attribution::Unassigned, unpaid.id).await;
        assert_eq!((owed.from, owed.delivery, owed.amount), (platform(), Delivery::Undecided, brought));
        let before = world.holds("vault", "XLM");
        let payment = world.payments(unpaid.id).await[0].payment.id;
        world.return_to(payment, vault()).await.unwrap();
        world.until_holds("vault", "XLM", before.checked_add(brought).unwrap()).await;
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn xlm_for_who_demands_a_memo_goes_home_with_its_account_and_stays_owed(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.restart_with(world.store.clone(), world.network.clone(), soon());
        world.customer("alice").await;
        world.fund("exchange").await;
        world.demand_memos("exchange").await;
        let reservation = world.reserve().await;
        world.pay("exchange", reservation.escrow, amount("2"), "XLM").await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settled").await;
        world.rest().await;
        world.clock.move_on(QUIET_SECONDS + 60);
        until_closed(&world, reservation.escrow).await;
        world.assert_reconciled().await;
        let owed = return_of(&world, Attribution::OtherAsset, reservation.id).await;
        assert_eq!((owed.from, owed.state), (platform(), TransferState::Pending));
        let before = world.holds("exchange", "XLM");
        let payments = world.payments(reservation.id).await;
        let other = payments.iter().find(|one| one.attribution == Attribution::OtherAsset).unwrap();
        let told = RefundAddress::new(wallet("exchange").account().into(), Memo::Id(7)).unwrap();
        world.return_to(other.payment.id, told).await.unwrap();
        world.until_holds("exchange", "XLM", before.checked_add(amount("2")).unwrap()).await;
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn tokens_that_cannot_go_back_are_carried_home_after_a_long_while_and_stay_owed(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.trust("platform", "TFT").await;
        world.restart_with(world.store.clone(), world.network.clone(), soon());
        world.customer("alice").await;
        world.customer("vault").await;
        faults.by_contract.store(true, Ordering::SeqCst);
        let reservation = world.reserve().await;
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.rest().await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "refunding").await;
        world.clock.move_on(QUIET_SECONDS + 60);
        world.rest().await;
        assert!(is_open(&world, reservation.escrow).await, "somebody may say where it belongs");
        let sponsoring = world.sponsoring().await;
        world.clock.move_on(CARRY_HOME_SECONDS);
        until_closed(&world, reservation.escrow).await;
        assert!(world.sponsoring().await < sponsoring, "the reserves came home");
        assert_eq!(world.holds("platform", "TFT"), amount("1"));
        assert_eq!(world.state(reservation.id).await, "refunding", "it waits for an address");
        assert_eq!(world.book(BookAccount::Deposits(reservation.id), "TFT").await, -amount("1").get());
        world.assert_reconciled().await;
        let payment = world.payments(reservation.id).await[0].payment.id;
        world.return_to(payment, vault()).await.unwrap();
        world.until(reservation.id, "refunded").await;
        assert_eq!(world.holds("vault", "TFT"), amount("10001"));
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn tokens_that_the_platform_does_not_trust_keep_their_account_open(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.restart_with(world.store.clone(), world.network.clone(), soon());
        world.customer("alice").await;
        faults.by_contract.store(true, Ordering::SeqCst);
        let reservation = world.reserve().await;
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.rest().await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "refunding").await;
        world.clock.move_on(QUIET_SECONDS + CARRY_HOME_SECONDS);
        let built = faults.built();
        world.rest().await;
        assert!(is_open(&world, reservation.escrow).await);
        assert_eq!(faults.built(), built, "what cannot land is not built");
        assert_eq!(world.balance(reservation.escrow, "TFT"), amount("1"));
        world.assert_reconciled().await;
    }

    async fn a_closing_that_carries_money_and_never_lands_is_made_again(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.trust("platform", "TFT").await;
        world.restart_with(world.store.clone(), world.network.clone(), soon());
        world.customer("alice").await;
        world.fund("merger").await;
        faults.by_contract.store(true, Ordering::SeqCst);
        let reservation = world.reserve().await;
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.merge("merger", reservation.escrow).await;
        world.rest().await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "refunding").await;
        let brought = world.balance(reservation.escrow, "XLM");
        faults.lost.store(usize::MAX, Ordering::SeqCst);
        world.clock.move_on(QUIET_SECONDS + CARRY_HOME_SECONDS);
        world.rest().await;
        assert!(!is_open(&world, reservation.escrow).await, "it is being closed");
        world.clock.move_on(PAST_MAX_TIME_SECONDS);
        world.rest().await;
        assert!(is_open(&world, reservation.escrow).await);
        assert_eq!(world.balance(reservation.escrow, "TFT"), amount("1"));
        world.assert_reconciled().await;
        faults.lost.store(0, Ordering::SeqCst);
        world.restart_with(world.store.clone(), world.network.clone(), soon());
        until_closed(&world, reservation.escrow).await;
        assert_eq!(world.holds("platform", "TFT"), amount("1"));
        assert_eq!(world.book(BookAccount::Unattributed, "XLM").await, -brought.get());
        world.assert_reconciled().await;
    }

    async fn money_that_does_not_count_keeps_no_reservation_from_being_refunded(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        world.fund("stranger").await;
        let reservation = world.reserve().await;
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.rest().await;
        faults.by_contract.store(true, Ordering::SeqCst);
        world.pay("stranger", reservation.escrow, amount("0.0000001"), "XLM").await;
        world.rest().await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "refunded").await;
        assert_eq!(world.holds("alice", "TFT"), amount(PURSE));
        let owed = return_of(&world, Attribution::OtherAsset, reservation.id).await;
        assert_eq!((owed.delivery, owed.state), (Delivery::Undecided, TransferState::Pending));
        assert_eq!(world.book(BookAccount::Deposits(reservation.id), "XLM").await, -1, "and it is listed");
        world.assert_reconciled().await;
    }

    async fn a_reservation_that_was_paid_in_the_wrong_token_alone_expires(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.fund("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        let before = world.holds("alice", "XLM");
        world.pay("alice", reservation.escrow, amount("2"), "XLM").await;
        let fee = amount("0.00001");
        world.next_ledger().await;
        world.tick().await.unwrap();
        world.until_holds("alice", "XLM", before.checked_sub(fee).unwrap()).await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        let expired = world.until(reservation.id, "expired").await;
        assert!(matches!(expired.state, State::Expired { ledger: Some(_), .. }));
        let back = return_of(&world, Attribution::OtherAsset, reservation.id).await;
        assert!(matches!(back.state, TransferState::Confirmed { .. }), "it did not wait for the deadline");
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn returns_that_cannot_be_delivered_hold_up_none_behind_them(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.restart_with(
            world.store.clone(),
            world.network.clone(),
            Settings { channels: 1, ..engine_settings() },
        );
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        for number in 0..GONE {
            let name = format!("gone-{number}");
            world.fund(&name).await;
            world.pay(&name, reservation.escrow, amount("1"), "XLM").await;
            world.merge(&name, wallet("alice").account()).await;
        }
        let before = world.holds("alice", "TFT");
        world.cancel(reservation.id).await.unwrap();
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.next_ledger().await;
        for _ in 0..8 {
            world.tick().await.unwrap();
            // Past the longest pause: all that could not be delivered is tried again in every tick.
            world.clock.move_on(100_000);
            world.next_ledger().await;
        }
        assert_eq!(world.holds("alice", "TFT"), before);
        world.rest().await;
        world.assert_reconciled().await;
    }
}
