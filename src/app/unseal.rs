//! `farmgate keys sealing` and `farmgate unseal`: the recovery sealing key, and the secrets that are sealed to it.
//!
//! Needs a database or an exported file, never the network. Never here: a secret anywhere but in the file that was
//! asked for and, unsealed, on standard output. Either every account that was asked for is printed, or an error names the
//! one that is not and nothing is.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use secrecy::ExposeSecret;

use crate::app::cli::UnsealArgs;
use crate::app::clock::SystemEntropy;
use crate::app::commands::{CommandError, note, say};
use crate::app::config;
use crate::app::wire::ServiceError;
use crate::domain::address::AccountId;
use crate::domain::sealing::{SealedSecret, SealedSecretError};
use crate::ports::store::StoreError;
use crate::stellar::sealing::{SealingSecret, SealingSecretError, UnsealError};
use crate::storage::{self, SchemaState};

/// Largest file of sealed secrets, in bytes; a line has some 285.
const BOXES_BYTES_MAX: u64 = 16 << 20;
/// Readable and writable by its owner alone.
const SECRET_FILE_MODE: u32 = 0o600;

/// Why nothing was made, exported or opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file of the secret half.
    #[error("--secret-file {}: {source}", path.display())]
    SecretFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It holds something else.
    #[error("--secret-file {}: {source}", path.display())]
    Secret {
        /// The file.
        path: PathBuf,
        /// Why.
        source: SealingSecretError,
    },
    /// The file of sealed secrets.
    #[error("--boxes {}: {source}", path.display())]
    Boxes {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A line of it is none.
    #[error("--boxes {}, line {line}: {source}", path.display())]
    Box {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Why.
        source: SealedSecretError,
    },
    /// The database is not there, or not of this version.
    #[error("database.url {url}: it {state}; set database.url or --database to the service's own")]
    Database {
        /// The database.
        url: String,
        /// What it is.
        state: &'static str,
    },
    /// No sealed secret of an account.
    #[error(
        "ACCOUNT {0}: no sealed secret of it is there; it is no account of ours, or was opened without \
         stellar.recovery_sealing_key"
    )]
    NotSealed(AccountId),
    /// A sealed secret does not open.
    #[error("with --secret-file {}: {source}", path.display())]
    Unseal {
        /// The file of the secret half.
        path: PathBuf,
        /// Why.
        source: Box<UnsealError>,
    },
}

/// Makes a recovery sealing key: the secret half goes to a new file, the line for the configuration to standard output.
pub(super) fn make_key(path: &Path) -> Result<ExitCode, CommandError> {
    let secret = SealingSecret::generate(&SystemEntropy);
    write_new(path, &secret.reveal())
        .map_err(|source| Error::SecretFile { path: path.to_path_buf(), source })?;
    note(&format!(
        "The secret half is in {}, and nowhere else. Keep it offline, and more than once: it opens the secrets of all\n\
         accounts that are opened from now on. The service needs only this line, under [stellar]:",
        path.display()
    ))?;
    say(&format!("recovery_sealing_key = \"{}\"", secret.public_key()))?;
    Ok(ExitCode::SUCCESS)
}

fn write_new(path: &Path, secret: &str) -> Result<(), io::Error> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(SECRET_FILE_MODE).open(path)?;
    writeln!(file, "{secret}")?;
    file.sync_all()
}

/// Opens sealed secrets, or exports them.
pub(super) async fn run(args: &UnsealArgs) -> Result<ExitCode, CommandError> {
    let known = match &args.boxes {
        Some(path) => read_boxes(path)?,
        None => stored(args).await?,
    };
    let sealed = chosen(&args.accounts, &known)?;
    let Some(path) = &args.way.secret_file else {
        for sealed in sealed {
            say(&sealed.to_string())?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    let secret = read_secret(path)?;
    let open = |sealed: &SealedSecret| match secret.open(sealed) {
        Ok(seed) => Ok((sealed.account, seed)),
        Err(error) => Err(Error::Unseal { path: path.clone(), source: Box::new(error) }),
    };
    let opened: Vec<_> = sealed.into_iter().map(open).collect::<Result<_, _>>()?;
    for (account, seed) in opened {
        let seed = seed.reveal();
        writeln!(io::stdout().lock(), "{account} {}", seed.as_str())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The sealed secrets of `accounts` in their order; of none means all.
fn chosen<'k>(accounts: &[AccountId], known: &'k [SealedSecret]) -> Result<Vec<&'k SealedSecret>, Error> {
    if accounts.is_empty() {
        return Ok(known.iter().collect());
    }
    let find = |account: &AccountId| {
        let found = known.iter().find(|sealed| sealed.account == *account);
        found.ok_or(Error::NotSealed(*account))
    };
    accounts.iter().map(find).collect()
}

fn read_secret(path: &Path) -> Result<SealingSecret, Error> {
    let text =
        config::secret_file(path).map_err(|source| Error::SecretFile { path: path.to_path_buf(), source })?;
    text.expose_secret().parse().map_err(|source| Error::Secret { path: path.to_path_buf(), source })
}

fn read_boxes(path: &Path) -> Result<Vec<SealedSecret>, Error> {
    let unreadable = |source| Error::Boxes { path: path.to_path_buf(), source };
    let reader: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(std::fs::File::open(path).map_err(unreadable)?)
    };
    let mut text = String::new();
    let bytes = reader.take(BOXES_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
    if bytes as u64 > BOXES_BYTES_MAX {
        return Err(unreadable(io::Error::other(format!("more than {BOXES_BYTES_MAX} bytes"))));
    }
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            let refused = |source| Error::Box { path: path.to_path_buf(), line: index + 1, source };
            line.parse().map_err(refused)
        })
        .collect()
}

/// From the database, which is neither made nor changed.
async fn stored(args: &UnsealArgs) -> Result<Vec<SealedSecret>, CommandError> {
    let settings =
        config::load_database(args.config.config.as_deref(), std::env::vars(), &args.config.overrides())?;
    let failed = |error: StoreError| ServiceError::from(error);
    let state = match storage::schema(&settings).await.map_err(failed)? {
        SchemaState::Current { .. } => None,
        SchemaState::Missing => Some("is empty or not there"),
        SchemaState::Behind { .. } => Some("is of an earlier version"),
    };
    if let Some(state) = state {
        return Err(Error::Database { url: settings.url.to_string(), state }.into());
    }
    let store = storage::connect(&settings).await.map_err(failed)?;
    let mut tx = store.begin_read().await.map_err(failed)?;
    let sealed = tx.sealed_secrets(&args.accounts).await.map_err(failed)?;
    tx.rollback().await.map_err(failed)?;
    Ok(sealed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_file_is_its_owners_alone_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        make_key(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, SECRET_FILE_MODE);
        let before = read_secret(&path).unwrap().public_key();
        let error = make_key(&path).unwrap_err().to_string();
        assert!(error.contains("--secret-file") && error.contains("exists"), "{error}");
        assert_eq!(read_secret(&path).unwrap().public_key(), before);
    }

    #[test]
    fn a_file_that_holds_no_sealed_secret_is_named_with_the_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("boxes");
        std::fs::write(&path, "\nG S\n").unwrap();
        let error = read_boxes(&path).unwrap_err().to_string();
        assert!(error.contains("--boxes") && error.contains("line 2"), "{error}");
        std::fs::write(&path, "\n\n").unwrap();
        assert_eq!(read_boxes(&path).unwrap(), []);
        let error = read_secret(&path).unwrap_err().to_string();
        assert!(error.contains("--secret-file") && error.contains("not a sealing secret"), "{error}");
    }
}
