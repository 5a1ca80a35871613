//! What is kept for a while only, and what is kept for ever.

use std::collections::BTreeMap;

use farmgate::delivery::number_events;
use farmgate::domain::ids::EventId;

use crate::support::{RawConnection, on_both_databases};
use crate::world::{World, engine_settings, price};

const DAY: i64 = 86_400;
/// Answers that were kept for longer than they are: more than one tick forgets.
const OLD_ANSWERS: i64 = 5_600;

/// How many rows each table has.
async fn rows(raw: &mut RawConnection) -> BTreeMap<String, i64> {
    let tables = match raw {
        RawConnection::Sqlite(_) => "SELECT name FROM sqlite_schema WHERE type = 'table'",
        RawConnection::Postgres(_) => {
            "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = 'public'"
        }
    };
    let mut rows = BTreeMap::new();
    for table in raw.texts(tables).await {
        let count = raw.numbers(&format!("SELECT COUNT(*) FROM {table}")).await[0];
        rows.insert(table, count);
    }
    rows
}

async fn answers(raw: &mut RawConnection) -> i64 {
    raw.numbers("SELECT COUNT(*) FROM idempotency_answers").await[0]
}

async fn last_forgotten(world: &World) -> Option<EventId> {
    world.store.begin_read().await.unwrap().event_numbers().await.unwrap().forgotten
}

on_both_databases! {
    async fn answers_and_events_are_forgotten_in_their_time_and_nothing_else_is(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let paid = world.reserve().await;
        world.pay("alice", paid.escrow, price(&paid), "TFT").await;
        world.until(paid.id, "settled").await;
        world.rest().await;
        let mut raw = store.raw().await;
        raw.run(&format!(
            "INSERT INTO idempotency_answers (api_key, request_key, request_hash, status, body, answered_at)
            WITH RECURSIVE numbers (n) AS
                (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {OLD_ANSWERS})
            SELECT 1, CAST(n AS TEXT), 'x', 201, 'x', n FROM numbers"
        ))
        .await;
        let settings = engine_settings();
        number_events(&world.store).await.unwrap();
        let before = rows(&mut raw).await;
        assert!(before["events"] > 3, "{before:?}");

        world.clock.move_on(settings.events_kept_seconds - DAY);
        world.next_ledger().await;
        world.tick().await.unwrap();
        let left = answers(&mut raw).await;
        assert!(0 < left && left < OLD_ANSWERS, "in small steps: {left}");
        world.tick().await.unwrap();
        assert_eq!(answers(&mut raw).await, 0);
        assert_eq!(last_forgotten(&world).await, None, "events are kept for longer");

        world.clock.move_on(2 * DAY);
        world.next_ledger().await;
        world.tick().await.unwrap();
        assert_eq!(last_forgotten(&world).await, EventId::new(before["events"]).ok());
        let after = rows(&mut raw).await;
        let fewer: Vec<&String> = before.keys().filter(|table| after[*table] < before[*table]).collect();
        assert_eq!(fewer, ["events", "idempotency_answers"]);
        world.rest().await;
        world.assert_reconciled().await;
    }
}
