//! Accounts that are paid out to, and cannot be paid.

use farmgate::domain::address::AccountId;
use farmgate::ports::store::PayoutCheck;

use crate::support::on_both_databases;
use crate::world::faulty_network::{Faults, faulty};
use crate::world::{FARMER, World, price, wallet};

/// Addresses that nobody has looked at yet, all at once.
const NEW: u8 = 12;
const NEW_PER_TICK_MAX: usize = 5;
const DAY_SECONDS: i64 = 86_400;

/// The farm is paid at this person's account from now on.
async fn pay_farmer_at(world: &World, name: &str) {
    let mut farm = world.farm().await;
    farm.payout_addresses.insert(world.asset("TFT"), wallet(name).account());
    world.put_farm(farm).await;
}

async fn refusal(world: &World) -> String {
    world.open(world.request()).await.unwrap_err().to_string()
}

/// How often these accounts were asked about.
fn asked(faults: &Faults, accounts: &[AccountId]) -> usize {
    faults.accounts_asked.lock().unwrap().iter().filter(|one| accounts.contains(one)).count()
}

async fn checks(world: &World, accounts: &[AccountId]) -> Vec<PayoutCheck> {
    world.store.begin_read().await.unwrap().payout_checks(accounts).await.unwrap()
}

on_both_databases! {
    async fn an_order_that_would_pay_an_account_that_demands_a_memo_is_refused(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        world.customer("exchange").await;
        world.demand_memos("exchange").await;
        pay_farmer_at(&world, "exchange").await;
        let first = world.reserve().await;
        world.rest().await;
        let seen = checks(&world, &[wallet("exchange").account()]).await;
        assert!(seen[0].memo_required && seen[0].checked_at.is_some(), "{seen:?}");
        let refused = refusal(&world).await;
        assert!(
            refused.contains("SEP-29") && refused.contains(&wallet("exchange").account().to_string()),
            "{refused}"
        );
        // What was promised before anybody had looked is paid all the same.
        world.pay("alice", first.escrow, price(&first), "TFT").await;
        world.until(first.id, "settled").await;
        pay_farmer_at(&world, FARMER).await;
        world.reserve().await;
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn payout_accounts_are_looked_at_a_few_at_a_time_and_once_a_day(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.reserve().await;
        world.rest().await;
        let new: Vec<AccountId> = (1..=NEW).map(|number| AccountId([number; 32])).collect();
        let watched = new.clone();
        world
            .write(move |tx| {
                let watched = watched.clone();
                Box::pin(async move {
                    tx.watch_payouts(&watched).await?;
                    tx.watch_payouts(&watched).await
                })
            })
            .await;
        for expected in [NEW_PER_TICK_MAX, 2 * NEW_PER_TICK_MAX, NEW.into(), NEW.into()] {
            world.tick().await.unwrap();
            assert_eq!(asked(&faults, &new), expected);
        }
        assert!(
            checks(&world, &new).await.iter().all(|check| !check.memo_required && check.checked_at.is_some())
        );
        world.restart(world.store.clone(), world.network.clone());
        world.rest().await;
        assert_eq!(asked(&faults, &new), usize::from(NEW), "what was seen is stored");
        world.clock.move_on(DAY_SECONDS + 60);
        let before = faults.accounts_asked.lock().unwrap().len();
        world.rest().await;
        assert!(faults.accounts_asked.lock().unwrap().len() <= before + 1, "one a minute");
        for _ in 0..30 {
            world.clock.move_on(61);
            world.next_ledger().await;
            world.tick().await.unwrap();
        }
        assert_eq!(asked(&faults, &new), 2 * usize::from(NEW), "each once more");
    }
}
