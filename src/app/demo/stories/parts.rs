//! Too much, too little, in parts, by several, and in the wrong token.

use super::{Story, less, percent, plus, story};
use crate::app::demo::DemoError;
use crate::app::demo::grid::{NORTH, SOUTH};
use crate::app::demo::order::{Order, Ordered};
use crate::app::demo::play::{Person, Play};
use crate::domain::address::Address;
use crate::domain::asset::Asset;
use crate::domain::money::Stroops;
use farmgate_sandbox::wallet::Deed;

pub(super) const STORIES: &[Story] = &[
    story("Margaret", "pays five units too much", |play| Box::pin(too_much(play))),
    story("Niklaus", "pays half and no more", |play| Box::pin(too_little(play))),
    story("Adele", "pays in three parts", |play| Box::pin(in_parts(play))),
    story("Alonzo", "pays in ten parts, in one transaction", |play| Box::pin(at_once(play))),
    story("Anita", "pays half, a friend the other half", |play| Box::pin(in_halves(play))),
    story("Brian", "pays, and so does a friend", |play| Box::pin(twice(play))),
    story("Carol", "pays most, a friend as much: the last to pay gets the excess", |play| {
        Box::pin(excess(play))
    }),
    story("Cynthia", "pays a part, a friend a part, and it is not enough", |play| Box::pin(not_enough(play))),
    story("Dana", "pays in both currencies that would do", |play| Box::pin(both_options(play))),
    story("Sophie", "pays in the wrong token first", |play| Box::pin(wrong_first(play))),
    story("Donald", "pays in the wrong token only", |play| Box::pin(wrong_only(play))),
];

const EXTRA_UNITS: u32 = 5;

async fn too_much(play: &Play) -> Result<(), DemoError> {
    let me = play.me(&["TFT"]).await?;
    let ordered = play.order(&Order::on(NORTH, "TFT", 1_000)).await?;
    let (asset, amount) = ordered.option()?;
    let extra = Stroops::from_units(EXTRA_UNITS);
    play.pay(&me, &ordered, asset, plus(amount, extra)?).await?;
    play.settles(&ordered).await?;
    play.back(&me, asset, extra);
    Ok(())
}

/// Somebody pays half of what is asked for: who, for what, in what, and how much.
pub(super) async fn half_paid(
    play: &Play,
    milli_cu: i128,
) -> Result<(Person, Ordered, Asset, Stroops), DemoError> {
    let me = play.me(&["TFT"]).await?;
    let ordered = play.order(&Order::on(SOUTH, "TFT", milli_cu)).await?;
    let (asset, amount) = ordered.option()?;
    let half = percent(amount, 50);
    play.pay(&me, &ordered, asset, half).await?;
    Ok((me, ordered, asset, half))
}

async fn too_little(play: &Play) -> Result<(), DemoError> {
    let (me, ordered, asset, half) = half_paid(play, 2_000).await?;
    play.until(&ordered, "refunded").await?;
    play.back(&me, asset, half);
    Ok(())
}

async fn in_parts(play: &Play) -> Result<(), DemoError> {
    let me = play.me(&["TFT"]).await?;
    let ordered = play.order(&Order::on(SOUTH, "TFT", 3_000)).await?;
    let (asset, amount) = ordered.option()?;
    let (one, two) = (percent(amount, 20), percent(amount, 30));
    for part in [one, two, less(less(amount, one), two)] {
        play.pay(&me, &ordered, asset, part).await?;
    }
    play.settles(&ordered).await.map(drop)
}

async fn at_once(play: &Play) -> Result<(), DemoError> {
    const PARTS: i64 = 10;
    let me = play.me(&["TFT"]).await?;
    let ordered = play.order(&Order::on(NORTH, "TFT", 1_000)).await?;
    let (asset, amount) = ordered.option()?;
    let part = percent(amount, 100 / PARTS);
    let to = Address::Account(ordered.escrow);
    let deeds: Vec<_> = (0..PARTS).map(|_| (&me, Deed::Pay { to, asset, amount: part })).collect();
    play.do_it(&deeds).await?;
    play.settles(&ordered).await.map(drop)
}

async fn in_halves(play: &Play) -> Result<(), DemoError> {
    let (me, friend) = futures::try_join!(play.me(&["TFT"]), play.person("Alan", &["TFT"]))?;
    let ordered = play.order(&Order::on(NORTH, "TFT", 2_000)).await?;
    let (asset, amount) = ordered.option()?;
    let half = percent(amount, 50);
    let (mine, theirs) =
        (play.pay(&me, &ordered, asset, half), play.pay(&friend, &ordered, asset, less(amount, half)));
    futures::try_join!(mine, theirs)?;
    play.settles(&ordered).await.map(drop)
}

async fn twice(play: &Play) -> Result<(), DemoError> {
    let (me, friend) = futures::try_join!(play.me(&["TFT"]), play.person("Bjarne", &["TFT"]))?;
    let ordered = play.order(&Order::on(NORTH, "TFT", 1_500)).await?;
    let (asset, amount) = ordered.option()?;
    play.pay(&me, &ordered, asset, amount).await?;
    play.pay(&friend, &ordered, asset, amount).await?;
    play.settles(&ordered).await?;
    play.back(&friend, asset, amount);
    Ok(())
}

async fn excess(play: &Play) -> Result<(), DemoError> {
    let (me, friend) = futures::try_join!(play.me(&["TFT"]), play.person("Charles", &["TFT"]))?;
    let ordered = play.order(&Order::on(NORTH, "TFT", 1_500)).await?;
    let (asset, amount) = ordered.option()?;
    let most = percent(amount, 60);
    play.pay(&me, &ordered, asset, most).await?;
    play.pay(&friend, &ordered, asset, most).await?;
    play.settles(&ordered).await?;
    play.back(&friend, asset, less(plus(most, most)?, amount));
    Ok(())
}

async fn not_enough(play: &Play) -> Result<(), DemoError> {
    let (me, friend) = futures::try_join!(play.me(&["TFT"]), play.person("Corrado", &["TFT"]))?;
    let ordered = play.order(&Order::on(SOUTH, "TFT", 1_500)).await?;
    let (asset, amount) = ordered.option()?;
    let (mine, theirs) = (percent(amount, 30), percent(amount, 40));
    futures::try_join!(play.pay(&me, &ordered, asset, mine), play.pay(&friend, &ordered, asset, theirs))?;
    play.until(&ordered, "refunded").await?;
    play.back(&me, asset, mine);
    play.back(&friend, asset, theirs);
    Ok(())
}

async fn both_options(play: &Play) -> Result<(), DemoError> {
    let me = play.me(&["TFT", "TFTA"]).await?;
    let ordered = play.order(&Order { codes: vec!["TFT", "TFTA"], ..Order::on(NORTH, "TFT", 1_000) }).await?;
    let to = Address::Account(ordered.escrow);
    let deeds: Vec<_> = ordered
        .options
        .iter()
        .map(|(asset, amount)| (&me, Deed::Pay { to, asset: *asset, amount: *amount }))
        .collect();
    play.do_it(&deeds).await?;
    play.settles(&ordered).await?;
    for (asset, amount) in &ordered.options[1..] {
        play.back(&me, *asset, *amount);
    }
    Ok(())
}

async fn wrong_first(play: &Play) -> Result<(), DemoError> {
    let me = play.me(&["TFT", "TFTA"]).await?;
    let ordered = play.order(&Order::on(SOUTH, "TFT", 1_000)).await?;
    let (wrong, extra) = (play.asset("TFTA")?, Stroops::from_units(EXTRA_UNITS));
    play.pay(&me, &ordered, wrong, extra).await?;
    play.pay_exactly(&me, &ordered).await?;
    play.settles(&ordered).await?;
    play.back(&me, wrong, extra);
    Ok(())
}

async fn wrong_only(play: &Play) -> Result<(), DemoError> {
    let me = play.me(&["TFTA"]).await?;
    let ordered = play.order(&Order::on(NORTH, "TFT", 1_000)).await?;
    let (wrong, amount) = (play.asset("TFTA")?, ordered.option()?.1);
    play.pay(&me, &ordered, wrong, amount).await?;
    play.until(&ordered, "expired").await?;
    play.back(&me, wrong, amount);
    Ok(())
}
