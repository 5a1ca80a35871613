//! What every handler is given.

use std::sync::Arc;

use super::settings::Settings;
use crate::domain::address::AccountId;
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
    /// For SEP-7 URIs; `None` on the public network.
    pub network_passphrase: Option<String>,
    /// This process's name in the engine's lease.
    pub holder: String,
    /// Gives the metrics in Prometheus' text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// The state as handlers share it.
pub type App = Arc<AppState>;

impl AppState {
    /// Begins a transaction that only reads.
    pub(super) async fn read(&self) -> Result<Box<dyn Tx>, StoreError> {
        self.store.begin_read().await
    }
}
