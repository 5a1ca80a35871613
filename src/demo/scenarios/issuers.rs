//! Issuers that freeze money or take it back while it is on an escrow account.

use super::amounts::{less, percent};
use crate::demo::error::DemoError;
use crate::demo::grid::{NORTH, TAKEN_BACK_CODE};
use crate::demo::order::Order;
use crate::demo::scenario::{Person, Scenario, Script, script};
use crate::domain::address::Address;
use farmgate_sandbox::operations::Operation;

pub(super) const SCRIPTS: &[Script] = &[
    script("Rosalind", "pays, and the issuer freezes it for a while", |scenario| Box::pin(frozen(scenario))),
    script("Shafi", "pays, a quarter is clawed back, and pays that once more", |scenario| {
        Box::pin(filled(scenario))
    }),
    script(
        "Silvio",
        "pays, then a friend; a quarter is clawed back; an operator refunds the rest",
        |scenario| Box::pin(decided(scenario)),
    ),
];

const TAKEN_PERCENT: i64 = 25;

fn issuer(scenario: &Scenario) -> Result<Person, DemoError> {
    let wallet = scenario.fixture.sandbox.issuer(TAKEN_BACK_CODE);
    let wallet = wallet.ok_or_else(|| DemoError::NoAsset(TAKEN_BACK_CODE.to_owned()))?;
    Ok(Person { name: "issuer".to_owned(), wallet })
}

async fn frozen(scenario: &Scenario) -> Result<(), DemoError> {
    let (me, issuer) = (scenario.me(&[TAKEN_BACK_CODE]).await?, issuer(scenario)?);
    let ordered = scenario.order(&Order::on(NORTH, TAKEN_BACK_CODE, 1_000)).await?;
    let (asset, amount) = ordered.option()?;
    let account = ordered.escrow;
    let pay = Operation::Pay { to: Address::Account(account), asset, amount };
    scenario.do_it(&[(&me, pay), (&issuer, Operation::Freeze { account, asset, frozen: true })]).await?;
    scenario.until(&ordered, "held").await?;
    scenario.do_it(&[(&issuer, Operation::Freeze { account, asset, frozen: false })]).await?;
    scenario.resolve(&ordered, "settle").await?;
    scenario.settles(&ordered).await.map(drop)
}

async fn filled(scenario: &Scenario) -> Result<(), DemoError> {
    let (me, issuer) = (scenario.me(&[TAKEN_BACK_CODE]).await?, issuer(scenario)?);
    let ordered = scenario.order(&Order::on(NORTH, TAKEN_BACK_CODE, 1_500)).await?;
    let (asset, amount) = ordered.option()?;
    let taken = percent(amount, TAKEN_PERCENT);
    let pay = Operation::Pay { to: Address::Account(ordered.escrow), asset, amount };
    scenario
        .do_it(&[(&me, pay), (&issuer, Operation::Clawback { from: ordered.escrow, asset, amount: taken })])
        .await?;
    scenario.until(&ordered, "held").await?;
    scenario.pay(&me, &ordered, asset, taken).await?;
    scenario.settles(&ordered).await.map(drop)
}

async fn decided(scenario: &Scenario) -> Result<(), DemoError> {
    let codes = [TAKEN_BACK_CODE];
    let (me, friend) = futures::try_join!(scenario.me(&codes), scenario.person("Shannon", &codes))?;
    let issuer = issuer(scenario)?;
    let ordered = scenario.order(&Order::on(NORTH, TAKEN_BACK_CODE, 2_000)).await?;
    let (asset, amount) = ordered.option()?;
    let to = Address::Account(ordered.escrow);
    let (mine, taken) = (percent(amount, 50), percent(amount, TAKEN_PERCENT));
    let theirs = less(amount, mine);
    scenario
        .do_it(&[
            (&me, Operation::Pay { to, asset, amount: mine }),
            (&friend, Operation::Pay { to, asset, amount: theirs }),
            (&issuer, Operation::Clawback { from: ordered.escrow, asset, amount: taken }),
        ])
        .await?;
    scenario.until(&ordered, "held").await?;
    scenario.resolve(&ordered, "refund").await?;
    scenario.until(&ordered, "refunded").await?;
    scenario.back(&me, asset, mine);
    scenario.back(&friend, asset, less(theirs, taken));
    Ok(())
}
