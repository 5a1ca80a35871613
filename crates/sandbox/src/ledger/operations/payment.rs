//! Money moves: XLM between accounts, credits between trust lines, from and to their issuer, and back to
//! the issuer against the holder's will.

use stellar_xdr::{ClawbackOp, ClawbackResult, OperationResult, OperationResultTr, PaymentOp, PaymentResult};

use super::running::{Applied, Running};
use crate::ledger::effects::Change;
use crate::ledger::holdings::{Needs, Ungiven, Untaken, credit, debit};
use crate::xdr::{self, account_of};
use stellar_types::address::AccountId;
use stellar_types::asset::Asset;
use stellar_types::money::Stroops;

fn refuse(code: PaymentResult) -> OperationResult {
    OperationResult::OpInner(OperationResultTr::Payment(code))
}

fn refuse_clawback(code: ClawbackResult) -> OperationResult {
    OperationResult::OpInner(OperationResultTr::Clawback(code))
}

pub fn check(op: &PaymentOp) -> Result<(), OperationResult> {
    if op.amount <= 0 || xdr::asset(&op.asset).is_none() {
        return Err(refuse(PaymentResult::Malformed));
    }
    Ok(())
}

pub fn pay(running: &mut Running<'_>, op: &PaymentOp, source: AccountId) -> Applied {
    let asset = xdr::asset(&op.asset).ok_or(refuse(PaymentResult::Malformed))?;
    let amount = Stroops::new(op.amount).map_err(|_| refuse(PaymentResult::Malformed))?;
    let destination = account_of(&op.destination);
    let to_itself = asset == Asset::Native && destination == source;
    if !to_itself {
        if asset.issuer() != Some(destination) && running.view.get(destination).is_none() {
            return Err(refuse(PaymentResult::NoDestination));
        }
        credit(&mut running.view, destination, &asset, amount, Needs::Full).map_err(|why| {
            refuse(match why {
                Untaken::NoAccount => PaymentResult::NoDestination,
                Untaken::NoTrust => PaymentResult::NoTrust,
                Untaken::NotAuthorized => PaymentResult::NotAuthorized,
                Untaken::Full => PaymentResult::LineFull,
            })
        })?;
        debit(&mut running.view, source, &asset, amount, Needs::Full).map_err(|why| match why {
            Ungiven::NoAccount => OperationResult::OpNoAccount,
            Ungiven::NoTrust => refuse(PaymentResult::SrcNoTrust),
            Ungiven::NotAuthorized => refuse(PaymentResult::SrcNotAuthorized),
            Ungiven::Underfunded => refuse(PaymentResult::Underfunded),
        })?;
    }
    running.effect(destination, Change::Credited { asset, amount });
    running.effect(source, Change::Debited { asset, amount });
    Ok(OperationResultTr::Payment(PaymentResult::Success))
}

pub fn check_clawback(op: &ClawbackOp, source: AccountId) -> Result<(), OperationResult> {
    let own = xdr::asset(&op.asset).is_some_and(|asset| asset.issuer() == Some(source));
    if account_of(&op.from) == source || op.amount < 1 || !own {
        return Err(refuse_clawback(ClawbackResult::Malformed));
    }
    Ok(())
}

pub fn claw_back(running: &mut Running<'_>, op: &ClawbackOp, source: AccountId) -> Applied {
    let asset = xdr::asset(&op.asset).ok_or(refuse_clawback(ClawbackResult::Malformed))?;
    let amount = Stroops::new(op.amount).map_err(|_| refuse_clawback(ClawbackResult::Malformed))?;
    let from = account_of(&op.from);
    let line = running.view.edit_line(from, &asset).ok_or(refuse_clawback(ClawbackResult::NoTrust))?;
    if !line.clawback_enabled {
        return Err(refuse_clawback(ClawbackResult::NotClawbackEnabled));
    }
    // Whatever the line's authorization: a frozen one is clawed back from too.
    if line.available() < amount {
        return Err(refuse_clawback(ClawbackResult::Underfunded));
    }
    line.balance =
        line.balance.checked_sub(amount).map_err(|_| refuse_clawback(ClawbackResult::Underfunded))?;
    running.effect(source, Change::Credited { asset, amount });
    running.effect(from, Change::Debited { asset, amount });
    Ok(OperationResultTr::Clawback(ClawbackResult::Success))
}
