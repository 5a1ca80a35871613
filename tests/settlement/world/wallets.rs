//! People: each is a wallet of that name.

use farmgate::domain::address::{AccountId, Address};
use farmgate::domain::asset::Asset;
use farmgate::domain::money::Stroops;
use farmgate_sandbox::wallet::{Memo, Named, Receipt, WalletError};

use super::{World, amount, wallet};

impl World {
    pub fn named(code: &str) -> Named {
        code.parse().unwrap()
    }

    pub async fn fund(&self, name: &str) {
        let nothing = Stroops::ZERO;
        self.horizon.fund(wallet(name).account(), Named::Asset(Asset::Native), nothing).await.unwrap();
    }

    pub async fn trust(&self, name: &str, code: &str) {
        self.horizon.trust(&wallet(name), Self::named(code)).await.unwrap();
    }

    /// A new person with XLM and 10,000 TFT.
    pub async fn customer(&self, name: &str) {
        self.fund(name).await;
        self.trust(name, "TFT").await;
        self.horizon.fund(wallet(name).account(), Self::named("TFT"), amount("10000")).await.unwrap();
    }

    pub async fn pay(&self, name: &str, to: AccountId, much: Stroops, code: &str) -> Receipt {
        self.try_pay(name, Address::Account(to), much, code).await.unwrap()
    }

    pub async fn try_pay(
        &self,
        name: &str,
        to: Address,
        much: Stroops,
        code: &str,
    ) -> Result<Receipt, WalletError> {
        self.horizon.pay(&wallet(name), to, Self::named(code), much, &Memo::None).await
    }

    pub async fn distrust(&self, name: &str, code: &str) {
        self.horizon.distrust(&wallet(name), Self::named(code)).await.unwrap();
    }

    /// Pays as a sub-account of a person's account.
    pub async fn pay_as_sub_account(&self, name: &str, id: u64, to: AccountId, much: Stroops, code: &str) {
        let payer = wallet(name).as_sub_account(id);
        let to = Address::Account(to);
        self.horizon.pay(&payer, to, Self::named(code), much, &Memo::None).await.unwrap();
    }

    /// What a person holds of an asset; nothing without a trust line.
    pub fn holds(&self, name: &str, code: &str) -> Stroops {
        self.balance(wallet(name).account(), code)
    }

    pub fn balance(&self, account: AccountId, code: &str) -> Stroops {
        let asset = if code == "XLM" { Asset::Native } else { self.asset(code) };
        self.sandbox.sandbox.balance(account, &asset).unwrap_or_default()
    }
}
