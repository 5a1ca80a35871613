//! Issuers that freeze money or take it back while it is on an escrow account.

use super::{Story, less, percent, story};
use crate::app::demo::DemoError;
use crate::app::demo::grid::{NORTH, TAKEN_BACK_CODE};
use crate::app::demo::order::Order;
use crate::app::demo::play::{Person, Play};
use crate::domain::address::Address;
use farmgate_sandbox::wallet::Deed;

pub(super) const STORIES: &[Story] = &[
    story("Rosalind", "pays, and the issuer freezes it for a while", |play| Box::pin(frozen(play))),
    story("Shafi", "pays, a quarter is taken back, and pays that once more", |play| Box::pin(filled(play))),
    story("Silvio", "pays, then a friend; a quarter is taken back; an operator refunds the rest", |play| {
        Box::pin(decided(play))
    }),
];

const TAKEN_PERCENT: i64 = 25;

fn issuer(play: &Play) -> Result<Person, DemoError> {
    let wallet = play.stage.sandbox.issuer(TAKEN_BACK_CODE);
    let wallet = wallet.ok_or_else(|| DemoError::NoAsset(TAKEN_BACK_CODE.to_owned()))?;
    Ok(Person { name: "issuer".to_owned(), wallet })
}

async fn frozen(play: &Play) -> Result<(), DemoError> {
    let (me, issuer) = (play.me(&[TAKEN_BACK_CODE]).await?, issuer(play)?);
    let ordered = play.order(&Order::on(NORTH, TAKEN_BACK_CODE, 1_000)).await?;
    let (asset, amount) = ordered.option()?;
    let account = ordered.escrow;
    let pay = Deed::Pay { to: Address::Account(account), asset, amount };
    play.do_it(&[(&me, pay), (&issuer, Deed::Freeze { account, asset, frozen: true })]).await?;
    play.until(&ordered, "held").await?;
    play.do_it(&[(&issuer, Deed::Freeze { account, asset, frozen: false })]).await?;
    play.resolve(&ordered, "settle").await?;
    play.settles(&ordered).await.map(drop)
}

async fn filled(play: &Play) -> Result<(), DemoError> {
    let (me, issuer) = (play.me(&[TAKEN_BACK_CODE]).await?, issuer(play)?);
    let ordered = play.order(&Order::on(NORTH, TAKEN_BACK_CODE, 1_500)).await?;
    let (asset, amount) = ordered.option()?;
    let taken = percent(amount, TAKEN_PERCENT);
    let pay = Deed::Pay { to: Address::Account(ordered.escrow), asset, amount };
    play.do_it(&[(&me, pay), (&issuer, Deed::TakeBack { from: ordered.escrow, asset, amount: taken })])
        .await?;
    play.until(&ordered, "held").await?;
    play.pay(&me, &ordered, asset, taken).await?;
    play.settles(&ordered).await.map(drop)
}

async fn decided(play: &Play) -> Result<(), DemoError> {
    let codes = [TAKEN_BACK_CODE];
    let (me, friend) = futures::try_join!(play.me(&codes), play.person("Shannon", &codes))?;
    let issuer = issuer(play)?;
    let ordered = play.order(&Order::on(NORTH, TAKEN_BACK_CODE, 2_000)).await?;
    let (asset, amount) = ordered.option()?;
    let to = Address::Account(ordered.escrow);
    let (mine, taken) = (percent(amount, 50), percent(amount, TAKEN_PERCENT));
    let theirs = less(amount, mine);
    play.do_it(&[
        (&me, Deed::Pay { to, asset, amount: mine }),
        (&friend, Deed::Pay { to, asset, amount: theirs }),
        (&issuer, Deed::TakeBack { from: ordered.escrow, asset, amount: taken }),
    ])
    .await?;
    play.until(&ordered, "held").await?;
    play.resolve(&ordered, "refund").await?;
    play.until(&ordered, "refunded").await?;
    play.back(&me, asset, mine);
    play.back(&friend, asset, less(theirs, taken));
    Ok(())
}
