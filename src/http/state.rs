//! What every handler is given.

use std::sync::Arc;

use super::settings::Settings;
use crate::domain::address::AccountId;
use crate::domain::deployment::PUBLIC_PASSPHRASE;
use crate::ports::clock::Clock;
use crate::ports::entropy::Entropy;
use crate::ports::store::{Store, StoreError, Tx};

/// What handlers work with.
pub struct AppState {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for ids.
    pub entropy: Arc<dyn Entropy>,
    /// How the API answers.
    pub settings: Settings,
    /// How reservations are priced and opened.
    pub reservations: crate::reservations::Settings,
    /// The platform account.
    pub platform: AccountId,
    /// The network's passphrase.
    pub network_passphrase: String,
    /// For how many seconds a change of who is paid waits.
    pub payout_change_delay_seconds: i64,
    /// This process's name in the engine's lease.
    pub holder: String,
    /// Gives the metrics in Prometheus' text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// The state as handlers share it.
pub type App = Arc<AppState>;

impl AppState {
    /// The network as SEP-7 URIs name it; `None` on the public one.
    pub(super) fn uri_passphrase(&self) -> Option<&str> {
        Some(self.network_passphrase.as_str()).filter(|passphrase| *passphrase != PUBLIC_PASSPHRASE)
    }

    /// Begins a transaction that only reads.
    pub(super) async fn read(&self) -> Result<Box<dyn Tx>, StoreError> {
        self.store.begin_read().await
    }
}
