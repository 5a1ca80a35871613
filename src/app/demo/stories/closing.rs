//! What comes to escrow accounts that are about to be closed, or are.

use std::time::Duration;

use super::exact::settled;
use super::{Story, story};
use crate::app::clock::SystemClock;
use crate::app::demo::grid::{NORTH, SOUTH};
use crate::app::demo::order::Ordered;
use crate::app::demo::play::{Person, Play};
use crate::app::demo::{DemoError, QUIET_PERIOD_SECONDS};
use crate::domain::address::Address;
use crate::domain::asset::Asset;
use crate::domain::money::Stroops;
use crate::ports::clock::Clock;
use farmgate_sandbox::wallet::{Deed, Memo};

pub(super) const STORIES: &[Story] = &[
    story("Tim", "pays, and pays again when the account is closed", |play| Box::pin(bounces(play))),
    story("Ursula", "pays, and a stranger sends dust of the token", |play| Box::pin(dust(play, true, 1))),
    story("Valerie", "pays, and a stranger sends dust in XLM as the account is about to close", |play| {
        Box::pin(dust(play, false, QUIET_PERIOD_SECONDS - 2))
    }),
];

/// True once the ledger no longer has the account.
async fn is_closed(play: &Play, ordered: &Ordered) -> bool {
    play.until_ledger(|sandbox| (!sandbox.account_exists(ordered.escrow)).then_some(())).await.is_some()
}

async fn bounces(play: &Play) -> Result<(), DemoError> {
    let (me, ordered, _) = settled(play, NORTH, "TFT", 1_000).await?;
    let closed = is_closed(play, &ordered).await;
    play.claim("its account is closed", closed);
    let (asset, amount) = ordered.option()?;
    let refused = sends(play, &me, &ordered, asset, amount).await?.err().unwrap_or_default();
    play.claim(
        "the network refuses the second payment",
        refused.iter().any(|code| code == "op_no_destination"),
    );
    Ok(())
}

async fn sends(
    play: &Play,
    who: &Person,
    ordered: &Ordered,
    asset: Asset,
    amount: Stroops,
) -> Result<Result<(), Vec<String>>, DemoError> {
    let deed = Deed::Pay { to: Address::Account(ordered.escrow), asset, amount };
    play.act(&[(who, deed)], &Memo::None).await
}

/// A stroop: it comes back or, if the account is closed by then, is refused.
async fn dust(play: &Play, token: bool, after_seconds: i64) -> Result<(), DemoError> {
    let stranger = play.person("stranger", &["TFT"]);
    let (stranger, (_, ordered, _)) = futures::try_join!(stranger, settled(play, SOUTH, "TFT", 1_000))?;
    SystemClock.sleep(Duration::from_secs(after_seconds.unsigned_abs())).await;
    let asset = if token { ordered.option()?.0 } else { Asset::Native };
    let stroop = Stroops::new(1).unwrap_or_default();
    match sends(play, &stranger, &ordered, asset, stroop).await? {
        Ok(()) => play.back(&stranger, asset, stroop),
        Err(codes) => play.claim(
            "the network refuses the dust: the account is closed",
            codes.iter().any(|code| code == "op_no_destination"),
        ),
    }
    Ok(())
}
