//! Customers who pay what they are asked for.

use serde_json::Value;

use crate::demo::error::DemoError;
use crate::demo::grid::{FREE, NORTH, SOUTH};
use crate::demo::order::{Order, Ordered};
use crate::demo::scenario::{Person, Scenario, Script, script};
use crate::domain::money::Stroops;

pub(super) const SCRIPTS: &[Script] = &[
    script("Ada", "pays exactly", |scenario| Box::pin(exact(scenario, NORTH, "TFT", 1_000))),
    script("Barbara", "pays exactly for two and a half", |scenario| {
        Box::pin(exact(scenario, NORTH, "TFT", 2_500))
    }),
    script("Claude", "pays exactly, in the south", |scenario| Box::pin(exact(scenario, SOUTH, "TFT", 4_000))),
    script("Dennis", "pays exactly, in another token", |scenario| {
        Box::pin(exact(scenario, SOUTH, "TFTA", 1_000))
    }),
    script("Edsger", "pays exactly, for much", |scenario| Box::pin(exact(scenario, NORTH, "TFTA", 8_000))),
    script("Hedy", "pays exactly, for an eighth", |scenario| Box::pin(exact(scenario, SOUTH, "TFT", 125))),
    script("John", "pays a free node with money", |scenario| Box::pin(exact(scenario, FREE, "TFT", 500))),
    script("Ken", "pays exactly, for very much", |scenario| Box::pin(exact(scenario, SOUTH, "TFT", 32_000))),
    script("Leslie", "pays exactly, for the least there is", |scenario| {
        Box::pin(exact(scenario, NORTH, "TFT", 1))
    }),
    script("Vint", "orders only what costs nothing", |scenario| Box::pin(nothing(scenario))),
];

/// Pays exactly what is asked for.
pub(super) async fn exact(
    scenario: &Scenario,
    node: &str,
    code: &'static str,
    milli_cu: i128,
) -> Result<(), DemoError> {
    settled(scenario, node, code, milli_cu).await.map(drop)
}

/// The same; with the customer, and the reservation as it was made and as it is now.
pub(super) async fn settled(
    scenario: &Scenario,
    node: &str,
    code: &'static str,
    milli_cu: i128,
) -> Result<(Person, Ordered, Value), DemoError> {
    let me = scenario.me(&[code]).await?;
    let ordered = scenario.order(&Order::on(node, code, milli_cu)).await?;
    scenario.pay_exactly(&me, &ordered).await?;
    let settled = scenario.settles(&ordered).await?;
    Ok((me, ordered, settled))
}

async fn nothing(scenario: &Scenario) -> Result<(), DemoError> {
    scenario.me(&[]).await?;
    let ordered = scenario.order(&Order { su: 0, ..Order::on(NORTH, "TFT", 0) }).await?;
    let settled = scenario.settles(&ordered).await?;
    let free = ordered.option()?.1 == Stroops::ZERO && settled["settlement"]["transaction"].is_null();
    scenario.claim("settled without a transaction", free);
    scenario.claim("has a pool", settled["settlement"]["pool_id"].is_string());
    Ok(())
}
