//! Decisions that only a ledger of the right time may prove, and instances of Horizon that are behind.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use farmgate::app::clock::SystemEntropy;
use farmgate::domain::ids::ReservationId;
use farmgate::ports::clock::Clock;
use farmgate::ports::network::AccountPage;
use farmgate::settlement::{Engine, Outside};
use jiff::SignedDuration;

use crate::support::on_both_databases;
use crate::world::clock::MovedClock;
use crate::world::faulty_network::{Faults, faulty};
use crate::world::{
    FARMER, PAST_MAX_TIME_SECONDS, PAST_THE_DEADLINE_SECONDS, World, amount, engine_settings, price, share,
};

const ALWAYS: usize = usize::MAX;

/// Ticks some times, and wants the reservation where it is.
async fn stays(world: &World, id: ReservationId, state: &str, why: &str) {
    for _ in 0..4 {
        world.next_ledger().await;
        world.tick().await.unwrap();
        assert_eq!(world.state(id).await, state, "{why}");
    }
}

/// From now on the channels are as an instance has them that gets no further ledgers.
async fn channels_stand_still(world: &World, faults: &Faults) {
    let channels = world.store.begin_read().await.unwrap().channels().await.unwrap().all().unwrap();
    for channel in channels {
        let answer = world.plain.account(channel.account).await.unwrap();
        faults.accounts_before.lock().unwrap().insert(channel.account, answer);
    }
}

async fn page(world: &World) -> AccountPage {
    world.plain.watched_accounts(None).await.unwrap()
}

/// Ledgers of five seconds, ten minutes of them.
const OVERDUE_TICKS: usize = 120;

on_both_databases! {
    async fn an_instance_behind_max_time_proves_no_death(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        let built = faults.built();
        channels_stand_still(&world, &faults).await;
        faults.land_unseen.store(1, Ordering::SeqCst);
        faults.blind.store(ALWAYS, Ordering::SeqCst);
        let whole = price(&reservation);
        // Enough for two settlements: only we ourselves are in the way of a second one.
        world.pay("alice", reservation.escrow, whole.checked_add(whole).unwrap(), "TFT").await;
        world.until(reservation.id, "settling").await;
        world.clock.move_on(PAST_MAX_TIME_SECONDS);
        let why = "the answer about the channel is of a ledger before max_time";
        stays(&world, reservation.id, "settling", why).await;
        assert_eq!(faults.built(), built + 1);
        faults.accounts_before.lock().unwrap().clear();
        world.until(reservation.id, "settled").await;
        faults.blind.store(0, Ordering::SeqCst);
        world.rest().await;
        assert_eq!(world.holds(FARMER, "TFT"), whole.checked_sub(share(whole, 10)).unwrap());
        let left = amount("10000").checked_sub(whole).unwrap();
        world.until_holds("alice", "TFT", left).await;
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn a_page_from_before_the_deadline_expires_nobody(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        let before = page(&world).await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        *faults.page_before.lock().unwrap() = Some(before);
        let why = "the page is of a ledger before the deadline, and the money came in time";
        stays(&world, reservation.id, "awaiting_payment", why).await;
        *faults.page_before.lock().unwrap() = None;
        world.until(reservation.id, "settled").await;
        world.assert_reconciled().await;
    }

    async fn money_that_history_does_not_show_yet_leaves_its_deadline_undecided(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        faults.no_history.store(ALWAYS, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        let why = "the balance says that something came, history not yet when";
        stays(&world, reservation.id, "awaiting_payment", why).await;
        faults.no_history.store(0, Ordering::SeqCst);
        world.until(reservation.id, "settled").await;
        world.assert_reconciled().await;
    }

    async fn an_overdue_account_that_nothing_explains_is_asked_about_ever_less_often(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        faults.no_history.store(ALWAYS, Ordering::SeqCst);
        faults.no_effects.store(ALWAYS, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.rest().await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.next_ledger().await;
        let before = faults.histories.load(Ordering::SeqCst);
        world.tick().await.unwrap();
        assert!(
            faults.histories.load(Ordering::SeqCst) > before,
            "its end is to be decided: it is asked at once"
        );
        let before = faults.histories.load(Ordering::SeqCst);
        for _ in 0..OVERDUE_TICKS {
            world.clock.move_on(5);
            world.next_ledger().await;
            world.tick().await.unwrap();
        }
        let asked = faults.histories.load(Ordering::SeqCst) - before;
        // Pauses of 1, 2, 4 seconds and so on, with a payment list and effects asked for after each.
        assert!((8..=20).contains(&asked), "{asked} requests in {OVERDUE_TICKS} ledgers");
        assert_eq!(world.state(reservation.id).await, "awaiting_payment");
        faults.no_history.store(0, Ordering::SeqCst);
        faults.no_effects.store(0, Ordering::SeqCst);
        world.clock.move_on(600);
        world.until(reservation.id, "settled").await;
        world.assert_reconciled().await;
    }

    async fn a_payment_that_hides_behind_an_unseen_payout_is_found(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        faults.land_unseen.store(1, Ordering::SeqCst);
        faults.blind.store(ALWAYS, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settling").await;
        faults.lost.store(ALWAYS, Ordering::SeqCst);
        faults.no_history.store(ALWAYS, Ordering::SeqCst);
        // The same amount goes out unseen and comes in unread: the balance is what the journal has.
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        assert_eq!(world.balance(reservation.escrow, "TFT"), price(&reservation));
        stays(&world, reservation.id, "settling", "nobody knows yet").await;
        let escrow = world.escrow(reservation.escrow).await;
        assert!(escrow.watch.dirty_since.is_some(), "equal by chance is not explained");
        faults.lost.store(0, Ordering::SeqCst);
        faults.blind.store(0, Ordering::SeqCst);
        world.until(reservation.id, "settled").await;
        faults.no_history.store(0, Ordering::SeqCst);
        world.clock.move_on(PAST_MAX_TIME_SECONDS);
        world.rest().await;
        assert_eq!(world.payments(reservation.id).await.len(), 2);
        world.assert_reconciled().await;
    }

    async fn a_page_older_than_what_was_taken_in_explains_nothing(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        world.fund("merger").await;
        let reservation = world.reserve().await;
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.rest().await;
        let before = page(&world).await;
        // Brings XLM that no payment tells of, and no effect yet, and carries the cursor past the old page.
        faults.no_effects.store(ALWAYS, Ordering::SeqCst);
        world.merge("merger", reservation.escrow).await;
        world.rest().await;
        let unexplained = world.escrow(reservation.escrow).await;
        let since = unexplained.watch.dirty_since.expect("the merge's XLM is not in the journal");
        assert!(unexplained.watch.cursor.ledger() > before.ledger);
        *faults.page_before.lock().unwrap() = Some(before);
        world.rest().await;
        let still = world.escrow(reservation.escrow).await;
        assert_eq!(still.watch.dirty_since, Some(since), "the old page does not have the XLM");
        *faults.page_before.lock().unwrap() = None;
        faults.no_effects.store(0, Ordering::SeqCst);
        world.clock.move_on(PAST_MAX_TIME_SECONDS);
        world.rest().await;
        assert_eq!(world.escrow(reservation.escrow).await.watch.dirty_since, None, "effects tell of it");
        world.assert_reconciled().await;
    }

    async fn a_clock_of_ours_that_is_hours_ahead_decides_nothing(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        let ahead = Arc::new(MovedClock::default());
        ahead.move_on(2 * PAST_THE_DEADLINE_SECONDS);
        let entropy = Arc::new(SystemEntropy);
        let (store, network) = (world.store.clone(), world.network.clone());
        let engine = Engine::new(Outside { store, network, clock: ahead, entropy }, engine_settings());
        for _ in 0..4 {
            world.next_ledger().await;
            engine.tick().await.unwrap();
        }
        assert_eq!(
            world.state(reservation.id).await,
            "awaiting_payment",
            "no ledger closed after the deadline"
        );
        faults.lost.store(ALWAYS, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.next_ledger().await;
        engine.tick().await.unwrap();
        let live = world.store.begin_read().await.unwrap().live_submissions().await.unwrap().all().unwrap();
        let lifetime = SignedDuration::from_secs(engine_settings().transaction_lifetime_seconds);
        assert!(live[0].max_time <= world.clock.now() + lifetime, "it counts from ledger time");
        faults.lost.store(0, Ordering::SeqCst);
        world.until(reservation.id, "settled").await;
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn a_record_that_nobody_can_read_is_put_aside_and_the_next_one_counts(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        faults.garbled.store(1, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.rest().await;
        let quarantined = world.store.begin_read().await.unwrap().quarantined(10).await.unwrap();
        assert_eq!(quarantined.len(), 1);
        assert_eq!(quarantined[0].account, reservation.escrow);
        assert_eq!(Some(world.escrow(reservation.escrow).await.watch.cursor), quarantined[0].operation);
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settled").await;
        world.rest().await;
        let lacking = (reservation.escrow, world.asset("TFT"), -amount("1").get());
        assert_eq!(world.differences().await, [lacking].into_iter().collect(), "what nobody could read");
    }
}
