//! The configuration file.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::error::{ConfigError, reason};

/// The configuration file that is read if it is there and no other is named.
pub const FILE_DEFAULT: &str = "farmgate.toml";

/// The configuration file.
pub(super) struct ConfigFile {
    /// Its absolute path.
    pub path: PathBuf,
    /// Whether it is there.
    pub found: bool,
}

impl fmt::Display for ConfigFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.found {
            true => write!(f, "read from {path} and the environment"),
            false => write!(f, "read from the environment; there is no file {path}"),
        }
    }
}

/// Reads the file that is named, or the usual one if it is there; none is as good as an empty one.
pub(super) fn read_file(named: Option<&Path>) -> Result<(ConfigFile, String), ConfigError> {
    let path = named.unwrap_or(Path::new(FILE_DEFAULT));
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok((ConfigFile { path, found: true }, text)),
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => {
            Ok((ConfigFile { path, found: false }, String::new()))
        }
        Err(error) => Err(ConfigError::File { path, reason: reason(&error) }),
    }
}
