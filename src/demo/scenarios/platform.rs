//! What comes to the platform's own account.

use crate::demo::error::DemoError;
use crate::demo::expectation::{Money, Place};
use crate::demo::grid::OPERATOR;
use crate::demo::scenario::{Person, Scenario, Script, script};
use crate::domain::address::Address;
use crate::domain::asset::Asset;
use crate::domain::money::Stroops;
use farmgate_sandbox::operations::Operation;

pub(super) const SCRIPTS: &[Script] = &[
    script("Whitfield", "operates the platform, and pays XLM for its fees: capital", |scenario| {
        Box::pin(top_up(scenario))
    }),
    script("Xavier", "pays XLM to the platform, nobody knows why", |scenario| Box::pin(stranger(scenario))),
];

const UNITS: u32 = 25;

async fn pays_the_platform(scenario: &Scenario, who: &Person) -> Result<Stroops, DemoError> {
    let amount = Stroops::from_units(UNITS);
    let to = Address::Account(scenario.fixture.grid.platform.account());
    scenario.do_it(&[(who, Operation::Pay { to, asset: Asset::Native, amount })]).await?;
    Ok(amount)
}

async fn top_up(scenario: &Scenario) -> Result<(), DemoError> {
    let operator = scenario.person(OPERATOR, &[]).await?;
    let amount = pays_the_platform(scenario, &operator).await?;
    scenario.note(|expectation| {
        expectation.due.push(format!("{} stay with the platform", Money(amount.get(), Asset::Native)))
    });
    scenario.see("topped up");
    Ok(())
}

async fn stranger(scenario: &Scenario) -> Result<(), DemoError> {
    let me = scenario.me(&[]).await?;
    let amount = pays_the_platform(scenario, &me).await?;
    scenario.back(&me, Asset::Native, amount);
    let platform = scenario.fixture.grid.platform.account();
    scenario
        .receives(&me, "returned by the platform", |one| one.from == platform && one.amount == amount)
        .await?;
    scenario.note(|expectation| expectation.name(Place::Account(me.account()), scenario.name));
    scenario.see("returned");
    Ok(())
}
