//! Configuration: defaults < file (TOML) < environment `FARMGATE_*` < flags.
//!
//! Every module owns its settings; here they are composed, read and checked. Unknown keys are refused. Secrets
//! come from the environment or from files named there, never from the configuration file itself.

mod environment;
mod error;
mod flags;
mod secret;

use std::path::{Path, PathBuf};

use ::config::builder::DefaultState;
use ::config::{Config as Source, ConfigBuilder, ConfigError as SourceError, Environment, File, FileFormat};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::app::telemetry;
use crate::operator::Wanted;
use crate::stellar::keys::SecretSeed;
use crate::{http, reservations, settlement, stellar, storage};
use farmgate_sandbox as sandbox;

pub use environment::{SECRET_FILE_VARIABLE, SECRET_VARIABLE};
pub use error::ConfigError;
pub use flags::{ConfigArgs, Overrides};
pub use secret::{platform_secret, secret_file};

use environment::NOT_CONFIGURATION;

/// The configuration file that is read if it is there and no other is named.
pub const FILE_DEFAULT: &str = "farmgate.toml";
/// The Horizon that is used unless another is set: a sandbox on this machine.
pub const HORIZON_DEFAULT: &str = "http://127.0.0.1:8000";
/// How reservations get their escrow accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EscrowMode {
    /// One account per reservation.
    #[default]
    Dedicated,
}

/// Escrow accounts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Escrow {
    /// How reservations get their escrow accounts.
    pub mode: EscrowMode,
}

/// All settings of `serve`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The API.
    #[serde(default)]
    pub http: http::Settings,
    /// The database.
    #[serde(default)]
    pub database: storage::Settings,
    /// The network: unless set otherwise, a sandbox on this machine.
    pub stellar: stellar::Settings,
    /// Escrow accounts.
    #[serde(default)]
    pub escrow: Escrow,
    /// Prices and payout accounts.
    #[serde(default)]
    pub reservations: reservations::Settings,
    /// The engine.
    #[serde(default)]
    pub settlement: settlement::Settings,
    /// Logs.
    #[serde(default)]
    pub log: telemetry::Settings,
}

/// Reads the configuration. `file` must exist if it is named; otherwise [`FILE_DEFAULT`] is read if it is there.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    overrides: &Overrides,
) -> Result<Config, ConfigError> {
    let mut sources = sources(file, environment, overrides)?;
    if let Some(platform) = overrides.platform {
        sources = sources.set_default("stellar.platform", platform.to_string())?;
    }
    let config: Config = sources.build()?.try_deserialize()?;
    config.check()?;
    Ok(config)
}

/// Reads the configuration of a process that has the platform's key: the platform's account is that of the key, unless it
/// is set.
pub fn load_with_key(
    args: &ConfigArgs,
    overrides: Overrides,
    secret: &SecretString,
) -> Result<Config, ConfigError> {
    let seed: SecretSeed = secret.expose_secret().parse()?;
    let overrides = Overrides { platform: Some(seed.public_key()), ..overrides };
    load(args.config.as_deref(), std::env::vars(), &overrides)
}

/// Reads where the database is, for commands that need nothing else. Other keys are not looked at.
pub fn load_database(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    overrides: &Overrides,
) -> Result<storage::Settings, ConfigError> {
    let source = sources(file, environment, overrides)?.build()?;
    match source.get::<storage::Settings>("database") {
        Ok(settings) => Ok(settings),
        Err(SourceError::NotFound(_)) => Ok(storage::Settings::default()),
        Err(error) => Err(error.into()),
    }
}

fn sources(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    overrides: &Overrides,
) -> Result<ConfigBuilder<DefaultState>, ConfigError> {
    let file = match file {
        Some(path) => File::from(path.to_path_buf()).format(FileFormat::Toml).required(true),
        None => File::from(PathBuf::from(FILE_DEFAULT)).format(FileFormat::Toml).required(false),
    };
    let variables = environment
        .into_iter()
        .filter(|(name, _)| name.starts_with("FARMGATE_") && !NOT_CONFIGURATION.contains(&name.as_str()))
        .collect();
    let environment = Environment::with_prefix("FARMGATE")
        .prefix_separator("_")
        .separator("__")
        .try_parsing(true)
        .source(Some(variables));
    let mut builder = Source::builder()
        .set_default("stellar.horizon_url", HORIZON_DEFAULT)?
        .set_default("stellar.network_passphrase", sandbox::network::PASSPHRASE)?
        .add_source(file)
        .add_source(environment);
    for (key, value) in &overrides.values {
        builder = builder.set_override(*key, value.clone())?;
    }
    Ok(builder)
}

impl Config {
    /// The accounts that the configuration asks for.
    pub fn wanted(&self) -> Wanted {
        Wanted {
            channels: self.settlement.channels,
            channel_starting_balance: self.settlement.channel_starting_balance,
            warm_accounts: self.settlement.warm_accounts,
            recovery_signers: self.stellar.recovery_signers.len(),
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        let bounds = |error: &dyn std::fmt::Display| ConfigError::Bounds(error.to_string());
        self.http.validate().map_err(|error| bounds(&error))?;
        self.stellar.check().map_err(|error| bounds(&error))?;
        self.settlement.check().map_err(|error| bounds(&error))?;
        self.reservations.validate().map_err(|error| bounds(&error))?;
        let (request, escrow) = (self.http.request_timeout_seconds, self.reservations.escrow_wait_seconds);
        if request <= escrow {
            return Err(ConfigError::Bounds(format!(
                "http.request_timeout_seconds ({request}) must be longer than reservations.escrow_wait_seconds ({escrow})"
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::address::AccountId;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn read(toml: &str, pairs: &[(&str, &str)], overrides: &Overrides) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("farmgate.toml");
        std::fs::write(&path, toml).unwrap();
        let overrides = Overrides { platform: Some(AccountId([1; 32])), ..overrides.clone() };
        load(Some(&path), variables(pairs), &overrides)
    }

    #[test]
    fn flags_win_over_environment_and_environment_over_the_file() {
        let toml = "[settlement]\nchannels = 7\nwarm_accounts = 8\ntick_millis = 90\n";
        let pairs = [("FARMGATE_SETTLEMENT__WARM_ACCOUNTS", "9"), ("FARMGATE_SETTLEMENT__TICK_MILLIS", "91")];
        let flags = Overrides { values: vec![("settlement.tick_millis", "92".to_owned())], platform: None };
        let config = read(toml, &pairs, &flags).unwrap();
        assert_eq!(config.settlement.channels, 7);
        assert_eq!(config.settlement.warm_accounts, 9);
        assert_eq!(config.settlement.tick_millis, 92);
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = read("[settlement]\nchanels = 7\n", &[], &Overrides::default()).unwrap_err();
        assert!(error.to_string().contains("chanels"), "{error}");
        let error = read("", &[("FARMGATE_DATABASE__ULR", "x")], &Overrides::default()).unwrap_err();
        assert!(error.to_string().contains("ulr"), "{error}");
    }

    #[test]
    fn secrets_and_the_tests_own_variables_are_no_configuration() {
        let pairs: Vec<_> = NOT_CONFIGURATION.iter().map(|name| (*name, "x")).collect();
        assert!(read("", &pairs, &Overrides::default()).is_ok());
        let error = read("platform_secret = 'S'\n", &[], &Overrides::default()).unwrap_err();
        assert!(error.to_string().contains("platform_secret"), "{error}");
    }

    #[test]
    fn a_value_out_of_bounds_is_refused_by_name() {
        let error = read("[settlement]\nchannels = 0\n", &[], &Overrides::default()).unwrap_err();
        assert!(error.to_string().contains("settlement.channels"), "{error}");
    }

    #[test]
    fn a_sealing_key_that_is_none_is_refused_by_name() {
        for (key, why) in [("abc", "64 hexadecimal"), (&*"0".repeat(64), "weak")] {
            let toml = format!("[stellar]\nrecovery_sealing_key = '{key}'\n");
            let error = read(&toml, &[], &Overrides::default()).unwrap_err().to_string();
            assert!(error.contains("stellar.recovery_sealing_key") && error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_named_must_be_there() {
        assert!(load(Some(Path::new("/nonexistent/farmgate.toml")), [], &Overrides::default()).is_err());
    }
}
