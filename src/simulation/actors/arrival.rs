//! How actors get their accounts, trust lines and money before a run.

use super::Actors;
use super::cast::{CUSTOMERS, LEAVERS, MARKET, MERGERS, PLATFORM, TREASURY, account, everybody, key};
use crate::domain::address::Address;
use crate::domain::asset::Asset;
use crate::domain::money::Stroops;
use farmgate_sandbox::faucet::{Gift, GiftError};
use farmgate_sandbox::operations::Operation;

/// Tokens that each payer begins with.
const PURSE: Stroops = Stroops::from_units(100_000);
/// What the market offers.
const STOCK: Stroops = Stroops::from_units(10_000_000);

impl Actors {
    /// Gives everybody an account, trust lines and money, and leaves the platform with so many XLM if that is
    /// told; closes the ledgers that takes.
    pub(in crate::simulation) fn arrive(
        &self,
        platform_xlm: Option<Stroops>,
        mut close: impl FnMut(),
    ) -> Result<(), String> {
        let failed = |error: GiftError| error.to_string();
        for name in everybody() {
            self.sandbox.give(Gift::Account(account(name))).map_err(failed)?;
        }
        close();
        for name in everybody().filter(|name| *name != PLATFORM) {
            let key = key(name).ok_or_else(|| format!("{name} is no name"))?;
            let limit = Stroops::MAX;
            let acts = [self.tft, self.tfta, self.play].map(|asset| Operation::Trust { asset, limit });
            self.sandbox.act(&key, &acts).map_err(|error| error.to_string())?;
        }
        self.sandbox.act(&self.issuer, &[Operation::EnableClawback]).map_err(|error| error.to_string())?;
        close();
        for name in CUSTOMERS.into_iter().chain(LEAVERS).chain(MERGERS).chain([MARKET]) {
            let amount = if name == MARKET { STOCK } else { PURSE };
            for code in ["TFT", "TFTA", "FreeTFT"] {
                let code = code.parse().map_err(|_| "no code".to_owned())?;
                self.sandbox.give(Gift::Tokens { code, to: account(name).into(), amount }).map_err(failed)?;
            }
        }
        close();
        let key = key(MARKET).ok_or_else(|| format!("{MARKET} is no name"))?;
        let offer = Operation::SellOffer { selling: self.tft, amount: STOCK, buying: self.tfta, price: 1 };
        self.sandbox.act(&key, &[offer]).map_err(|error| error.to_string())?;
        if let Some(left) = platform_xlm {
            self.impoverish(left)?;
        }
        close();
        Ok(())
    }

    fn impoverish(&self, left: Stroops) -> Result<(), String> {
        let has = self.sandbox.balance(account(PLATFORM), &Asset::Native).unwrap_or(Stroops::ZERO);
        let amount = has.checked_sub(left).map_err(|error| error.to_string())?;
        let to = Address::Account(account(TREASURY));
        let key = key(PLATFORM).ok_or_else(|| format!("{PLATFORM} is no name"))?;
        let pay = Operation::Pay { to, asset: Asset::Native, amount };
        self.sandbox.act(&key, &[pay]).map(drop).map_err(|error| error.to_string())
    }
}
