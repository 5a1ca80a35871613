//! Too much, too little, in parts, by several, and in the wrong token.

use super::amounts::{less, percent, plus};
use crate::demo::error::DemoError;
use crate::demo::grid::{NORTH, SOUTH};
use crate::demo::order::{Order, Ordered};
use crate::demo::scenario::{Person, Scenario, Script, script};
use crate::domain::address::Address;
use crate::domain::asset::Asset;
use crate::domain::money::Stroops;
use farmgate_sandbox::operations::Operation;

pub(super) const SCRIPTS: &[Script] = &[
    script("Margaret", "pays five units too much", |scenario| Box::pin(too_much(scenario))),
    script("Niklaus", "pays half and no more", |scenario| Box::pin(too_little(scenario))),
    script("Adele", "pays in three parts", |scenario| Box::pin(in_parts(scenario))),
    script("Alonzo", "pays in ten parts, in one transaction", |scenario| Box::pin(at_once(scenario))),
    script("Anita", "pays half, a friend the other half", |scenario| Box::pin(in_halves(scenario))),
    script("Brian", "pays, and so does a friend", |scenario| Box::pin(twice(scenario))),
    script("Carol", "pays most, a friend as much: the last to pay gets the excess", |scenario| {
        Box::pin(excess(scenario))
    }),
    script("Cynthia", "pays a part, a friend a part, and it is not enough", |scenario| {
        Box::pin(not_enough(scenario))
    }),
    script("Dana", "pays in both currencies that would do", |scenario| Box::pin(both_options(scenario))),
    script("Sophie", "pays in the wrong token first", |scenario| Box::pin(wrong_first(scenario))),
    script("Donald", "pays in the wrong token only", |scenario| Box::pin(wrong_only(scenario))),
];

const EXTRA_UNITS: u32 = 5;

async fn too_much(scenario: &Scenario) -> Result<(), DemoError> {
    let me = scenario.me(&["TFT"]).await?;
    let ordered = scenario.order(&Order::on(NORTH, "TFT", 1_000)).await?;
    let (asset, amount) = ordered.option()?;
    let extra = Stroops::from_units(EXTRA_UNITS);
    scenario.pay(&me, &ordered, asset, plus(amount, extra)?).await?;
    scenario.settles(&ordered).await?;
    scenario.back(&me, asset, extra);
    Ok(())
}

/// Somebody pays half of what is asked for: who, for what, in what, and how much.
pub(super) async fn half_paid(
    scenario: &Scenario,
    milli_cu: i128,
) -> Result<(Person, Ordered, Asset, Stroops), DemoError> {
    let me = scenario.me(&["TFT"]).await?;
    let ordered = scenario.order(&Order::on(SOUTH, "TFT", milli_cu)).await?;
    let (asset, amount) = ordered.option()?;
    let half = percent(amount, 50);
    scenario.pay(&me, &ordered, asset, half).await?;
    Ok((me, ordered, asset, half))
}

async fn too_little(scenario: &Scenario) -> Result<(), DemoError> {
    let (me, ordered, asset, half) = half_paid(scenario, 2_000).await?;
    scenario.until(&ordered, "refunded").await?;
    scenario.back(&me, asset, half);
    Ok(())
}

async fn in_parts(scenario: &Scenario) -> Result<(), DemoError> {
    let me = scenario.me(&["TFT"]).await?;
    let ordered = scenario.order(&Order::on(SOUTH, "TFT", 3_000)).await?;
    let (asset, amount) = ordered.option()?;
    let (one, two) = (percent(amount, 20), percent(amount, 30));
    for part in [one, two, less(less(amount, one), two)] {
        scenario.pay(&me, &ordered, asset, part).await?;
    }
    scenario.settles(&ordered).await.map(drop)
}

async fn at_once(scenario: &Scenario) -> Result<(), DemoError> {
    const PARTS: i64 = 10;
    let me = scenario.me(&["TFT"]).await?;
    let ordered = scenario.order(&Order::on(NORTH, "TFT", 1_000)).await?;
    let (asset, amount) = ordered.option()?;
    let part = percent(amount, 100 / PARTS);
    let to = Address::Account(ordered.escrow);
    let deeds: Vec<_> = (0..PARTS).map(|_| (&me, Operation::Pay { to, asset, amount: part })).collect();
    scenario.do_it(&deeds).await?;
    scenario.settles(&ordered).await.map(drop)
}

async fn in_halves(scenario: &Scenario) -> Result<(), DemoError> {
    let (me, friend) = futures::try_join!(scenario.me(&["TFT"]), scenario.person("Alan", &["TFT"]))?;
    let ordered = scenario.order(&Order::on(NORTH, "TFT", 2_000)).await?;
    let (asset, amount) = ordered.option()?;
    let half = percent(amount, 50);
    let (mine, theirs) = (
        scenario.pay(&me, &ordered, asset, half),
        scenario.pay(&friend, &ordered, asset, less(amount, half)),
    );
    futures::try_join!(mine, theirs)?;
    scenario.settles(&ordered).await.map(drop)
}

async fn twice(scenario: &Scenario) -> Result<(), DemoError> {
    let (me, friend) = futures::try_join!(scenario.me(&["TFT"]), scenario.person("Bjarne", &["TFT"]))?;
    let ordered = scenario.order(&Order::on(NORTH, "TFT", 1_500)).await?;
    let (asset, amount) = ordered.option()?;
    scenario.pay(&me, &ordered, asset, amount).await?;
    scenario.pay(&friend, &ordered, asset, amount).await?;
    scenario.settles(&ordered).await?;
    scenario.back(&friend, asset, amount);
    Ok(())
}

async fn excess(scenario: &Scenario) -> Result<(), DemoError> {
    let (me, friend) = futures::try_join!(scenario.me(&["TFT"]), scenario.person("Charles", &["TFT"]))?;
    let ordered = scenario.order(&Order::on(NORTH, "TFT", 1_500)).await?;
    let (asset, amount) = ordered.option()?;
    let most = percent(amount, 60);
    scenario.pay(&me, &ordered, asset, most).await?;
    scenario.pay(&friend, &ordered, asset, most).await?;
    scenario.settles(&ordered).await?;
    scenario.back(&friend, asset, less(plus(most, most)?, amount));
    Ok(())
}

async fn not_enough(scenario: &Scenario) -> Result<(), DemoError> {
    let (me, friend) = futures::try_join!(scenario.me(&["TFT"]), scenario.person("Corrado", &["TFT"]))?;
    let ordered = scenario.order(&Order::on(SOUTH, "TFT", 1_500)).await?;
    let (asset, amount) = ordered.option()?;
    let (mine, theirs) = (percent(amount, 30), percent(amount, 40));
    futures::try_join!(
        scenario.pay(&me, &ordered, asset, mine),
        scenario.pay(&friend, &ordered, asset, theirs)
    )?;
    scenario.until(&ordered, "refunded").await?;
    scenario.back(&me, asset, mine);
    scenario.back(&friend, asset, theirs);
    Ok(())
}

async fn both_options(scenario: &Scenario) -> Result<(), DemoError> {
    let me = scenario.me(&["TFT", "TFTA"]).await?;
    let ordered =
        scenario.order(&Order { codes: vec!["TFT", "TFTA"], ..Order::on(NORTH, "TFT", 1_000) }).await?;
    let to = Address::Account(ordered.escrow);
    let deeds: Vec<_> = ordered
        .options
        .iter()
        .map(|(asset, amount)| (&me, Operation::Pay { to, asset: *asset, amount: *amount }))
        .collect();
    scenario.do_it(&deeds).await?;
    scenario.settles(&ordered).await?;
    for (asset, amount) in &ordered.options[1..] {
        scenario.back(&me, *asset, *amount);
    }
    Ok(())
}

async fn wrong_first(scenario: &Scenario) -> Result<(), DemoError> {
    let me = scenario.me(&["TFT", "TFTA"]).await?;
    let ordered = scenario.order(&Order::on(SOUTH, "TFT", 1_000)).await?;
    let (wrong, extra) = (scenario.asset("TFTA")?, Stroops::from_units(EXTRA_UNITS));
    scenario.pay(&me, &ordered, wrong, extra).await?;
    scenario.pay_exactly(&me, &ordered).await?;
    scenario.settles(&ordered).await?;
    scenario.back(&me, wrong, extra);
    Ok(())
}

async fn wrong_only(scenario: &Scenario) -> Result<(), DemoError> {
    let me = scenario.me(&["TFTA"]).await?;
    let ordered = scenario.order(&Order::on(NORTH, "TFT", 1_000)).await?;
    let (wrong, amount) = (scenario.asset("TFTA")?, ordered.option()?.1);
    scenario.pay(&me, &ordered, wrong, amount).await?;
    scenario.until(&ordered, "expired").await?;
    scenario.back(&me, wrong, amount);
    Ok(())
}
