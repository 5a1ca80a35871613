use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::access::{self, Decider, IdempotencyError, Replay};
use crate::api::{ProblemCode, Reservation, ReservationOrder, examples};
use crate::domain::ids::ReservationId;
use crate::domain::tenant::Tenant;
use crate::http::auth::{May, ReservationsOpen};
use crate::http::document::OpenProblems;
use crate::http::input::{Asked, Input};
use crate::http::tenant::OfTenant;
use crate::http::{App, Problem};
use crate::ports::store::{IdempotencyKey, RetryOn, StoreError, Tx, transact};
use crate::reservations::{Opening, OrderRequest, open, wait_for_escrow};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const PATH: &str = "/v1/reservations";

/// Why no reservation was made.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Order(#[from] crate::reservations::Error),
    #[error(transparent)]
    Idempotency(#[from] IdempotencyError),
    #[error("the answer cannot be written: {0}")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RetryOn for Error {
    fn is_conflict(&self) -> bool {
        match self {
            Self::Order(error) => error.is_conflict(),
            Self::Idempotency(error) => error.is_conflict(),
            Self::Store(error) => error.is_conflict(),
            Self::Json(_) => false,
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Order(error) => error.into(),
            Error::Idempotency(error) => error.into(),
            Error::Json(error) => Self::internal(&error),
            Error::Store(error) => error.into(),
        }
    }
}

/// A request that is made once, however often it is sent.
#[derive(Clone)]
struct Once {
    key: IdempotencyKey,
    request_hash: [u8; 32],
}

struct Answer {
    replay: Replay,
    replayed: bool,
}

/// Opens a reservation: prices the order and gives it an escrow account.
///
/// Waits a moment where no escrow account is ready. With an `Idempotency-Key`, the same request
/// is answered as it was the first time (and says so in `Idempotency-Replayed`); another request under the
/// key is refused. Answers are kept for a while (30 days, unless it is configured otherwise).
#[utoipa::path(
    post,
    path = "/v1/reservations",
    operation_id = "openReservation",
    tag = "reservations",
    params(("Idempotency-Key" = Option<String>, Header,
            description = "1 to 255 visible ASCII characters of the caller's choice; strongly recommended"),
        OfTenant),
    request_body(content = ReservationOrder, example = json!(examples::order())),
    responses(
        (status = 201, description = "Open: pay one of its options in full before the deadline",
         headers(("Location" = String, description = "Where the reservation is"),
                 ("Idempotency-Replayed" = String, description = "`true` on an answer given before")),
         body = Reservation, example = json!(examples::reservation())),
        OpenProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    caller: May<ReservationsOpen>,
    State(app): State<App>,
    headers: HeaderMap,
    Asked(asked): Asked<OfTenant>,
    body: Input<ReservationOrder>,
) -> Result<Response, Problem> {
    let tenant = caller.tenant_to_write(&app, asked.tenant).await?;
    let once = match headers.get(IDEMPOTENCY_KEY) {
        Some(key) => {
            let key = key.to_str().map_err(|_| IdempotencyError::Malformed)?.to_owned();
            access::check_key(&key)?;
            let path = if tenant.is_default() { PATH.to_owned() } else { format!("{PATH}?tenant={tenant}") };
            let request_hash = access::request_hash("POST", &path, &body.bytes);
            Some(Once { key: IdempotencyKey { api_key: caller.caller.key, key }, request_hash })
        }
        None => None,
    };
    let order = request(tenant, body.value);
    let is_not_ready =
        |error: &Error| matches!(error, Error::Order(crate::reservations::Error::NoEscrowReady));
    let decider = caller.decider(&app);
    let attempt = || attempt(&app, &decider, order.clone(), once.clone());
    let answer = wait_for_escrow(&*app.clock, &app.reservations, is_not_ready, attempt).await?;
    answer.into_response()
}

fn request(tenant: Tenant, order: ReservationOrder) -> OrderRequest {
    OrderRequest {
        tenant,
        customer: order.customer_id,
        nodes: order.nodes,
        units: order.units.map(Into::into),
        duration_seconds: order.duration_seconds,
        pool: order.pool_id,
        currencies: order.currencies,
        refund: order.refund.map(Into::into),
    }
}

async fn attempt(
    app: &App,
    decider: &Decider,
    order: OrderRequest,
    once: Option<Once>,
) -> Result<Answer, Error> {
    let (context, decider) = (app.clone(), decider.clone());
    transact(&app.store, move |tx| {
        let (context, decider, order, once) = (context.clone(), decider.clone(), order.clone(), once.clone());
        Box::pin(async move { open_once(tx, &context, &decider, &order, once.as_ref()).await })
    })
    .await
}

/// Looks for an answer given before, and else opens and keeps the answer: all in one transaction.
async fn open_once(
    tx: &mut dyn Tx,
    app: &App,
    decider: &Decider,
    order: &OrderRequest,
    once: Option<&Once>,
) -> Result<Answer, Error> {
    if let Some(once) = once
        && let Some(replay) = access::seen(tx, &once.key, once.request_hash).await?
    {
        return Ok(Answer { replay, replayed: true });
    }
    let now = app.clock.now();
    let id = ReservationId::generate(now, app.entropy.u16());
    let opening = Opening { settings: &app.reservations, platform: app.platform, decider, now, id };
    let reservation = open(tx, &opening, order).await?;
    let shape = Reservation::new(&reservation, app.uri_passphrase());
    let replay = Replay { status: StatusCode::CREATED.as_u16(), body: serde_json::to_string(&shape)? };
    if let Some(once) = once {
        access::keep(tx, &once.key, once.request_hash, &replay, now).await?;
    }
    Ok(Answer { replay, replayed: false })
}

impl Answer {
    fn into_response(self) -> Result<Response, Problem> {
        #[derive(Deserialize)]
        struct Named {
            id: ReservationId,
        }
        let named: Named =
            serde_json::from_str(&self.replay.body).map_err(|error| Problem::internal(&error))?;
        let status = StatusCode::from_u16(self.replay.status)
            .map_err(|_| Problem::new(ProblemCode::Internal, "a stored answer has no status"))?;
        let json = HeaderValue::from_static("application/json");
        let mut response =
            (status, [(header::CONTENT_TYPE, json)], Body::from(self.replay.body)).into_response();
        if let Ok(location) = HeaderValue::from_str(&format!("{PATH}/{}", named.id)) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        if self.replayed {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        Ok(response)
    }
}
