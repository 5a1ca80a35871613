//! Why there is no configuration.

use std::io;
use std::path::PathBuf;

use super::environment::{SECRET_FILE_VARIABLE, SECRET_VARIABLE};
use crate::stellar::keys::KeyError;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that cannot be read, or is not TOML.
    #[error("configuration file {}: {reason}", path.display())]
    File {
        /// Its absolute path.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A setting that is not known, or whose value does not fit; where it is, and what would fit.
    #[error("configuration: {0}")]
    Setting(String),
    /// A value outside its bounds.
    #[error("configuration: {problem} ({read})")]
    Bounds {
        /// Which, and what its bounds are.
        problem: String,
        /// What the configuration was read from.
        read: String,
    },
    /// A variable that is spelled almost like a setting.
    #[error(
        "{name} is not a setting. Did you mean {meant}? Two underscores separate a section from what is in it"
    )]
    Variable {
        /// The variable.
        name: String,
        /// What it would be called.
        meant: String,
    },
    /// No secret.
    #[error(
        "set {SECRET_VARIABLE} to the platform's secret seed (S…), or \
         {SECRET_FILE_VARIABLE} to a file that holds it"
    )]
    NoSecret,
    /// Two secrets.
    #[error("{SECRET_VARIABLE} and {SECRET_FILE_VARIABLE} are both set: which one is meant? Unset the other")]
    TwoSecrets,
    /// The secret seed is none.
    #[error("the platform's secret: {0}")]
    Key(#[from] KeyError),
    /// A secret file that cannot be read.
    #[error("{SECRET_FILE_VARIABLE}: the file {}: {reason}", path.display())]
    SecretFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

/// What the system says about a file, for people.
pub fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
