//! Scenario money: burned, and good for free nodes only.

use super::exact::{exact, settled};
use crate::demo::error::DemoError;
use crate::demo::grid::{FREE, NORTH, node};
use crate::demo::order::Order;
use crate::demo::scenario::{Scenario, Script, script};

pub(super) const SCRIPTS: &[Script] = &[
    script("Frances", "pays a free node with FreeTFT: burned", |scenario| {
        Box::pin(exact(scenario, FREE, "FreeTFT", 2_000))
    }),
    script("Lars", "wants a paid node for FreeTFT", |scenario| Box::pin(paid_node(scenario))),
    script("Lynn", "has a pool for FreeTFT and wants it on a paid node", |scenario| {
        Box::pin(widens(scenario))
    }),
    script("Marvin", "has a pool for FreeTFT, and its node is to cost money", |scenario| {
        Box::pin(no_more(scenario))
    }),
];

async fn paid_node(scenario: &Scenario) -> Result<(), DemoError> {
    scenario.me(&["FreeTFT"]).await?;
    let answer = scenario.order(&Order::on(NORTH, "FreeTFT", 1_000)).await;
    scenario.refused(answer, "currency_for_free_nodes_only")
}

async fn widens(scenario: &Scenario) -> Result<(), DemoError> {
    let (_, _, settled) = settled(scenario, FREE, "FreeTFT", 1_000).await?;
    let pool = settled["settlement"]["pool_id"].as_str().map(ToOwned::to_owned);
    let answer = scenario.order(&Order { pool, ..Order::on(NORTH, "TFT", 1_000) }).await;
    scenario.refused(answer, "paid_node_in_free_pool")
}

async fn no_more(scenario: &Scenario) -> Result<(), DemoError> {
    exact(scenario, FREE, "FreeTFT", 1_500).await?;
    let answer = scenario.fixture.explorer.put(&format!("/v1/nodes/{FREE}"), &node("1", false)).await;
    scenario.refused(answer, "node_under_free_pool")
}
