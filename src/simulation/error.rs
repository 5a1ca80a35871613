//! Why a run could not be made.

use crate::ports::store::StoreError;

/// Why a run could not be made. This says nothing about what it would have found.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// The database.
    #[error("the simulator's database: {0}")]
    Store(#[from] StoreError),
    /// A folder or a runtime.
    #[error("the simulator cannot be set up: {0}")]
    System(#[from] std::io::Error),
    /// The world it plays in.
    #[error("the simulated world cannot be set up: {reason}")]
    Setup {
        /// What is wrong with it.
        reason: String,
    },
}
