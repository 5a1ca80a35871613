//! The audit log.

use async_trait::async_trait;

use super::rows::{Facts, Row, Table, legible, to_json};
use super::session::{Session, rows_max};
use super::sql::{args, statements};
use crate::domain::audit::{Act, Actor, AuditEntry};
use crate::domain::ids::{ApiKeyId, AuditId};
use crate::domain::subject::Subject;
use crate::ports::store::{AuditFilter, AuditTx, Page, StoreError};

const AUDIT: Table = Table { name: "audit_entries", key: &["id"] };

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, decided_at, actor, api_key, request_id, signer, subject, act_facts, reason
            FROM audit_entries ",
            $rest
        )
    };
}

statements! {
    INSERT = "INSERT INTO audit_entries (id, decided_at, api_key, request_id, subject, act_facts, reason,
            actor, signer)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    LIST = select!("WHERE id > $1 ORDER BY id LIMIT $2");
    LIST_ABOUT = select!("WHERE subject = $3 AND id > $1 ORDER BY id LIMIT $2");
    LIST_BY = select!("WHERE api_key = $3 AND id > $1 ORDER BY id LIMIT $2");
}

fn audit_id(row: &Row) -> Result<AuditId, StoreError> {
    row.of(&AUDIT).number("id", AuditId::new)
}

fn actor(facts: Facts<'_>) -> Result<Actor, StoreError> {
    let request =
        || Ok::<_, StoreError>((facts.number("api_key", ApiKeyId::new)?, facts.text("request_id")?));
    Ok(match facts.one_of("actor", &Actor::KINDS, |kind| kind)? {
        "api_key" => {
            let (key, request) = request()?;
            Actor::ApiKey { key, request }
        }
        "signer" => {
            let (key, request) = request()?;
            let Subject::Identity(tenant, identity) = facts.parsed("signer")? else {
                return Err(facts.corrupt("signer", "it is no identity"));
            };
            Actor::Signer { tenant, identity, key, request }
        }
        "engine" => Actor::Engine,
        _ => Actor::CommandLine,
    })
}

fn entry(row: &Row) -> Result<AuditEntry, StoreError> {
    let facts = row.of(&AUDIT);
    let act: Act = facts.json("act_facts")?;
    facts.agrees("subject", facts.text("subject")?, act.subject().to_string())?;
    Ok(AuditEntry {
        id: audit_id(row)?,
        at: facts.time("decided_at")?,
        actor: actor(facts)?,
        act,
        reason: facts.text_or_none("reason")?,
    })
}

#[async_trait]
impl AuditTx for Session {
    async fn insert_audit_entry(&mut self, entry: &AuditEntry) -> Result<(), StoreError> {
        let AuditEntry { id, at, actor, act, reason } = entry;
        let (key, request) = actor.request().unzip();
        let args = args![
            id.get(),
            *at,
            key.map(ApiKeyId::get),
            request.map(legible),
            act.subject().to_string(),
            to_json(act)?,
            reason.as_deref().map(legible),
            actor.kind(),
            actor.signer().map(|signer| signer.to_string()),
        ];
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
