//! What can be configured. Every module owns its settings; here they are put together, and checked against
//! each other.

use serde::Deserialize;

use crate::app::telemetry;
use crate::domain::deployment::Deployment;
use crate::operator::Targets;
use crate::{http, reservations, settlement, stellar, storage};

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

impl Config {
    /// The accounts that the configuration asks for.
    pub fn targets(&self) -> Targets {
        Targets {
            channels: self.settlement.channels,
            channel_starting_balance: self.settlement.channel_starting_balance,
            warm_accounts: self.settlement.warm_accounts,
            recovery_signers: self.stellar.recovery_signers.len(),
        }
    }

    /// The network and the platform's account on it.
    pub fn deployment(&self) -> Deployment {
        Deployment {
            network_passphrase: self.stellar.network_passphrase.clone(),
            platform: self.stellar.platform,
        }
    }

    /// What is out of its bounds, if anything is.
    pub(super) fn check(&self) -> Result<(), String> {
        self.http.validate().map_err(|error| error.to_string())?;
        self.stellar.check().map_err(|error| error.to_string())?;
        self.settlement.check().map_err(|error| error.to_string())?;
        self.reservations.validate().map_err(|error| error.to_string())?;
        let (request, escrow) = (self.http.request_timeout_seconds, self.reservations.escrow_wait_seconds);
        if request <= escrow {
            return Err(format!(
                "http.request_timeout_seconds ({request}) must be longer than \
                 reservations.escrow_wait_seconds ({escrow})"
            ));
        }
        Ok(())
    }
}
