//! The files of the recovery sealing key's secret half and of the secrets that are sealed to it.
//!
//! Never here: a secret anywhere but in the file that was asked for.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;

use crate::app::config;
use crate::domain::address::AccountId;
use crate::domain::sealing::{SealedSecret, SealedSecretError};
use crate::stellar::sealing::{SealingSecret, SealingSecretError, UnsealError};

/// Largest file of sealed secrets, in bytes; a line has some 285.
const BOXES_BYTES_MAX: u64 = 16 << 20;

/// Readable and writable by its owner alone.
const SECRET_FILE_MODE: u32 = 0o600;

/// Why nothing was made, exported or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealingFileError {
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

/// Writes the secret half to a new file, readable and writable by its owner alone.
pub fn write_secret(path: &Path, secret: &SealingSecret) -> Result<(), SealingFileError> {
    write_new(path, &secret.reveal())
        .map_err(|source| SealingFileError::SecretFile { path: path.to_path_buf(), source })
}

fn write_new(path: &Path, secret: &str) -> Result<(), io::Error> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(SECRET_FILE_MODE).open(path)?;
    writeln!(file, "{secret}")?;
    file.sync_all()
}

/// Reads the secret half.
pub fn read_secret(path: &Path) -> Result<SealingSecret, SealingFileError> {
    let text = config::secret_file(path)
        .map_err(|source| SealingFileError::SecretFile { path: path.to_path_buf(), source })?;
    text.expose_secret()
        .parse()
        .map_err(|source| SealingFileError::Secret { path: path.to_path_buf(), source })
}

/// Reads sealed secrets, one a line; `-` is standard input.
pub fn read_boxes(path: &Path) -> Result<Vec<SealedSecret>, SealingFileError> {
    let unreadable = |source| SealingFileError::Boxes { path: path.to_path_buf(), source };
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
            let refused =
                |source| SealingFileError::Box { path: path.to_path_buf(), line: index + 1, source };
            line.parse().map_err(refused)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::clock::SystemEntropy;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_file_is_its_owners_alone_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let secret = SealingSecret::generate(&SystemEntropy);
        write_secret(&path, &secret).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, SECRET_FILE_MODE);
        let before = read_secret(&path).unwrap().public_key();
        let error = write_secret(&path, &secret).unwrap_err().to_string();
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
