//! Accepting the operation for which the engine stopped: it goes on, and books what was taken as a loss.

use crate::access::Decider;
use crate::domain::audit::Act;
use crate::domain::ids::OperationId;
use crate::ports::store::{AcceptedOperation, Applied, Stopped, StoreError, Tx};

/// Longest reason, in characters.
pub const REASON_CHARS_MAX: usize = 1_000;

/// Why an operation is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The engine has not stopped.
    #[error("the engine has not stopped for any operation: there is nothing to accept")]
    NotStopped,
    /// It stopped for another one.
    #[error("the engine stopped for operation {stopped}, not for {named}")]
    AnotherOperation {
        /// For which it stopped.
        stopped: OperationId,
        /// Which was to be accepted.
        named: OperationId,
    },
    /// No reason, or a very long one.
    #[error("the reason is 1 to {REASON_CHARS_MAX} characters")]
    Reason,
    /// The database did not do what was asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Accepts the operation for which the engine stopped; only that one, so that nobody accepts what the engine
/// has not met. Said twice, the first one stays. What the engine stopped for, and whether this is the first
/// time.
///
/// # Errors
/// [`AcceptError`]; nothing was changed then.
pub async fn accept(
    tx: &mut dyn Tx,
    decider: &Decider,
    operation: OperationId,
    reason: &str,
) -> Result<(Stopped, Applied), AcceptError> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
        return Err(AcceptError::Reason);
    }
    let status = tx.engine_status().await?;
    let stopped = status.and_then(|status| status.stopped).ok_or(AcceptError::NotStopped)?;
    if stopped.operation != operation {
        return Err(AcceptError::AnotherOperation { stopped: stopped.operation, named: operation });
    }
    let accepted = AcceptedOperation {
        account: stopped.account,
        operation,
        by: decider.actor().to_string(),
        reason: reason.to_owned(),
        at: decider.now(),
    };
    let applied = tx.accept_operation(&accepted).await?;
    if applied == Applied::Executed {
        let act = Act::OperationAccepted { account: stopped.account, operation };
        decider.record_with(tx, act, Some(reason)).await?;
    }
    Ok((stopped, applied))
}
