//! Customers who want more of what they have.

use super::exact::settled;
use super::{Story, story};
use crate::app::demo::DemoError;
use crate::app::demo::grid::{NORTH, SOUTH};
use crate::app::demo::order::Order;
use crate::app::demo::play::Play;

pub(super) const STORIES: &[Story] = &[
    story("Grace", "pays, then pays for another day", |play| Box::pin(more(play, true))),
    story("Stephen", "pays, then pays for more units", |play| Box::pin(more(play, false))),
    story("Lotfi", "wants more of a pool that is somebody else's", |play| Box::pin(not_his(play))),
];

async fn more(play: &Play, time: bool) -> Result<(), DemoError> {
    const MILLI_CU: i128 = 2_000;
    let (me, _, settled) = settled(play, NORTH, "TFT", MILLI_CU).await?;
    let pool = settled["settlement"]["pool_id"].as_str().map(ToOwned::to_owned);
    let as_before = Order::on(NORTH, "TFT", MILLI_CU);
    let order = Order { nodes: Vec::new(), pool: pool.clone(), prolongs: time, ..as_before };
    let ordered = play.order(&order).await?;
    play.pay_exactly(&me, &ordered).await?;
    let settled = play.settles(&ordered).await?;
    let same = settled["settlement"]["pool_id"].as_str() == pool.as_deref();
    play.claim("the same pool", same);
    Ok(())
}

async fn not_his(play: &Play) -> Result<(), DemoError> {
    play.me(&["TFT"]).await?;
    let nobodys = Some(play.number.to_string());
    let answer = play.order(&Order { pool: nobodys, ..Order::on(SOUTH, "TFT", 1_000) }).await;
    play.refused(answer, "unknown_pool")
}
