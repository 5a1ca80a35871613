//! The world that customers come to: who is paid, the farms, the nodes, the currencies, and a market.

use futures::future::try_join_all;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::error::{DemoError, wallet_error};
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::money::Stroops;
use crate::reservations::PayoutAccounts;
use farmgate_sandbox::Sandbox;
use farmgate_sandbox::operations::Operation;
use farmgate_sandbox::wallet::{Horizon, Memo, Named, Wallet};

/// How long everything is ordered for, in seconds.
pub(super) const DAY_SECONDS: i64 = 86_400;
/// The currencies: code, US cents for one, play money.
pub(super) const CURRENCIES: [(&str, i64, bool); 3] =
    [("TFT", 5, false), ("TFTA", 5, false), ("FreeTFT", 100, true)];
/// Everybody who is paid by many: the market is paid by those who buy tokens with XLM.
pub(super) const PAYEES: [&str; 5] = ["foundation", "wisdom", "farmer-north", "farmer-south", "market"];
/// The operator's account, whose payments to the platform are capital.
pub(super) const OPERATOR: &str = "operator";
/// What the market sells of TFT, in units, and how many XLM it wants for each.
const MARKET_UNITS: u32 = 100_000;
pub(super) const MARKET_PRICE: i32 = 2;
/// The code whose issuer may freeze it and take it back.
pub(super) const TAKEN_BACK_CODE: &str = "TFTA";

/// Nodes: a paid one and a free one of the farm in the north, a paid one of the farm in the south.
pub(super) const NORTH: &str = "1";
pub(super) const SOUTH: &str = "2";
pub(super) const FREE: &str = "3";

/// Per cent by recipient, as they ship with Farmgate; the farmer is `""`.
type Shares = &'static [(&'static str, i64)];
const GRID2: Shares = &[("", 90), ("foundation", 10)];
const GRID3: Shares = &[("", 10), ("burn", 40), ("foundation", 10), ("wisdom", 40)];
const FREE_SHARES: Shares = &[("burn", 100)];

/// Who gets how much of a payment, by the farm's distribution.
pub(super) fn legs(node: &str, code: &str, amount: Stroops) -> Vec<(&'static str, i64)> {
    let shares = match (code, node) {
        ("FreeTFT", _) => FREE_SHARES,
        (_, SOUTH) => GRID3,
        _ => GRID2,
    };
    let floor = |percent: i64| amount.get() / 100 * percent + amount.get() % 100 * percent / 100;
    let mut legs: Vec<(&str, i64)> = shares.iter().map(|(who, percent)| (*who, floor(*percent))).collect();
    let rest = amount.get() - legs.iter().map(|(_, part)| part).sum::<i64>();
    if let Some((_, first)) = legs.first_mut() {
        *first += rest;
    }
    legs.retain(|(_, part)| *part > 0);
    legs
}

/// Wallets of the platform and of everybody who is paid, and the assets of the network.
pub(super) struct Grid {
    pub(super) platform: Wallet,
    pub(super) payees: Vec<(&'static str, Wallet)>,
    pub(super) assets: Vec<Asset>,
    /// What the market began with.
    pub(super) market: (Asset, Stroops),
}

pub(super) fn wallet(name: &str) -> Result<Wallet, DemoError> {
    name.parse().map_err(|source| wallet_error(name, source))
}

/// An identity whose key is that of a wallet.
pub(super) fn identity(name: &str, wallet: &Wallet) -> Value {
    json!({ "name": name, "public_key": hex::encode(wallet.account().bytes()) })
}

/// A new account with XLM and trust lines.
pub(super) async fn open_wallet(
    horizon: &Horizon,
    name: &str,
    assets: &[Asset],
) -> Result<Wallet, DemoError> {
    let owner = wallet(name)?;
    let failed = |source| wallet_error(name, source);
    horizon.fund(owner.account(), Named::Asset(Asset::Native), Stroops::ZERO).await.map_err(failed)?;
    if !assets.is_empty() {
        let trust = |asset: &Asset| (&owner, Operation::Trust { asset: *asset, limit: Stroops::MAX });
        horizon.act(&assets.iter().map(trust).collect::<Vec<_>>(), &Memo::None).await.map_err(failed)?;
    }
    Ok(owner)
}

impl Grid {
    pub(super) async fn new(horizon: &Horizon, sandbox: &Sandbox) -> Result<Self, DemoError> {
        let known = |code: &str| sandbox.asset(code).ok_or_else(|| DemoError::NoAsset(code.to_owned()));
        let assets = CURRENCIES.iter().map(|(code, _, _)| known(code)).collect::<Result<Vec<_>, _>>()?;
        let issuer =
            sandbox.issuer(TAKEN_BACK_CODE).ok_or_else(|| DemoError::NoAsset(TAKEN_BACK_CODE.to_owned()))?;
        let may = horizon.act(&[(&issuer, Operation::EnableClawback)], &Memo::None).await;
        may.map_err(|source| wallet_error("the issuer", source))?;
        let payees = try_join_all(PAYEES.map(|name| open_wallet(horizon, name, &assets[..2])));
        let (platform, payees) = futures::try_join!(open_wallet(horizon, "platform", &[]), payees)?;
        let payees: Vec<_> = PAYEES.into_iter().zip(payees).collect();
        let market = (assets[0], Stroops::from_units(MARKET_UNITS));
        let grid = Self { platform, payees, assets, market };
        grid.open_market(horizon).await?;
        Ok(grid)
    }

    async fn open_market(&self, horizon: &Horizon) -> Result<(), DemoError> {
        let Some((name, market)) = self.payees.iter().find(|(name, _)| *name == "market") else {
            return Ok(());
        };
        let failed = |source| wallet_error(name, source);
        let (asset, amount) = self.market;
        horizon.fund(market.account(), Named::Asset(asset), amount).await.map_err(failed)?;
        let offer =
            Operation::SellOffer { selling: asset, amount, buying: Asset::Native, price: MARKET_PRICE };
        horizon.act(&[(market, offer)], &Memo::None).await.map_err(failed)?;
        Ok(())
    }

    pub(super) fn asset(&self, code: &str) -> Result<Asset, DemoError> {
        let found = self.assets.iter().find(|asset| asset.code() == code);
        found.copied().ok_or_else(|| DemoError::NoAsset(code.to_owned()))
    }

    pub(super) fn account(&self, name: &str) -> Option<AccountId> {
        self.payees.iter().find(|(payee, _)| *payee == name).map(|(_, wallet)| wallet.account())
    }

    /// The farmer of a node that belongs to everybody's farms.
    pub(super) const fn farmer(node: &str) -> &'static str {
        match node.as_bytes() {
            b"2" => "farmer-south",
            _ => "farmer-north",
        }
    }

    pub(super) fn payout(&self) -> PayoutAccounts {
        PayoutAccounts { foundation: self.account("foundation"), sales: None, wisdom: self.account("wisdom") }
    }

    /// Describes a farm that is paid at one account in every currency.
    pub(super) async fn put_farm(
        &self,
        client: &Client,
        id: &str,
        name: &str,
        distribution: &str,
        farmer: Option<AccountId>,
    ) -> Result<(), DemoError> {
        let addresses: Map<_, _> =
            self.assets.iter().map(|asset| (asset.to_string(), json!(farmer))).collect();
        let body = json!({
            "name": name, "owner_id": "1", "payout_addresses": addresses, "distribution": distribution,
        });
        client.put(&format!("/v1/farms/{id}"), &body).await.map(drop)
    }

    /// Tells the service of currencies, farms, nodes and their owner.
    pub(super) async fn describe(&self, client: &Client, operator: &Client) -> Result<(), DemoError> {
        for ((code, cents, free_only), asset) in CURRENCIES.into_iter().zip(&self.assets) {
            let rate = format!("{}.{:02}", cents / 100, cents % 100);
            let distribution = free_only.then_some("free");
            let body = json!({
                "asset": asset, "usd_rate": rate, "rate_valid_seconds": DAY_SECONDS,
                "free_only": free_only, "distribution": distribution,
            });
            operator.put(&format!("/v1/currencies/{code}"), &body).await?;
        }
        client.put("/v1/identities/1", &identity("farm owner", &wallet("owner")?)).await?;
        self.put_farm(client, "1", "North", "grid2", self.account("farmer-north")).await?;
        self.put_farm(client, "2", "South", "grid3", self.account("farmer-south")).await?;
        for (id, farm, free_to_use) in [(NORTH, "1", false), (SOUTH, "2", false), (FREE, "1", true)] {
            client.put(&format!("/v1/nodes/{id}"), &node(farm, free_to_use)).await?;
        }
        Ok(())
    }
}

/// A node with room for everybody.
pub(super) fn node(farm: &str, free_to_use: bool) -> Value {
    json!({
        "farm_id": farm, "capacity": { "cu": "1024", "su": "256", "ipv4u": "16" }, "free_to_use": free_to_use,
    })
}
