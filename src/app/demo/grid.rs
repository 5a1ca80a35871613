//! The grid that the demo's capacity is on: who is paid, the farms, the nodes and the currencies.

use futures::future::try_join_all;
use serde_json::json;

use super::client::Client;
use super::{DemoError, wallet_error};
use crate::domain::asset::Asset;
use crate::domain::money::Stroops;
use crate::reservations::PayoutAccounts;
use crate::sandbox::wallet::{Horizon, Named, Wallet};

/// The currencies: code, USD for one, play money.
pub(super) const CURRENCIES: [(&str, &str, bool); 3] =
    [("TFT", "0.05", false), ("TFTA", "0.05", false), ("FreeTFT", "1", true)];
/// Everybody who is paid.
pub(super) const PAYEES: [&str; 4] = ["foundation", "wisdom", "farmer-north", "farmer-south"];

/// Wallets of the platform and of everybody who is paid, and the assets of the network.
pub(super) struct Grid {
    pub(super) platform: Wallet,
    pub(super) payees: Vec<(&'static str, Wallet)>,
    pub(super) assets: Vec<Asset>,
}

pub(super) fn named(code: &str) -> Result<Named, DemoError> {
    code.parse().map_err(|source| wallet_error(code, source))
}

pub(super) fn wallet(name: &str) -> Result<Wallet, DemoError> {
    name.parse().map_err(|source| wallet_error(name, source))
}

/// A new account with XLM and trust lines.
pub(super) async fn open_wallet(horizon: &Horizon, name: &str, codes: &[&str]) -> Result<Wallet, DemoError> {
    let owner = wallet(name)?;
    let failed = |source| wallet_error(name, source);
    horizon.fund(owner.account(), Named::Asset(Asset::Native), Stroops::ZERO).await.map_err(failed)?;
    for code in codes {
        horizon.trust(&owner, named(code)?).await.map_err(failed)?;
    }
    Ok(owner)
}

impl Grid {
    pub(super) async fn new(horizon: Horizon) -> Result<Self, DemoError> {
        let codes = CURRENCIES.map(|(code, _, _)| code);
        let payees = try_join_all(PAYEES.map(|name| open_wallet(&horizon, name, &codes[..2])));
        let (platform, payees) = futures::try_join!(open_wallet(&horizon, "platform", &[]), payees)?;
        let mut assets = Vec::new();
        for code in codes {
            assets.push(horizon.asset(named(code)?).await.map_err(|source| wallet_error(code, source))?);
        }
        Ok(Self { platform, payees: PAYEES.into_iter().zip(payees).collect(), assets })
    }

    fn account(&self, name: &str) -> Option<crate::domain::address::AccountId> {
        self.payees.iter().find(|(payee, _)| *payee == name).map(|(_, wallet)| wallet.account())
    }

    pub(super) fn payout(&self) -> PayoutAccounts {
        PayoutAccounts { foundation: self.account("foundation"), sales: None, wisdom: self.account("wisdom") }
    }

    /// Tells the service of currencies, farms, nodes and identities.
    pub(super) async fn describe(&self, client: &Client) -> Result<(), DemoError> {
        for ((code, rate, free_only), asset) in CURRENCIES.into_iter().zip(&self.assets) {
            let distribution = free_only.then_some("free");
            let body = json!({
                "asset": asset, "usd_rate": rate, "rate_valid_seconds": 86_400,
                "free_only": free_only, "distribution": distribution,
            });
            client.put(&format!("/v1/currencies/{code}"), &body).await?;
        }
        let owner = super::customers::identity("farm owner", "owner")?;
        client.put("/v1/identities/1", &owner).await?;
        for (id, name, farmer, distribution) in
            [("1", "North", "farmer-north", "grid2"), ("2", "South", "farmer-south", "grid3")]
        {
            let addresses: serde_json::Map<_, _> =
                self.assets.iter().map(|asset| (asset.to_string(), json!(self.account(farmer)))).collect();
            let body = json!({
                "name": name, "owner_id": "1", "payout_addresses": addresses, "distribution": distribution,
            });
            client.put(&format!("/v1/farms/{id}"), &body).await?;
        }
        for (id, farm, free_to_use) in [("1", "1", false), ("2", "2", false), ("3", "1", true)] {
            let body = json!({
                "farm_id": farm, "capacity": { "cu": "64", "su": "64", "ipv4u": "8" }, "free_to_use": free_to_use,
            });
            client.put(&format!("/v1/nodes/{id}"), &body).await?;
        }
        Ok(())
    }
}
