//! Sponsorships: one account begins to pay another's new reserves, that other one ends it.

use stellar_xdr::{
    BeginSponsoringFutureReservesOp, BeginSponsoringFutureReservesResult, EndSponsoringFutureReservesResult,
    OperationResult, OperationResultTr,
};

use super::running::{Applied, Running};
use crate::xdr::account;
use stellar_types::address::AccountId;

fn refuse(code: BeginSponsoringFutureReservesResult) -> OperationResult {
    OperationResult::OpInner(OperationResultTr::BeginSponsoringFutureReserves(code))
}

pub fn check_begin(op: &BeginSponsoringFutureReservesOp, source: AccountId) -> Result<(), OperationResult> {
    if account(&op.sponsored_id) == source {
        return Err(refuse(BeginSponsoringFutureReservesResult::Malformed));
    }
    Ok(())
}

pub fn begin(running: &mut Running<'_>, op: &BeginSponsoringFutureReservesOp, source: AccountId) -> Applied {
    let sponsored = account(&op.sponsored_id);
    if running.sandwiches.sponsor_of(sponsored).is_some() {
        return Err(refuse(BeginSponsoringFutureReservesResult::AlreadySponsored));
    }
    if running.sandwiches.sponsor_of(source).is_some() || running.sandwiches.is_sponsoring(sponsored) {
        return Err(refuse(BeginSponsoringFutureReservesResult::Recursive));
    }
    running.sandwiches.begin(source, sponsored);
    Ok(OperationResultTr::BeginSponsoringFutureReserves(BeginSponsoringFutureReservesResult::Success))
}

pub fn end(running: &mut Running<'_>, source: AccountId) -> Applied {
    match running.sandwiches.end(source) {
        Some(_) => {
            Ok(OperationResultTr::EndSponsoringFutureReserves(EndSponsoringFutureReservesResult::Success))
        }
        None => Err(OperationResult::OpInner(OperationResultTr::EndSponsoringFutureReserves(
            EndSponsoringFutureReservesResult::NotSponsored,
        ))),
    }
}
