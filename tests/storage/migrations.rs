//! Filled databases of an earlier schema are brought up to date, and nothing in them is lost or changed.

use std::path::Path;

use farmgate::domain::audit::{Act, Actor};
use farmgate::domain::claimable::ClaimableState;
use farmgate::domain::escrow::HistoryCursor;
use farmgate::domain::ids::*;
use farmgate::domain::payment::PaymentId;
use farmgate::domain::reservation::{Funding, Reservation, State};
use farmgate::domain::tenant::Tenant;
use farmgate::domain::transfer::{Delivery, Transfer, TransferKind, TransferState};
use farmgate::ports::store::*;
use farmgate::storage::{SchemaState, schema};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr};

use crate::samples::*;
use crate::support::{Place, RawConnection, TestStore};

/// The last schema in which one column named payments returned and claimable balances repaid.
const ONE_COLUMN: i64 = 7;

/// The migrations of an engine up to a version, as a program of that version would have made them.
fn up_to(version: i64, engine: &str) -> Migrator {
    let folder = Path::new("migrations").join(engine);
    let mut files: Vec<_> = folder.read_dir().unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let step = |path: &std::path::PathBuf| {
        let (number, name) = path.file_stem().unwrap().to_str().unwrap().split_once('_').unwrap();
        let sql = AssertSqlSafe(std::fs::read_to_string(path).unwrap()).into_sql_str();
        let name = name.replace('_', " ");
        Migration::new(number.parse().unwrap(), name.into(), MigrationType::Simple, sql, false)
    };
    Migrator::with_migrations(files.iter().map(step).filter(|step| step.version <= version).collect())
}

async fn migrate(raw: &mut RawConnection, version: i64) {
    let done = match raw {
        RawConnection::Sqlite(connection) => {
            up_to(version, "sqlite").run_direct(None, connection, false).await
        }
        RawConnection::Postgres(connection) => {
            up_to(version, "postgres").run_direct(None, connection, false).await
        }
    };
    done.unwrap();
}

fn back(number: i64, kind: TransferKind) -> Transfer {
    Transfer { kind, ..transfer(number, u16::try_from(number).unwrap()) }
}

fn payment_id(operation: i64) -> PaymentId {
    PaymentId { operation: OperationId(operation), change: 0 }
}

fn refund(number: i64, operation: i64) -> Transfer {
    back(number, TransferKind::Refund { payment: payment_id(operation) })
}

fn repayment(number: i64, claimable: u8) -> Transfer {
    back(number, TransferKind::Repayment { claimable: ClaimableId([claimable; 32]) })
}

/// As the column was filled.
fn refund_of(kind: &TransferKind) -> Option<String> {
    match kind {
        TransferKind::Leg { .. } => None,
        TransferKind::Refund { payment } => Some(payment.to_string()),
        TransferKind::Repayment { claimable } => Some(claimable.to_string()),
    }
}

async fn insert(raw: &mut RawConnection, transfer: &Transfer) {
    let number = |number: Option<i64>| number.map_or_else(|| "NULL".to_owned(), |number| number.to_string());
    let (submission, operation, confirmed_at, cancelled_at) = match transfer.state {
        TransferState::Pending => (None, None, None, None),
        TransferState::InFlight { submission } => (Some(submission.get()), None, None, None),
        TransferState::Confirmed { submission, operation, at } => {
            (Some(submission.get()), Some(operation.0), Some(at.as_microsecond()), None)
        }
        TransferState::Cancelled { at } => (None, None, None, Some(at.as_microsecond())),
    };
    let sql = format!(
        "INSERT INTO transfers (id, reservation, refund_of, ordinal, kind_facts, source, destination, asset,
            amount, memo_facts, delivery, state, submission, operation, confirmed_at, cancelled_at)
        VALUES ({}, {}, {}, {}, '{}', '{}', '{}', '{}', {}, '{}', '{}', '{}', {}, {}, {}, {})",
        transfer.id,
        number(transfer.reservation.map(ReservationId::get)),
        refund_of(&transfer.kind).map_or_else(|| "NULL".to_owned(), |text| format!("'{text}'")),
        transfer.ordinal,
        serde_json::to_string(&transfer.kind).unwrap(),
        transfer.from,
        transfer.to,
        transfer.asset,
        transfer.amount.get(),
        serde_json::to_string(&transfer.memo).unwrap(),
        transfer.delivery.as_str(),
        transfer.state.name(),
        number(submission),
        number(operation),
        number(confirmed_at),
        number(cancelled_at),
    );
    raw.run(&sql).await;
    if let Some(submission) = submission {
        let outcome = if operation.is_some() { "paid" } else { "live" };
        let id = transfer.id;
        raw.run(&format!("INSERT INTO transfer_attempts VALUES ({id}, {submission}, '{outcome}')")).await;
    }
}

async fn refused(store: &dyn Store, transfer: Transfer) {
    let mut tx = store.begin().await.unwrap();
    let twice = tx.insert_transfers(&[transfer]).await;
    assert!(matches!(twice, Err(StoreError::Exists { constraint: Constraint::Refund })), "{twice:?}");
    tx.rollback().await.unwrap();
}

async fn returns_and_repayments_get_columns_of_their_own(place: Place) {
    let mut raw = RawConnection::to(&place.url).await;
    migrate(&mut raw, ONE_COLUMN).await;
    let sent = |transfer: Transfer| transfer.sent(submission_id(1)).unwrap();
    let confirmed = |transfer: Transfer| Transfer {
        state: TransferState::Confirmed {
            submission: submission_id(2),
            operation: OperationId(99),
            at: at(50),
        },
        ..transfer
    };
    let all = [
        transfer(1, 1),
        sent(transfer(2, 2)),
        confirmed(transfer(3, 3)),
        refund(4, 40),
        sent(refund(5, 50)),
        confirmed(refund(6, 60)),
        refund(7, 70).cancelled(at(60)).unwrap(),
        refund(8, 70),
        Transfer { delivery: Delivery::Undecided, ..refund(9, 90) },
        repayment(10, 1),
        confirmed(repayment(11, 2)),
    ];
    for transfer in &all {
        insert(&mut raw, transfer).await;
    }
    raw.run("INSERT INTO undelivered VALUES (10, 'no_account', 1, 1, 1)").await;
    raw.close().await;
    let behind = schema(&place.settings).await.unwrap();
    assert!(matches!(behind, SchemaState::Behind { applied: 7, .. }), "{behind:?}");

    let database = TestStore::open(&place).await;
    assert!(matches!(schema(&place.settings).await.unwrap(), SchemaState::Current { .. }));
    let ids: Vec<TransferId> = all.iter().map(|transfer| transfer.id).collect();
    let mut tx = database.store.begin_read().await.unwrap();
    assert_eq!(tx.transfers(&ids).await.unwrap(), all);
    assert_eq!(tx.refund_of(payment_id(70)).await.unwrap(), Some(all[7].clone()));
    assert_eq!(tx.repayment_of(ClaimableId([2; 32])).await.unwrap(), Some(all[10].clone()));
    let pending = [all[3].clone(), all[7].clone(), all[9].clone()];
    assert_eq!(tx.pending_refunds(None, 20).await.unwrap().all().unwrap(), pending);
    assert_eq!(tx.returns_undelivered(None, 20).await.unwrap().all().unwrap(), [(all[8].clone(), None)]);
    let unpaid = tx.repayments_unpaid(None, 20).await.unwrap().all().unwrap();
    assert_eq!(
        unpaid.iter().map(|(transfer, tried)| (transfer.id, tried.is_some())).collect::<Vec<_>>(),
        [(all[9].id, true)]
    );
    tx.rollback().await.unwrap();
    refused(&*database.store, refund(20, 40)).await;
    refused(&*database.store, repayment(20, 2)).await;

    let mut raw = database.raw().await;
    assert_eq!(raw.numbers("SELECT COUNT(*) FROM transfer_attempts").await, [5]);
    let both = "UPDATE transfers SET repays_claimable = 'x' WHERE id = 4";
    assert!(raw.fails(both).await, "a transfer gives back one thing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn returns_and_repayments_get_columns_of_their_own_on_sqlite() {
    returns_and_repayments_get_columns_of_their_own(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn returns_and_repayments_get_columns_of_their_own_on_postgres() {
    returns_and_repayments_get_columns_of_their_own(Place::postgres().await).await;
}

/// The last schema in which what is searched for stood within facts and names.
const IN_FACTS: i64 = 8;

fn json<T: serde::Serialize>(facts: &T) -> String {
    serde_json::to_string(facts).unwrap().replace('\'', "''")
}

/// As a program of that version stored it.
async fn insert_reservation(raw: &mut RawConnection, reservation: &Reservation, play_money: u8) {
    let requested = reservation.cancel_requested_at.map(jiff::Timestamp::as_microsecond);
    raw.run(&format!(
        "INSERT INTO reservations (id, version, customer, order_facts, quote_facts, deadline, escrow,
            memo_facts, created_at, cancel_requested_at, state, state_facts, play_money)
        VALUES ({}, 0, {}, '{}', '{}', {}, '{}', '{}', {}, {}, '{}', '{}', {play_money})",
        reservation.id,
        reservation.order.customer,
        json(&reservation.order),
        json(&reservation.quote),
        reservation.quote.deadline.as_microsecond(),
        reservation.escrow,
        json(&reservation.memo),
        reservation.created_at.as_microsecond(),
        requested.map_or_else(|| "NULL".to_owned(), |time| time.to_string()),
        reservation.state.name(),
        json(&reservation.state),
    ))
    .await;
}

fn in_state(number: u8, state: State) -> Reservation {
    Reservation { state, ..reservation(number) }
}

/// Funded at a price of zero, by our own clock.
fn funding(nanosecond: i32) -> Funding {
    let at = jiff::Timestamp::new(500, nanosecond).unwrap();
    Funding { asset: asset("TFT"), amount: stroops(0), payment: None, at, tries: 0 }
}

/// Balances for the transfers of their numbers: of a farm, of a return, reclaimed and repaid, and reclaimed
/// only.
async fn insert_claimables(raw: &mut RawConnection) {
    for (number, state) in [(1, "outstanding"), (2, "outstanding"), (3, "taken_back"), (4, "taken_back")] {
        let claimable = claimable(number);
        let taken_back = ClaimableState::Reclaimed { submission: submission_id(4), at: at(9) };
        let state_facts = if state == "taken_back" { taken_back } else { ClaimableState::Outstanding };
        raw.run(&format!(
            "INSERT INTO claimables VALUES ('{}', {number}, 1, '{}', '{}', 900, 1, 2, '{state}', '{}')",
            claimable.id,
            claimable.recipient,
            claimable.asset,
            json(&state_facts),
        ))
        .await;
    }
}

async fn what_is_searched_for_gets_columns(place: Place) {
    let mut raw = RawConnection::to(&place.url).await;
    migrate(&mut raw, IN_FACTS).await;
    let asked = reservation(2).cancel_requested(at(700)).unwrap();
    let settling = State::Settling { funding: funding(0), submission: submission_id(1) };
    let all = [
        reservation(1),
        asked,
        in_state(3, State::Funded { funding: funding(120_000_700) }),
        in_state(4, State::Funded { funding: funding(120_000_000) }),
        in_state(5, settling),
        in_state(6, State::Cancelled { at: at(3) }),
    ];
    for reservation in &all {
        insert_reservation(&mut raw, reservation, 0).await;
    }
    let leg = transfer(1, 1);
    for (id, number, kind) in
        [(1, 0, &leg.kind), (2, 1, &refund(2, 40).kind), (3, 2, &leg.kind), (4, 3, &leg.kind)]
    {
        let transfer = transfer(id, number);
        raw.run(&format!(
            "INSERT INTO transfers (id, reservation, returns_payment, ordinal, kind_facts, source,
                destination, asset, amount, memo_facts, delivery, state)
            VALUES ({id}, 1, {}, {number}, '{}', '{}', '{}', '{}', 900, '{}', 'payment', 'pending')",
            if id == 2 { "'40-0'" } else { "NULL" },
            json(kind),
            transfer.from,
            transfer.to,
            transfer.asset,
            json(&transfer.memo),
        ))
        .await;
    }
    insert_claimables(&mut raw).await;
    raw.run(&format!(
        "INSERT INTO transfers (id, ordinal, repays_claimable, kind_facts, source, destination, asset, amount,
            memo_facts, delivery, state, submission, operation, confirmed_at)
        VALUES (5, 0, '{}', '{{}}', 'x', 'x', 'x', 900, '{{}}', 'payment', 'confirmed', 1, 1, 1)",
        claimable(3).id,
    ))
    .await;
    for (account, amount) in [("deposits:1", -5), ("stellar:x", 5), ("unattributed", 0), ("clawed_back:1", 1)]
    {
        raw.run(&format!("INSERT INTO journal_balances VALUES ('{account}', 'native', {amount})")).await;
    }
    raw.run("INSERT INTO pools VALUES (1, 0, 1, 1, 1), (2, 0, 1, 0, 1)").await;
    raw.run("INSERT INTO pool_nodes VALUES (1, 7), (2, 8)").await;
    raw.close().await;

    let database = TestStore::open(&place).await;
    let mut tx = database.store.begin_read().await.unwrap();
    let found = tx.reservations(&ReservationFilter::default(), None, 20).await.unwrap().all().unwrap();
    let states = |all: &[Reservation]| all.iter().map(|each| each.state.clone()).collect::<Vec<_>>();
    assert_eq!(states(&found), states(&all));
    let overdue = tx.reservations_overdue(at(2_000), None, 20).await.unwrap().all().unwrap();
    assert_eq!(overdue.iter().map(|each| each.id.get()).collect::<Vec<_>>(), [2, 1], "as they are decided");
    assert_eq!(tx.oldest_funded().await.unwrap().map(|(id, _)| id.get()), Some(5));
    let counts = [("awaiting_signatures", 2), ("cancelled", 1), ("funded", 2), ("settling", 1)];
    let counts = counts.map(|(state, number)| (state.to_owned(), number));
    assert_eq!(tx.reservation_counts().await.unwrap(), counts);
    assert_eq!(tx.reservations_recounted().await.unwrap(), counts);
    let (farm, tft) = (FarmId::new(3).unwrap(), asset("TFT"));
    assert_eq!(tx.claimables_of_farm(&Tenant::default(), farm, tft).await.unwrap(), 1);
    assert_eq!(tx.returns_by_claimable().await.unwrap(), 1);
    let unpaid = tx.claimables_not_repaid(None, 9).await.unwrap().all().unwrap();
    assert_eq!(unpaid.iter().map(|each| each.id).collect::<Vec<_>>(), [claimable(4).id]);
    let sums = ClaimableSums { asset: tft, standing: 1_800, owed: 2_700 };
    assert_eq!(tx.claimable_sums().await.unwrap(), [sums]);
    assert!(tx.node_is_under_free_pool(&Tenant::default(), node_id(7)).await.unwrap());
    assert!(!tx.node_is_under_free_pool(&Tenant::default(), node_id(8)).await.unwrap());
    tx.rollback().await.unwrap();
    let kinds = "SELECT account || ' ' || kind FROM journal_balances ORDER BY amount, account";
    let expected = [
        "deposits:1 deposits",
        "unattributed unattributed",
        "clawed_back:1 clawed_back",
        "stellar:x stellar",
    ];
    assert_eq!(database.raw().await.texts(kinds).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_searched_for_gets_columns_on_sqlite() {
    what_is_searched_for_gets_columns(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_searched_for_gets_columns_on_postgres() {
    what_is_searched_for_gets_columns(Place::postgres().await).await;
}

/// The last schema in which three tables were called otherwise than in the code.
const OLD_WORDS: i64 = 16;

async fn tables_are_renamed_with_what_is_in_them(place: Place) {
    let mut raw = RawConnection::to(&place.url).await;
    migrate(&mut raw, OLD_WORDS).await;
    let (channel, claimant) = (account(1), account(2));
    let tried = claimable(1).id;
    raw.run(&format!("INSERT INTO own_watches VALUES ('{channel}', 3, 4)")).await;
    raw.run(&format!("INSERT INTO take_back_attempts VALUES ('{tried}', 5)")).await;
    let seen = |id: &str, sponsor, out_of_reach_at| ForeignClaimable {
        claimant,
        id: id.to_owned(),
        asset: asset("TFT"),
        amount: stroops(5),
        sponsor,
        seen_at: at(6),
        out_of_reach_at,
    };
    let claimables = [seen("a", Some(channel), None), seen("b", None, Some(at(9)))];
    for claimable in &claimables {
        let sponsor = claimable.sponsor.map_or("NULL".to_owned(), |sponsor| format!("'{sponsor}'"));
        let out_of_reach = claimable.out_of_reach_at.map(|at| at.as_microsecond().to_string());
        raw.run(&format!(
            "INSERT INTO waiting_balances (claimant, id, asset, amount, sponsor, seen_at, out_of_reach_at)
            VALUES ('{claimant}', '{}', '{}', 5, {sponsor}, {}, {})",
            claimable.id,
            claimable.asset,
            claimable.seen_at.as_microsecond(),
            out_of_reach.as_deref().unwrap_or("NULL"),
        ))
        .await;
    }
    raw.close().await;
    let database = TestStore::open(&place).await;
    let mut tx = database.store.begin_read().await.unwrap();
    let cursor = HistoryCursor { cursor: OperationId(3), effects: OperationId(4) };
    assert_eq!(tx.history_cursor(channel).await.unwrap(), Some(cursor));
    assert_eq!(tx.foreign_claimables(None, 9).await.unwrap(), claimables);
    let tries = Tries { count: 1, last: Some(submission_id(5)) };
    assert_eq!(tx.tries_to_reclaim(tried).await.unwrap(), tries);
    tx.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_renamed_with_what_is_in_them_on_sqlite() {
    tables_are_renamed_with_what_is_in_them(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_renamed_with_what_is_in_them_on_postgres() {
    tables_are_renamed_with_what_is_in_them(Place::postgres().await).await;
}

/// The last schema that does not say who decided by name.
const NO_ACTORS: i64 = 15;

async fn who_decided_is_told_by_name(place: Place) {
    let mut raw = RawConnection::to(&place.url).await;
    migrate(&mut raw, NO_ACTORS).await;
    let act = json(&Act::ReservationOpened { reservation: reservation_id(1) });
    for (id, key, request) in [(1, "7", "'a request'"), (2, "NULL", "NULL")] {
        raw.run(&format!(
            "INSERT INTO audit_entries (id, decided_at, api_key, request_id, subject, act_facts, reason)
            VALUES ({id}, 1, {key}, {request}, 'reservation:1', '{act}', NULL)"
        ))
        .await;
    }
    raw.close().await;
    let database = TestStore::open(&place).await;
    let mut tx = database.store.begin_read().await.unwrap();
    let entries = tx.audit_entries(&AuditFilter::All, None, 9).await.unwrap().all().unwrap();
    let by_key = Actor::ApiKey { key: ApiKeyId::new(7).unwrap(), request: "a request".to_owned() };
    let actors: Vec<Actor> = entries.into_iter().map(|entry| entry.actor).collect();
    assert_eq!(actors, [by_key, Actor::CommandLine]);
    tx.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_decided_is_told_by_name_on_sqlite() {
    who_decided_is_told_by_name(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_decided_is_told_by_name_on_postgres() {
    who_decided_is_told_by_name(Place::postgres().await).await;
}

/// The last schema without tenants.
const NO_TENANTS: i64 = 14;

async fn what_was_there_belongs_to_the_default_tenant(place: Place) {
    let mut raw = RawConnection::to(&place.url).await;
    migrate(&mut raw, NO_TENANTS).await;
    let (farm, node, identity, reservation) = (farm(3), node(7, 3), identity(1), reservation(1));
    raw.run(&format!(
        "INSERT INTO farms (id, name, owner, payout_facts, distribution_facts)
        VALUES (3, '{}', {}, '{}', '{}')",
        farm.name,
        farm.owner,
        json(&farm.payout_addresses),
        json(&farm.distribution),
    ))
    .await;
    let units = [node.capacity.cu, node.capacity.su, node.capacity.ipv4u].map(|units| units.get());
    raw.run(&format!(
        "INSERT INTO nodes (id, farm, cu, su, ipv4u, free_to_use) VALUES (7, 3, {}, {}, {}, {})",
        units[0],
        units[1],
        units[2],
        u8::from(node.free_to_use),
    ))
    .await;
    raw.run(&format!(
        "INSERT INTO identities (id, name, public_key) VALUES (1, '{}', '{}')",
        identity.name, identity.public_key,
    ))
    .await;
    for (id, role, revoked_at) in [
        (1, "explorer", "NULL"),
        (2, "explorer", "5"),
        (3, "node", "NULL"),
        (4, "farmer", "NULL"),
        (5, "operator", "NULL"),
        (6, "auditor", "NULL"),
    ] {
        raw.run(&format!(
            "INSERT INTO api_keys (id, name, role, secret_hash, created_at, revoked_at)
            VALUES ({id}, 'key {id}', '{role}', '{}', 1, {revoked_at})",
            hex::encode([u8::try_from(id).unwrap(); 32]),
        ))
        .await;
    }
    raw.run(&format!(
        "INSERT INTO reservations (id, version, customer, order_facts, quote_facts, deadline, escrow,
            memo_facts, created_at, state, state_facts, play_money, decide_after)
        VALUES (1, 0, {}, '{}', '{}', {}, '{}', '{}', {}, '{}', '{}', 0, {})",
        reservation.order.customer,
        json(&reservation.order),
        json(&reservation.quote),
        reservation.quote.deadline.as_microsecond(),
        reservation.escrow,
        json(&reservation.memo),
        reservation.created_at.as_microsecond(),
        reservation.state.name(),
        json(&reservation.state),
        reservation.decided_after().as_microsecond(),
    ))
    .await;
    raw.run("INSERT INTO reservation_nodes (reservation, node) VALUES (1, 7)").await;
    raw.run("INSERT INTO pools (id, version, customer, free_only, created_at) VALUES (2, 0, 1, 1, 1)").await;
    raw.run("INSERT INTO pool_nodes (pool, node, free_only) VALUES (2, 7, 1)").await;
    raw.run(
        "INSERT INTO events (id, recorded_at, kind_facts) VALUES
            (1, 1, '{\"type\":\"reservation.created\",\"reservation\":\"1\"}'),
            (2, 1, '{\"type\":\"payment.received\",\"payment\":\"5-0\",\"reservation\":null}')",
    )
    .await;
    raw.close().await;

    let database = TestStore::open(&place).await;
    let mut tx = database.store.begin_read().await.unwrap();
    let (here, elsewhere) = (Tenant::default(), "acme".parse::<Tenant>().unwrap());
    assert_eq!(tx.farm(&here, farm.id).await.unwrap(), Some(farm.clone()));
    assert_eq!(tx.node(&here, node.id).await.unwrap(), Some(node.clone()));
    assert_eq!(tx.identity(&here, identity.id).await.unwrap(), Some(identity.clone()));
    assert_eq!(tx.farm(&elsewhere, farm.id).await.unwrap(), None);
    assert_eq!(tx.reservation(reservation.id).await.unwrap(), Some(reservation.clone()));
    let of = |tenant: &Tenant| ReservationFilter { tenant: Some(tenant.clone()), ..Default::default() };
    let found = tx.reservations(&of(&here), None, 9).await.unwrap().all().unwrap();
    assert_eq!(found, [reservation.clone()]);
    assert_eq!(tx.reservations(&of(&elsewhere), None, 9).await.unwrap().all().unwrap(), []);
    assert!(tx.node_is_under_free_pool(&here, node.id).await.unwrap());
    assert!(!tx.node_is_under_free_pool(&elsewhere, node.id).await.unwrap());
    assert_eq!(tx.events(Some(&here), None, 9).await.unwrap().all().unwrap().len(), 1);
    assert_eq!(tx.events(None, None, 9).await.unwrap().all().unwrap().len(), 2);
    let keys = tx.api_keys(None, 9).await.unwrap();
    let kept = |key: &ApiKey| (key.id.get(), key.tenant.is_some(), key.pushes_rates);
    let expected = [
        (1, true, true),
        (2, true, false),
        (3, true, false),
        (4, true, false),
        (5, false, false),
        (6, false, false),
    ];
    assert_eq!(keys.iter().map(kept).collect::<Vec<_>>(), expected, "the first pushes rates, as it did");
    assert!(keys.iter().all(|key| key.tenant.as_ref().is_none_or(Tenant::is_default)));
    tx.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_there_belongs_to_the_default_tenant_on_sqlite() {
    what_was_there_belongs_to_the_default_tenant(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_there_belongs_to_the_default_tenant_on_postgres() {
    what_was_there_belongs_to_the_default_tenant(Place::postgres().await).await;
}
