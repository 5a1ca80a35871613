//! Cases that broke services before this one, and that have no other place here.

use farmgate::domain::address::AccountId;
use farmgate::domain::escrow::EscrowState;
use farmgate::settlement::Settings;

use crate::support::on_both_databases;
use crate::world::transport::CannedAnswer;
use crate::world::{
    FARMER, PAST_THE_DEADLINE_SECONDS, World, amount, engine_settings, farmers_share, price, wallet,
};

/// What Horizon says while its history is behind its ledger.
const STALE: CannedAnswer = CannedAnswer {
    status: 503,
    retry_after: None,
    body: concat!(
        r#"{"type":"https://stellar.org/horizon-errors/stale_history","title":"Historical DB Is "#,
        r#"Too Stale","status":503,"detail":"This horizon instance is configured to reject "#,
        r#"client requests when it can determine that the history database is lagging too far "#,
        r#"behind the connected instance of Stellar-Core or read replica."}"#,
    ),
};

on_both_databases! {
    async fn on_stale_history_nothing_is_decided(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let (paid, unpaid) = (world.reserve().await, world.reserve().await);
        world.rest().await;
        world.pay("alice", paid.escrow, price(&paid), "TFT").await;
        *world.transport.answer.lock().unwrap() = Some(STALE);
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        for _ in 0..5 {
            world.next_ledger().await;
            assert!(world.tick().await.is_err(), "it is told");
            assert_eq!(world.state(paid.id).await, "awaiting_payment");
            assert_eq!(world.state(unpaid.id).await, "awaiting_payment");
        }
        *world.transport.answer.lock().unwrap() = None;
        world.until(paid.id, "settled").await;
        world.until(unpaid.id, "expired").await;
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn a_platform_out_of_xlm_waits_and_goes_on_once_it_is_funded(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        world.fund("owner").await;
        // The channel leaves the platform enough for a few accounts, of many that it should keep ready.
        let settings = Settings {
            channels: 1,
            channel_starting_balance: amount("9945"),
            warm_accounts: 38,
            funding_accounts: vec![wallet("owner").account()],
            ..engine_settings()
        };
        world.restart_with(world.store.clone(), world.network.clone(), settings.clone());
        let reservation = world.reserve().await;
        world.rest().await;
        let tft = [world.asset("TFT")];
        let available =
            async || world.store.begin_read().await.unwrap().escrows_available(&tft).await.unwrap();
        assert!(available().await < u64::from(settings.warm_accounts), "it could not afford all of them");
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settled").await;
        world.pay("owner", wallet("platform").account(), amount("1000"), "XLM").await;
        world.clock.move_on(3_601);
        for _ in 0..100 {
            world.next_ledger().await;
            world.tick().await.unwrap();
            if available().await >= u64::from(settings.warm_accounts) {
                break;
            }
        }
        assert_eq!(available().await, u64::from(settings.warm_accounts), "it goes on");
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn money_straight_to_an_account_that_is_settled_expired_or_nobodys_goes_back(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        world.customer("bob").await;
        let (settled, expired) = (world.reserve().await, world.reserve().await);
        world.pay("alice", settled.escrow, price(&settled), "TFT").await;
        world.until(settled.id, "settled").await;
        let page = world.network.watched_accounts(None).await.unwrap();
        let accounts: Vec<AccountId> = page.accounts.iter().map(|snapshot| snapshot.account).collect();
        let escrows =
            world.store.begin_read().await.unwrap().escrows(&accounts).await.unwrap().all().unwrap();
        let nobodys = escrows.into_iter().find(|escrow| escrow.state == EscrowState::Ready).unwrap().account;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(expired.id, "expired").await;
        for account in [settled.escrow, expired.escrow, nobodys] {
            world.pay("bob", account, amount("5"), "TFT").await;
        }
        world.rest().await;
        world.until_holds("bob", "TFT", amount("10000")).await;
        assert_eq!(world.state(settled.id).await, "settled");
        assert_eq!(world.state(expired.id).await, "expired");
        assert_eq!(world.holds(FARMER, "TFT"), farmers_share(&settled));
        world.rest().await;
        world.assert_reconciled().await;
    }
}
