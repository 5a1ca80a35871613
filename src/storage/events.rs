//! Events: those that wait for a number, and those that have one.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;

use super::rows::{Row, Table, to_json};
use super::session::{Session, rows_max};
use super::sql::{Arg, args, statements};
use crate::domain::event::{Event, EventKind, Incarnation};
use crate::domain::ids::{EventId, ReservationId};
use crate::domain::tenant::Tenant;
use crate::ports::store::{EventNumbers, EventsTx, Page, StoreError};

const COUNTERS: Table = Table { name: "counters", key: &["name"] };
const EVENTS: Table = Table { name: "events", key: &["id"] };
const UNNUMBERED: Table = Table { name: "unnumbered_events", key: &["id"] };

statements! {
    APPEND = "INSERT INTO unnumbered_events (subject, version, ordinal, recorded_at, kind_facts, tenant)
        VALUES ($1, $2, $3, $4, $5, COALESCE($7, (SELECT tenant FROM reservations WHERE id = $6)))";
    FIRST_UNNUMBERED = "SELECT id FROM unnumbered_events ORDER BY id LIMIT 1";
    /// Whoever holds this row numbers: the lease is the lock, and ends with its transaction or connection.
    HOLD_NUMBERS = "UPDATE counters SET value = value WHERE name = 'events' RETURNING name, value";
    /// Those that wait for longest, in the order of their numbers.
    NEXT_UNNUMBERED = "SELECT id FROM (
            SELECT id, subject, version, ordinal FROM unnumbered_events ORDER BY id LIMIT $1
        ) AS waiting ORDER BY subject, version, ordinal, id",
        on_postgres "SELECT id FROM (
            SELECT id, subject, version, ordinal FROM unnumbered_events ORDER BY id LIMIT $1
        ) AS waiting ORDER BY subject COLLATE \"C\", version, ordinal, id";
    NUMBER = "INSERT INTO events (id, recorded_at, kind_facts, tenant, subject, version)
            SELECT json_extract(value, '$.number'), recorded_at, kind_facts, tenant, subject, version
            FROM json_each($1) JOIN unnumbered_events ON unnumbered_events.id = json_extract(value, '$.id')",
        on_postgres "INSERT INTO events (id, recorded_at, kind_facts, tenant, subject, version)
            SELECT given.number, recorded_at, kind_facts, tenant, subject, version
            FROM jsonb_to_recordset(CAST($1 AS JSONB)) AS given (number BIGINT, id BIGINT)
            JOIN unnumbered_events ON unnumbered_events.id = given.id";
    REMOVE_NUMBERED = "DELETE FROM unnumbered_events
            WHERE id IN (SELECT CAST(value AS INTEGER) FROM json_each($1))",
        on_postgres "DELETE FROM unnumbered_events
            WHERE id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS BIGINT)))";
    NOTE_NUMBERED = "UPDATE counters SET value = $2 WHERE name = 'events' AND value = $1";
    NUMBERS = "SELECT name, value FROM counters
        WHERE name IN ('events', 'events_forgotten', 'events_incarnation')";
    RENEW_INCARNATION = "UPDATE counters SET value = abs(random() % 4294967296)
            WHERE name = 'events_incarnation'",
        on_postgres "UPDATE counters SET value = floor(random() * 4294967296)
            WHERE name = 'events_incarnation'";
    OLDEST = "SELECT id, recorded_at FROM events WHERE id > $1 ORDER BY id LIMIT $2";
    FORGET = "DELETE FROM events WHERE id > $1 AND id <= $2";
    NOTE_FORGOTTEN = "UPDATE counters SET value = $2 WHERE name = 'events_forgotten' AND value = $1";
    AFTER = "SELECT id, recorded_at, kind_facts FROM events WHERE id > $1 ORDER BY id LIMIT $2";
    /// Where it knows of one tenant only, PostgreSQL would walk all events: the order asks for the index.
    OF_TENANT = "SELECT id, recorded_at, kind_facts FROM events WHERE tenant = $3 AND id > $1
            ORDER BY id LIMIT $2",
        on_postgres "SELECT id, recorded_at, kind_facts FROM events
            WHERE (tenant, id) > ($3, $1) AND tenant <= $3 ORDER BY tenant, id LIMIT $2";
}

/// What makes a copy of an SQLite database another incarnation.
pub(super) const RENEW_ON_SQLITE: &str = RENEW_INCARNATION.sqlite;

/// The number that an event gets.
#[derive(Serialize)]
struct Given {
    number: i64,
    id: i64,
}

fn event(row: &Row) -> Result<Event, StoreError> {
    let facts = row.of(&EVENTS);
    Ok(Event {
        id: facts.number("id", EventId::new)?,
        at: facts.time("recorded_at")?,
        kind: facts.json("kind_facts")?,
    })
}

/// The counter's row that must be there and is not.
fn missing(name: &str) -> StoreError {
    StoreError::Corrupt {
        table: COUNTERS.name,
        column: "name",
        key: format!("name {name}"),
        reason: "the row is missing".to_owned(),
    }
}

#[async_trait]
impl EventsTx for Session {
    async fn append_event(
        &mut self,
        at: Timestamp,
        version: i64,
        kind: &EventKind,
    ) -> Result<(), StoreError> {
        let ordinal = self.next_place();
        self.execute(
            APPEND,
            args![
                kind.subject(),
                version,
                ordinal,
                at,
                to_json(kind)?,
                kind.reservation().map(ReservationId::get),
                kind.tenant().map(|tenant| tenant.to_string()),
            ],
        )
        .await
        .map(drop)
    }

    async fn has_unnumbered_events(&mut self) -> Result<bool, StoreError> {
        Ok(self.row(FIRST_UNNUMBERED, args![]).await?.is_some())
    }

    async fn number_events(&mut self, limit: u32) -> Result<u64, StoreError> {
        let Some(row) = self.row(HOLD_NUMBERS, args![]).await? else {
            return Err(self.over(missing("events")));
        };
        let last = row.of(&COUNTERS).int("value")?;
        drop(row);
        let rows = self.rows(NEXT_UNNUMBERED, args![i64::from(limit)]).await?;
        let ids = rows.iter().map(|row| row.of(&UNNUMBERED).int("id")).collect::<Result<Vec<i64>, _>>()?;
        drop(rows);
        if ids.is_empty() {
            return Ok(0);
        }
        let given: Vec<Given> =
            (last + 1..).zip(&ids).map(|(number, id)| Given { number, id: *id }).collect();
        let numbered = self.execute(NUMBER, args![to_json(&given)?]).await?;
        self.execute(REMOVE_NUMBERED, args![to_json(&ids)?]).await?;
        // Whatever became of one of them: no number is given twice.
        let last_given = given.last().map_or(last, |given| given.number);
        let what = || "the events that are numbered".to_owned();
        self.guarded(NOTE_NUMBERED, args![last, last_given], what).await?;
        Ok(numbered)
    }

    async fn event_numbers(&mut self) -> Result<EventNumbers, StoreError> {
        let (mut last, mut forgotten, mut incarnation) = (None, None, None);
        for row in self.rows(NUMBERS, args![]).await? {
            let facts = row.of(&COUNTERS);
            let value = facts.int("value")?;
            match facts.text("name")?.as_str() {
                "events" => last = Some(value),
                "events_forgotten" => forgotten = Some(value),
                _ => {
                    let number = u32::try_from(value).map_err(|error| facts.corrupt("value", error))?;
                    incarnation = Some(Incarnation(number));
                }
            }
        }
        let (Some(last), Some(forgotten), Some(incarnation)) = (last, forgotten, incarnation) else {
            return Err(self.over(missing("events, events_forgotten or events_incarnation")));
        };
        let id = |number| EventId::new(number).ok().filter(|_| number > 0);
        Ok(EventNumbers { incarnation, last: id(last), forgotten: id(forgotten) })
    }

    async fn renew_event_incarnation(&mut self) -> Result<(), StoreError> {
        let what = || "the events' incarnation".to_owned();
        self.guarded(RENEW_INCARNATION, args![], what).await
    }

    async fn events(
        &mut self,
        tenant: Option<&Tenant>,
        after: Option<EventId>,
        limit: u32,
    ) -> Result<Page<Event, EventId>, StoreError> {
        // What was forgotten is gone, and PostgreSQL would look for it until the table is vacuumed.
        let after = match after {
            Some(after) => after.get(),
            None => self.event_numbers().await?.forgotten.map_or(0, EventId::get),
        };
        let mut args = args![after, rows_max(limit)];
        args.extend(tenant.map(|tenant| Arg::from(tenant.as_str())));
        let sql = if tenant.is_some() { OF_TENANT } else { AFTER };
        self.page((sql, args), event, |row| row.of(&EVENTS).number("id", EventId::new)).await
    }

    async fn forget_events(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let after = self.event_numbers().await?.forgotten.map_or(0, EventId::get);
        let mut last = after;
        for row in self.rows(OLDEST, args![after, limit]).await? {
            let facts = row.of(&EVENTS);
            if facts.time("recorded_at")? >= before {
                break;
            }
            last = facts.int("id")?;
        }
        if last == after {
            return Ok(0);
        }
        let what = || "the events that are kept".to_owned();
        self.guarded(NOTE_FORGOTTEN, args![after, last], what).await?;
        self.execute(FORGET, args![after, last]).await
    }
}
