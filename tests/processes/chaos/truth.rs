//! What the ledger says became of everybody's money, beside what should have, by what was ordered and sent.
//!
//! Read over Horizon's API from the sandbox's own history: the service's tables are only asked what they say
//! of it.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use farmgate::domain::address::AccountId;
use farmgate::domain::money::Stroops;
use jiff::Timestamp;
use serde_json::Value;

use super::customers::{Customer, DURATION_SECONDS, Ordered, PURSE_UNITS, Town};

/// Most pages of the network's history: two hundred records each.
const PAGES_MAX: u32 = 200;

/// Money that came to an account of the service.
struct Inflow {
    operation: String,
    transaction: String,
    closed_at: Timestamp,
    from: Party,
    to: String,
    asset: String,
    amount: i64,
}

/// An account and, of a sub-account, its number.
type Party = (String, Option<String>);
/// What goes back: of which transaction, to whom, in what.
type ReturnKey = (String, Party, String);

/// The ledger's history, as far as it is about the service's accounts.
pub struct Truth {
    horizon: String,
    http: reqwest::Client,
    platform: String,
    inflows: Vec<Inflow>,
    returned: BTreeMap<ReturnKey, i64>,
    /// By the account that paid: to whom and how much of TFT.
    legs: BTreeMap<String, BTreeMap<(AccountId, i64), u32>>,
    strange: Vec<String>,
}

/// How reservations ended.
pub type Ends = BTreeMap<String, usize>;

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn stroops(value: &Value) -> i64 {
    let read = value.as_str().and_then(|text| text.parse::<Stroops>().ok());
    read.unwrap_or_else(|| panic!("no amount: {value}")).get()
}

fn asset(record: &Value) -> String {
    match record["asset_type"].as_str() {
        Some("native") => "native".to_owned(),
        Some(_) | None => format!("{}:{}", text(&record["asset_code"]), text(&record["asset_issuer"])),
    }
}

/// The transaction that a return names, in hexadecimal digits.
fn returns(record: &Value) -> Option<String> {
    let said = &record["transaction"];
    if said["memo_type"] != "return" {
        return None;
    }
    Some(hex::encode(STANDARD.decode(said["memo"].as_str()?).ok()?))
}

impl Truth {
    /// Reads all that ever was paid.
    pub async fn read(horizon: &str, http: &reqwest::Client, platform: AccountId) -> Self {
        let platform = platform.to_string();
        let mut truth = Self {
            horizon: horizon.to_owned(),
            http: http.clone(),
            platform: platform.clone(),
            inflows: Vec::new(),
            returned: BTreeMap::new(),
            legs: BTreeMap::new(),
            strange: Vec::new(),
        };
        let mut ours = BTreeSet::from([platform.clone()]);
        let mut cursor = String::new();
        for _ in 0..PAGES_MAX {
            let path = format!("/payments?order=asc&limit=200&join=transactions&cursor={cursor}");
            let page = truth.get(&path).await.expect("the network's history");
            let records = page["_embedded"]["records"].as_array().expect("records").clone();
            let Some(last) = records.last() else { return truth };
            cursor = text(&last["paging_token"]);
            for record in &records {
                match record["type"].as_str() {
                    Some("create_account") if record["funder"] == platform.as_str() => {
                        ours.insert(text(&record["account"]));
                    }
                    Some("payment") => truth.take(record, &ours),
                    Some("create_account") => {}
                    Some("account_merge") if ours.contains(&text(&record["into"])) => {}
                    Some(_) | None => truth.strange.push(format!("nobody should have done this: {record}")),
                }
            }
        }
        panic!("the network's history does not end");
    }

    async fn get(&self, path: &str) -> Option<Value> {
        let answer = self.http.get(format!("{}{path}", self.horizon)).send().await.unwrap();
        if answer.status() == reqwest::StatusCode::NOT_FOUND {
            return None;
        }
        Some(answer.error_for_status().unwrap().json().await.unwrap())
    }

    fn take(&mut self, record: &Value, ours: &BTreeSet<String>) {
        let party = |who: &str| {
            let sub_account = record[format!("{who}_muxed_id")].as_str().map(str::to_owned);
            (text(&record[who]), sub_account)
        };
        let (from, to, amount) = (party("from"), party("to"), stroops(&record["amount"]));
        match (ours.contains(&from.0), ours.contains(&to.0)) {
            (false, true) => self.inflows.push(Inflow {
                operation: text(&record["id"]),
                transaction: text(&record["transaction_hash"]),
                closed_at: text(&record["created_at"]).parse().unwrap(),
                from,
                to: to.0,
                asset: asset(record),
                amount,
            }),
            (true, false) => match returns(record) {
                Some(returned) => *self.returned.entry((returned, to, asset(record))).or_default() += amount,
                None => {
                    let legs = self.legs.entry(from.0).or_default();
                    *legs.entry((to.0.parse().unwrap(), amount)).or_default() += 1;
                }
            },
            (true, true) | (false, false) => {}
        }
    }

    /// How much of each payment the settlement of a reservation keeps; `None` if it was not paid for in time.
    fn kept<'t>(&'t self, ordered: &Ordered, tft: &str) -> Option<BTreeMap<&'t str, i64>> {
        let escrow = ordered.escrow.to_string();
        let came: Vec<&Inflow> =
            self.inflows.iter().filter(|inflow| inflow.to == escrow && inflow.asset == tft).collect();
        let mut missing = ordered.amount.get();
        let mut kept = BTreeMap::new();
        for inflow in came.iter().filter(|inflow| inflow.closed_at <= ordered.deadline) {
            let part = inflow.amount.min(missing);
            missing -= part;
            kept.insert(inflow.operation.as_str(), part);
        }
        (missing == 0).then_some(kept)
    }

    /// All that is not as it must be.
    pub async fn findings(
        &self,
        town: &Town,
        orders: &[Ordered],
        customers: &[Customer],
    ) -> (Vec<String>, Ends) {
        let mut findings = self.strange.clone();
        let mut ends = Ends::new();
        let tft = town.tft.to_string();
        let mut expected: BTreeMap<ReturnKey, i64> = BTreeMap::new();
        for inflow in &self.inflows {
            let key = (inflow.transaction.clone(), inflow.from.clone(), inflow.asset.clone());
            *expected.entry(key).or_default() += inflow.amount;
        }
        let mut spent: BTreeMap<&str, i64> = BTreeMap::new();
        let mut earned: BTreeMap<AccountId, i64> = BTreeMap::new();
        for ordered in orders {
            let name = format!("reservation {} ({:?})", ordered.id, ordered.habit);
            let stored = town.get(&format!("/v1/reservations/{}", ordered.id)).await.unwrap_or_default();
            let state = text(&stored["state"]);
            *ends.entry(state.clone()).or_default() += 1;
            let kept = self.kept(ordered, &tft);
            let settled = state == "settled";
            if !matches!(state.as_str(), "settled" | "refunded" | "expired" | "cancelled") {
                findings.push(format!("{name} has not ended: it is {state:?}"));
            }
            if kept.is_some() && !settled && !ordered.asked_to_cancel {
                findings.push(format!("{name} was paid for in time, and is {state}"));
            }
            if settled && kept.is_none() {
                findings.push(format!("{name} is settled, and was not paid for in time"));
            }
            let paid = self.legs.get(&ordered.escrow.to_string()).cloned().unwrap_or_default();
            let due = if settled { ordered.legs.clone() } else { BTreeMap::new() };
            if paid != due {
                findings.push(format!("{name}, {state}, paid out {paid:?}, and should have paid {due:?}"));
            }
            for ((to, amount), count) in &due {
                *earned.entry(*to).or_default() += amount * i64::from(*count);
            }
            for (operation, part) in kept.filter(|_| settled).unwrap_or_default() {
                let inflow = self.inflows.iter().find(|inflow| inflow.operation == operation).unwrap();
                let key = (inflow.transaction.clone(), inflow.from.clone(), inflow.asset.clone());
                *expected.entry(key).or_default() -= part;
                *spent.entry(inflow.from.0.as_str()).or_default() += part;
            }
            if self.get(&format!("/accounts/{}", ordered.escrow)).await.is_some() {
                findings.push(format!("{name} has ended, and its account {} is not closed", ordered.escrow));
            }
            findings.extend(self.attribution(town, ordered, &name).await);
        }
        findings.extend(self.returns(expected));
        let paid: BTreeSet<String> = orders.iter().map(|ordered| ordered.escrow.to_string()).collect();
        for account in self.legs.keys().filter(|account| !paid.contains(*account)) {
            findings.push(format!("{account}, of no reservation, paid somebody: {:?}", self.legs[account]));
        }
        for wallet in customers.iter().flat_map(|customer| [&customer.wallet, &customer.friend]) {
            let account = wallet.account().to_string();
            let purse = Stroops::from_units(PURSE_UNITS).get();
            let due = purse - spent.get(account.as_str()).copied().unwrap_or(0);
            findings.extend(self.has(&account, &tft, due).await);
        }
        for (payee, due) in earned {
            findings.extend(self.has(&payee.to_string(), &tft, due).await);
        }
        findings.extend(self.aside().await);
        findings.extend(pools(town, orders, &ends).await);
        (findings, ends)
    }

    /// Every payer got back what was not kept, to the stroop.
    fn returns(&self, mut expected: BTreeMap<ReturnKey, i64>) -> Vec<String> {
        for (key, went) in &self.returned {
            *expected.entry(key.clone()).or_default() -= went;
        }
        let wrong = expected.into_iter().filter(|(_, difference)| *difference != 0);
        wrong
            .map(|((transaction, to, asset), difference)| {
                let (much, which) = (difference.abs(), if difference > 0 { "little" } else { "much" });
                format!("{much} stroops of {asset} too {which} went back to {to:?} for {transaction}")
            })
            .collect()
    }

    /// What a reservation is said to have been paid, and what the ledger says.
    async fn attribution(&self, town: &Town, ordered: &Ordered, name: &str) -> Vec<String> {
        let escrow = ordered.escrow.to_string();
        let came = self.inflows.iter().filter(|inflow| inflow.to == escrow);
        let came: Vec<String> = came.map(|inflow| format!("{}-0", inflow.operation)).collect();
        let stored = town.get(&format!("/v1/reservations/{}/payments?limit=100", ordered.id)).await;
        let stored = stored.unwrap_or_default()["items"].as_array().cloned().unwrap_or_default();
        let stored: Vec<String> = stored.iter().map(|payment| text(&payment["id"])).collect();
        if came == stored {
            Vec::new()
        } else {
            vec![format!("{name} was paid {came:?}, and knows of {stored:?}")]
        }
    }

    /// Whether somebody has exactly this.
    async fn has(&self, account: &str, asset_due: &str, due: i64) -> Option<String> {
        let found = self.get(&format!("/accounts/{account}")).await.unwrap_or_default();
        let balances = found["balances"].as_array().cloned().unwrap_or_default();
        let balance = balances.iter().find(|balance| asset(balance) == asset_due);
        let has = balance.map_or(0, |balance| stroops(&balance["balance"]));
        (has != due).then(|| format!("{account} has {has} stroops of TFT, and should have {due}"))
    }

    /// Everybody here can be paid, so nothing may stand in claimable balances.
    async fn aside(&self) -> Option<String> {
        let page = self.get(&format!("/claimable_balances?sponsor={}", self.platform)).await?;
        let records = page["_embedded"]["records"].as_array()?;
        (!records.is_empty()).then(|| format!("claimable balances were made: {records:?}"))
    }
}

/// Each settled reservation has one grant of what was paid for, and nobody else has any.
async fn pools(town: &Town, orders: &[Ordered], ends: &Ends) -> Vec<String> {
    let mut findings = Vec::new();
    let page = town.get("/v1/pools?limit=100").await.unwrap_or_default();
    let mut grants: BTreeMap<String, u32> = BTreeMap::new();
    for grant in
        page["items"].as_array().into_iter().flatten().flat_map(|pool| pool["grants"].as_array()).flatten()
    {
        *grants.entry(text(&grant["reservation_id"])).or_default() += 1;
        let [from, until] = ["from", "until"].map(|end| text(&grant[end]).parse::<Timestamp>().unwrap());
        let seconds = until.as_second() - from.as_second();
        let cu = grant["units"]["cu"].as_str().unwrap_or_default();
        if seconds != DURATION_SECONDS || cu.split('.').next() != Some("1") {
            findings.push(format!("a grant is not what was ordered: {grant}"));
        }
    }
    let settled = ends.get("settled").copied().unwrap_or(0);
    if grants.len() != settled || grants.values().any(|count| *count != 1) {
        findings.push(format!("{settled} are settled, and these have grants: {grants:?}"));
    }
    for id in grants.keys().filter(|id| orders.iter().all(|ordered| ordered.id != **id)) {
        findings.push(format!("a pool has a grant of {id}, which nobody ordered"));
    }
    findings
}
