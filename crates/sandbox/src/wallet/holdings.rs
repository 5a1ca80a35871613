//! What an account holds, and what it could claim.

use serde::Deserialize;
use stellar_types::address::AccountId;
use stellar_types::asset::{Asset, AssetCode};
use stellar_types::money::Stroops;

use super::client::Horizon;
use super::error::WalletError;

/// Most claimable balances that are looked at.
const CLAIMABLE_MAX: &str = "200";

/// What an account holds, XLM first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holdings {
    /// Its balances: one of XLM, and one for each trust line, empty ones too.
    pub balances: Vec<(Asset, Stroops)>,
    /// Claimable balances that name it as a claimant, whether it may claim them now or not.
    pub claimable: Vec<(Asset, Stroops)>,
    /// The assets that the sandbox issues: their codes say enough.
    issued: Vec<Asset>,
}

impl Holdings {
    /// The asset's name: `XLM`, the code of one that the sandbox issues, or `CODE:ISSUER`.
    pub fn name(&self, asset: &Asset) -> String {
        match asset {
            Asset::Native => asset.code().to_owned(),
            Asset::Credit { .. } if self.issued.contains(asset) => asset.code().to_owned(),
            Asset::Credit { .. } => asset.to_string(),
        }
    }
}

#[derive(Deserialize)]
struct HeldAccount {
    balances: Vec<BalanceView>,
}

#[derive(Deserialize)]
struct BalanceView {
    balance: Stroops,
    asset_code: Option<AssetCode>,
    asset_issuer: Option<AccountId>,
}

#[derive(Deserialize)]
struct Page {
    #[serde(rename = "_embedded")]
    embedded: BalanceRecords,
}

#[derive(Deserialize)]
struct BalanceRecords {
    records: Vec<ClaimableView>,
}

#[derive(Deserialize)]
struct ClaimableView {
    asset: Asset,
    amount: Stroops,
}

impl Horizon {
    /// What an account holds, and what it could claim.
    pub async fn holdings(&self, account: AccountId) -> Result<Holdings, WalletError> {
        let issued = self.issued().await?;
        let view: HeldAccount = self.account(account).await?;
        let asset = |of: &BalanceView| match (of.asset_code, of.asset_issuer) {
            (Some(code), Some(issuer)) => Asset::credit(code, issuer),
            _ => Asset::Native,
        };
        let mut balances: Vec<_> = view.balances.iter().map(|of| (asset(of), of.balance)).collect();
        balances.sort_unstable_by_key(|(asset, _)| *asset);
        let mut url = self.path("/claimable_balances");
        url.query_pairs_mut()
            .extend_pairs([("claimant", account.to_string().as_str()), ("limit", CLAIMABLE_MAX)]);
        let page: Page = self.ask(self.http.get(url)).await?;
        let claimable = page.embedded.records.iter().map(|one| (one.asset, one.amount)).collect();
        Ok(Holdings { balances, claimable, issued })
    }
}
