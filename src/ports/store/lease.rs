use jiff::Timestamp;

use super::error::StoreError;
use super::forward::store_trait;

/// Who runs the engine: one row, and there is always one.
///
/// Whether a holder is alive is not read from its times, which are for people and by the holder's own clock:
/// clocks are not synchronised. Whoever wants the lease watches the token and the renewals instead, and
/// counts time itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Rises by one with every take-over. What was begun under another token is not written any more.
    pub token: i64,
    /// Who holds it; `None` if it was released, or never taken.
    pub holder: Option<String>,
    /// Rises by one with every renewal.
    pub renewal: i64,
    /// When it was taken last.
    pub taken_at: Option<Timestamp>,
    /// When it was renewed last.
    pub renewed_at: Option<Timestamp>,
    /// The server that answered; `None` where none can be told, as with SQLite.
    pub server: Option<ServerIdentity>,
}

/// Which server a database is on, and on which of its histories.
///
/// A standby has the system identifier of its primary. When it is promoted it begins a timeline of its own,
/// and what its primary committed last may not be on it (PostgreSQL documentation, "Continuous Archiving",
/// "Timelines"; "Log-Shipping Standby Servers").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerIdentity {
    /// PostgreSQL's system identifier: it is given when a cluster is made, and stays with its copies.
    pub system: i64,
    /// The timeline that is written to, as eight hexadecimal digits; `None` while the server recovers.
    pub timeline: Option<String>,
}

impl std::fmt::Display for ServerIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let timeline = self.timeline.as_deref().unwrap_or("that is being recovered");
        write!(f, "system {}, timeline {timeline}", self.system)
    }
}

impl Lease {
    /// True if it is held under this token by this holder.
    pub fn is_held(&self, token: i64, holder: &str) -> bool {
        self.token == token && self.holder.as_deref() == Some(holder)
    }
}

store_trait! {
    /// The lease of the engine.
    pub trait LeaseTx, forwarded by ForwardLease {
        /// The lease. In a transaction that may write, nobody takes it over or releases it until that ends;
        /// it may be renewed.
        async fn lease(&mut self) -> Result<Lease, StoreError>;

        /// Takes the lease for `holder`, if it is still as it was `seen`: its token and renewal. `None` if it
        /// is not.
        ///
        /// Waits for transactions that have read the lease in order to write, until the database's lock
        /// timeout.
        async fn take_lease(
            &mut self,
            seen: &Lease,
            holder: &str,
            now: Timestamp,
        ) -> Result<Option<Lease>, StoreError>;

        /// Renews the lease that `holder` has under this token; `None` if it has it no more.
        async fn renew_lease(
            &mut self,
            token: i64,
            holder: &str,
            now: Timestamp,
        ) -> Result<Option<Lease>, StoreError>;

        /// Gives the lease back, if `holder` has it under this token: the next one need not wait. It waits as
        /// a take-over does. True if it was held.
        async fn release_lease(&mut self, token: i64, holder: &str) -> Result<bool, StoreError>;
    }
}
