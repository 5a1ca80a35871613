//! Changes of who is paid.

use async_trait::async_trait;
use jiff::Timestamp;

use super::rows::{Facts, Row, Table, to_json};
use super::session::{Session, rows_max};
use super::sql::{Arg, args, statements};
use crate::domain::ids::{ChangeId, IdentityId};
use crate::domain::payout_change::{ChangeState, ChangedTerms, PayoutChange};
use crate::domain::subject::Subject;
use crate::ports::store::{Page, PayoutChangeFilter, PayoutChangesTx, StoreError};

const CHANGES: Table = Table { name: "payout_changes", key: &["id"] };
/// A count has no key of its own.
const COUNT: Table = Table { name: "payout_changes", key: &[] };

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, tenant, subject, terms_facts, asked_at, due_at, state, ended_at, signed_by
            FROM payout_changes ",
            $rest
        )
    };
}

statements! {
    INSERT = "INSERT INTO payout_changes (id, tenant, subject, terms_facts, asked_at, due_at, state)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    END = "UPDATE payout_changes SET state = $2, ended_at = $3, signed_by = $4
        WHERE id = $1 AND state = 'waiting'";
    ONE = select!("WHERE id = $1");
    WAITING_ONE = select!("WHERE subject = $1 AND state = 'waiting'");
    DUE = select!("WHERE state = 'waiting' AND due_at <= $1 ORDER BY due_at, id LIMIT $2");
    LIST = select!("WHERE id > $1 ORDER BY id LIMIT $2");
    LIST_WAITING = select!("WHERE state = 'waiting' AND id > $1 ORDER BY id LIMIT $2");
    /// Where it knows of one tenant only, PostgreSQL would walk all changes: the order asks for the index.
    LIST_OF_TENANT = select!("WHERE tenant = $3 AND id > $1 ORDER BY id LIMIT $2"),
        on_postgres select!("WHERE tenant = $3 AND (tenant, id) > ($3, $1) ORDER BY tenant, id LIMIT $2");
    LIST_WAITING_OF_TENANT = select!("WHERE state = 'waiting' AND tenant = $3 AND id > $1
            ORDER BY id LIMIT $2"),
        on_postgres select!("WHERE state = 'waiting' AND tenant = $3 AND (tenant, id) > ($3, $1)
            ORDER BY tenant, id LIMIT $2");
    COUNT_WAITING = "SELECT COUNT(*) AS waiting FROM payout_changes WHERE state = 'waiting'";
}

fn change_id(row: &Row) -> Result<ChangeId, StoreError> {
    row.of(&CHANGES).number("id", ChangeId::new)
}

fn state(facts: Facts<'_>) -> Result<ChangeState, StoreError> {
    let signed_by = facts.number_or_none("signed_by", IdentityId::new)?;
    Ok(match facts.one_of("state", &ChangeState::NAMES, |name| name)? {
        "waiting" => ChangeState::Waiting,
        "in_force" => ChangeState::InForce { at: facts.time("ended_at")?, signed_by },
        _ => ChangeState::CalledOff { at: facts.time("ended_at")? },
    })
}

fn change(row: &Row) -> Result<PayoutChange, StoreError> {
    let facts = row.of(&CHANGES);
    let terms: ChangedTerms = facts.json("terms_facts")?;
    let tenant = facts.parsed("tenant")?;
    facts.agrees("subject", facts.text("subject")?, terms.subject(&tenant).to_string())?;
    Ok(PayoutChange {
        id: change_id(row)?,
        tenant,
        terms,
        asked_at: facts.time("asked_at")?,
        due_at: facts.time("due_at")?,
        state: state(facts)?,
    })
}

#[async_trait]
impl PayoutChangesTx for Session {
    async fn insert_payout_change(&mut self, change: &PayoutChange) -> Result<(), StoreError> {
        if change.state != ChangeState::Waiting {
            let reason = "a new payout change waits".to_owned();
            return Err(self.over(StoreError::Refused { reason }));
        }
        let args = args![
            change.id.get(),
            change.tenant.as_str(),
            change.subject().to_string(),
            to_json(&change.terms)?,
            change.asked_at,
            change.due_at,
            change.state.name(),
        ];
        self.execute(INSERT, args).await.map(drop)
    }

    async fn end_payout_change(&mut self, change: &PayoutChange) -> Result<(), StoreError> {
        let PayoutChange { id, state, .. } = change;
        let args = args![id.get(), state.name(), state.ended_at(), state.signed_by().map(IdentityId::get)];
        self.guarded(END, args, || format!("payout change {id}")).await
    }

    async fn payout_change(&mut self, id: ChangeId) -> Result<Option<PayoutChange>, StoreError> {
        self.row(ONE, args![id.get()]).await?.as_ref().map(change).transpose()
    }

    async fn waiting_payout_change(&mut self, subject: &Subject) -> Result<Option<PayoutChange>, StoreError> {
        self.row(WAITING_ONE, args![subject.to_string()]).await?.as_ref().map(change).transpose()
    }

    async fn due_payout_changes(
        &mut self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Page<PayoutChange, ChangeId>, StoreError> {
        self.page((DUE, args![now, rows_max(limit)]), change, change_id).await
    }

    async fn payout_changes(
        &mut self,
        filter: &PayoutChangeFilter,
        after: Option<ChangeId>,
        limit: u32,
    ) -> Result<Page<PayoutChange, ChangeId>, StoreError> {
        let mut args = args![after.map_or(-1, ChangeId::get), rows_max(limit)];
        args.extend(filter.tenant.as_ref().map(|tenant| Arg::from(tenant.as_str())));
        let sql = match (&filter.tenant, filter.waiting) {
            (None, false) => LIST,
            (None, true) => LIST_WAITING,
            (Some(_), false) => LIST_OF_TENANT,
            (Some(_), true) => LIST_WAITING_OF_TENANT,
        };
        self.page((sql, args), change, change_id).await
    }

    async fn payout_changes_waiting(&mut self) -> Result<u64, StoreError> {
        match self.row(COUNT_WAITING, args![]).await? {
            Some(row) => row.of(&COUNT).number("waiting", u64::try_from),
            None => Ok(0),
        }
    }
}
