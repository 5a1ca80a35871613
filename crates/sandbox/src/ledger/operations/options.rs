//! What an account says of itself: flags, thresholds, signers, home domain, data entries.

use stellar_xdr::{
    ManageDataOp, ManageDataResult, OperationResult, OperationResultTr, SetOptionsOp, SetOptionsResult,
    SignerKey, Uint256,
};

use super::running::{Applied, Running};
use crate::ledger::effects::{Change, Sponsored};
use crate::ledger::signatures::Level;
use crate::ledger::sponsorship::{release, reserve_entry};
use crate::ledger::state::{AccountFlags, DataEntry, SIGNERS_MAX, Signer};
use crate::ledger::view::View;
use crate::xdr::account;
use stellar_types::address::AccountId;

const REQUIRED: u32 = 1;
const REVOCABLE: u32 = 2;
const IMMUTABLE: u32 = 4;
const CLAWBACK_ENABLED: u32 = 8;
const FLAGS: u32 = REQUIRED | REVOCABLE | IMMUTABLE | CLAWBACK_ENABLED;
/// Largest weight and threshold.
const WEIGHT_MAX: u32 = 255;

fn refuse(code: SetOptionsResult) -> OperationResult {
    OperationResult::OpInner(OperationResultTr::SetOptions(code))
}

fn refuse_data(code: ManageDataResult) -> OperationResult {
    OperationResult::OpInner(OperationResultTr::ManageData(code))
}

/// Touching who controls the account needs the high threshold.
pub fn level(op: &SetOptionsOp) -> Level {
    let control = op.master_weight.is_some()
        || op.low_threshold.is_some()
        || op.med_threshold.is_some()
        || op.high_threshold.is_some()
        || op.signer.is_some();
    if control { Level::High } else { Level::Medium }
}

/// The network's rule for names: ASCII without control characters.
fn is_plain(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| byte.is_ascii() && !byte.is_ascii_control())
}

fn weight(value: u32, error: SetOptionsResult) -> Result<u8, OperationResult> {
    u8::try_from(value).map_err(|_| refuse(error))
}

pub fn check(op: &SetOptionsOp, source: AccountId) -> Result<(), OperationResult> {
    let (set, clear) = (op.set_flags.unwrap_or(0), op.clear_flags.unwrap_or(0));
    if (set | clear) & !FLAGS != 0 {
        return Err(refuse(SetOptionsResult::UnknownFlag));
    }
    if set & clear != 0 {
        return Err(refuse(SetOptionsResult::BadFlags));
    }
    let weights = [op.master_weight, op.low_threshold, op.med_threshold, op.high_threshold];
    if weights.into_iter().flatten().any(|weight| weight > WEIGHT_MAX) {
        return Err(refuse(SetOptionsResult::ThresholdOutOfRange));
    }
    if let Some(signer) = &op.signer {
        let valid = match &signer.key {
            SignerKey::Ed25519(key) => key.0 != source.0,
            SignerKey::Ed25519SignedPayload(payload) => !payload.payload.is_empty(),
            SignerKey::PreAuthTx(_) | SignerKey::HashX(_) => true,
        };
        if !valid || signer.weight > WEIGHT_MAX {
            return Err(refuse(SetOptionsResult::BadSigner));
        }
    }
    if op.home_domain.as_ref().is_some_and(|domain| !is_plain(domain.0.as_slice())) {
        return Err(refuse(SetOptionsResult::InvalidHomeDomain));
    }
    Ok(())
}

fn with_flags(before: AccountFlags, bits: u32, value: bool) -> AccountFlags {
    let pick = |bit: u32, old: bool| if bits & bit != 0 { value } else { old };
    AccountFlags {
        required: pick(REQUIRED, before.required),
        revocable: pick(REVOCABLE, before.revocable),
        immutable: pick(IMMUTABLE, before.immutable),
        clawback_enabled: pick(CLAWBACK_ENABLED, before.clawback_enabled),
    }
}

pub fn set(running: &mut Running<'_>, op: &SetOptionsOp, source: AccountId) -> Applied {
    let before = running.view.get(source).ok_or(OperationResult::OpNoAccount)?.clone();
    let mut after = before.clone();
    if let Some(destination) = &op.inflation_dest {
        let destination = account(destination);
        if destination != source && running.view.get(destination).is_none() {
            return Err(refuse(SetOptionsResult::InvalidInflation));
        }
        after.inflation_destination = Some(destination);
    }
    let (set, clear) = (op.set_flags.unwrap_or(0), op.clear_flags.unwrap_or(0));
    if before.flags.immutable && (set | clear) != 0 {
        return Err(refuse(SetOptionsResult::CantChange));
    }
    after.flags = with_flags(with_flags(before.flags, clear, false), set, true);
    if after.flags.clawback_enabled && !after.flags.revocable {
        return Err(refuse(SetOptionsResult::AuthRevocableRequired));
    }
    if let Some(domain) = &op.home_domain {
        after.home_domain = String::from_utf8_lossy(domain.0.as_slice()).into_owned();
    }
    let out_of_range = SetOptionsResult::ThresholdOutOfRange;
    for (asked, slot) in [
        (op.master_weight, &mut after.thresholds.master),
        (op.low_threshold, &mut after.thresholds.low),
        (op.med_threshold, &mut after.thresholds.medium),
        (op.high_threshold, &mut after.thresholds.high),
    ] {
        if let Some(value) = asked {
            *slot = weight(value, out_of_range.clone())?;
        }
    }
    if let Some(account) = running.view.edit(source) {
        account.inflation_destination = after.inflation_destination;
        account.flags = after.flags;
        account.home_domain.clone_from(&after.home_domain);
        account.thresholds = after.thresholds;
    }
    if op.home_domain.is_some() {
        running.effect(source, Change::HomeDomainUpdated { home_domain: after.home_domain });
    }
    if op.low_threshold.is_some() || op.med_threshold.is_some() || op.high_threshold.is_some() {
        running.effect(source, Change::ThresholdsUpdated { thresholds: after.thresholds });
    }
    if after.flags != before.flags {
        running.effect(source, Change::FlagsUpdated { before: before.flags, after: after.flags });
    }
    if op.inflation_dest.is_some() {
        running.effect(source, Change::InflationDestinationUpdated);
    }
    let own = SignerKey::Ed25519(Uint256(source.0));
    match (before.thresholds.master, after.thresholds.master) {
        (old, new) if old == new => {}
        (_, 0) => running.effect(source, Change::SignerRemoved { key: own }),
        (0, weight) => running.effect(source, Change::SignerCreated { key: own, weight }),
        (_, weight) => running.effect(source, Change::SignerUpdated { key: own, weight }),
    }
    if let Some(signer) = &op.signer {
        let weight = weight(signer.weight, SetOptionsResult::BadSigner)?;
        set_signer(running, source, &signer.key, weight)?;
    }
    Ok(OperationResultTr::SetOptions(SetOptionsResult::Success))
}

fn set_signer(
    running: &mut Running<'_>,
    source: AccountId,
    key: &SignerKey,
    weight: u8,
) -> Result<(), OperationResult> {
    let account = running.view.get(source).ok_or(OperationResult::OpNoAccount)?;
    let (existing, count) = (account.signers.get(key).copied(), account.signers.len());
    match (existing, weight) {
        (None, 0) => {}
        (Some(_), 0) => {
            let former = remove_signer(&mut running.view, source, key);
            running.effect(source, Change::SignerRemoved { key: key.clone() });
            if let Some(former_sponsor) = former {
                let entry = Sponsored::Signer(key.clone());
                running.effect(source, Change::SponsorshipRemoved { entry, former_sponsor });
            }
        }
        (Some(signer), weight) => {
            if let Some(account) = running.view.edit(source) {
                account.signers.insert(key.clone(), Signer { weight, ..signer });
            }
            if signer.weight != weight {
                running.effect(source, Change::SignerUpdated { key: key.clone(), weight });
            }
        }
        (None, weight) => {
            if count >= SIGNERS_MAX {
                return Err(refuse(SetOptionsResult::TooManySigners));
            }
            let sponsor = reserve_entry(&mut running.view, &running.sandwiches, source)
                .map_err(|reason| reason.result(refuse(SetOptionsResult::LowReserve)))?;
            if let Some(account) = running.view.edit(source) {
                account.signers.insert(key.clone(), Signer { weight, sponsor });
            }
            running.effect(source, Change::SignerCreated { key: key.clone(), weight });
            running.sponsored(source, Sponsored::Signer(key.clone()), sponsor);
        }
    }
    Ok(())
}

/// Removes a signer, and gives its sponsor the reserve back; says who that was.
pub fn remove_signer(view: &mut View<'_>, id: AccountId, key: &SignerKey) -> Option<AccountId> {
    let removed = view.edit(id)?.signers.remove(key)?;
    let sponsor = removed.sponsor?;
    release(view, sponsor, Some(id), 1);
    Some(sponsor)
}

/// Whether an entry can have this name.
pub fn is_data_name(name: &[u8]) -> bool {
    !name.is_empty() && is_plain(name)
}

pub fn check_data(op: &ManageDataOp) -> Result<(), OperationResult> {
    if !is_data_name(op.data_name.0.as_slice()) {
        return Err(refuse_data(ManageDataResult::InvalidName));
    }
    Ok(())
}

pub fn manage_data(running: &mut Running<'_>, op: &ManageDataOp, source: AccountId) -> Applied {
    let name = String::from_utf8_lossy(op.data_name.0.as_slice()).into_owned();
    let existing = running.view.get(source).ok_or(OperationResult::OpNoAccount)?.data.get(&name).cloned();
    match (existing, &op.data_value) {
        (None, None) => return Err(refuse_data(ManageDataResult::NameNotFound)),
        (Some(entry), None) => {
            if let Some(account) = running.view.edit(source) {
                account.data.remove(&name);
            }
            running.effect(source, Change::DataRemoved { name: name.clone() });
            if let Some(former_sponsor) = entry.sponsor {
                release(&mut running.view, former_sponsor, Some(source), 1);
                let entry = Sponsored::Data(name);
                running.effect(source, Change::SponsorshipRemoved { entry, former_sponsor });
            }
        }
        (Some(entry), Some(value)) => {
            let value = value.0.to_vec();
            if let Some(account) = running.view.edit(source) {
                account.data.insert(name.clone(), DataEntry { value: value.clone(), ..entry });
            }
            running.effect(source, Change::DataUpdated { name, value });
        }
        (None, Some(value)) => {
            let value = value.0.to_vec();
            let sponsor = reserve_entry(&mut running.view, &running.sandwiches, source)
                .map_err(|reason| reason.result(refuse_data(ManageDataResult::LowReserve)))?;
            if let Some(account) = running.view.edit(source) {
                account.data.insert(name.clone(), DataEntry { value: value.clone(), sponsor });
            }
            running.effect(source, Change::DataCreated { name: name.clone(), value });
            running.sponsored(source, Sponsored::Data(name), sponsor);
        }
    }
    Ok(OperationResultTr::ManageData(ManageDataResult::Success))
}
