//! A long history, made by a few statements: reservations that were settled, and all that they left behind.
//!
//! Each was paid in full, paid out by two legs, credited to a pool of its own, and its account is closed. One
//! in ten was overpaid and the rest returned; one in a hundred paid a leg by a claimable balance, which was
//! claimed, or reclaimed and repaid. Everything reads as the store would have written it.

use farmgate::domain::address::AccountId;
use farmgate::domain::audit::Act;
use farmgate::domain::event::EventKind;
use farmgate::domain::ids::{FarmId, IdentityId, LedgerSeq, OperationId, PoolId};
use farmgate::domain::payment::{Memo, PaymentId};
use farmgate::domain::reservation::{Funding, Reservation, Settlement, State};
use farmgate::domain::split::{Distribution, Recipient};
use farmgate::domain::transfer::{SubmissionState, TransferKind};
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::samples::{account, asset, at, node_id, reservation, reservation_id, stroops};
use crate::support::RawConnection;

/// Reservations of one transaction of the seeder, and of one of its statements that names accounts.
const BATCH: i64 = 10_000;
const SEEDS: usize = 1_000;
/// How long before `now` the last of them was made: its account is closed since.
const MICROS_AGO: i64 = 11 * 86_400 * 1_000_000;
const MICROS_BETWEEN: i64 = 10_000_000;

/// Numbers in facts that are replaced by each reservation's own.
const CUSTOMER: i64 = 7_000_000_001;
const NODE: i64 = 7_000_000_002;
const OTHER_NODE: i64 = 7_000_000_003;
const ID: i64 = 7_000_000_004;
const OPERATION: i64 = 7_000_000_005;
const FARM: i64 = 7_000_000_006;

/// What replaces them: `i` is a reservation's place, from 1. Whatever it has more than one of is numbered
/// within its id. The ledgers are far above those of a sandbox, whose payments must not have the same names.
const OWN: [(i64, &str); 6] = [
    (CUSTOMER, "(1 + {customer of})"),
    (NODE, "(1 + {customer of})"),
    (OTHER_NODE, "(5000000 + {customer of})"),
    (ID, "(i * 4096)"),
    (OPERATION, "((1000000000 + i) * 4294967296 + 1)"),
    (FARM, "(1 + i % 50)"),
];

fn own(number: i64) -> &'static str {
    OWN.iter().find(|(each, _)| *each == number).expect("a number that is replaced").1
}

/// Facts as an SQL expression, with each reservation's own numbers in them.
fn facts<T: Serialize>(facts: &T) -> String {
    let text = serde_json::to_string(facts).expect("facts");
    let mut sql = format!("'{}'", text.replace('\'', "''"));
    for (number, by) in OWN.iter().filter(|(number, _)| text.contains(&number.to_string())) {
        sql = format!("replace({sql}, '{number}', CAST({by} AS TEXT))");
    }
    sql
}

fn operation(number: i64) -> OperationId {
    OperationId(number)
}

/// As it stands in facts: settled, with numbers that are to be replaced.
fn settled() -> Reservation {
    let mut settled = reservation(1);
    settled.order.customer = IdentityId::new(CUSTOMER).expect("an id");
    settled.order.nodes = vec![node_id(NODE), node_id(OTHER_NODE)];
    let payment = PaymentId { operation: operation(OPERATION), change: 0 };
    let funding = Funding {
        asset: asset("TFT"),
        amount: stroops(1_000),
        payment: Some(payment),
        at: at(900),
        tries: 0,
    };
    let settlement = Settlement {
        transaction: None,
        ledger: Some(LedgerSeq(5)),
        at: at(901),
        pool: PoolId::new(ID).expect("an id"),
    };
    Reservation { state: State::Settled { funding, settlement }, ..settled }
}

/// Who bought what, and which nodes of what: each customer has nodes for himself.
#[derive(Debug, Clone, Copy)]
#[allow(dead_code, reason = "the plan test and the benchmark have one each")]
pub enum Customers {
    /// So many, and each buys in turn: what one bought lies scattered over the history.
    InTurn(i64),
    /// Each buys so often, and then the next does.
    InARow(i64),
}

impl Customers {
    /// A customer's number, from 0, as SQL.
    fn number(self) -> String {
        match self {
            Self::InTurn(customers) => format!("i % {customers}"),
            Self::InARow(times) => format!("(i - 1) / {times}"),
        }
    }
}

/// How much of it there is.
#[derive(Debug, Clone, Copy)]
pub struct History {
    pub reservations: i64,
    pub customers: Customers,
    /// What is rare happened to one in so many of them.
    pub rare: i64,
}

/// Seeds a history into an empty database, all of it long before `now`.
pub async fn seed(raw: &mut RawConnection, history: History, now: Timestamp) {
    let reservations = history.reservations;
    if let RawConnection::Sqlite(_) = raw {
        raw.run("PRAGMA synchronous = OFF").await;
        raw.run("PRAGMA cache_size = -1000000").await;
    }
    let seeds = "CREATE TEMPORARY TABLE seeds (i BIGINT PRIMARY KEY, account TEXT, hash TEXT, born BIGINT)";
    raw.run(seeds).await;
    let statements = statements(history);
    let mut next = 1;
    while next <= reservations {
        let end = reservations.min(next + BATCH - 1);
        raw.run("BEGIN").await;
        for some in (next..=end).collect::<Vec<_>>().chunks(SEEDS) {
            let row = |i: &i64| {
                let digest: [u8; 32] = Sha256::digest(i.to_be_bytes()).into();
                let born = now.as_microsecond() - MICROS_AGO - (reservations - i) * MICROS_BETWEEN;
                format!("({i}, '{}', '{}', {born})", AccountId(digest), hex::encode(digest))
            };
            let rows: Vec<String> = some.iter().map(row).collect();
            raw.run(&format!("INSERT INTO seeds VALUES {}", rows.join(", "))).await;
        }
        for statement in &statements {
            raw.run(statement).await;
        }
        raw.run("DELETE FROM seeds").await;
        raw.run("COMMIT").await;
        next = end + 1;
    }
    raw.run("DROP TABLE seeds").await;
    raw.run("UPDATE counters SET value = (SELECT MAX(id) FROM events) WHERE name = 'events'").await;
    let counted = "UPDATE reservation_counts SET reservations = reservations + ";
    raw.run(&format!("{counted}{reservations} WHERE state = 'settled'")).await;
    match raw {
        RawConnection::Sqlite(_) => raw.run("PRAGMA wal_checkpoint(TRUNCATE)").await,
        RawConnection::Postgres(_) => raw.run("VACUUM ANALYZE").await,
    }
}

/// Fills the places in braces of a statement.
fn filled(sql: &str, history: History) -> String {
    let settled = settled();
    let refund = TransferKind::Refund { payment: PaymentId { operation: operation(OPERATION), change: 0 } };
    let leg = |recipient, farm| TransferKind::Leg { recipient, farm };
    let confirmed = SubmissionState::Confirmed { ledger: LedgerSeq(5), at: at(901) };
    let quoted = |text: String| format!("'{text}'");
    let places = [
        ("tft", quoted(asset("TFT").to_string())),
        ("payer", quoted(account(2).to_string())),
        ("farmer", quoted(account(5).to_string())),
        ("foundation", quoted(account(9).to_string())),
        ("channel", quoted(account(77).to_string())),
        ("platform", quoted(account(78).to_string())),
        ("assets", facts(&[asset("TFT")])),
        ("order", facts(&settled.order)),
        ("quote", facts(&settled.quote)),
        ("deadline", settled.quote.deadline.as_microsecond().to_string()),
        ("memo", facts(&settled.memo)),
        ("settled", facts(&settled.state)),
        ("no memo", facts(&Memo::None)),
        ("farmer leg", facts(&leg(Recipient::Farmer, FarmId::new(FARM).ok()))),
        ("foundation leg", facts(&leg(Recipient::Foundation, None))),
        ("refund", facts(&refund)),
        ("confirmed", facts(&confirmed)),
        ("opened", facts(&Act::ReservationOpened { reservation: reservation_id(ID) })),
        ("event", facts(&EventKind::changed(&Reservation { id: reservation_id(ID), ..settled }))),
        ("distribution", facts(&Distribution::known("grid2").expect("it is known"))),
        ("key", quoted("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a".to_owned())),
        ("customer", own(CUSTOMER).to_owned()),
        ("node", own(NODE).to_owned()),
        ("other node", own(OTHER_NODE).to_owned()),
        ("id", own(ID).to_owned()),
        ("operation", own(OPERATION).to_owned()),
        ("farm", own(FARM).to_owned()),
        ("rare", history.rare.to_string()),
        ("customer of", history.customers.number()),
    ];
    let mut filled = sql.to_owned();
    for (place, by) in &places {
        filled = filled.replace(&format!("{{{place}}}"), by);
    }
    filled
}

/// What one batch's seeds become.
fn statements(history: History) -> Vec<String> {
    let parts = [ACCOUNTS_AND_ORDERS, MONEY_IN, MONEY_OUT, CLAIMABLES, POOLS, JOURNAL, OTHERS];
    let all = parts.concat();
    all.split(';').map(str::trim).filter(|one| !one.is_empty()).map(|one| filled(one, history)).collect()
}

const ACCOUNTS_AND_ORDERS: &str = "
    INSERT INTO escrows (account, version, asset_facts, state, submission, reservation, merged_by,
            watch_cursor, watch_explained, dirty_since, created_at)
        SELECT account, 6, {assets}, 'closed', NULL, {id}, {operation} + 9, {operation}, 5, NULL, born
        FROM seeds;
    INSERT INTO sealed_secrets (account, sealing_key, sealed_seed)
        SELECT account, hash, hash || hash FROM seeds;
    INSERT INTO reservations (id, version, customer, extends, order_facts, quote_facts, deadline, escrow,
            memo_facts, created_at, cancel_requested_at, state, state_facts, play_money, decide_after,
            funded_at, previous_state)
        SELECT {id}, 5, {customer}, NULL, {order}, {quote}, {deadline}, account, {memo}, born, NULL,
            'settled', {settled}, 0, NULL, NULL, 'settling' FROM seeds;
    INSERT INTO reservation_nodes (reservation, node)
        SELECT {id}, {node} FROM seeds UNION ALL SELECT {id}, {other node} FROM seeds;";

/// One in a thousand came for nobody, and one in ten brought more.
const MONEY_IN: &str = "
    INSERT INTO payments (operation, change, kind, account, muxed_id, payer, asset, amount, tx_hash, ledger,
            closed_at, memo_facts, reservation, attribution)
        SELECT {operation}, 0, 'payment', account, NULL, {payer}, {tft},
            CASE i % 10 WHEN 0 THEN 1100 ELSE 1000 END, hash, 1000000000 + i, born + 1000, {memo},
            CASE i % 1000 WHEN 0 THEN NULL ELSE {id} END,
            CASE i % 1000 WHEN 0 THEN 'unassigned' ELSE 'counted' END
        FROM seeds;
    INSERT INTO quarantine (account, digest, operation, json, reason, noted_at, dismissed_at, dismissed_by,
            dismissed_note)
        SELECT account, hash, {operation}, '{}', 'no amount', born, born + 5, 'somebody', 'seen' FROM seeds
        WHERE i % {rare} = 0;
    INSERT INTO accepted_operations (account, operation, accepted_by, reason, accepted_at)
        SELECT account, {operation}, 'somebody', 'looked at', born FROM seeds WHERE i % {rare} = 0;
    INSERT INTO foreign_claimables (claimant, id, asset, amount, sponsor, seen_at, out_of_reach_at)
        SELECT account, '00000000' || hash, {tft}, 1, NULL, born, born + 5 FROM seeds WHERE i % {rare} = 0;";

/// A transaction settles ten of them.
const MONEY_OUT: &str = "
    INSERT INTO submissions (id, channel, sequence, hash, envelope, max_time, purpose_facts, state,
            state_facts, attempts, last_answer, created_at)
        SELECT {id}, {channel}, i, hash, hash || hash || hash || hash || hash || hash || hash || hash,
            born + 9000, '{\"kind\":\"recovered\"}', 'confirmed', {confirmed}, 1, NULL, born + 3000
        FROM seeds WHERE i % 10 = 0;
    INSERT INTO fee_bumps (hash, submission, envelope, fee_per_operation, created_at)
        SELECT account, {id}, hash, 1000, born + 4000 FROM seeds WHERE i % 10 = 0 AND i % {rare} = 0;
    INSERT INTO transfers (id, reservation, returns_operation, returns_change, repays_claimable, farm,
            ordinal, kind_facts, source, destination, asset, amount, memo_facts, delivery, state,
            submission, operation,
            confirmed_at, cancelled_at)
        SELECT {id}, {id}, CAST(NULL AS BIGINT), CAST(NULL AS BIGINT), CAST(NULL AS TEXT),
            CAST(NULL AS BIGINT), 0,
            {foundation leg}, account, {foundation}, {tft}, 100, {no memo}, 'payment', 'confirmed', {id},
            {operation} + 1, born + 5000, CAST(NULL AS BIGINT) FROM seeds
        UNION ALL SELECT {id} + 1, {id}, NULL, NULL, NULL, {farm}, 1, {farmer leg}, account, {farmer}, {tft},
            900,
            {no memo}, CASE i % {rare} WHEN 0 THEN 'claimable_balance' ELSE 'payment' END, 'confirmed', {id},
            {operation} + 2, born + 5000, NULL FROM seeds
        UNION ALL SELECT {id} + 2, {id}, {operation}, 0, NULL, NULL, 2, {refund}, account,
            {payer}, {tft}, 100, {no memo}, 'payment', 'confirmed', {id}, {operation} + 3, born + 7000, NULL
            FROM seeds WHERE i % 10 = 0;
    INSERT INTO transfer_attempts (transfer, submission, outcome)
        SELECT {id}, {id}, 'paid' FROM seeds UNION ALL SELECT {id} + 1, {id}, 'paid' FROM seeds
        UNION ALL SELECT {id} + 2, {id}, 'paid' FROM seeds WHERE i % 10 = 0
        UNION ALL SELECT {id} + 1, {id} - 1, 'released' FROM seeds WHERE i % 50 = 0;";

const CLAIMABLES: &str = "
    INSERT INTO claimables (id, transfer, reservation, recipient, asset, amount, created_at, reclaim_from,
            state, state_facts, farm, is_return, repaid)
        SELECT '00000000' || hash, {id} + 1, {id}, {farmer}, {tft}, 900, born + 5000, born + 9000,
            CASE i % (2 * {rare}) WHEN 0 THEN 'taken_back' ELSE 'claimed' END,
            CASE i % (2 * {rare}) WHEN 0
                THEN '{\"state\":\"taken_back\",\"submission\":\"1\",\"at\":\"1970-01-01T00:15:00Z\"}'
                ELSE '{\"state\":\"claimed\",\"operation\":\"1\",\"at\":\"1970-01-01T00:15:00Z\"}' END,
            {farm}, 0, CASE i % (2 * {rare}) WHEN 0 THEN 1 ELSE 0 END
        FROM seeds WHERE i % {rare} = 0;
    INSERT INTO reclaim_attempts (claimable, submission)
        SELECT '00000000' || hash, {id} FROM seeds WHERE i % (2 * {rare}) = 0;
    INSERT INTO transfers (id, reservation, returns_operation, returns_change, repays_claimable, farm,
            ordinal, kind_facts, source, destination, asset, amount, memo_facts, delivery, state,
            submission, operation,
            confirmed_at, cancelled_at)
        SELECT {id} + 3, {id}, NULL, NULL, '00000000' || hash, NULL, 3,
            '{\"kind\":\"repayment\",\"claimable\":\"00000000' || hash || '\"}', {platform}, {farmer}, {tft},
            900, {no memo}, 'payment', 'confirmed', {id}, {operation} + 4, born + 8000, NULL
        FROM seeds WHERE i % (2 * {rare}) = 0;
    INSERT INTO transfer_attempts (transfer, submission, outcome)
        SELECT {id} + 3, {id}, 'paid' FROM seeds WHERE i % (2 * {rare}) = 0;";

const POOLS: &str = "
    INSERT INTO pools (id, version, customer, free_only, created_at)
        SELECT {id}, 0, {customer}, 0, born + 5000 FROM seeds;
    INSERT INTO pool_nodes (pool, node, free_only)
        SELECT {id}, {node}, 0 FROM seeds UNION ALL SELECT {id}, {other node}, 0 FROM seeds;
    INSERT INTO pool_grants (reservation, pool, ordinal, cu, su, ipv4u, starts_at, ends_at)
        SELECT {id}, {id}, 0, 1000, 0, 0, born + 5000, born + 9000 FROM seeds;";

const JOURNAL: &str = "
    INSERT INTO journal_entries (id, cause, reservation, happened_at)
        SELECT {id}, 'payment:' || CAST({operation} AS TEXT) || '-0', {id}, born + 1000 FROM seeds
        UNION ALL SELECT {id} + 1, 'transfer:' || CAST({id} AS TEXT), {id}, born + 5000 FROM seeds
        UNION ALL SELECT {id} + 2, 'transfer:' || CAST({id} + 1 AS TEXT), {id}, born + 5000 FROM seeds;
    INSERT INTO journal_postings (entry, ordinal, account, asset, amount)
        SELECT {id}, 0, 'stellar:' || account, {tft}, 1000 FROM seeds
        UNION ALL SELECT {id}, 1, 'deposits:' || CAST({id} AS TEXT), {tft}, -1000 FROM seeds
        UNION ALL SELECT {id} + 1, 0, 'deposits:' || CAST({id} AS TEXT), {tft}, 100 FROM seeds
        UNION ALL SELECT {id} + 1, 1, 'stellar:' || account, {tft}, -100 FROM seeds
        UNION ALL SELECT {id} + 2, 0, 'deposits:' || CAST({id} AS TEXT), {tft}, 900 FROM seeds
        UNION ALL SELECT {id} + 2, 1, 'stellar:' || account, {tft}, -900 FROM seeds;
    INSERT INTO journal_balances (account, asset, amount, kind)
        SELECT 'stellar:' || account, {tft}, 0, 'stellar' FROM seeds
        UNION ALL SELECT 'deposits:' || CAST({id} AS TEXT), {tft}, 0, 'deposits' FROM seeds;";

const OTHERS: &str = "
    INSERT INTO events (id, recorded_at, kind_facts, tenant)
        SELECT 4 * i + part, born + part * 1000, {event}, 'default' FROM seeds
        CROSS JOIN (SELECT -3 AS part UNION ALL SELECT -2 UNION ALL SELECT -1 UNION ALL SELECT 0) AS parts;
    INSERT INTO idempotency_answers (api_key, request_key, request_hash, status, body, answered_at)
        SELECT 1, hash, hash, 201, '{}', born FROM seeds WHERE i % 10 = 0;
    INSERT INTO audit_entries (id, decided_at, api_key, request_id, subject, act_facts, reason)
        SELECT {id}, born, 1 + i % 1000, hash, 'reservation:' || CAST({id} AS TEXT), {opened}, NULL
        FROM seeds;
    INSERT INTO payout_changes (id, tenant, subject, terms_facts, asked_at, due_at, state, ended_at)
        SELECT {id}, 'default', 'node:' || CAST(i AS TEXT), '{}', born, born, 'in_force', born FROM seeds;
    INSERT INTO payout_checks (account, memo_required, checked_at)
        SELECT account, 0, born FROM seeds WHERE i % {rare} = 0;
    INSERT INTO identities (id, name, public_key) SELECT 1000000 + i, 'Ada', {key} FROM seeds;
    INSERT INTO farms (id, name, owner, payout_facts, distribution_facts)
        SELECT 1000000 + i, 'North', 1000000 + i, '{}', {distribution} FROM seeds WHERE i % {rare} = 0;
    INSERT INTO nodes (id, farm, cu, su, ipv4u, free_to_use)
        SELECT 1000000 + i, 1000000 + i, 1, 1, 1, 0 FROM seeds WHERE i % {rare} = 0;
    INSERT INTO api_keys (id, name, role, secret_hash, created_at, revoked_at, tenant)
        SELECT 1000000 + i, hash, 'node', hash, born, NULL, 'default' FROM seeds WHERE i % {rare} = 0;";
