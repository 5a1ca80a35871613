//! Rows that cannot be read: each is its own trouble, is listed with table, column and key, and what it is
//! about goes on once it is mended.

use std::sync::atomic::Ordering;

use farmgate::domain::address::Address;
use farmgate::domain::dead_letter::{Kind, LetterId};
use farmgate::domain::escrow::{ChannelRole, EscrowState};
use farmgate::domain::ids::NodeId;
use farmgate::domain::reservation::Reservation;
use farmgate::operator::{LetterFilter, dead_letters, dismiss};
use farmgate::ports::clock::Clock;
use farmgate::ports::store::LIST_ROWS_MAX;
use farmgate::reservations::OrderRequest;
use farmgate_sandbox::wallet::Memo;

use crate::restores::copy::Backup;
use crate::support::{TestStore, on_both_databases};
use crate::world::faulty_network::faulty;
use crate::world::{
    FARMER, PAST_MAX_TIME_SECONDS, PAST_THE_DEADLINE_SECONDS, World, amount, farmers_share, price, wallet,
};

/// Facts of a version that this program does not know.
const FACTS: &str = "'{\"of\":\"another version\"}'";
/// A held reservation's account is looked at again by then.
const HELD_LOOKED_AT_AGAIN_SECONDS: i64 = 3_600;
/// As many as the engine opens.
const CHANNELS: u16 = 2;
/// After so long nobody has met a row any more.
const FORGOTTEN_SECONDS: i64 = 86_400 + 601;

/// Past the longest pause of what could not be delivered.
const A_DAY_SECONDS: i64 = 86_401;

/// An order for the farm's other node.
fn on_the_other_node(world: &World) -> OrderRequest {
    let mut request = world.request();
    request.nodes = vec![NodeId::new(2).unwrap()];
    request
}

/// A row that is made unreadable, and how it was.
struct Spoiled<'s> {
    store: &'s TestStore,
    table: &'static str,
    column: &'static str,
    key: String,
    before: String,
}

impl<'s> Spoiled<'s> {
    async fn new(
        store: &'s TestStore,
        (table, column): (&'static str, &'static str),
        key: String,
        value: &str,
    ) -> Self {
        let mut raw = store.raw().await;
        let before = raw.texts(&format!("SELECT {column} FROM {table} WHERE {key}")).await.remove(0);
        raw.run(&format!("UPDATE {table} SET {column} = {value} WHERE {key}")).await;
        Self { store, table, column, key, before }
    }

    async fn mend(self) {
        let Self { store, table, column, key, before } = self;
        store.tamper(&format!("UPDATE {table} SET {column} = '{before}' WHERE {key}")).await;
    }
}

/// What is listed of rows that cannot be read: table, column and key.
async fn listed(world: &World) -> Vec<String> {
    let filter = LetterFilter { kind: Some(Kind::UnreadableRow), dismissed: false };
    let mut tx = world.store.begin_read().await.unwrap();
    let letters = dead_letters(&mut *tx, &filter, world.clock.now(), None, LIST_ROWS_MAX).await.unwrap();
    let rows = letters.into_iter().filter_map(|letter| letter.row);
    rows.map(|row| format!("{}.{} of {}", row.table, row.column, row.key)).collect()
}

async fn all_letters(world: &World) -> Vec<LetterId> {
    let mut tx = world.store.begin_read().await.unwrap();
    let filter = LetterFilter::default();
    let letters = dead_letters(&mut *tx, &filter, world.clock.now(), None, LIST_ROWS_MAX).await.unwrap();
    letters.into_iter().map(|letter| letter.id.parse().unwrap()).collect()
}

/// Alice's two reservations, paid in full by one payment each, and not settled yet.
async fn two_paid(store: &TestStore) -> (World, Reservation, Reservation) {
    let world = World::new(store.store.clone()).await;
    world.customer("alice").await;
    let (first, second) = (world.reserve().await, world.reserve().await);
    world.rest().await;
    for reservation in [&first, &second] {
        world.pay("alice", reservation.escrow, price(reservation), "TFT").await;
    }
    (world, first, second)
}

on_both_databases! {
    async fn one_reservation_that_cannot_be_read_stops_no_other(store: &TestStore) {
        let (world, bad, good) = two_paid(store).await;
        let columns = ("reservations", "state_facts");
        let row = Spoiled::new(store, columns, format!("id = {}", bad.id), FACTS).await;
        world.until(good.id, "settled").await;
        // Also where an engine begins anew, and nobody asks for it by name.
        world.restart(world.store.clone(), world.network.clone());
        let third = world.reserve().await;
        world.pay("alice", third.escrow, price(&third), "TFT").await;
        world.until(third.id, "settled").await;
        let named = format!("reservations.state_facts of id {}", bad.id);
        assert_eq!(listed(&world).await, [named.as_str()]);
        let paid = world.holds(FARMER, "TFT");
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.rest().await;
        assert_eq!(world.holds(FARMER, "TFT"), paid, "nothing is decided about what cannot be read");
        assert_eq!(listed(&world).await, [named]);
        row.mend().await;
        world.until(bad.id, "settled").await;
        let shares = [&bad, &good, &third].map(|one| farmers_share(one).get());
        assert_eq!(world.holds(FARMER, "TFT").get(), shares.into_iter().sum::<i64>(), "each once");
        world.clock.move_on(FORGOTTEN_SECONDS);
        world.rest().await;
        assert!(listed(&world).await.is_empty(), "nobody met it for a day");
        world.assert_reconciled().await;
    }

    async fn a_transfer_that_cannot_be_read_holds_up_its_reservation_alone(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        for name in ["alice", "bob"] {
            world.customer(name).await;
        }
        let (bad, good) = (world.reserve().await, world.reserve().await);
        world.rest().await;
        world.pay("alice", bad.escrow, amount("1"), "TFT").await;
        world.pay("bob", good.escrow, amount("1"), "TFT").await;
        world.rest().await;
        faults.lost.store(usize::MAX, Ordering::SeqCst);
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(bad.id, "refunding").await;
        let back = world.store.begin_read().await.unwrap().transfers_of(bad.id).await.unwrap().remove(0);
        let columns = ("transfers", "memo_facts");
        let row = Spoiled::new(store, columns, format!("id = {}", back.id), FACTS).await;
        faults.lost.store(0, Ordering::SeqCst);
        world.until(good.id, "refunded").await;
        world.until_holds("bob", "TFT", amount("10000")).await;
        assert_eq!(listed(&world).await, [format!("transfers.memo_facts of id {}", back.id)]);
        row.mend().await;
        world.until(bad.id, "refunded").await;
        world.until_holds("alice", "TFT", amount("10000")).await;
        world.assert_reconciled().await;
    }

    async fn a_live_transaction_that_cannot_be_read_keeps_its_channel_alone(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let bad = world.reserve().await;
        world.rest().await;
        faults.lost.store(usize::MAX, Ordering::SeqCst);
        world.pay("alice", bad.escrow, price(&bad), "TFT").await;
        world.until(bad.id, "settling").await;
        let live = world.store.begin_read().await.unwrap().live_submissions().await.unwrap().all().unwrap();
        let columns = ("submissions", "purpose_facts");
        let row = Spoiled::new(store, columns, format!("id = {}", live[0].id), FACTS).await;
        faults.lost.store(0, Ordering::SeqCst);
        let mut due = farmers_share(&bad).get();
        // Each turn comes to the channel that is in use.
        for _ in 0..CHANNELS + 1 {
            let other = world.reserve().await;
            world.pay("alice", other.escrow, price(&other), "TFT").await;
            world.until(other.id, "settled").await;
            due += farmers_share(&other).get();
        }
        assert_eq!(listed(&world).await, [format!("submissions.purpose_facts of id {}", live[0].id)]);
        let unknown = LetterId::new(Kind::UnknownTransaction, live[0].id);
        world.clock.move_on(PAST_MAX_TIME_SECONDS + 601);
        world.rest().await;
        assert!(all_letters(&world).await.contains(&unknown), "what became of it is not known");
        assert_eq!(world.state(bad.id).await, "settling");
        row.mend().await;
        world.until(bad.id, "settled").await;
        assert_eq!(world.holds(FARMER, "TFT").get(), due, "each once");
        world.assert_reconciled().await;
    }

    async fn an_account_that_cannot_be_read_is_neither_adopted_nor_in_the_way(store: &TestStore) {
        let (world, bad, good) = two_paid(store).await;
        let columns = ("escrows", "asset_facts");
        let row = Spoiled::new(store, columns, format!("account = '{}'", bad.escrow), FACTS).await;
        world.restart(world.store.clone(), world.network.clone());
        world.until(good.id, "settled").await;
        assert_eq!(listed(&world).await, [format!("escrows.asset_facts of account {}", bad.escrow)]);
        assert_eq!(world.state(bad.id).await, "awaiting_payment");
        row.mend().await;
        assert!(matches!(world.escrow(bad.escrow).await.state, EscrowState::Assigned { .. }));
        world.until(bad.id, "settled").await;
        world.assert_reconciled().await;
    }

    async fn a_channel_that_cannot_be_read_is_not_used_and_stays_ours(store: &TestStore) {
        let (world, first, second) = two_paid(store).await;
        let mut channels = world.store.begin_read().await.unwrap().channels().await.unwrap().all().unwrap();
        channels.retain(|channel| channel.role == ChannelRole::Channel);
        let bad = channels[0].account;
        store.tamper(&format!("UPDATE channels SET opening = -1 WHERE account = '{bad}'")).await;
        world.restart(world.store.clone(), world.network.clone());
        for reservation in [&first, &second] {
            world.until(reservation.id, "settled").await;
        }
        assert_eq!(listed(&world).await, [format!("channels.opening of account {bad}")]);
        world.assert_reconciled().await;
        store.tamper(&format!("UPDATE channels SET opening = NULL WHERE account = '{bad}'")).await;
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn a_held_reservation_that_cannot_be_read_hides_no_other(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.issuer_may_claw_back().await;
        world.customer("alice").await;
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(world.reserve().await);
        }
        world.rest().await;
        for reservation in &held {
            world.pay("alice", reservation.escrow, price(reservation), "TFT").await;
            world.freeze(reservation.escrow, true).await;
        }
        for reservation in &held {
            world.until(reservation.id, "held").await;
        }
        let key = format!("id = {}", held[1].id);
        let row = Spoiled::new(store, ("reservations", "quote_facts"), key, FACTS).await;
        let of_held = |letters: Vec<LetterId>| {
            let held = letters.into_iter().filter(|id| id.kind == Kind::HeldReservation);
            held.map(|id| id.key).collect::<Vec<_>>()
        };
        let ids: Vec<String> = held.iter().map(|one| one.id.to_string()).collect();
        assert_eq!(of_held(all_letters(&world).await), ids, "the second can be named");
        world.freeze(held[2].escrow, false).await;
        world.clock.move_on(HELD_LOOKED_AT_AGAIN_SECONDS);
        world.until(held[2].id, "settled").await;
        row.mend().await;
        for reservation in &held[..2] {
            world.freeze(reservation.escrow, false).await;
            world.clock.move_on(HELD_LOOKED_AT_AGAIN_SECONDS);
            world.until(reservation.id, "settled").await;
        }
        world.assert_reconciled().await;
    }

    async fn a_note_that_is_taken_back_comes_again_while_the_row_is_as_it_was(store: &TestStore) {
        let (world, bad, good) = two_paid(store).await;
        let columns = ("reservations", "state_facts");
        let row = Spoiled::new(store, columns, format!("id = {}", bad.id), FACTS).await;
        world.until(good.id, "settled").await;
        let letter = all_letters(&world).await.pop().unwrap();
        let dismissed = async || {
            let mut tx = world.store.begin().await.unwrap();
            let letter = dismiss(&mut *tx, &world.decider(), &letter, "mended").await.unwrap();
            tx.commit().await.unwrap();
            letter
        };
        assert_eq!(dismissed().await.unwrap().dismissed.unwrap().by, "the command line");
        assert!(listed(&world).await.is_empty());
        world.rest().await;
        assert_eq!(all_letters(&world).await.pop(), Some(letter.clone()), "it was not mended");
        row.mend().await;
        assert!(dismissed().await.is_some());
        world.until(bad.id, "settled").await;
        assert!(dismissed().await.is_none());
    }

    async fn after_a_restore_nothing_is_paid_from_an_account_that_is_not_known(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        for name in ["alice", "bob"] {
            world.customer(name).await;
        }
        let reservation = world.reserve().await;
        world.rest().await;
        for name in ["alice", "bob"] {
            world.pay(name, reservation.escrow, amount("1"), "TFT").await;
        }
        world.rest().await;
        for name in ["alice", "bob"] {
            world
                .horizon
                .pay(
                    &wallet(name),
                    Address::Account(wallet(FARMER).account()),
                    World::named("TFT"),
                    amount("9999"),
                    &Memo::None,
                )
                .await
                .unwrap();
            world.distrust(name, "TFT").await;
        }
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "refunding").await;
        world.rest().await;
        let owed = world.store.begin_read().await.unwrap().transfers_of(reservation.id).await.unwrap();
        assert_eq!(owed.len(), 2, "both are owed, and neither can be delivered");
        let backup = Backup::take(store).await;
        world.trust("alice", "TFT").await;
        world.clock.move_on(A_DAY_SECONDS);
        world.until_holds("alice", "TFT", amount("1")).await;
        backup.restore(store).await;
        let of_bob = owed.iter().find(|back| back.to.account() == Some(wallet("bob").account())).unwrap();
        let columns = ("transfers", "memo_facts");
        let row = Spoiled::new(store, columns, format!("id = {}", of_bob.id), FACTS).await;
        world.restart(world.store.clone(), world.network.clone());
        for _ in 0..3 {
            world.rest().await;
            world.clock.move_on(A_DAY_SECONDS);
        }
        assert_eq!(world.holds("alice", "TFT"), amount("1"), "not out of what is bob's");
        row.mend().await;
        world.trust("bob", "TFT").await;
        world.rest().await;
        world.clock.move_on(A_DAY_SECONDS);
        world.until_holds("bob", "TFT", amount("1")).await;
        world.until(reservation.id, "refunded").await;
        assert_eq!(world.holds("alice", "TFT"), amount("1"), "once");
        world.assert_reconciled().await;
    }

    async fn what_a_reservation_needs_and_cannot_be_read_holds_up_no_batch(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let (bad, good) = (world.reserve().await, world.reserve_as(on_the_other_node(&world)).await);
        world.rest().await;
        let key = format!("id = {}", bad.order.nodes[0]);
        store.tamper(&format!("UPDATE nodes SET farm = -1 WHERE {key}")).await;
        for reservation in [&bad, &good] {
            world.pay("alice", reservation.escrow, price(reservation), "TFT").await;
        }
        world.until(good.id, "settled").await;
        assert_eq!(world.state(bad.id).await, "funded");
        store.tamper(&format!("UPDATE nodes SET farm = 1 WHERE {key}")).await;
        world.until(bad.id, "settled").await;
        world.assert_reconciled().await;
    }

    async fn a_warm_account_that_cannot_be_read_is_given_to_nobody_and_orders_go_on(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let first = world.reserve().await;
        world.rest().await;
        let oldest = "SELECT account FROM escrows WHERE state = 'ready' ORDER BY created_at, account LIMIT 1";
        let bad = store.raw().await.texts(oldest).await.remove(0);
        store.tamper(&format!("UPDATE escrows SET watch_cursor = -1 WHERE account = '{bad}'")).await;
        let second = world.reserve().await;
        assert_ne!(second.escrow.to_string(), bad);
        for reservation in [&first, &second] {
            world.pay("alice", reservation.escrow, price(reservation), "TFT").await;
            world.until(reservation.id, "settled").await;
        }
    }

    async fn what_is_noted_as_unreadable_is_no_sign_of_an_engine_that_hangs(store: &TestStore) {
        let (world, bad, good) = two_paid(store).await;
        let row =
            Spoiled::new(store, ("reservations", "quote_facts"), format!("id = {}", bad.id), FACTS).await;
        store.tamper(&format!("UPDATE reservations SET funded_at = 1 WHERE id = {}", bad.id)).await;
        world.until(good.id, "settled").await;
        let oldest = async || world.store.begin_read().await.unwrap().oldest_funded().await.unwrap();
        assert_eq!(oldest().await, None, "it is a dead letter");
        store.tamper(&format!("UPDATE reservations SET funded_at = NULL WHERE id = {}", bad.id)).await;
        row.mend().await;
        world.until(bad.id, "settled").await;
    }
}
