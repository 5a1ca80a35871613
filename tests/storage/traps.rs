//! What drivers and engines do when it matters: cancellation, commits that fail, starts at once, conflicts.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use farmgate::delivery::number_events;
use farmgate::domain::escrow::EscrowState;
use farmgate::domain::event::{Event, EventKind};
use farmgate::domain::ids::*;
use farmgate::domain::pool::Extension;
use farmgate::domain::tenant::Tenant;
use farmgate::ports::store::*;
use farmgate::storage::{Database, FACTS_VERSION, Settings, back_up, connect, ping};
use futures::future::{BoxFuture, join_all};

use crate::samples::*;
use crate::support::{self, Place, RawConnection, TestStore, on_both_databases};

const KIND: EventKind = EventKind::PoolCreated {
    pool: match PoolId::new(1) {
        Ok(id) => id,
        Err(_) => unreachable!(),
    },
    reservation: match ReservationId::new(1) {
        Ok(id) => id,
        Err(_) => unreachable!(),
    },
};

const PATIENCE: Duration = Duration::from_secs(30);

/// Polls `future` so many times, then drops it: a caller that went away.
async fn cancelled_after<T>(polls: u32, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        let polled = future.as_mut().poll(context).map(Some);
        if polled.is_pending() && left == 0 {
            return Poll::Ready(None);
        }
        polled
    })
    .await
}

async fn event(store: &Arc<dyn Store>) -> EventId {
    let mut tx = store.begin().await.expect("the pool is healthy");
    tx.append_event(at(1), 0, &KIND).await.expect("the connection is healthy");
    tx.commit().await.expect("it can be committed");
    number(store).await
}

/// Numbers what there is; the last number.
async fn number(store: &Arc<dyn Store>) -> EventId {
    let mut tx = store.begin().await.expect("the pool is healthy");
    tx.number_events(100).await.expect("nobody else numbers for long");
    let numbers = tx.event_numbers().await.expect("they are there");
    tx.commit().await.expect("it can be committed");
    numbers.last.expect("there is an event")
}

fn append<'tx>(tx: &'tx mut dyn Tx) -> BoxFuture<'tx, Result<(), StoreError>> {
    Box::pin(async move { tx.append_event(at(1), 0, &KIND).await })
}

async fn second_store(database: &TestStore) -> Arc<dyn Store> {
    connect(&database.settings).await.unwrap()
}

async fn patience_until(mut done: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !done().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it never came");
}

/// Asked of PostgreSQL, which knows; on SQLite the next writer would wait for ever.
async fn nobody_is_left_in_a_transaction(database: &TestStore, raw: &mut RawConnection) {
    if !database.is_sqlite() {
        let idle = "SELECT COUNT(*) FROM pg_stat_activity
            WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
        patience_until(async || raw.numbers(idle).await == [0]).await;
    }
}

on_both_databases! {
    async fn a_cancelled_transaction_leaves_nothing_and_a_healthy_pool(database: &TestStore) {
        let store = connect(&Settings { connections_max: 2, ..database.settings.clone() }).await.unwrap();
        let mut raw = database.raw().await;
        let mut heard = 0;
        let [mut cut_at_begin, mut cut_at_work, mut cut_at_commit] = [0; 3];
        let many: Vec<_> = (1..=50).map(|number| transfer(number.into(), number)).collect();
        // How often a thread of the database is faster than one poll is the scheduler's affair.
        for round in 0..5_000 {
            if round >= 100 && cut_at_begin.min(cut_at_work).min(cut_at_commit) >= 10 {
                break;
            }
            let polls = 1 + round % 3;
            if let Some(begun) = cancelled_after(polls, store.begin()).await {
                drop(begun.unwrap());
            } else {
                cut_at_begin += 1;
                nobody_is_left_in_a_transaction(database, &mut raw).await;
            }
            if let Some(begun) = cancelled_after(polls, store.begin_read()).await {
                drop(begun.unwrap());
            }
            let mut tx = store.begin().await.unwrap();
            if cancelled_after(polls, tx.insert_transfers(&many)).await.is_none() {
                cut_at_work += 1;
            }
            drop(tx);
            let mut tx = store.begin().await.unwrap();
            let _ = tx.put_farm(&farm(1)).await.unwrap();
            drop(tx);
            let mut tx = store.begin().await.unwrap();
            tx.append_event(at(1), 0, &KIND).await.unwrap();
            // Cut off here, it may be committed or not, and later than what follows; nothing between.
            match cancelled_after(polls, tx.commit()).await {
                Some(committed) => {
                    committed.unwrap();
                    heard += 1;
                }
                None => cut_at_commit += 1,
            }
            let id = event(&store).await.get();
            heard += 1;
            let possible = heard..=heard + cut_at_commit;
            assert!(possible.contains(&id), "{id} events, {heard} heard of, {cut_at_commit} cut off");
            // Seen from elsewhere, so that it was not inside of somebody's forgotten transaction.
            assert_eq!(raw.numbers("SELECT COUNT(*) FROM events").await, [id]);
        }
        let cuts = [cut_at_begin, cut_at_work, cut_at_commit];
        assert!(cuts.iter().all(|cut| *cut >= 10), "hardly any were cut off: {cuts:?}");
        assert_eq!(raw.numbers("SELECT COUNT(*) FROM farms").await, [0]);
        assert_eq!(raw.numbers("SELECT COUNT(*) FROM transfers").await, [0]);
    }

    async fn transact_comes_to_its_commit_although_its_caller_went_away(database: &TestStore) {
        for _ in 0..20 {
            let left = cancelled_after(1, transact::<_, StoreError, _>(&database.store, append)).await;
            assert!(left.is_none());
        }
        let mut raw = database.raw().await;
        let committed = "SELECT COUNT(*) FROM unnumbered_events";
        patience_until(async || raw.numbers(committed).await == [20]).await;
    }

    async fn a_commit_that_fails_is_an_error(database: &TestStore) {
        let late =
            "CREATE TABLE late (id BIGINT NOT NULL REFERENCES pools (id) DEFERRABLE INITIALLY DEFERRED)";
        let mut raw = database.raw().await;
        raw.run(late).await;
        if database.is_sqlite() {
            raw.run(
                "CREATE TRIGGER late AFTER INSERT ON unnumbered_events
                    BEGIN INSERT INTO late VALUES (77); END",
            )
            .await;
        } else {
            raw.run(
                "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS
                    'BEGIN INSERT INTO late VALUES (77); RETURN NEW; END';
                CREATE TRIGGER late AFTER INSERT ON unnumbered_events FOR EACH ROW EXECUTE FUNCTION late()",
            )
            .await;
        }
        for _ in 0..5 {
            let mut tx = database.store.begin().await.unwrap();
            tx.append_event(at(1), 0, &KIND).await.unwrap();
            let outcome = tx.commit().await;
            assert!(matches!(outcome, Err(StoreError::Refused { .. })), "{outcome:?}");
            assert!(transact::<_, StoreError, _>(&database.store, append).await.is_err());
        }
        assert_eq!(raw.numbers("SELECT COUNT(*) FROM unnumbered_events").await, [0]);
        let mut tx = database.store.begin().await.unwrap();
        tx.insert_pool(&pool(77)).await.unwrap();
        tx.append_event(at(1), 0, &KIND).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(raw.numbers("SELECT COUNT(*) FROM unnumbered_events").await, [1]);
    }

    async fn an_error_that_is_swallowed_comes_back_at_commit(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        tx.insert_transfers(&[transfer(1, 0)]).await.unwrap();
        let _swallowed = tx.insert_transfers(&[transfer(2, 0)]).await;
        assert!(tx.append_event(at(1), 0, &KIND).await.is_err(), "nothing more is done");
        let outcome = tx.commit().await;
        assert!(matches!(outcome, Err(StoreError::Exists { constraint: Constraint::TransferOrdinal })));
        assert_eq!(database.raw().await.numbers("SELECT COUNT(*) FROM transfers").await, [0]);
    }

    async fn a_statement_that_was_cut_off_cannot_be_committed(database: &TestStore) {
        let mut cut = 0;
        for round in 0..5_000 {
            if round >= 40 && cut >= 10 {
                break;
            }
            let mut tx = database.store.begin().await.unwrap();
            tx.insert_transfers(&[transfer(1, 0)]).await.unwrap();
            // It is refused, but most times nobody hears of it.
            let heard = cancelled_after(1, tx.insert_transfers(&[transfer(2, 0)])).await.is_some();
            match tx.commit().await {
                Err(StoreError::Unavailable { .. }) if !heard => cut += 1,
                Err(StoreError::Exists { .. }) if heard => {}
                other => panic!("{other:?}"),
            }
        }
        assert!(cut >= 10, "hardly any were cut off: {cut}");
        assert_eq!(database.raw().await.numbers("SELECT COUNT(*) FROM transfers").await, [0]);
    }

    async fn what_only_reads_cannot_write_and_sees_one_state(database: &TestStore) {
        event(&database.store).await;
        let mut reader = database.store.begin_read().await.unwrap();
        assert_eq!(reader.events(None, None, 10).await.unwrap().len(), 1);
        event(&database.store).await;
        assert_eq!(reader.events(None, None, 10).await.unwrap().len(), 1, "as of its first read");
        let outcome = reader.put_farm(&farm(1)).await;
        assert!(matches!(outcome, Err(StoreError::Refused { .. })), "{outcome:?}");
        assert!(reader.commit().await.is_err());
        assert_eq!(database.raw().await.numbers("SELECT COUNT(*) FROM farms").await, [0]);
    }

    async fn two_stores_count_one_version_up_without_losing_any(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        tx.insert_reservation(&reservation(1)).await.unwrap();
        tx.commit().await.unwrap();
        let runs = Arc::new(AtomicU32::new(0));
        let stores = [Arc::clone(&database.store), second_store(database).await];
        let writers = stores.map(|store| {
            let runs = Arc::clone(&runs);
            tokio::spawn(async move {
                for _ in 0..50 {
                    let runs = Arc::clone(&runs);
                    let counted = transact::<_, StoreError, _>(&store, move |tx| {
                        let runs = Arc::clone(&runs);
                        Box::pin(async move {
                            runs.fetch_add(1, Ordering::Relaxed);
                            let found = tx.reservation(reservation_id(1)).await?;
                            tokio::task::yield_now().await;
                            tx.update_reservation(&found.expect("it is there")).await
                        })
                    });
                    counted.await.unwrap();
                }
            })
        });
        for writer in join_all(writers).await {
            writer.unwrap();
        }
        let mut tx = database.store.begin().await.unwrap();
        assert_eq!(tx.reservation(reservation_id(1)).await.unwrap().unwrap().version, 100);
        assert!(runs.load(Ordering::Relaxed) >= 100);
    }

    async fn no_escrow_account_is_taken_twice(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        for number in 1..=10 {
            tx.insert_escrow(&escrow(number, EscrowState::Ready)).await.unwrap();
        }
        tx.commit().await.unwrap();
        let takers = (0..20).map(|number| {
            let store = Arc::clone(&database.store);
            tokio::spawn(async move {
                transact::<_, StoreError, _>(&store, move |tx| {
                    Box::pin(
                        async move { tx.take_escrow(&[asset("TFT")], reservation_id(100 + number)).await },
                    )
                })
                .await
                .unwrap()
            })
        });
        let taken: Vec<_> = join_all(takers).await.into_iter().filter_map(|taker| taker.unwrap()).collect();
        assert_eq!(taken.len(), 10);
        assert_eq!(taken.into_iter().collect::<BTreeSet<_>>().len(), 10);
        assert_eq!(
            database
                .raw()
                .await
                .numbers("SELECT COUNT(*) FROM escrows WHERE state = 'assigned' AND version = 1")
                .await,
            [10]
        );
    }

    async fn readers_miss_no_event_while_many_write_and_some_give_up(database: &TestStore) {
        let written = 16 * 8 * 2;
        let writers = (0..16).map(|writer| {
            let store = Arc::clone(&database.store);
            tokio::spawn(async move {
                for round in 0..10 {
                    let mut tx = store.begin().await.unwrap();
                    let kind = EventKind::ReservationCreated { reservation: reservation_id(writer + 1) };
                    tx.append_event(at(1), 2 * round, &kind).await.unwrap();
                    if (writer + round) % 5 == 0 {
                        tx.rollback().await.unwrap();
                    } else {
                        tx.append_event(at(2), 2 * round + 1, &kind).await.unwrap();
                        tx.commit().await.unwrap();
                    }
                }
            })
        });
        let readers = (0..4).map(|_| {
            let store = Arc::clone(&database.store);
            tokio::spawn(async move {
                let mut read = Vec::new();
                while read.len() < written {
                    number_events(&store).await.unwrap();
                    let after = read.last().map(|event: &Event| event.id);
                    let mut tx = store.begin_read().await.unwrap();
                    read.extend(tx.events(None, after, 7).await.unwrap().all().unwrap());
                    tx.rollback().await.unwrap();
                }
                read
            })
        });
        let (writers, readers) = (join_all(writers), join_all(readers));
        let (writers, readers) = futures::future::join(writers, readers).await;
        for writer in writers {
            writer.unwrap();
        }
        for read in readers {
            let read = read.unwrap();
            let ids: Vec<i64> = read.iter().map(|event| event.id.get()).collect();
            assert_eq!(ids, (1..=written as i64).collect::<Vec<_>>(), "none is missed, and none comes twice");
            for writer in 1..=16 {
                let kind = EventKind::ReservationCreated { reservation: reservation_id(writer) };
                let of_one: Vec<_> = read.iter().filter(|event| event.kind == kind).map(|e| e.at).collect();
                assert_eq!(of_one, [at(1), at(2)].repeat(8), "those of one subject come in their order");
            }
        }
    }

    async fn events_that_wait_are_numbered_by_subject_version_and_place(database: &TestStore) {
        let told = |number| EventKind::ReservationCreated { reservation: reservation_id(number) };
        for (number, version) in [(2, 0), (1, 0), (2, 1), (1, 1)] {
            let mut tx = database.store.begin().await.unwrap();
            tx.append_event(at(version), version, &told(number)).await.unwrap();
            tx.append_event(at(version + 10), version, &told(number)).await.unwrap();
            tx.commit().await.unwrap();
        }
        assert_eq!(number_events(&database.store).await.unwrap(), 8);
        let mut tx = database.store.begin_read().await.unwrap();
        let events = tx.events(None, None, 10).await.unwrap().all().unwrap();
        let in_order = [(1, 0), (1, 10), (1, 1), (1, 11), (2, 0), (2, 10), (2, 1), (2, 11)];
        let expected: Vec<_> = in_order.iter().map(|(number, second)| (told(*number), at(*second))).collect();
        assert_eq!(events.into_iter().map(|event| (event.kind, event.at)).collect::<Vec<_>>(), expected);
    }

    async fn a_closed_database_says_so(database: &TestStore) {
        ping(&*database.store).await.unwrap();
        let open = Database::open(&database.settings).await.unwrap();
        ping(&open).await.unwrap();
        open.close().await;
        assert!(matches!(ping(&open).await, Err(StoreError::Unavailable { .. })));
        assert!(matches!(open.begin().await.map(drop), Err(StoreError::Unavailable { .. })));
    }

    async fn settings_out_of_bounds_are_refused_by_name(database: &TestStore) {
        let good = &database.settings;
        for (settings, name) in [
            (Settings { connections_max: 0, ..good.clone() }, "connections_max"),
            (Settings { acquire_timeout_seconds: 0, ..good.clone() }, "acquire_timeout_seconds"),
            (Settings { statement_timeout_seconds: 86_400, ..good.clone() }, "statement_timeout_seconds"),
            (Settings { lock_timeout_seconds: 86_400, ..good.clone() }, "lock_timeout_seconds"),
        ] {
            let Err(StoreError::Refused { reason }) = connect(&settings).await.map(drop) else {
                panic!("{name} is taken");
            };
            assert!(reason.contains(name), "{reason}");
        }
    }

    async fn waiting_for_a_connection_ends(database: &TestStore) {
        let settings =
            Settings { connections_max: 1, acquire_timeout_seconds: 1, ..database.settings.clone() };
        let store = connect(&settings).await.unwrap();
        let held = store.begin().await.unwrap();
        let outcome = store.begin().await.map(drop);
        assert!(matches!(outcome, Err(StoreError::Unavailable { .. })), "{outcome:?}");
        held.rollback().await.unwrap();
        event(&store).await;
    }

    async fn a_database_of_a_newer_program_is_left_alone(database: &TestStore) {
        let checksum = if database.is_sqlite() { "x'00'" } else { "'\\x00'" };
        database
            .tamper(&format!(
                "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                VALUES (999, 'later', TRUE, {checksum}, 0)"
            ))
            .await;
        let Err(StoreError::Refused { reason }) = connect(&database.settings).await.map(drop) else {
            panic!("it was connected to");
        };
        assert!(reason.contains("999") && reason.contains("newer"), "{reason}");
    }

    async fn a_database_with_facts_of_a_newer_program_is_left_alone(database: &TestStore) {
        let before = database.raw().await.numbers("SELECT facts_version FROM deployment").await;
        assert_eq!(before, [FACTS_VERSION]);
        let newer = FACTS_VERSION + 1;
        database.tamper(&format!("UPDATE deployment SET facts_version = {newer}")).await;
        let Err(StoreError::Refused { reason }) = connect(&database.settings).await.map(drop) else {
            panic!("it was connected to");
        };
        let expected = format!(
            "it has facts of version {newer}, written by a newer program; this one knows {FACTS_VERSION}"
        );
        assert_eq!(reason, expected);
        // What an earlier program wrote is read, and is written by this one from now on.
        database.tamper("UPDATE deployment SET facts_version = 0").await;
        connect(&database.settings).await.unwrap();
        let after = database.raw().await.numbers("SELECT facts_version FROM deployment").await;
        assert_eq!(after, before);
    }
}

async fn starts_at_once(place: &Place) {
    let starts = (0..8).map(|_| {
        let settings = place.settings.clone();
        tokio::spawn(async move { connect(&settings).await })
    });
    let stores = join_all(starts).await;
    for (number, store) in (1..).zip(stores) {
        assert_eq!(event(&store.unwrap().unwrap()).await.get(), number);
    }
}

mod sqlite_alone {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 8)]
    async fn eight_may_start_at_once_on_an_empty_database() {
        starts_at_once(&Place::sqlite()).await;
    }

    #[tokio::test]
    async fn a_transaction_that_the_engine_has_undone_does_not_go_on_without_one() {
        let database = support::sqlite().await;
        database
            .tamper(
                "CREATE TRIGGER full AFTER INSERT ON identities
                    BEGIN SELECT RAISE(ROLLBACK, 'the disk is full'); END",
            )
            .await;
        for _ in 0..3 {
            let mut tx = database.store.begin().await.unwrap();
            let _ = tx.put_farm(&farm(1)).await.unwrap();
            assert!(tx.put_identity(&identity(1)).await.is_err());
            assert!(tx.put_farm(&farm(2)).await.is_err(), "it would be committed by itself");
            assert!(tx.commit().await.is_err());
            event(&database.store).await;
        }
        assert_eq!(database.raw().await.numbers("SELECT COUNT(*) FROM farms").await, [0]);
    }

    #[tokio::test]
    async fn a_writer_of_another_process_is_a_conflict_after_a_while() {
        let database = support::sqlite().await;
        let settings = Settings { lock_timeout_seconds: 1, ..database.settings.clone() };
        let store = connect(&settings).await.unwrap();
        let held = database.store.begin().await.unwrap();
        let outcome = store.begin().await.map(drop);
        assert!(matches!(outcome, Err(StoreError::Conflict { .. })), "{outcome:?}");
        held.rollback().await.unwrap();
        event(&store).await;
    }

    #[tokio::test]
    async fn a_backup_is_another_incarnation() {
        let database = support::sqlite().await;
        let last = event(&database.store).await;
        let before = database.store.begin_read().await.unwrap().event_numbers().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy.db");
        back_up(&database.settings, &copy).await.unwrap();
        let url = format!("sqlite://{}", copy.display());
        let restored = connect(&Settings::for_url(url.parse().unwrap())).await.unwrap();
        let numbers = restored.begin_read().await.unwrap().event_numbers().await.unwrap();
        assert_eq!(numbers.last, Some(last));
        assert_ne!(numbers.incarnation, before.incarnation);
        let still = database.store.begin_read().await.unwrap().event_numbers().await.unwrap();
        assert_eq!(still, before, "the database itself is the same");
    }

    #[tokio::test]
    async fn commits_are_durable_and_readers_do_not_wait() {
        let database = support::sqlite().await;
        assert_eq!(database.raw().await.texts("PRAGMA journal_mode").await, ["wal"]);
        let mut writer = database.store.begin().await.unwrap();
        writer.append_event(at(1), 0, &KIND).await.unwrap();
        let mut reader = database.store.begin_read().await.unwrap();
        assert!(!reader.has_unnumbered_events().await.unwrap());
        writer.commit().await.unwrap();
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_named() {
        let place = Place::sqlite();
        let url = place.url.replace("farmgate.db", "missing/farmgate.db");
        let Err(StoreError::Unavailable { reason }) =
            connect(&Settings::for_url(url.parse().unwrap())).await.map(drop)
        else {
            panic!("it was connected to");
        };
        assert!(reason.contains("missing/farmgate.db"), "{reason}");
    }
}

mod postgres_alone {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 8)]
    async fn eight_may_start_at_once_on_an_empty_database() {
        starts_at_once(&Place::postgres().await).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_deadlock_is_undone_and_run_again() {
        let database = support::postgres().await;
        for number in [1, 2] {
            let mut tx = database.store.begin().await.unwrap();
            let _ = tx.put_farm(&farm(number)).await.unwrap();
            tx.commit().await.unwrap();
        }
        let both_hold_one = Arc::new(tokio::sync::Barrier::new(2));
        let runs = Arc::new(AtomicU32::new(0));
        let writers = [(1, 2), (2, 1)].map(|(first, second)| {
            let (store, barrier, runs) =
                (Arc::clone(&database.store), Arc::clone(&both_hold_one), Arc::clone(&runs));
            tokio::spawn(async move {
                transact::<_, StoreError, _>(&store, move |tx| {
                    let (barrier, runs) = (Arc::clone(&barrier), Arc::clone(&runs));
                    Box::pin(async move {
                        let run = runs.fetch_add(1, Ordering::Relaxed);
                        let _ = tx.put_farm(&farm(first)).await?;
                        if run < 2 {
                            barrier.wait().await;
                        }
                        tx.put_farm(&farm(second)).await
                    })
                })
                .await
            })
        });
        for writer in join_all(writers).await {
            assert_eq!(writer.unwrap().unwrap(), Put::Replaced);
        }
        assert!(runs.load(Ordering::Relaxed) >= 3, "one of the two ran again");
    }

    #[tokio::test]
    async fn waiting_for_a_lock_ends() {
        let database = support::postgres().await;
        let settings = Settings { lock_timeout_seconds: 1, ..database.settings.clone() };
        let store = connect(&settings).await.unwrap();
        event(&store).await;
        let mut held = database.store.begin().await.unwrap();
        held.number_events(1).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        tx.append_event(at(1), 0, &KIND).await.unwrap();
        let outcome = tx.number_events(1).await;
        assert!(matches!(outcome, Err(StoreError::Unavailable { .. })), "{outcome:?}");
        drop(tx);
        held.rollback().await.unwrap();
        assert_eq!(event(&store).await.get(), 2);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_connection_that_was_cut_is_unavailable_and_replaced() {
        let database = support::postgres().await;
        let mut tx = database.store.begin().await.unwrap();
        tx.append_event(at(1), 0, &KIND).await.unwrap();
        let cut = "SELECT CAST(COUNT(pg_terminate_backend(pid)) AS BIGINT) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        assert!(database.raw().await.numbers(cut).await[0] >= 1);
        let outcome = tx.commit().await;
        assert!(matches!(outcome, Err(StoreError::Unavailable { .. })), "{outcome:?}");
        assert_eq!(event(&database.store).await.get(), 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_node_stays_as_it_was_until_what_was_decided_about_it_is_committed() {
        let database = support::postgres().await;
        let mut tx = database.store.begin().await.unwrap();
        let _ = tx.put_node(&node(2, 1)).await.unwrap();
        tx.commit().await.unwrap();

        let mut deciding = database.store.begin().await.unwrap();
        assert!(deciding.node(&Tenant::default(), node_id(2)).await.unwrap().unwrap().free_to_use);
        let store = Arc::clone(&database.store);
        let clearing = tokio::spawn(async move {
            let mut tx = store.begin().await.unwrap();
            tx.node_is_under_free_pool(&Tenant::default(), node_id(2)).await.unwrap()
        });
        let mut free = reservation(1);
        free.quote.options = vec![option("FreeTFT")];
        deciding.insert_reservation(&free).await.unwrap();
        until_somebody_waits(&database).await;
        deciding.commit().await.unwrap();
        assert!(clearing.await.unwrap(), "the one who asks waits, and then sees the reservation");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_pool_is_claimed_by_one_at_a_time() {
        let database = support::postgres().await;
        let mut tx = database.store.begin().await.unwrap();
        tx.insert_pool(&pool(1)).await.unwrap();
        tx.commit().await.unwrap();

        let mut first = database.store.begin().await.unwrap();
        assert_eq!(first.pool_claims(pool(1).id).await.unwrap(), PoolClaims::default());
        let store = Arc::clone(&database.store);
        let second = tokio::spawn(async move {
            let mut tx = store.begin().await.unwrap();
            tx.pool_claims(pool(1).id).await.unwrap()
        });
        let mut free = reservation(2);
        free.quote.options = vec![option("FreeTFT")];
        free.order.extends = Some(Extension::Time { pool: pool(1).id });
        first.insert_reservation(&free).await.unwrap();
        until_somebody_waits(&database).await;
        first.commit().await.unwrap();
        assert!(second.await.unwrap().play_money, "the second waits, and then sees the first");
    }

    async fn until_somebody_waits(database: &TestStore) {
        let waiting = "SELECT COUNT(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let mut raw = database.raw().await;
        patience_until(async || raw.numbers(waiting).await == [1]).await;
    }

    #[tokio::test]
    async fn a_password_is_read_from_its_file() {
        let place = Place::postgres().await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let settings = Settings { password_file: Some(path.clone()), ..place.settings.clone() };
        for text in [None, Some("\n")] {
            if let Some(text) = text {
                std::fs::write(&path, text).unwrap();
            }
            let error = connect(&settings).await.map(drop).unwrap_err();
            assert!(
                matches!(&error, StoreError::Refused { reason } if reason.contains("password file")),
                "{error}"
            );
        }
        std::fs::write(&path, "hunter2\n").unwrap();
        ping(&*connect(&settings).await.unwrap()).await.unwrap();
    }

    #[tokio::test]
    async fn a_wrong_password_or_host_is_told_without_the_password() {
        let place = Place::postgres().await;
        let mut url: url::Url = place.url.parse().unwrap();
        url.set_password(Some("hunter2")).unwrap();
        url.set_port(Some(1)).unwrap();
        let settings = Settings::for_url(url.as_str().parse().unwrap());
        let error = connect(&settings).await.map(drop).unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
        assert!(!format!("{error:?} {error} {settings:?}").contains("hunter2"));
    }
}
