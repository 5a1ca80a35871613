//! Databases for tests: each test has one of its own, on either engine.
//!
//! A test crate says `mod support;` and writes its tests inside [`on_both_databases!`]:
//!
//! ```ignore
//! on_both_databases! {
//!     async fn a_farm_is_found(database: &TestStore) {
//!         let tx = database.store.begin().await.unwrap();
//!         …
//!     }
//! }
//! ```
//!
//! That makes two tests of each, `sqlite::a_farm_is_found` and `postgres::a_farm_is_found`. PostgreSQL is
//! found by the environment variable `FARMGATE_TEST_POSTGRES`, the URL of a server's database from which
//! others may be created. Without it the PostgreSQL tests fail: a suite that skips half of itself proves half
//! of what it says.
#![allow(dead_code, reason = "no test crate uses all of it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use farmgate::ports::store::Store;
use farmgate::storage::{Settings, connect};
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, SqliteConnection};

/// Where the tests' PostgreSQL server is.
pub const POSTGRES_VARIABLE: &str = "FARMGATE_TEST_POSTGRES";

static DATABASES: AtomicU32 = AtomicU32::new(0);

/// A migrated, empty database; gone when dropped.
pub struct TestStore {
    /// The store under test.
    pub store: Arc<dyn Store>,
    /// What it was connected with, for further connections or processes.
    pub settings: Settings,
    /// The database's URL as text, as a process would be given it.
    pub url: String,
    home: Home,
}

enum Home {
    Sqlite { _folder: tempfile::TempDir },
    Postgres { server: String, name: String },
}

/// A connection past the store: to tamper, and to look behind it.
pub enum RawConnection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// A new SQLite database in a temporary folder.
pub async fn sqlite() -> TestStore {
    TestStore::open(&Place::sqlite()).await
}

/// A new database on the PostgreSQL server that [`POSTGRES_VARIABLE`] names.
pub async fn postgres() -> TestStore {
    TestStore::open(&Place::postgres().await).await
}

/// A database that nobody has connected to: no tables, on SQLite no file.
pub struct Place {
    pub settings: Settings,
    pub url: String,
    home: std::sync::Mutex<Option<Home>>,
}

impl Place {
    fn new(url: String, home: Home) -> Self {
        let settings = Settings::for_url(url.parse().expect("a database URL"));
        Self { settings, url, home: std::sync::Mutex::new(Some(home)) }
    }

    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite://{}/farmgate.db", folder.path().display());
        Self::new(url, Home::Sqlite { _folder: folder })
    }

    pub async fn postgres() -> Self {
        let server = std::env::var(POSTGRES_VARIABLE).unwrap_or_else(|_| {
            panic!(
                "{POSTGRES_VARIABLE} is not set: give it the URL of a PostgreSQL database from which others \
                 may be created, such as postgres://postgres@127.0.0.1:5432/postgres, or use scripts/test"
            )
        });
        let number = DATABASES.fetch_add(1, Ordering::Relaxed);
        let name = format!("farmgate_test_{}_{number}", std::process::id());
        administer(&server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        administer(&server, &format!("CREATE DATABASE {name}")).await;
        let mut url: url::Url = server.parse().expect("a URL");
        url.set_path(&name);
        Self::new(url.into(), Home::Postgres { server, name })
    }
}

/// Runs a statement on the server's own database. CREATE DATABASE copies a template that others may be
/// copying.
async fn administer(server: &str, sql: &str) {
    let options: PgConnectOptions = server.parse().expect("a PostgreSQL URL");
    let mut connection = options.connect().await.expect("the tests' PostgreSQL server answers");
    for _ in 0..100 {
        match connection.execute(AssertSqlSafe(sql)).await {
            Ok(_) => return,
            Err(error) if error.to_string().contains("is being accessed by other users") => {
                tokio::task::yield_now().await;
            }
            Err(error) => panic!("{sql}: {error}"),
        }
    }
    panic!("{sql}: the template is always in use");
}

impl TestStore {
    pub async fn open(place: &Place) -> Self {
        let store = connect(&place.settings).await.expect("an empty database can be connected to");
        let home = place.home.lock().expect("unpoisoned").take().expect("a place is opened once");
        Self { store, settings: place.settings.clone(), url: place.url.clone(), home }
    }

    pub fn is_sqlite(&self) -> bool {
        matches!(self.home, Home::Sqlite { .. })
    }

    /// A connection past the store.
    pub async fn raw(&self) -> RawConnection {
        RawConnection::to(&self.url).await
    }

    /// Runs statements past the store.
    pub async fn tamper(&self, sql: &str) {
        self.raw().await.run(sql).await;
    }
}

impl RawConnection {
    /// A connection to the database of this URL; an SQLite file is made if it is not there.
    pub async fn to(url: &str) -> Self {
        if url.starts_with("sqlite:") {
            let options: SqliteConnectOptions = url.parse().expect("a URL");
            Self::Sqlite(options.create_if_missing(true).connect().await.expect("the file is there"))
        } else {
            let options: PgConnectOptions = url.parse().expect("a URL");
            Self::Postgres(options.connect().await.expect("the server is there"))
        }
    }

    pub async fn run(&mut self, sql: &str) {
        self.execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// True if the database refuses it.
    pub async fn fails(&mut self, sql: &str) -> bool {
        self.execute(sql).await.is_err()
    }

    async fn execute(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(connection) => connection.execute(AssertSqlSafe(sql)).await.map(drop),
            Self::Postgres(connection) => connection.execute(AssertSqlSafe(sql)).await.map(drop),
        }
    }

    /// The first column of each row, a number.
    pub async fn numbers(&mut self, sql: &str) -> Vec<i64> {
        let sql = AssertSqlSafe(sql);
        match self {
            Self::Sqlite(connection) => sqlx::query_scalar(sql).fetch_all(connection).await,
            Self::Postgres(connection) => sqlx::query_scalar(sql).fetch_all(connection).await,
        }
        .expect("a query of numbers")
    }

    /// The first column of each row, a text.
    pub async fn texts(&mut self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql);
        match self {
            Self::Sqlite(connection) => sqlx::query_scalar(sql).fetch_all(connection).await,
            Self::Postgres(connection) => sqlx::query_scalar(sql).fetch_all(connection).await,
        }
        .expect("a query of texts")
    }

    pub async fn close(self) {
        match self {
            Self::Sqlite(connection) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
        }
        .expect("a connection closes");
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let Self::Postgres { server, name } = self else { return };
        let (server, sql) = (server.clone(), format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        // A runtime of its own: a drop cannot wait on the one it runs in.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(administer(&server, &sql));
        });
        // The database of a test that failed may stay; its own message is the one to read.
        let _ = dropping.join();
    }
}

/// Writes each test once and runs it on both engines.
#[allow(unused_macros, reason = "no test crate uses all of it")]
macro_rules! on_both_databases {
    ($($(#[$note:meta])* async fn $name:ident($database:ident: &TestStore) $body:block)+) => {
        $($(#[$note])* async fn $name($database: &$crate::support::TestStore) $body)+

        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(&$crate::support::sqlite().await).await;
                }
            )+
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(&$crate::support::postgres().await).await;
                }
            )+
        }
    };
}
#[allow(unused_imports, reason = "no test crate uses all of it")]
pub(crate) use on_both_databases;
