use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::{IdText, Page, Reservation, examples};
use crate::domain::ids::IdentityId;
use crate::domain::ids::ReservationId;
use crate::domain::reservation::STATE_NAMES;
use crate::domain::tenant::Tenant;
use crate::http::auth::{May, ReservationsRead};
use crate::http::document::ListProblems;
use crate::http::input::{Asked, Limit};
use crate::http::{App, Problem, listing};
use crate::ports::store::ReservationFilter;

/// The name of a state.
#[derive(Debug)]
struct StateName(&'static str);

impl<'de> Deserialize<'de> for StateName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let known = STATE_NAMES.into_iter().find(|name| *name == text);
        known.map(Self).ok_or_else(|| serde::de::Error::custom("a reservation has no such state"))
    }
}

/// What to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Query {
    /// For keys of operators and auditors: only this tenant's.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "default")]
    tenant: Option<Tenant>,
    /// Only those in this state.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "awaiting_payment")]
    state: Option<StateName>,
    /// Only this customer's; of the tenant `default`, where a key of no tenant names none.
    #[serde(default)]
    #[param(value_type = Option<IdText>)]
    customer_id: Option<IdentityId>,
    /// The list goes on after this: `next_cursor` of the page before.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    cursor: Option<ReservationId>,
    /// How many items at most.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
}

/// Reservations in the order they were made.
#[utoipa::path(
    get,
    path = "/v1/reservations",
    operation_id = "listReservations",
    tag = "reservations",
    params(Query),
    responses(
        (status = 200, description = "A page", body = Page<Reservation>,
         example = json!(examples::page(examples::settled_reservation(), "150837286785024"))),
        ListProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    caller: May<ReservationsRead>,
    State(app): State<App>,
    Asked(asked): Asked<Query>,
) -> Result<Json<Page<Reservation>>, Problem> {
    let customer = asked.customer_id;
    let tenant = caller.tenant_or_all(asked.tenant)?.or_else(|| customer.map(|_| Tenant::default()));
    let filter = ReservationFilter { tenant, customer, state: asked.state.map(|state| state.0) };
    let passphrase = app.uri_passphrase();
    let mut tx = app.read().await?;
    let rows = tx.reservations(&filter, asked.cursor, asked.limit.rows()).await?;
    drop(tx);
    let shape = |reservation| Reservation::new(&reservation, passphrase);
    Ok(Json(listing::page(&app, rows, asked.limit, ToString::to_string, shape).await))
}
