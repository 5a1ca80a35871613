use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! problem_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:literal, $title:literal;)+) => {
        /// Every kind of problem the API answers with. Codes are stable: programs may rely on them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum ProblemCode {
            $($(#[$doc])* #[doc = $title] $name,)+
        }

        impl ProblemCode {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// As it stands in `code`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// The HTTP status that goes with it.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)+ }
            }

            /// In words, the same for every occurrence.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }
        }
    };
}

problem_codes! {
    MalformedJson = "malformed_json", 400, "The body is not JSON";
    MissingField = "missing_field", 400, "A field is missing";
    UnknownField = "unknown_field", 400, "A field is not known";
    InvalidValue = "invalid_value", 400, "A value is not of its form";
    InvalidRequest = "invalid_request", 400, "The request cannot be understood";
    IdempotencyKeyInvalid = "idempotency_key_invalid", 400, "The idempotency key is malformed";
    Unauthorized = "unauthorized", 401, "A valid API key is needed";
    Forbidden = "forbidden", 403, "The API key does not allow this";
    RouteNotFound = "route_not_found", 404, "There is nothing at this address";
    NotFound = "not_found", 404, "It is not known";
    MethodNotAllowed = "method_not_allowed", 405, "The method is not possible here";
    NotCancellable = "not_cancellable", 409, "It can no longer be cancelled";
    NotOwed = "not_owed", 409, "Nothing of the payment or balance goes back";
    ReturnUnderWay = "return_under_way", 409, "The return is on its way, paid, or given up";
    NotHeld = "not_held", 409, "The reservation is not held";
    NotDismissable = "not_dismissable", 409, "A dead letter of this kind cannot be dismissed";
    NodeUnderFreePool = "node_under_free_pool", 409, "The node carries capacity bought with play money";
    RateOlder = "rate_older", 409, "A rate of a later time is known";
    PayoutChangeWaits = "payout_change_waits", 409, "A change of who is paid waits already";
    PayoutChangeEnded = "payout_change_ended", 409, "The change waits no more";
    PayoutChangeOvertaken = "payout_change_overtaken", 409, "What the change replaces is not as it was";
    EventsForgotten = "events_forgotten", 410, "Events after the cursor are no longer kept";
    CursorOutdated = "cursor_outdated", 410, "The cursor is of before the database went back";
    BodyTooLarge = "body_too_large", 413, "The body is too large";
    UnsupportedMediaType = "unsupported_media_type", 415, "The body is not announced as JSON";
    IdempotencyKeyReused = "idempotency_key_reused", 422, "The idempotency key belongs to another request";
    SignatureInvalid = "signature_invalid", 422, "The signature is not the one that is needed";
    UnknownCustomer = "unknown_customer", 422, "The customer is not known";
    UnknownIdentity = "unknown_identity", 422, "The identity is not known";
    UnknownFarm = "unknown_farm", 422, "The farm is not known";
    UnknownNode = "unknown_node", 422, "A node is not known";
    NodeWithoutFarm = "node_without_farm", 422, "A node belongs to no farm";
    DuplicateNode = "duplicate_node", 422, "A node is named twice";
    NodeCount = "node_count", 422, "Too few or too many nodes";
    PaidNodeInFreePool = "paid_node_in_free_pool", 422, "A paid node cannot join a play-money pool";
    CapacityNotUnique = "capacity_not_unique", 422, "Capacity is given once, in one unit";
    UnitsZero = "units_zero", 422, "No capacity is asked for";
    UnitsOutOfBounds = "units_out_of_bounds", 422, "Too much capacity";
    UnitsAndDuration = "units_and_duration", 422, "A pool is extended in one dimension at a time";
    NothingToExtend = "nothing_to_extend", 422, "An extension adds time or units";
    DurationMissing = "duration_missing", 422, "The duration is missing";
    DurationOutOfBounds = "duration_out_of_bounds", 422, "The duration is out of bounds";
    UnknownPool = "unknown_pool", 422, "The pool is not known";
    PoolEndsTooSoon = "pool_ends_too_soon", 422, "The pool ends too soon";
    CurrencyCount = "currency_count", 422, "Too few or too many currencies";
    UnknownCurrency = "unknown_currency", 422, "A currency is not known";
    DuplicateCurrency = "duplicate_currency", 422, "A currency is named twice";
    NoCurrency = "no_currency", 422, "No currency can pay";
    RateStale = "rate_stale", 422, "A currency's rate is out of date";
    RateTimeOutOfBounds = "rate_time_out_of_bounds", 422, "The rate's time or validity is out of bounds";
    CurrencyForFreeNodesOnly = "currency_for_free_nodes_only", 422, "Play money pays for free nodes only";
    NoPayoutAddress = "no_payout_address", 422, "A farm takes none of this currency";
    PayoutsUnclaimed = "payouts_unclaimed", 422, "A farm leaves too many payouts of this currency unclaimed";
    DistributionsDiffer = "distributions_differ", 422, "The farms have different distributions";
    InvalidDistribution = "invalid_distribution", 422, "The distribution is none";
    BurnImpossible = "burn_impossible", 422, "This asset cannot be burned";
    PayoutAddressRefused = "payout_address_refused", 422, "This account cannot be paid";
    TooManyPayoutAddresses = "too_many_payout_addresses", 422, "Too many payout addresses";
    RefundAddress = "refund_address", 422, "Money cannot be returned to that address";
    PriceOutOfBounds = "price_out_of_bounds", 422, "The price does not fit the ledger";
    TooManyLegs = "too_many_legs", 422, "The settlement would have too many legs";
    Internal = "internal", 500, "Something is wrong on our side";
    PayoutAddressMissing = "payout_address_missing", 503, "The service has no account for a recipient";
    NoEscrowAccountReady = "no_escrow_account_ready", 503, "No escrow account is ready";
    LedgerFellBack = "ledger_fell_back", 503, "The network's latest ledger is behind what was seen";
    OtherNetwork = "other_network", 503, "The network is not the one that was seen before";
    DatabaseUnavailable = "database_unavailable", 503, "The database is unavailable";
    DatabaseBusy = "database_busy", 503, "The database is busy";
    RequestTimeout = "request_timeout", 503, "The answer took too long";
    NotReady = "not_ready", 503, "The service is not ready";
}

/// An error (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemBody {
    /// Names the kind of problem; not an address to open.
    #[schema(example = "urn:farmgate:problem:unknown_node")]
    pub r#type: String,
    /// The kind in words.
    #[schema(example = "A node is not known")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 422)]
    pub status: u16,
    /// What happened this time.
    #[schema(example = "node 77 is not known")]
    pub detail: String,
    /// The kind, for programs.
    #[schema(value_type = ProblemCode)]
    pub code: String,
    /// The field, query parameter or path parameter it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "nodes[0]")]
    pub field: Option<String>,
    /// Several reasons, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// Names this request in the service's log; also in the header `X-Request-Id`.
    #[schema(example = "9f86d081884c7d65")]
    pub request_id: String,
}

impl ProblemBody {
    /// A problem of this kind.
    pub fn new(code: ProblemCode, detail: impl Into<String>, request_id: impl Into<String>) -> Self {
        Self {
            r#type: format!("urn:farmgate:problem:{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status(),
            detail: detail.into(),
            code: code.as_str().to_owned(),
            field: None,
            reasons: Vec::new(),
            request_id: request_id.into(),
        }
    }

    /// About this field.
    pub fn with_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_errors() {
        let mut codes: Vec<&str> = ProblemCode::ALL.iter().map(|code| code.as_str()).collect();
        codes.sort_unstable();
        let all = codes.len();
        codes.dedup();
        assert_eq!(codes.len(), all);
        assert!(ProblemCode::ALL.iter().all(|code| (400..600).contains(&code.status())));
    }
}
