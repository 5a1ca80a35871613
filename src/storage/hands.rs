//! What other hands do to a database: they change rows so that nobody can read them, and bring back an
//! earlier copy of it. For the simulator, and for databases that it made itself.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, Row as _, SqliteConnection};

use super::errors::store_error;
use super::rows::Row;
use super::settings::{DatabaseUrl, EngineKind};
use super::transfers::submission;
use crate::domain::transfer::Submission;
use crate::ports::store::StoreError;

/// A column that can be spoiled, and which rows are worth it: those that an engine works on.
struct Spoilable {
    table: &'static str,
    key: &'static str,
    column: &'static str,
    under_way: &'static str,
}

/// What can be spoiled.
const SPOILABLE: [Spoilable; 5] = [
    Spoilable {
        table: "reservations",
        key: "id",
        column: "state_facts",
        under_way: "state IN ('awaiting_payment', 'funded', 'settling', 'held', 'refunding')",
    },
    Spoilable {
        table: "transfers",
        key: "id",
        column: "memo_facts",
        under_way: "state IN ('pending', 'in_flight')",
    },
    Spoilable { table: "submissions", key: "id", column: "purpose_facts", under_way: "state = 'live'" },
    Spoilable {
        table: "escrows",
        key: "account",
        column: "asset_facts",
        under_way: "state IN ('ready', 'assigned', 'closing', 'merged')",
    },
    Spoilable {
        table: "claimables",
        key: "id",
        column: "state_facts",
        under_way: "state IN ('outstanding', 'taking_back')",
    },
];

/// Facts that no version of this program writes.
const SPOILED: &str = "{\"of\":\"another program\"}";

/// A row that was spoiled, and what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoiledRow {
    table: &'static str,
    key: &'static str,
    column: &'static str,
    id: String,
    before: String,
}

impl std::fmt::Display for SpoiledRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{} of {} {}", self.table, self.column, self.key, self.id)
    }
}

enum Engine {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// A connection of its own to a database.
pub struct Hands {
    engine: Engine,
    /// The tables that were copied, if they were.
    tables: Vec<String>,
}

impl Hands {
    /// Connects to a database that this program has made.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it is not reached.
    pub async fn on(url: &DatabaseUrl) -> Result<Self, StoreError> {
        let refused = |error: sqlx::Error| StoreError::Refused { reason: error.to_string() };
        let engine = match url.engine() {
            EngineKind::Sqlite => {
                let options = SqliteConnectOptions::from_str(url.expose()).map_err(refused)?;
                let options = options.foreign_keys(false);
                Engine::Sqlite(options.connect().await.map_err(store_error)?)
            }
            EngineKind::Postgres => {
                let options = PgConnectOptions::from_str(url.expose()).map_err(refused)?;
                Engine::Postgres(options.connect().await.map_err(store_error)?)
            }
        };
        let mut hands = Self { engine, tables: Vec::new() };
        if let Engine::Postgres(_) = hands.engine {
            hands.run("SET session_replication_role = replica").await?;
        }
        Ok(hands)
    }

    async fn run(&mut self, sql: &str) -> Result<(), StoreError> {
        let sql = AssertSqlSafe(sql);
        match &mut self.engine {
            Engine::Sqlite(connection) => sqlx::raw_sql(sql).execute(connection).await.map(drop),
            Engine::Postgres(connection) => sqlx::raw_sql(sql).execute(connection).await.map(drop),
        }
        .map_err(store_error)
    }

    async fn rows(&mut self, sql: &str) -> Result<Vec<Row>, StoreError> {
        let sql = AssertSqlSafe(sql);
        match &mut self.engine {
            Engine::Sqlite(connection) => {
                let rows = sqlx::query(sql).fetch_all(connection).await.map_err(store_error)?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            Engine::Postgres(connection) => {
                let rows = sqlx::query(sql).fetch_all(connection).await.map_err(store_error)?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    /// The first column of each row, a number or a text, as a text.
    async fn texts(&mut self, sql: &str) -> Result<Vec<String>, StoreError> {
        let text = |row: &Row| {
            let number = match row {
                Row::Sqlite(row) => row.try_get::<i64, _>(0),
                Row::Postgres(row) => row.try_get::<i64, _>(0),
            };
            let text = match row {
                Row::Sqlite(row) => row.try_get::<String, _>(0),
                Row::Postgres(row) => row.try_get::<String, _>(0),
            };
            number.map(|number| number.to_string()).or(text).map_err(store_error)
        };
        self.rows(sql).await?.iter().map(text).collect()
    }

    /// Makes a row unreadable that is being worked on; which one, two numbers say. `None` if there is none.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn spoil(&mut self, kind: u64, which: u64) -> Result<Option<SpoiledRow>, StoreError> {
        let place = |number: u64, of: usize| usize::try_from(number % of.max(1) as u64).unwrap_or(0);
        let Spoilable { table, key, column, under_way } = &SPOILABLE[place(kind, SPOILABLE.len())];
        let ids = self.texts(&format!("SELECT {key} FROM {table} WHERE {under_way} ORDER BY {key}")).await?;
        let Some(id) = ids.get(place(which, ids.len())).cloned() else { return Ok(None) };
        let row = format!("{key} = '{id}'");
        let before = self.texts(&format!("SELECT {column} FROM {table} WHERE {row}")).await?.pop();
        let Some(before) = before else { return Ok(None) };
        self.run(&format!("UPDATE {table} SET {column} = '{SPOILED}' WHERE {row}")).await?;
        Ok(Some(SpoiledRow { table, key, column, id, before }))
    }

    /// Makes a spoiled row what it was.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn mend(&mut self, row: &SpoiledRow) -> Result<(), StoreError> {
        let SpoiledRow { table, key, column, id, before } = row;
        let before = before.replace('\'', "''");
        self.run(&format!("UPDATE {table} SET {column} = '{before}' WHERE {key} = '{id}'")).await
    }

    /// Copies every table beside itself.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn copy(&mut self) -> Result<(), StoreError> {
        if self.tables.is_empty() {
            let tables = match &self.engine {
                Engine::Sqlite(_) => "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name",
                Engine::Postgres(_) => {
                    "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = 'public'
                    ORDER BY tablename"
                }
            };
            let tables = self.texts(tables).await?;
            let is_ours =
                |table: &String| !["_", "sqlite", "copy_of"].iter().any(|prefix| table.starts_with(prefix));
            self.tables = tables.into_iter().filter(is_ours).collect();
        }
        for table in self.tables.clone() {
            self.run(&format!("DROP TABLE IF EXISTS copy_of_{table}")).await?;
            self.run(&format!("CREATE TABLE copy_of_{table} AS SELECT * FROM {table}")).await?;
        }
        Ok(())
    }

    /// The transactions that were stored since the copy was made.
    ///
    /// # Errors
    /// Those of the database; [`StoreError::Corrupt`] if one cannot be read.
    pub async fn submissions_since(&mut self) -> Result<Vec<Submission>, StoreError> {
        let sql =
            "SELECT * FROM submissions WHERE id NOT IN (SELECT id FROM copy_of_submissions) ORDER BY id";
        self.rows(sql).await?.iter().map(submission).collect()
    }

    /// Brings the copy back, but for the tables `kept`: what was committed since is not there any more.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn go_back(&mut self, kept: &[&str]) -> Result<(), StoreError> {
        self.run("BEGIN").await?;
        for table in self.tables.clone().into_iter().filter(|table| !kept.contains(&table.as_str())) {
            self.run(&format!("DELETE FROM {table}")).await?;
            self.run(&format!("INSERT INTO {table} SELECT * FROM copy_of_{table}")).await?;
        }
        self.run("COMMIT").await
    }
}
