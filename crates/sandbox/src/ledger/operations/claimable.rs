//! Claimable balances are made, claimed and clawed back.

use std::collections::BTreeSet;

use stellar_xdr::{
    ClaimClaimableBalanceOp, ClaimClaimableBalanceResult as Claimed, Claimant as XdrClaimant,
    ClawbackClaimableBalanceOp, ClawbackClaimableBalanceResult as ClawedBack, CreateClaimableBalanceOp,
    CreateClaimableBalanceResult as Created, OperationResult, OperationResultTr,
};

use super::running::{Applied, Running};
use crate::ledger::balances::{
    BalanceId, ClaimableBalance, Claimant, absolute, holds, is_valid as is_valid_predicate,
};
use crate::ledger::effects::{Change, Sponsored};
use crate::ledger::holdings::{Needs, Ungiven, Untaken, credit, debit};
use crate::ledger::sponsorship::{release, reserve_balance};
use crate::xdr::{self, account};
use stellar_types::address::AccountId;
use stellar_types::asset::Asset;
use stellar_types::money::Stroops;

fn not_created(code: Created) -> OperationResult {
    OperationResult::OpInner(OperationResultTr::CreateClaimableBalance(code))
}

fn not_claimed(code: Claimed) -> OperationResult {
    OperationResult::OpInner(OperationResultTr::ClaimClaimableBalance(code))
}

fn not_clawed_back(code: ClawedBack) -> OperationResult {
    OperationResult::OpInner(OperationResultTr::ClawbackClaimableBalance(code))
}

pub fn check_create(op: &CreateClaimableBalanceOp) -> Result<(), OperationResult> {
    let XdrClaims { destinations, valid } = claims(op);
    let distinct: BTreeSet<_> = destinations.iter().collect();
    let well_formed = op.amount > 0
        && xdr::asset(&op.asset).is_some()
        && !destinations.is_empty()
        && distinct.len() == destinations.len()
        && valid;
    if well_formed { Ok(()) } else { Err(not_created(Created::Malformed)) }
}

struct XdrClaims {
    destinations: Vec<AccountId>,
    valid: bool,
}

fn claims(op: &CreateClaimableBalanceOp) -> XdrClaims {
    let each = || op.claimants.iter().map(|XdrClaimant::ClaimantTypeV0(claimant)| claimant);
    XdrClaims {
        destinations: each().map(|claimant| account(&claimant.destination)).collect(),
        valid: each().all(|claimant| is_valid_predicate(&claimant.predicate)),
    }
}

/// Whether the issuer can take back what `source` sets aside.
fn clawback_enabled(running: &Running<'_>, source: AccountId, asset: &Asset) -> bool {
    match asset {
        Asset::Native => false,
        Asset::Credit { issuer, .. } if *issuer == source => {
            running.view.get(source).is_some_and(|issuer| issuer.flags.clawback_enabled)
        }
        Asset::Credit { .. } => running.view.line(source, asset).is_some_and(|line| line.clawback_enabled),
    }
}

pub fn create(running: &mut Running<'_>, op: &CreateClaimableBalanceOp, source: AccountId) -> Applied {
    let asset = xdr::asset(&op.asset).ok_or(not_created(Created::Malformed))?;
    let amount = Stroops::new(op.amount).map_err(|_| not_created(Created::Malformed))?;
    debit(&mut running.view, source, &asset, amount, Needs::Full).map_err(|why| {
        not_created(match why {
            Ungiven::NoAccount | Ungiven::Underfunded => Created::Underfunded,
            Ungiven::NoTrust => Created::NoTrust,
            Ungiven::NotAuthorized => Created::NotAuthorized,
        })
    })?;
    let now = running.view.now();
    let asked = op.claimants.iter().map(|XdrClaimant::ClaimantTypeV0(claimant)| Claimant {
        destination: account(&claimant.destination),
        predicate: claimant.predicate.clone(),
    });
    let asked: Vec<Claimant> = asked.collect();
    let count = u32::try_from(asked.len()).unwrap_or(u32::MAX);
    let sponsor = reserve_balance(&mut running.view, &running.sandwiches, source, count)
        .map_err(|reason| reason.result(not_created(Created::LowReserve)))?;
    let id = running.place.balance_id();
    let clawback_enabled = clawback_enabled(running, source, &asset);
    let claimants = asked
        .iter()
        .map(|one| Claimant { predicate: absolute(&one.predicate, now.time), ..one.clone() })
        .collect();
    running.view.put_balance(ClaimableBalance {
        id,
        claimants,
        asset,
        amount,
        clawback_enabled,
        sponsor,
        last_modified: now.ledger,
        last_modified_time: now.time,
    });
    running.balances.insert(id);
    running.effect(source, Change::BalanceCreated { id, asset, amount, clawback_enabled });
    for claimant in asked {
        let Claimant { destination, predicate } = claimant;
        running.effect(destination, Change::BalanceClaimantCreated { id, asset, amount, predicate });
    }
    running.effect(source, Change::Debited { asset, amount });
    running.sponsored(source, Sponsored::Balance(id), Some(sponsor));
    Ok(OperationResultTr::CreateClaimableBalance(Created::Success(id.to_xdr())))
}

fn close(running: &mut Running<'_>, source: AccountId, balance: &ClaimableBalance) {
    running.view.remove_balance(balance.id);
    release(&mut running.view, balance.sponsor, None, balance.reserves());
    let (entry, former_sponsor) = (Sponsored::Balance(balance.id), balance.sponsor);
    running.effect(source, Change::SponsorshipRemoved { entry, former_sponsor });
}

pub fn claim(running: &mut Running<'_>, op: &ClaimClaimableBalanceOp, source: AccountId) -> Applied {
    let id = BalanceId::from(&op.balance_id);
    let found = running.view.balance(id).cloned();
    let balance = found.ok_or(not_claimed(Claimed::DoesNotExist))?;
    let time = running.view.now().time;
    let mut own = balance.claimants.iter().filter(|claimant| claimant.destination == source);
    if !own.any(|claimant| holds(&claimant.predicate, time)) {
        return Err(not_claimed(Claimed::CannotClaim));
    }
    let ClaimableBalance { asset, amount, clawback_enabled, .. } = balance;
    credit(&mut running.view, source, &asset, amount, Needs::Full).map_err(|why| {
        not_claimed(match why {
            Untaken::NoAccount | Untaken::Full => Claimed::LineFull,
            Untaken::NoTrust => Claimed::NoTrust,
            Untaken::NotAuthorized => Claimed::NotAuthorized,
        })
    })?;
    running.balances.insert(id);
    running.effect(source, Change::BalanceClaimed { id, asset, amount, clawback_enabled });
    running.effect(source, Change::Credited { asset, amount });
    close(running, source, &balance);
    Ok(OperationResultTr::ClaimClaimableBalance(Claimed::Success))
}

pub fn claw_back(running: &mut Running<'_>, op: &ClawbackClaimableBalanceOp, source: AccountId) -> Applied {
    let id = BalanceId::from(&op.balance_id);
    let found = running.view.balance(id).cloned();
    let balance = found.ok_or(not_clawed_back(ClawedBack::DoesNotExist))?;
    if balance.asset.issuer() != Some(source) {
        return Err(not_clawed_back(ClawedBack::NotIssuer));
    }
    if !balance.clawback_enabled {
        return Err(not_clawed_back(ClawedBack::NotClawbackEnabled));
    }
    running.balances.insert(id);
    running.effect(source, Change::BalanceClawedBack { id });
    running.effect(source, Change::Credited { asset: balance.asset, amount: balance.amount });
    close(running, source, &balance);
    Ok(OperationResultTr::ClawbackClaimableBalance(ClawedBack::Success))
}
