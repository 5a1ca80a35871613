//! Sponsorship of what exists already: taken on, handed on, or given up.
//!
//! Whoever pays an entry's reserve may have the entry's owner pay again, or the account that sponsors the
//! payer at the moment.

use stellar_xdr::{
    LedgerKey, OperationResult, OperationResultTr, RevokeSponsorshipOp, RevokeSponsorshipResult, SignerKey,
    TrustLineAsset,
};

use super::running::{Applied, Running};
use crate::ledger::balances::BalanceId;
use crate::ledger::book::OfferId;
use crate::ledger::effects::{Change, Sponsored};
use crate::ledger::sponsorship::{Unreserved, release, reserves, take_on};
use crate::ledger::state::ACCOUNT_RESERVES;
use crate::xdr::{account, line_asset};
use stellar_types::address::AccountId;
use stellar_types::asset::Asset;

fn refuse(code: RevokeSponsorshipResult) -> OperationResult {
    OperationResult::OpInner(OperationResultTr::RevokeSponsorship(code))
}

/// What is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    Account(AccountId),
    Line(AccountId, Asset),
    Offer(AccountId, OfferId),
    Data(AccountId, String),
    Signer(AccountId, SignerKey),
    Balance(BalanceId),
}

fn read(op: &RevokeSponsorshipOp) -> Result<Entry, OperationResult> {
    let malformed = || refuse(RevokeSponsorshipResult::Malformed);
    let key = match op {
        RevokeSponsorshipOp::LedgerEntry(key) => key,
        RevokeSponsorshipOp::Signer(signer) => {
            return Ok(Entry::Signer(account(&signer.account_id), signer.signer_key.clone()));
        }
    };
    match key {
        LedgerKey::Account(key) => Ok(Entry::Account(account(&key.account_id))),
        LedgerKey::Trustline(key) => {
            let owner = account(&key.account_id);
            match (&key.asset, line_asset(&key.asset)) {
                (_, Some(asset @ Asset::Credit { issuer, .. })) if issuer != owner => {
                    Ok(Entry::Line(owner, asset))
                }
                (TrustLineAsset::PoolShare(_), _) => Err(OperationResult::OpNotSupported),
                _ => Err(malformed()),
            }
        }
        LedgerKey::Offer(key) if key.offer_id > 0 => Ok(Entry::Offer(account(&key.seller_id), key.offer_id)),
        LedgerKey::Data(key) if super::options::is_data_name(key.data_name.0.as_slice()) => {
            let name = String::from_utf8_lossy(key.data_name.0.as_slice()).into_owned();
            Ok(Entry::Data(account(&key.account_id), name))
        }
        LedgerKey::ClaimableBalance(key) => Ok(Entry::Balance(BalanceId::from(&key.balance_id))),
        _ => Err(malformed()),
    }
}

pub fn check(op: &RevokeSponsorshipOp) -> Result<(), OperationResult> {
    read(op).map(|_| ())
}

/// Who owns an entry, who sponsors it, and how many reserves it needs.
struct Held {
    /// `None` for a claimable balance, which nobody owns.
    owner: Option<AccountId>,
    sponsor: Option<AccountId>,
    count: u32,
}

fn held(running: &Running<'_>, entry: &Entry) -> Option<Held> {
    let view = &running.view;
    let of = |owner: AccountId, sponsor: Option<AccountId>| Held { owner: Some(owner), sponsor, count: 1 };
    match entry {
        Entry::Account(id) => {
            let sponsor = view.get(*id)?.sponsor;
            Some(Held { owner: Some(*id), sponsor, count: ACCOUNT_RESERVES })
        }
        Entry::Line(id, asset) => Some(of(*id, view.line(*id, asset)?.sponsor)),
        Entry::Offer(id, offer) => {
            let offer = view.offer(*offer).filter(|offer| offer.seller == *id)?;
            Some(of(*id, offer.sponsor))
        }
        Entry::Data(id, name) => Some(of(*id, view.get(*id)?.data.get(name)?.sponsor)),
        Entry::Signer(id, key) => Some(of(*id, view.get(*id)?.signers.get(key)?.sponsor)),
        Entry::Balance(id) => {
            let balance = view.balance(*id)?;
            Some(Held { owner: None, sponsor: Some(balance.sponsor), count: balance.reserves() })
        }
    }
}

fn write(running: &mut Running<'_>, entry: &Entry, sponsor: Option<AccountId>) {
    let view = &mut running.view;
    match entry {
        Entry::Account(id) => {
            if let Some(account) = view.edit(*id) {
                account.sponsor = sponsor;
            }
        }
        Entry::Line(id, asset) => {
            if let Some(line) = view.edit_line(*id, asset) {
                line.sponsor = sponsor;
            }
        }
        Entry::Offer(_, offer) => {
            if let Some(mut offer) = view.offer(*offer).cloned() {
                offer.sponsor = sponsor;
                view.put_offer(offer);
            }
        }
        Entry::Data(id, name) => {
            if let Some(data) = view.edit(*id).and_then(|account| account.data.get_mut(name)) {
                data.sponsor = sponsor;
            }
        }
        Entry::Signer(id, key) => {
            if let Some(signer) = view.edit(*id).and_then(|account| account.signers.get_mut(key)) {
                signer.sponsor = sponsor;
            }
        }
        Entry::Balance(id) => {
            if let (Some(mut balance), Some(sponsor)) = (view.balance(*id).cloned(), sponsor) {
                balance.sponsor = sponsor;
                view.put_balance(balance);
            }
        }
    }
}

/// What Horizon tells of an entry; it tells nothing of offers.
fn told(entry: &Entry) -> Option<Sponsored> {
    match entry {
        Entry::Account(_) => Some(Sponsored::Account),
        Entry::Line(_, asset) => Some(Sponsored::Line(*asset)),
        Entry::Offer(..) => None,
        Entry::Data(_, name) => Some(Sponsored::Data(name.clone())),
        Entry::Signer(_, key) => Some(Sponsored::Signer(key.clone())),
        Entry::Balance(id) => Some(Sponsored::Balance(*id)),
    }
}

fn unreserved(reason: Unreserved) -> OperationResult {
    reason.result(refuse(RevokeSponsorshipResult::LowReserve))
}

/// The account's own reserves were paid for it; now it needs the money itself.
fn take_over(running: &Running<'_>, owner: AccountId, count: u32) -> Result<(), OperationResult> {
    let account = running.view.get(owner).ok_or(refuse(RevokeSponsorshipResult::DoesNotExist))?;
    if account.available() < reserves(count) {
        return Err(refuse(RevokeSponsorshipResult::LowReserve));
    }
    Ok(())
}

pub fn revoke(running: &mut Running<'_>, op: &RevokeSponsorshipOp, source: AccountId) -> Applied {
    let entry = read(op)?;
    let Held { owner, sponsor, count } =
        held(running, &entry).ok_or(refuse(RevokeSponsorshipResult::DoesNotExist))?;
    if sponsor.or(owner) != Some(source) {
        return Err(refuse(RevokeSponsorshipResult::NotSponsor));
    }
    let paid_by = owner.or(sponsor);
    let next = running.sandwiches.sponsor_of(source).filter(|next| Some(*next) != paid_by);
    if owner.is_none() && next.is_none() {
        return Err(refuse(RevokeSponsorshipResult::OnlyTransferable));
    }
    match (sponsor, next) {
        (Some(former), Some(next)) => {
            take_on(&mut running.view, next, count).map_err(unreserved)?;
            release(&mut running.view, former, None, count);
        }
        (Some(former), None) => {
            if let Some(owner) = owner {
                take_over(running, owner, count)?;
            }
            release(&mut running.view, former, owner, count);
        }
        (None, Some(next)) => {
            take_on(&mut running.view, next, count).map_err(unreserved)?;
            if let Some(account) = owner.and_then(|owner| running.view.edit(owner)) {
                let sum = account.sponsored.checked_add(count);
                account.sponsored = sum.ok_or_else(|| unreserved(Unreserved::TooManySponsoring))?;
            }
        }
        (None, None) => {}
    }
    if sponsor != next {
        write(running, &entry, next);
        let change = told(&entry).and_then(|entry| match (sponsor, next) {
            (Some(former_sponsor), Some(new_sponsor)) => {
                Some(Change::SponsorshipUpdated { entry, former_sponsor, new_sponsor })
            }
            (Some(former_sponsor), None) => Some(Change::SponsorshipRemoved { entry, former_sponsor }),
            (None, Some(sponsor)) => Some(Change::SponsorshipCreated { entry, sponsor }),
            (None, None) => None,
        });
        let whose = match &entry {
            Entry::Account(id) | Entry::Line(id, _) | Entry::Signer(id, _) | Entry::Offer(id, _) => *id,
            Entry::Data(..) | Entry::Balance(_) => source,
        };
        if let Some(change) = change {
            running.effect(whose, change);
        }
    }
    if let Entry::Balance(id) = entry {
        running.balances.insert(id);
    }
    running.entry_sponsor = next;
    Ok(OperationResultTr::RevokeSponsorship(RevokeSponsorshipResult::Success))
}
