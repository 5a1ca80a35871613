//! People who order at whichever process answers, and pay as people do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use farmgate::app::clock::SystemClock;
use farmgate::domain::address::{AccountId, Address};
use farmgate::domain::asset::Asset;
use farmgate::domain::money::Stroops;
use farmgate::ports::clock::Clock;
use farmgate_sandbox::wallet::{Horizon, Memo, Named, Wallet};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::services::PAYMENT_WINDOW_SECONDS;
use crate::children::within_steps;

/// What every customer begins with, in units of TFT.
pub const PURSE_UNITS: u32 = 1_000;
/// How long capacity is ordered for.
pub const DURATION_SECONDS: i64 = 86_400;
/// How long an order is repeated, until something is wrong.
const ORDER_PATIENCE: Duration = Duration::from_secs(100);
/// How long a payment may take until its payer loses patience.
const PAYMENT_PATIENCE: Duration = Duration::from_secs(6);
const PAYMENT_TRIES_MAX: u32 = 4;
/// How long a settlement is waited for, by whoever waits.
const SETTLED_PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    Exact,
    InTwoParts,
    InPart,
    TooMuch,
    Twice,
    TooMuchAsASubAccount,
    WithAFriend,
    InXlmFirst,
    Late,
    OnceMoreAfterwards,
    PaysAndCancels,
    PaysInPartAndCancels,
}

/// In this order, over and over. Those who take longest come first. Many pay more than twice the price: an
/// account must hold enough for whoever would pay twice from it.
pub const HABITS: [Habit; 14] = [
    Habit::Late,
    Habit::InPart,
    Habit::Exact,
    Habit::WithAFriend,
    Habit::TooMuch,
    Habit::PaysAndCancels,
    Habit::OnceMoreAfterwards,
    Habit::InTwoParts,
    Habit::TooMuchAsASubAccount,
    Habit::Exact,
    Habit::InXlmFirst,
    Habit::PaysInPartAndCancels,
    Habit::Twice,
    Habit::Exact,
];

/// What everybody knows.
pub struct Town {
    pub services: Vec<String>,
    pub key: String,
    pub http: reqwest::Client,
    pub horizon: Horizon,
    pub tft: Asset,
}

/// Somebody who orders once.
#[derive(Clone)]
pub struct Customer {
    pub number: usize,
    pub habit: Habit,
    pub wallet: Wallet,
    pub friend: Wallet,
}

/// An order, and what was answered.
#[derive(Debug, Clone)]
pub struct Ordered {
    pub habit: Habit,
    pub request: Value,
    pub request_key: String,
    pub id: String,
    pub escrow: AccountId,
    pub deadline: Timestamp,
    pub amount: Stroops,
    /// What its settlement pays, by recipient's account and stroops.
    pub legs: BTreeMap<(AccountId, i64), u32>,
    pub asked_to_cancel: bool,
}

fn read<T: std::str::FromStr>(value: &Value) -> T {
    let read = value.as_str().and_then(|text| text.parse().ok());
    read.unwrap_or_else(|| panic!("not what was expected: {value}"))
}

impl Town {
    /// Calls the services in turn until one does it. A process may be dead, the database away, an account not
    /// ready yet.
    pub async fn post(&self, path: &str, key: &str, body: &Value, first: usize) -> Value {
        let mut turn = first;
        let mut last = String::new();
        let answering = within_steps(u32::MAX, async || {
            let service = &self.services[turn % self.services.len()];
            turn += 1;
            let call = self.http.post(format!("{service}{path}")).bearer_auth(&self.key);
            let answer = match call.header("Idempotency-Key", key).json(body).send().await {
                Ok(answer) => answer,
                Err(error) => {
                    last = error.to_string();
                    return None;
                }
            };
            let status = answer.status();
            let text = answer.text().await.ok()?;
            if status.is_success() {
                return serde_json::from_str(&text).ok();
            }
            if status == reqwest::StatusCode::CONFLICT {
                return Some(Value::Null);
            }
            last = format!("{status}: {text}");
            None
        });
        let answer = tokio::time::timeout(ORDER_PATIENCE, answering).await.ok().flatten();
        answer.unwrap_or_else(|| panic!("{path} is never answered; the last was {last}"))
    }

    pub async fn get(&self, path: &str) -> Option<Value> {
        for service in &self.services {
            let call = self.http.get(format!("{service}{path}")).bearer_auth(&self.key).send();
            if let Ok(Ok(answer)) = call.await.map(reqwest::Response::error_for_status) {
                return answer.json().await.ok();
            }
        }
        None
    }

    /// Pays, as people do: whoever is not told that it was done does it again. So it may be done more than
    /// once, or never.
    async fn pay(&self, wallet: &Wallet, to: AccountId, asset: Asset, amount: Stroops) {
        for _ in 0..PAYMENT_TRIES_MAX {
            let to = Address::Account(to);
            let paying = self.horizon.pay(wallet, to, Named::Asset(asset), amount, &Memo::None);
            if let Ok(Ok(_)) = tokio::time::timeout(PAYMENT_PATIENCE, paying).await {
                return;
            }
        }
    }

    async fn order(&self, customer: &Customer) -> Ordered {
        let request = json!({
            "customer_id": "1", "nodes": ["1"], "currencies": ["TFT"], "duration_seconds": DURATION_SECONDS,
            "units": { "cu": "1", "su": "0", "ipv4u": "0" },
        });
        let request_key = format!("order-{}", customer.number);
        let made = self.post("/v1/reservations", &request_key, &request, customer.number).await;
        let option = &made["payment_options"][0];
        let mut legs = BTreeMap::new();
        for leg in option["legs"].as_array().expect("legs") {
            *legs.entry((read(&leg["to"]), read::<Stroops>(&leg["amount"]).get())).or_default() += 1;
        }
        Ordered {
            habit: customer.habit,
            request,
            request_key,
            id: read(&made["id"]),
            escrow: read(&made["escrow"]["address"]),
            deadline: read(&made["deadline"]),
            amount: read(&option["amount"]),
            legs,
            asked_to_cancel: false,
        }
    }

    /// Asks for it, at least; it may be funded already.
    async fn cancel(&self, id: &str) {
        let path = format!("/v1/reservations/{id}/cancel");
        self.post(&path, &format!("cancel-{id}"), &Value::Null, 0).await;
    }
}

impl Customer {
    /// Orders, and pays in its way.
    pub async fn live(self, town: Arc<Town>) -> Ordered {
        let mut ordered = town.order(&self).await;
        let (escrow, price, tft) = (ordered.escrow, ordered.amount, town.tft);
        let part = |percent: i64| Stroops::new(price.get() / 100 * percent).unwrap();
        let number = u64::try_from(self.number).unwrap_or_default();
        match self.habit {
            Habit::Exact => town.pay(&self.wallet, escrow, tft, price).await,
            Habit::InTwoParts => {
                town.pay(&self.wallet, escrow, tft, part(30)).await;
                let rest = price.checked_sub(part(30)).unwrap();
                town.pay(&self.wallet, escrow, tft, rest).await;
            }
            Habit::InPart => town.pay(&self.wallet, escrow, tft, part(60)).await,
            Habit::TooMuch => town.pay(&self.wallet, escrow, tft, part(330)).await,
            Habit::Twice => {
                town.pay(&self.wallet, escrow, tft, price).await;
                town.pay(&self.wallet, escrow, tft, price).await;
            }
            Habit::TooMuchAsASubAccount => {
                let sub_account = self.wallet.as_sub_account(number);
                town.pay(&sub_account, escrow, tft, part(270)).await;
            }
            Habit::WithAFriend => {
                let (one, other) = (
                    town.pay(&self.wallet, escrow, tft, part(180)),
                    town.pay(&self.friend, escrow, tft, part(190)),
                );
                futures::join!(one, other);
            }
            Habit::InXlmFirst => {
                town.pay(&self.wallet, escrow, Asset::Native, Stroops::from_units(5)).await;
                town.pay(&self.wallet, escrow, tft, price).await;
            }
            Habit::Late => {
                let window = Duration::from_secs(PAYMENT_WINDOW_SECONDS.into());
                let left = Duration::try_from(ordered.deadline.duration_since(SystemClock.now()));
                SystemClock.sleep(left.unwrap_or_default().min(window) + Duration::from_secs(1)).await;
                town.pay(&self.wallet, escrow, tft, price).await;
            }
            Habit::OnceMoreAfterwards => {
                town.pay(&self.wallet, escrow, tft, price).await;
                let path = format!("/v1/reservations/{}", ordered.id);
                let settled = within_steps(u32::MAX, async || {
                    (town.get(&path).await?["state"] == "settled").then_some(())
                });
                // It may never be, if the payment came too late.
                drop(tokio::time::timeout(SETTLED_PATIENCE, settled).await);
                town.pay(&self.wallet, escrow, tft, part(250)).await;
            }
            Habit::PaysAndCancels => {
                ordered.asked_to_cancel = true;
                futures::join!(town.pay(&self.wallet, escrow, tft, price), town.cancel(&ordered.id));
            }
            Habit::PaysInPartAndCancels => {
                ordered.asked_to_cancel = true;
                town.pay(&self.wallet, escrow, tft, part(40)).await;
                town.cancel(&ordered.id).await;
            }
        }
        ordered
    }
}
