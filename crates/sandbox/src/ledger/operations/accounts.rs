//! Accounts begin, merge and skip sequence numbers.

use stellar_xdr::{
    AccountMergeResult, BumpSequenceOp, BumpSequenceResult, CreateAccountOp, CreateAccountResult,
    MuxedAccount, OperationResult, OperationResultTr,
};

use super::options::remove_signer;
use super::running::{Applied, Running};
use crate::ledger::effects::{Change, Sponsored};
use crate::ledger::sponsorship::{release, reserve_account};
use crate::ledger::state::{ACCOUNT_RESERVES, Account, SequenceAge, first_sequence};
use crate::xdr::{account, account_of};
use stellar_types::address::AccountId;
use stellar_types::asset::Asset;
use stellar_types::money::Stroops;

fn not_created(code: CreateAccountResult) -> OperationResult {
    OperationResult::OpInner(OperationResultTr::CreateAccount(code))
}

fn not_merged(code: AccountMergeResult) -> OperationResult {
    OperationResult::OpInner(OperationResultTr::AccountMerge(code))
}

pub fn check_create(op: &CreateAccountOp, source: AccountId) -> Result<(), OperationResult> {
    if op.starting_balance < 0 || account(&op.destination) == source {
        return Err(not_created(CreateAccountResult::Malformed));
    }
    Ok(())
}

pub fn create(running: &mut Running<'_>, op: &CreateAccountOp, source: AccountId) -> Applied {
    let id = account(&op.destination);
    let amount =
        Stroops::new(op.starting_balance).map_err(|_| not_created(CreateAccountResult::Malformed))?;
    if running.view.get(id).is_some() {
        return Err(not_created(CreateAccountResult::AlreadyExist));
    }
    let fresh = Account::new(amount, first_sequence(running.view.now().ledger));
    let fresh = reserve_account(&mut running.view, &running.sandwiches, id, fresh)
        .map_err(|reason| reason.result(not_created(CreateAccountResult::LowReserve)))?;
    let sponsor = fresh.sponsor;
    running.view.insert(id, fresh);
    let funder = running.view.edit(source).ok_or(OperationResult::OpNoAccount)?;
    if funder.available() < amount {
        return Err(not_created(CreateAccountResult::Underfunded));
    }
    funder.balance =
        funder.balance.checked_sub(amount).map_err(|_| not_created(CreateAccountResult::Underfunded))?;
    running.effect(id, Change::AccountCreated { starting_balance: amount });
    running.effect(source, Change::Debited { asset: Asset::Native, amount });
    let own = stellar_xdr::SignerKey::Ed25519(stellar_xdr::Uint256(id.0));
    running.effect(id, Change::SignerCreated { key: own, weight: 1 });
    running.sponsored(id, Sponsored::Account, sponsor);
    Ok(OperationResultTr::CreateAccount(CreateAccountResult::Success))
}

pub fn check_merge(into: &MuxedAccount, source: AccountId) -> Result<(), OperationResult> {
    if account_of(into) == source {
        return Err(not_merged(AccountMergeResult::Malformed));
    }
    Ok(())
}

pub fn merge(running: &mut Running<'_>, into: &MuxedAccount, source: AccountId) -> Applied {
    let destination = account_of(into);
    if running.view.get(destination).is_none() {
        return Err(not_merged(AccountMergeResult::NoAccount));
    }
    let leaving = running.view.get(source).ok_or(OperationResult::OpNoAccount)?.clone();
    if leaving.flags.immutable {
        return Err(not_merged(AccountMergeResult::ImmutableSet));
    }
    if !leaving.lines.is_empty() || !leaving.data.is_empty() || !leaving.offers.is_empty() {
        return Err(not_merged(AccountMergeResult::HasSubEntries));
    }
    if leaving.sequence >= first_sequence(running.view.now().ledger) {
        return Err(not_merged(AccountMergeResult::SeqnumTooFar));
    }
    if leaving.sponsoring > 0 || running.sandwiches.is_sponsoring(source) {
        return Err(not_merged(AccountMergeResult::IsSponsor));
    }
    for key in leaving.signers.keys() {
        remove_signer(&mut running.view, source, key);
    }
    let receiver = running.view.edit(destination).ok_or(not_merged(AccountMergeResult::NoAccount))?;
    if receiver.room() < leaving.balance {
        return Err(not_merged(AccountMergeResult::DestFull));
    }
    receiver.balance = receiver
        .balance
        .checked_add(leaving.balance)
        .map_err(|_| not_merged(AccountMergeResult::DestFull))?;
    if let Some(sponsor) = leaving.sponsor {
        release(&mut running.view, sponsor, None, ACCOUNT_RESERVES);
    }
    running.view.remove(source);
    let amount = leaving.balance;
    running.effect(source, Change::Debited { asset: Asset::Native, amount });
    running.effect(destination, Change::Credited { asset: Asset::Native, amount });
    running.effect(source, Change::AccountRemoved);
    if let Some(former_sponsor) = leaving.sponsor {
        running.effect(source, Change::SponsorshipRemoved { entry: Sponsored::Account, former_sponsor });
    }
    Ok(OperationResultTr::AccountMerge(AccountMergeResult::Success(amount.get())))
}

pub fn check_bump(op: &BumpSequenceOp) -> Result<(), OperationResult> {
    if op.bump_to.0 < 0 {
        return Err(OperationResult::OpInner(OperationResultTr::BumpSequence(BumpSequenceResult::BadSeq)));
    }
    Ok(())
}

pub fn bump(running: &mut Running<'_>, op: &BumpSequenceOp, source: AccountId) -> Applied {
    let current = running.view.get(source).ok_or(OperationResult::OpNoAccount)?.sequence;
    if op.bump_to.0 > current {
        let now = running.view.now();
        if let Some(account) = running.view.edit(source) {
            account.sequence = op.bump_to.0;
            account.sequence_age = Some(SequenceAge { ledger: now.ledger, time: now.time });
        }
        running.effect(source, Change::SequenceBumped { sequence: op.bump_to.0 });
    }
    Ok(OperationResultTr::BumpSequence(BumpSequenceResult::Success))
}
