//! The engine's lease.

use farmgate::ports::store::*;
use farmgate::storage::{Settings, connect};

use crate::samples::at;
use crate::support::{TestStore, on_both_databases};

async fn taken(tx: &mut dyn Tx, seen: &Lease, holder: &str) -> Option<Lease> {
    tx.take_lease(seen, holder, at(1)).await.unwrap()
}

async fn read(database: &TestStore) -> Lease {
    database.store.begin_read().await.unwrap().lease().await.unwrap()
}

/// Somebody has taken the lease.
async fn held(database: &TestStore) -> Lease {
    let seen = read(database).await;
    let mut tx = database.store.begin().await.unwrap();
    let lease = taken(&mut *tx, &seen, "one").await.unwrap();
    tx.commit().await.unwrap();
    lease
}

on_both_databases! {
    async fn a_lease_is_taken_by_whoever_saw_it_as_it_is(database: &TestStore) {
        let free = read(database).await;
        let server = free.server.clone();
        assert_eq!(server.is_none(), database.is_sqlite());
        assert!(server.as_ref().is_none_or(|server| server.timeline.as_deref() == Some("00000001")));
        let none = Lease { token: 0, holder: None, renewal: 0, taken_at: None, renewed_at: None, server };
        assert_eq!(free, none);
        let mut tx = database.store.begin().await.unwrap();
        let one = taken(&mut *tx, &free, "one").await.unwrap();
        assert_eq!((one.token, one.holder.as_deref(), one.taken_at), (1, Some("one"), Some(at(1))));
        assert_eq!(taken(&mut *tx, &free, "two").await, None, "the token has changed");
        let renewed = tx.renew_lease(1, "one", at(2)).await.unwrap().unwrap();
        let expected = Lease { renewal: 1, renewed_at: Some(at(2)), ..one.clone() };
        assert_eq!(renewed, expected);
        assert_eq!(taken(&mut *tx, &one, "two").await, None, "it was renewed since");
        assert_eq!(tx.renew_lease(1, "two", at(2)).await.unwrap(), None);
        assert_eq!(tx.renew_lease(2, "one", at(2)).await.unwrap(), None);
        let two = taken(&mut *tx, &renewed, "two").await.unwrap();
        assert_eq!((two.token, two.renewal), (2, 0));
        assert_eq!(tx.renew_lease(1, "one", at(3)).await.unwrap(), None);
        assert!(!tx.release_lease(1, "one").await.unwrap());
        assert!(tx.release_lease(2, "two").await.unwrap());
        let free = tx.lease().await.unwrap();
        assert_eq!((free.token, free.holder.as_deref()), (3, None));
        assert!(!tx.release_lease(2, "two").await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(read(database).await, free);
    }

    async fn a_take_over_does_not_wait_for_ever_for_a_transaction_that_never_ends(database: &TestStore) {
        let seen = held(database).await;
        let mut frozen = database.store.begin().await.unwrap();
        frozen.lease().await.unwrap();
        let impatient = Settings { lock_timeout_seconds: 1, ..database.settings.clone() };
        let other = connect(&impatient).await.unwrap();
        let refused = match other.begin().await {
            Ok(mut tx) => tx.take_lease(&seen, "two", at(3)).await.map(drop).unwrap_err(),
            Err(error) => error,
        };
        let retry = matches!(refused, StoreError::Unavailable { .. } | StoreError::Conflict { .. });
        assert!(retry, "{refused}");
        drop(frozen);
        let mut tx = other.begin().await.unwrap();
        assert!(taken(&mut *tx, &seen, "two").await.is_some());
        tx.commit().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres_a_renewal_waits_for_no_write_and_hides_none_from_a_take_over() {
    let database = crate::support::postgres().await;
    let lease = held(&database).await;
    let mut writing = database.store.begin().await.unwrap();
    writing.lease().await.unwrap();
    let impatient = Settings { lock_timeout_seconds: 1, ..database.settings.clone() };
    let other = connect(&impatient).await.unwrap();
    let mut tx = other.begin().await.unwrap();
    let renewed = tx.renew_lease(lease.token, "one", at(2)).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    let mut tx = other.begin().await.unwrap();
    let waits = tx.take_lease(&renewed, "two", at(3)).await;
    assert!(matches!(waits, Err(StoreError::Unavailable { .. })), "{waits:?}");
    drop(tx);
    assert!(writing.lease().await.unwrap().is_held(lease.token, "one"));
    writing.commit().await.unwrap();
    let mut tx = other.begin().await.unwrap();
    assert!(taken(&mut *tx, &renewed, "two").await.is_some());
    tx.commit().await.unwrap();
}
