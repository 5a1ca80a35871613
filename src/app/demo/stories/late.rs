//! Customers who pay late, never, or think better of it.

use super::exact::settled;
use super::parts::half_paid;
use super::{Story, story};
use crate::app::demo::DemoError;
use crate::app::demo::grid::NORTH;
use crate::app::demo::order::Order;
use crate::app::demo::play::Play;

pub(super) const STORIES: &[Story] = &[
    story("Ivan", "never pays", |play| Box::pin(never(play))),
    story("Radia", "pays when it is too late", |play| Box::pin(too_late(play))),
    story("Edith", "pays a part in time and the rest too late", |play| Box::pin(rest_too_late(play))),
    story("Fei-Fei", "pays again when all is settled", |play| Box::pin(again(play))),
    story("Tony", "cancels before paying", |play| Box::pin(cancels(play))),
    story("Gladys", "pays half, then cancels", |play| Box::pin(cancels_half(play))),
    story("Gordon", "cancels, and pays all the same", |play| Box::pin(cancels_and_pays(play))),
    story("Guido", "pays, and wants to cancel then", |play| Box::pin(cancels_too_late(play))),
];

async fn never(play: &Play) -> Result<(), DemoError> {
    play.me(&["TFT"]).await?;
    let ordered = play.order(&Order::on(NORTH, "TFT", 3_000)).await?;
    play.until(&ordered, "expired").await.map(drop)
}

async fn too_late(play: &Play) -> Result<(), DemoError> {
    let me = play.me(&["TFT"]).await?;
    let ordered = play.order(&Order::on(NORTH, "TFT", 1_000)).await?;
    play.until(&ordered, "expired").await?;
    play.pay_exactly(&me, &ordered).await?;
    let (asset, amount) = ordered.option()?;
    play.back(&me, asset, amount);
    Ok(())
}

async fn rest_too_late(play: &Play) -> Result<(), DemoError> {
    let (me, ordered, asset, half) = half_paid(play, 1_000).await?;
    play.until(&ordered, "refunded").await?;
    play.back(&me, asset, half);
    play.pay(&me, &ordered, asset, half).await?;
    play.back(&me, asset, half);
    Ok(())
}

async fn again(play: &Play) -> Result<(), DemoError> {
    let (me, ordered, _) = settled(play, NORTH, "TFT", 1_000).await?;
    play.pay_exactly(&me, &ordered).await?;
    let (asset, amount) = ordered.option()?;
    play.back(&me, asset, amount);
    Ok(())
}

async fn cancels(play: &Play) -> Result<(), DemoError> {
    play.me(&["TFT"]).await?;
    let ordered = play.order(&Order::on(NORTH, "TFT", 6_000)).await?;
    play.cancel(&ordered).await?;
    play.until(&ordered, "cancelled").await.map(drop)
}

async fn cancels_half(play: &Play) -> Result<(), DemoError> {
    let (me, ordered, asset, half) = half_paid(play, 1_000).await?;
    play.cancel(&ordered).await?;
    let found = play.until(&ordered, "refunded").await?;
    play.claim("because it was cancelled", found["reason"] == "cancelled");
    play.back(&me, asset, half);
    Ok(())
}

async fn cancels_and_pays(play: &Play) -> Result<(), DemoError> {
    let me = play.me(&["TFT"]).await?;
    let ordered = play.order(&Order::on(NORTH, "TFT", 1_000)).await?;
    play.cancel(&ordered).await?;
    play.until(&ordered, "cancelled").await?;
    play.pay_exactly(&me, &ordered).await?;
    let (asset, amount) = ordered.option()?;
    play.back(&me, asset, amount);
    Ok(())
}

async fn cancels_too_late(play: &Play) -> Result<(), DemoError> {
    let (_, ordered, _) = settled(play, NORTH, "TFT", 1_000).await?;
    let answer = play.cancel(&ordered).await;
    play.refused(answer, "not_cancellable")
}
