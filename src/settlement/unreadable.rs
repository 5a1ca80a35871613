//! Rows that a step came to and could not read. Each is its own trouble: the step goes on with the others,
//! and the tick notes them at its end, for a person to see to.

use std::collections::BTreeSet;

use crate::ports::store::UnreadableRow;
use crate::settlement::memory::Memory;

/// Most rows that are noted at once: with more of them it is not the rows that have to be seen to.
const NOTED_AT_ONCE_MAX: usize = 1_000;

/// Rows that could not be read since they were noted last.
#[derive(Default)]
pub(in crate::settlement) struct Unreadable(Memory<BTreeSet<UnreadableRow>>);

impl Unreadable {
    pub(in crate::settlement) fn add(&self, row: UnreadableRow) {
        let mut rows = self.0.lock();
        if rows.len() < NOTED_AT_ONCE_MAX && rows.insert(row.clone()) {
            tracing::error!(
                table = row.table,
                column = row.column,
                key = row.key,
                reason = row.reason,
                "a row cannot be read, and is left alone"
            );
        }
    }

    /// Those that were met since this was asked last.
    pub(in crate::settlement) fn take(&self) -> Vec<UnreadableRow> {
        std::mem::take(&mut *self.0.lock()).into_iter().collect()
    }
}
