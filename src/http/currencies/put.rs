use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::access::{Decider, Permission};
use crate::api::{Currency, CurrencyBody, ProblemCode, examples};
use crate::domain::asset::AssetCode;
use crate::domain::audit::{Act, CurrencyTerms};
use crate::domain::currency::{self, RATE_STALENESS_SECONDS_MAX};
use crate::domain::split::SplitError;
use crate::http::auth::{May, RatesPush};
use crate::http::document::PutCurrencyProblems;
use crate::http::input::{Input, PathId, written};
use crate::http::{App, Problem, problem};
use crate::ports::store::{Put, RetryOn, StoreError, Tx, transact};
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
    #[error("a rate of a later time is known, {known}: it stays")]
    RateOlder { known: Timestamp },
    #[error("who pushes rates changes nothing else: {0} stays as an operator described it")]
    NotARate(&'static str),
    #[error("currency {0} is not known: an operator describes it before rates are pushed")]
    NotDescribed(AssetCode),
    #[error(transparent)]
    Distribution(#[from] SplitError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RetryOn for Error {
    fn is_conflict(&self) -> bool {
        match self {
            Self::Store(error) => error.is_conflict(),
            Self::RateAhead
            | Self::RateValidity
            | Self::RateOlder { .. }
            | Self::NotARate(_)
            | Self::NotDescribed(_)
            | Self::Distribution(_) => false,
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::RateAhead => Self::new(ProblemCode::RateTimeOutOfBounds, error).field("rate_at"),
            Error::RateValidity => {
                Self::new(ProblemCode::RateTimeOutOfBounds, error).field("rate_valid_seconds")
            }
            Error::RateOlder { .. } => Self::new(ProblemCode::RateOlder, error).field("rate_at"),
            Error::NotARate(field) => Self::new(ProblemCode::Forbidden, error).field(field),
            Error::NotDescribed(_) => Self::new(ProblemCode::Forbidden, error).field("code"),
            Error::Distribution(error) => problem::distribution(&error),
            Error::Store(error) => error.into(),
        }
    }
}

fn lies_ahead(rate_at: Timestamp, now: Timestamp) -> bool {
    rate_at.duration_since(now) > SignedDuration::from_secs(RATE_AHEAD_SECONDS_MAX)
}

fn described(code: AssetCode, body: CurrencyBody, now: Timestamp) -> Result<currency::Currency, Error> {
    let rate_at = body.rate_at.unwrap_or(now);
    if lies_ahead(rate_at, now) {
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

/// What somebody who may push rates only may not change of a currency; the first of it that differs.
fn changed_beside_its_rate(known: &currency::Currency, pushed: &currency::Currency) -> Option<&'static str> {
    let differs = [
        ("asset", known.asset != pushed.asset),
        ("rate_valid_seconds", known.rate_valid_seconds != pushed.rate_valid_seconds),
        ("free_only", known.free_only != pushed.free_only),
        ("distribution", known.distribution != pushed.distribution),
    ];
    differs.into_iter().find_map(|(field, differs)| differs.then_some(field))
}

/// What is pushed, and by whom.
#[derive(Clone)]
struct Pushed {
    currency: currency::Currency,
    /// True if its time was named.
    dated: bool,
    /// True if its rate alone may change.
    rate_only: bool,
}

/// Stores a currency, unless a rate of a later time is known. Whoever named no time for theirs means now,
/// though another clock was ahead. A known time that lies ahead was set by a wrong clock, and binds nobody.
async fn put_currency(
    tx: &mut dyn Tx,
    decider: &Decider,
    pushed: Pushed,
) -> Result<(Put, currency::Currency), Error> {
    let Pushed { mut currency, dated, rate_only } = pushed;
    let now = decider.now();
    let before = tx.currency_to_replace(currency.code).await?;
    if rate_only {
        let known = before.as_ref().ok_or(Error::NotDescribed(currency.code))?;
        if let Some(field) = changed_beside_its_rate(known, &currency) {
            return Err(Error::NotARate(field));
        }
    }
    let over = before.as_ref().map(|known| known.rate_at);
    if let Some(known) = over
        && currency.rate_at < known
        && !lies_ahead(known, now)
    {
        if dated {
            return Err(Error::RateOlder { known });
        }
        currency.rate_at = known;
    }
    let put = tx.put_currency(&currency, over).await?;
    let (before, after) = (before.as_ref().map(CurrencyTerms::from), (&currency).into());
    decider.record(tx, Act::CurrencyDescribed { currency: currency.code, before, after }).await?;
    Ok((put, currency))
}

/// Describes a currency: creates it or replaces what was said of it, its rate above all.
///
/// Currencies belong to operators. A key of role `rates` changes `usd_rate` and `rate_at` of those that are
/// described; all else of the body must be as it is.
///
/// Rates may come in any order: one whose `rate_at` is before that of the rate that is known is refused with
/// `rate_older`, and the newer one stays. One of the same time replaces it.
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
        PutCurrencyProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    caller: May<RatesPush>,
    State(app): State<App>,
    PathId(id): PathId<AssetCode>,
    body: Input<CurrencyBody>,
) -> Result<(StatusCode, Json<Currency>), Problem> {
    let (now, dated) = (app.clock.now(), body.value.rate_at.is_some());
    let currency = described(id, body.value, now)?;
    let rate_only = !caller.caller.may(Permission::CurrenciesWrite);
    let pushed = Pushed { currency, dated, rate_only };
    let decider = caller.decider(&app);
    let (put, currency) = transact(&app.store, move |tx| {
        let (pushed, decider) = (pushed.clone(), decider.clone());
        Box::pin(async move { put_currency(tx, &decider, pushed).await })
    })
    .await?;
    Ok((written(put, false), Json(Currency::from(currency))))
}
