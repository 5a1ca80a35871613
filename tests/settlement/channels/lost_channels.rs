//! Channels that disappear: whoever has our key merged them away.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use farmgate::domain::address::AccountId;
use farmgate::domain::escrow::ChannelRole;
use farmgate::domain::transfer::{Submission, SubmissionState};

use crate::support::{TestStore, on_both_databases};
use crate::world::faulty_network::{Faults, faulty};
use crate::world::{FARMER, PAST_MAX_TIME_SECONDS, World, engine_settings, farmers_share, price, wallet};

async fn world_with_alice(store: &TestStore) -> (World, Arc<Faults>) {
    let (world, faults) = faulty(store.store.clone()).await;
    world.customer("alice").await;
    (world, faults)
}

/// The channels that are on the ledger.
async fn there(world: &World) -> Vec<AccountId> {
    let channels = world.store.begin_read().await.unwrap().channels().await.unwrap().all().unwrap();
    let mut there = Vec::new();
    for channel in channels.iter().filter(|channel| channel.role == ChannelRole::Channel) {
        if world.plain.account(channel.account).await.unwrap().account.is_some() {
            there.push(channel.account);
        }
    }
    there
}

async fn live(world: &World) -> Submission {
    world.store.begin_read().await.unwrap().live_submissions().await.unwrap().all().unwrap().remove(0)
}

on_both_databases! {
    async fn a_channel_that_disappears_is_not_used_and_another_takes_its_place(store: &TestStore) {
        let (world, _faults) = world_with_alice(store).await;
        let reservation = world.reserve().await;
        world.rest().await;
        let gone = there(&world).await[0];
        world.merge_away(gone, gone).await;
        world.rest().await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settled").await;
        world.rest().await;
        let now = there(&world).await;
        assert!(!now.contains(&gone));
        assert_eq!(now.len(), usize::from(engine_settings().channels));
        // What it had went to the platform's account by no transaction of ours: a person has to look at that.
        let wrong: Vec<AccountId> =
            world.differences().await.into_iter().map(|(account, ..)| account).collect();
        assert_eq!(wrong, [gone], "only what is gone differs");
    }

    async fn an_envelope_whose_channel_disappeared_is_dead_and_another_pays(store: &TestStore) {
        let (world, faults) = world_with_alice(store).await;
        let reservation = world.reserve().await;
        world.rest().await;
        faults.lost.store(usize::MAX, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settling").await;
        let waits = live(&world).await;
        world.merge_away(waits.channel, wallet("platform").account()).await;
        world.rest().await;
        assert_eq!(
            world.state(reservation.id).await,
            "settling",
            "nothing is proved before its time is over"
        );
        world.clock.move_on(PAST_MAX_TIME_SECONDS);
        faults.lost.store(0, Ordering::SeqCst);
        world.until(reservation.id, "settled").await;
        let ended = world.store.begin_read().await.unwrap().submission(waits.id).await.unwrap().unwrap();
        assert!(matches!(ended.state, SubmissionState::Dead { .. }), "{:?}", ended.state);
        assert_eq!(world.holds(FARMER, "TFT"), farmers_share(&reservation));
        assert!(world.balance(reservation.escrow, "TFT").is_zero());
    }

    async fn what_landed_before_its_channel_disappeared_is_not_paid_again(store: &TestStore) {
        let (world, faults) = world_with_alice(store).await;
        let reservation = world.reserve().await;
        world.rest().await;
        let built = faults.built();
        faults.land_unseen.store(1, Ordering::SeqCst);
        faults.blind.store(usize::MAX, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settling").await;
        let waits = live(&world).await;
        world.next_ledger().await;
        world.merge_away(waits.channel, wallet("platform").account()).await;
        world.clock.move_on(PAST_MAX_TIME_SECONDS);
        // Its history tells, although no look-up of a hash does.
        world.until(reservation.id, "settled").await;
        let ended = world.store.begin_read().await.unwrap().submission(waits.id).await.unwrap().unwrap();
        assert!(matches!(ended.state, SubmissionState::Confirmed { .. }), "{:?}", ended.state);
        assert_eq!(faults.built(), built + 1, "nothing was built again");
        assert_eq!(world.holds(FARMER, "TFT"), farmers_share(&reservation));
    }
}
