//! The schema's history, the same steps for both engines. What was released is never changed: a change is one
//! more step.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// One step: what SQLite and PostgreSQL are told.
pub(super) struct Step {
    version: i64,
    name: &'static str,
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
}

macro_rules! step {
    ($version:literal, $name:literal, $file:literal) => {
        Step {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("../../migrations/sqlite/", $file)),
            postgres: include_str!(concat!("../../migrations/postgres/", $file)),
        }
    };
}

/// All steps, in order.
pub(super) const STEPS: &[Step] = &[
    step!(1, "initial", "0001_initial.sql"),
    step!(
        2,
        "claimable balances counted and out of reach",
        "0002_claimable_balances_counted_and_out_of_reach.sql"
    ),
    step!(3, "payout checks", "0003_payout_checks.sql"),
    step!(4, "engine lease", "0004_engine_lease.sql"),
    step!(5, "fee bumps", "0005_fee_bumps.sql"),
    step!(6, "restores", "0006_restores.sql"),
    step!(7, "dead letters", "0007_dead_letters.sql"),
    step!(8, "returns and repayments", "0008_returns_and_repayments.sql"),
    step!(9, "databases that went back", "0009_databases_that_went_back.sql"),
    step!(10, "deployment", "0010_deployment.sql"),
    step!(11, "history costs nothing", "0011_history_costs_nothing.sql"),
    step!(12, "returned payments in columns", "0012_returned_payments_in_columns.sql"),
    step!(13, "unreadable rows", "0013_unreadable_rows.sql"),
    step!(14, "audit", "0014_audit.sql"),
    step!(15, "tenants", "0015_tenants.sql"),
    step!(16, "payout changes", "0016_payout_changes.sql"),
    step!(17, "words", "0017_words.sql"),
    step!(18, "events after commit", "0018_events_after_commit.sql"),
];

/// The steps as one engine is told them.
pub(super) fn migrator(told: impl Fn(&Step) -> &'static str) -> Migrator {
    let migration = |step: &Step| {
        let sql = told(step).into_sql_str();
        Migration::new(step.version, step.name.into(), MigrationType::Simple, sql, false)
    };
    Migrator::with_migrations(STEPS.iter().map(migration).collect())
}
