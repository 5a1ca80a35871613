//! Money moves: XLM between accounts, credits between trust lines, from and to their issuer.

use stellar_xdr::{OperationResult, OperationResultTr, PaymentOp, PaymentResult};

use super::{Applied, Running};
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::money::Stroops;
use crate::sandbox::ledger::effects::Change;
use crate::sandbox::ledger::state::Authorization;
use crate::sandbox::xdr;

fn refuse(code: PaymentResult) -> OperationResult {
    OperationResult::OpInner(OperationResultTr::Payment(code))
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
    let destination = xdr::account_of(&op.destination);
    let to_itself = asset == Asset::Native && destination == source;
    if !to_itself {
        if asset.issuer() != Some(destination) && running.view.get(destination).is_none() {
            return Err(refuse(PaymentResult::NoDestination));
        }
        receive(running, destination, &asset, amount)?;
        spend(running, source, &asset, amount)?;
    }
    running.effect(destination, Change::Credited { asset, amount });
    running.effect(source, Change::Debited { asset, amount });
    Ok(OperationResultTr::Payment(PaymentResult::Success))
}

fn receive(
    running: &mut Running<'_>,
    to: AccountId,
    asset: &Asset,
    amount: Stroops,
) -> Result<(), OperationResult> {
    match asset {
        Asset::Native => {
            let account = running.view.edit(to).ok_or(refuse(PaymentResult::NoDestination))?;
            account.balance =
                account.balance.checked_add(amount).map_err(|_| refuse(PaymentResult::LineFull))?;
        }
        Asset::Credit { issuer, .. } if *issuer == to => {}
        Asset::Credit { .. } => {
            let line = running.view.edit_line(to, asset).ok_or(refuse(PaymentResult::NoTrust))?;
            if line.authorization != Authorization::Full {
                return Err(refuse(PaymentResult::NotAuthorized));
            }
            line.balance = line
                .balance
                .checked_add(amount)
                .ok()
                .filter(|sum| *sum <= line.limit)
                .ok_or(refuse(PaymentResult::LineFull))?;
        }
    }
    Ok(())
}

fn spend(
    running: &mut Running<'_>,
    from: AccountId,
    asset: &Asset,
    amount: Stroops,
) -> Result<(), OperationResult> {
    match asset {
        Asset::Native => {
            let account = running.view.edit(from).ok_or(OperationResult::OpNoAccount)?;
            if account.available() < amount {
                return Err(refuse(PaymentResult::Underfunded));
            }
            account.balance =
                account.balance.checked_sub(amount).map_err(|_| refuse(PaymentResult::Underfunded))?;
        }
        Asset::Credit { issuer, .. } if *issuer == from => {}
        Asset::Credit { .. } => {
            let line = running.view.edit_line(from, asset).ok_or(refuse(PaymentResult::SrcNoTrust))?;
            if line.authorization != Authorization::Full {
                return Err(refuse(PaymentResult::SrcNotAuthorized));
            }
            line.balance =
                line.balance.checked_sub(amount).map_err(|_| refuse(PaymentResult::Underfunded))?;
        }
    }
    Ok(())
}
