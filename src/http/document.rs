//! What the API's document says besides its operations.

use std::collections::BTreeMap;

use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi, Ref, RefOr, Response};
use utoipa::{IntoResponses, Modify, OpenApi as _};

use crate::api::{ProblemBody, ProblemCode, examples};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Farmgate",
        description = "Escrow and settlement for capacity pools paid on Stellar. Amounts are strings with up \
                       to seven decimals, assets `CODE:ISSUER` or `native`, times RFC 3339 in UTC, ids \
                       decimal strings. Lists are read by `cursor` and `limit`, and each time from \
                       their beginning: what is added may stand before what was read already. The one list \
                       to follow is `GET /v1/events`, whose events are numbered after their commit. \
                       Errors are problem documents (RFC 9457) with a stable `code`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(ProblemBody, ProblemCode)),
    modifiers(&ApiKeys),
    tags(
        (name = "catalog", description = "Farms, nodes, identities and currencies, as the explorer describes \
                                          them"),
        (name = "reservations", description = "Orders, their price, their escrow account and their payments"),
        (name = "pools", description = "Capacity that was paid for"),
        (name = "money", description = "What came, to whom it belongs, and what is owed"),
        (name = "events", description = "What happened, in the order of commits"),
        (name = "audit", description = "Who decided what"),
        (name = "service", description = "Health and metrics"),
    )
)]
struct Base;

struct ApiKeys;

impl Modify for ApiKeys {
    fn modify(&self, document: &mut OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API key, made with `farmgate keys create`"))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("api_key", SecurityScheme::Http(bearer));
    }
}

pub(super) fn base() -> OpenApi {
    Base::openapi()
}

fn problems(codes: &[ProblemCode]) -> BTreeMap<String, RefOr<Response>> {
    let mut responses: BTreeMap<String, RefOr<Response>> = BTreeMap::new();
    for &code in codes {
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("ProblemBody")))
            .example(Some(examples::problem(code)))
            .build();
        let response =
            ResponseBuilder::new().description(code.title()).content("application/problem+json", content);
        responses.insert(code.status().to_string(), response.build().into());
    }
    responses
}

macro_rules! problem_sets {
    ($($(#[$doc:meta])* $name:ident: $($code:ident),+;)+) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                problems(&[$(ProblemCode::$code),+])
            }
        }
    )+};
}

problem_sets! {
    /// What reading one thing may end in.
    GetProblems: InvalidValue, Unauthorized, Forbidden, NotFound, Internal, DatabaseUnavailable;
    /// What reading a list may end in.
    ListProblems: InvalidValue, Unauthorized, Forbidden, Internal, DatabaseUnavailable;
    /// What reading events may end in.
    EventsProblems: InvalidValue, Unauthorized, Forbidden, EventsForgotten, CursorOutdated, Internal,
        DatabaseUnavailable;
    /// What describing something may end in.
    PutProblems: InvalidValue, Unauthorized, Forbidden, PayoutChangeWaits, BodyTooLarge,
        UnsupportedMediaType, UnknownFarm,
        Internal, DatabaseUnavailable;
    /// What describing a node may end in.
    PutNodeProblems: InvalidValue, Unauthorized, Forbidden, NodeUnderFreePool, BodyTooLarge,
        UnsupportedMediaType, UnknownFarm, Internal, DatabaseUnavailable;
    /// What describing a currency may end in.
    PutCurrencyProblems: InvalidValue, Unauthorized, Forbidden, RateOlder, BodyTooLarge,
        UnsupportedMediaType, RateTimeOutOfBounds, Internal, DatabaseUnavailable;
    /// What signing a change of who is paid may end in.
    SignProblems: InvalidValue, Unauthorized, Forbidden, NotFound, PayoutChangeEnded, BodyTooLarge,
        UnsupportedMediaType, SignatureInvalid, Internal, DatabaseUnavailable;
    /// What calling a change of who is paid off may end in.
    CallOffProblems: InvalidValue, Unauthorized, Forbidden, NotFound, PayoutChangeEnded, BodyTooLarge,
        UnsupportedMediaType, Internal, DatabaseUnavailable;
    /// What an order may end in.
    OpenProblems: InvalidValue, Unauthorized, Forbidden, BodyTooLarge, UnsupportedMediaType, UnknownNode,
        Internal, NoEscrowAccountReady;
    /// What cancelling may end in.
    CancelProblems: InvalidValue, Unauthorized, Forbidden, NotFound, NotCancellable, Internal,
        DatabaseUnavailable;
    /// What deciding about a held reservation may end in.
    ResolveProblems: InvalidValue, Unauthorized, Forbidden, NotFound, NotHeld, BodyTooLarge,
        UnsupportedMediaType, Internal, DatabaseUnavailable;
    /// What deciding about a payment's return may end in.
    ReturnProblems: InvalidValue, Unauthorized, Forbidden, NotFound, NotOwed, RefundAddress, BodyTooLarge,
        UnsupportedMediaType, Internal, DatabaseUnavailable;
    /// What dismissing a dead letter may end in.
    DismissProblems: InvalidValue, Unauthorized, Forbidden, NotFound, NotDismissable, BodyTooLarge,
        UnsupportedMediaType, Internal, DatabaseUnavailable;
    /// What asking for readiness may end in.
    ReadyProblems: NotReady;
}
