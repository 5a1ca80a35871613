use jiff::Timestamp;

use super::error::ChangeError;
use crate::access::Decider;
use crate::domain::address::AccountId;
use crate::domain::audit::Act;
use crate::domain::event::EventKind;
use crate::domain::farm::{Farm, FarmTerms};
use crate::domain::identity::{Identity, PublicKey, Signature};
use crate::domain::ids::{ChangeId, FarmId, IdentityId};
use crate::domain::node::Node;
use crate::domain::payout_change::{ChangeState, ChangedTerms, PayoutChange};
use crate::domain::tenant::Tenant;
use crate::ports::store::Tx;

/// Puts a change in force at once, by the signature of whoever is paid until then.
///
/// # Errors
/// [`ChangeError::Signature`] if it is not that of the key which the identity has now; see the others.
pub async fn sign(
    tx: &mut dyn Tx,
    decider: &Decider,
    id: ChangeId,
    signature: &Signature,
    network_passphrase: &str,
) -> Result<PayoutChange, ChangeError> {
    let change = known(tx, id).await?;
    let (signer, key) = signer(tx, &change).await?;
    let in_force = change.clone().put_in_force(decider.now(), Some(signer))?;
    if !key.verifies(change.text_to_sign(network_passphrase).as_bytes(), signature) {
        return Err(ChangeError::Signature { signer });
    }
    replace(tx, &change).await?;
    let decider = decider.signed_by(&in_force.tenant, signer);
    end(tx, &decider, &in_force, None).await?;
    Ok(in_force)
}

/// Calls a change off, with the reason that is given.
///
/// # Errors
/// See [`ChangeError`].
pub async fn call_off(
    tx: &mut dyn Tx,
    decider: &Decider,
    id: ChangeId,
    reason: &str,
) -> Result<PayoutChange, ChangeError> {
    let called_off = known(tx, id).await?.called_off(decider.now())?;
    end(tx, decider, &called_off, Some(reason)).await?;
    Ok(called_off)
}

/// Puts a change in force whose time has come: `None` if it has not, or the change has ended otherwise. One
/// that fits no more is called off.
///
/// # Errors
/// See [`ChangeError`].
pub async fn put_in_force_if_due(
    tx: &mut dyn Tx,
    decider: &Decider,
    id: ChangeId,
) -> Result<Option<PayoutChange>, ChangeError> {
    let change = known(tx, id).await?;
    let now = decider.now();
    if change.state != ChangeState::Waiting || change.due_at > now {
        return Ok(None);
    }
    let (ended, reason) = match replace(tx, &change).await {
        Ok(()) => (change.put_in_force(now, None)?, None),
        Err(overtaken @ ChangeError::Overtaken(_)) => (change.called_off(now)?, Some(overtaken.to_string())),
        Err(error) => return Err(error),
    };
    end(tx, decider, &ended, reason.as_deref()).await?;
    Ok(Some(ended))
}

async fn known(tx: &mut dyn Tx, id: ChangeId) -> Result<PayoutChange, ChangeError> {
    tx.payout_change(id).await?.ok_or(ChangeError::Unknown(id))
}

/// Who has to sign, with the key that they have now and keep until the transaction ends.
async fn signer(tx: &mut dyn Tx, change: &PayoutChange) -> Result<(IdentityId, PublicKey), ChangeError> {
    let tenant = &change.tenant;
    let signer = match &change.terms {
        ChangedTerms::Farm { before, .. } => before.owner,
        ChangedTerms::Node { before, .. } => owner(tx, tenant, *before, change).await?,
        ChangedTerms::Identity { identity, .. } => *identity,
    };
    let known = tx.identity_to_replace(tenant, signer).await?;
    let known = known.ok_or_else(|| ChangeError::Overtaken(change.subject()))?;
    Ok((signer, known.public_key))
}

async fn owner(
    tx: &mut dyn Tx,
    tenant: &Tenant,
    farm: FarmId,
    change: &PayoutChange,
) -> Result<IdentityId, ChangeError> {
    let farm = tx.farm(tenant, farm).await?;
    farm.map(|farm| farm.owner).ok_or_else(|| ChangeError::Overtaken(change.subject()))
}

/// Writes what the change says over what it was to replace.
async fn replace(tx: &mut dyn Tx, change: &PayoutChange) -> Result<(), ChangeError> {
    let overtaken = || ChangeError::Overtaken(change.subject());
    let tenant = &change.tenant;
    match &change.terms {
        ChangedTerms::Farm { farm, before, after } => {
            let known = tx.farm_to_replace(tenant, *farm).await?;
            let known = known.filter(|known| FarmTerms::from(known) == *before).ok_or_else(overtaken)?;
            let FarmTerms { owner, payout_addresses, distribution } = after.clone();
            let paid: Vec<AccountId> = payout_addresses.values().copied().collect();
            tx.watch_payouts(&paid).await?;
            _ = tx.put_farm(&Farm { owner, payout_addresses, distribution, ..known }).await?;
        }
        ChangedTerms::Node { node, before, after } => {
            let known = tx.node_to_replace(tenant, *node).await?;
            let known = known.filter(|known| known.farm == *before).ok_or_else(overtaken)?;
            _ = tx.put_node(&Node { farm: *after, ..known }).await?;
        }
        ChangedTerms::Identity { identity, before, after } => {
            let known = tx.identity_to_replace(tenant, *identity).await?;
            let known = known.filter(|known| known.public_key == *before).ok_or_else(overtaken)?;
            _ = tx.put_identity(&Identity { public_key: *after, ..known }).await?;
        }
    }
    Ok(())
}

/// Stores how it ended, and tells it.
async fn end(
    tx: &mut dyn Tx,
    decider: &Decider,
    change: &PayoutChange,
    reason: Option<&str>,
) -> Result<(), ChangeError> {
    tx.end_payout_change(change).await?;
    let (tenant, id, subject) = (change.tenant.clone(), change.id, change.subject().to_string());
    let terms = change.terms.clone();
    let (told, act) = if matches!(change.state, ChangeState::InForce { .. }) {
        (
            EventKind::PayoutChangeInForce { tenant: tenant.clone(), change: id, subject },
            Act::PayoutChangeInForce { tenant, change: id, terms },
        )
    } else {
        (
            EventKind::PayoutChangeCalledOff { tenant: tenant.clone(), change: id, subject },
            Act::PayoutChangeCalledOff { tenant, change: id, terms },
        )
    };
    let now: Timestamp = decider.now();
    // What waited has the version 0; it ends once.
    tx.append_event(now, 1, &told).await?;
    decider.record_with(tx, act, reason).await?;
    Ok(())
}
