//! Why there is no configuration.

use ::config::ConfigError as SourceError;

use super::environment::{SECRET_FILE_VARIABLE, SECRET_VARIABLE};
use crate::stellar::keys::KeyError;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that cannot be read, a value that does not fit, or an unknown key.
    #[error("configuration: {0}")]
    Read(#[from] SourceError),
    /// A value outside its bounds.
    #[error("configuration: {0}")]
    Bounds(String),
    /// No secret.
    #[error(
        "set {SECRET_VARIABLE} to the platform's secret seed (S…), or {SECRET_FILE_VARIABLE} to a file that holds it"
    )]
    NoSecret,
    /// The secret seed is none.
    #[error("the platform's secret: {0}")]
    Key(#[from] KeyError),
    /// A secret file that cannot be read.
    #[error("the file that {SECRET_FILE_VARIABLE} names: {0}")]
    SecretFile(String),
}
