//! Whose things a request is about.

use serde::Deserialize;
use utoipa::IntoParams;

use super::auth::May;
use super::{App, Problem};
use crate::domain::tenant::Tenant;
use crate::ports::store::LIST_ROWS_MAX;

/// Whose thing it is.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OfTenant {
    /// For keys of operators and auditors: the tenant whose thing it is, `default` if left out. Other keys
    /// are of one tenant, and need not name it.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "default")]
    pub(super) tenant: Option<Tenant>,
}

impl<P> May<P> {
    /// The tenant whose thing a request is about: that of the caller's key or, if that is of none, the one
    /// that is named.
    ///
    /// # Errors
    /// For another tenant than that of the key: there is none, as far as the caller is told.
    pub(super) fn tenant(&self, named: Option<Tenant>) -> Result<Tenant, Problem> {
        self.tenant_or_all(named).map(Option::unwrap_or_default)
    }

    /// The same, where something is written: a tenant that no key was ever made for is a mistyped one.
    pub(super) async fn tenant_to_write(&self, app: &App, named: Option<Tenant>) -> Result<Tenant, Problem> {
        let tenant = self.tenant(named)?;
        if self.caller.tenant.is_none() && !tenant.is_default() {
            let known = app.read().await?.tenants(LIST_ROWS_MAX).await?;
            if !known.contains(&tenant) {
                return Err(unknown(&tenant));
            }
        }
        Ok(tenant)
    }

    /// The tenant whose things are listed; `None` for those of all.
    ///
    /// # Errors
    /// Those of [`Self::tenant`].
    pub(super) fn tenant_or_all(&self, named: Option<Tenant>) -> Result<Option<Tenant>, Problem> {
        match (&self.caller.tenant, named) {
            (None, named) => Ok(named),
            (Some(own), Some(named)) if *own != named => Err(unknown(&named)),
            (Some(own), _) => Ok(Some(own.clone())),
        }
    }

    /// True if the caller may know of what belongs to this tenant.
    pub(super) fn sees(&self, tenant: &Tenant) -> bool {
        self.caller.tenant.as_ref().is_none_or(|own| own == tenant)
    }
}

fn unknown(tenant: &Tenant) -> Problem {
    Problem::not_found("tenant", tenant).field("tenant")
}
