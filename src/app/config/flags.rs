//! The flags that many commands share, and what they override.

use std::path::PathBuf;

use clap::Args;
use url::Url;

use crate::domain::address::AccountId;

/// Flags that override the configuration.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Pairs of a key such as `http.listen` and its value.
    pub values: Vec<(&'static str, String)>,
    /// The account of the platform's key: the platform's account, unless that is set.
    pub platform: Option<AccountId>,
}

/// Where the configuration comes from, and the most common overrides.
#[derive(Debug, Args, Clone)]
pub struct ConfigArgs {
    /// The configuration file [default: farmgate.toml, if it is there].
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// The database, such as sqlite://farmgate.db or postgres://user@host/name.
    #[arg(long, value_name = "URL", global = true)]
    pub database: Option<String>,
}

impl ConfigArgs {
    /// The overrides these flags mean.
    pub fn overrides(&self) -> Overrides {
        let values = self.database.iter().map(|url| ("database.url", url.clone())).collect();
        Overrides { values, platform: None }
    }

    /// The same, with this Horizon.
    pub fn overrides_at(&self, horizon: Option<&Url>) -> Overrides {
        let mut overrides = self.overrides();
        overrides.values.extend(horizon.map(|url| ("stellar.horizon_url", url.to_string())));
        overrides
    }
}
