//! What comes to escrow accounts that are about to be closed, or are.

use std::time::Duration;

use super::exact::settled;
use crate::app::clock::SystemClock;
use crate::demo::error::DemoError;
use crate::demo::grid::{NORTH, SOUTH};
use crate::demo::order::Ordered;
use crate::demo::scenario::{Person, Scenario, Script, script};
use crate::demo::settings::QUIET_PERIOD_SECONDS;
use crate::domain::address::Address;
use crate::domain::asset::Asset;
use crate::domain::money::Stroops;
use crate::ports::clock::Clock;
use farmgate_sandbox::operations::Operation;
use farmgate_sandbox::wallet::Memo;

pub(super) const SCRIPTS: &[Script] = &[
    script("Tim", "pays, and pays again when the account is closed", |scenario| Box::pin(bounces(scenario))),
    script("Ursula", "pays, and a stranger sends dust of the token", |scenario| {
        Box::pin(dust(scenario, true, 1))
    }),
    script(
        "Valerie",
        "pays, and a stranger sends dust in XLM as the account is about to close",
        |scenario| Box::pin(dust(scenario, false, QUIET_PERIOD_SECONDS - 2)),
    ),
];

/// True once the ledger no longer has the account.
async fn is_closed(scenario: &Scenario, ordered: &Ordered) -> bool {
    scenario.until_ledger(|sandbox| (!sandbox.account_exists(ordered.escrow)).then_some(())).await.is_some()
}

async fn bounces(scenario: &Scenario) -> Result<(), DemoError> {
    let (me, ordered, _) = settled(scenario, NORTH, "TFT", 1_000).await?;
    let closed = is_closed(scenario, &ordered).await;
    scenario.claim("its account is closed", closed);
    let (asset, amount) = ordered.option()?;
    let refused = sends(scenario, &me, &ordered, asset, amount).await?.err().unwrap_or_default();
    scenario.claim(
        "the network refuses the second payment",
        refused.iter().any(|code| code == "op_no_destination"),
    );
    Ok(())
}

async fn sends(
    scenario: &Scenario,
    who: &Person,
    ordered: &Ordered,
    asset: Asset,
    amount: Stroops,
) -> Result<Result<(), Vec<String>>, DemoError> {
    let deed = Operation::Pay { to: Address::Account(ordered.escrow), asset, amount };
    scenario.act(&[(who, deed)], &Memo::None).await
}

/// A stroop: it comes back or, if the account is closed by then, is refused.
async fn dust(scenario: &Scenario, token: bool, after_seconds: i64) -> Result<(), DemoError> {
    let stranger = scenario.person("stranger", &["TFT"]);
    let (stranger, (_, ordered, _)) = futures::try_join!(stranger, settled(scenario, SOUTH, "TFT", 1_000))?;
    SystemClock.sleep(Duration::from_secs(after_seconds.unsigned_abs())).await;
    let asset = if token { ordered.option()?.0 } else { Asset::Native };
    let stroop = Stroops::new(1).unwrap_or_default();
    match sends(scenario, &stranger, &ordered, asset, stroop).await? {
        Ok(()) => scenario.back(&stranger, asset, stroop),
        Err(codes) => scenario.claim(
            "the network refuses the dust: the account is closed",
            codes.iter().any(|code| code == "op_no_destination"),
        ),
    }
    Ok(())
}
