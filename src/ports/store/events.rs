use jiff::Timestamp;

use super::error::StoreError;
use super::forward::store_trait;
use super::pages::Page;
use crate::domain::event::{Event, EventKind, Incarnation};
use crate::domain::ids::EventId;
use crate::domain::tenant::Tenant;

/// Which numbers were given to events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventNumbers {
    /// The incarnation of the database that gave them.
    pub incarnation: Incarnation,
    /// The last; `None` before the first.
    pub last: Option<EventId>,
    /// The last that was forgotten; `None` if all there ever were are kept.
    pub forgotten: Option<EventId>,
}

store_trait! {
    /// Events: appended with what they tell of, and numbered once that is committed.
    ///
    /// A number that was given in the transaction itself would have to be the next in the order of commits,
    /// and every transaction would wait for the one before it to end. So an event first waits without one;
    /// whoever numbers sees only what is committed, and what commits later gets a later number. Whoever has
    /// read up to a number has missed nothing before it.
    pub trait EventsTx, forwarded by ForwardEvents {
        /// Appends an event to those that wait for a number. `version` counts the changes of its subject.
        async fn append_event(
            &mut self,
            at: Timestamp,
            version: i64,
            kind: &EventKind,
        ) -> Result<(), StoreError>;

        /// True if a committed event waits for its number.
        async fn has_unnumbered_events(&mut self) -> Result<bool, StoreError>;

        /// Gives numbers to at most `limit` committed events that wait for one, those that wait for longest;
        /// tells how many. Among themselves they are numbered by subject, its version, and the place in their
        /// transaction: the events of one subject stay in their order. Others who number meanwhile wait for
        /// the end of this transaction.
        async fn number_events(&mut self, limit: u32) -> Result<u64, StoreError>;

        /// Which numbers were given.
        async fn event_numbers(&mut self) -> Result<EventNumbers, StoreError>;

        /// The database went back, or may have: numbers that were given are given again, to other events, so
        /// the incarnation becomes another.
        async fn renew_event_incarnation(&mut self) -> Result<(), StoreError>;

        /// Events in the order of their numbers, after `after`: all, or those that concern a tenant.
        async fn events(
            &mut self,
            tenant: Option<&Tenant>,
            after: Option<EventId>,
            limit: u32,
        ) -> Result<Page<Event, EventId>, StoreError>;

        /// Forgets the oldest events up to the first that was not recorded before `before`, at most `limit`;
        /// gives the number forgotten. Numbers go on.
        ///
        /// # Errors
        /// [`StoreError::Conflict`] if somebody else forgets, too.
        async fn forget_events(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
    }
}
