//! Configuration: defaults < file (TOML) < environment `FARMGATE_*` < flags.
//!
//! Unknown settings are refused, and every refusal says where the setting was: in which file, in which
//! variable, in which flag. Secrets come from the environment or from files named there, never from the
//! configuration file itself.

mod environment;
mod error;
mod explain;
mod file;
mod flags;
mod secret;
mod settings;
mod sources;

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::stellar::keys::SecretSeed;
use crate::storage;

pub use environment::{SECRET_FILE_VARIABLE, SECRET_VARIABLE};
pub use error::{ConfigError, reason};
pub use file::FILE_DEFAULT;
pub use flags::{ConfigArgs, Overrides};
pub use secret::{platform_secret, secret_file};
pub use settings::{Config, Escrow, EscrowMode};
pub use sources::HORIZON_DEFAULT;

use sources::Sources;

/// Reads the configuration. `file` must exist if it is named; otherwise [`FILE_DEFAULT`] is read if it is
/// there.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    overrides: &Overrides,
) -> Result<Config, ConfigError> {
    let sources = Sources::read(file, environment, overrides)?;
    sources.refuse_misspelled("")?;
    let config: Config = sources.settings()?;
    config.check().map_err(|problem| sources.out_of_bounds(problem))?;
    Ok(config)
}

/// Reads the configuration of a process that has the platform's key: the platform's account is that of the
/// key, unless it is set.
pub fn load_with_key(
    args: &ConfigArgs,
    overrides: Overrides,
    secret: &SecretString,
) -> Result<Config, ConfigError> {
    let seed: SecretSeed = secret.expose_secret().parse()?;
    let overrides = Overrides { platform: Some(seed.public_key()), ..overrides };
    load(args.config.as_deref(), std::env::vars(), &overrides)
}

/// Reads where the database is, for commands that need nothing else. Other settings are not looked at.
pub fn load_database(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    overrides: &Overrides,
) -> Result<storage::Settings, ConfigError> {
    #[derive(Deserialize)]
    struct OfAll {
        #[serde(default)]
        database: storage::Settings,
    }
    let sources = Sources::read(file, environment, overrides)?;
    sources.refuse_misspelled("FARMGATE_DATABASE__")?;
    Ok(sources.settings::<OfAll>()?.database)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::address::AccountId;
    use crate::domain::pricing::UnitPrices;

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
    fn a_unit_price_may_be_set_alone() {
        let defaults = UnitPrices::default();
        let toml = "[reservations.unit_prices]\ncu = '12.5'\n";
        let prices = read(toml, &[], &Overrides::default()).unwrap().reservations.unit_prices;
        assert_eq!(prices, UnitPrices { cu: "12.5".parse().unwrap(), ..defaults.clone() });
        let pairs = [("FARMGATE_RESERVATIONS__UNIT_PRICES__SU", "9")];
        let prices = read("", &pairs, &Overrides::default()).unwrap().reservations.unit_prices;
        assert_eq!(prices, UnitPrices { su: 9.into(), ..defaults });
        let error = read("[reservations.unit_prices]\nccu = 1\n", &[], &Overrides::default()).unwrap_err();
        assert!(
            error.to_string().contains("unit_prices.ccu") && error.to_string().contains("no such setting")
        );
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = read("[settlement]\nchanels = 7\n", &[], &Overrides::default()).unwrap_err();
        assert!(error.to_string().contains("chanels"), "{error}");
        let error = read("", &[("FARMGATE_DATABASE__ULR", "x")], &Overrides::default()).unwrap_err();
        assert!(error.to_string().contains("ulr"), "{error}");
    }

    #[test]
    fn a_refusal_says_where_the_setting_is_and_what_would_fit() {
        for (toml, pairs, expected) in [
            (
                "[reservations]\nnetwork = 'main'",
                &[][..],
                &["reservations.network in /", "farmgate.toml: `main` is", "`mainnet`, `testnet`, `devnet`"]
                    [..],
            ),
            ("[log]\nformat = 5", &[], &["log.format in /", "`5` is not possible", "`text` or `json`"]),
            (
                "[escrow]\nmode = 'shared'",
                &[],
                &["escrow.mode in /", "`shared` is not possible", "`dedicated`"],
            ),
            (
                "",
                &[("FARMGATE_LOG__FORMAT", "yaml")],
                &["FARMGATE_LOG__FORMAT (log.format): `yaml` is", "`text` or `json`"],
            ),
            (
                "[settlement]\nchannels = 'x'",
                &[],
                &["settlement.channels in /", "is \"x\"", "a whole number"],
            ),
            ("[settlement]\nchannels = 70000", &[], &["is `70000`, expected a whole number from 0 to 65535"]),
            ("[settlement]\nchannels = -1", &[], &["is `-1`, expected a whole number of at least 0"]),
            ("[settlement]\nchannels = [1]", &[], &["is a list, expected a whole number"]),
            (
                "[settlement]\nfunding_accounts = 1",
                &[],
                &["settlement.funding_accounts in", "expected a list"],
            ),
            ("settlement = 1", &[], &["settlement in /", "is `1`, expected a section"]),
            ("[reservations.unit_prices]\ncu = true", &[], &["reservations.unit_prices.cu in", "a number"]),
            ("[settlement]\nchanels = 1", &[], &["settlement.chanels in /", "no such setting", "`channels`"]),
            (
                "",
                &[("FARMGATE_COLOUR", "x")],
                &["FARMGATE_COLOUR (colour)", "no such setting", "`settlement`"],
            ),
            ("[settlement]\nchannels = 0", &[], &["settlement.channels", "read from /", "farmgate.toml"]),
            ("[settlement\n", &[], &["configuration file /", "farmgate.toml: ", "line 1"]),
            (
                "",
                &[("FARMGATE_SETTLEMENT_TICK_MILLIS", "5")],
                &["FARMGATE_SETTLEMENT_TICK_MILLIS is not", "mean FARMGATE_SETTLEMENT__TICK_MILLIS?"],
            ),
        ] {
            let error = read(toml, pairs, &Overrides::default()).unwrap_err().to_string();
            for part in expected {
                assert!(error.contains(part), "`{part}` is not in: {error}");
            }
            for word in
                ["enum", "struct", "constructor", "variant", "sequence", "invalid type", " bit", "u16"]
            {
                assert!(!error.contains(word), "`{word}` is in: {error}");
            }
        }
        let flags = Overrides { values: vec![("http.listen", "x".to_owned())], platform: None };
        let error = read("", &[], &flags).unwrap_err().to_string();
        assert!(error.contains("--listen (http.listen): "), "{error}");
    }

    #[test]
    fn a_command_that_needs_the_database_alone_looks_at_that_section_alone() {
        let of = |pairs: &[(&str, &str)]| {
            let empty = tempfile::NamedTempFile::new().unwrap();
            load_database(Some(empty.path()), variables(pairs), &Overrides::default())
        };
        let fine = of(&[("FARMGATE_SETTLEMENT_CHANNELS", "x"), ("FARMGATE_DATABASE__URL", "sqlite://a.db")]);
        assert_eq!(fine.unwrap().url.to_string(), "sqlite://a.db");
        for name in ["FARMGATE_DATABASE_URL", "FARMGATE_DATABASE"] {
            let error = of(&[(name, "sqlite://a.db")]).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("FARMGATE_DATABASE__URL"), "{error}");
        }
        let error = of(&[("FARMGATE_DATABASE__CONNECTIONS_MAX", "x")]).unwrap_err().to_string();
        assert!(error.contains("FARMGATE_DATABASE__CONNECTIONS_MAX"), "{error}");
    }

    #[test]
    fn secrets_and_the_tests_own_variables_are_no_configuration() {
        let pairs: Vec<_> = environment::NOT_CONFIGURATION.iter().map(|name| (*name, "x")).collect();
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
        let absent = Path::new("/nonexistent/farmgate.toml");
        let error = load(Some(absent), [], &Overrides::default()).unwrap_err().to_string();
        assert!(error.contains("configuration file /nonexistent/farmgate.toml: there is no such"), "{error}");
    }
}
