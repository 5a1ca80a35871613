//! What an account can give and take of an asset, whatever the asset is.
//!
//! XLM lies on the account, credits on trust lines; an issuer makes and destroys its own credit without end.

use stellar_types::address::AccountId;
use stellar_types::asset::Asset;
use stellar_types::money::Stroops;

use super::state::Authorization;
use super::view::View;

/// What a trust line must be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// To send and receive.
    Full,
    /// To keep its offers, which others take.
    Offers,
}

impl Needs {
    fn met_by(self, authorization: Authorization) -> bool {
        match authorization {
            Authorization::Full => true,
            Authorization::MaintainLiabilities => self == Self::Offers,
            Authorization::None => false,
        }
    }
}

/// Why an account cannot take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untaken {
    /// It does not exist.
    NoAccount,
    /// It has no trust line.
    NoTrust,
    /// The issuer does not allow it.
    NotAuthorized,
    /// It has no room.
    Full,
}

/// Why an account cannot give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ungiven {
    /// It does not exist.
    NoAccount,
    /// It has no trust line.
    NoTrust,
    /// The issuer does not allow it.
    NotAuthorized,
    /// It has too little.
    Underfunded,
}

/// Adds to what an account holds; an issuer destroys what it takes of its own.
pub fn credit(
    view: &mut View<'_>,
    to: AccountId,
    asset: &Asset,
    amount: Stroops,
    needs: Needs,
) -> Result<(), Untaken> {
    match asset {
        Asset::Native => {
            let account = view.edit(to).ok_or(Untaken::NoAccount)?;
            if account.room() < amount {
                return Err(Untaken::Full);
            }
            account.balance = account.balance.checked_add(amount).map_err(|_| Untaken::Full)?;
        }
        Asset::Credit { issuer, .. } if *issuer == to => {}
        Asset::Credit { .. } => {
            let line = view.edit_line(to, asset).ok_or(Untaken::NoTrust)?;
            if !needs.met_by(line.authorization) {
                return Err(Untaken::NotAuthorized);
            }
            if line.room() < amount {
                return Err(Untaken::Full);
            }
            line.balance = line.balance.checked_add(amount).map_err(|_| Untaken::Full)?;
        }
    }
    Ok(())
}

/// Takes from what an account can spend; an issuer makes what it gives of its own.
pub fn debit(
    view: &mut View<'_>,
    from: AccountId,
    asset: &Asset,
    amount: Stroops,
    needs: Needs,
) -> Result<(), Ungiven> {
    match asset {
        Asset::Native => {
            let account = view.edit(from).ok_or(Ungiven::NoAccount)?;
            if account.available() < amount {
                return Err(Ungiven::Underfunded);
            }
            account.balance = account.balance.checked_sub(amount).map_err(|_| Ungiven::Underfunded)?;
        }
        Asset::Credit { issuer, .. } if *issuer == from => {}
        Asset::Credit { .. } => {
            let line = view.edit_line(from, asset).ok_or(Ungiven::NoTrust)?;
            if !needs.met_by(line.authorization) {
                return Err(Ungiven::NotAuthorized);
            }
            if line.available() < amount {
                return Err(Ungiven::Underfunded);
            }
            line.balance = line.balance.checked_sub(amount).map_err(|_| Ungiven::Underfunded)?;
        }
    }
    Ok(())
}

/// The most that an account's offers can sell, in stroops.
pub fn can_sell(view: &View<'_>, id: AccountId, asset: &Asset) -> i64 {
    match asset {
        Asset::Native => view.get(id).map_or(0, |account| account.available().get()),
        Asset::Credit { issuer, .. } if *issuer == id => i64::MAX,
        Asset::Credit { .. } => {
            let line = view.line(id, asset).filter(|line| Needs::Offers.met_by(line.authorization));
            line.map_or(0, |line| line.available().get())
        }
    }
}

/// The most that an account's offers can buy, in stroops.
pub fn can_buy(view: &View<'_>, id: AccountId, asset: &Asset) -> i64 {
    match asset {
        Asset::Native => view.get(id).map_or(0, |account| account.room().get()),
        Asset::Credit { issuer, .. } if *issuer == id => i64::MAX,
        Asset::Credit { .. } => view.line(id, asset).map_or(0, |line| line.room().get()),
    }
}
