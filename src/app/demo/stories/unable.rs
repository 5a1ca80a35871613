//! Recipients that cannot receive what is theirs.

use super::{Story, less, percent, story};
use crate::app::demo::DemoError;
use crate::app::demo::grid::{NORTH, node};
use crate::app::demo::order::{Order, Ordered};
use crate::app::demo::play::{Person, Play};
use crate::app::demo::tale::{Money, Place};
use crate::domain::asset::Asset;
use crate::domain::money::Stroops;
use farmgate_sandbox::ledger::balances::{BalanceFilter, BalanceId};
use farmgate_sandbox::wallet::{Deed, Memo};

pub(super) const STORIES: &[Story] = &[
    story("Mary", "pays a farmer without a trust line, who then trusts and claims", |play| {
        Box::pin(untrusting_farmer(play))
    }),
    story("Noether", "pays a part and drops the trust line: a balance to claim", |play| {
        Box::pin(drops_the_line(play, PART_UNITS))
    }),
    story("Olga", "pays a little and drops the trust line: it stays owed", |play| {
        Box::pin(drops_the_line(play, LITTLE_UNITS))
    }),
    story("Peter", "pays a part and is gone: a balance to claim", |play| Box::pin(is_gone(play))),
];

/// More than the service's least worth of a claimable balance, and less.
const PART_UNITS: u32 = 22;
const LITTLE_UNITS: u32 = 2;
/// The foundation's part of a farm's income.
const FOUNDATION_PERCENT: i64 = 10;

async fn untrusting_farmer(play: &Play) -> Result<(), DemoError> {
    let (me, farmer) = futures::try_join!(play.me(&["TFT"]), play.person("farmer", &[]))?;
    let id = play.number.to_string();
    let stage = &play.stage;
    stage.grid.put_farm(&stage.explorer, &id, "East", "grid2", Some(farmer.account())).await?;
    stage.explorer.put(&format!("/v1/nodes/{id}"), &node(&id, false)).await?;
    let ordered = play.order(&Order::on(&id, "TFT", 1_000)).await?;
    play.pay_exactly(&me, &ordered).await?;
    play.until(&ordered, "settled").await?;
    let (asset, amount) = ordered.option()?;
    let foundations = percent(amount, FOUNDATION_PERCENT);
    play.leg("foundation", asset, foundations.get());
    let farmers = less(amount, foundations);
    play.note(|tale| {
        tale.due.push(format!("{} to {} to claim", Money(farmers.get(), asset), farmer.name));
        tale.gains(Place::Account(farmer.account()), asset, farmers.get());
    });
    let Some(balance) = waits_for(play, &farmer).await else {
        play.claim("a balance to claim", false);
        return Ok(());
    };
    let trust = Deed::Trust { asset, limit: Stroops::MAX };
    play.do_it(&[(&farmer, trust), (&farmer, Deed::Claim(balance))]).await
}

/// The balance that waits for somebody.
async fn waits_for(play: &Play, who: &Person) -> Option<BalanceId> {
    let account = who.account();
    play.until_ledger(|sandbox| {
        sandbox.with_ledger(|ledger| {
            let found = ledger.state().balances().find(BalanceFilter::Claimant(account))?;
            found.first().map(|(_, id)| *id)
        })
    })
    .await
}

/// Somebody pays everything they have of a token, and gives its trust line up in the same moment.
async fn pays_and_drops(
    play: &Play,
    units: u32,
    then: Option<Deed>,
) -> Result<(Person, Ordered, Asset, Stroops), DemoError> {
    let part = Stroops::from_units(units);
    let payer = play.me_with(&["TFT"], part).await?;
    let ordered = play.order(&Order::on(NORTH, "TFT", 4_000)).await?;
    let asset = ordered.option()?.0;
    let to = crate::domain::address::Address::Account(ordered.escrow);
    let mut deeds = vec![
        (&payer, Deed::Pay { to, asset, amount: part }),
        (&payer, Deed::Trust { asset, limit: Stroops::ZERO }),
    ];
    deeds.extend(then.map(|deed| (&payer, deed)));
    let done = play.act(&deeds, &Memo::None).await?;
    play.claim("the ledger takes it", done.is_ok());
    Ok((payer, ordered, asset, part))
}

async fn drops_the_line(play: &Play, units: u32) -> Result<(), DemoError> {
    let (payer, ordered, asset, part) = pays_and_drops(play, units, None).await?;
    if units < PART_UNITS {
        play.until(&ordered, "refunding").await?;
        return play.stays_owed(&payer, &ordered, asset, part).await;
    }
    play.until(&ordered, "refunded").await?;
    play.back_to_claim(&payer, asset, part);
    Ok(())
}

async fn is_gone(play: &Play) -> Result<(), DemoError> {
    let heir = play.person("heir", &[]).await?;
    let end = Deed::Merge { into: heir.account() };
    let (payer, ordered, asset, part) = pays_and_drops(play, PART_UNITS, Some(end)).await?;
    play.note(|tale| {
        // The heir has what is left of the payer's XLM when the fee is paid.
        let place = Place::Account(payer.account());
        let left = tale.ends.get(&(place, Asset::Native)).copied().unwrap_or_default();
        tale.gains(place, Asset::Native, -left);
        tale.gains(Place::Account(heir.account()), Asset::Native, left);
    });
    play.until(&ordered, "refunded").await?;
    play.back_to_claim(&payer, asset, part);
    Ok(())
}
