use super::error::StoreError;
use super::forward::store_trait;
use super::pages::Page;
use crate::domain::audit::AuditEntry;
use crate::domain::ids::{ApiKeyId, AuditId};
use crate::domain::subject::Subject;

/// Which entries of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AuditFilter {
    /// All.
    #[default]
    All,
    /// Those about one thing.
    About(Subject),
    /// What one API key decided.
    By(ApiKeyId),
}

store_trait! {
    /// The audit log: who decided what. Entries are added, and neither changed nor removed.
    pub trait AuditTx, forwarded by ForwardAudit {
        /// Adds an entry.
        async fn insert_audit_entry(&mut self, entry: &AuditEntry) -> Result<(), StoreError>;

        /// Entries in the order of their ids, after `after`.
        async fn audit_entries(
            &mut self,
            filter: &AuditFilter,
            after: Option<AuditId>,
            limit: u32,
        ) -> Result<Page<AuditEntry, AuditId>, StoreError>;
    }
}
