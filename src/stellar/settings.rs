//! What the operator decides about the network.

use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize};
use url::Url;

use super::sealing::{self, SealError};
use crate::domain::address::AccountId;
use crate::domain::sealing::SealingKey;

const REQUESTS_PER_HOUR_DEFAULT: Option<NonZeroU32> = NonZeroU32::new(3_600);
const REQUESTS_BURST_DEFAULT: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);
const ATTEMPTS_DEFAULT: u32 = 3;
const ANSWER_SECONDS_DEFAULT: u32 = 30;
const SUBMIT_SECONDS_DEFAULT: u32 = 60;
const WAIT_SECONDS_DEFAULT: u32 = 15;
/// What to do with a secret in an address.
const SECRETS_ELSEWHERE: &str = "put the value of an Authorization header (`Basic …`, `Bearer …`) into a \
                                 file, and name that as stellar.horizon_authorization_file";

/// A setting that makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The address has a part that is none of it. Nothing of it is shown: it may be a secret.
    #[error("stellar.horizon_url: it has {part}: {advice}")]
    HorizonUrl {
        /// Which.
        part: &'static str,
        /// What to do instead.
        advice: &'static str,
    },
    /// Nothing can be sealed to this key.
    #[error("stellar.recovery_sealing_key: {0}")]
    RecoverySealingKey(SealError),
}

/// Which network, through which Horizon, for which platform account. Unknown keys are refused.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Horizon's address, such as `https://horizon.stellar.org`; it may have a path, and nothing after it. It
    /// is logged.
    pub horizon_url: Url,
    /// A file with what goes to Horizon as the header `Authorization`, such as `Bearer TOKEN`; it is read at
    /// the start, and never logged.
    #[serde(default)]
    pub horizon_authorization_file: Option<PathBuf>,
    /// The network's passphrase. Signatures are bound to it; Horizon must be of the same network.
    pub network_passphrase: String,
    /// The platform's account: it sponsors every account of ours and pays for them.
    pub platform: AccountId,
    /// Keys that together, by simple majority, can sign for every account opened from now on. At most 19.
    #[serde(default)]
    pub recovery_signers: Vec<AccountId>,
    /// The public key that new accounts' own secrets are sealed to; `None` to drop them. Its secret half
    /// belongs elsewhere.
    #[serde(default)]
    pub recovery_sealing_key: Option<SealingKey>,
    /// Requests an hour, over time; 0 for no limit. Public Horizons give 3,600.
    #[serde(default = "requests_per_hour", with = "zero_is_none")]
    pub requests_per_hour_max: Option<NonZeroU32>,
    /// Requests that may come at once.
    #[serde(default = "requests_burst")]
    pub requests_burst_max: NonZeroU32,
    /// How often a question is asked while Horizon is unavailable, before its caller is told. Submissions
    /// are sent once.
    #[serde(default = "attempts")]
    pub attempts_max: u32,
    /// Seconds within which a question must be answered.
    #[serde(default = "answer_seconds")]
    pub answer_seconds_max: u32,
    /// Seconds after which a submission's outcome is taken as unknown. Horizon itself gives up after 30.
    #[serde(default = "submit_seconds")]
    pub submit_seconds_max: u32,
    /// Seconds that a request waits for its turn, before its caller is told how long it would be.
    #[serde(default = "wait_seconds")]
    pub wait_seconds_max: u32,
}

impl Settings {
    /// The defaults, for this Horizon, network and platform account.
    pub const fn new(horizon_url: Url, network_passphrase: String, platform: AccountId) -> Self {
        Self {
            horizon_url,
            horizon_authorization_file: None,
            network_passphrase,
            platform,
            recovery_signers: Vec::new(),
            recovery_sealing_key: None,
            requests_per_hour_max: requests_per_hour(),
            requests_burst_max: requests_burst(),
            attempts_max: attempts(),
            answer_seconds_max: answer_seconds(),
            submit_seconds_max: submit_seconds(),
            wait_seconds_max: wait_seconds(),
        }
    }

    /// Refuses what can be written and makes no sense.
    pub fn check(&self) -> Result<(), SettingsError> {
        let url = &self.horizon_url;
        let refuse = |part, advice| Err(SettingsError::HorizonUrl { part, advice });
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("a user name or password", SECRETS_ELSEWHERE);
        }
        if url.query().is_some() {
            return refuse("a query (`?…`), which would end up in every request's path", SECRETS_ELSEWHERE);
        }
        if url.fragment().is_some() {
            return refuse("a fragment (`#…`)", "leave it out: no request carries it");
        }
        let key = self.recovery_sealing_key;
        key.map_or(Ok(()), sealing::check).map_err(SettingsError::RecoverySealingKey)
    }
}

const fn requests_per_hour() -> Option<NonZeroU32> {
    REQUESTS_PER_HOUR_DEFAULT
}

const fn requests_burst() -> NonZeroU32 {
    REQUESTS_BURST_DEFAULT
}

const fn attempts() -> u32 {
    ATTEMPTS_DEFAULT
}

const fn answer_seconds() -> u32 {
    ANSWER_SECONDS_DEFAULT
}

const fn submit_seconds() -> u32 {
    SUBMIT_SECONDS_DEFAULT
}

const fn wait_seconds() -> u32 {
    WAIT_SECONDS_DEFAULT
}

/// A file cannot say "none": it says 0.
mod zero_is_none {
    use super::{Deserialize, Deserializer, NonZeroU32};
    use serde::Serializer;

    #[allow(clippy::ref_option)] // serde's signature
    pub(super) fn serialize<S: Serializer>(
        value: &Option<NonZeroU32>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(value.map_or(0, NonZeroU32::get))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<NonZeroU32>, D::Error> {
        Ok(NonZeroU32::new(u32::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_may_hold_a_secret_is_refused_without_showing_it() {
        for (url, part) in [
            ("https://operator:hunter2@horizon.example/", "a user name or password"),
            ("https://hunter2@horizon.example/", "a user name or password"),
            ("https://horizon.example/path?apikey=hunter2", "a query"),
            ("https://horizon.example/?", "a query"),
            ("https://horizon.example/#hunter2", "a fragment"),
        ] {
            let settings = Settings::new(url.parse().unwrap(), "Test".to_owned(), AccountId([1; 32]));
            let refused = settings.check().unwrap_err().to_string();
            assert!(refused.contains("stellar.horizon_url") && refused.contains(part), "{refused}");
            assert!(!refused.contains("hunter2"), "{refused}");
        }
        let plain = "https://horizon.example/path".parse().unwrap();
        Settings::new(plain, "Test".to_owned(), AccountId([1; 32])).check().unwrap();
    }

    #[test]
    fn what_is_not_said_has_its_default_and_what_is_unknown_is_refused() {
        let platform = AccountId([1; 32]);
        let minimal = serde_json::json!({
            "horizon_url": "http://127.0.0.1:8000", "network_passphrase": "Test Network", "platform": platform
        });
        let read: Settings = serde_json::from_value(minimal.clone()).unwrap();
        let url: Url = "http://127.0.0.1:8000".parse().unwrap();
        assert_eq!(read, Settings::new(url, "Test Network".to_owned(), platform));
        let with = |key: &str, value: u32| {
            let mut settings = minimal.clone();
            settings[key] = value.into();
            serde_json::from_value::<Settings>(settings)
        };
        assert_eq!(with("requests_per_hour_max", 0).unwrap().requests_per_hour_max, None);
        assert_eq!(with("requests_per_hour_max", 7).unwrap().requests_per_hour_max, NonZeroU32::new(7));
        assert!(with("requests_per_day_max", 7).is_err());
        assert!(with("requests_burst_max", 0).is_err());
    }
}
