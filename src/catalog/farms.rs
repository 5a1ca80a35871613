use std::collections::BTreeSet;

use super::describing::{Described, Describing, Said};
use super::error::Error;
use super::known::Known;
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::audit::Act;
use crate::domain::farm::{Farm, FarmTerms};
use crate::domain::payout_change::ChangedTerms;
use crate::domain::subject::Subject;
use crate::ports::store::{LIST_ROWS_MAX, Tx};

/// Describes a farm: it is made, or is as described from now on. Who else is paid by it waits.
///
/// # Errors
/// See [`Error`]; nothing is written then.
pub async fn describe_farm(tx: &mut dyn Tx, by: &Describing, farm: &Farm) -> Result<Described<Farm>, Error> {
    tx.identity(&farm.tenant, farm.owner).await?.ok_or(Error::UnknownOwner(farm.owner))?;
    pays_no_issuer(tx, farm).await?;
    // The engine looks at them, so that no order is taken that could not be paid out.
    let paid: Vec<AccountId> = farm.payout_addresses.values().copied().collect();
    tx.watch_payouts(&paid).await?;
    let known = Known::of(tx.farm_to_replace(&farm.tenant, farm.id).await)?;
    let said = match known.before() {
        Some(before) => said(before, farm),
        None => Said::Harmless,
    };
    let subject = Subject::Farm(farm.tenant.clone(), farm.id);
    let waits = by.waits(tx, &farm.tenant, subject, said).await?;
    let thing = match (&waits, known.before()) {
        (Some(_), Some(before)) => Farm { name: farm.name.clone(), ..before.clone() },
        _ => farm.clone(),
    };
    let put = known.replaced_by(tx.put_farm(&thing).await?)?;
    let (before, after) = (known.before().map(FarmTerms::from), FarmTerms::from(&thing));
    let act = Act::FarmDescribed { tenant: thing.tenant.clone(), farm: thing.id, before, after };
    by.decider.record(tx, act).await?;
    Ok(Described { thing, put, waits })
}

fn said(before: &Farm, described: &Farm) -> Said {
    let (before, after) = (FarmTerms::from(before), FarmTerms::from(described));
    if after == before {
        Said::Nothing
    } else if after.pay_others_than(&before) {
        Said::Change(ChangedTerms::Farm { farm: described.id, before, after })
    } else {
        Said::Harmless
    }
}

async fn pays_no_issuer(tx: &mut dyn Tx, farm: &Farm) -> Result<(), Error> {
    let mut issuers: BTreeSet<AccountId> = farm.payout_addresses.keys().filter_map(Asset::issuer).collect();
    let currencies = tx.currencies(None, LIST_ROWS_MAX).await?.all()?;
    issuers.extend(currencies.iter().filter_map(|currency| currency.asset.issuer()));
    match farm.payout_addresses.iter().find(|(_, account)| issuers.contains(account)) {
        Some((&asset, &account)) => Err(Error::IssuerPaid { asset, account }),
        None => Ok(()),
    }
}
