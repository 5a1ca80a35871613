//! What each operation checks and does, one file per family.
//!
//! `check` is what can be said of an operation without the ledger; `apply` changes the view, in the
//! network's order of checks. An `apply` that fails may leave half a change in the view's running
//! layer: the caller forgets it.

mod accounts;
mod claimable;
mod offers;
mod options;
pub mod paths;
mod payment;
mod revoking;
pub mod running;
mod sponsoring;
mod trust;

pub use options::remove_signer;

use stellar_xdr::{
    AccountMergeResult, AllowTrustResult, BeginSponsoringFutureReservesResult, BumpSequenceResult,
    ChangeTrustResult, ClaimClaimableBalanceResult, ClawbackClaimableBalanceResult, ClawbackResult,
    CreateAccountResult, CreateClaimableBalanceResult, EndSponsoringFutureReservesResult,
    ManageBuyOfferResult, ManageDataResult, ManageOfferSuccessResult, ManageOfferSuccessResultOffer,
    ManageSellOfferResult, Operation, OperationBody, OperationResult, OperationResultTr,
    PathPaymentStrictReceiveResult, PathPaymentStrictReceiveResultSuccess, PathPaymentStrictSendResult,
    PathPaymentStrictSendResultSuccess, PaymentResult, RevokeSponsorshipResult, SetOptionsResult,
    SetTrustLineFlagsResult, SimplePaymentResult, VecM,
};

use stellar_types::address::AccountId;

use super::balances::BalanceId;
use super::signatures::Level;
use crate::xdr::{account_of, xdr_account, xdr_asset};
use running::{Applied, Running};

/// The account that an operation acts for.
pub fn source_of(operation: &Operation, transaction_source: AccountId) -> AccountId {
    operation.source_account.as_ref().map_or(transaction_source, account_of)
}

/// The weight an operation needs of its source's signers.
pub fn level(body: &OperationBody) -> Level {
    match body {
        OperationBody::AllowTrust(_)
        | OperationBody::SetTrustLineFlags(_)
        | OperationBody::BumpSequence(_)
        | OperationBody::ClaimClaimableBalance(_)
        | OperationBody::Inflation
        | OperationBody::ExtendFootprintTtl(_)
        | OperationBody::RestoreFootprint(_) => Level::Low,
        OperationBody::AccountMerge(_) => Level::High,
        OperationBody::SetOptions(options) => options::level(options),
        _ => Level::Medium,
    }
}

/// Whether this ledger knows the operation: not inflation, liquidity pools and contracts.
pub fn check_supported(body: &OperationBody) -> Result<(), OperationResult> {
    match body {
        OperationBody::Inflation
        | OperationBody::LiquidityPoolDeposit(_)
        | OperationBody::LiquidityPoolWithdraw(_)
        | OperationBody::InvokeHostFunction(_)
        | OperationBody::ExtendFootprintTtl(_)
        | OperationBody::RestoreFootprint(_) => Err(OperationResult::OpNotSupported),
        _ => Ok(()),
    }
}

fn no_offer() -> ManageOfferSuccessResult {
    ManageOfferSuccessResult {
        offers_claimed: VecM::default(),
        offer: ManageOfferSuccessResultOffer::Deleted,
    }
}

fn no_payment() -> SimplePaymentResult {
    SimplePaymentResult {
        destination: xdr_account(AccountId([0; 32])),
        asset: xdr_asset(stellar_types::asset::Asset::Native),
        amount: 0,
    }
}

/// The result shown for an operation that was not reached.
pub fn success(body: &OperationBody) -> OperationResult {
    use OperationResultTr as Tr;
    OperationResult::OpInner(match body {
        OperationBody::CreateAccount(_) => Tr::CreateAccount(CreateAccountResult::Success),
        OperationBody::AccountMerge(_) => Tr::AccountMerge(AccountMergeResult::Success(0)),
        OperationBody::BumpSequence(_) => Tr::BumpSequence(BumpSequenceResult::Success),
        OperationBody::Payment(_) => Tr::Payment(PaymentResult::Success),
        OperationBody::PathPaymentStrictReceive(_) => {
            let success =
                PathPaymentStrictReceiveResultSuccess { offers: VecM::default(), last: no_payment() };
            Tr::PathPaymentStrictReceive(PathPaymentStrictReceiveResult::Success(success))
        }
        OperationBody::PathPaymentStrictSend(_) => {
            let success = PathPaymentStrictSendResultSuccess { offers: VecM::default(), last: no_payment() };
            Tr::PathPaymentStrictSend(PathPaymentStrictSendResult::Success(success))
        }
        OperationBody::ManageSellOffer(_) => Tr::ManageSellOffer(ManageSellOfferResult::Success(no_offer())),
        OperationBody::ManageBuyOffer(_) => Tr::ManageBuyOffer(ManageBuyOfferResult::Success(no_offer())),
        OperationBody::CreatePassiveSellOffer(_) => {
            Tr::CreatePassiveSellOffer(ManageSellOfferResult::Success(no_offer()))
        }
        OperationBody::ChangeTrust(_) => Tr::ChangeTrust(ChangeTrustResult::Success),
        OperationBody::AllowTrust(_) => Tr::AllowTrust(AllowTrustResult::Success),
        OperationBody::SetTrustLineFlags(_) => Tr::SetTrustLineFlags(SetTrustLineFlagsResult::Success),
        OperationBody::SetOptions(_) => Tr::SetOptions(SetOptionsResult::Success),
        OperationBody::ManageData(_) => Tr::ManageData(ManageDataResult::Success),
        OperationBody::CreateClaimableBalance(_) => {
            let id = BalanceId([0; 32]).to_xdr();
            Tr::CreateClaimableBalance(CreateClaimableBalanceResult::Success(id))
        }
        OperationBody::ClaimClaimableBalance(_) => {
            Tr::ClaimClaimableBalance(ClaimClaimableBalanceResult::Success)
        }
        OperationBody::BeginSponsoringFutureReserves(_) => {
            Tr::BeginSponsoringFutureReserves(BeginSponsoringFutureReservesResult::Success)
        }
        OperationBody::EndSponsoringFutureReserves => {
            Tr::EndSponsoringFutureReserves(EndSponsoringFutureReservesResult::Success)
        }
        OperationBody::RevokeSponsorship(_) => Tr::RevokeSponsorship(RevokeSponsorshipResult::Success),
        OperationBody::Clawback(_) => Tr::Clawback(ClawbackResult::Success),
        OperationBody::ClawbackClaimableBalance(_) => {
            Tr::ClawbackClaimableBalance(ClawbackClaimableBalanceResult::Success)
        }
        _ => return OperationResult::OpNotSupported,
    })
}

/// What can be said of an operation without the ledger.
pub fn check(body: &OperationBody, source: AccountId) -> Result<(), OperationResult> {
    match body {
        OperationBody::CreateAccount(op) => accounts::check_create(op, source),
        OperationBody::AccountMerge(into) => accounts::check_merge(into, source),
        OperationBody::BumpSequence(op) => accounts::check_bump(op),
        OperationBody::Payment(op) => payment::check(op),
        OperationBody::PathPaymentStrictReceive(op) => paths::check_receive(op),
        OperationBody::PathPaymentStrictSend(op) => paths::check_send(op),
        OperationBody::ManageSellOffer(op) => offers::check_sell(op),
        OperationBody::ManageBuyOffer(op) => offers::check_buy(op),
        OperationBody::CreatePassiveSellOffer(op) => offers::check_passive(op),
        OperationBody::ChangeTrust(op) => trust::check_change(op, source),
        OperationBody::AllowTrust(op) => trust::check_allow(op, source),
        OperationBody::SetTrustLineFlags(op) => trust::check_flags(op, source),
        OperationBody::SetOptions(op) => options::check(op, source),
        OperationBody::ManageData(op) => options::check_data(op),
        OperationBody::CreateClaimableBalance(op) => claimable::check_create(op),
        OperationBody::BeginSponsoringFutureReserves(op) => sponsoring::check_begin(op, source),
        OperationBody::RevokeSponsorship(op) => revoking::check(op),
        OperationBody::Clawback(op) => payment::check_clawback(op, source),
        OperationBody::EndSponsoringFutureReserves
        | OperationBody::ClaimClaimableBalance(_)
        | OperationBody::ClawbackClaimableBalance(_) => Ok(()),
        _ => Err(OperationResult::OpNotSupported),
    }
}

fn run(running: &mut Running<'_>, body: &OperationBody, source: AccountId) -> Applied {
    match body {
        OperationBody::CreateAccount(op) => accounts::create(running, op, source),
        OperationBody::AccountMerge(into) => accounts::merge(running, into, source),
        OperationBody::BumpSequence(op) => accounts::bump(running, op, source),
        OperationBody::Payment(op) => payment::pay(running, op, source),
        OperationBody::PathPaymentStrictReceive(op) => paths::strict_receive(running, op, source),
        OperationBody::PathPaymentStrictSend(op) => paths::strict_send(running, op, source),
        OperationBody::ManageSellOffer(op) => offers::manage_sell(running, op, source),
        OperationBody::ManageBuyOffer(op) => offers::manage_buy(running, op, source),
        OperationBody::CreatePassiveSellOffer(op) => offers::create_passive(running, op, source),
        OperationBody::ChangeTrust(op) => trust::change(running, op, source),
        OperationBody::AllowTrust(op) => trust::allow(running, op, source),
        OperationBody::SetTrustLineFlags(op) => trust::set_flags(running, op, source),
        OperationBody::SetOptions(op) => options::set(running, op, source),
        OperationBody::ManageData(op) => options::manage_data(running, op, source),
        OperationBody::CreateClaimableBalance(op) => claimable::create(running, op, source),
        OperationBody::ClaimClaimableBalance(op) => claimable::claim(running, op, source),
        OperationBody::BeginSponsoringFutureReserves(op) => sponsoring::begin(running, op, source),
        OperationBody::EndSponsoringFutureReserves => sponsoring::end(running, source),
        OperationBody::RevokeSponsorship(op) => revoking::revoke(running, op, source),
        OperationBody::Clawback(op) => payment::claw_back(running, op, source),
        OperationBody::ClawbackClaimableBalance(op) => claimable::claw_back(running, op, source),
        _ => Err(OperationResult::OpNotSupported),
    }
}

/// Runs the operation at this place, from 0, for `source`.
pub fn apply(running: &mut Running<'_>, at: u32, body: &OperationBody, source: AccountId) -> Applied {
    running.place.operation = at;
    running.effects.clear();
    running.balances.clear();
    running.entry_sponsor = None;
    if running.view.get(source).is_none() {
        return Err(OperationResult::OpNoAccount);
    }
    let applied = check(body, source).and_then(|()| run(running, body, source));
    if applied.is_ok() {
        running.view.keep();
    } else {
        running.view.forget();
        running.effects.clear();
        running.balances.clear();
        running.entry_sponsor = None;
    }
    applied
}
