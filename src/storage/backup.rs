//! A copy of an SQLite database that is in use.
//!
//! Boundaries: reads the database in one transaction, beside whoever writes to it; never writes to it, and
//! never over a file that is there.
//!
//! Failure: the copy is made under another name, `FILE.incomplete`, and gets its own once it is whole,
//! verified and on disk. Until then an empty file keeps its name. If something fails both are removed; if the
//! process is killed both stay, and neither passes for a backup.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{ConnectOptions, Connection};

use super::errors::store_error;
use super::events::RENEW_ON_SQLITE;
use super::settings::Settings;
use crate::ports::store::StoreError;

const COPY: &str = "VACUUM INTO $1";
const VERIFY: &str = "PRAGMA integrity_check(1)";
/// What the verification answers when it finds nothing.
const SOUND: &str = "ok";
/// The copy is readable and writable by its owner alone: it holds sealed secrets.
const COPY_MODE: u32 = 0o600;

/// Copies the database into a new file.
pub(super) async fn copy(settings: &Settings, copy: &Path) -> Result<(), StoreError> {
    let incomplete = incomplete(copy);
    new_file(copy).map_err(|error| failed(copy, &error))?;
    let copied = async {
        // Left by a process that was killed: nobody else has made a file of this name's owner.
        match std::fs::remove_file(&incomplete) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&incomplete, &error)),
            Ok(()) | Err(_) => {}
        }
        new_file(&incomplete).map_err(|error| failed(&incomplete, &error))?;
        fill(settings, &incomplete).await?;
        verify(&incomplete).await?;
        renew(&incomplete).await?;
        complete(&incomplete, copy).map_err(|error| failed(copy, &error))
    };
    let copied = copied.await;
    if copied.is_err() {
        // Nothing more can be done about what cannot be removed: an empty file, and one that says
        // it is incomplete.
        drop((std::fs::remove_file(&incomplete), std::fs::remove_file(copy)));
    }
    copied
}

fn incomplete(copy: &Path) -> PathBuf {
    let mut path = copy.as_os_str().to_owned();
    path.push(".incomplete");
    path.into()
}

fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(COPY_MODE).open(path)
}

fn failed(path: &Path, error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::AlreadyExists => {
            let reason = format!("{} exists, and is not written over", path.display());
            StoreError::Refused { reason }
        }
        _ => StoreError::Unavailable { reason: format!("{}: {error}", path.display()) },
    }
}

async fn fill(settings: &Settings, incomplete: &Path) -> Result<(), StoreError> {
    let Some(name) = incomplete.to_str() else {
        return Err(StoreError::Refused { reason: format!("{} is not UTF-8", incomplete.display()) });
    };
    let options = SqliteConnectOptions::new()
        .filename(settings.url.path())
        .busy_timeout(Duration::from_secs(settings.lock_timeout_seconds));
    let mut connection = options.connect().await.map_err(store_error)?;
    let copied = sqlx::query(COPY).bind(name).execute(&mut connection).await;
    let closed = connection.close().await;
    copied.map_err(store_error)?;
    closed.map_err(store_error)
}

async fn verify(incomplete: &Path) -> Result<(), StoreError> {
    let options = SqliteConnectOptions::new().filename(incomplete).read_only(true);
    let mut connection: SqliteConnection = options.connect().await.map_err(store_error)?;
    let found: Result<String, _> = sqlx::query_scalar(VERIFY).fetch_one(&mut connection).await;
    connection.close().await.map_err(store_error)?;
    match found.map_err(store_error)? {
        found if found == SOUND => Ok(()),
        found => Err(StoreError::Refused { reason: format!("the copy is not sound: {found}") }),
    }
}

/// Makes the copy another incarnation: a cursor into the events of the database itself is none into those
/// that follow once the copy is restored.
async fn renew(incomplete: &Path) -> Result<(), StoreError> {
    let options = SqliteConnectOptions::new().filename(incomplete).journal_mode(SqliteJournalMode::Delete);
    let mut connection: SqliteConnection = options.connect().await.map_err(store_error)?;
    let renewed = sqlx::query(RENEW_ON_SQLITE).execute(&mut connection).await;
    connection.close().await.map_err(store_error)?;
    renewed.map(drop).map_err(store_error)
}

/// Gives the copy its name, once it is on disk.
fn complete(incomplete: &Path, copy: &Path) -> io::Result<()> {
    File::open(incomplete)?.sync_all()?;
    std::fs::rename(incomplete, copy)?;
    let folder = copy.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
