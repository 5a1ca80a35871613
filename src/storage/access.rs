//! API keys and idempotency.

use async_trait::async_trait;
use jiff::Timestamp;

use super::rows::{Facts, Row, Table};
use super::session::{Session, rows_max};
use super::sql::{args, statements};
use crate::domain::ids::ApiKeyId;
use crate::domain::tenant::Tenant;
use crate::ports::store::{AccessTx, ApiKey, Applied, IdempotencyKey, Role, StoreError, StoredAnswer};

const API_KEYS: Table = Table { name: "api_keys", key: &["id"] };
const TENANT_NAMES: Table = Table { name: "tenants", key: &["name"] };
const ANSWERS: Table = Table { name: "idempotency_answers", key: &["api_key", "request_key"] };

macro_rules! select_keys {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, role, secret_hash, created_at, revoked_at, tenant, pushes_rates FROM api_keys ",
            $rest
        )
    };
}

statements! {
    INSERT_KEY = "INSERT INTO api_keys (id, name, role, secret_hash, created_at, revoked_at, tenant,
            pushes_rates)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    KEY_BY_HASH = select_keys!("WHERE secret_hash = $1");
    KEYS = select_keys!("WHERE id > $1 ORDER BY id LIMIT $2");
    REVOKE_KEY = "UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    TAKE_RATES = "UPDATE api_keys SET pushes_rates = 0 WHERE id = $1 AND pushes_rates = 1";
    INSERT_TENANT = "INSERT INTO tenants (name) VALUES ($1) ON CONFLICT (name) DO NOTHING";
    TENANTS = "SELECT name FROM tenants ORDER BY name LIMIT $1",
        on_postgres "SELECT name FROM tenants ORDER BY name COLLATE \"C\" LIMIT $1";
    ANSWER = "SELECT api_key, request_key, request_hash, status, body, answered_at FROM idempotency_answers
        WHERE api_key = $1 AND request_key = $2";
    KEEP_ANSWER = "INSERT INTO idempotency_answers (api_key, request_key, request_hash, status, body,
        answered_at)
        VALUES ($1, $2, $3, $4, $5, $6)";
    /// The first and the last of the oldest so many: what is forgotten then has two ends, so that no planner
    /// takes it for nearly all there is.
    OLDEST_ANSWERS = "SELECT MIN(answered_at) AS first, MAX(answered_at) AS last FROM (
            SELECT answered_at FROM idempotency_answers WHERE answered_at < $1 ORDER BY answered_at LIMIT $2
        ) AS page";
    FORGET_ANSWERS = "DELETE FROM idempotency_answers WHERE answered_at >= $1 AND answered_at <= $2";
}

fn digest(facts: Facts<'_>, column: &'static str) -> Result<[u8; 32], StoreError> {
    let mut digest = [0; 32];
    hex::decode_to_slice(facts.text(column)?, &mut digest).map_err(|error| facts.corrupt(column, error))?;
    Ok(digest)
}

fn api_key(row: &Row) -> Result<ApiKey, StoreError> {
    let facts = row.of(&API_KEYS);
    Ok(ApiKey {
        id: facts.number("id", ApiKeyId::new)?,
        name: facts.text("name")?,
        role: facts.one_of("role", &Role::ALL, Role::as_str)?,
        secret_hash: digest(facts, "secret_hash")?,
        created_at: facts.time("created_at")?,
        revoked_at: facts.time_or_none("revoked_at")?,
        tenant: facts.parsed_or_none("tenant")?,
        pushes_rates: facts.flag("pushes_rates")?,
    })
}

fn answer(row: &Row) -> Result<StoredAnswer, StoreError> {
    let facts = row.of(&ANSWERS);
    Ok(StoredAnswer {
        request_hash: digest(facts, "request_hash")?,
        status: facts.number("status", u16::try_from)?,
        body: facts.text("body")?,
        at: facts.time("answered_at")?,
    })
}

#[async_trait]
impl AccessTx for Session {
    async fn insert_api_key(&mut self, key: &ApiKey) -> Result<(), StoreError> {
        let args = args![
            key.id.get(),
            key.name.as_str(),
            key.role.as_str(),
            hex::encode(key.secret_hash),
            key.created_at,
            key.revoked_at,
            key.tenant.as_ref().map(ToString::to_string),
            key.pushes_rates,
        ];
        self.execute(INSERT_KEY, args).await?;
        if let Some(tenant) = &key.tenant {
            self.execute(INSERT_TENANT, args![tenant.as_str()]).await?;
        }
        Ok(())
    }

    async fn api_key_by_hash(&mut self, secret_hash: [u8; 32]) -> Result<Option<ApiKey>, StoreError> {
        let row = self.row(KEY_BY_HASH, args![hex::encode(secret_hash)]).await?;
        row.as_ref().map(api_key).transpose()
    }

    async fn api_keys(&mut self, after: Option<ApiKeyId>, limit: u32) -> Result<Vec<ApiKey>, StoreError> {
        let rows = self.rows(KEYS, args![after.map_or(-1, ApiKeyId::get), rows_max(limit)]).await?;
        rows.iter().map(api_key).collect()
    }

    async fn revoke_api_key(&mut self, id: ApiKeyId, at: Timestamp) -> Result<Applied, StoreError> {
        match self.execute(REVOKE_KEY, args![id.get(), at]).await? {
            0 => Ok(Applied::AlreadyApplied),
            _ => Ok(Applied::Executed),
        }
    }

    async fn take_rates_from(&mut self, id: ApiKeyId) -> Result<Applied, StoreError> {
        match self.execute(TAKE_RATES, args![id.get()]).await? {
            0 => Ok(Applied::AlreadyApplied),
            _ => Ok(Applied::Executed),
        }
    }

    async fn tenants(&mut self, limit: u32) -> Result<Vec<Tenant>, StoreError> {
        let rows = self.rows(TENANTS, args![rows_max(limit)]).await?;
        rows.iter().map(|row| row.of(&TENANT_NAMES).parsed("name")).collect()
    }

    async fn answer(&mut self, key: &IdempotencyKey) -> Result<Option<StoredAnswer>, StoreError> {
        let row = self.row(ANSWER, args![key.api_key.get(), key.key.as_str()]).await?;
        row.as_ref().map(answer).transpose()
    }

    async fn keep_answer(&mut self, key: &IdempotencyKey, answer: &StoredAnswer) -> Result<(), StoreError> {
        let args = args![
            key.api_key.get(),
            key.key.as_str(),
            hex::encode(answer.request_hash),
            u32::from(answer.status),
            answer.body.as_str(),
            answer.at,
        ];
        self.execute(KEEP_ANSWER, args).await.map(drop)
    }

    async fn forget_answers(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let page = self.row(OLDEST_ANSWERS, args![before, limit]).await?;
        let ends = match &page {
            Some(row) => {
                let facts = row.of(&ANSWERS);
                facts.int_or_none("first")?.zip(facts.int_or_none("last")?)
            }
            None => None,
        };
        drop(page);
        let Some((first, last)) = ends else { return Ok(0) };
        self.execute(FORGET_ANSWERS, args![first, last]).await
    }
}
