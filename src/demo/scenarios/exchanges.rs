//! Money that does not come from its owner's own account, or not as what arrives.

use serde_json::json;

use super::amounts::{percent, plus};
use crate::demo::error::DemoError;
use crate::demo::grid::{MARKET_PRICE, NORTH, SOUTH};
use crate::demo::order::{Order, Ordered};
use crate::demo::scenario::{Person, Scenario, Script, script};
use crate::domain::address::Address;
use crate::domain::asset::Asset;
use crate::domain::money::Stroops;
use farmgate_sandbox::operations::Operation;

pub(super) const SCRIPTS: &[Script] = &[
    script("Grete", "pays too much from an exchange's sub-account", |scenario| Box::pin(muxed(scenario))),
    script("Haskell", "pays half from an exchange that demands a memo, and said which", |scenario| {
        Box::pin(with_memo(scenario))
    }),
    script("Ingrid", "pays half from an exchange that demands a memo, and said nothing", |scenario| {
        Box::pin(without_memo(scenario))
    }),
    script("Jean", "pays XLM through the order book", |scenario| Box::pin(through_the_book(scenario, 0))),
    script("Karen", "pays XLM through the order book, and too much", |scenario| {
        Box::pin(through_the_book(scenario, 3))
    }),
];

const SUB_ACCOUNT: u64 = 77;
const MEMO: &str = "1047";

async fn muxed(scenario: &Scenario) -> Result<(), DemoError> {
    let (_, exchange) = futures::try_join!(scenario.me(&[]), scenario.person("exchange", &["TFT"]))?;
    let ordered = scenario.order(&Order::on(NORTH, "TFT", 1_000)).await?;
    let (asset, amount) = ordered.option()?;
    let extra = Stroops::from_units(4);
    scenario.pay(&exchange.as_sub_account(SUB_ACCOUNT), &ordered, asset, plus(amount, extra)?).await?;
    scenario.settles(&ordered).await?;
    scenario.back(&exchange, asset, extra);
    let id = SUB_ACCOUNT.to_string();
    let to_it = |one: &farmgate_sandbox::wallet::Received| {
        one.from == ordered.escrow && one.amount == extra && one.to_muxed_id.as_ref() == Some(&id)
    };
    scenario.receives(&exchange, &format!("returned to sub-account {id}"), to_it).await
}

/// Half is paid by an exchange that from then on demands memos.
async fn half_of_an_exchange(
    scenario: &Scenario,
    refunds: bool,
) -> Result<(Person, Ordered, Asset, Stroops), DemoError> {
    let (_, exchange) = futures::try_join!(scenario.me(&[]), scenario.person("exchange", &["TFT"]))?;
    scenario.do_it(&[(&exchange, Operation::RequireMemo)]).await?;
    let refund = json!({ "address": exchange.account(), "memo": { "type": "id", "value": MEMO } });
    let order = Order { refund: refunds.then_some(refund), ..Order::on(SOUTH, "TFT", 1_000) };
    let ordered = scenario.order(&order).await?;
    let (asset, amount) = ordered.option()?;
    let half = percent(amount, 50);
    scenario.pay(&exchange, &ordered, asset, half).await?;
    Ok((exchange, ordered, asset, half))
}

async fn with_memo(scenario: &Scenario) -> Result<(), DemoError> {
    let (exchange, ordered, asset, half) = half_of_an_exchange(scenario, true).await?;
    scenario.until(&ordered, "refunded").await?;
    scenario.back(&exchange, asset, half);
    let said = |one: &farmgate_sandbox::wallet::Received| {
        let memo = &one.transaction;
        one.amount == half && memo.memo_type == "id" && memo.memo.as_deref() == Some(MEMO)
    };
    scenario.receives(&exchange, &format!("returned with memo {MEMO}"), said).await
}

async fn without_memo(scenario: &Scenario) -> Result<(), DemoError> {
    let (exchange, ordered, asset, half) = half_of_an_exchange(scenario, false).await?;
    scenario.until(&ordered, "refunding").await?;
    scenario.stays_owed(&exchange, &ordered, asset, half).await
}

async fn through_the_book(scenario: &Scenario, too_many_units: u32) -> Result<(), DemoError> {
    let me = scenario.me(&["TFT"]).await?;
    let ordered = scenario.order(&Order::on(NORTH, "TFT", 1_000)).await?;
    let (asset, price) = ordered.option()?;
    let extra = Stroops::from_units(too_many_units);
    let amount = plus(price, extra)?;
    let costs = amount.get() * i64::from(MARKET_PRICE);
    let deed = Operation::PathPayment {
        to: Address::Account(ordered.escrow),
        send: Asset::Native,
        send_max: Stroops::new(costs).unwrap_or_default(),
        asset,
        amount,
    };
    scenario.do_it(&[(&me, deed)]).await?;
    if let Some(market) = scenario.fixture.grid.account("market") {
        scenario.note(|expectation| {
            expectation.pays(market, Asset::Native, costs);
            expectation.pays(market, asset, -amount.get());
        });
    }
    scenario.settles(&ordered).await?;
    if !extra.is_zero() {
        scenario.back(&me, asset, extra);
    }
    Ok(())
}
