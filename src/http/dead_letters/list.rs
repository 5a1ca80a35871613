use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::refused;
use crate::api::{DeadLetter, Page, examples};
use crate::domain::dead_letter::{Kind, LetterId};
use crate::http::auth::{May, MoneyRead};
use crate::http::document::ListProblems;
use crate::http::input::{Asked, Limit, Written};
use crate::http::{App, Problem};
use crate::operator::{LetterFilter, dead_letters};

/// What to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Query {
    /// Only those of this kind: `stopped_engine`, `unreadable_record`, `held_reservation`,
    /// `undeliverable_return`, `unpaid_repayment`, `untakeable_balance`, `unexplained_account`
    /// or `unknown_transaction`.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "held_reservation")]
    kind: Option<Written<Kind>>,
    /// `true` lists the unreadable records that were dismissed, instead of what is open.
    #[serde(default)]
    #[param(value_type = Option<bool>, default = false)]
    dismissed: Option<Written<bool>>,
    /// The list goes on after this: `next_cursor` of the page before.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    cursor: Option<Written<LetterId>>,
    /// How many items at most.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
}

/// What the engine cannot bring further by itself, or has tried in vain, by kind and id: after how many
/// tries, with which codes and envelope, and what may safely be done about it.
#[utoipa::path(
    get,
    path = "/v1/dead-letters",
    operation_id = "listDeadLetters",
    tag = "money",
    params(Query),
    responses(
        (status = 200, description = "A page", body = Page<DeadLetter>,
         example = json!(examples::page(examples::dead_letter(), examples::LETTER_CURSOR))),
        ListProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    _caller: May<MoneyRead>,
    State(app): State<App>,
    Asked(asked): Asked<Query>,
) -> Result<Json<Page<DeadLetter>>, Problem> {
    let filter = LetterFilter {
        kind: asked.kind.map(|Written(kind)| kind),
        dismissed: asked.dismissed.is_some_and(|Written(dismissed)| dismissed),
    };
    let after = asked.cursor.map(|Written(id)| id);
    let mut tx = app.read().await?;
    let letters = dead_letters(&mut *tx, &filter, app.clock.now(), after.as_ref(), asked.limit.rows())
        .await
        .map_err(|error| refused(error, "cursor"))?;
    Ok(Json(Page::of(letters, asked.limit.0, |letter| letter.id.clone(), |letter| letter)))
}
