//! How many reservations are in each state is kept with every change, and is what can be counted.

use std::sync::Arc;

use farmgate::domain::reservation::Reservation;
use farmgate::ports::store::{Store, StoreError, Tx, transact};
use futures::future::join_all;

use crate::samples::{at, reservation};
use crate::support::on_both_databases;

async fn kept_and_counted(tx: &mut dyn Tx) -> [Vec<(String, u64)>; 2] {
    [tx.reservation_counts().await.unwrap(), tx.reservations_recounted().await.unwrap()]
}

async fn assert_counted(tx: &mut dyn Tx, expected: &[(&str, u64)]) {
    let expected: Vec<(String, u64)> =
        expected.iter().map(|(state, number)| ((*state).to_owned(), *number)).collect();
    assert_eq!(kept_and_counted(tx).await, [expected.clone(), expected]);
}

/// Signed in one transaction, and in another called off.
async fn sign_and_call_off(store: Arc<dyn Store>, new: Reservation) {
    let change = async |change: fn(Reservation) -> Reservation| {
        let (store, id) = (Arc::clone(&store), new.id);
        transact::<_, StoreError, _>(&store, move |tx| {
            Box::pin(async move {
                let stored = tx.reservation(id).await?.unwrap();
                tx.update_reservation(&change(stored)).await
            })
        })
        .await
        .unwrap()
    };
    change(|stored| stored.signed(at(1)).unwrap()).await;
    change(|stored| stored.cancelled(at(2)).unwrap()).await;
}

on_both_databases! {
    async fn counts_change_with_what_they_count(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        assert_counted(&mut *tx, &[]).await;
        for number in 1..=3 {
            tx.insert_reservation(&reservation(number)).await.unwrap();
        }
        assert_counted(&mut *tx, &[("awaiting_signatures", 3)]).await;
        let signed = tx.update_reservation(&reservation(1).signed(at(1)).unwrap()).await.unwrap();
        let expected = [("awaiting_farmer", 1), ("awaiting_signatures", 2)];
        assert_counted(&mut *tx, &expected).await;
        tx.commit().await.unwrap();
        let mut tx = database.store.begin_read().await.unwrap();
        assert_counted(&mut *tx, &expected).await;
        drop(tx);

        let mut given_up = database.store.begin().await.unwrap();
        given_up.update_reservation(&signed.clone().cancelled(at(2)).unwrap()).await.unwrap();
        given_up.rollback().await.unwrap();
        let mut failed = database.store.begin().await.unwrap();
        failed.update_reservation(&signed.cancelled(at(2)).unwrap()).await.unwrap();
        assert!(failed.insert_reservation(&reservation(1)).await.is_err());
        assert!(failed.commit().await.is_err());
        let mut tx = database.store.begin_read().await.unwrap();
        assert_counted(&mut *tx, &expected).await;
    }

    async fn counts_are_right_while_many_change_them(database: &TestStore) {
        let all: Vec<Reservation> = (1..=12).map(reservation).collect();
        let mut tx = database.store.begin().await.unwrap();
        for each in &all {
            tx.insert_reservation(each).await.unwrap();
        }
        tx.commit().await.unwrap();
        let changing = all.into_iter().map(|each| sign_and_call_off(Arc::clone(&database.store), each));
        join_all(changing).await;
        let mut tx = database.store.begin_read().await.unwrap();
        assert_counted(&mut *tx, &[("cancelled", 12)]).await;
    }

    async fn a_count_that_other_hands_changed_stops_nobody_and_is_told(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        tx.insert_reservation(&reservation(1)).await.unwrap();
        tx.commit().await.unwrap();
        database
            .tamper("UPDATE reservation_counts SET reservations = 0 WHERE state = 'awaiting_signatures'")
            .await;
        database.tamper("DELETE FROM reservation_counts WHERE state = 'awaiting_farmer'").await;
        let mut tx = database.store.begin().await.unwrap();
        let signed = tx.update_reservation(&reservation(1).signed(at(1)).unwrap()).await.unwrap();
        tx.update_reservation(&signed.accepted(at(2)).unwrap()).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = database.store.begin_read().await.unwrap();
        let told = farmgate::operator::miscounted(&mut *tx).await.unwrap();
        assert!(told.is_empty(), "what is there is counted: {told:?}");
        database.tamper("UPDATE reservation_counts SET reservations = 7 WHERE state = 'held'").await;
        let mut tx = database.store.begin_read().await.unwrap();
        let told = farmgate::operator::miscounted(&mut *tx).await.unwrap();
        let told: Vec<_> = told.iter().map(|one| (one.state.as_str(), one.kept, one.counted)).collect();
        assert_eq!(told, [("held", 7, 0)]);
    }
}
