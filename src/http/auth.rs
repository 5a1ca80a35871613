//! Bearer keys: a handler's signature says what its caller must be allowed to do.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;

use super::{App, Problem};
use crate::access::{AccessError, Caller, Decider, Permission, authenticate, is_well_formed, roles_that_may};
use crate::api::ProblemCode;
use crate::catalog::Describing;
use crate::domain::audit::Actor;
use crate::ports::store::Role;

/// A caller whose key allows `P`.
pub(super) struct May<P> {
    pub(super) caller: Caller,
    /// The request's id.
    request: String,
    permission: PhantomData<P>,
}

impl<P> May<P> {
    /// Whoever decides by this request.
    pub(super) fn decider(&self, app: &App) -> Decider {
        let actor = Actor::ApiKey { key: self.caller.key, request: self.request.clone() };
        Decider::new(actor, app.clock.clone(), app.entropy.clone())
    }

    /// The same, to describe something.
    pub(super) fn describing(&self, app: &App) -> Describing {
        Describing { decider: self.decider(app), delay_seconds: app.payout_change_delay_seconds }
    }
}

/// The id of a request, given to it by the outermost layer.
#[derive(Debug, Clone)]
pub(super) struct RequestId(pub(super) String);

/// What a handler asks for.
pub(super) trait Permit {
    const PERMISSION: Permission;
}

macro_rules! permits {
    ($($name:ident),+) => {$(
        pub(super) struct $name;

        impl Permit for $name {
            const PERMISSION: Permission = Permission::$name;
        }
    )+};
}

permits!(
    CatalogWrite,
    CatalogRead,
    RatesPush,
    ReservationsOpen,
    ReservationsRead,
    ReservationsResolve,
    PoolsRead,
    EventsRead,
    MoneyRead,
    AuditRead
);

impl<P: Permit> FromRequestParts<App> for May<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let secret = bearer(parts).ok_or_else(|| {
            Problem::new(ProblemCode::Unauthorized, "send an API key as Authorization: Bearer <key>")
                .challenge("Bearer realm=\"farmgate\"")
        })?;
        if !is_well_formed(secret) {
            return Err(AccessError::UnknownKey.into());
        }
        let mut tx = app.read().await?;
        let caller = authenticate(&mut *tx, secret).await?;
        drop(tx);
        if !caller.may(P::PERMISSION) {
            return Err(forbidden(&caller, P::PERMISSION));
        }
        let request = parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
        Ok(Self { caller, request, permission: PhantomData })
    }
}

fn bearer(parts: &Parts) -> Option<&str> {
    let (scheme, secret) = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

/// What the bearer of a key may not do, and with which keys it may be done.
pub(super) fn forbidden(caller: &Caller, permission: Permission) -> Problem {
    let (role, what) = (caller.role.as_str(), permission.as_str());
    let needed: Vec<&str> = roles_that_may(permission).into_iter().map(Role::as_str).collect();
    let detail =
        format!("a key of role {role} may not {what}: that needs one of role {}", needed.join(" or "));
    Problem::new(ProblemCode::Forbidden, detail)
}
