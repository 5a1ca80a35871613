//! Where settings come from: the file, the environment and the flags, one over the other.

use std::path::Path;

use ::config::{Config as Source, Environment, File, FileFormat};
use serde::de::DeserializeOwned;

use super::environment::{self, PREFIX};
use super::error::ConfigError;
use super::explain::explain;
use super::file::{ConfigFile, read_file};
use super::flags::Overrides;

/// The Horizon that is used unless another is set: a sandbox on this machine.
pub const HORIZON_DEFAULT: &str = "http://127.0.0.1:8000";

/// All sources, put together.
pub(super) struct Sources {
    all: Source,
    file: ConfigFile,
    /// The settings that flags gave.
    flags: Vec<&'static str>,
    /// Variables that are no settings, with what was probably meant.
    misspelled: Vec<(String, String)>,
}

impl Sources {
    /// Reads them. `file` must exist if it is named.
    pub fn read(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
        overrides: &Overrides,
    ) -> Result<Self, ConfigError> {
        let (file, text) = read_file(file)?;
        let variables = environment::settings(variables);
        let misspelled = variables.keys().filter_map(|name| Some((name.clone(), environment::meant(name)?)));
        let misspelled = misspelled.collect();
        let environment = Environment::with_prefix(PREFIX)
            .prefix_separator("_")
            .separator("__")
            .try_parsing(true)
            .source(Some(variables));
        let unreadable = |error: ::config::ConfigError| ConfigError::File {
            path: file.path.clone(),
            reason: error.to_string(),
        };
        let mut builder = Source::builder()
            .set_default("stellar.horizon_url", HORIZON_DEFAULT)
            .and_then(|all| {
                all.set_default("stellar.network_passphrase", farmgate_sandbox::network::PASSPHRASE)
            })
            .map_err(unreadable)?
            .add_source(File::from_str(&text, FileFormat::Toml))
            .add_source(environment);
        for (key, value) in &overrides.values {
            builder = builder.set_override(*key, value.clone()).map_err(unreadable)?;
        }
        if let Some(platform) = overrides.platform {
            builder = builder.set_default("stellar.platform", platform.to_string()).map_err(unreadable)?;
        }
        // The file is the only source whose form can be wrong.
        let all = builder.build().map_err(unreadable)?;
        let flags = overrides.values.iter().map(|(key, _)| *key).collect();
        Ok(Self { all, file, flags, misspelled })
    }

    /// Refuses a variable that is spelled almost like one whose name begins with `prefix`.
    pub fn refuse_misspelled(&self, prefix: &str) -> Result<(), ConfigError> {
        match self.misspelled.iter().find(|(_, meant)| meant.starts_with(prefix)) {
            Some((name, meant)) => Err(ConfigError::Variable { name: name.clone(), meant: meant.clone() }),
            None => Ok(()),
        }
    }

    /// All settings of this kind.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        let read = self.all.clone().try_deserialize();
        read.map_err(|error| ConfigError::Setting(explain(error, &self.all, &self.file, &self.flags)))
    }

    /// A setting is out of its bounds, wherever it came from.
    pub fn out_of_bounds(&self, problem: String) -> ConfigError {
        ConfigError::Bounds { problem, read: self.file.to_string() }
    }
}
