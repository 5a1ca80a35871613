//! Rows that other hands have changed are not believed: the error names table, column and key.

use farmgate::domain::escrow::{EscrowState, HistoryCursor};
use farmgate::domain::ids::*;
use farmgate::domain::journal::BookAccount;
use farmgate::domain::payment::PaymentId;
use farmgate::domain::tenant::Tenant;
use farmgate::ports::store::*;

use crate::samples::*;
use crate::support::{TestStore, on_both_databases};

/// Everything there is to tamper with.
async fn fill(database: &TestStore) {
    let mut tx = database.store.begin().await.unwrap();
    let sent = transfer(1, 0).sent(submission_id(1)).unwrap();
    let _ = tx.put_farm(&farm(1)).await.unwrap();
    let _ = tx.put_node(&node(1, 1)).await.unwrap();
    let _ = tx.put_identity(&identity(1)).await.unwrap();
    let _ = tx.put_currency(&currency("TFT"), None).await.unwrap();
    tx.insert_reservation(&reservation(1)).await.unwrap();
    tx.insert_escrow(&escrow(1, EscrowState::Assigned { reservation: reservation_id(1) })).await.unwrap();
    tx.insert_channel(&channel(1)).await.unwrap();
    let _ = tx.insert_payment(&payment(5, Some(1))).await.unwrap();
    tx.insert_transfers(&[transfer(1, 0)]).await.unwrap();
    tx.update_transfer(&transfer(1, 0), &sent).await.unwrap();
    tx.insert_submission(&submission(1)).await.unwrap();
    tx.insert_pool(&pool(1)).await.unwrap();
    let _ = tx.post(&entry(1, 1, 5)).await.unwrap();
    tx.insert_api_key(&api_key(1, "one")).await.unwrap();
    let record = Quarantined {
        account: account(1),
        operation: None,
        json: "{}".to_owned(),
        reason: "?".to_owned(),
        at: at(1),
    };
    let _ = tx.quarantine(&record).await.unwrap();
    let watch = HistoryCursor { cursor: OperationId(1), effects: OperationId(1) };
    tx.set_history_cursor(account(1), None, watch).await.unwrap();
    let waiting = ForeignClaimable {
        id: "00".to_owned(),
        claimant: account(1),
        asset: asset("TFT"),
        amount: stroops(1),
        sponsor: Some(account(2)),
        seen_at: at(1),
        out_of_reach_at: None,
    };
    tx.set_foreign_claimables(account(1), &[waiting]).await.unwrap();
    tx.insert_sealed_secret(&sealed_secret(1)).await.unwrap();
    tx.commit().await.unwrap();
    let waits =
        "INSERT INTO undelivered (transfer, why, since, looks, next_look_at) VALUES (2, 'refused', 1, 1, 1)";
    database.tamper(waits).await;
}

/// Reads everything; the first thing that cannot be.
async fn read(store: &dyn Store) -> Result<(), StoreError> {
    let mut tx = store.begin_read().await?;
    tx.farm(&Tenant::default(), FarmId::new(1).unwrap()).await?;
    tx.nodes(&Tenant::default(), None, None, 9).await?.all()?;
    tx.identities(&Tenant::default(), None, 9).await?.all()?;
    tx.currencies(None, 9).await?.all()?;
    tx.reservation(reservation_id(1)).await?;
    tx.escrows(&[account(1)]).await?.all()?;
    tx.sealed_secrets(&[account(1)]).await?;
    tx.channels().await?.all()?;
    tx.payment(PaymentId { operation: OperationId(5), change: 0 }).await?;
    tx.transfers(&[TransferId::new(1).unwrap()]).await?;
    tx.submission(submission_id(1)).await?;
    tx.pools(&PoolFilter::default(), None, 9).await?.all()?;
    tx.balances_of(BookAccount::Stellar(account(1))).await?;
    tx.entries(None, None, 9).await?;
    tx.api_keys(None, 9).await?;
    tx.quarantined(9).await?;
    tx.quarantined_records(false, None, 9).await?.all()?;
    tx.quarantined_records(true, None, 9).await?.all()?;
    tx.undelivered(TransferId::new(2).unwrap()).await?;
    tx.history_cursor(account(1)).await?;
    tx.foreign_claimables(None, 9).await?;
    tx.rollback().await
}

const CASES: [(&str, &str, &str, &str); 48] = [
    ("farms", "distribution_facts", "'{\"name\":\"x\",\"shares\":[]}'", "tenant default, id 1"),
    ("farms", "payout_facts", "'[]'", "tenant default, id 1"),
    ("farms", "owner", "-4", "tenant default, id 1"),
    ("nodes", "cu", "1000000001", "tenant default, id 1"),
    ("identities", "public_key", "'00'", "tenant default, id 1"),
    ("currencies", "usd_rate", "'a lot'", "code TFT"),
    ("currencies", "rate_at", "9223372036854775807", "code TFT"),
    ("reservations", "version", "-1", "id 1"),
    ("reservations", "customer", "2", "id 1"),
    ("reservations", "extends", "2", "id 1"),
    ("reservations", "deadline", "5", "id 1"),
    ("reservations", "order_facts", "'{}'", "id 1"),
    ("reservations", "state", "'settled'", "id 1"),
    ("reservations", "state_facts", "'{\"state\":\"unheard_of\"}'", "id 1"),
    ("reservations", "play_money", "1", "id 1"),
    ("reservations", "decide_after", "5", "id 1"),
    ("reservations", "funded_at", "5", "id 1"),
    ("reservations", "escrow", "'GABC'", "id 1"),
    ("reservations", "memo_facts", "''", "id 1"),
    ("escrows", "asset_facts", "'[\"native\",\"native\"]'", "account GAAQCAIB"),
    ("escrows", "state", "'ready'", "account GAAQCAIB"),
    ("escrows", "watch_explained", "4294967296", "account GAAQCAIB"),
    ("sealed_secrets", "sealing_key", "'00'", "account GAAQCAIB"),
    ("sealed_secrets", "sealed_seed", "'00'", "account GAAQCAIB"),
    ("channels", "opening", "-1", "account GAAQCAIB"),
    ("payments", "asset", "'TFT'", "operation 5, change 0"),
    ("payments", "payer", "'me'", "operation 5, change 0"),
    ("payments", "muxed_id", "'-1'", "operation 5, change 0"),
    ("payments", "tx_hash", "'00'", "operation 5, change 0"),
    ("transfers", "destination", "'x'", "id 1"),
    ("transfers", "ordinal", "4294967296", "id 1"),
    // It is a leg.
    ("transfers", "repays_claimable", "'00'", "id 1"),
    ("transfers", "farm", "4", "id 1"),
    // The driver reads a NULL as 0: it must not become a transaction's id.
    ("transfers", "submission", "NULL", "id 1"),
    // Only what was given up has a time at which it was.
    ("transfers", "cancelled_at", "5", "id 1"),
    ("submissions", "state", "'dead'", "id 1"),
    ("submissions", "purpose_facts", "'{}'", "id 1"),
    ("submissions", "attempts", "4294967296", "id 1"),
    ("pool_grants", "ordinal", "1", "reservation 1"),
    ("pool_grants", "ends_at", "1", "reservation 1"),
    ("history_cursors", "effects_cursor", "-1", "account GAAQCAIB"),
    ("foreign_claimables", "asset", "'TFT'", "claimant GAAQCAIB"),
    ("foreign_claimables", "sponsor", "'me'", "claimant GAAQCAIB"),
    ("api_keys", "secret_hash", "'xyz'", "id 1"),
    ("quarantine", "digest", "'xyz'", "account GAAQCAIB"),
    ("quarantine", "dismissed_at", "5", "account GAAQCAIB"),
    ("undelivered", "why", "'it rained'", "transfer 2"),
    ("undelivered", "looks", "4294967296", "transfer 2"),
];

on_both_databases! {
    async fn a_row_that_cannot_be_is_named(database: &TestStore) {
        fill(database).await;
        read(&*database.store).await.unwrap();
        let mut raw = database.raw().await;
        for check in ["escrows_state", "transfers_state", "history_cursors_effects_cursor_check"] {
            if database.is_sqlite() {
                raw.run("PRAGMA ignore_check_constraints = ON").await;
            } else {
                let table = check.trim_end_matches("_state").trim_end_matches("_effects_cursor_check");
                raw.run(&format!("ALTER TABLE {table} DROP CONSTRAINT {check}")).await;
            }
        }
        for (table, column, value, key) in CASES {
            raw.run(&format!("CREATE TABLE kept AS SELECT {column} AS kept FROM {table}")).await;
            raw.run(&format!("UPDATE {table} SET {column} = {value}")).await;
            let expected = match (table, column) {
                ("transfers", "submission" | "cancelled_at") => "state",
                (_, column) => column,
            };
            match read(&*database.store).await {
                Err(StoreError::Corrupt { table: in_table, column, key: of, .. }) => {
                    assert_eq!((in_table, column), (table, expected));
                    assert!(of.starts_with(key), "{of}");
                }
                other => panic!("{table}.{column} = {value}: {other:?}"),
            }
            raw.run(&format!("UPDATE {table} SET {column} = (SELECT kept FROM kept)")).await;
            raw.run("DROP TABLE kept").await;
            read(&*database.store).await.unwrap();
        }
    }

    async fn a_journal_that_does_not_balance_is_noticed(database: &TestStore) {
        fill(database).await;
        database.tamper("UPDATE journal_postings SET amount = amount + 1 WHERE amount > 0").await;
        let mut tx = database.store.begin_read().await.unwrap();
        assert_eq!(tx.journal_sums().await.unwrap(), [(asset("TFT"), 1)]);
        let outcome = tx.entries(None, None, 9).await;
        assert!(matches!(outcome, Err(StoreError::Corrupt { table: "journal_entries", .. })), "{outcome:?}");
    }

    async fn a_posting_or_grant_that_was_removed_is_noticed(database: &TestStore) {
        fill(database).await;
        database.tamper("DELETE FROM journal_postings WHERE ordinal = 0").await;
        let mut tx = database.store.begin_read().await.unwrap();
        let outcome = tx.entries(None, None, 9).await;
        assert!(matches!(outcome, Err(StoreError::Corrupt { table: "journal_postings", .. })), "{outcome:?}");
        let missing = tx.transfers(&[TransferId::new(9).unwrap()]).await;
        assert!(matches!(missing, Err(StoreError::Corrupt { table: "transfers", column: "id", .. })));
    }

    async fn a_leg_that_names_a_payment_is_noticed(database: &TestStore) {
        fill(database).await;
        let mut raw = database.raw().await;
        assert!(raw.fails("UPDATE transfers SET returns_operation = 5").await, "half a payment's name");
        raw.run("UPDATE transfers SET returns_operation = 5, returns_change = 0 WHERE id = 1").await;
        let mut tx = database.store.begin_read().await.unwrap();
        let outcome = tx.transfers(&[TransferId::new(1).unwrap()]).await;
        assert!(
            matches!(
                outcome,
                Err(StoreError::Corrupt { table: "transfers", column: "returns_operation", .. })
            ),
            "{outcome:?}"
        );
    }

    async fn an_amount_beyond_64_bits_is_refused(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        let _ = tx.post(&entry(1, 1, i64::MAX)).await.unwrap();
        assert!(tx.post(&entry(2, 1, 1)).await.is_err());
        assert!(tx.commit().await.is_err());
    }
}
