//! Statements and their arguments.
//!
//! The schema knows two types, BIGINT and TEXT, so that both engines mean the same by every value. Each
//! statement is declared with `statements!`, once for both engines where they agree, and is thereby in the
//! list that a test prepares on both.

/// A statement in both dialects.
#[derive(Debug, Clone, Copy)]
pub struct Sql {
    /// Its name in the source.
    pub name: &'static str,
    /// What SQLite is told.
    pub sqlite: &'static str,
    /// What PostgreSQL is told.
    pub postgres: &'static str,
}

/// Declares constants of type [`Sql`] and `ALL`, the list of them. The text is for both engines, unless
/// `on_postgres` gives another for PostgreSQL.
macro_rules! statements {
    ($($(#[$note:meta])* $name:ident = $both:expr $(, on_postgres $postgres:expr)?;)+) => {
        $(
            $(#[$note])*
            const $name: $crate::storage::sql::Sql = $crate::storage::sql::Sql {
                name: concat!(module_path!(), "::", stringify!($name)),
                sqlite: $both,
                postgres: $crate::storage::sql::last!($both $(, $postgres)?),
            };
        )+
        pub(super) const ALL: &[$crate::storage::sql::Sql] = &[$($name),+];
    };
}
pub(super) use statements;

macro_rules! last {
    ($one:expr) => {
        $one
    };
    ($one:expr, $other:expr) => {
        $other
    };
}
pub(super) use last;

/// One argument of a statement.
#[derive(Debug, Clone)]
pub(super) enum Arg {
    Int(Option<i64>),
    Text(Option<String>),
}

/// The arguments of a statement, in order.
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::storage::sql::Arg::from($value)),*] };
}
pub(super) use args;

impl From<i64> for Arg {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<Option<i64>> for Arg {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl From<u16> for Arg {
    fn from(value: u16) -> Self {
        Self::Int(Some(value.into()))
    }
}

impl From<u32> for Arg {
    fn from(value: u32) -> Self {
        Self::Int(Some(value.into()))
    }
}

impl From<bool> for Arg {
    fn from(value: bool) -> Self {
        Self::Int(Some(value.into()))
    }
}

impl From<jiff::Timestamp> for Arg {
    fn from(value: jiff::Timestamp) -> Self {
        Self::Int(Some(value.as_microsecond()))
    }
}

impl From<Option<jiff::Timestamp>> for Arg {
    fn from(value: Option<jiff::Timestamp>) -> Self {
        Self::Int(value.map(jiff::Timestamp::as_microsecond))
    }
}

impl From<&str> for Arg {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}

impl From<String> for Arg {
    fn from(value: String) -> Self {
        Self::Text(Some(value))
    }
}

impl From<Option<String>> for Arg {
    fn from(value: Option<String>) -> Self {
        Self::Text(value)
    }
}
