//! Records of history that nobody can understand: kept with their JSON for a person, while the
//! cursor goes on.

use crate::domain::address::AccountId;
use crate::domain::ids::OperationId;
use crate::ports::store::{Applied, Quarantined};
use crate::settlement::EngineError;
use crate::settlement::books::work::UnitOfWork;

/// Keeps a record that cannot be understood, once.
pub(in crate::settlement) async fn quarantine(
    work: &mut UnitOfWork<'_>,
    account: AccountId,
    operation: Option<OperationId>,
    json: String,
    reason: String,
) -> Result<(), EngineError> {
    tracing::error!(%account, ?operation, reason, "a record of history is put aside");
    let record = Quarantined { account, operation, json, reason, at: work.now() };
    match work.quarantine(&record).await? {
        Applied::Executed | Applied::AlreadyApplied => Ok(()),
    }
}
