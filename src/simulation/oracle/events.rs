//! What somebody knows in the end who follows the events: each once, and of every reservation how it stands.

use std::collections::BTreeMap;

use super::verdict::Findings;
use crate::domain::event::EventKind;
use crate::domain::ids::ReservationId;
use crate::ports::store::{LIST_ROWS_MAX, Store, StoreError, Tx};
use crate::simulation::trace::Wrong;

/// Events that one pass numbers.
const PER_PASS: u32 = 1_000;

/// Gives numbers to all events that wait for one.
pub(super) async fn number(store: &dyn Store) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    while tx.number_events(PER_PASS).await? > 0 {}
    tx.commit().await
}

/// Events have numbers without gaps, and the last of each reservation tells its state.
pub(super) async fn check(tx: &mut dyn Tx, findings: &mut Findings) -> Result<(), StoreError> {
    let mut told: BTreeMap<ReservationId, String> = BTreeMap::new();
    let mut last = None;
    loop {
        let page = tx.events(None, last, LIST_ROWS_MAX).await?.all()?;
        if page.is_empty() {
            break;
        }
        for event in page {
            if last.is_some_and(|last| event.id.get() != last.get() + 1) {
                findings.push((Wrong::Broken, format!("no event has the number before {}", event.id)));
            }
            last = Some(event.id);
            if let EventKind::ReservationChanged { reservation, state, .. } = event.kind {
                told.insert(reservation, state);
            }
        }
    }
    for (id, state) in told {
        let stands = tx.reservation(id).await?.map(|reservation| reservation.state.name());
        if stands != Some(state.as_str()) {
            let what = format!("reservation {id} is {stands:?}, and the events say {state}");
            findings.push((Wrong::Broken, what));
        }
    }
    Ok(())
}
