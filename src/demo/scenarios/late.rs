//! Customers who pay late, never, or think better of it.

use super::exact::settled;
use super::parts::half_paid;
use crate::demo::error::DemoError;
use crate::demo::grid::NORTH;
use crate::demo::order::Order;
use crate::demo::scenario::{Scenario, Script, script};

pub(super) const SCRIPTS: &[Script] = &[
    script("Ivan", "never pays", |scenario| Box::pin(never(scenario))),
    script("Radia", "pays when it is too late", |scenario| Box::pin(too_late(scenario))),
    script("Edith", "pays a part in time and the rest too late", |scenario| {
        Box::pin(rest_too_late(scenario))
    }),
    script("Fei-Fei", "pays again when all is settled", |scenario| Box::pin(again(scenario))),
    script("Tony", "cancels before paying", |scenario| Box::pin(cancels(scenario))),
    script("Gladys", "pays half, then cancels", |scenario| Box::pin(cancels_half(scenario))),
    script("Gordon", "cancels, and pays all the same", |scenario| Box::pin(cancels_and_pays(scenario))),
    script("Guido", "pays, and wants to cancel then", |scenario| Box::pin(cancels_too_late(scenario))),
];

async fn never(scenario: &Scenario) -> Result<(), DemoError> {
    scenario.me(&["TFT"]).await?;
    let ordered = scenario.order(&Order::on(NORTH, "TFT", 3_000)).await?;
    scenario.until(&ordered, "expired").await.map(drop)
}

async fn too_late(scenario: &Scenario) -> Result<(), DemoError> {
    let me = scenario.me(&["TFT"]).await?;
    let ordered = scenario.order(&Order::on(NORTH, "TFT", 1_000)).await?;
    scenario.until(&ordered, "expired").await?;
    scenario.pay_exactly(&me, &ordered).await?;
    let (asset, amount) = ordered.option()?;
    scenario.back(&me, asset, amount);
    Ok(())
}

async fn rest_too_late(scenario: &Scenario) -> Result<(), DemoError> {
    let (me, ordered, asset, half) = half_paid(scenario, 1_000).await?;
    scenario.until(&ordered, "refunded").await?;
    scenario.back(&me, asset, half);
    scenario.pay(&me, &ordered, asset, half).await?;
    scenario.back(&me, asset, half);
    Ok(())
}

async fn again(scenario: &Scenario) -> Result<(), DemoError> {
    let (me, ordered, _) = settled(scenario, NORTH, "TFT", 1_000).await?;
    scenario.pay_exactly(&me, &ordered).await?;
    let (asset, amount) = ordered.option()?;
    scenario.back(&me, asset, amount);
    Ok(())
}

async fn cancels(scenario: &Scenario) -> Result<(), DemoError> {
    scenario.me(&["TFT"]).await?;
    let ordered = scenario.order(&Order::on(NORTH, "TFT", 6_000)).await?;
    scenario.cancel(&ordered).await?;
    scenario.until(&ordered, "cancelled").await.map(drop)
}

async fn cancels_half(scenario: &Scenario) -> Result<(), DemoError> {
    let (me, ordered, asset, half) = half_paid(scenario, 1_000).await?;
    scenario.cancel(&ordered).await?;
    let found = scenario.until(&ordered, "refunded").await?;
    scenario.claim("because it was cancelled", found["reason"] == "cancelled");
    scenario.back(&me, asset, half);
    Ok(())
}

async fn cancels_and_pays(scenario: &Scenario) -> Result<(), DemoError> {
    let me = scenario.me(&["TFT"]).await?;
    let ordered = scenario.order(&Order::on(NORTH, "TFT", 1_000)).await?;
    scenario.cancel(&ordered).await?;
    scenario.until(&ordered, "cancelled").await?;
    scenario.pay_exactly(&me, &ordered).await?;
    let (asset, amount) = ordered.option()?;
    scenario.back(&me, asset, amount);
    Ok(())
}

async fn cancels_too_late(scenario: &Scenario) -> Result<(), DemoError> {
    let (_, ordered, _) = settled(scenario, NORTH, "TFT", 1_000).await?;
    let answer = scenario.cancel(&ordered).await;
    scenario.refused(answer, "not_cancellable")
}
