//! What the oracle says of a run.

use crate::simulation::trace::Wrong;

/// What is wrong at present, and how.
pub(in crate::simulation) type Findings = Vec<(Wrong, String)>;

/// How many reservations ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::simulation) struct Ends {
    pub(in crate::simulation) settled: u64,
    pub(in crate::simulation) refunded: u64,
    pub(in crate::simulation) held: u64,
    /// Returns that are owed and cannot be delivered.
    pub(in crate::simulation) owed: u64,
}

/// What the oracle says if nothing more were to come.
#[derive(Debug, Default)]
pub(in crate::simulation) struct Verdict {
    pub(in crate::simulation) findings: Findings,
    pub(in crate::simulation) ends: Ends,
}
