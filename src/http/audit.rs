//! Who decided what.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::auth::{AuditRead, May};
use super::document::ListProblems;
use super::input::{Asked, Limit, Written};
use super::{App, Problem, listing};
use crate::api::{AuditEntry, Page, ProblemCode, examples};
use crate::domain::ids::{ApiKeyId, AuditId};
use crate::domain::subject::Subject;
use crate::ports::store::AuditFilter;

/// What to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Query {
    /// Only decisions about this: a kind and an id, such as `farm:17`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    subject: Option<Written<Subject>>,
    /// Only decisions by this API key; not together with `subject`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    api_key_id: Option<ApiKeyId>,
    /// The list goes on after this: `next_cursor` of the page before.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    cursor: Option<AuditId>,
    /// How many items at most.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
}

/// The audit log, oldest first: each decision that came from outside the engine, by whom, what was before and
/// what is since. What left everything as it was is no decision.
#[utoipa::path(
    get,
    path = "/v1/audit",
    operation_id = "listAuditEntries",
    tag = "audit",
    params(Query),
    responses(
        (status = 200, description = "A page", body = Page<AuditEntry>,
         example = json!(examples::page(examples::audit_entry(), "150837286785029"))),
        ListProblems,
    ),
    security(("api_key" = [])),
)]
pub(super) async fn handler(
    _caller: May<AuditRead>,
    State(app): State<App>,
    Asked(asked): Asked<Query>,
) -> Result<Json<Page<AuditEntry>>, Problem> {
    let filter = match (asked.subject, asked.api_key_id) {
        (Some(_), Some(_)) => {
            let detail = "ask by subject or by API key, not by both";
            return Err(Problem::new(ProblemCode::InvalidValue, detail).field("api_key_id"));
        }
        (Some(Written(subject)), None) => AuditFilter::About(subject),
        (None, Some(key)) => AuditFilter::By(key),
        (None, None) => AuditFilter::All,
    };
    let rows = app.read().await?.audit_entries(&filter, asked.cursor, asked.limit.rows()).await?;
    Ok(Json(listing::page(&app, rows, asked.limit, ToString::to_string, AuditEntry::from).await))
}
