//! A database that was restored from a backup, and what it does not know.

use farmgate::domain::address::AccountId;
use farmgate::domain::escrow::EscrowState;
use farmgate::domain::ids::LedgerSeq;
use farmgate::domain::ledger::INSTANCE_LAG_SECONDS_MAX;
use farmgate::domain::payment::Memo;
use farmgate::domain::refund::RefundAddress;
use farmgate::domain::reservation::Reservation;
use farmgate::ports::clock::Clock;
use farmgate::ports::store::EngineStatus;
use farmgate::reservations::{self, OrderRequest};
use farmgate::settlement::{Decision, EngineError, Settings};
use jiff::{SignedDuration, Timestamp};

use super::copy::Backup;
use crate::support::{TestStore, on_both_databases};
use crate::world::{
    FARMER, PAST_MAX_TIME_SECONDS, PAST_THE_DEADLINE_SECONDS, World, amount, engine_settings, farmers_share,
    price, wallet,
};

const QUIET_SECONDS: i64 = 3_600;
const AN_HOUR_SECONDS: i64 = 3_600;

fn settings() -> Settings {
    Settings { quiet_period_seconds: QUIET_SECONDS, ..engine_settings() }
}

/// Lets the engine see what it does not know, and wait until nothing of that can be under way.
async fn wait_for_what_is_under_way(world: &World) {
    world.rest().await;
    world.clock.move_on(PAST_MAX_TIME_SECONDS);
    world.rest().await;
}

/// An engine that remembers nothing.
fn restart(world: &World) {
    world.restart_with(world.store.clone(), world.network.clone(), settings());
}

async fn world(store: &TestStore) -> World {
    let world = World::new(store.store.clone()).await;
    restart(&world);
    world.customer("alice").await;
    world
}

/// A reservation that is held, because its account was frozen when it was to be settled.
async fn frozen(store: &TestStore) -> (World, Reservation) {
    let world = world(store).await;
    world.issuer_may_claw_back().await;
    let reservation = world.reserve().await;
    world.rest().await;
    world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
    world.freeze(reservation.escrow, true).await;
    world.until(reservation.id, "held").await;
    (world, reservation)
}

/// Stores what an engine reported that saw its last ledger so long ago.
async fn last_seen(world: &World, seconds_ago: i64, builds_nothing_before: Option<Timestamp>) {
    let seen = world.clock.now() - SignedDuration::from_secs(seconds_ago);
    let status = EngineStatus {
        ticked_at: seen,
        ledger: LedgerSeq(2),
        ledger_closed_at: seen,
        swept_at: Some(seen),
        trouble: None,
        stream_away_since: None,
        builds_nothing_before,
        stopped: None,
        server: None,
        left_alone: None,
    };
    world
        .write(move |tx| {
            let status = status.clone();
            Box::pin(async move { tx.report(&status).await })
        })
        .await;
}

on_both_databases! {
    async fn a_settlement_that_the_backup_does_not_know_is_found_and_not_paid_again(store: &TestStore) {
        let world = world(store).await;
        let reservation = world.reserve().await;
        world.rest().await;
        let backup = Backup::take(store).await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settled").await;
        backup.restore(store).await;
        restart(&world);
        assert_eq!(world.state(reservation.id).await, "awaiting_payment");
        let again = world.until(reservation.id, "settled").await;
        world.rest().await;
        assert_eq!(world.holds(FARMER, "TFT"), farmers_share(&reservation), "paid once");
        let farmgate::domain::reservation::State::Settled { settlement, .. } = again.state else { panic!() };
        assert!(settlement.transaction.is_some());
        assert_eq!(world.pool(settlement.pool).await.grants.len(), 1, "the pool has what was paid for");
        world.assert_reconciled().await;
    }

    async fn a_settlement_of_what_the_backup_has_as_held_is_found_and_not_paid_again(store: &TestStore) {
        let (world, reservation) = frozen(store).await;
        let held = Backup::take(store).await;
        world.freeze(reservation.escrow, false).await;
        world.resolve(reservation.id, Decision::Settle).await.unwrap();
        world.until(reservation.id, "settled").await;
        held.restore(store).await;
        restart(&world);
        assert_eq!(world.state(reservation.id).await, "held");
        world.until(reservation.id, "settled").await;
        world.rest().await;
        assert_eq!(world.holds(FARMER, "TFT"), farmers_share(&reservation), "paid once");
        world.assert_reconciled().await;
    }

    async fn a_decision_to_refund_that_the_backup_does_not_know_is_found_in_the_returns(store: &TestStore) {
        let (world, reservation) = frozen(store).await;
        let held = Backup::take(store).await;
        world.freeze(reservation.escrow, false).await;
        world.resolve(reservation.id, Decision::Refund).await.unwrap();
        world.until(reservation.id, "refunded").await;
        held.restore(store).await;
        restart(&world);
        assert_eq!(world.state(reservation.id).await, "held");
        world.until(reservation.id, "refunded").await;
        world.rest().await;
        assert_eq!(world.holds("alice", "TFT"), amount("10000"), "once");
        world.assert_reconciled().await;
    }

    async fn a_refund_of_what_the_backup_does_not_know_as_paid_is_found(store: &TestStore) {
        let world = world(store).await;
        world.issuer_may_claw_back().await;
        let reservation = world.reserve().await;
        world.rest().await;
        let unpaid = Backup::take(store).await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.freeze(reservation.escrow, true).await;
        world.until(reservation.id, "held").await;
        world.freeze(reservation.escrow, false).await;
        world.resolve(reservation.id, Decision::Refund).await.unwrap();
        world.until(reservation.id, "refunded").await;
        unpaid.restore(store).await;
        restart(&world);
        assert_eq!(world.state(reservation.id).await, "awaiting_payment");
        world.until(reservation.id, "refunded").await;
        world.rest().await;
        assert_eq!(world.holds("alice", "TFT"), amount("10000"), "once");
        world.assert_reconciled().await;
    }

    async fn a_return_of_what_did_not_count_leaves_its_reservation_open(store: &TestStore) {
        let world = world(store).await;
        let reservation = world.reserve().await;
        world.rest().await;
        let backup = Backup::take(store).await;
        let before = world.holds("alice", "XLM");
        world.pay("alice", reservation.escrow, amount("7"), "XLM").await;
        world.until_holds("alice", "XLM", before.checked_sub(amount("0.00001")).unwrap()).await;
        backup.restore(store).await;
        restart(&world);
        world.rest().await;
        assert_eq!(world.state(reservation.id).await, "awaiting_payment", "nothing that counted went back");
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "funded").await;
        wait_for_what_is_under_way(&world).await;
        world.until(reservation.id, "settled").await;
        world.rest().await;
        let back = before.checked_sub(amount("0.00002")).unwrap();
        assert_eq!(world.holds("alice", "XLM"), back, "once, and two fees");
        world.assert_reconciled().await;
    }

    async fn an_excess_that_went_back_before_the_restore_does_not_go_back_again(store: &TestStore) {
        let world = world(store).await;
        let reservation = world.reserve().await;
        world.rest().await;
        let backup = Backup::take(store).await;
        let much = price(&reservation).checked_add(amount("7")).unwrap();
        world.pay("alice", reservation.escrow, much, "TFT").await;
        world.until(reservation.id, "settled").await;
        let rest = amount("10000").checked_sub(price(&reservation)).unwrap();
        world.until_holds("alice", "TFT", rest).await;
        backup.restore(store).await;
        restart(&world);
        world.until(reservation.id, "settled").await;
        world.rest().await;
        assert_eq!(world.holds(FARMER, "TFT"), farmers_share(&reservation));
        assert_eq!(world.holds("alice", "TFT"), rest);
        world.assert_reconciled().await;
    }

    async fn a_return_that_the_backup_does_not_know_is_not_paid_again(store: &TestStore) {
        let world = world(store).await;
        let reservation = world.reserve().await;
        world.rest().await;
        let backup = Backup::take(store).await;
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.rest().await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "refunded").await;
        world.until_holds("alice", "TFT", amount("10000")).await;
        backup.restore(store).await;
        restart(&world);
        world.until(reservation.id, "refunded").await;
        world.rest().await;
        assert_eq!(world.holds("alice", "TFT"), amount("10000"));
        world.assert_reconciled().await;
    }

    async fn a_return_with_the_memo_of_its_order_is_found_after_a_restore(store: &TestStore) {
        let world = world(store).await;
        let refund = RefundAddress::new(wallet("alice").account().into(), Memo::Id(1_047)).unwrap();
        let reservation = world.reserve_as(OrderRequest { refund: Some(refund), ..world.request() }).await;
        world.rest().await;
        let backup = Backup::take(store).await;
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.rest().await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "refunded").await;
        world.until_holds("alice", "TFT", amount("10000")).await;
        backup.restore(store).await;
        restart(&world);
        world.until(reservation.id, "refunded").await;
        world.rest().await;
        assert_eq!(world.holds("alice", "TFT"), amount("10000"), "paid once");
        world.assert_reconciled().await;
    }

    async fn an_account_that_the_backup_does_not_know_is_adopted_and_its_money_goes_back(store: &TestStore) {
        let world = world(store).await;
        world.reserve().await;
        world.rest().await;
        let sponsored = world.sponsoring().await;
        let backup = Backup::take(store).await;
        // Takes an account that the backup knows as waiting, and has others opened that it does not know at
        // all.
        let lost = world.reserve().await;
        world.rest().await;
        let page = world.network.watched_accounts(None).await.unwrap();
        let accounts: Vec<AccountId> = page.accounts.iter().map(|snapshot| snapshot.account).collect();
        world.pay("alice", lost.escrow, amount("1"), "TFT").await;
        world.rest().await;
        backup.restore(store).await;
        let known = world.store.begin_read().await.unwrap().escrows(&accounts).await.unwrap().all().unwrap();
        assert!(known.iter().any(|one| one.account == lost.escrow && one.state == EscrowState::Ready));
        restart(&world);
        wait_for_what_is_under_way(&world).await;
        world.until_holds("alice", "TFT", amount("10000")).await;
        let next = world.reserve().await;
        let all = world.store.begin_read().await.unwrap().escrows(&accounts).await.unwrap().all().unwrap();
        let adopted: Vec<AccountId> =
            all.iter().filter(|one| one.state == EscrowState::Adopted).map(|one| one.account).collect();
        assert!(adopted.contains(&lost.escrow), "it was given out");
        assert!(!accounts.contains(&next.escrow), "whatever was ready may have been given out");
        assert!(all.len() > known.len(), "an account was not known at all");
        world.assert_reconciled().await;
        world.clock.move_on(QUIET_SECONDS + 60);
        for account in adopted {
            world.until_closed(account).await;
        }
        // Both reservations have expired, and their accounts are closed, too.
        world.clock.move_on(QUIET_SECONDS + 60);
        world.until_sponsoring_at_most(sponsored).await;
        world.assert_reconciled().await;
    }

    async fn a_reservation_that_was_lost_with_its_settlement_stops_nobody(store: &TestStore) {
        let world = world(store).await;
        world.reserve().await;
        world.rest().await;
        let backup = Backup::take(store).await;
        let lost = world.reserve().await;
        let much = price(&lost).checked_add(amount("7")).unwrap();
        world.pay("alice", lost.escrow, much, "TFT").await;
        world.until(lost.id, "settled").await;
        let rest = amount("10000").checked_sub(price(&lost)).unwrap();
        world.until_holds("alice", "TFT", rest).await;
        backup.restore(store).await;
        restart(&world);
        last_seen(&world, AN_HOUR_SECONDS, None).await;
        let early = world.open(world.request()).await;
        assert!(matches!(early, Err(reservations::Error::NoEscrowReady)), "{early:?}");
        last_seen(&world, 0, None).await;
        wait_for_what_is_under_way(&world).await;
        let next = world.reserve().await;
        assert_ne!(next.escrow, lost.escrow, "it was given out");
        world.pay("alice", next.escrow, price(&next), "TFT").await;
        world.until(next.id, "settled").await;
        world.rest().await;
        assert_eq!(
            world.holds("alice", "TFT"),
            rest.checked_sub(price(&next)).unwrap(),
            "nothing came twice"
        );
        let both = farmers_share(&lost).checked_add(farmers_share(&next)).unwrap();
        assert_eq!(world.holds(FARMER, "TFT"), both);
        world.assert_reconciled().await;
    }

    async fn what_was_not_owed_stops_the_engine_also_after_a_restore(store: &TestStore) {
        let world = world(store).await;
        let reservation = world.reserve().await;
        world.pay("alice", reservation.escrow, amount("3"), "TFT").await;
        world.rest().await;
        let backup = Backup::take(store).await;
        world.steal("platform", reservation.escrow, amount("2"), "TFT").await;
        backup.restore(store).await;
        restart(&world);
        let mut outcome = Ok(());
        for _ in 0..20 {
            world.next_ledger().await;
            if let Err(error) = world.tick().await {
                outcome = Err(error);
                break;
            }
        }
        assert!(matches!(outcome, Err(EngineError::ForeignOutgoing { .. })), "{outcome:?}");
    }

    async fn no_account_is_given_out_while_the_engine_is_silent(store: &TestStore) {
        let world = world(store).await;
        world.reserve().await;
        world.rest().await;
        last_seen(&world, AN_HOUR_SECONDS, None).await;
        let refused = world.open(world.request()).await;
        assert!(matches!(refused, Err(reservations::Error::NoEscrowReady)), "{refused:?}");
        let waits = world.clock.now() + SignedDuration::from_secs(60);
        last_seen(&world, 0, Some(waits)).await;
        let refused = world.open(world.request()).await;
        assert!(matches!(refused, Err(reservations::Error::NoEscrowReady)), "{refused:?}");
        last_seen(&world, 60, None).await;
        world.open(world.request()).await.unwrap();
    }

    async fn after_an_hour_unseen_nothing_is_built_for_as_long_as_a_transaction_lives(store: &TestStore) {
        let world = world(store).await;
        let reservation = world.reserve().await;
        world.rest().await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        last_seen(&world, AN_HOUR_SECONDS, None).await;
        restart(&world);
        let funded = world.until(reservation.id, "funded").await;
        let lifetime = settings().transaction_lifetime_seconds;
        let mut report = world.tick().await.unwrap();
        for _ in 0..3 {
            world.rest().await;
            report = world.tick().await.unwrap();
            assert_eq!(world.state(funded.id).await, "funded", "something may still be under way");
        }
        let not_before = report.builds_nothing_before.unwrap();
        // A restart meanwhile does not shorten it.
        last_seen(&world, 0, Some(not_before)).await;
        restart(&world);
        world.rest().await;
        assert_eq!(world.state(funded.id).await, "funded");
        // What was built last may count from a later ledger than an instance shows that is behind.
        world.clock.move_on(lifetime + 10);
        world.rest().await;
        assert_eq!(world.state(funded.id).await, "funded", "something may still be under way");
        world.clock.move_on(INSTANCE_LAG_SECONDS_MAX);
        world.until(funded.id, "settled").await;
        assert_eq!(world.tick().await.unwrap().builds_nothing_before, None);
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn after_a_short_stop_everything_goes_on_at_once(store: &TestStore) {
        let world = world(store).await;
        let reservation = world.reserve().await;
        world.rest().await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        last_seen(&world, settings().transaction_lifetime_seconds / 2, None).await;
        restart(&world);
        world.until(reservation.id, "settled").await;
        world.rest().await;
        world.assert_reconciled().await;
        assert_eq!(world.holds(FARMER, "TFT"), farmers_share(&reservation));
    }
}
