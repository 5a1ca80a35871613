use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::{Page, Payment, examples};
use crate::domain::payment::{Attribution, PaymentId};
use crate::http::auth::{May, MoneyRead};
use crate::http::document::ListProblems;
use crate::http::input::{Asked, Limit};
use crate::http::{App, Problem};
use crate::ports::store::{PaymentFilter, StoreError, Tx};

/// What payments were taken for, as the query names it.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TakenFor {
    Counted,
    Late,
    OtherAsset,
    Unattributed,
    TopUp,
}

impl From<TakenFor> for Attribution {
    fn from(state: TakenFor) -> Self {
        match state {
            TakenFor::Counted => Self::Counted,
            TakenFor::Late => Self::Late,
            TakenFor::OtherAsset => Self::OtherAsset,
            TakenFor::Unattributed => Self::Unassigned,
            TakenFor::TopUp => Self::TopUp,
        }
    }
}

/// What to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Query {
    /// Only those taken for this: `counted`, `late`, `other_asset`, `unattributed` or `top_up`.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "unattributed")]
    state: Option<TakenFor>,
    /// The list goes on after this: `next_cursor` of the page before.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    cursor: Option<PaymentId>,
    /// How many items at most.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
}

/// All money that came to accounts of the service, in the order of the ledger, and whether it was returned.
///
/// `unattributed` is what belongs to no reservation: to accounts that none has, to the platform or a channel,
/// by a merge of an account, or from a claimed balance.
#[utoipa::path(
    get,
    path = "/v1/payments",
    operation_id = "listPayments",
    tag = "money",
    params(Query),
    responses(
        (status = 200, description = "A page", body = Page<Payment>,
         example = json!(examples::page(examples::returned_payment(), "9108135936987137-0"))),
        ListProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    _caller: May<MoneyRead>,
    State(app): State<App>,
    Asked(asked): Asked<Query>,
) -> Result<Json<Page<Payment>>, Problem> {
    let mut tx = app.read().await?;
    let filter = PaymentFilter { reservation: None, attribution: asked.state.map(Attribution::from) };
    Ok(Json(page(&mut *tx, &filter, asked.cursor, asked.limit).await?))
}

/// A page of payments, each with its return.
pub(in crate::http) async fn page(
    tx: &mut dyn Tx,
    filter: &PaymentFilter,
    after: Option<PaymentId>,
    limit: Limit,
) -> Result<Page<Payment>, StoreError> {
    let mut rows = Vec::new();
    for stored in tx.payments(filter, after, limit.rows()).await? {
        let back = tx.refund_of(stored.payment.id).await?;
        rows.push((stored, back));
    }
    Ok(Page::of(
        rows,
        limit.0,
        |(stored, _)| stored.payment.id.to_string(),
        |(stored, back)| {
            let shape = Payment::new(&stored.payment, stored.reservation, stored.attribution);
            shape.with_return(back.as_ref())
        },
    ))
}
