//! The audit log.

use async_trait::async_trait;

use super::rows::{Row, Table, legible, to_json};
use super::session::{Session, rows_max};
use super::sql::{args, statements};
use crate::domain::audit::{Act, Actor, AuditEntry};
use crate::domain::ids::{ApiKeyId, AuditId};
use crate::ports::store::{AuditFilter, AuditTx, Page, StoreError};

const AUDIT: Table = Table { name: "audit_entries", key: &["id"] };

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, decided_at, api_key, request_id, subject, act_facts, reason FROM audit_entries ",
            $rest
        )
    };
}

statements! {
    INSERT = "INSERT INTO audit_entries (id, decided_at, api_key, request_id, subject, act_facts, reason)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    LIST = select!("WHERE id > $1 ORDER BY id LIMIT $2");
    LIST_ABOUT = select!("WHERE subject = $3 AND id > $1 ORDER BY id LIMIT $2");
    LIST_BY = select!("WHERE api_key = $3 AND id > $1 ORDER BY id LIMIT $2");
}

fn audit_id(row: &Row) -> Result<AuditId, StoreError> {
    row.of(&AUDIT).number("id", AuditId::new)
}

fn entry(row: &Row) -> Result<AuditEntry, StoreError> {
    let facts = row.of(&AUDIT);
    let act: Act = facts.json("act_facts")?;
    facts.agrees("subject", facts.text("subject")?, act.subject().to_string())?;
    let actor = match facts.number_or_none("api_key", ApiKeyId::new)? {
        Some(key) => Actor::ApiKey { key, request: facts.text("request_id")? },
        None => Actor::CommandLine,
    };
    Ok(AuditEntry {
        id: audit_id(row)?,
        at: facts.time("decided_at")?,
        actor,
        act,
        reason: facts.text_or_none("reason")?,
    })
}

#[async_trait]
impl AuditTx for Session {
    async fn insert_audit_entry(&mut self, entry: &AuditEntry) -> Result<(), StoreError> {
        let AuditEntry { id, at, actor, act, reason } = entry;
        let (key, request) = match actor {
            Actor::ApiKey { key, request } => (Some(key.get()), Some(legible(request))),
            Actor::CommandLine => (None, None),
        };
        let reason = reason.as_deref().map(legible);
        let args = args![id.get(), *at, key, request, act.subject().to_string(), to_json(act)?, reason];
        self.execute(INSERT, args).await.map(drop)
    }

    async fn audit_entries(
        &mut self,
        filter: &AuditFilter,
        after: Option<AuditId>,
        limit: u32,
    ) -> Result<Page<AuditEntry, AuditId>, StoreError> {
        let (after, limit) = (after.map_or(-1, AuditId::get), rows_max(limit));
        let asked = match filter {
            AuditFilter::All => (LIST, args![after, limit]),
            AuditFilter::About(subject) => (LIST_ABOUT, args![after, limit, subject.to_string()]),
            AuditFilter::By(key) => (LIST_BY, args![after, limit, key.get()]),
        };
        self.page(asked, entry, audit_id).await
    }
}
