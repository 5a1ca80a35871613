//! Every call with what a key must allow for it: the table in `docs/security.md` is written from this, and a
//! test tries each of its cells.

use std::fmt::Write as _;

use crate::access::{Permission, allows};
use crate::ports::store::Role;

/// Whose things a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Things {
    /// A tenant's: a key of a tenant reaches its own only.
    Tenants,
    /// The installation's.
    Installation,
}

/// A call of the API.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// Its method.
    pub method: &'static str,
    /// Its path, as the API's document writes it.
    pub path: &'static str,
    /// What a key must allow; `None` if it needs no key.
    pub needs: Option<Permission>,
    /// Whose things it is about.
    pub things: Things,
}

impl Call {
    /// What a key of this role reaches by it, in the table's words.
    fn cell(&self, role: Role) -> &'static str {
        match self.needs {
            None => "all",
            Some(permission) if !allows(role, permission) => "–",
            Some(_) if self.things == Things::Tenants && role.is_of_a_tenant() => "its tenant's",
            Some(_) => "all",
        }
    }
}

const fn call(method: &'static str, path: &'static str, needs: Option<Permission>, things: Things) -> Call {
    Call { method, path, needs, things }
}

/// All calls, in the order of their paths.
pub const CALLS: [Call; 36] = {
    use Permission as P;
    use Things::{Installation, Tenants};
    [
        call("GET", "/healthz", None, Installation),
        call("GET", "/metrics", None, Installation),
        call("GET", "/readyz", None, Installation),
        call("GET", "/v1/audit", Some(P::AuditRead), Installation),
        call("GET", "/v1/claimable-balances", Some(P::MoneyRead), Installation),
        call("POST", "/v1/claimable-balances/{id}/return", Some(P::ReservationsResolve), Installation),
        call("GET", "/v1/currencies", Some(P::CatalogRead), Installation),
        call("GET", "/v1/currencies/{code}", Some(P::CatalogRead), Installation),
        call("PUT", "/v1/currencies/{code}", Some(P::RatesPush), Installation),
        call("GET", "/v1/dead-letters", Some(P::MoneyRead), Installation),
        call("POST", "/v1/dead-letters/{id}/dismissal", Some(P::ReservationsResolve), Installation),
        call("GET", "/v1/events", Some(P::EventsRead), Tenants),
        call("GET", "/v1/farms", Some(P::CatalogRead), Tenants),
        call("GET", "/v1/farms/{id}", Some(P::CatalogRead), Tenants),
        call("PUT", "/v1/farms/{id}", Some(P::CatalogWrite), Tenants),
        call("GET", "/v1/identities", Some(P::CatalogRead), Tenants),
        call("GET", "/v1/identities/{id}", Some(P::CatalogRead), Tenants),
        call("PUT", "/v1/identities/{id}", Some(P::CatalogWrite), Tenants),
        call("GET", "/v1/liabilities", Some(P::MoneyRead), Installation),
        call("GET", "/v1/nodes", Some(P::CatalogRead), Tenants),
        call("GET", "/v1/nodes/{id}", Some(P::CatalogRead), Tenants),
        call("PUT", "/v1/nodes/{id}", Some(P::CatalogWrite), Tenants),
        call("GET", "/v1/payments", Some(P::MoneyRead), Installation),
        call("POST", "/v1/payments/{id}/return", Some(P::ReservationsResolve), Installation),
        call("GET", "/v1/payout-changes", Some(P::CatalogRead), Tenants),
        call("GET", "/v1/payout-changes/{id}", Some(P::CatalogRead), Tenants),
        call("POST", "/v1/payout-changes/{id}/call-off", Some(P::CatalogWrite), Tenants),
        call("POST", "/v1/payout-changes/{id}/signature", Some(P::CatalogWrite), Tenants),
        call("GET", "/v1/pools", Some(P::PoolsRead), Tenants),
        call("GET", "/v1/pools/{id}", Some(P::PoolsRead), Tenants),
        call("GET", "/v1/reservations", Some(P::ReservationsRead), Tenants),
        call("POST", "/v1/reservations", Some(P::ReservationsOpen), Tenants),
        call("GET", "/v1/reservations/{id}", Some(P::ReservationsRead), Tenants),
        call("POST", "/v1/reservations/{id}/cancel", Some(P::ReservationsOpen), Tenants),
        call("GET", "/v1/reservations/{id}/payments", Some(P::ReservationsRead), Tenants),
        call("POST", "/v1/reservations/{id}/resolution", Some(P::ReservationsResolve), Installation),
    ]
};

/// The calls by the roles, as a table in Markdown.
pub fn calls_by_role() -> String {
    let mut table = String::from("| call |");
    for role in Role::ALL {
        _ = write!(table, " {} |", role.as_str());
    }
    table.push_str("\n| --- |");
    table.push_str(&" --- |".repeat(Role::ALL.len()));
    table.push('\n');
    for call in CALLS {
        _ = write!(table, "| `{} {}` |", call.method, call.path);
        for role in Role::ALL {
            _ = write!(table, " {} |", call.cell(role));
        }
        table.push('\n');
    }
    table
}
