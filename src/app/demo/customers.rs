//! The customers, and what each of them does.

use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::client::Client;
use super::grid::{CURRENCIES, named, open_wallet, wallet};
use super::{DemoError, wallet_error};
use crate::domain::address::{AccountId, Address};
use crate::domain::asset::AssetCode;
use crate::domain::money::Stroops;
use crate::sandbox::wallet::{Horizon, Memo};

/// What every customer has of each currency to begin with, in units.
const PURSE_UNITS: u32 = 10_000;

/// What a customer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Story {
    /// Pays the exact amount.
    Pays,
    /// Pays the exact amount, then extends the pool by a day, and pays that.
    Extends,
    /// Orders, and never pays.
    NeverPays,
}

/// A customer.
pub(super) struct Customer {
    pub(super) name: &'static str,
    pub(super) story: Story,
    number: i64,
    node: &'static str,
    currency: &'static str,
    cu: &'static str,
    seen: Mutex<Seen>,
}

/// What is shown of a customer.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) reservation: String,
    pub(super) asks: String,
    pub(super) state: String,
}

/// One reservation of a customer, as it ended.
pub(super) struct Outcome {
    pub(super) reservation: Value,
    pub(super) paid: Option<Stroops>,
}

/// An identity whose key is that of a wallet.
pub(super) fn identity(name: &str, key_of: &str) -> Result<Value, DemoError> {
    let key = wallet(key_of)?.account();
    Ok(json!({ "name": name, "public_key": hex::encode(key.bytes()) }))
}

/// A dozen customers.
pub(super) fn all() -> Vec<Customer> {
    let names = [
        ("Ada", "1", "TFT", "1", Story::Pays),
        ("Barbara", "1", "TFT", "2.5", Story::Pays),
        ("Claude", "2", "TFT", "4", Story::Pays),
        ("Dennis", "2", "TFTA", "1", Story::Pays),
        ("Edsger", "1", "TFTA", "8", Story::Pays),
        ("Frances", "3", "FreeTFT", "2", Story::Pays),
        ("Grace", "1", "TFT", "16", Story::Extends),
        ("Hedy", "2", "TFT", "0.125", Story::Pays),
        ("Ivan", "1", "TFT", "3", Story::NeverPays),
        ("John", "3", "TFT", "0.5", Story::Pays),
        ("Ken", "2", "TFT", "32", Story::Pays),
        ("Leslie", "1", "TFT", "0.001", Story::Pays),
    ];
    (101..)
        .zip(names)
        .map(|(number, (name, node, currency, cu, story))| {
            let seen = Mutex::default();
            Customer { name, story, number, node, currency, cu, seen }
        })
        .collect()
}

impl Customer {
    fn wallet_name(&self) -> String {
        format!("customer-{}", self.number)
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn see(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Gets a wallet with money in it, and an identity.
    pub(super) async fn prepare(&self, horizon: &Horizon, client: &Client) -> Result<(), DemoError> {
        let codes = CURRENCIES.map(|(code, _, _)| code);
        let wallet = open_wallet(horizon, &self.wallet_name(), &codes).await?;
        for code in codes {
            let purse = Stroops::from_units(PURSE_UNITS);
            let given = horizon.fund(wallet.account(), named(code)?, purse).await;
            given.map_err(|source| wallet_error(self.name, source))?;
        }
        let path = format!("/v1/identities/{}", self.number);
        client.put(&path, &identity(self.name, &self.wallet_name())?).await?;
        self.see(|seen| seen.state = "ready".to_owned());
        Ok(())
    }

    /// Does what the customer does, to the end.
    pub(super) async fn live(&self, horizon: &Horizon, client: &Client) -> Result<Vec<Outcome>, DemoError> {
        let order = json!({
            "customer_id": self.number.to_string(), "nodes": [self.node], "units": { "cu": self.cu, "su": "1", "ipv4u": "0" },
            "duration_seconds": 86_400, "currencies": [self.currency],
        });
        let first = self.order(horizon, client, &order).await?;
        let mut outcomes = vec![first];
        if self.story == Story::Extends {
            let order = json!({
                "customer_id": self.number.to_string(), "duration_seconds": 86_400, "currencies": [self.currency],
                "pool_id": outcomes[0].reservation["settlement"]["pool_id"],
            });
            outcomes.push(self.order(horizon, client, &order).await?);
        }
        Ok(outcomes)
    }

    async fn order(&self, horizon: &Horizon, client: &Client, order: &Value) -> Result<Outcome, DemoError> {
        let made = client.post("/v1/reservations", order).await?;
        let unclear = |field: &str| DemoError::Api {
            what: "the answer to POST /v1/reservations".to_owned(),
            reason: format!("{field} is missing"),
        };
        let text = |value: &Value, field: &str| -> Result<String, DemoError> {
            value.as_str().map(ToOwned::to_owned).ok_or_else(|| unclear(field))
        };
        let id = text(&made["id"], "id")?;
        let option = &made["payment_options"][0];
        let amount: Stroops = text(&option["amount"], "amount")?.parse().map_err(|_| unclear("amount"))?;
        let escrow: AccountId =
            text(&made["escrow"]["address"], "escrow")?.parse().map_err(|_| unclear("escrow"))?;
        let code: AssetCode =
            text(&option["currency"], "currency")?.parse().map_err(|_| unclear("currency"))?;
        self.see(|seen| {
            *seen = Seen { reservation: id.clone(), asks: format!("{amount} {code}"), state: String::new() };
        });
        let see = |state: &str| self.see(|seen| state.clone_into(&mut seen.state));
        if self.story == Story::NeverPays {
            let reservation = client.until(&id, &["expired", "settled"], see).await?;
            return Ok(Outcome { reservation, paid: None });
        }
        let payer = wallet(&self.wallet_name())?;
        let memo = Memo::Text(format!("p-{id}"));
        let paid = horizon.pay(&payer, Address::Account(escrow), named(code.as_str())?, amount, &memo).await;
        paid.map_err(|source| wallet_error(self.name, source))?;
        let ended = ["settled", "expired", "held", "refunding"];
        let reservation = client.until(&id, &ended, see).await?;
        Ok(Outcome { reservation, paid: Some(amount) })
    }
}
