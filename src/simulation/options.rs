//! How runs are made.

#[cfg(feature = "simulated-bugs")]
use super::faults::bugs;
use crate::storage::DatabaseUrl;

/// How runs are made.
#[derive(Debug, Clone)]
pub struct Options {
    /// A PostgreSQL server on which each run gets a database of its own; without it each run has an SQLite
    /// file.
    pub server: Option<DatabaseUrl>,
    /// How many of a run's last events are kept to be shown.
    pub events_max: usize,
    /// The bug to be found.
    #[cfg(feature = "simulated-bugs")]
    pub bug: Option<bugs::Bug>,
}

/// How many of a run's last events are kept unless set otherwise.
pub const EVENTS_MAX: usize = 60;

impl Default for Options {
    fn default() -> Self {
        Self {
            server: None,
            events_max: EVENTS_MAX,
            #[cfg(feature = "simulated-bugs")]
            bug: None,
        }
    }
}
