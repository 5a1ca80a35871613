use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::access::{AccessError, IdempotencyError};
use crate::api::{ProblemBody, ProblemCode};
use crate::domain::ledger::Divergence;
use crate::domain::split::SplitError;
use crate::domain::units::UnitsError;
use crate::ports::store::StoreError;
use crate::reservations::{self, QuoteError, Refusal};
use crate::settlement::EngineError;

const BUSY_RETRY_SECONDS: u32 = 1;
const DATABASE_RETRY_SECONDS: u32 = 5;
const ESCROW_RETRY_SECONDS: u32 = 5;
const DIVERGED_RETRY_SECONDS: u32 = 60;

/// An error on its way to the client; `envelope` writes it with the request's id.
#[derive(Clone, Debug)]
pub struct Problem {
    code: ProblemCode,
    detail: String,
    field: Option<String>,
    reasons: Vec<String>,
    retry_after_seconds: Option<u32>,
    challenge: Option<&'static str>,
}

impl Problem {
    /// A problem of this kind.
    pub fn new(code: ProblemCode, detail: impl ToString) -> Self {
        let detail = detail.to_string();
        Self { code, detail, field: None, reasons: Vec::new(), retry_after_seconds: None, challenge: None }
    }

    /// Something by this id is not known.
    pub fn not_found(what: &str, id: impl std::fmt::Display) -> Self {
        Self::new(ProblemCode::NotFound, format_args!("{what} {id} is not known"))
    }

    /// A mistake on our side: the log has it, the client does not.
    pub fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(%error, "a request failed");
        Self::new(ProblemCode::Internal, "the service's log says more under this request's id")
    }

    /// About this field or parameter.
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// With several reasons.
    pub fn reasons(mut self, reasons: Vec<String>) -> Self {
        self.reasons = reasons;
        self
    }

    /// Worth trying again then.
    pub const fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// With what the client must show (RFC 6750).
    pub const fn challenge(mut self, challenge: &'static str) -> Self {
        self.challenge = Some(challenge);
        self
    }

    /// The problem as JSON.
    pub(super) fn body(&self, request_id: &str) -> ProblemBody {
        let mut body = ProblemBody::new(self.code, self.detail.as_str(), request_id);
        body.field.clone_from(&self.field);
        body.reasons.clone_from(&self.reasons);
        body
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() =
            StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = self.challenge {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Conflict { .. } => {
                Self::new(ProblemCode::DatabaseBusy, "too many changes at once; try again")
                    .retry_after(BUSY_RETRY_SECONDS)
            }
            StoreError::Unavailable { .. } => {
                tracing::warn!(%error, "the database is unavailable");
                Self::new(ProblemCode::DatabaseUnavailable, "the database cannot be reached; try again")
                    .retry_after(DATABASE_RETRY_SECONDS)
            }
            StoreError::Exists { .. }
            | StoreError::Corrupt { .. }
            | StoreError::LeaseLost { .. }
            | StoreError::WentBack { .. }
            | StoreError::Refused { .. } => Self::internal(&error),
        }
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::UnknownKey => Self::new(ProblemCode::Unauthorized, error)
                .challenge("Bearer realm=\"farmgate\", error=\"invalid_token\""),
            AccessError::Name => Self::new(ProblemCode::InvalidValue, error).field("name"),
            AccessError::NameTaken => Self::new(ProblemCode::InvalidValue, error).field("name"),
            AccessError::OfNoTenant(_) => Self::new(ProblemCode::InvalidValue, error).field("tenant"),
            AccessError::NotRevocable(_) | AccessError::NoRates(_) => Self::new(ProblemCode::NotFound, error),
            AccessError::Store(error) => error.into(),
        }
    }
}

impl From<IdempotencyError> for Problem {
    fn from(error: IdempotencyError) -> Self {
        match error {
            IdempotencyError::Malformed => {
                Self::new(ProblemCode::IdempotencyKeyInvalid, error).field("Idempotency-Key")
            }
            IdempotencyError::OtherRequest => {
                Self::new(ProblemCode::IdempotencyKeyReused, error).field("Idempotency-Key")
            }
            IdempotencyError::Store(error) => error.into(),
        }
    }
}

/// What is wrong with a described distribution.
pub(super) fn distribution(error: &SplitError) -> Problem {
    Problem::new(ProblemCode::InvalidDistribution, error).field("distribution")
}

/// What is wrong with described units.
pub(super) fn units(error: UnitsError, field: &str) -> Problem {
    Problem::new(ProblemCode::UnitsOutOfBounds, error).field(field)
}

impl From<reservations::Error> for Problem {
    fn from(error: reservations::Error) -> Self {
        match error {
            reservations::Error::Quote(error) => error.into(),
            reservations::Error::NoEscrowReady => {
                Self::new(ProblemCode::NoEscrowAccountReady, error).retry_after(ESCROW_RETRY_SECONDS)
            }
            reservations::Error::Diverged(divergence) => {
                let code = match divergence {
                    Divergence::LedgerFellBack { .. } => ProblemCode::LedgerFellBack,
                    Divergence::OtherNetwork { .. } => ProblemCode::OtherNetwork,
                };
                Self::new(code, divergence).retry_after(DIVERGED_RETRY_SECONDS)
            }
            reservations::Error::Transition(error) => Self::internal(&error),
            reservations::Error::Store(error) => error.into(),
        }
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Store(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}

impl From<QuoteError> for Problem {
    fn from(error: QuoteError) -> Self {
        use ProblemCode as Code;
        let (code, field) = match &error {
            QuoteError::UnknownCustomer(_) => (Code::UnknownCustomer, "customer_id".to_owned()),
            QuoteError::NodeCount => (Code::NodeCount, "nodes".to_owned()),
            QuoteError::UnknownNode { index, .. } => (Code::UnknownNode, format!("nodes[{index}]")),
            QuoteError::NodeWithoutFarm { index: Some(index), .. } => {
                (Code::NodeWithoutFarm, format!("nodes[{index}]"))
            }
            QuoteError::NodeWithoutFarm { index: None, .. } => (Code::NodeWithoutFarm, "pool_id".to_owned()),
            QuoteError::DuplicateNode { index, .. } => (Code::DuplicateNode, format!("nodes[{index}]")),
            QuoteError::PaidNodeInFreePool { .. } => (Code::PaidNodeInFreePool, "nodes".to_owned()),
            QuoteError::NoUnits => (Code::UnitsZero, "units".to_owned()),
            QuoteError::Units(_) => (Code::UnitsOutOfBounds, "units".to_owned()),
            QuoteError::UnitsAndDuration => (Code::UnitsAndDuration, "units".to_owned()),
            QuoteError::NothingToExtend => (Code::NothingToExtend, "pool_id".to_owned()),
            QuoteError::NoDuration => (Code::DurationMissing, "duration_seconds".to_owned()),
            QuoteError::Duration => (Code::DurationOutOfBounds, "duration_seconds".to_owned()),
            QuoteError::UnknownPool(_) => (Code::UnknownPool, "pool_id".to_owned()),
            QuoteError::PoolEndsTooSoon { .. } => (Code::PoolEndsTooSoon, "pool_id".to_owned()),
            QuoteError::CurrencyCount => (Code::CurrencyCount, "currencies".to_owned()),
            QuoteError::UnknownCurrency { index, .. } => {
                (Code::UnknownCurrency, format!("currencies[{index}]"))
            }
            QuoteError::DuplicateCurrency { index, .. } => {
                (Code::DuplicateCurrency, format!("currencies[{index}]"))
            }
            QuoteError::NoCurrency => (Code::NoCurrency, "currencies".to_owned()),
            QuoteError::RefundToUs => (Code::RefundAddress, "refund.address".to_owned()),
            QuoteError::Price(_) => (Code::PriceOutOfBounds, "units".to_owned()),
            QuoteError::Currency { index, reason, .. } => {
                let at = |index: &usize| format!("currencies[{index}]");
                (refusal(reason), index.as_ref().map_or("currencies".to_owned(), at))
            }
        };
        Self::new(code, error).field(field)
    }
}

const fn refusal(reason: &Refusal) -> ProblemCode {
    match reason {
        Refusal::RateStale => ProblemCode::RateStale,
        Refusal::FreeOnly(_) => ProblemCode::CurrencyForFreeNodesOnly,
        Refusal::NoFarmAddress(_) => ProblemCode::NoPayoutAddress,
        Refusal::FarmLeavesUnclaimed(_) => ProblemCode::PayoutsUnclaimed,
        Refusal::DistributionsDiffer => ProblemCode::DistributionsDiffer,
        Refusal::NativeBurn(_) => ProblemCode::BurnImpossible,
        Refusal::PayoutAddressMissing(_) => ProblemCode::PayoutAddressMissing,
        Refusal::PayoutAddressRefused(_) | Refusal::PayoutAddressDemandsMemo(_) => {
            ProblemCode::PayoutAddressRefused
        }
        Refusal::Price(_) => ProblemCode::PriceOutOfBounds,
        Refusal::Split(SplitError::TooManyLegs) => ProblemCode::TooManyLegs,
        Refusal::Split(
            SplitError::Name
            | SplitError::Sum { .. }
            | SplitError::Shares
            | SplitError::NoFarm
            | SplitError::UnknownName,
        ) => ProblemCode::InvalidDistribution,
    }
}
