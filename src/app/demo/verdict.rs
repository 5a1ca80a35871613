//! The end of the demo: is everybody's money where it should be?

use std::collections::BTreeMap;
use std::sync::Arc;

use comfy_table::{Table, presets};
use serde_json::Value;

use super::DemoError;
use super::customers::{Customer, Outcome, Story};
use super::grid::Grid;
use super::view::{View, table};
use crate::app::commands;
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::money::Stroops;
use crate::operator::reconcile;
use crate::ports::network::Network;
use crate::ports::store::Store;
use crate::sandbox::Sandbox;

/// What payees should have got, and customers spent: by account and asset, in stroops.
type Sums = BTreeMap<(AccountId, Asset), i64>;

/// What is looked at in the end.
pub(super) struct Scene<'demo> {
    pub(super) view: View,
    pub(super) sandbox: &'demo Sandbox,
    pub(super) store: &'demo Arc<dyn Store>,
    pub(super) network: &'demo dyn Network,
    pub(super) grid: &'demo Grid,
    pub(super) customers: &'demo [Customer],
}

impl Scene<'_> {
    /// Prints where everybody stands and what adds up; true if all of it does.
    pub(super) async fn tell(&self, outcomes: &[Vec<Outcome>]) -> Result<bool, DemoError> {
        self.view.line(&table(self.customers).to_string())?;
        let stories = self.stories(outcomes)?;
        self.view.line("\nwho was paid")?;
        let payees = self.payees(outcomes)?;
        self.view.line("\nthe journal beside the ledger, account by account")?;
        let reconciliation = reconcile(self.store, self.network).await?;
        self.view.line(&commands::table(&reconciliation))?;
        let good = stories && payees && reconciliation.balances();
        let verdict = if good { "everything adds up" } else { "something does NOT add up" };
        self.view.line(&format!("\n{verdict}"))?;
        Ok(good)
    }

    /// Every reservation is where its customer's story leads.
    fn stories(&self, outcomes: &[Vec<Outcome>]) -> Result<bool, DemoError> {
        let mut good = true;
        for (customer, outcomes) in self.customers.iter().zip(outcomes) {
            let (count, expected) = match customer.story {
                Story::Pays => (1, "settled"),
                Story::Extends => (2, "settled"),
                Story::NeverPays => (1, "expired"),
            };
            let as_told = outcomes.len() == count
                && outcomes.iter().all(|outcome| outcome.reservation["state"] == expected);
            if !as_told {
                self.view.line(&format!("{} should have {count} {expected}", customer.name))?;
                good = false;
            }
        }
        Ok(good)
    }

    /// Everybody who is paid has the sum of the legs that were quoted to customers who paid.
    fn payees(&self, outcomes: &[Vec<Outcome>]) -> Result<bool, DemoError> {
        let due = due(outcomes)?;
        let mut good = true;
        let mut shown = Table::new();
        shown.load_preset(presets::UTF8_BORDERS_ONLY).set_header(["who", "asset", "due", "has", ""]);
        for asset in &self.grid.assets {
            for (name, wallet) in &self.grid.payees {
                let account = wallet.account();
                let due = due.get(&(account, *asset)).copied().unwrap_or_default();
                let has = self.sandbox.balance(account, asset).unwrap_or_default().get();
                if due != 0 || has != 0 {
                    good &= self.row(&mut shown, name, asset, due, has);
                }
            }
        }
        let spent: i64 = outcomes.iter().flatten().filter_map(|o| o.paid).map(Stroops::get).sum();
        let paid_out: i64 = due.values().sum();
        self.view.line(&shown.to_string())?;
        let agrees = if spent == paid_out { "ok" } else { "DIFFERS" };
        let (spent, paid_out) = (commands::signed(spent), commands::signed(paid_out));
        self.view.line(&format!("customers paid {spent}, payees and burns are due {paid_out}: {agrees}"))?;
        Ok(good && agrees == "ok")
    }

    fn row(&self, shown: &mut Table, who: &str, asset: &Asset, due: i64, has: i64) -> bool {
        let agrees = due == has;
        let mark = if agrees { "ok" } else { "DIFFERS" };
        shown.add_row([who, asset.code(), &commands::signed(due), &commands::signed(has), mark]);
        agrees
    }
}

/// The legs of every option that was paid.
fn due(outcomes: &[Vec<Outcome>]) -> Result<Sums, DemoError> {
    let mut due = Sums::new();
    for outcome in outcomes.iter().flatten().filter(|outcome| outcome.paid.is_some()) {
        let option = &outcome.reservation["payment_options"][0];
        let asset: Asset = read(&option["asset"])?;
        for leg in option["legs"].as_array().into_iter().flatten() {
            let amount: Stroops = read(&leg["amount"])?;
            *due.entry((read(&leg["to"])?, asset)).or_default() += amount.get();
        }
    }
    Ok(due)
}

fn read<T: std::str::FromStr>(value: &Value) -> Result<T, DemoError> {
    value.as_str().and_then(|text| text.parse().ok()).ok_or_else(|| DemoError::Api {
        what: "a reservation".to_owned(),
        reason: format!("{value} is not what the API says it is"),
    })
}
