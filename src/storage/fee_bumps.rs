//! Fee bumps of our transactions.

use async_trait::async_trait;

use super::rows::{Row, Table};
use super::session::Session;
use super::sql::{args, statements};
use crate::domain::fee_bump::FeeBump;
use crate::domain::ids::SubmissionId;
use crate::ports::store::{FeeBumpsTx, Page, StoreError};

/// Most bumps of live transactions: there is at most one of these per channel, and bids rise tenfold from 100
/// to 10,000,000.
const BUMPS_LIVE_MAX: i64 = 10_000;

const FEE_BUMPS: Table = Table { name: "fee_bumps", key: &["hash"] };

statements! {
    INSERT = "INSERT INTO fee_bumps (hash, submission, envelope, fee_per_operation, created_at)
        SELECT $1, id, $3, $4, $5 FROM submissions WHERE id = $2 AND state = 'live'",
        on_postgres "INSERT INTO fee_bumps (hash, submission, envelope, fee_per_operation, created_at)
        SELECT CAST($1 AS TEXT), id, CAST($3 AS TEXT), CAST($4 AS BIGINT), CAST($5 AS BIGINT)
        FROM submissions WHERE id = $2 AND state = 'live'";
    LIVE = "SELECT fee_bumps.hash, fee_bumps.submission, fee_bumps.envelope, fee_bumps.fee_per_operation,
        fee_bumps.created_at
        FROM submissions JOIN fee_bumps ON fee_bumps.submission = submissions.id
        WHERE submissions.state = 'live' ORDER BY submissions.id, fee_bumps.fee_per_operation LIMIT $1";
}

fn fee_bump(row: &Row) -> Result<FeeBump, StoreError> {
    let facts = row.of(&FEE_BUMPS);
    Ok(FeeBump {
        submission: facts.number("submission", SubmissionId::new)?,
        hash: facts.parsed("hash")?,
        envelope: facts.text("envelope")?,
        fee_per_operation: facts.number("fee_per_operation", u32::try_from)?,
        created_at: facts.time("created_at")?,
    })
}

#[async_trait]
impl FeeBumpsTx for Session {
    async fn insert_fee_bump(&mut self, bump: &FeeBump) -> Result<(), StoreError> {
        let args = args![
            bump.hash.to_string(),
            bump.submission.get(),
            bump.envelope.as_str(),
            bump.fee_per_operation,
            bump.created_at,
        ];
        self.guarded(INSERT, args, || format!("submission {}", bump.submission)).await
    }

    async fn live_fee_bumps(&mut self) -> Result<Page<FeeBump, SubmissionId>, StoreError> {
        let key = |row: &Row| row.of(&FEE_BUMPS).number("submission", SubmissionId::new);
        self.page((LIVE, args![BUMPS_LIVE_MAX]), fee_bump, key).await
    }
}
