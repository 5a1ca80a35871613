//! The platform's secret seed: from the environment, or from a file named there.

use std::path::Path;

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::environment::{SECRET_FILE_VARIABLE, SECRET_VARIABLE};
use super::error::ConfigError;

/// Largest secret file, in bytes.
const SECRET_FILE_BYTES_MAX: u64 = 4_096;

/// The platform's secret seed, from the environment or from the file named there.
pub fn platform_secret(variable: impl Fn(&str) -> Option<String>) -> Result<SecretString, ConfigError> {
    if let Some(secret) = variable(SECRET_VARIABLE).filter(|secret| !secret.is_empty()) {
        return Ok(secret.into());
    }
    let Some(path) = variable(SECRET_FILE_VARIABLE) else { return Err(ConfigError::NoSecret) };
    secret_file(Path::new(&path)).map_err(|error| ConfigError::SecretFile(error.to_string()))
}

/// The secret that a file holds, without the white space around it.
pub fn secret_file(path: &Path) -> Result<SecretString, std::io::Error> {
    let size = std::fs::metadata(path)?.len();
    if size > SECRET_FILE_BYTES_MAX {
        return Err(std::io::Error::other(format!("{size} bytes is too large for a secret")));
    }
    Ok(Zeroizing::new(std::fs::read_to_string(path)?).trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_comes_from_the_environment_or_a_file() {
        use secrecy::ExposeSecret;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "SFILE\n").unwrap();
        let path = path.to_str().unwrap().to_owned();
        let from_file = |name: &str| (name == SECRET_FILE_VARIABLE).then(|| path.clone());
        assert_eq!(platform_secret(from_file).unwrap().expose_secret(), "SFILE");
        let direct = |name: &str| (name == SECRET_VARIABLE).then(|| "SENV".to_owned());
        assert_eq!(platform_secret(direct).unwrap().expose_secret(), "SENV");
        assert!(matches!(platform_secret(|_| None), Err(ConfigError::NoSecret)));
    }
}
