use std::net::{Ipv4Addr, SocketAddr};

use serde::Deserialize;

/// Bounds of the largest body that may be allowed, in bytes.
pub const BODY_BYTES_MAX: u32 = 16 * 1024 * 1024;
/// Longest time a request or its head may be allowed, in seconds.
pub const REQUEST_TIMEOUT_SECONDS_MAX: u32 = 600;

/// How the API listens and answers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// Longest time for a request's head to come, in seconds; a connection that has sent no request for so
    /// long is closed, too.
    pub request_head_seconds: u32,
    /// Largest body that is read, in bytes.
    pub body_bytes_max: u32,
    /// Longest time a request may take, in seconds. Longer than `reservations.escrow_wait_seconds`.
    pub request_timeout_seconds: u32,
    /// `/readyz` answers 503 when the engine's last tick is older than this, in seconds.
    pub ready_tick_age_seconds_max: u32,
    /// `/readyz` answers 503 when the last ledger known closed longer ago than this, in seconds.
    pub ready_ledger_age_seconds_max: u32,
    /// `/readyz` answers 503 when a reservation was funded longer ago than this and is not
    /// settled, in seconds.
    pub ready_funded_age_seconds_max: u32,
    /// `/readyz` answers 503 when a transaction that was sent has had no outcome for longer than
    /// this, in seconds.
    pub ready_unknown_age_seconds_max: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8480)),
            request_head_seconds: 10,
            body_bytes_max: 64 * 1024,
            request_timeout_seconds: 30,
            ready_tick_age_seconds_max: 60,
            ready_ledger_age_seconds_max: 60,
            ready_funded_age_seconds_max: 900,
            ready_unknown_age_seconds_max: 600,
        }
    }
}

/// A setting that is out of its bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The largest body.
    #[error("body_bytes_max is 1 to {BODY_BYTES_MAX}, not {given}")]
    BodyBytes {
        /// What was set.
        given: u32,
    },
    /// The time for a request's head.
    #[error("request_head_seconds is 1 to {REQUEST_TIMEOUT_SECONDS_MAX}, not {given}")]
    RequestHead {
        /// What was set.
        given: u32,
    },
    /// The time for a request.
    #[error("request_timeout_seconds is 1 to {REQUEST_TIMEOUT_SECONDS_MAX}, not {given}")]
    RequestTimeout {
        /// What was set.
        given: u32,
    },
}

impl Settings {
    /// Refuses what is out of bounds; `app/config` calls it once at start-up.
    pub fn validate(&self) -> Result<(), SettingsError> {
        if !(1..=BODY_BYTES_MAX).contains(&self.body_bytes_max) {
            return Err(SettingsError::BodyBytes { given: self.body_bytes_max });
        }
        if !(1..=REQUEST_TIMEOUT_SECONDS_MAX).contains(&self.request_head_seconds) {
            return Err(SettingsError::RequestHead { given: self.request_head_seconds });
        }
        if !(1..=REQUEST_TIMEOUT_SECONDS_MAX).contains(&self.request_timeout_seconds) {
            return Err(SettingsError::RequestTimeout { given: self.request_timeout_seconds });
        }
        Ok(())
    }
}
