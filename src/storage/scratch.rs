//! Databases that live for a while, on a PostgreSQL server that somebody lends: for the simulator.

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

use super::errors::store_error;
use super::settings::{DatabaseUrl, EngineKind};
use crate::ports::store::StoreError;

/// How often a statement is tried while another process copies the server's template.
const TRIES_MAX: u32 = 1_000;

static MADE: AtomicU32 = AtomicU32::new(0);

/// A database that lives until it is removed.
pub struct Scratch {
    /// Where it is.
    pub url: DatabaseUrl,
    server: DatabaseUrl,
    name: String,
}

/// Makes an empty database on this server, from whose URL's database others may be created.
///
/// # Errors
/// [`StoreError::Refused`] if the URL is not PostgreSQL's, or others may not be created;
/// [`StoreError::Unavailable`] if the server is not reached.
pub async fn create(server: &DatabaseUrl, label: u64) -> Result<Scratch, StoreError> {
    let refused = |reason: &str| StoreError::Refused { reason: reason.to_owned() };
    if server.engine() != EngineKind::Postgres {
        return Err(refused("scratch databases are made on PostgreSQL"));
    }
    let made = MADE.fetch_add(1, Ordering::Relaxed);
    let name = format!("farmgate_scratch_{}_{label}_{made}", process::id());
    let mut url: url::Url = server
        .expose()
        .parse()
        .map_err(|_| refused("the database URL is not postgres://user@host:port/database"))?;
    url.set_path(&name);
    let url = String::from(url).parse().map_err(|_| refused("the database URL has no place for a name"))?;
    let scratch = Scratch { url, server: server.clone(), name };
    administer(&scratch.server, &format!("CREATE DATABASE {}", scratch.name)).await?;
    Ok(scratch)
}

impl Scratch {
    /// Removes it, whoever is connected to it.
    ///
    /// # Errors
    /// Those of [`create`].
    pub async fn remove(self) -> Result<(), StoreError> {
        administer(&self.server, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)).await
    }
}

async fn administer(server: &DatabaseUrl, sql: &str) -> Result<(), StoreError> {
    let options: PgConnectOptions = server
        .expose()
        .parse()
        .map_err(|_| StoreError::Refused { reason: "the database URL is not PostgreSQL's".to_owned() })?;
    let mut connection = options.connect().await.map_err(store_error)?;
    let mut tries = 1;
    loop {
        match connection.execute(AssertSqlSafe(sql)).await {
            Ok(_) => return connection.close().await.map_err(store_error),
            // CREATE DATABASE copies a template that others may be copying.
            Err(error)
                if tries < TRIES_MAX && error.to_string().contains("is being accessed by other users") =>
            {
                tries += 1;
                tokio::task::yield_now().await;
            }
            Err(error) => return Err(store_error(error)),
        }
    }
}
