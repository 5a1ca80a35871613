//! Rows as they come from a database, which is not trusted.
//!
//! Every value is asked for by its column and checked: NULL where none may be (which SQLite's driver would
//! read as 0), another type, a text that is not what it should be, facts that contradict the columns beside
//! them. What cannot be is [`StoreError::Corrupt`] with table, column and key.

use std::fmt::Display;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

use crate::domain::ids::LedgerSeq;
use crate::domain::money::Stroops;
use crate::domain::units::{CloudUnits, MilliUnits};
use crate::ports::store::{ServerIdentity, StoreError};

/// A table and the columns that name its rows.
pub(super) struct Table {
    pub name: &'static str,
    pub key: &'static [&'static str],
}

/// A row of either engine.
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// A row as one of a table.
#[derive(Clone, Copy)]
pub(super) struct Facts<'r> {
    table: &'static Table,
    row: &'r Row,
}

impl Row {
    pub fn of(&self, table: &'static Table) -> Facts<'_> {
        Facts { table, row: self }
    }

    fn int(&self, column: &str) -> Result<Option<i64>, sqlx::Error> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }

    fn text(&self, column: &str) -> Result<Option<String>, sqlx::Error> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }
}

impl Facts<'_> {
    /// The error for a value that cannot be.
    pub fn corrupt(&self, column: &'static str, reason: impl Display) -> StoreError {
        let part = |name: &&'static str| {
            let value = match (self.row.int(name), self.row.text(name)) {
                (Ok(Some(number)), _) => number.to_string(),
                (_, Ok(Some(text))) => text,
                (_, _) => "?".to_owned(),
            };
            format!("{name} {value}")
        };
        let key = self.table.key.iter().map(part).collect::<Vec<_>>().join(", ");
        StoreError::Corrupt { table: self.table.name, column, key, reason: reason.to_string() }
    }

    fn present<T>(&self, column: &'static str, value: Option<T>) -> Result<T, StoreError> {
        value.ok_or_else(|| self.corrupt(column, "it is NULL"))
    }

    pub fn int_or_none(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        self.row.int(column).map_err(|error| self.corrupt(column, error))
    }

    pub fn int(&self, column: &'static str) -> Result<i64, StoreError> {
        self.present(column, self.int_or_none(column)?)
    }

    pub fn text_or_none(&self, column: &'static str) -> Result<Option<String>, StoreError> {
        self.row.text(column).map_err(|error| self.corrupt(column, error))
    }

    pub fn text(&self, column: &'static str) -> Result<String, StoreError> {
        self.present(column, self.text_or_none(column)?)
    }

    /// A number that is made into something smaller than any 64 bits.
    pub fn number<T, E: Display>(
        &self,
        column: &'static str,
        make: impl Fn(i64) -> Result<T, E>,
    ) -> Result<T, StoreError> {
        make(self.int(column)?).map_err(|error| self.corrupt(column, error))
    }

    pub fn number_or_none<T, E: Display>(
        &self,
        column: &'static str,
        make: impl Fn(i64) -> Result<T, E>,
    ) -> Result<Option<T>, StoreError> {
        self.int_or_none(column)?.map(make).transpose().map_err(|error| self.corrupt(column, error))
    }

    /// The database server that a row names, if it names one.
    pub fn server(&self) -> Result<Option<ServerIdentity>, StoreError> {
        let Some(system) = self.int_or_none("server_system")? else { return Ok(None) };
        Ok(Some(ServerIdentity { system, timeline: self.text_or_none("server_timeline")? }))
    }

    /// A text in its canonical form.
    pub fn parsed<T>(&self, column: &'static str) -> Result<T, StoreError>
    where
        T: FromStr,
        T::Err: Display,
    {
        self.text(column)?.parse().map_err(|error| self.corrupt(column, error))
    }

    pub fn parsed_or_none<T>(&self, column: &'static str) -> Result<Option<T>, StoreError>
    where
        T: FromStr,
        T::Err: Display,
    {
        let text = self.text_or_none(column)?;
        text.map(|text| text.parse()).transpose().map_err(|error| self.corrupt(column, error))
    }

    /// Facts kept as JSON.
    pub fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        serde_json::from_str(&self.text(column)?).map_err(|error| self.corrupt(column, error))
    }

    pub fn json_or_none<T: DeserializeOwned>(&self, column: &'static str) -> Result<Option<T>, StoreError> {
        let text = self.text_or_none(column)?;
        text.map(|text| serde_json::from_str(&text)).transpose().map_err(|error| self.corrupt(column, error))
    }

    /// One of a few names, as `name` gives them.
    pub fn one_of<T: Copy>(
        &self,
        column: &'static str,
        all: &[T],
        name: impl Fn(T) -> &'static str,
    ) -> Result<T, StoreError> {
        let text = self.text(column)?;
        let found = all.iter().copied().find(|each| name(*each) == text);
        found.ok_or_else(|| self.corrupt(column, format!("it is {text:?}")))
    }

    pub fn flag(&self, column: &'static str) -> Result<bool, StoreError> {
        match self.int(column)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(self.corrupt(column, format!("it is {other}, neither 0 nor 1"))),
        }
    }

    pub fn time(&self, column: &'static str) -> Result<Timestamp, StoreError> {
        self.number(column, Timestamp::from_microsecond)
    }

    pub fn time_or_none(&self, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        self.number_or_none(column, Timestamp::from_microsecond)
    }

    pub fn stroops(&self, column: &'static str) -> Result<Stroops, StoreError> {
        self.number(column, Stroops::new)
    }

    pub fn ledger(&self, column: &'static str) -> Result<LedgerSeq, StoreError> {
        self.number(column, |number| u32::try_from(number).map(LedgerSeq))
    }

    /// A count of changes, from 0.
    pub fn version(&self) -> Result<i64, StoreError> {
        match self.int("version")? {
            negative @ ..0 => Err(self.corrupt("version", format!("it is {negative}"))),
            version => Ok(version),
        }
    }

    pub fn units(&self) -> Result<CloudUnits, StoreError> {
        let milli = |column| {
            let number = u64::try_from(self.int(column)?).map_err(|error| self.corrupt(column, error))?;
            MilliUnits::new(number).map_err(|error| self.corrupt(column, error))
        };
        Ok(CloudUnits { cu: milli("cu")?, su: milli("su")?, ipv4u: milli("ipv4u")? })
    }

    /// Refuses a column that contradicts the facts beside it.
    pub fn agrees<T: PartialEq + Display>(
        &self,
        column: &'static str,
        stored: T,
        facts: T,
    ) -> Result<(), StoreError> {
        if stored == facts {
            return Ok(());
        }
        Err(self.corrupt(column, format!("it is {stored}, but the facts beside it say {facts}")))
    }
}

/// Facts as JSON, for a column.
pub(super) fn to_json<T: Serialize + ?Sized>(facts: &T) -> Result<String, StoreError> {
    serde_json::to_string(facts)
        .map_err(|error| StoreError::Refused { reason: format!("facts that are no JSON: {error}") })
}

/// A text from outside, kept for people: PostgreSQL takes no NUL in a text.
pub(super) fn legible(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The three kinds of units as numbers for columns.
pub(super) fn milli_units(units: CloudUnits) -> [i64; 3] {
    [units.cu, units.su, units.ipv4u].map(|kind| i64::try_from(kind.get()).unwrap_or(i64::MAX))
}
