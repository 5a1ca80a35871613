//! Money that does not come from its owner's own account, or not as what arrives.

use serde_json::json;

use super::{Story, percent, plus, story};
use crate::app::demo::DemoError;
use crate::app::demo::grid::{MARKET_PRICE, NORTH, SOUTH};
use crate::app::demo::order::{Order, Ordered};
use crate::app::demo::play::{Person, Play};
use crate::domain::address::Address;
use crate::domain::asset::Asset;
use crate::domain::money::Stroops;
use farmgate_sandbox::wallet::Deed;

pub(super) const STORIES: &[Story] = &[
    story("Grete", "pays too much from an exchange's sub-account", |play| Box::pin(muxed(play))),
    story("Haskell", "pays half from an exchange that demands a memo, and said which", |play| {
        Box::pin(with_memo(play))
    }),
    story("Ingrid", "pays half from an exchange that demands a memo, and said nothing", |play| {
        Box::pin(without_memo(play))
    }),
    story("Jean", "pays XLM through the order book", |play| Box::pin(through_the_book(play, 0))),
    story("Karen", "pays XLM through the order book, and too much", |play| {
        Box::pin(through_the_book(play, 3))
    }),
];

const SUB_ACCOUNT: u64 = 77;
const MEMO: &str = "1047";

async fn muxed(play: &Play) -> Result<(), DemoError> {
    let (_, exchange) = futures::try_join!(play.me(&[]), play.person("exchange", &["TFT"]))?;
    let ordered = play.order(&Order::on(NORTH, "TFT", 1_000)).await?;
    let (asset, amount) = ordered.option()?;
    let extra = Stroops::from_units(4);
    play.pay(&exchange.as_sub_account(SUB_ACCOUNT), &ordered, asset, plus(amount, extra)?).await?;
    play.settles(&ordered).await?;
    play.back(&exchange, asset, extra);
    let id = SUB_ACCOUNT.to_string();
    let to_it = |one: &farmgate_sandbox::wallet::Received| {
        one.from == ordered.escrow && one.amount == extra && one.to_muxed_id.as_ref() == Some(&id)
    };
    play.receives(&exchange, &format!("returned to sub-account {id}"), to_it).await
}

/// Half is paid by an exchange that from then on demands memos.
async fn half_of_an_exchange(
    play: &Play,
    refunds: bool,
) -> Result<(Person, Ordered, Asset, Stroops), DemoError> {
    let (_, exchange) = futures::try_join!(play.me(&[]), play.person("exchange", &["TFT"]))?;
    play.do_it(&[(&exchange, Deed::DemandMemos)]).await?;
    let refund = json!({ "address": exchange.account(), "memo": { "type": "id", "value": MEMO } });
    let order = Order { refund: refunds.then_some(refund), ..Order::on(SOUTH, "TFT", 1_000) };
    let ordered = play.order(&order).await?;
    let (asset, amount) = ordered.option()?;
    let half = percent(amount, 50);
    play.pay(&exchange, &ordered, asset, half).await?;
    Ok((exchange, ordered, asset, half))
}

async fn with_memo(play: &Play) -> Result<(), DemoError> {
    let (exchange, ordered, asset, half) = half_of_an_exchange(play, true).await?;
    play.until(&ordered, "refunded").await?;
    play.back(&exchange, asset, half);
    let said = |one: &farmgate_sandbox::wallet::Received| {
        let memo = &one.transaction;
        one.amount == half && memo.memo_type == "id" && memo.memo.as_deref() == Some(MEMO)
    };
    play.receives(&exchange, &format!("returned with memo {MEMO}"), said).await
}

async fn without_memo(play: &Play) -> Result<(), DemoError> {
    let (exchange, ordered, asset, half) = half_of_an_exchange(play, false).await?;
    play.until(&ordered, "refunding").await?;
    play.stays_owed(&exchange, &ordered, asset, half).await
}

async fn through_the_book(play: &Play, too_many_units: u32) -> Result<(), DemoError> {
    let me = play.me(&["TFT"]).await?;
    let ordered = play.order(&Order::on(NORTH, "TFT", 1_000)).await?;
    let (asset, price) = ordered.option()?;
    let extra = Stroops::from_units(too_many_units);
    let amount = plus(price, extra)?;
    let costs = amount.get() * i64::from(MARKET_PRICE);
    let deed = Deed::PayThrough {
        to: Address::Account(ordered.escrow),
        with: Asset::Native,
        at_most: Stroops::new(costs).unwrap_or_default(),
        asset,
        amount,
    };
    play.do_it(&[(&me, deed)]).await?;
    if let Some(market) = play.stage.grid.account("market") {
        play.note(|tale| {
            tale.pays(market, Asset::Native, costs);
            tale.pays(market, asset, -amount.get());
        });
    }
    play.settles(&ordered).await?;
    if !extra.is_zero() {
        play.back(&me, asset, extra);
    }
    Ok(())
}
