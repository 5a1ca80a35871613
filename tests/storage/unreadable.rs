//! A row that cannot be read hides no other of its list, and is noted until nobody meets it.

use std::fmt::Debug;

use farmgate::domain::audit::{Act, Actor, AuditEntry};
use farmgate::domain::escrow::EscrowState;
use farmgate::domain::event::EventKind;
use farmgate::domain::ids::*;
use farmgate::domain::payment::PaymentId;
use farmgate::domain::tenant::Tenant;
use farmgate::domain::transfer::{Transfer, TransferKind};
use farmgate::ports::store::*;

use crate::samples::*;
use crate::support::{TestStore, on_both_databases};

/// Facts of a version that this program does not know.
const FACTS: &str = "'{\"of\":\"another version\"}'";

/// Lists, and the middle one of three rows of each made unreadable: table, column, value and key.
const CASES: [(&str, &str, &str, &str); 17] = [
    ("farms", "distribution_facts", FACTS, "id = 2"),
    ("nodes", "cu", "1000000001", "id = 2"),
    ("identities", "public_key", "'00'", "id = 2"),
    ("currencies", "usd_rate", "'a lot'", "code = 'B'"),
    ("reservations", "state_facts", FACTS, "id = 2"),
    ("escrows", "asset_facts", FACTS, "account = '$2'"),
    ("channels", "opening", "-1", "account = '$2'"),
    ("transfers", "memo_facts", FACTS, "id = 2"),
    ("submissions", "purpose_facts", FACTS, "id = 2"),
    ("fee_bumps", "fee_per_operation", "4294967296", "submission = 2"),
    ("claimables", "state_facts", FACTS, "transfer = 2"),
    ("pools", "version", "-1", "id = 2"),
    ("pool_grants", "ends_at", "1", "pool = 2"),
    ("pool_nodes", "node", "-1", "pool = 2 AND node = 1"),
    ("events", "kind_facts", FACTS, "id = 2"),
    ("audit_entries", "act_facts", FACTS, "id = 2"),
    ("payout_changes", "terms_facts", FACTS, "id = 2"),
];

/// Three of everything.
async fn fill(database: &TestStore) {
    let mut tx = database.store.begin().await.unwrap();
    let _ = tx.put_identity(&identity(1)).await.unwrap();
    for (number, code) in [(1_u8, "A"), (2, "B"), (3, "C")] {
        let _ = tx.put_identity(&identity(number.into())).await.unwrap();
        let _ = tx.put_farm(&farm(number.into())).await.unwrap();
        let _ = tx.put_node(&node(number.into(), number.into())).await.unwrap();
        let _ = tx.put_currency(&currency(code), None).await.unwrap();
        tx.insert_reservation(&reservation(number)).await.unwrap();
        let assigned = EscrowState::Assigned { reservation: reservation_id(number.into()) };
        tx.insert_escrow(&escrow(number, assigned)).await.unwrap();
        tx.insert_channel(&channel(number)).await.unwrap();
        let _ = tx.insert_payment(&payment(number.into(), Some(number.into()))).await.unwrap();
        let payment = PaymentId { operation: OperationId(number.into()), change: 0 };
        let back =
            Transfer { kind: TransferKind::Refund { payment }, ..transfer(number.into(), number.into()) };
        tx.insert_transfers(&[back]).await.unwrap();
        tx.insert_submission(&submission(number)).await.unwrap();
        tx.insert_fee_bump(&fee_bump(number)).await.unwrap();
        tx.insert_claimable(&claimable(number)).await.unwrap();
        tx.insert_pool(&pool(number.into())).await.unwrap();
        let kind = EventKind::changed(&reservation(number));
        tx.append_event(at(1), 0, &kind).await.unwrap();
        tx.number_events(1).await.unwrap();
        let act = Act::ReservationOpened { reservation: reservation_id(number.into()) };
        let id = AuditId::new(number.into()).unwrap();
        let opened = AuditEntry { id, at: at(1), actor: Actor::CommandLine, act, reason: None };
        tx.insert_audit_entry(&opened).await.unwrap();
        tx.insert_payout_change(&payout_change(number.into())).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// The keys of a page, and what cannot be read of it.
fn shown<T, K: Clone + Debug>(page: Page<T, K>) -> (Vec<String>, Vec<UnreadableRow>, usize) {
    let mut keys: Vec<String> = page.keys().map(|key| format!("{key:?}")).collect();
    keys.sort();
    let unreadable = page.unreadable().cloned().collect();
    (keys, unreadable, page.readable(|_| {}).len())
}

/// The list that has a table's rows.
async fn list(store: &dyn Store, table: &str) -> (Vec<String>, Vec<UnreadableRow>, usize) {
    let mut tx = store.begin_read().await.unwrap();
    let filter = ReservationFilter::default();
    match table {
        "farms" => shown(tx.farms(&Tenant::default(), None, 9).await.unwrap()),
        "nodes" => shown(tx.nodes(&Tenant::default(), None, None, 9).await.unwrap()),
        "identities" => shown(tx.identities(&Tenant::default(), None, 9).await.unwrap()),
        "currencies" => shown(tx.currencies(None, 9).await.unwrap()),
        "reservations" => shown(tx.reservations(&filter, None, 9).await.unwrap()),
        "escrows" => shown(tx.escrows(&[1, 2, 3].map(account)).await.unwrap()),
        "channels" => shown(tx.channels().await.unwrap()),
        "transfers" => shown(tx.pending_refunds(None, 9).await.unwrap()),
        "submissions" => shown(tx.live_submissions().await.unwrap()),
        "fee_bumps" => shown(tx.live_fee_bumps().await.unwrap()),
        "claimables" => shown(tx.claimables_open(None, 9).await.unwrap()),
        "pools" | "pool_grants" | "pool_nodes" => {
            shown(tx.pools(&PoolFilter::default(), None, 9).await.unwrap())
        }
        "events" => shown(tx.events(None, None, 9).await.unwrap()),
        "audit_entries" => shown(tx.audit_entries(&AuditFilter::All, None, 9).await.unwrap()),
        "payout_changes" => shown(tx.payout_changes(&PayoutChangeFilter::default(), None, 9).await.unwrap()),
        other => panic!("no list has {other}"),
    }
}

fn unreadable(key: &str) -> UnreadableRow {
    let (key, reason) = (key.to_owned(), "it is NULL".to_owned());
    UnreadableRow { table: "reservations", column: "deadline", key, reason }
}

on_both_databases! {
    async fn a_row_that_cannot_be_read_hides_no_other_of_its_list(database: &TestStore) {
        fill(database).await;
        let mut raw = database.raw().await;
        let second = account(2).to_string();
        for (table, column, value, key) in CASES {
            let (keys, none, rows) = list(&*database.store, table).await;
            assert_eq!((keys.len(), none, rows), (3, vec![], 3), "{table}");
            let key = key.replace("$2", &second);
            raw.run(&format!("CREATE TABLE kept AS SELECT {column} AS kept FROM {table} WHERE {key}")).await;
            raw.run(&format!("UPDATE {table} SET {column} = {value} WHERE {key}")).await;
            let (same, bad, rows) = list(&*database.store, table).await;
            assert_eq!((same, rows), (keys, 2), "{table}.{column}");
            assert_eq!(bad.len(), 1, "{bad:?}");
            assert_eq!((bad[0].table, bad[0].column), (table, column), "{}", bad[0]);
            assert!(!bad[0].key.is_empty() && !bad[0].reason.is_empty());
            let key = if table == "pool_nodes" { "pool = 2 AND node = -1".to_owned() } else { key };
            raw.run(&format!("UPDATE {table} SET {column} = (SELECT kept FROM kept) WHERE {key}")).await;
            raw.run("DROP TABLE kept").await;
        }
        // The channel of a transaction that cannot be read is in use, and the transaction is there.
        raw.run(&format!("UPDATE submissions SET purpose_facts = {FACTS} WHERE id = 2")).await;
        let mut tx = database.store.begin_read().await.unwrap();
        assert_eq!(tx.channels_in_use().await.unwrap(), [1, 2, 3].map(account));
        assert!(tx.has_submission(TxHash([2; 32])).await.unwrap());
        assert!(!tx.has_submission(TxHash([9; 32])).await.unwrap());
        // A key that cannot be read is no reason to stop either.
        raw.run(&format!("UPDATE escrows SET account = 'GABC' WHERE account = '{second}'")).await;
        raw.run("UPDATE escrows SET dirty_since = 1").await;
        let mut tx = database.store.begin_read().await.unwrap();
        let page = tx.escrows_unexplained(at(9), None, 9).await.unwrap();
        assert_eq!((page.len(), page.keys().count()), (3, 2));
    }

    async fn rows_are_noted_once_and_forgotten_when_nobody_meets_them(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        let (one, other) = (unreadable("id 1"), unreadable("id 2\0"));
        tx.note_unreadable(&[one.clone(), other.clone()], at(10)).await.unwrap();
        let again = UnreadableRow { reason: "it is 7".to_owned(), ..one };
        tx.note_unreadable(&[again], at(20)).await.unwrap();
        let all = tx.unreadable_rows(None, 9).await.unwrap();
        assert!(all.is_sorted_by(|one, next| one.id < next.id));
        let first = tx.unreadable_rows(None, 0).await.unwrap();
        assert!(first.is_empty());
        let rest = tx.unreadable_rows(Some(all[0].id.clone()), 9).await.unwrap();
        assert_eq!(rest, all[1..]);
        let noted = all.iter().find(|row| row.key == "id 1").unwrap();
        assert_eq!((noted.since, noted.last_met_at, noted.reason.as_str()), (at(10), at(20), "it is 7"));
        assert_eq!(tx.unreadable_row(&noted.id).await.unwrap().as_ref(), Some(noted));
        assert_eq!(tx.forget_unreadable_before(at(20), 9).await.unwrap(), 1);
        assert_eq!(tx.forget_unreadable(&noted.id).await.unwrap(), Applied::Executed);
        assert_eq!(tx.forget_unreadable(&noted.id).await.unwrap(), Applied::AlreadyApplied);
        assert!(tx.unreadable_rows(None, 9).await.unwrap().is_empty());
    }
}
