//! Play money: burned, and good for free nodes only.

use super::exact::{exact, settled};
use super::{Story, story};
use crate::app::demo::DemoError;
use crate::app::demo::grid::{FREE, NORTH, node};
use crate::app::demo::order::Order;
use crate::app::demo::play::Play;

pub(super) const STORIES: &[Story] = &[
    story("Frances", "pays a free node with FreeTFT: burned", |play| {
        Box::pin(exact(play, FREE, "FreeTFT", 2_000))
    }),
    story("Lars", "wants a paid node for FreeTFT", |play| Box::pin(paid_node(play))),
    story("Lynn", "has a pool for FreeTFT and wants it on a paid node", |play| Box::pin(widens(play))),
    story("Marvin", "has a pool for FreeTFT, and its node is to cost money", |play| Box::pin(no_more(play))),
];

async fn paid_node(play: &Play) -> Result<(), DemoError> {
    play.me(&["FreeTFT"]).await?;
    let answer = play.order(&Order::on(NORTH, "FreeTFT", 1_000)).await;
    play.refused(answer, "currency_for_free_nodes_only")
}

async fn widens(play: &Play) -> Result<(), DemoError> {
    let (_, _, settled) = settled(play, FREE, "FreeTFT", 1_000).await?;
    let pool = settled["settlement"]["pool_id"].as_str().map(ToOwned::to_owned);
    let answer = play.order(&Order { pool, ..Order::on(NORTH, "TFT", 1_000) }).await;
    play.refused(answer, "paid_node_in_free_pool")
}

async fn no_more(play: &Play) -> Result<(), DemoError> {
    exact(play, FREE, "FreeTFT", 1_500).await?;
    let answer = play.stage.explorer.put(&format!("/v1/nodes/{FREE}"), &node("1", false)).await;
    play.refused(answer, "node_under_free_pool")
}
