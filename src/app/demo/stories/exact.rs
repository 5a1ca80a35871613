//! Customers who pay what they are asked for.

use serde_json::Value;

use super::{Story, story};
use crate::app::demo::DemoError;
use crate::app::demo::grid::{FREE, NORTH, SOUTH};
use crate::app::demo::order::{Order, Ordered};
use crate::app::demo::play::{Person, Play};
use crate::domain::money::Stroops;

pub(super) const STORIES: &[Story] = &[
    story("Ada", "pays exactly", |play| Box::pin(exact(play, NORTH, "TFT", 1_000))),
    story("Barbara", "pays exactly for two and a half", |play| Box::pin(exact(play, NORTH, "TFT", 2_500))),
    story("Claude", "pays exactly, in the south", |play| Box::pin(exact(play, SOUTH, "TFT", 4_000))),
    story("Dennis", "pays exactly, in another token", |play| Box::pin(exact(play, SOUTH, "TFTA", 1_000))),
    story("Edsger", "pays exactly, for much", |play| Box::pin(exact(play, NORTH, "TFTA", 8_000))),
    story("Hedy", "pays exactly, for an eighth", |play| Box::pin(exact(play, SOUTH, "TFT", 125))),
    story("John", "pays a free node with money", |play| Box::pin(exact(play, FREE, "TFT", 500))),
    story("Ken", "pays exactly, for very much", |play| Box::pin(exact(play, SOUTH, "TFT", 32_000))),
    story("Leslie", "pays exactly, for the least there is", |play| Box::pin(exact(play, NORTH, "TFT", 1))),
    story("Vint", "orders only what costs nothing", |play| Box::pin(nothing(play))),
];

/// Pays exactly what is asked for.
pub(super) async fn exact(
    play: &Play,
    node: &str,
    code: &'static str,
    milli_cu: i128,
) -> Result<(), DemoError> {
    settled(play, node, code, milli_cu).await.map(drop)
}

/// The same; with the customer, and the reservation as it was made and as it is now.
pub(super) async fn settled(
    play: &Play,
    node: &str,
    code: &'static str,
    milli_cu: i128,
) -> Result<(Person, Ordered, Value), DemoError> {
    let me = play.me(&[code]).await?;
    let ordered = play.order(&Order::on(node, code, milli_cu)).await?;
    play.pay_exactly(&me, &ordered).await?;
    let settled = play.settles(&ordered).await?;
    Ok((me, ordered, settled))
}

async fn nothing(play: &Play) -> Result<(), DemoError> {
    play.me(&[]).await?;
    let ordered = play.order(&Order { su: 0, ..Order::on(NORTH, "TFT", 0) }).await?;
    let settled = play.settles(&ordered).await?;
    let free = ordered.option()?.1 == Stroops::ZERO && settled["settlement"]["transaction"].is_null();
    play.claim("settled without a transaction", free);
    play.claim("has a pool", settled["settlement"]["pool_id"].is_string());
    Ok(())
}
