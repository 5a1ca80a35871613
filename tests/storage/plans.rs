//! Nothing that the service asks of its database reads what has ended: the plan of every statement on both
//! databases.
//!
//! SQLite plans by the schema alone. PostgreSQL plans by what it knows of the rows, so there is a history. Of
//! each statement the plan is taken with arguments at both ends, and the one that the server settles on when
//! it has been asked often; where no limit is among the arguments, also the one for any arguments.

use std::collections::{BTreeMap, BTreeSet};

use farmgate::storage::{Sql, statements};
use jiff::Timestamp;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor, Row};

use crate::history::{self, Customers, History};
use crate::support::{self, RawConnection};

/// Enough for PostgreSQL to prefer an index, also of what is rare.
const HISTORY: History = History { reservations: 20_000, customers: Customers::InTurn(1_000), rare: 1 };
/// How often PostgreSQL is asked before it has settled on a plan: it makes five for given arguments first.
const ASKED: usize = 7;

/// Tables that do not grow with what happens.
const BOUNDED: [&str; 11] = [
    "channels",
    "counters",
    "currencies",
    "deployment",
    "engine_lease",
    "engine_status",
    "history_cursors",
    "reservation_counts",
    "tenants",
    "unreadable_rows",
    "unnumbered_events",
];

/// Tables that do.
const GROWING: [&str; 30] = [
    "accepted_operations",
    "api_keys",
    "audit_entries",
    "claimables",
    "escrows",
    "events",
    "farms",
    "fee_bumps",
    "idempotency_answers",
    "identities",
    "journal_balances",
    "journal_entries",
    "journal_postings",
    "nodes",
    "payments",
    "payout_changes",
    "payout_checks",
    "pool_grants",
    "pool_nodes",
    "pools",
    "quarantine",
    "reservation_nodes",
    "reservations",
    "sealed_secrets",
    "submissions",
    "reclaim_attempts",
    "transfer_attempts",
    "transfers",
    "undelivered",
    "foreign_claimables",
];

/// Indexes that hold what is under way, open or owed, and nothing that has ended: they may be read whole.
const SMALL: [&str; 29] = [
    "claimables_of_farm",
    "claimables_of_returns",
    "claimables_open",
    "claimables_owed",
    "claimables_reclaimable",
    "claimables_to_repay",
    "escrows_available",
    "escrows_dirty",
    "escrows_merged",
    "escrows_ready",
    "journal_balances_open",
    "journal_balances_owed",
    "payout_changes_due",
    "payout_changes_one",
    "payout_changes_waiting",
    "payout_changes_waiting_of_tenant",
    "payout_checks_new",
    "quarantine_age",
    "quarantine_open",
    "reservations_due",
    "reservations_extending",
    "reservations_funded",
    "reservations_playing",
    "submissions_live",
    "submissions_unknown",
    "transfers_claimable",
    "transfers_in_flight",
    "transfers_pending",
    "transfers_waiting",
];

/// Indexes that begin with a column of few values: one of these may be nearly all there is.
const OF_FEW_VALUES: [&str; 2] = ["payments_taken_for", "reservations_in_state"];
/// What is asked of such an index and holds for few, whatever has ended.
const OF_FEW: [&str; 1] = ["state = 'held'"];
/// So few rows are no history, if PostgreSQL knows by the arguments that there are no more.
const FEW_ROWS: f64 = 100.0;

/// Lists of what nearly all there is belongs to: PostgreSQL may walk all, and leave out the rest.
const NEARLY_ALL: [&str; 2] =
    ["farmgate::storage::payments::LIST_COUNTED", "farmgate::storage::reservations::LIST_SETTLED"];

/// One access to a table, as a plan tells it.
#[derive(Debug)]
struct Access {
    /// The table, if the plan says so.
    table: Option<String>,
    /// The index, by its name; `None` for a scan of the table.
    index: Option<String>,
    /// What is asked of the index, such as `(rowid>?)`.
    condition: String,
    /// What is asked of each row found, where it is told.
    filter: String,
    /// How many rows it is expected to find, where that is told.
    rows: Option<f64>,
    /// True if what is found is sorted, counted or hashed before any of it is given out.
    whole: bool,
}

/// How many columns have to be equal to something.
fn equalities(condition: &str) -> usize {
    let without =
        [">=", "<=", "<>", "!="].iter().fold(condition.to_owned(), |text, sign| text.replace(sign, ""));
    without.matches('=').count()
}

/// True if both ends of what is read are given.
fn is_a_stretch(condition: &str) -> bool {
    condition.contains('>') && condition.contains('<')
}

/// True if a filter asks for more than where to go on in the order of the index.
fn leaves_out(filter: &str) -> bool {
    equalities(filter) > 0
        || ["<>", "!=", " IS ", " EXISTS ", " IN "].iter().any(|asked| filter.contains(asked))
}

/// Why an access may read more the longer the history is; `None` if it does not.
fn trouble(access: &Access, name: &str, sql: &str) -> Option<String> {
    let Some(index) = &access.index else {
        let table = access.table.as_deref().unwrap_or("?");
        return (!BOUNDED.contains(&table)).then(|| format!("it reads all of {table}"));
    };
    if SMALL.contains(&index.as_str())
        || access.table.as_deref().is_some_and(|table| BOUNDED.contains(&table))
    {
        return None;
    }
    let few = OF_FEW_VALUES.contains(&index.as_str()) && !OF_FEW.iter().any(|asked| sql.contains(asked));
    let few = usize::from(few);
    if equalities(&access.condition) > few || is_a_stretch(&access.condition) {
        return None;
    }
    if access.rows.is_some_and(|rows| rows <= FEW_ROWS) && access.filter.is_empty() {
        return None;
    }
    if !sql.contains("LIMIT") {
        return Some(format!("it walks {index}, and no limit ends that"));
    }
    if access.whole {
        return Some(format!("it walks {index}, and sorts or counts what it finds"));
    }
    if leaves_out(&access.filter) && !NEARLY_ALL.contains(&name) {
        return Some(format!("it walks {index}, and leaves out what is not {}", access.filter));
    }
    None
}

/// The table that a name in a plan stands for.
fn table_named(name: &str, sql: &str) -> Option<String> {
    if BOUNDED.contains(&name) || GROWING.contains(&name) {
        return Some(name.to_owned());
    }
    let (before, _) = sql.split_once(&format!(" AS {name}"))?;
    let word = before.rsplit([' ', '\n', '(']).next()?;
    (BOUNDED.contains(&word) || GROWING.contains(&word)).then(|| word.to_owned())
}

/// What a statement asks for besides the columns in the condition on an index and what all in it are.
fn filter_beside(condition: &str, all_are: &str, sql: &str) -> String {
    let Some((_, asked)) = sql.split_once("WHERE ") else { return String::new() };
    let asked = ["ORDER BY", "GROUP BY", "LIMIT"]
        .iter()
        .fold(asked, |rest, end| rest.split_once(end).map_or(rest, |(before, _)| before));
    let columns: Vec<&str> = condition
        .split(|sign: char| !(sign.is_alphanumeric() || sign == '_'))
        .filter(|word| !word.is_empty())
        .map(|word| if word == "rowid" { "id" } else { word })
        .collect();
    let of_the_index = |part: &str| {
        let mut words = part.split(|sign: char| !(sign.is_alphanumeric() || sign == '_'));
        words.any(|word| columns.contains(&word))
    };
    let beside = asked.split(" AND ").map(str::trim);
    let beside = beside.filter(|part| !part.is_empty() && !of_the_index(part) && !all_are.contains(part));
    beside.collect::<Vec<_>>().join(" AND ")
}

/// The accesses of an SQLite plan. What is asked of rows it does not tell: it stands in the statement.
///
/// `partial` has what all rows in a partial index are.
fn sqlite_accesses(plan: &[String], partial: &BTreeMap<String, String>, sql: &str) -> Vec<Access> {
    let whole = plan.iter().any(|line| line.starts_with("USE TEMP B-TREE"));
    let mut accesses = Vec::new();
    for line in plan {
        let Some(rest) = line.strip_prefix("SCAN ").or_else(|| line.strip_prefix("SEARCH ")) else {
            continue;
        };
        let name = rest.split(' ').next().unwrap_or(rest);
        // Parameters, and what other statements of the plan found.
        let Some(table) = table_named(name, sql) else { continue };
        let (using, condition) = match rest.split_once(" (") {
            Some((using, condition)) => (using, condition.trim_end_matches(')')),
            None => (rest, ""),
        };
        let index = if using.contains("PRIMARY KEY") {
            Some(format!("{table}_pkey"))
        } else {
            using.split_once("INDEX ").map(|(_, index)| index.to_owned())
        };
        let all_are = index.as_ref().and_then(|index| partial.get(index)).map_or("", String::as_str);
        let filter = match equalities(condition) {
            0 => filter_beside(condition, all_are, sql),
            _ => String::new(),
        };
        accesses.push(Access {
            table: Some(table),
            index,
            condition: condition.to_owned(),
            filter,
            rows: None,
            whole,
        });
    }
    accesses
}

fn text(node: &Value, key: &str) -> String {
    node[key].as_str().unwrap_or_default().to_owned()
}

/// The accesses of a PostgreSQL plan.
fn postgres_accesses(node: &Value, mut whole: bool, accesses: &mut Vec<Access>) {
    let kind = text(node, "Node Type");
    whole = match kind.as_str() {
        "Limit" => false,
        "Aggregate" | "Sort" | "Incremental Sort" | "Hash" | "Materialize" | "ModifyTable" | "Unique" => true,
        _ => whole,
    };
    let table = node["Relation Name"].as_str().map(str::to_owned);
    let (condition, filter) = (text(node, "Index Cond"), text(node, "Filter"));
    let rows = node["Plan Rows"].as_f64();
    match kind.as_str() {
        "Seq Scan" => accesses.push(Access { table, index: None, condition, filter, rows, whole }),
        "Index Scan" | "Index Only Scan" | "Bitmap Index Scan" => {
            let whole = whole || kind == "Bitmap Index Scan";
            accesses.push(Access {
                table,
                index: Some(text(node, "Index Name")),
                condition,
                filter,
                rows,
                whole,
            });
        }
        _ => {}
    }
    for part in node["Plans"].as_array().into_iter().flatten() {
        postgres_accesses(part, whole, accesses);
    }
}

/// What all rows in each partial index are.
async fn sqlite_partial_indexes(raw: &mut RawConnection) -> BTreeMap<String, String> {
    let indexes = raw
        .texts("SELECT name || ': ' || sql FROM sqlite_schema WHERE type = 'index' AND sql LIKE '% WHERE %'")
        .await;
    let parts = indexes.iter().map(|text| {
        let (name, sql) = text.split_once(": ").expect("a name");
        (name.to_owned(), sql.split_once(" WHERE ").expect("a part").1.to_owned())
    });
    parts.collect()
}

async fn sqlite_plan(raw: &mut RawConnection, sql: Sql) -> Vec<String> {
    let RawConnection::Sqlite(connection) = raw else { panic!("not SQLite") };
    let rows = connection.fetch_all(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", sql.sqlite))).await;
    let rows = rows.unwrap_or_else(|error| panic!("{}: {error}", sql.name));
    rows.iter().map(|row| row.get::<String, _>("detail")).collect()
}

/// Arguments at one end for a statement whose parameters have these types.
fn arguments(sql: &str, types: &[String], high: bool) -> String {
    let argument = |(at, kind): (usize, &String)| {
        let place = format!("${}", at + 1);
        let is = |before: &str, after: &str| sql.contains(&format!("{before}{place}{after}"));
        match kind.as_str() {
            _ if sql.ends_with(&format!("LIMIT {place}")) || is("LIMIT ", " ") => "50".to_owned(),
            "bigint" => if high { i64::MAX } else { 0 }.to_string(),
            _ if is("CAST(", " AS JSONB)") => "'[]'".to_owned(),
            _ if is(" state = ", "") => "'settled'".to_owned(),
            _ if is(" attribution = ", "") => "'counted'".to_owned(),
            _ => if high { "'~'" } else { "''" }.to_owned(),
        }
    };
    let arguments: Vec<String> = types.iter().enumerate().map(argument).collect();
    if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) }
}

async fn postgres_plans(raw: &mut RawConnection, sql: Sql) -> Vec<Value> {
    let name = "plan_of_one";
    raw.run(&format!("PREPARE {name} AS {}", sql.postgres)).await;
    let types = raw
        .texts(&format!(
            "SELECT CAST(unnest(parameter_types) AS TEXT) FROM pg_prepared_statements WHERE name = '{name}'"
        ))
        .await;
    let mut asked = Vec::new();
    for high in [false, true] {
        asked.extend(std::iter::repeat_n(("auto", arguments(sql.postgres, &types, high)), ASKED));
    }
    if !sql.postgres.contains("LIMIT $") {
        asked.push(("force_generic_plan", arguments(sql.postgres, &types, false)));
    }
    let mut plans = Vec::new();
    for (mode, arguments) in asked {
        raw.run(&format!("SET plan_cache_mode = {mode}")).await;
        let RawConnection::Postgres(connection) = raw else { panic!("not PostgreSQL") };
        let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE {name}{arguments}");
        let row = connection.fetch_one(AssertSqlSafe(explain)).await;
        let row = row.unwrap_or_else(|error| panic!("{}: {error}", sql.name));
        let plan: Value = serde_json::from_str(&row.get_unchecked::<String, _>(0)).expect("a plan");
        if !plans.contains(&plan) {
            plans.push(plan);
        }
    }
    raw.run(&format!("DEALLOCATE {name}")).await;
    plans
}

/// Every table is in one of the lists above, and what they say of indexes is so.
async fn assert_lists(raw: &mut RawConnection) {
    let (tables, partial) = match raw {
        RawConnection::Sqlite(_) => (
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_sqlx%' ESCAPE '\\'",
            "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql LIKE '% WHERE %'",
        ),
        RawConnection::Postgres(_) => (
            "SELECT CAST(tablename AS TEXT) FROM pg_tables
                WHERE schemaname = 'public' AND tablename NOT LIKE '\\_sqlx%'",
            "SELECT CAST(CAST(indexrelid AS REGCLASS) AS TEXT) FROM pg_index WHERE indpred IS NOT NULL",
        ),
    };
    let tables: BTreeSet<String> = raw.texts(tables).await.into_iter().collect();
    let listed: BTreeSet<String> = BOUNDED.iter().chain(&GROWING).map(|&name| name.to_owned()).collect();
    assert_eq!(tables, listed, "does it grow with what happens?");
    let partial: BTreeSet<String> = raw.texts(partial).await.into_iter().collect();
    for index in SMALL {
        assert!(partial.contains(index), "{index} is no index of a part of its table");
    }
}

fn assert_nothing_is_scanned(found: &BTreeMap<&str, Vec<String>>) {
    let told: Vec<String> =
        found.iter().map(|(name, what)| format!("{name}: {}", what.join("\n    "))).collect();
    assert!(found.is_empty(), "{} statements:\n{}", found.len(), told.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_reads_what_has_ended_on_sqlite() {
    let database = support::sqlite().await;
    let mut raw = database.raw().await;
    assert_lists(&mut raw).await;
    let partial = sqlite_partial_indexes(&mut raw).await;
    let mut found = BTreeMap::new();
    for sql in statements() {
        let plan = sqlite_plan(&mut raw, sql).await;
        let troubles = sqlite_accesses(&plan, &partial, sql.sqlite);
        let mut troubles: Vec<String> =
            troubles.iter().filter_map(|access| trouble(access, sql.name, sql.sqlite)).collect();
        if !troubles.is_empty() {
            troubles.extend(plan);
            found.insert(sql.name, troubles);
        }
    }
    assert_nothing_is_scanned(&found);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_reads_what_has_ended_on_postgres() {
    let database = support::postgres().await;
    let mut raw = database.raw().await;
    assert_lists(&mut raw).await;
    history::seed(&mut raw, HISTORY, Timestamp::from_second(1_772_366_400).unwrap()).await;
    let undelivered = "INSERT INTO undelivered SELECT id, 'no_account', 1, 1, 1 FROM transfers";
    raw.run(undelivered).await;
    raw.run("VACUUM ANALYZE").await;
    let mut found = BTreeMap::new();
    for sql in statements() {
        for plan in postgres_plans(&mut raw, sql).await {
            let mut accesses = Vec::new();
            postgres_accesses(&plan[0]["Plan"], false, &mut accesses);
            let troubles: Vec<String> =
                accesses.iter().filter_map(|access| trouble(access, sql.name, sql.postgres)).collect();
            if !troubles.is_empty() {
                found.entry(sql.name).or_insert_with(Vec::new).extend(troubles);
            }
        }
    }
    assert_nothing_is_scanned(&found);
}

#[test]
fn a_scan_is_noticed() {
    let access = |index: Option<&str>, condition: &str, filter: &str, whole| Access {
        table: Some("reservations".to_owned()),
        index: index.map(str::to_owned),
        condition: condition.to_owned(),
        filter: filter.to_owned(),
        rows: None,
        whole,
    };
    let limited = "SELECT id FROM reservations WHERE id > $1 ORDER BY id LIMIT $2";
    let noticed = |access: &Access, sql| trouble(access, "LIST", sql).is_some();
    assert!(noticed(&access(None, "", "", false), limited), "a whole table");
    assert!(!noticed(&access(Some("reservations_pkey"), "rowid>?", "", false), limited), "a page of a list");
    assert!(noticed(&access(Some("reservations_pkey"), "rowid>?", "", false), "SELECT id"), "no end");
    assert!(noticed(&access(Some("reservations_pkey"), "rowid>?", "", true), limited), "sorted");
    assert!(noticed(&access(Some("reservations_pkey"), "rowid>?", "state=?", false), limited), "left out");
    assert!(!noticed(&access(Some("reservations_pkey"), "rowid=?", "", true), "SELECT id"), "one row");
    assert!(
        noticed(&access(Some("reservations_pkey"), "rowid>?", "escrow IS NULL", false), limited),
        "left out"
    );
    let sql = "SELECT id FROM reservations WHERE escrow IS NULL AND id > $1 ORDER BY id LIMIT $2";
    assert_eq!(filter_beside("rowid>?", "", sql), "escrow IS NULL");
    assert_eq!(filter_beside("rowid>?", "escrow IS NULL", sql), "");
    assert!(
        noticed(&access(Some("reservations_in_state"), "state=?", "", true), "SELECT COUNT(*)"),
        "a count"
    );
    assert!(
        !noticed(&access(Some("reservations_due"), "", "", true), "SELECT COUNT(*)"),
        "what is under way"
    );
}
