//! Operations that were accepted although they are not ours.

use async_trait::async_trait;

use super::rows::{Row, Table, legible};
use super::session::{Session, rows_max};
use super::sql::{args, statements};
use crate::domain::address::AccountId;
use crate::domain::ids::OperationId;
use crate::ports::store::{AcceptedOperation, AcceptedTx, Applied, StoreError};

const ACCEPTED: Table = Table { name: "accepted_operations", key: &["account", "operation"] };

statements! {
    INSERT = "INSERT INTO accepted_operations (account, operation, accepted_by, reason, accepted_at)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account, operation) DO NOTHING";
    OF_ACCOUNT = "SELECT account, operation, accepted_by, reason, accepted_at FROM accepted_operations
        WHERE account = $1 AND operation > $2 ORDER BY operation LIMIT $3";
    ONE = "SELECT account, operation, accepted_by, reason, accepted_at FROM accepted_operations
        WHERE account = $1 AND operation = $2";
}

fn accepted(row: &Row) -> Result<AcceptedOperation, StoreError> {
    let facts = row.of(&ACCEPTED);
    Ok(AcceptedOperation {
        account: facts.parsed("account")?,
        operation: OperationId(facts.int("operation")?),
        by: facts.text("accepted_by")?,
        reason: facts.text("reason")?,
        at: facts.time("accepted_at")?,
    })
}

#[async_trait]
impl AcceptedTx for Session {
    async fn accept_operation(&mut self, accepted: &AcceptedOperation) -> Result<Applied, StoreError> {
        let AcceptedOperation { account, operation, by, reason, at } = accepted;
        let args = args![account.to_string(), operation.0, legible(by), legible(reason), *at];
        Ok(match self.execute(INSERT, args).await? {
            0 => Applied::AlreadyApplied,
            _ => Applied::Executed,
        })
    }

    async fn accepted_operations(
        &mut self,
        account: AccountId,
        after: Option<OperationId>,
        limit: u32,
    ) -> Result<Vec<AcceptedOperation>, StoreError> {
        let args = args![account.to_string(), after.map_or(-1, |after| after.0), rows_max(limit)];
        self.rows(OF_ACCOUNT, args).await?.iter().map(accepted).collect()
    }

    async fn accepted_operation(
        &mut self,
        account: AccountId,
        operation: OperationId,
    ) -> Result<Option<AcceptedOperation>, StoreError> {
        self.row(ONE, args![account.to_string(), operation.0]).await?.as_ref().map(accepted).transpose()
    }
}
