//! Trust lines: opened, limited and closed by their owner, authorized by their issuer.

use stellar_xdr::{
    AllowTrustOp, AllowTrustResult, ChangeTrustOp, ChangeTrustResult, OperationResult, OperationResultTr,
    SetTrustLineFlagsOp, SetTrustLineFlagsResult,
};

use super::running::{Applied, Running};
use crate::ledger::effects::{Change, Sponsored};
use crate::ledger::sponsorship::{release, reserve_entry};
use crate::ledger::state::{Authorization, Liabilities, TrustLine};
use crate::ledger::trade::cancel_offers;
use crate::xdr::{self, Trusted, account, trusted};
use stellar_types::address::AccountId;
use stellar_types::asset::Asset;
use stellar_types::money::Stroops;

/// Bit of a fully authorized line.
pub const AUTHORIZED: u32 = 1;
/// Bit of a line that may keep its offers.
pub const MAINTAIN_LIABILITIES: u32 = 2;
/// Bit of a line that can be clawed back from.
pub const CLAWBACK_ENABLED: u32 = 4;

fn refuse(code: ChangeTrustResult) -> OperationResult {
    OperationResult::OpInner(OperationResultTr::ChangeTrust(code))
}

fn refuse_allowing(code: AllowTrustResult) -> OperationResult {
    OperationResult::OpInner(OperationResultTr::AllowTrust(code))
}

fn refuse_flags(code: SetTrustLineFlagsResult) -> OperationResult {
    OperationResult::OpInner(OperationResultTr::SetTrustLineFlags(code))
}

/// The asset and limit of a `change_trust` that is well formed.
fn asked(op: &ChangeTrustOp, source: AccountId) -> Result<(Asset, Stroops), OperationResult> {
    let malformed = || refuse(ChangeTrustResult::Malformed);
    let asset = match trusted(&op.line) {
        Trusted::Asset(asset) => asset,
        Trusted::Invalid => return Err(malformed()),
        Trusted::Pool => return Err(OperationResult::OpNotSupported),
    };
    let limit = Stroops::new(op.limit).map_err(|_| malformed())?;
    match asset {
        Asset::Native => Err(malformed()),
        Asset::Credit { issuer, .. } if issuer == source => Err(malformed()),
        Asset::Credit { .. } => Ok((asset, limit)),
    }
}

pub fn check_change(op: &ChangeTrustOp, source: AccountId) -> Result<(), OperationResult> {
    asked(op, source).map(|_| ())
}

pub fn change(running: &mut Running<'_>, op: &ChangeTrustOp, source: AccountId) -> Applied {
    let (asset, limit) = asked(op, source)?;
    let existing = running.view.get(source).ok_or(OperationResult::OpNoAccount)?.lines.get(&asset).copied();
    match existing {
        Some(line) if !fits(&line, limit) => return Err(refuse(ChangeTrustResult::InvalidLimit)),
        Some(line) if limit.is_zero() => close(running, source, asset, line),
        Some(_) => {
            issuer_flags(running, asset)?;
            if let Some(line) = running.view.edit_line(source, &asset) {
                line.limit = limit;
            }
            running.effect(source, Change::LineUpdated { asset, limit });
        }
        None if limit.is_zero() => return Err(refuse(ChangeTrustResult::InvalidLimit)),
        None => open(running, source, asset, limit)?,
    }
    Ok(OperationResultTr::ChangeTrust(ChangeTrustResult::Success))
}

/// Whether what is held, and what offers may still buy, fits into a limit.
fn fits(line: &TrustLine, limit: Stroops) -> bool {
    line.balance.checked_add(line.liabilities.buying).is_ok_and(|all| all <= limit)
}

fn issuer_flags(
    running: &Running<'_>,
    asset: Asset,
) -> Result<crate::ledger::state::AccountFlags, OperationResult> {
    let issuer = asset.issuer().and_then(|issuer| running.view.get(issuer));
    issuer.map(|issuer| issuer.flags).ok_or(refuse(ChangeTrustResult::NoIssuer))
}

fn open(
    running: &mut Running<'_>,
    source: AccountId,
    asset: Asset,
    limit: Stroops,
) -> Result<(), OperationResult> {
    let flags = issuer_flags(running, asset)?;
    let sponsor = reserve_entry(&mut running.view, &running.sandwiches, source)
        .map_err(|reason| reason.result(refuse(ChangeTrustResult::LowReserve)))?;
    let line = TrustLine {
        balance: Stroops::ZERO,
        limit,
        liabilities: Liabilities::default(),
        authorization: if flags.required { Authorization::None } else { Authorization::Full },
        clawback_enabled: flags.clawback_enabled,
        sponsor,
        last_modified: running.view.now().ledger,
    };
    if let Some(account) = running.view.edit(source) {
        account.lines.insert(asset, line);
    }
    running.effect(source, Change::LineCreated { asset, limit });
    running.sponsored(source, Sponsored::Line(asset), sponsor);
    Ok(())
}

fn close(running: &mut Running<'_>, source: AccountId, asset: Asset, line: TrustLine) {
    if let Some(account) = running.view.edit(source) {
        account.lines.remove(&asset);
    }
    running.effect(source, Change::LineRemoved { asset });
    if let Some(former_sponsor) = line.sponsor {
        release(&mut running.view, former_sponsor, Some(source), 1);
        let entry = Sponsored::Line(asset);
        running.effect(source, Change::SponsorshipRemoved { entry, former_sponsor });
    }
}

const AUTHORIZATION: u32 = AUTHORIZED | MAINTAIN_LIABILITIES;

fn bits(line: &TrustLine) -> u32 {
    let authorization = match line.authorization {
        Authorization::None => 0,
        Authorization::MaintainLiabilities => MAINTAIN_LIABILITIES,
        Authorization::Full => AUTHORIZED,
    };
    authorization | if line.clawback_enabled { CLAWBACK_ENABLED } else { 0 }
}

/// What the bits allow; `None` if they contradict each other.
fn authorization(bits: u32) -> Option<Authorization> {
    match bits & AUTHORIZATION {
        0 => Some(Authorization::None),
        AUTHORIZED => Some(Authorization::Full),
        MAINTAIN_LIABILITIES => Some(Authorization::MaintainLiabilities),
        _ => None,
    }
}

/// Writes a line's flags. A line that may no longer keep its offers loses them.
fn write(
    running: &mut Running<'_>,
    trustor: AccountId,
    asset: Asset,
    allowed: Authorization,
    clawback_enabled: bool,
) {
    let before = running.view.line(trustor, &asset).map(|line| line.authorization);
    if allowed == Authorization::None && before != Some(Authorization::None) {
        cancel_offers(&mut running.view, trustor, &asset);
    }
    if let Some(line) = running.view.edit_line(trustor, &asset) {
        line.authorization = allowed;
        line.clawback_enabled = clawback_enabled;
    }
}

pub fn check_flags(op: &SetTrustLineFlagsOp, source: AccountId) -> Result<(), OperationResult> {
    let asset = xdr::asset(&op.asset);
    let valid = asset.is_some_and(|asset| asset.issuer() == Some(source))
        && account(&op.trustor) != source
        && op.set_flags & op.clear_flags == 0
        && op.set_flags & !AUTHORIZATION == 0
        && op.clear_flags & !(AUTHORIZATION | CLAWBACK_ENABLED) == 0
        && op.set_flags != AUTHORIZATION;
    if valid { Ok(()) } else { Err(refuse_flags(SetTrustLineFlagsResult::Malformed)) }
}

pub fn set_flags(running: &mut Running<'_>, op: &SetTrustLineFlagsOp, source: AccountId) -> Applied {
    let asset = xdr::asset(&op.asset).ok_or(refuse_flags(SetTrustLineFlagsResult::Malformed))?;
    let trustor = account(&op.trustor);
    let issuer = running.view.get(source).ok_or(OperationResult::OpNoAccount)?;
    if !issuer.flags.revocable && op.clear_flags & AUTHORIZATION != 0 {
        return Err(refuse_flags(SetTrustLineFlagsResult::CantRevoke));
    }
    let line =
        running.view.line(trustor, &asset).ok_or(refuse_flags(SetTrustLineFlagsResult::NoTrustLine))?;
    let after = (bits(line) & !op.clear_flags) | op.set_flags;
    let allowed = authorization(after).ok_or(refuse_flags(SetTrustLineFlagsResult::InvalidState))?;
    write(running, trustor, asset, allowed, after & CLAWBACK_ENABLED != 0);
    let (set, clear) = (op.set_flags, op.clear_flags);
    running.effect(source, Change::LineFlagsUpdated { trustor, asset, set, clear });
    Ok(OperationResultTr::SetTrustLineFlags(SetTrustLineFlagsResult::Success))
}

pub fn check_allow(op: &AllowTrustOp, source: AccountId) -> Result<(), OperationResult> {
    let valid = xdr::asset_of_issuer(&op.asset, source).is_some()
        && account(&op.trustor) != source
        && op.authorize & !AUTHORIZATION == 0
        && authorization(op.authorize).is_some();
    if valid { Ok(()) } else { Err(refuse_allowing(AllowTrustResult::Malformed)) }
}

/// The older way to authorize a line.
pub fn allow(running: &mut Running<'_>, op: &AllowTrustOp, source: AccountId) -> Applied {
    let malformed = || refuse_allowing(AllowTrustResult::Malformed);
    let asset = xdr::asset_of_issuer(&op.asset, source).ok_or_else(malformed)?;
    let allowed = authorization(op.authorize).ok_or_else(malformed)?;
    let trustor = account(&op.trustor);
    let revocable = running.view.get(source).ok_or(OperationResult::OpNoAccount)?.flags.revocable;
    if !revocable && allowed == Authorization::None {
        return Err(refuse_allowing(AllowTrustResult::CantRevoke));
    }
    let line = running.view.line(trustor, &asset).ok_or(refuse_allowing(AllowTrustResult::NoTrustLine))?;
    let (before, clawback_enabled) = (line.authorization, line.clawback_enabled);
    if !revocable && before == Authorization::Full && allowed == Authorization::MaintainLiabilities {
        return Err(refuse_allowing(AllowTrustResult::CantRevoke));
    }
    write(running, trustor, asset, allowed, clawback_enabled);
    running.effect(source, Change::LineAllowed { trustor, asset, authorization: allowed });
    let (set, clear) = if op.authorize == 0 { (0, AUTHORIZATION) } else { (op.authorize, 0) };
    running.effect(source, Change::LineFlagsUpdated { trustor, asset, set, clear });
    Ok(OperationResultTr::AllowTrust(AllowTrustResult::Success))
}
