//! Accounts that were kept ready and may have been given out by a database that went back.

use jiff::Timestamp;

use crate::ports::store::Tx;
use crate::settlement::EngineError;

/// Something is on the ledger that the store does not know: no account that is stored as waiting
/// is given out.
pub(in crate::settlement) async fn retire(tx: &mut dyn Tx, at: Timestamp) -> Result<(), EngineError> {
    let retired = tx.retire_ready(at).await?;
    if retired > 0 {
        tracing::error!(retired, "accounts that were kept ready may have been given out, and are not used");
    }
    Ok(())
}
