use super::describing::{Described, Describing, Said};
use super::error::Error;
use super::known::Known;
use crate::domain::audit::Act;
use crate::domain::identity::Identity;
use crate::domain::payout_change::ChangedTerms;
use crate::domain::subject::Subject;
use crate::ports::store::Tx;

/// Describes an identity: it is made, or is as described from now on. Another key waits.
///
/// # Errors
/// See [`Error`]; nothing is written then.
pub async fn describe_identity(
    tx: &mut dyn Tx,
    by: &Describing,
    identity: &Identity,
) -> Result<Described<Identity>, Error> {
    let known = Known::of(tx.identity_to_replace(&identity.tenant, identity.id).await)?;
    let said = match known.before() {
        Some(before) if before.public_key == identity.public_key => Said::Nothing,
        Some(before) => Said::Change(ChangedTerms::Identity {
            identity: identity.id,
            before: before.public_key,
            after: identity.public_key,
        }),
        None => Said::Harmless,
    };
    let subject = Subject::Identity(identity.tenant.clone(), identity.id);
    let waits = by.waits(tx, &identity.tenant, subject, said).await?;
    let thing = match (&waits, known.before()) {
        (Some(_), Some(before)) => Identity { public_key: before.public_key, ..identity.clone() },
        _ => identity.clone(),
    };
    let put = known.replaced_by(tx.put_identity(&thing).await?)?;
    let (before, after) = (known.before().map(|known| known.public_key), thing.public_key);
    let act = Act::IdentityDescribed { tenant: thing.tenant.clone(), identity: thing.id, before, after };
    by.decider.record(tx, act).await?;
    Ok(Described { thing, put, waits })
}
