//! Accounts that could not be opened.

use std::sync::atomic::Ordering;

use farmgate::domain::address::AccountId;
use farmgate::domain::asset::Asset;
use farmgate::domain::currency::Currency;
use farmgate::domain::escrow::{ChannelRole, EscrowState};
use farmgate::domain::transfer::Purpose;
use farmgate::settlement::Settings;

use crate::support::on_both_databases;
use crate::world::faulty_network::faulty;
use crate::world::{BASE_FEE, PAST_MAX_TIME_SECONDS, World, amount, engine_settings, price, wallet};

on_both_databases! {
    async fn accounts_whose_opening_died_are_given_up_and_others_made(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let first = world.reserve().await;
        world.rest().await;
        faults.lost.store(usize::MAX, Ordering::SeqCst);
        let second = world.open(world.request()).await.unwrap();
        world.rest().await;
        let live = world.store.begin_read().await.unwrap().live_submissions().await.unwrap().all().unwrap();
        let Purpose::OpenEscrows { accounts, .. } = &live[0].purpose else { panic!("{:?}", live[0].purpose) };
        let built = faults.built();
        world.clock.move_on(PAST_MAX_TIME_SECONDS);
        faults.lost.store(0, Ordering::SeqCst);
        world.rest().await;
        for account in accounts {
            assert_eq!(world.escrow(*account).await.state, EscrowState::Abandoned);
            assert!(world.plain.account(*account).await.unwrap().account.is_none());
        }
        assert_eq!(faults.built(), built, "a pause before the next try");
        world.clock.move_on(11);
        world.rest().await;
        assert_eq!(faults.built(), built + 1);
        let tft = [world.asset("TFT")];
        let mut tx = world.store.begin_read().await.unwrap();
        assert_eq!(tx.escrows_available(&tft).await.unwrap(), u64::from(engine_settings().warm_accounts));
        drop(tx);
        for reservation in [&first, &second] {
            world.pay("alice", reservation.escrow, price(reservation), "TFT").await;
            world.until(reservation.id, "settled").await;
        }
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn an_asset_whose_issuer_is_not_on_the_ledger_is_left_out_of_new_accounts(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let orphan = Asset::credit("ORPHAN".parse().unwrap(), wallet("nobody").account());
        world
            .write(move |tx| {
                Box::pin(async move {
                    let currency = tx.currency("TFT".parse().unwrap()).await?.unwrap();
                    let orphaned = Currency { code: "ORPHAN".parse().unwrap(), asset: orphan, ..currency };
                    tx.put_currency(&orphaned, None).await.map(drop)
                })
            })
            .await;
        let mut farm = world.farm().await;
        farm.payout_addresses.insert(orphan, wallet("farmer").account());
        world.put_farm(farm).await;
        let reservation = world.reserve().await;
        assert_eq!(world.escrow(reservation.escrow).await.assets, [world.asset("TFT")]);
        assert_eq!(reservation.quote.options.len(), 1, "nobody could pay in it");
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settled").await;
        assert_eq!(world.fees_of_failures().await, [] as [i64; 0], "no opening failed for it");
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn channels_that_the_platform_cannot_afford_are_tried_ever_less_often(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        let dear = Settings { channel_starting_balance: amount("9000"), ..engine_settings() };
        world.restart_with(world.store.clone(), world.network.clone(), dear);
        world.rest().await;
        assert_eq!(faults.built(), 1, "a pause before the second try");
        world.clock.move_on(11);
        world.rest().await;
        assert_eq!(faults.built(), 2);
        world.clock.move_on(11);
        world.rest().await;
        assert_eq!(faults.built(), 2, "a longer pause before the third");
        world.clock.move_on(10);
        world.rest().await;
        assert_eq!(faults.built(), 3);
        let reconciliation = world.reconcile().await;
        assert!(reconciliation.balances() && !reconciliation.lines.is_empty(), "{reconciliation:?}");
        let fees = world.fees_of_failures().await;
        assert_eq!(fees.len(), 3);
        assert!(fees.iter().all(|fee| *fee >= BASE_FEE), "{fees:?}");
        world.restart(world.store.clone(), world.network.clone());
        world.reserve().await;
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn channels_with_less_than_half_of_their_xlm_are_topped_up_once(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.reserve().await;
        world.rest().await;
        let had = channels(&world).await;
        assert_eq!(had.len(), usize::from(engine_settings().channels));
        let built = faults.built();
        let more = Settings { channel_starting_balance: amount("100"), ..engine_settings() };
        world.restart_with(world.store.clone(), world.network.clone(), more.clone());
        world.rest().await;
        assert_eq!(faults.built(), built + 1, "one transaction for all of them, once");
        for channel in had {
            assert_eq!(world.balance(channel, "XLM"), more.channel_starting_balance);
        }
        world.assert_reconciled().await;
        let enough = Settings { channel_starting_balance: amount("199"), ..more };
        world.restart_with(world.store.clone(), world.network.clone(), enough);
        world.rest().await;
        assert_eq!(faults.built(), built + 1, "more than half is enough");
    }

    async fn a_platform_that_cannot_top_up_its_channels_waits_and_goes_on(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        let built = faults.built();
        world.fund("owner").await;
        let dear = Settings {
            channel_starting_balance: amount("6000"),
            funding_accounts: vec![wallet("owner").account()],
            ..engine_settings()
        };
        world.restart_with(world.store.clone(), world.network.clone(), dear);
        world.rest().await;
        assert_eq!(faults.built(), built + 1, "a pause before the second try");
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settled").await;
        world.clock.move_on(601);
        world.rest().await;
        let fees = world.fees_of_failures().await;
        assert_eq!(fees.len(), 2, "tried again after the pause");
        assert!(fees.iter().all(|fee| *fee >= BASE_FEE), "{fees:?}");
        world.assert_reconciled().await;
        world.pay("owner", wallet("platform").account(), amount("9000"), "XLM").await;
        world.clock.move_on(601);
        world.rest().await;
        for channel in channels(&world).await {
            assert_eq!(world.balance(channel, "XLM"), amount("6000"));
        }
        world.assert_reconciled().await;
    }
}

/// The channels, without the platform's own account.
async fn channels(world: &World) -> Vec<AccountId> {
    let channels = world.store.begin_read().await.unwrap().channels().await.unwrap().all().unwrap();
    let opened = channels.into_iter().filter(|channel| channel.role == ChannelRole::Channel);
    opened.map(|channel| channel.account).collect()
}
