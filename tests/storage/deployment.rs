//! What a database belongs to.

use farmgate::domain::deployment::{Deployment, DeploymentFacts};
use farmgate::domain::ids::{LedgerHash, LedgerSeq};
use farmgate::domain::ledger::{Divergence, Ledger};
use farmgate::ports::store::*;

use crate::samples::{account, at};
use crate::support::{TestStore, on_both_databases};

fn ledger(number: u32) -> Ledger {
    let hash = LedgerHash([u8::try_from(number).unwrap(); 32]);
    Ledger { sequence: LedgerSeq(number), hash, closed_at: at(number.into()) }
}

fn of(passphrase: &str, platform: u8) -> Deployment {
    Deployment { network_passphrase: passphrase.to_owned(), platform: account(platform) }
}

async fn corrupt(database: &TestStore, change: &str) {
    database.tamper(&format!("UPDATE deployment SET {change}")).await;
    let read = database.store.begin_read().await.unwrap().deployment().await;
    assert!(matches!(read, Err(StoreError::Corrupt { table: "deployment", .. })), "{change}: {read:?}");
}

on_both_databases! {
    async fn a_database_belongs_to_whoever_claims_it_first(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        assert_eq!(tx.deployment().await.unwrap(), DeploymentFacts::default());
        assert!(tx.claim_deployment(&of("Test", 1)).await.unwrap());
        assert!(!tx.claim_deployment(&of("Public", 2)).await.unwrap());
        tx.commit().await.unwrap();
        let facts = database.store.begin_read().await.unwrap().deployment().await.unwrap();
        assert_eq!(facts.deployment, Some(of("Test", 1)));
    }

    async fn the_first_ledger_stays_and_the_latest_never_goes_back(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        for number in [7, 9, 8] {
            tx.note_ledger(ledger(number)).await.unwrap();
        }
        let facts = tx.deployment().await.unwrap();
        assert_eq!((facts.first, facts.latest), (Some(ledger(7)), Some(ledger(9))));
        for divergence in [
            Divergence::LedgerFellBack { seen: ledger(99), found: ledger(1) },
            Divergence::OtherNetwork { seen: ledger(9), found: ledger(8) },
        ] {
            tx.note_divergence(divergence).await.unwrap();
            assert_eq!(tx.deployment().await.unwrap().divergence, Some(divergence));
        }
        tx.note_ledger(ledger(8)).await.unwrap();
        let facts = tx.deployment().await.unwrap();
        assert_eq!((facts.latest, facts.divergence), (Some(ledger(9)), None));
        tx.commit().await.unwrap();
    }

    async fn a_deployment_that_cannot_be_is_named(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        tx.claim_deployment(&of("Test", 1)).await.unwrap();
        tx.note_ledger(ledger(7)).await.unwrap();
        tx.commit().await.unwrap();
        corrupt(database, "platform = 'nobody'").await;
        corrupt(database, "latest_ledger = 8").await;
        corrupt(database, "first_facts = '{}'").await;
        corrupt(database, "divergence_facts = 'none'").await;
    }
}
