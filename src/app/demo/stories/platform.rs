//! What comes to the platform's own account.

use super::{Story, story};
use crate::app::demo::DemoError;
use crate::app::demo::grid::OPERATOR;
use crate::app::demo::play::{Person, Play};
use crate::app::demo::tale::{Money, Place};
use crate::domain::address::Address;
use crate::domain::asset::Asset;
use crate::domain::money::Stroops;
use farmgate_sandbox::wallet::Deed;

pub(super) const STORIES: &[Story] = &[
    story("Whitfield", "operates the platform, and pays XLM for its fees: capital", |play| {
        Box::pin(top_up(play))
    }),
    story("Xavier", "pays XLM to the platform, nobody knows why", |play| Box::pin(stranger(play))),
];

const UNITS: u32 = 25;

async fn pays_the_platform(play: &Play, who: &Person) -> Result<Stroops, DemoError> {
    let amount = Stroops::from_units(UNITS);
    let to = Address::Account(play.stage.grid.platform.account());
    play.do_it(&[(who, Deed::Pay { to, asset: Asset::Native, amount })]).await?;
    Ok(amount)
}

async fn top_up(play: &Play) -> Result<(), DemoError> {
    let operator = play.person(OPERATOR, &[]).await?;
    let amount = pays_the_platform(play, &operator).await?;
    play.note(|tale| tale.due.push(format!("{} stay with the platform", Money(amount.get(), Asset::Native))));
    play.see("topped up");
    Ok(())
}

async fn stranger(play: &Play) -> Result<(), DemoError> {
    let me = play.me(&[]).await?;
    let amount = pays_the_platform(play, &me).await?;
    play.back(&me, Asset::Native, amount);
    let platform = play.stage.grid.platform.account();
    play.receives(&me, "returned by the platform", |one| one.from == platform && one.amount == amount)
        .await?;
    play.note(|tale| tale.name(Place::Account(me.account()), play.name));
    play.see("returned");
    Ok(())
}
