//! The platform's secret seed: from the environment, or from a file named there.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::environment::{SECRET_FILE_VARIABLE, SECRET_VARIABLE};
use super::error::{ConfigError, reason};

/// Largest secret file, in bytes.
const SECRET_FILE_BYTES_MAX: u64 = 4_096;

/// The platform's secret seed, from the environment or from the file named there; not from both.
pub fn platform_secret(variable: impl Fn(&str) -> Option<String>) -> Result<SecretString, ConfigError> {
    let given = |name| variable(name).filter(|value| !value.is_empty());
    match (given(SECRET_VARIABLE), given(SECRET_FILE_VARIABLE)) {
        (Some(_), Some(_)) => Err(ConfigError::TwoSecrets),
        (Some(secret), None) => Ok(secret.into()),
        (None, Some(path)) => {
            let path = PathBuf::from(path);
            secret_file(&path).map_err(|error| ConfigError::SecretFile { path, reason: reason(&error) })
        }
        (None, None) => Err(ConfigError::NoSecret),
    }
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
        assert!(matches!(platform_secret(|_| Some(String::new())), Err(ConfigError::NoSecret)));
    }

    #[test]
    fn two_secrets_are_refused_by_name_and_a_file_that_is_not_there_with_its_path() {
        let both = platform_secret(|_| Some("SENV".to_owned())).unwrap_err().to_string();
        assert!(both.contains(SECRET_VARIABLE) && both.contains(SECRET_FILE_VARIABLE), "{both}");
        assert!(!both.contains("SENV"), "{both}");
        let absent = |name: &str| (name == SECRET_FILE_VARIABLE).then(|| "/nonexistent/secret".to_owned());
        let absent = platform_secret(absent).unwrap_err().to_string();
        assert!(absent.contains("/nonexistent/secret: there is no such file"), "{absent}");
    }
}
