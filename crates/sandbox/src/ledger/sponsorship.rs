//! Who pays the reserve of a new entry, and who gets it back when the entry goes.

use std::collections::BTreeMap;

use stellar_xdr::OperationResult;

use stellar_types::address::AccountId;
use stellar_types::money::Stroops;

use super::state::{ACCOUNT_RESERVES, Account, BASE_RESERVE_STROOPS, SUBENTRIES_MAX};
use super::view::View;

/// The sponsorships that a transaction has begun and not ended: sponsor by sponsored account.
#[derive(Debug, Default)]
pub struct Sandwiches {
    open: BTreeMap<AccountId, AccountId>,
}

impl Sandwiches {
    /// Who pays for new entries of `account` now.
    pub fn sponsor_of(&self, account: AccountId) -> Option<AccountId> {
        self.open.get(&account).copied()
    }

    /// True while `account` pays for someone's new entries.
    pub fn is_sponsoring(&self, account: AccountId) -> bool {
        self.open.values().any(|sponsor| *sponsor == account)
    }

    /// Begins; the caller has made sure that none is open for `sponsored`.
    pub fn begin(&mut self, sponsor: AccountId, sponsored: AccountId) {
        self.open.insert(sponsored, sponsor);
    }

    /// Ends the one open for `sponsored`, and says who sponsored it.
    pub fn end(&mut self, sponsored: AccountId) -> Option<AccountId> {
        self.open.remove(&sponsored)
    }

    /// True if every begin had its end.
    pub fn all_ended(&self) -> bool {
        self.open.is_empty()
    }
}

/// Why the reserve of a new entry cannot be set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreserved {
    /// The payer has too little XLM.
    LowReserve,
    /// The owner has [`SUBENTRIES_MAX`] entries already.
    TooManySubentries,
    /// A count would overflow.
    TooManySponsoring,
}

impl Unreserved {
    /// The operation's result: `low` where it is the reserve, which each operation names for itself.
    pub fn result(self, low: OperationResult) -> OperationResult {
        match self {
            Self::LowReserve => low,
            Self::TooManySubentries => OperationResult::OpTooManySubentries,
            Self::TooManySponsoring => OperationResult::OpTooManySponsoring,
        }
    }
}

/// So many reserves, in stroops.
pub fn reserves(count: u32) -> Stroops {
    Stroops::new(i64::from(count) * i64::from(BASE_RESERVE_STROOPS)).unwrap_or(Stroops::MAX)
}

/// Has `sponsor` pay so many reserves more.
pub fn take_on(view: &mut View<'_>, sponsor: AccountId, count: u32) -> Result<(), Unreserved> {
    let payer = view.get(sponsor).ok_or(Unreserved::LowReserve)?;
    if payer.available() < reserves(count) {
        return Err(Unreserved::LowReserve);
    }
    let sum = payer.sponsoring.checked_add(count).ok_or(Unreserved::TooManySponsoring)?;
    if let Some(payer) = view.edit(sponsor) {
        payer.sponsoring = sum;
    }
    Ok(())
}

/// Sets one reserve aside for a new entry of `owner`, before the entry is added, and says who pays it
/// if not the owner.
pub fn reserve_entry(
    view: &mut View<'_>,
    sandwiches: &Sandwiches,
    owner: AccountId,
) -> Result<Option<AccountId>, Unreserved> {
    let account = view.get(owner).ok_or(Unreserved::LowReserve)?;
    if account.subentries() >= SUBENTRIES_MAX {
        return Err(Unreserved::TooManySubentries);
    }
    let Some(sponsor) = sandwiches.sponsor_of(owner) else {
        return if account.available() < reserves(1) { Err(Unreserved::LowReserve) } else { Ok(None) };
    };
    let sponsored = account.sponsored.checked_add(1).ok_or(Unreserved::TooManySponsoring)?;
    take_on(view, sponsor, 1)?;
    if let Some(account) = view.edit(owner) {
        account.sponsored = sponsored;
    }
    Ok(Some(sponsor))
}

/// Sets the two reserves of a new account aside: from its starting balance, or at its sponsor.
pub fn reserve_account(
    view: &mut View<'_>,
    sandwiches: &Sandwiches,
    id: AccountId,
    account: Account,
) -> Result<Account, Unreserved> {
    match sandwiches.sponsor_of(id) {
        None if account.balance < account.minimum_balance() => Err(Unreserved::LowReserve),
        None => Ok(account),
        Some(sponsor) => {
            take_on(view, sponsor, ACCOUNT_RESERVES)?;
            Ok(Account { sponsored: ACCOUNT_RESERVES, sponsor: Some(sponsor), ..account })
        }
    }
}

/// Sets the reserves of a claimable balance aside, and says who pays them: no account owns it, so someone
/// always does.
pub fn reserve_balance(
    view: &mut View<'_>,
    sandwiches: &Sandwiches,
    source: AccountId,
    count: u32,
) -> Result<AccountId, Unreserved> {
    let sponsor = sandwiches.sponsor_of(source).unwrap_or(source);
    take_on(view, sponsor, count)?;
    Ok(sponsor)
}

/// Gives the sponsor of a removed entry its reserve back. `owner` is `None` if the account is gone too.
pub fn release(view: &mut View<'_>, sponsor: AccountId, owner: Option<AccountId>, count: u32) {
    if let Some(payer) = view.edit(sponsor) {
        payer.sponsoring = payer.sponsoring.saturating_sub(count);
    }
    if let Some(owner) = owner.and_then(|owner| view.edit(owner)) {
        owner.sponsored = owner.sponsored.saturating_sub(count);
    }
}
