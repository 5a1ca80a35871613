//! A sandbox that runs, and a wallet that uses it.

use super::*;

use crate::domain::address::Address;
use crate::domain::money::Stroops;
use crate::sandbox::StartError;
use crate::sandbox::wallet::{Horizon, Named, Wallet, WalletError};

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
    let receipt = tokio::select! {
        receipt = shopping => receipt,
        () = async { loop { town.close(); tokio::task::yield_now().await; } } => unreachable!(),
    };
    let asset = town.sandbox.asset("TFT").unwrap();
    assert_eq!(town.sandbox.balance(bob.account(), &asset), Some("60.5".parse().unwrap()));
    assert_eq!(town.sandbox.balance(alice.account(), &asset), Some("39.5".parse().unwrap()));
    assert!(town.sandbox.with_ledger(|ledger| ledger.history().transaction(receipt.hash).is_some()));
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
