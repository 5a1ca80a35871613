//! The database that a command works on.
//!
//! Only `serve`, `setup --yes` and `keys create` make one. Every other command wants the one that is there,
//! and says where it looked if there is none: an empty one in the wrong folder would answer that nothing is
//! held and nothing owed.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::config::reason;
use crate::ports::store::{Store, StoreError};
use crate::storage::{self, DatabaseUrl, SchemaState, Settings};

/// What makes a database, or brings it up to date.
pub const MAKERS: &str = "`farmgate serve` and `farmgate setup --yes`";
/// How another database is named.
pub const ELSEWHERE: &str =
    "if yours is elsewhere, name it with --database, FARMGATE_DATABASE__URL or database.url in farmgate.toml";

/// Why a command has no database to work on.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// No SQLite file.
    #[error("there is no database at {}; {MAKERS} make one; {ELSEWHERE}", file.display())]
    NoFile {
        /// Where it would be.
        file: PathBuf,
    },
    /// A database without our tables.
    #[error("the database {place} has no tables of Farmgate's; {MAKERS} make them; {ELSEWHERE}")]
    NoTables {
        /// Which.
        place: String,
    },
    /// A database of an earlier version.
    #[error(
        "the database {place} is of an earlier version ({applied} of {known} migrations); {MAKERS} \
         bring it up to date"
    )]
    Behind {
        /// Which.
        place: String,
        /// How many migrations it has seen.
        applied: usize,
        /// How many there are.
        known: usize,
    },
    /// It is not reached, or refuses.
    #[error("the database {place}: {source}")]
    Store {
        /// Which.
        place: String,
        /// Why.
        source: StoreError,
    },
}

/// Opens the database that is there: it is neither made nor changed.
pub async fn existing(settings: &Settings) -> Result<Arc<dyn Store>, DatabaseError> {
    let failed = |source| DatabaseError::Store { place: place(&settings.url), source };
    match storage::schema(settings).await.map_err(failed)? {
        SchemaState::Current { .. } => storage::connect(settings).await.map_err(failed),
        SchemaState::Missing => Err(missing(&settings.url)),
        SchemaState::Behind { applied, known } => {
            Err(DatabaseError::Behind { place: place(&settings.url), applied, known })
        }
    }
}

/// What to say of a database that is not there.
pub fn missing(url: &DatabaseUrl) -> DatabaseError {
    match url.file().map(absolute) {
        Some(file) if !file.exists() => DatabaseError::NoFile { file },
        _ => DatabaseError::NoTables { place: place(url) },
    }
}

/// Which database it is, wherever one stands: an SQLite file with its whole path.
pub fn place(url: &DatabaseUrl) -> String {
    url.file().map_or_else(|| url.to_string(), |file| absolute(file).display().to_string())
}

/// Why an SQLite database could not be made or written where it should be, if so. Leaves nothing behind.
pub fn obstacle(url: &DatabaseUrl) -> Option<String> {
    let file = absolute(url.file()?);
    let folder = file.parent()?;
    let refused = |path: &Path, error: &std::io::Error| {
        Some(format!("{} cannot be written ({})", path.display(), reason(error)))
    };
    // The file has no name, and is gone when it is closed.
    if let Err(error) = tempfile::tempfile_in(folder) {
        return refused(folder, &error);
    }
    if !file.exists() {
        return None;
    }
    let opened = OpenOptions::new().append(true).open(&file);
    opened.err().and_then(|error| refused(&file, &error))
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}
