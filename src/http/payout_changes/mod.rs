//! Changes of who is paid.

pub(super) mod call_off;
pub(super) mod get;
pub(super) mod list;
pub(super) mod signature;

use crate::api::{PayoutChange, ProblemCode};
use crate::catalog::{ChangeError, Error};
use crate::domain::ids::ChangeId;
use crate::domain::payout_change;
use crate::http::auth::May;
use crate::http::{App, Problem};
use crate::ports::store::Tx;

/// The change with this id, if the caller may know of it.
async fn seen<P>(
    tx: &mut dyn Tx,
    caller: &May<P>,
    id: ChangeId,
) -> Result<payout_change::PayoutChange, Problem> {
    let change = tx.payout_change(id).await?;
    change.filter(|change| caller.sees(&change.tenant)).ok_or_else(|| unknown(id))
}

fn unknown(id: ChangeId) -> Problem {
    Problem::not_found("payout change", id)
}

/// A change as it is shown.
pub(super) fn shown(app: &App, change: &payout_change::PayoutChange) -> PayoutChange {
    PayoutChange::new(change, &app.network_passphrase)
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Unknown(id) => unknown(id),
            ChangeError::Ended(_) => Self::new(ProblemCode::PayoutChangeEnded, error),
            ChangeError::Signature { .. } => {
                Self::new(ProblemCode::SignatureInvalid, error).field("signature")
            }
            ChangeError::Overtaken(_) => Self::new(ProblemCode::PayoutChangeOvertaken, error),
            ChangeError::Store(error) => error.into(),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::UnknownOwner(_) => Self::new(ProblemCode::UnknownIdentity, error).field("owner_id"),
            Error::IssuerPaid { asset, .. } => {
                Self::new(ProblemCode::PayoutAddressRefused, error).field(format!("payout_addresses.{asset}"))
            }
            Error::UnknownFarm(_) => Self::new(ProblemCode::UnknownFarm, error).field("farm_id"),
            Error::UnderFreePool(_) => Self::new(ProblemCode::NodeUnderFreePool, error).field("free_to_use"),
            Error::ChangeWaits { .. } => Self::new(ProblemCode::PayoutChangeWaits, error),
            Error::Store(error) => error.into(),
        }
    }
}
