//! Recipients that cannot receive what is theirs.

use super::amounts::{less, percent};
use crate::demo::error::DemoError;
use crate::demo::expectation::{Money, Place};
use crate::demo::grid::{NORTH, node};
use crate::demo::order::{Order, Ordered};
use crate::demo::scenario::{Person, Scenario, Script, script};
use crate::domain::asset::Asset;
use crate::domain::money::Stroops;
use farmgate_sandbox::ledger::balances::{BalanceFilter, BalanceId};
use farmgate_sandbox::operations::Operation;
use farmgate_sandbox::wallet::Memo;

pub(super) const SCRIPTS: &[Script] = &[
    script("Mary", "pays a farmer without a trust line, who then trusts and claims", |scenario| {
        Box::pin(untrusting_farmer(scenario))
    }),
    script("Noether", "pays a part and drops the trust line: a balance to claim", |scenario| {
        Box::pin(drops_the_line(scenario, PART_UNITS))
    }),
    script("Olga", "pays a little and drops the trust line: it stays owed", |scenario| {
        Box::pin(drops_the_line(scenario, LITTLE_UNITS))
    }),
    script("Peter", "pays a part and is gone: a balance to claim", |scenario| Box::pin(is_gone(scenario))),
];

/// More than the service's least worth of a claimable balance, and less.
const PART_UNITS: u32 = 22;
const LITTLE_UNITS: u32 = 2;
/// The foundation's part of a farm's income.
const FOUNDATION_PERCENT: i64 = 10;

async fn untrusting_farmer(scenario: &Scenario) -> Result<(), DemoError> {
    let (me, farmer) = futures::try_join!(scenario.me(&["TFT"]), scenario.person("farmer", &[]))?;
    let id = scenario.number.to_string();
    let fixture = &scenario.fixture;
    fixture.grid.put_farm(&fixture.explorer, &id, "East", "grid2", Some(farmer.account())).await?;
    fixture.explorer.put(&format!("/v1/nodes/{id}"), &node(&id, false)).await?;
    let ordered = scenario.order(&Order::on(&id, "TFT", 1_000)).await?;
    scenario.pay_exactly(&me, &ordered).await?;
    scenario.until(&ordered, "settled").await?;
    let (asset, amount) = ordered.option()?;
    let foundations = percent(amount, FOUNDATION_PERCENT);
    scenario.leg("foundation", asset, foundations.get());
    let farmers = less(amount, foundations);
    scenario.note(|expectation| {
        expectation.due.push(format!("{} to {} to claim", Money(farmers.get(), asset), farmer.name));
        expectation.gains(Place::Account(farmer.account()), asset, farmers.get());
    });
    let Some(balance) = waits_for(scenario, &farmer).await else {
        scenario.claim("a balance to claim", false);
        return Ok(());
    };
    let trust = Operation::Trust { asset, limit: Stroops::MAX };
    scenario.do_it(&[(&farmer, trust), (&farmer, Operation::Claim(balance))]).await
}

/// The balance that waits for somebody.
async fn waits_for(scenario: &Scenario, who: &Person) -> Option<BalanceId> {
    let account = who.account();
    scenario
        .until_ledger(|sandbox| {
            sandbox.with_ledger(|ledger| {
                let found = ledger.state().balances().find(BalanceFilter::Claimant(account))?;
                found.first().map(|(_, id)| *id)
            })
        })
        .await
}

/// Somebody pays everything they have of a token, and gives its trust line up in the same moment.
async fn pays_and_drops(
    scenario: &Scenario,
    units: u32,
    then: Option<Operation>,
) -> Result<(Person, Ordered, Asset, Stroops), DemoError> {
    let part = Stroops::from_units(units);
    let payer = scenario.me_with(&["TFT"], part).await?;
    let ordered = scenario.order(&Order::on(NORTH, "TFT", 4_000)).await?;
    let asset = ordered.option()?.0;
    let to = crate::domain::address::Address::Account(ordered.escrow);
    let mut deeds = vec![
        (&payer, Operation::Pay { to, asset, amount: part }),
        (&payer, Operation::Trust { asset, limit: Stroops::ZERO }),
    ];
    deeds.extend(then.map(|deed| (&payer, deed)));
    let done = scenario.act(&deeds, &Memo::None).await?;
    scenario.claim("the ledger takes it", done.is_ok());
    Ok((payer, ordered, asset, part))
}

async fn drops_the_line(scenario: &Scenario, units: u32) -> Result<(), DemoError> {
    let (payer, ordered, asset, part) = pays_and_drops(scenario, units, None).await?;
    if units < PART_UNITS {
        scenario.until(&ordered, "refunding").await?;
        return scenario.stays_owed(&payer, &ordered, asset, part).await;
    }
    scenario.until(&ordered, "refunded").await?;
    scenario.back_to_claim(&payer, asset, part);
    Ok(())
}

async fn is_gone(scenario: &Scenario) -> Result<(), DemoError> {
    let heir = scenario.person("heir", &[]).await?;
    let end = Operation::Merge { into: heir.account() };
    let (payer, ordered, asset, part) = pays_and_drops(scenario, PART_UNITS, Some(end)).await?;
    scenario.note(|expectation| {
        // The heir has what is left of the payer's XLM when the fee is paid.
        let place = Place::Account(payer.account());
        let left = expectation.ends.get(&(place, Asset::Native)).copied().unwrap_or_default();
        expectation.gains(place, Asset::Native, -left);
        expectation.gains(Place::Account(heir.account()), Asset::Native, left);
    });
    scenario.until(&ordered, "refunded").await?;
    scenario.back_to_claim(&payer, asset, part);
    Ok(())
}
