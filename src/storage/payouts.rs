//! Accounts that are paid out to, and whether they can be.

use async_trait::async_trait;
use jiff::Timestamp;

use super::rows::{Row, Table, to_json};
use super::session::{Session, page_of, rows_max};
use super::sql::{args, statements};
use crate::domain::address::AccountId;
use crate::ports::store::{LIST_ROWS_MAX, Page, PayoutCheck, PayoutsTx, StoreError};

const PAYOUT_CHECKS: Table = Table { name: "payout_checks", key: &["account"] };

statements! {
    WATCH = "INSERT INTO payout_checks (account, memo_required) SELECT value, 0 FROM json_each($1) WHERE true
            ON CONFLICT (account) DO NOTHING",
        on_postgres "INSERT INTO payout_checks (account, memo_required)
            SELECT jsonb_array_elements_text(CAST($1 AS JSONB)), 0 ON CONFLICT (account) DO NOTHING";
    NAMED = "SELECT account, memo_required, checked_at FROM payout_checks
            WHERE account IN (SELECT value FROM json_each($1))",
        on_postgres "SELECT account, memo_required, checked_at FROM payout_checks
            WHERE account = ANY (ARRAY(SELECT jsonb_array_elements_text(CAST($1 AS JSONB))))";
    NEVER_CHECKED = "SELECT account, memo_required, checked_at FROM payout_checks
        WHERE checked_at IS NULL ORDER BY account LIMIT $1";
    CHECKED_BEFORE = "SELECT account, memo_required, checked_at FROM payout_checks
        WHERE checked_at < $1 ORDER BY checked_at, account LIMIT $2";
    CHECKED = "UPDATE payout_checks SET memo_required = $2, checked_at = $3 WHERE account = $1";
}

fn payout_check(row: &Row) -> Result<PayoutCheck, StoreError> {
    let facts = row.of(&PAYOUT_CHECKS);
    Ok(PayoutCheck {
        account: facts.parsed("account")?,
        memo_required: facts.flag("memo_required")?,
        checked_at: facts.time_or_none("checked_at")?,
    })
}

#[async_trait]
impl PayoutsTx for Session {
    async fn watch_payouts(&mut self, accounts: &[AccountId]) -> Result<(), StoreError> {
        self.execute(WATCH, args![to_json(accounts)?]).await.map(drop)
    }

    async fn payout_checks(&mut self, accounts: &[AccountId]) -> Result<Vec<PayoutCheck>, StoreError> {
        if accounts.len() > LIST_ROWS_MAX as usize {
            return Err(self.refuse(format!("{} accounts asked for at once", accounts.len())));
        }
        self.rows(NAMED, args![to_json(accounts)?]).await?.iter().map(payout_check).collect()
    }

    async fn payouts_to_check(
        &mut self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Page<PayoutCheck, AccountId>, StoreError> {
        let mut rows = self.rows(NEVER_CHECKED, args![rows_max(limit)]).await?;
        let found = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        if found < limit {
            rows.extend(self.rows(CHECKED_BEFORE, args![before, rows_max(limit - found)]).await?);
        }
        page_of(&rows, payout_check, |row| row.of(&PAYOUT_CHECKS).parsed("account"))
    }

    async fn set_payout_check(&mut self, check: &PayoutCheck) -> Result<(), StoreError> {
        let args = args![check.account.to_string(), check.memo_required, check.checked_at];
        self.guarded(CHECKED, args, || format!("payout check of {}", check.account)).await
    }
}
