//! Changes of who is paid: an order is paid as it was quoted, whatever changes meanwhile.

use farmgate::catalog::{Describing, describe_farm};
use farmgate::domain::farm::Farm;
use farmgate::domain::identity::Identity;
use farmgate::domain::payout_change::PayoutChange;
use farmgate::domain::subject::Subject;

use crate::support::on_both_databases;
use crate::world::{FARMER, World, farmers_share, price, wallet};

const DELAY_SECONDS: i64 = 60;
/// Ledgers close at whole seconds.
const PAST_THE_DELAY_SECONDS: i64 = DELAY_SECONDS + 2;
const HEIR: &str = "heir";

/// Somebody says that the farm is paid elsewhere.
async fn say_that_the_heir_is_paid(world: &World) -> PayoutChange {
    let mut farm = world.farm().await;
    let owner = Identity {
        tenant: farm.tenant.clone(),
        id: farm.owner,
        name: "Ada".to_owned(),
        public_key: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a".parse().unwrap(),
    };
    farm.payout_addresses.insert(world.asset("TFT"), wallet(HEIR).account());
    let by = Describing { decider: world.decider(), delay_seconds: DELAY_SECONDS };
    let mut tx = world.store.begin().await.unwrap();
    let _ = tx.put_identity(&owner).await.unwrap();
    let described = describe_farm(&mut *tx, &by, &farm).await.unwrap();
    tx.commit().await.unwrap();
    described.waits.unwrap()
}

fn paid_at(farm: &Farm, world: &World) -> String {
    farm.payout_addresses[&world.asset("TFT")].to_string()
}

on_both_databases! {
    async fn an_order_pays_the_address_of_its_quote(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        world.customer(HEIR).await;
        let had = world.holds(HEIR, "TFT");
        let before = world.reserve().await;
        let change = say_that_the_heir_is_paid(&world).await;
        world.rest().await;
        assert_eq!(paid_at(&world.farm().await, &world), wallet(FARMER).account().to_string(), "it waits");
        let meanwhile = world.reserve().await;
        world.clock.move_on(PAST_THE_DELAY_SECONDS);
        world.rest().await;
        assert_eq!(paid_at(&world.farm().await, &world), wallet(HEIR).account().to_string(), "it is due");
        let mut tx = world.store.begin_read().await.unwrap();
        let ended = tx.payout_change(change.id).await.unwrap().unwrap();
        assert_eq!((ended.state.name(), ended.state.signed_by()), ("in_force", None));
        let Subject::Farm(tenant, farm) = ended.subject() else { panic!("{}", ended.subject()) };
        assert_eq!(tx.farm(&tenant, farm).await.unwrap(), Some(world.farm().await));
        tx.rollback().await.unwrap();
        let after = world.reserve().await;
        for reservation in [&before, &meanwhile, &after] {
            world.pay("alice", reservation.escrow, price(reservation), "TFT").await;
            world.until(reservation.id, "settled").await;
        }
        let twice = farmers_share(&before).checked_add(farmers_share(&meanwhile)).unwrap();
        assert_eq!(world.holds(FARMER, "TFT"), twice);
        assert_eq!(world.holds(HEIR, "TFT"), had.checked_add(farmers_share(&after)).unwrap());
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn what_cannot_be_put_in_force_holds_up_no_other(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        world.customer(HEIR).await;
        say_that_the_heir_is_paid(&world).await;
        let mut raw = store.raw().await;
        raw.run("UPDATE farms SET distribution_facts = '{}'").await;
        world.clock.move_on(PAST_THE_DELAY_SECONDS);
        world.next_ledger().await;
        let report = world.tick().await.unwrap();
        assert!(report.troubles.iter().any(|trouble| trouble.contains("payout change")), "{report:?}");
        let report = world.tick().await.unwrap();
        assert!(!report.troubles.iter().any(|trouble| trouble.contains("payout change")), "it is left alone");
        let mut tx = world.store.begin_read().await.unwrap();
        assert_eq!(tx.payout_changes_waiting().await.unwrap(), 1);
    }
}
