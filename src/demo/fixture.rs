//! What all scenarios share.

use super::client::Client;
use super::grid::Grid;
use farmgate_sandbox::Sandbox;
use farmgate_sandbox::wallet::Horizon;

/// What all scenarios share.
pub(super) struct Fixture {
    pub(super) horizon: Horizon,
    pub(super) sandbox: Sandbox,
    pub(super) grid: Grid,
    pub(super) explorer: Client,
    pub(super) operator: Client,
}
