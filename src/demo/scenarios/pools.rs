//! Customers who want more of what they have.

use super::exact::settled;
use crate::demo::error::DemoError;
use crate::demo::grid::{NORTH, SOUTH};
use crate::demo::order::Order;
use crate::demo::scenario::{Scenario, Script, script};

pub(super) const SCRIPTS: &[Script] = &[
    script("Grace", "pays, then pays for another day", |scenario| Box::pin(more(scenario, true))),
    script("Stephen", "pays, then pays for more units", |scenario| Box::pin(more(scenario, false))),
    script("Lotfi", "wants more of a pool that is somebody else's", |scenario| Box::pin(not_his(scenario))),
];

async fn more(scenario: &Scenario, time: bool) -> Result<(), DemoError> {
    const MILLI_CU: i128 = 2_000;
    let (me, _, settled) = settled(scenario, NORTH, "TFT", MILLI_CU).await?;
    let pool = settled["settlement"]["pool_id"].as_str().map(ToOwned::to_owned);
    let as_before = Order::on(NORTH, "TFT", MILLI_CU);
    let order = Order { nodes: Vec::new(), pool: pool.clone(), prolongs: time, ..as_before };
    let ordered = scenario.order(&order).await?;
    scenario.pay_exactly(&me, &ordered).await?;
    let settled = scenario.settles(&ordered).await?;
    let same = settled["settlement"]["pool_id"].as_str() == pool.as_deref();
    scenario.claim("the same pool", same);
    Ok(())
}

async fn not_his(scenario: &Scenario) -> Result<(), DemoError> {
    scenario.me(&["TFT"]).await?;
    let nobodys = Some(scenario.number.to_string());
    let answer = scenario.order(&Order { pool: nobodys, ..Order::on(SOUTH, "TFT", 1_000) }).await;
    scenario.refused(answer, "unknown_pool")
}
