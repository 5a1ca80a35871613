//! Answers in Horizon's JSON: documents, and problems with Horizon's names, titles and reasons.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use stellar_types::ids::LedgerSeq;
use stellar_xdr::TransactionResult;

use crate::codes::result_codes;
use crate::ledger::outcome::Outcome;
use crate::xdr::to_base64;

const CONTENT_TYPE: &str = "application/hal+json; charset=utf-8";
const TYPE_BASE: &str = "https://stellar.org/horizon-errors/";
const PROBLEM_CONTENT_TYPE: &str = "application/problem+json; charset=utf-8";

/// JSON text as Horizon's: Go escapes `&`, `<` and `>`.
pub fn to_body(value: &Value) -> String {
    value.to_string().replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e")
}

/// An answer.
pub fn hal(value: &Value) -> Response {
    with_status(StatusCode::OK, value)
}

/// An answer with another status than 200.
pub fn with_status(status: StatusCode, value: &Value) -> Response {
    let content = [(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE))];
    (status, content, to_body(value)).into_response()
}

/// An answer that is as of a ledger.
pub fn as_of(ledger: LedgerSeq, value: &Value) -> Response {
    let mut response = hal(value);
    response.headers_mut().insert("Latest-Ledger", HeaderValue::from(ledger.0));
    response
}

/// Why a request is not answered as asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{title}: {detail}")]
pub struct Problem {
    status: StatusCode,
    name: &'static str,
    title: &'static str,
    detail: &'static str,
    extras: Map<String, Value>,
}

/// The reason for an account id that is none.
pub const BAD_ACCOUNT: &str = "Account ID must start with `G` and contain 56 alphanum characters";
/// The reason for an asset that is none.
pub const BAD_ASSET: &str =
    "Asset must be the string \"native\" or a string of the form \"Code:IssuerAccountID\" for issued assets.";
/// The reason for a transaction hash that is none.
pub const BAD_HASH: &str = "Transaction hash must be a hex-encoded, lowercase SHA-256 hash";

/// What a client over its rate limit is told, in a document or a stream.
pub const RATE_LIMITED: &str = "The rate limit for the requesting IP address is over its alloted limit.  The \
     allowed limit and requests left per time period are communicated to clients via the http response \
     headers 'X-RateLimit-*' headers.";

impl Problem {
    fn new(status: StatusCode, name: &'static str, title: &'static str, detail: &'static str) -> Self {
        Self { status, name, title, detail, extras: Map::new() }
    }

    fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.extras.insert(field.to_owned(), value.into());
        self
    }

    /// A parameter that makes no sense.
    pub fn bad_request(field: &str, reason: &str) -> Self {
        let detail = "The request you sent was invalid in some way.";
        Self::new(StatusCode::BAD_REQUEST, "bad_request", "Bad Request", detail)
            .with("invalid_field", field)
            .with("reason", reason)
    }

    /// Not exactly one filter for `/accounts`.
    pub fn invalid_accounts_params() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_accounts_params",
            "Invalid Accounts Parameters",
            "Exactly one filter is required. Please ensure that you are including a signer, sponsor, asset, \
             or liquidity pool filter.",
        )
    }

    /// No two assets for `/order_book`.
    pub fn invalid_order_book() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_order_book",
            "Invalid Order Book Parameters",
            "The parameters that specify what order book to view are invalid in some way. Please ensure that \
             your type parameters (selling_asset_type and buying_asset_type) are one the following valid \
             values: native, credit_alphanum4, credit_alphanum12.  Also ensure that you have specified \
             selling_asset_code and selling_asset_issuer if selling_asset_type is not 'native', as well as \
             buying_asset_code and buying_asset_issuer if buying_asset_type is not 'native'",
        )
    }

    /// Neither assets nor an account to begin or end a path with, or both.
    pub fn assets_or_account(detail: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", "Bad Request", detail)
    }

    /// Nothing of that name.
    pub fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "Resource Missing",
            "The resource at the url requested was not found.  This usually occurs for one of two reasons:  \
             The url requested is not valid, or no data in our database could be found with the parameters \
             provided.",
        )
    }

    /// Not to be had in the form that `Accept` asks for.
    pub fn not_acceptable() -> Self {
        Self::new(
            StatusCode::NOT_ACCEPTABLE,
            "not_acceptable",
            "An acceptable response content-type could not be provided for this request",
            "",
        )
    }

    /// A body that is no form.
    pub fn unsupported_media_type() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "Unsupported Media Type",
            "The request has an unsupported content type. Presently, the only supported content type is \
             application/x-www-form-urlencoded.",
        )
    }

    /// What was sent is no envelope.
    pub fn transaction_malformed(envelope: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "transaction_malformed",
            "Transaction Malformed",
            "Horizon could not decode the transaction envelope in this request. A transaction should be an \
             XDR TransactionEnvelope struct encoded using base64.  The envelope read from this request is \
             echoed in the `extras.envelope_xdr` field of this response for your convenience.",
        )
        .with("envelope_xdr", envelope)
    }

    /// The ledger refused the transaction, or its operations failed.
    pub fn transaction_failed(envelope: &str, result: &TransactionResult) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "transaction_failed",
            "Transaction Failed",
            "The transaction failed when submitted to the stellar network. The `extras.result_codes` field \
             on this response contains further details.  Descriptions of each code can be found at: \
             https://developers.stellar.org/api/errors/http-status-codes/horizon-specific/\
             transaction-failed/",
        )
        .with("envelope_xdr", envelope)
        .with("result_codes", json!(result_codes(result)))
        .with("result_xdr", to_base64(result))
    }

    /// As [`transaction_failed`](Self::transaction_failed), before it got into a ledger.
    pub fn refused(envelope: &str, outcome: &Outcome) -> Self {
        Self::transaction_failed(envelope, &outcome.to_xdr())
    }

    /// The transaction did not get into a ledger in time. It still may.
    pub fn submission_timeout(hash: &str, envelope: &str) -> Self {
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            "transaction_submission_timeout",
            "Transaction Submission Timeout",
            "Your transaction submission request has timed out. This does not necessarily mean the \
             submission has failed. Before resubmitting, please use the transaction hash provided in \
             `extras.hash` to poll the GET /transactions endpoint for sometime and check if it was included \
             in a ledger.",
        )
        .with("hash", hash)
        .with("envelope_xdr", envelope)
    }

    /// Too many requests.
    pub fn rate_limit_exceeded() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded", "Rate Limit Exceeded", RATE_LIMITED)
    }

    /// The history is too old. A submission is told nothing else, a read which ledgers are known.
    pub fn stale_history(ledgers: Option<(u32, u32)>) -> Self {
        let problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "stale_history",
            "Historical DB Is Too Stale",
            "This horizon instance is configured to reject client requests when it can determine that the \
             history database is lagging too far behind the connected instance of stellar-core.  If you \
             operate this server, please ensure that the ingestion system is properly running.",
        );
        match ledgers {
            Some((history, core)) => {
                problem.with("history_latest_ledger", history).with("core_latest_ledger", core)
            }
            None => problem,
        }
    }

    /// It took too long.
    pub fn timeout() -> Self {
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            "timeout",
            "Timeout",
            "Your request timed out before completing.  Please try your request again.",
        )
    }

    /// The sandbox itself is at fault.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            "Internal Server Error",
            "An error occurred while processing this request.",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut document = json!({
            "type": format!("{TYPE_BASE}{}", self.name),
            "title": self.title,
            "status": self.status.as_u16(),
        });
        if !self.detail.is_empty() {
            document["detail"] = self.detail.into();
        }
        if !self.extras.is_empty() {
            document["extras"] = Value::Object(self.extras);
        }
        let content = [(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_CONTENT_TYPE))];
        (self.status, content, to_body(&document)).into_response()
    }
}

/// The answer to any path that is not there.
pub async fn nothing_here() -> Problem {
    Problem::not_found()
}
