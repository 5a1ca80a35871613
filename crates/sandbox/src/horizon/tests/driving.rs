//! A sandbox that runs, and a wallet that uses it.

use super::*;

use http_body_util::BodyExt;
use stellar_xdr::ClaimPredicate;

use crate::wallet::{Funded, Horizon, Named, Wallet, WalletError};
use crate::{RateLimit, StartError};
use stellar_types::address::Address;
use stellar_types::asset::Asset;
use stellar_types::money::Stroops;

#[tokio::test]
async fn requests_are_counted() {
    let town = Town::new();
    town.get("/").await;
    town.get("/nothing").await;
    assert_eq!(town.sandbox.requests_served(), 2);
}

#[tokio::test]
async fn a_wallet_gets_trusts_and_pays_over_a_socket() {
    let town = Town::new();
    let handle = town.sandbox.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    let horizon = Horizon::at(&handle.url()).unwrap();
    let (alice, bob): (Wallet, Wallet) = ("alice".parse().unwrap(), "bob".parse().unwrap());
    let (native, tft): (Named, Named) = ("XLM".parse().unwrap(), "TFT".parse().unwrap());
    let shopping = async {
        let nothing = Stroops::ZERO;
        let missing = horizon.trust(&alice, tft).await;
        assert!(matches!(missing, Err(WalletError::NoAccount { .. })), "{missing:?}");
        horizon.fund(alice.account(), native, nothing).await.unwrap();
        horizon.fund(bob.account(), native, nothing).await.unwrap();
        let amount: Stroops = "100".parse().unwrap();
        let untrusting = horizon.fund(alice.account(), tft, amount).await.unwrap_err();
        assert_eq!(untrusting.to_string(), "the network says tx_failed, op_no_trust");
        horizon.trust(&alice, tft).await.unwrap();
        horizon.trust(&bob, tft).await.unwrap();
        horizon.fund(alice.account(), tft, amount).await.unwrap();
        let to = Address::Muxed { account: bob.account(), id: 9 };
        let memo = "text:p-1".parse().unwrap();
        horizon.pay(&alice, to, tft, "60.5".parse().unwrap(), &memo).await.unwrap()
    };
    let receipt = while_ledgers_close(&town, shopping).await;
    let asset = town.sandbox.asset("TFT").unwrap();
    assert_eq!(town.sandbox.balance(bob.account(), &asset), Some("60.5".parse().unwrap()));
    assert_eq!(town.sandbox.balance(alice.account(), &asset), Some("39.5".parse().unwrap()));
    assert!(town.sandbox.with_ledger(|ledger| ledger.history().transaction(receipt.hash).is_some()));
    handle.stop().await;
}

/// Closes ledgers for as long as `shopping` takes.
async fn while_ledgers_close<T>(town: &Town, shopping: impl Future<Output = T>) -> T {
    tokio::select! {
        result = shopping => result,
        () = async { loop { town.close(); tokio::task::yield_now().await; } } => unreachable!(),
    }
}

#[tokio::test]
async fn a_wallet_that_is_funded_again_gets_more() {
    let town = Town::new();
    let handle = town.sandbox.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    let horizon = Horizon::at(&handle.url()).unwrap();
    let alice: Wallet = "alice".parse().unwrap();
    let native: Named = "XLM".parse().unwrap();
    let twice = while_ledgers_close(&town, async {
        let first = horizon.fund(alice.account(), native, Stroops::ZERO).await.unwrap();
        (first, horizon.fund(alice.account(), native, Stroops::ZERO).await.unwrap())
    });
    let (first, second) = twice.await;
    assert!(matches!(first, Funded::Created(_)) && matches!(second, Funded::Paid(_)), "{first:?} {second:?}");
    assert!(second.receipt().ledger > first.receipt().ledger);
    let held = town.sandbox.balance(alice.account(), &Asset::Native);
    assert_eq!(held, Some(Stroops::from_units(20_000)));
    handle.stop().await;
}

#[tokio::test]
async fn a_wallet_tells_what_it_holds_and_could_claim() {
    let town = Town::new();
    let handle = town.sandbox.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    let horizon = Horizon::at(&handle.url()).unwrap();
    let bob: Wallet = Wallet::from(key("bob"));
    let (native, tft): (Named, Named) = ("XLM".parse().unwrap(), "TFT".parse().unwrap());
    let missing = horizon.holdings(bob.account()).await;
    assert!(matches!(missing, Err(WalletError::NoAccount { .. })), "{missing:?}");
    town.befriend(&["alice"]);
    let holdings = while_ledgers_close(&town, async {
        horizon.fund(bob.account(), native, Stroops::ZERO).await.unwrap();
        horizon.trust(&bob, tft).await.unwrap();
        horizon.fund(bob.account(), tft, "1.5".parse().unwrap()).await.unwrap();
        let gold = Asset::credit("GOLD".parse().unwrap(), id("alice"));
        horizon.trust(&bob, Named::Asset(gold)).await.unwrap();
        let aside = set_aside(gold, 5 * UNIT, &[("bob", ClaimPredicate::Unconditional)]);
        town.send(&draft("alice", [aside]));
        horizon.holdings(bob.account()).await.unwrap()
    });
    let holdings = holdings.await;
    let told = |of: &[(Asset, Stroops)]| -> Vec<String> {
        of.iter().map(|(asset, amount)| format!("{amount} {}", holdings.name(asset))).collect()
    };
    let gold = format!("GOLD:{}", id("alice"));
    let mut balances = told(&holdings.balances);
    assert_eq!(balances.remove(0), "9999.99998 XLM", "10,000 less two fees");
    balances.sort_unstable();
    assert_eq!(balances, [format!("0 {gold}"), "1.5 TFT".to_owned()]);
    assert_eq!(told(&holdings.claimable), [format!("5 {gold}")]);
    handle.stop().await;
}

#[tokio::test]
async fn the_timer_closes_ledgers_with_or_without_transactions() {
    let town = Town::new();
    let handle = town.sandbox.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    let mut latest = 1;
    while latest < 4 {
        tokio::task::yield_now().await;
        town.clock.forward(5);
        latest = town.sandbox.with_ledger(|ledger| ledger.latest().ledger.0);
    }
    handle.stop().await;
    assert!(matches!(
        town.sandbox.listen(([0, 0, 0, 0], 0).into()).await,
        Err(StartError::NotLoopback { .. })
    ));
}

#[tokio::test]
async fn a_rate_limit_is_told_in_headers_and_ends_streams() {
    let rate_limit = Some(RateLimit { requests_per_hour: 3_600, burst_requests: 1 });
    let town = Town::with(Settings { rate_limit, ..Settings::default() });
    let root = || Request::get("/").body(Body::empty()).unwrap();
    let streaming = Request::get("/ledgers?cursor=now")
        .header("Accept", "text/event-stream")
        .body(Body::empty())
        .unwrap();
    let stream = town.ask(streaming).await;
    let response = town.ask(root()).await;
    assert_eq!(response.headers()["X-RateLimit-Limit"], "2");
    assert_eq!(response.headers()["X-RateLimit-Remaining"], "0");
    assert!(response.headers().get("Retry-After").is_none());
    let response = town.ask(root()).await;
    assert_eq!(response.headers()["Retry-After"], "1");
    let status = response.status();
    is_problem(&(status, json(response).await), 429, "rate_limit_exceeded");
    let ended = async { stream.into_body().collect().await.unwrap().to_bytes() };
    let (text, ()) = tokio::join!(ended, async {
        town.sandbox.close_ledger();
    });
    let text = String::from_utf8(text.to_vec()).unwrap();
    assert!(
        text.contains("event: error\ndata: problem: rate_limit_exceeded. full details: The rate"),
        "{text}"
    );
}
