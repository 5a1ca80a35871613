//! Changes of who is paid: each comes back as it was written, ends once, and is found by what is asked.

use farmgate::domain::ids::{ChangeId, FarmId, IdentityId};
use farmgate::domain::payout_change::{ChangedTerms, PayoutChange};
use farmgate::domain::tenant::Tenant;
use farmgate::ports::store::{Constraint, PayoutChangeFilter, Store, StoreError};

use crate::samples::*;
use crate::support::on_both_databases;

fn acme() -> Tenant {
    "acme".parse().unwrap()
}

/// One of each kind, of two tenants.
fn changes() -> Vec<PayoutChange> {
    let (mut paid, mut identity) = (farm(1), identity(1));
    let before = (&paid).into();
    paid.owner = IdentityId::new(2).unwrap();
    let of_farm = ChangedTerms::Farm { farm: paid.id, before, after: (&paid).into() };
    let old = identity.public_key;
    identity.public_key = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c".parse().unwrap();
    let of_key = ChangedTerms::Identity { identity: identity.id, before: old, after: identity.public_key };
    vec![
        payout_change(1),
        PayoutChange { tenant: acme(), ..payout_change(2) },
        PayoutChange { terms: of_farm, due_at: at(5), ..payout_change(3) },
        PayoutChange { tenant: acme(), terms: of_key, ..payout_change(4) },
    ]
}

async fn listed(store: &dyn Store, tenant: Option<Tenant>, waiting: bool) -> Vec<i64> {
    let mut tx = store.begin_read().await.unwrap();
    let filter = PayoutChangeFilter { tenant, waiting };
    let first = tx.payout_changes(&filter, None, 1).await.unwrap().all().unwrap();
    let last = first.last().map(|change| change.id);
    let rest = tx.payout_changes(&filter, last, 9).await.unwrap().all().unwrap();
    first.into_iter().chain(rest).map(|change| change.id.get()).collect()
}

on_both_databases! {
    async fn every_kind_of_change_comes_back_and_ends_once(database: &TestStore) {
        let changes = changes();
        let mut tx = database.store.begin().await.unwrap();
        for change in &changes {
            tx.insert_payout_change(change).await.unwrap();
        }
        for change in &changes {
            assert_eq!(tx.payout_change(change.id).await.unwrap().as_ref(), Some(change));
            let waiting = tx.waiting_payout_change(&change.subject()).await.unwrap();
            assert_eq!(waiting.as_ref(), Some(change));
        }
        assert_eq!(tx.payout_change(ChangeId::new(9).unwrap()).await.unwrap(), None);
        assert_eq!(tx.payout_changes_waiting().await.unwrap(), 4);
        let due = tx.due_payout_changes(at(12), 9).await.unwrap().all().unwrap();
        assert_eq!(due, [changes[2].clone(), changes[0].clone(), changes[1].clone()], "by their time");
        let signer = Some(IdentityId::new(7).unwrap());
        let ended = [
            changes[0].clone().put_in_force(at(20), signer).unwrap(),
            changes[1].clone().put_in_force(at(21), None).unwrap(),
            changes[2].clone().called_off(at(22)).unwrap(),
        ];
        for change in &ended {
            tx.end_payout_change(change).await.unwrap();
            assert_eq!(tx.payout_change(change.id).await.unwrap().as_ref(), Some(change));
            assert_eq!(tx.waiting_payout_change(&change.subject()).await.unwrap(), None);
        }
        assert_eq!(tx.due_payout_changes(at(99), 9).await.unwrap().all().unwrap(), changes[3..]);
        tx.commit().await.unwrap();
        let mut tx = database.store.begin().await.unwrap();
        let again = changes[1].clone().called_off(at(23)).unwrap();
        assert!(tx.end_payout_change(&again).await.unwrap_err().is_conflict(), "it has ended");
        tx.rollback().await.unwrap();
        for (tenant, waiting, found) in [
            (None, false, vec![1, 2, 3, 4]),
            (None, true, vec![4]),
            (Some(acme()), false, vec![2, 4]),
            (Some(acme()), true, vec![4]),
            (Some(Tenant::default()), true, vec![]),
        ] {
            assert_eq!(
                listed(&*database.store, tenant.clone(), waiting).await,
                found,
                "{tenant:?} {waiting}"
            );
        }
    }

    async fn one_change_of_a_thing_waits_at_a_time(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        let first = payout_change(1);
        tx.insert_payout_change(&first).await.unwrap();
        let of_another = PayoutChange { id: ChangeId::new(2).unwrap(), tenant: acme(), ..first.clone() };
        tx.insert_payout_change(&of_another).await.unwrap();
        tx.commit().await.unwrap();
        let farm = |number| FarmId::new(number).unwrap();
        let terms = ChangedTerms::Node { node: node_id(1), before: farm(1), after: farm(9) };
        let second = PayoutChange { id: ChangeId::new(3).unwrap(), terms, ..first.clone() };
        let mut tx = database.store.begin().await.unwrap();
        let refused = tx.insert_payout_change(&second).await.unwrap_err();
        let taken = matches!(refused, StoreError::Exists { constraint: Constraint::WaitingPayoutChange });
        assert!(taken, "{refused}");
        assert!(refused.is_conflict(), "whoever asks looks again");
        tx.rollback().await.unwrap();
        let mut tx = database.store.begin().await.unwrap();
        tx.end_payout_change(&first.called_off(at(20)).unwrap()).await.unwrap();
        tx.insert_payout_change(&second).await.unwrap();
        tx.commit().await.unwrap();
    }
}
