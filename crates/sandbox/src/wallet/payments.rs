//! What came to an account, and what was said with it.

use serde::Deserialize;

use super::client::Horizon;
use super::error::WalletError;
use stellar_types::address::AccountId;
use stellar_types::money::Stroops;

/// Most payments that are looked at, the latest.
const PAYMENTS_MAX: &str = "50";

/// A payment that came.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Received {
    /// Who sent it.
    pub from: AccountId,
    /// Who got it.
    pub to: AccountId,
    /// Which of that account's sub-accounts.
    pub to_muxed_id: Option<String>,
    /// How much.
    pub amount: Stroops,
    /// The transaction it is in.
    pub transaction: Said,
}

/// What a transaction says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Said {
    /// `none`, `text`, `id`, `hash` or `return`.
    pub memo_type: String,
    /// The memo.
    pub memo: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    #[serde(rename = "_embedded")]
    embedded: Records,
}

#[derive(Deserialize)]
struct Records {
    records: Vec<serde_json::Value>,
}

impl Horizon {
    /// The latest plain payments to an account, the last one first.
    pub async fn received(&self, account: AccountId) -> Result<Vec<Received>, WalletError> {
        let mut url = self.path(&format!("/accounts/{account}/payments"));
        url.query_pairs_mut().extend_pairs([
            ("order", "desc"),
            ("limit", PAYMENTS_MAX),
            ("join", "transactions"),
        ]);
        let page: Page = self.ask(self.http.get(url)).await?;
        let plain = page.embedded.records.into_iter().filter(|record| record["type"] == "payment");
        let unreadable = |error: serde_json::Error| WalletError::Answer {
            horizon: self.url.clone(),
            reason: error.to_string(),
        };
        let all: Result<Vec<Received>, _> = plain.map(serde_json::from_value).collect();
        Ok(all.map_err(unreadable)?.into_iter().filter(|one| one.to == account).collect())
    }
}
