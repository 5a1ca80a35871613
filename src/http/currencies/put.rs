use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::api::{Currency, CurrencyBody, ProblemCode, examples};
use crate::domain::asset::AssetCode;
use crate::domain::currency::{self, RATE_STALENESS_SECONDS_MAX};
use crate::domain::split::SplitError;
use crate::http::auth::{CatalogWrite, May};
use crate::http::document::PutProblems;
use crate::http::input::{Input, PathId, written};
use crate::http::{App, Problem, problem};
use crate::ports::store::{StoreError, transact};
use jiff::{SignedDuration, Timestamp};

/// How far a rate's time may lie ahead, in seconds: clocks differ.
const RATE_AHEAD_SECONDS_MAX: i64 = 60;

/// Why a currency is not taken.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("a rate's time cannot lie ahead")]
    RateAhead,
    #[error("a rate may be used for 1 to {RATE_STALENESS_SECONDS_MAX} seconds")]
    RateValidity,
    #[error(transparent)]
    Distribution(#[from] SplitError),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::RateAhead => Self::new(ProblemCode::RateTimeOutOfBounds, error).field("rate_at"),
            Error::RateValidity => {
                Self::new(ProblemCode::RateTimeOutOfBounds, error).field("rate_valid_seconds")
            }
            Error::Distribution(error) => problem::distribution(&error),
        }
    }
}

fn described(code: AssetCode, body: CurrencyBody, now: Timestamp) -> Result<currency::Currency, Error> {
    let rate_at = body.rate_at.unwrap_or(now);
    if rate_at.duration_since(now) > SignedDuration::from_secs(RATE_AHEAD_SECONDS_MAX) {
        return Err(Error::RateAhead);
    }
    if !(1..=RATE_STALENESS_SECONDS_MAX).contains(&body.rate_valid_seconds) {
        return Err(Error::RateValidity);
    }
    Ok(currency::Currency {
        code,
        asset: body.asset,
        usd_rate: body.usd_rate.get(),
        rate_at,
        rate_valid_seconds: body.rate_valid_seconds,
        distribution: body.distribution.map(TryInto::try_into).transpose()?,
        free_only: body.free_only,
    })
}

/// Describes a currency: creates it or replaces what was said of it, its rate above all.
#[utoipa::path(
    put,
    path = "/v1/currencies/{code}",
    operation_id = "putCurrency",
    tag = "catalog",
    params(("code" = String, Path, description = "Its code, given by the caller")),
    request_body(content = CurrencyBody, example = json!(examples::currency_body())),
    responses(
        (status = 200, description = "Replaced", body = Currency, example = json!(examples::currency())),
        (status = 201, description = "Created", body = Currency, example = json!(examples::currency())),
        PutProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    _caller: May<CatalogWrite>,
    State(app): State<App>,
    PathId(id): PathId<AssetCode>,
    body: Input<CurrencyBody>,
) -> Result<(StatusCode, Json<Currency>), Problem> {
    let currency = described(id, body.value, app.clock.now())?;
    let put = {
        let currency = currency.clone();
        transact::<_, StoreError, _>(&app.store, move |tx| {
            let currency = currency.clone();
            Box::pin(async move { tx.put_currency(&currency).await })
        })
        .await?
    };
    Ok((written(put), Json(Currency::from(currency))))
}
