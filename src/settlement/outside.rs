//! What an engine is given of the outside.

use std::sync::Arc;

use crate::ports::clock::Clock;
use crate::ports::entropy::Entropy;
use crate::ports::network::Network;
use crate::ports::store::Store;

/// The ports that an engine works with.
#[derive(Clone)]
pub struct Outside {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The network.
    pub network: Arc<dyn Network>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for ids.
    pub entropy: Arc<dyn Entropy>,
}
