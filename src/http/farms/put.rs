use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::access::Decider;
use crate::api::{Farm, FarmBody, ProblemCode, examples};
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::audit::{Act, FarmTerms};
use crate::domain::farm::{self, FARM_PAYOUTS_MAX};
use crate::domain::ids::FarmId;
use crate::domain::ids::IdentityId;
use crate::domain::split::SplitError;
use crate::domain::tenant::Tenant;
use crate::http::auth::{CatalogWrite, May};
use crate::http::document::PutProblems;
use crate::http::input::{Asked, Input, PathId, written};
use crate::http::known::Known;
use crate::http::tenant::OfTenant;
use crate::http::{App, Problem, problem};
use crate::ports::store::LIST_ROWS_MAX;
use crate::ports::store::{Put, RetryOn, StoreError, Tx, transact};
use std::collections::BTreeSet;

/// Why a farm is not taken.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("identity {0} is not known")]
    UnknownOwner(IdentityId),
    #[error("a farm has at most {FARM_PAYOUTS_MAX} payout addresses")]
    TooManyPayouts,
    #[error("{account} issues an asset: what is paid to it is burned")]
    IssuerPaid { asset: Asset, account: AccountId },
    #[error(transparent)]
    Distribution(#[from] SplitError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RetryOn for Error {
    fn is_conflict(&self) -> bool {
        match self {
            Self::Store(error) => error.is_conflict(),
            Self::UnknownOwner(_)
            | Self::TooManyPayouts
            | Self::IssuerPaid { .. }
            | Self::Distribution(_) => false,
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::UnknownOwner(_) => Self::new(ProblemCode::UnknownIdentity, error).field("owner_id"),
            Error::TooManyPayouts => {
                Self::new(ProblemCode::TooManyPayoutAddresses, error).field("payout_addresses")
            }
            Error::IssuerPaid { asset, .. } => {
                Self::new(ProblemCode::PayoutAddressRefused, error).field(format!("payout_addresses.{asset}"))
            }
            Error::Distribution(error) => problem::distribution(&error),
            Error::Store(error) => error.into(),
        }
    }
}

fn described(tenant: Tenant, id: FarmId, body: FarmBody) -> Result<farm::Farm, Error> {
    if body.payout_addresses.len() > FARM_PAYOUTS_MAX {
        return Err(Error::TooManyPayouts);
    }
    Ok(farm::Farm {
        tenant,
        id,
        name: body.name.into_inner(),
        owner: body.owner_id,
        payout_addresses: body.payout_addresses,
        distribution: body.distribution.try_into()?,
    })
}

async fn put_farm(tx: &mut dyn Tx, decider: &Decider, farm: &farm::Farm) -> Result<Put, Error> {
    tx.identity(&farm.tenant, farm.owner).await?.ok_or(Error::UnknownOwner(farm.owner))?;
    let mut issuers: BTreeSet<AccountId> = farm.payout_addresses.keys().filter_map(Asset::issuer).collect();
    let currencies = tx.currencies(None, LIST_ROWS_MAX).await?.all()?;
    issuers.extend(currencies.iter().filter_map(|currency| currency.asset.issuer()));
    match farm.payout_addresses.iter().find(|(_, account)| issuers.contains(account)) {
        Some((&asset, &account)) => Err(Error::IssuerPaid { asset, account }),
        None => {
            // The engine looks at them, so that no order is taken that could not be paid out.
            let paid: Vec<AccountId> = farm.payout_addresses.values().copied().collect();
            tx.watch_payouts(&paid).await?;
            let known = Known::of(tx.farm_to_replace(&farm.tenant, farm.id).await)?;
            let put = known.replaced_by(tx.put_farm(farm).await?)?;
            let (before, after) = (known.before().map(FarmTerms::from), farm.into());
            decider
                .record(tx, Act::FarmDescribed { tenant: farm.tenant.clone(), farm: farm.id, before, after })
                .await?;
            Ok(put)
        }
    }
}

/// Describes a farm: creates it or replaces what was said of it.
#[utoipa::path(
    put,
    path = "/v1/farms/{id}",
    operation_id = "putFarm",
    tag = "catalog",
    params(("id" = String, Path, description = "Its id, given by the caller"), OfTenant),
    request_body(content = FarmBody, example = json!(examples::farm_body())),
    responses(
        (status = 200, description = "Replaced", body = Farm, example = json!(examples::farm())),
        (status = 201, description = "Created", body = Farm, example = json!(examples::farm())),
        PutProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    caller: May<CatalogWrite>,
    State(app): State<App>,
    PathId(id): PathId<FarmId>,
    Asked(asked): Asked<OfTenant>,
    body: Input<FarmBody>,
) -> Result<(StatusCode, Json<Farm>), Problem> {
    let tenant = caller.tenant_to_write(&app, asked.tenant).await?;
    let farm = described(tenant, id, body.value)?;
    let put = {
        let (farm, decider) = (farm.clone(), caller.decider(&app));
        transact(&app.store, move |tx| {
            let (farm, decider) = (farm.clone(), decider.clone());
            Box::pin(async move { put_farm(tx, &decider, &farm).await })
        })
        .await?
    };
    Ok((written(put), Json(Farm::from(farm))))
}
