//! What each operation checks and does, one file per family.
//!
//! `check` is what can be said of an operation without the ledger; `apply` changes the view, in the
//! network's order of checks. An `apply` that fails may leave half a change in the view's running
//! layer: the caller forgets it.

mod accounts;
mod options;
mod payment;
mod sponsoring;
mod trust;

pub use options::remove_signer;

use stellar_xdr::{
    AccountMergeResult, BeginSponsoringFutureReservesResult, BumpSequenceResult, ChangeTrustResult,
    CreateAccountResult, EndSponsoringFutureReservesResult, ManageDataResult, Operation, OperationBody,
    OperationResult, OperationResultTr, PaymentResult, SetOptionsResult, SetTrustLineFlagsResult,
};

use crate::domain::address::AccountId;

use super::effects::{Change, Effect, Sponsored};
use super::signatures::Level;
use super::sponsorship::Sandwiches;
use super::view::View;
use crate::sandbox::xdr::account_of;

/// A transaction while its operations run.
#[derive(Debug)]
pub struct Running<'a> {
    /// The accounts.
    pub view: View<'a>,
    /// Sponsorships begun and not ended.
    pub sandwiches: Sandwiches,
    /// What the running operation did.
    pub effects: Vec<Effect>,
    /// Who pays the reserve of the entry that the running operation made, if another account does.
    pub entry_sponsor: Option<AccountId>,
}

/// What an operation answers when applied: its success, or its failure.
pub type Applied = Result<OperationResultTr, OperationResult>;

impl<'a> Running<'a> {
    /// Over a view that nothing has changed yet.
    pub fn new(view: View<'a>) -> Self {
        Self { view, sandwiches: Sandwiches::default(), effects: Vec::new(), entry_sponsor: None }
    }

    fn effect(&mut self, account: AccountId, change: Change) {
        self.effects.push(Effect { account, change });
    }

    fn sponsored(&mut self, account: AccountId, entry: Sponsored, sponsor: Option<AccountId>) {
        self.entry_sponsor = sponsor;
        if let Some(sponsor) = sponsor {
            self.effect(account, Change::SponsorshipCreated { entry, sponsor });
        }
    }
}

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

/// Whether this ledger knows the operation.
pub fn check_supported(body: &OperationBody) -> Result<(), OperationResult> {
    match body {
        OperationBody::CreateAccount(_)
        | OperationBody::AccountMerge(_)
        | OperationBody::BumpSequence(_)
        | OperationBody::Payment(_)
        | OperationBody::ChangeTrust(_)
        | OperationBody::SetTrustLineFlags(_)
        | OperationBody::SetOptions(_)
        | OperationBody::ManageData(_)
        | OperationBody::BeginSponsoringFutureReserves(_)
        | OperationBody::EndSponsoringFutureReserves => Ok(()),
        _ => Err(OperationResult::OpNotSupported),
    }
}

/// The result shown for an operation that was not reached.
pub fn success(body: &OperationBody) -> OperationResult {
    OperationResult::OpInner(match body {
        OperationBody::CreateAccount(_) => OperationResultTr::CreateAccount(CreateAccountResult::Success),
        OperationBody::AccountMerge(_) => OperationResultTr::AccountMerge(AccountMergeResult::Success(0)),
        OperationBody::BumpSequence(_) => OperationResultTr::BumpSequence(BumpSequenceResult::Success),
        OperationBody::Payment(_) => OperationResultTr::Payment(PaymentResult::Success),
        OperationBody::ChangeTrust(_) => OperationResultTr::ChangeTrust(ChangeTrustResult::Success),
        OperationBody::SetTrustLineFlags(_) => {
            OperationResultTr::SetTrustLineFlags(SetTrustLineFlagsResult::Success)
        }
        OperationBody::SetOptions(_) => OperationResultTr::SetOptions(SetOptionsResult::Success),
        OperationBody::ManageData(_) => OperationResultTr::ManageData(ManageDataResult::Success),
        OperationBody::BeginSponsoringFutureReserves(_) => {
            OperationResultTr::BeginSponsoringFutureReserves(BeginSponsoringFutureReservesResult::Success)
        }
        OperationBody::EndSponsoringFutureReserves => {
            OperationResultTr::EndSponsoringFutureReserves(EndSponsoringFutureReservesResult::Success)
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
        OperationBody::ChangeTrust(op) => trust::check_change(op, source),
        OperationBody::SetTrustLineFlags(op) => trust::check_flags(op, source),
        OperationBody::SetOptions(op) => options::check(op, source),
        OperationBody::ManageData(op) => options::check_data(op),
        OperationBody::BeginSponsoringFutureReserves(op) => sponsoring::check_begin(op, source),
        OperationBody::EndSponsoringFutureReserves => Ok(()),
        _ => Err(OperationResult::OpNotSupported),
    }
}

/// Runs one operation for `source`.
pub fn apply(running: &mut Running<'_>, body: &OperationBody, source: AccountId) -> Applied {
    running.effects.clear();
    running.entry_sponsor = None;
    if running.view.get(source).is_none() {
        return Err(OperationResult::OpNoAccount);
    }
    let applied = check(body, source).and_then(|()| match body {
        OperationBody::CreateAccount(op) => accounts::create(running, op, source),
        OperationBody::AccountMerge(into) => accounts::merge(running, into, source),
        OperationBody::BumpSequence(op) => accounts::bump(running, op, source),
        OperationBody::Payment(op) => payment::pay(running, op, source),
        OperationBody::ChangeTrust(op) => trust::change(running, op, source),
        OperationBody::SetTrustLineFlags(op) => trust::set_flags(running, op, source),
        OperationBody::SetOptions(op) => options::set(running, op, source),
        OperationBody::ManageData(op) => options::manage_data(running, op, source),
        OperationBody::BeginSponsoringFutureReserves(op) => sponsoring::begin(running, op, source),
        OperationBody::EndSponsoringFutureReserves => sponsoring::end(running, source),
        _ => Err(OperationResult::OpNotSupported),
    });
    if applied.is_ok() {
        running.view.keep();
    } else {
        running.view.forget();
        running.effects.clear();
        running.entry_sponsor = None;
    }
    applied
}
