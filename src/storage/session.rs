//! An open transaction on either engine.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use sqlx::{Postgres, Sqlite, Transaction};

use super::errors::{is_read_only, store_error};
use super::rows::Row;
use super::sql::{Arg, Sql};
use crate::ports::store::{LIST_ROWS_MAX, Page, StoreError, Tx, UnreadableRow};

/// A transaction.
///
/// After its first refused statement it is over: nothing more is executed, and its commit gives that error
/// again. PostgreSQL behaves so by itself, except that it answers the commit of a failed transaction with
/// success. SQLite does not: it goes on after most errors, and after some (a full disk) it has silently
/// rolled back and would commit each further statement by itself.
pub(super) struct Session {
    /// Only ever reached through `&mut self`; the mutex makes it `Sync`, as the port asks.
    engine: Mutex<Engine>,
    reads_only: bool,
    tells_server: bool,
    failed: Option<StoreError>,
    /// What is added to counts at the commit: by their statement's name and the count's.
    additions: BTreeMap<(&'static str, &'static str), (Sql, i64)>,
    /// The place of the next event within the transaction.
    ordinal: i64,
}

enum Engine {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// The dispatch: the same work on the driver of either engine. `$query` is the statement with its arguments.
macro_rules! on_engine {
    ($engine:expr, $sql:expr, $args:expr, |$query:ident, $connection:ident, $row:ident| $work:expr) => {
        match $engine {
            Engine::Sqlite(transaction) => {
                let $connection = &mut **transaction;
                let $query = bound!(sqlx::query::<Sqlite>($sql.sqlite), $args);
                let $row = Row::Sqlite;
                $work
            }
            Engine::Postgres(transaction) => {
                let $connection = &mut **transaction;
                let $query = bound!(sqlx::query::<Postgres>($sql.postgres), $args);
                let $row = Row::Postgres;
                $work
            }
        }
    };
}

macro_rules! bound {
    ($query:expr, $args:expr) => {
        $args.into_iter().fold($query, |query, arg| match arg {
            Arg::Int(value) => query.bind(value),
            Arg::Text(value) => query.bind(value),
        })
    };
}

impl Session {
    pub fn on_sqlite(transaction: Transaction<'static, Sqlite>, reads_only: bool) -> Self {
        Self::new(Engine::Sqlite(transaction), reads_only, false)
    }

    /// `tells_server`: whether the server can be asked which one it is.
    pub fn on_postgres(
        transaction: Transaction<'static, Postgres>,
        reads_only: bool,
        tells_server: bool,
    ) -> Self {
        Self::new(Engine::Postgres(transaction), reads_only, tells_server)
    }

    const fn new(engine: Engine, reads_only: bool, tells_server: bool) -> Self {
        let engine = Mutex::new(engine);
        Self { engine, reads_only, tells_server, failed: None, additions: BTreeMap::new(), ordinal: 0 }
    }

    /// True if writes, and locks on rows, are refused.
    pub const fn reads_only(&self) -> bool {
        self.reads_only
    }

    /// True if the server can be asked which one it is.
    pub const fn tells_server(&self) -> bool {
        self.tells_server
    }

    /// The place of the next event within the transaction, from 0.
    pub const fn next_place(&mut self) -> i64 {
        let ordinal = self.ordinal;
        self.ordinal += 1;
        ordinal
    }

    /// Executes a statement; gives the number of rows it affected.
    pub async fn execute(&mut self, sql: Sql, args: Vec<Arg>) -> Result<u64, StoreError> {
        self.start()?;
        let engine = self.engine.get_mut().unwrap_or_else(PoisonError::into_inner);
        let outcome = on_engine!(engine, sql, args, |query, connection, _row| {
            query.execute(connection).await.map(|done| done.rows_affected())
        });
        self.ended(outcome)
    }

    /// Executes a statement; gives its rows.
    pub async fn rows(&mut self, sql: Sql, args: Vec<Arg>) -> Result<Vec<Row>, StoreError> {
        self.start()?;
        let engine = self.engine.get_mut().unwrap_or_else(PoisonError::into_inner);
        let outcome = on_engine!(engine, sql, args, |query, connection, row| {
            query.fetch_all(connection).await.map(|rows| rows.into_iter().map(row).collect())
        });
        self.ended(outcome)
    }

    /// Executes a statement that lists rows, each of which `read` makes something of by itself; `key` reads
    /// what names it.
    pub async fn page<T, K: Clone>(
        &mut self,
        (sql, args): (Sql, Vec<Arg>),
        read: impl Fn(&Row) -> Result<T, StoreError>,
        key: impl Fn(&Row) -> Result<K, StoreError>,
    ) -> Result<Page<T, K>, StoreError> {
        page_of(&self.rows(sql, args).await?, read, key)
    }

    /// Executes a statement that gives at most one row.
    pub async fn row(&mut self, sql: Sql, args: Vec<Arg>) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, args).await?.into_iter().next())
    }

    /// Executes a guarded write of one row: if it affects none, somebody else changed `what`.
    pub async fn guarded(
        &mut self,
        sql: Sql,
        args: Vec<Arg>,
        what: impl FnOnce() -> String,
    ) -> Result<(), StoreError> {
        match self.execute(sql, args).await? {
            1 => Ok(()),
            0 => Err(self.over(StoreError::Conflict { what: what() })),
            many => {
                let reason = format!("{} changed {many} rows instead of one", sql.name);
                Err(self.over(StoreError::Refused { reason }))
            }
        }
    }

    /// Adds to a count when the transaction is committed, by a statement that is given the count's name and
    /// what is added.
    ///
    /// Last and in the order of their names: whoever holds a count then waits for nothing but the commit. A
    /// count that is not there is not missed: it must not stop what it counts.
    pub fn add_at_commit(&mut self, sql: Sql, name: &'static str, change: i64) {
        self.additions.entry((sql.name, name)).or_insert((sql, 0)).1 += change;
    }

    /// What this transaction has added to a count so far.
    pub fn added(&self, sql: Sql, name: &'static str) -> i64 {
        self.additions.get(&(sql.name, name)).map_or(0, |(_, change)| *change)
    }

    async fn add_what_was_counted(&mut self) -> Result<(), StoreError> {
        for ((_, name), (sql, change)) in std::mem::take(&mut self.additions) {
            if change != 0 {
                self.execute(sql, vec![name.into(), change.into()]).await?;
            }
        }
        Ok(())
    }

    /// Refuses what a caller must not ask for, and ends the transaction.
    pub fn refuse(&mut self, reason: impl Into<String>) -> StoreError {
        self.over(StoreError::Refused { reason: reason.into() })
    }

    /// Ends the transaction with `error`.
    pub fn over(&mut self, error: StoreError) -> StoreError {
        self.failed.get_or_insert_with(|| error.clone());
        error
    }

    /// From here to [`ended`](Self::ended) the transaction counts as failed: if the caller drops the
    /// statement's future, nobody hears what the database thought of it, and a commit could be answered with
    /// success although everything was rolled back.
    fn start(&mut self) -> Result<(), StoreError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.failed =
            Some(StoreError::Unavailable { reason: "a statement was cut off by its caller".to_owned() });
        Ok(())
    }

    fn ended<T>(&mut self, outcome: Result<T, sqlx::Error>) -> Result<T, StoreError> {
        self.failed = None;
        outcome.map_err(|error| {
            // A write of ours where only reads may be is a mistake, and says nothing of the server.
            let mistaken = self.reads_only && is_read_only(&error);
            let reason = mistaken.then(|| error.to_string());
            self.over(reason.map_or_else(|| store_error(error), |reason| StoreError::Refused { reason }))
        })
    }
}

/// These rows as a page of a list.
pub(super) fn page_of<T, K: Clone>(
    rows: &[Row],
    read: impl Fn(&Row) -> Result<T, StoreError>,
    key: impl Fn(&Row) -> Result<K, StoreError>,
) -> Result<Page<T, K>, StoreError> {
    let mut listed = Vec::with_capacity(rows.len());
    for row in rows {
        let read = match read(row) {
            Ok(read) => Ok(read),
            Err(error) => Err(UnreadableRow::of(error)?),
        };
        listed.push((key(row).ok(), read));
    }
    Ok(Page::new(listed))
}

/// Most rows a list gives: one more than callers may show, so that they can tell whether it goes on.
pub(super) fn rows_max(limit: u32) -> i64 {
    i64::from(limit.min(LIST_ROWS_MAX + 1))
}

#[async_trait]
impl Tx for Session {
    async fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
        let counted = match &self.failed {
            None => self.add_what_was_counted().await,
            Some(error) => Err(error.clone()),
        };
        if let Err(error) = counted {
            self.rollback().await?;
            return Err(error);
        }
        let done = match self.engine.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Engine::Sqlite(transaction) => transaction.commit().await,
            Engine::Postgres(transaction) => transaction.commit().await,
        };
        done.map_err(store_error)
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        let failed = self.failed.is_some();
        let done = match self.engine.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Engine::Sqlite(transaction) => transaction.rollback().await,
            Engine::Postgres(transaction) => transaction.rollback().await,
        };
        match done {
            // SQLite has rolled back already after some errors, and PostgreSQL may be gone. Whatever is left
            // is noticed when the connection comes back to its pool, which then closes it.
            Err(_) if failed => Ok(()),
            done => done.map_err(store_error),
        }
    }
}
