//! `farmgate backup`: a copy of an SQLite database, also while the service works on it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::app::config::{self, ConfigArgs};
use crate::app::database;
use crate::app::error::CommandError;
use crate::app::output::say;
use crate::app::wire::ServiceError;
use crate::storage::{self, EngineKind, SchemaState};

/// `farmgate backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The file that the copy is written to; it must not exist.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Copies the database as it is at one moment. One of an earlier version is copied as it is.
pub(super) async fn run(args: &BackupArgs) -> Result<ExitCode, CommandError> {
    let settings =
        config::load_database(args.config.config.as_deref(), std::env::vars(), &args.config.overrides())?;
    if settings.url.engine() == EngineKind::Postgres {
        let (database, file) = (settings.url.to_string(), args.file.display().to_string());
        return Err(CommandError::PostgresBackup { database, file });
    }
    if storage::schema(&settings).await.map_err(ServiceError::from)? == SchemaState::Missing {
        return Err(database::missing(&settings.url).into());
    }
    storage::back_up(&settings, &args.file).await.map_err(CommandError::Backup)?;
    say(&format!("{} is backed up to {}", database::place(&settings.url), args.file.display()))?;
    Ok(ExitCode::SUCCESS)
}
