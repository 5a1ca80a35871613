//! Where the database is, and the bounds of its use.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;
use url::Url;

/// Most connections a pool may be told to open.
pub const CONNECTIONS_MAX: u32 = 1_000;
/// Longest of the times below, in seconds.
pub const TIMEOUT_SECONDS_MAX: u64 = 3_600;

/// Settings of the database.
///
/// ```toml
/// [database]
/// url = "sqlite://farmgate.db"     # or postgres://user@host:5432/database
/// password_file = "/run/secrets/database"
/// connections_max = 16
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// `sqlite://` and a path, or `postgres://user@host:port/database`. Its beginning decides the engine.
    pub url: DatabaseUrl,
    /// A file that holds PostgreSQL's password and nothing else. Instead, `PGPASSWORD` in the environment or
    /// a `.pgpass` file will do.
    pub password_file: Option<PathBuf>,
    /// Most connections; on SQLite most readers, for it has one writer.
    pub connections_max: u32,
    /// How long to wait for a free connection, in seconds.
    pub acquire_timeout_seconds: u64,
    /// How long one statement may take, in seconds. PostgreSQL only.
    pub statement_timeout_seconds: u64,
    /// How long to wait for another transaction's lock, in seconds. On SQLite: for another process that
    /// writes.
    pub lock_timeout_seconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: DatabaseUrl("sqlite://farmgate.db".to_owned()),
            password_file: None,
            connections_max: 16,
            acquire_timeout_seconds: 10,
            statement_timeout_seconds: 30,
            lock_timeout_seconds: 5,
        }
    }
}

impl Settings {
    /// The default settings with this database.
    pub fn for_url(url: DatabaseUrl) -> Self {
        Self { url, ..Self::default() }
    }
}

/// Which engine a URL names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineKind {
    /// SQLite, embedded.
    Sqlite,
    /// PostgreSQL, or what speaks its protocol and dialect.
    Postgres,
}

/// A database's URL. It may hold a password, so it is shown without one.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct DatabaseUrl(String);

/// A text that is no database's URL. It does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// Neither of the two.
    #[error("a database URL begins with sqlite:// or postgres://")]
    Engine,
    /// `sqlite::memory:` and its likes.
    #[error(
        "an SQLite database must be a file: one in memory is lost, and would be another for each connection"
    )]
    InMemory,
    /// SQLite parameters, which would change what the engine is set up for.
    #[error("an SQLite URL is sqlite:// and a path, without parameters")]
    Parameters,
}

impl DatabaseUrl {
    /// The URL, with the password it may hold.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// SQLite's file: all that follows the scheme, to the letter.
    pub(super) fn path(&self) -> &str {
        let path = self.0.strip_prefix("sqlite:").unwrap_or(&self.0);
        path.strip_prefix("//").unwrap_or(path)
    }

    /// The SQLite file it names, if it is one.
    pub fn file(&self) -> Option<&Path> {
        (self.engine() == EngineKind::Sqlite).then(|| Path::new(self.path()))
    }

    /// Whether it holds a password.
    pub(super) fn holds_password(&self) -> bool {
        let named = |url: &Url| url.query_pairs().any(|(name, _)| name == "password");
        Url::parse(&self.0).is_ok_and(|url| url.password().is_some() || named(&url))
    }

    /// Which engine it names.
    pub fn engine(&self) -> EngineKind {
        if self.0.starts_with("sqlite:") { EngineKind::Sqlite } else { EngineKind::Postgres }
    }
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self(text.to_owned()));
        }
        let path = text.strip_prefix("sqlite:").ok_or(DatabaseUrlError::Engine)?;
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.contains(":memory:") || path.contains("mode=memory") {
            return Err(DatabaseUrlError::InMemory);
        }
        if path.contains('?') {
            return Err(DatabaseUrlError::Parameters);
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for DatabaseUrl {
    type Error = DatabaseUrlError;

    fn try_from(text: String) -> Result<Self, DatabaseUrlError> {
        text.parse()
    }
}

/// Without user, password and parameters.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("sqlite", &self.0));
        let rest = match self.engine() {
            EngineKind::Sqlite => rest,
            // A password may hold any character: what follows the last @ is surely the host.
            EngineKind::Postgres => {
                let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
                host.split_once('?').map_or(host, |(host, _)| host)
            }
        };
        write!(f, "{scheme}://{rest}")
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for url in [
            "postgres://me:hun@ter2@db.example:5432/farmgate",
            "postgresql://me:hunter2@db.example:5432/farmgate?password=hunter2",
        ] {
            let settings = Settings::for_url(url.parse().unwrap());
            let shown = format!("{settings:?} {}", settings.url);
            assert!(!shown.contains("ter2") && shown.contains("db.example:5432/farmgate"), "{shown}");
        }
    }

    #[test]
    fn settings_are_read_by_name_and_unknown_ones_refused() {
        let read = |text| serde_json::from_str::<Settings>(text);
        assert_eq!(read("{}").unwrap(), Settings::default());
        let some = read(r#"{"url": "postgres://me@db/farmgate", "connections_max": 3}"#).unwrap();
        assert_eq!((some.url.engine(), some.connections_max), (EngineKind::Postgres, 3));
        assert!(read(r#"{"connection_max": 3}"#).is_err());
        let error = read(r#"{"url": "mysql://me:hunter2@host/db"}"#).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn urls_that_cannot_work_are_refused_without_repeating_them() {
        for (url, error) in [
            ("mysql://me:hunter2@host/db", DatabaseUrlError::Engine),
            ("farmgate.db", DatabaseUrlError::Engine),
            ("sqlite::memory:", DatabaseUrlError::InMemory),
            ("sqlite://:memory:", DatabaseUrlError::InMemory),
            ("sqlite://", DatabaseUrlError::InMemory),
            ("sqlite://a.db?mode=memory", DatabaseUrlError::InMemory),
            ("sqlite://a.db?immutable=1", DatabaseUrlError::Parameters),
        ] {
            assert_eq!(url.parse::<DatabaseUrl>(), Err(error), "{url}");
            assert!(!error.to_string().contains("hunter2"));
        }
    }
}
