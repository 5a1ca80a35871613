//! What the drivers' errors mean to the use cases.

use sqlx::error::DatabaseError;
use sqlx::migrate::{AppliedMigration, MigrateError};

use crate::ports::store::{Constraint, StoreError};

/// SQLite's primary result code is the lower byte of the extended one.
const SQLITE_PRIMARY_MASK: i32 = 0xff;
const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
const SQLITE_NOMEM: i32 = 7;
const SQLITE_INTERRUPT: i32 = 9;
const SQLITE_IOERR: i32 = 10;
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_FULL: i32 = 13;
const SQLITE_CANTOPEN: i32 = 14;
const SQLITE_NOTADB: i32 = 26;
const SQLITE_CONSTRAINT_PRIMARYKEY: i32 = 1555;
const SQLITE_CONSTRAINT_UNIQUE: i32 = 2067;
const SQLITE_CONSTRAINT_ROWID: i32 = 2579;

const UNIQUE_VIOLATION: &str = "23505";
const SERIALIZATION_FAILURE: &str = "40001";
const DEADLOCK_DETECTED: &str = "40P01";
const LOCK_NOT_AVAILABLE: &str = "55P03";
/// Also what `statement_timeout` ends with.
const QUERY_CANCELED: &str = "57014";
const IDLE_IN_TRANSACTION_TIMEOUT: &str = "25P03";
const INVALID_CATALOG: &str = "3D000";
/// Something was to be written on a server that takes no writes: a standby, by itself or in recovery.
const READ_ONLY_TRANSACTION: &str = "25006";
/// What a standby answers to the beginning of a transaction that may write.
const FEATURE_NOT_SUPPORTED: &str = "0A000";
const UNDEFINED_TABLE: &str = "42P01";
/// Connection failures, refused logins, resources that ran out, an operator's intervention, system errors.
const UNAVAILABLE_CLASSES: [&str; 5] = ["08", "28", "53", "57", "58"];

/// A unique key: how PostgreSQL names it and which columns SQLite names instead.
struct UniqueKey {
    constraint: Constraint,
    index: &'static str,
    columns: &'static str,
}

const fn key(constraint: Constraint, index: &'static str, columns: &'static str) -> UniqueKey {
    UniqueKey { constraint, index, columns }
}

const UNIQUE_KEYS: [UniqueKey; 32] = [
    key(Constraint::Id, "reservations_pkey", "reservations.id"),
    key(Constraint::Id, "transfers_pkey", "transfers.id"),
    key(Constraint::Id, "submissions_pkey", "submissions.id"),
    key(Constraint::Id, "journal_entries_pkey", "journal_entries.id"),
    key(Constraint::Id, "api_keys_pkey", "api_keys.id"),
    key(Constraint::Id, "api_keys_secret", "api_keys.secret_hash"),
    key(Constraint::Id, "audit_entries_pkey", "audit_entries.id"),
    key(Constraint::Id, "escrows_pkey", "escrows.account"),
    key(Constraint::Id, "channels_pkey", "channels.account"),
    key(Constraint::Id, "history_cursors_pkey", "history_cursors.account"),
    key(Constraint::Id, "sealed_secrets_pkey", "sealed_secrets.account"),
    key(Constraint::JournalCause, "journal_entries_cause", "journal_entries.cause"),
    key(Constraint::TransferAttempt, "transfer_attempts_one", "transfer_attempts.transfer"),
    key(
        Constraint::TransferAttempt,
        "transfer_attempts_pkey",
        "transfer_attempts.transfer, transfer_attempts.submission",
    ),
    key(Constraint::Refund, "transfers_refund", "transfers.returns_operation, transfers.returns_change"),
    key(Constraint::Refund, "transfers_repayment", "transfers.repays_claimable"),
    key(Constraint::TransferOrdinal, "transfers_ordinal", "transfers.reservation, transfers.ordinal"),
    key(Constraint::ChannelLease, "submissions_lease", "submissions.channel"),
    key(Constraint::SubmissionHash, "submissions_hash", "submissions.hash"),
    key(Constraint::SubmissionHash, "submissions_sequence", "submissions.channel, submissions.sequence"),
    key(Constraint::SubmissionHash, "fee_bumps_pkey", "fee_bumps.hash"),
    key(Constraint::SubmissionHash, "fee_bumps_fee", "fee_bumps.submission, fee_bumps.fee_per_operation"),
    // A pool has the number of the reservation that created it.
    key(Constraint::Claimable, "claimables_pkey", "claimables.id"),
    key(Constraint::Claimable, "claimables_transfer", "claimables.transfer"),
    key(Constraint::PoolGrant, "pools_pkey", "pools.id"),
    key(Constraint::PoolGrant, "pool_grants_pkey", "pool_grants.reservation"),
    key(Constraint::ReservationEscrow, "reservations_escrow", "reservations.escrow"),
    key(Constraint::ReservationEscrow, "escrows_reservation", "escrows.reservation"),
    key(
        Constraint::IdempotencyKey,
        "idempotency_answers_pkey",
        "idempotency_answers.api_key, idempotency_answers.request_key",
    ),
    key(Constraint::ApiKeyName, "api_keys_name", "api_keys.name"),
    key(Constraint::Id, "payout_changes_pkey", "payout_changes.id"),
    key(Constraint::WaitingPayoutChange, "payout_changes_one", "payout_changes.subject"),
];

fn exists(found: Option<&UniqueKey>, otherwise: &dyn DatabaseError) -> StoreError {
    match found {
        Some(key) => StoreError::Exists { constraint: key.constraint },
        None => StoreError::Refused { reason: otherwise.to_string() },
    }
}

fn from_sqlite(error: &dyn DatabaseError) -> StoreError {
    let code = error.code().and_then(|code| code.parse::<i32>().ok()).unwrap_or_default();
    match code {
        SQLITE_CONSTRAINT_PRIMARYKEY | SQLITE_CONSTRAINT_UNIQUE | SQLITE_CONSTRAINT_ROWID => {
            let columns = error.message().rsplit_once("failed: ").map(|(_, columns)| columns);
            exists(UNIQUE_KEYS.iter().find(|key| Some(key.columns) == columns), error)
        }
        _ => match code & SQLITE_PRIMARY_MASK {
            SQLITE_BUSY | SQLITE_LOCKED => StoreError::Conflict { what: error.message().to_owned() },
            SQLITE_NOMEM | SQLITE_INTERRUPT | SQLITE_IOERR | SQLITE_CORRUPT | SQLITE_FULL
            | SQLITE_CANTOPEN | SQLITE_NOTADB => StoreError::Unavailable { reason: error.to_string() },
            _ => StoreError::Refused { reason: error.to_string() },
        },
    }
}

fn from_postgres(error: &dyn DatabaseError) -> StoreError {
    let code = error.code().unwrap_or_default();
    let reason = || format!("{} ({code})", error.message());
    match &*code {
        SERIALIZATION_FAILURE | DEADLOCK_DETECTED => StoreError::Conflict { what: reason() },
        UNIQUE_VIOLATION => {
            exists(UNIQUE_KEYS.iter().find(|key| Some(key.index) == error.constraint()), error)
        }
        LOCK_NOT_AVAILABLE
        | QUERY_CANCELED
        | IDLE_IN_TRANSACTION_TIMEOUT
        | INVALID_CATALOG
        | READ_ONLY_TRANSACTION
        | FEATURE_NOT_SUPPORTED => StoreError::Unavailable { reason: reason() },
        _ if UNAVAILABLE_CLASSES.iter().any(|class| code.starts_with(class)) => {
            StoreError::Unavailable { reason: reason() }
        }
        _ => StoreError::Refused { reason: reason() },
    }
}

/// True if something was to be written where only reads may be.
pub(super) fn is_read_only(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code == READ_ONLY_TRANSACTION)
}

/// What a driver's error means. None of them carries the database's URL or password.
pub(super) fn store_error(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(error) => {
            if error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
                from_postgres(&*error)
            } else {
                from_sqlite(&*error)
            }
        }
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => StoreError::Unavailable { reason: error.to_string() },
        other => StoreError::Refused { reason: other.to_string() },
    }
}

/// What stopped the migrations.
pub(super) fn migrate_error(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => store_error(error),
        MigrateError::VersionMissing(version) => StoreError::Refused {
            reason: format!("it has migration {version}, which is newer than this program"),
        },
        other => StoreError::Refused { reason: format!("its migrations: {other}") },
    }
}

/// How many migrations there were, none where not even their table is.
pub(super) fn applied(listed: Result<Vec<AppliedMigration>, MigrateError>) -> Result<usize, StoreError> {
    match listed {
        Ok(listed) => Ok(listed.len()),
        Err(MigrateError::Execute(sqlx::Error::Database(error))) if is_missing_table(&*error) => Ok(0),
        Err(error) => Err(migrate_error(error)),
    }
}

fn is_missing_table(error: &dyn DatabaseError) -> bool {
    error.code().is_some_and(|code| code == UNDEFINED_TABLE) || error.message().starts_with("no such table")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::migrations::{STEPS, Step};
    use std::collections::{BTreeMap, BTreeSet};

    /// Keys that no statement can violate: the catalog is put, and these rows are inserted unless they are
    /// there.
    const NEVER_VIOLATED: [&str; 26] = [
        "accepted_operations_pkey",
        "counters_pkey",
        "currencies_pkey",
        "deployment_pkey",
        "engine_lease_pkey",
        "engine_lease_token",
        "engine_status_pkey",
        "events_pkey",
        "farms_pkey",
        "foreign_claimables_pkey",
        "identities_pkey",
        "journal_balances_pkey",
        "journal_postings_pkey",
        "nodes_pkey",
        "payments_pkey",
        "payout_checks_pkey",
        "pool_grants_ordinal",
        "pool_nodes_pkey",
        "quarantine_pkey",
        "reclaim_attempts_pkey",
        "reservation_counts_pkey",
        "reservation_nodes_pkey",
        "tenants_pkey",
        "undelivered_pkey",
        "unnumbered_events_pkey",
        "unreadable_rows_pkey",
    ];

    /// What a driver would hand over.
    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Answer(&'static str);

    impl DatabaseError for Answer {
        fn message(&self) -> &str {
            self.0
        }
        fn code(&self) -> Option<std::borrow::Cow<'_, str>> {
            Some(self.0.into())
        }
        fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
            self
        }
        fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
            self
        }
        fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
            self
        }
        fn kind(&self) -> sqlx::error::ErrorKind {
            sqlx::error::ErrorKind::Other
        }
    }

    #[test]
    fn what_may_be_run_again_is_told_from_what_may_not() {
        for code in ["5", "261", "517", "6", "262"] {
            assert!(from_sqlite(&Answer(code)).is_conflict(), "SQLite {code}");
        }
        for code in ["40001", "40P01"] {
            assert!(from_postgres(&Answer(code)).is_conflict(), "PostgreSQL {code}");
        }
        for code in ["10", "778", "11", "13", "14", "26"] {
            assert!(matches!(from_sqlite(&Answer(code)), StoreError::Unavailable { .. }), "SQLite {code}");
        }
        for code in ["08006", "28P01", "3D000", "53300", "55P03", "57014", "57P01", "25P03", "25006", "0A000"]
        {
            assert!(
                matches!(from_postgres(&Answer(code)), StoreError::Unavailable { .. }),
                "PostgreSQL {code}"
            );
        }
        for code in ["1", "8", "275", "787", "1299"] {
            assert!(matches!(from_sqlite(&Answer(code)), StoreError::Refused { .. }), "SQLite {code}");
        }
        for code in ["22003", "23502", "23503", "23514", "25P02", "42601"] {
            assert!(matches!(from_postgres(&Answer(code)), StoreError::Refused { .. }), "PostgreSQL {code}");
        }
    }

    #[test]
    fn every_unique_key_of_the_schema_has_a_meaning() {
        let engines: [fn(&Step) -> &'static str; 2] = [|step| step.sqlite, |step| step.postgres];
        for engine in engines {
            let schema: String = STEPS.iter().map(engine).collect();
            let words: Vec<&str> = schema.split_whitespace().collect();
            let mut keys = BTreeMap::new();
            let mut table = "";
            for (place, three) in words.windows(3).enumerate() {
                match three {
                    ["CREATE", "TABLE", name] => table = *name,
                    ["DROP", "TABLE", name] => {
                        keys.retain(|_, of: &mut &str| *of != name.trim_end_matches(';'));
                    }
                    ["UNIQUE", "INDEX", name] => drop(keys.insert(*name, table)),
                    ["RENAME", "CONSTRAINT", name] => {
                        if let Some(of) = keys.remove(name) {
                            keys.insert(words[place + 4].trim_end_matches(';'), of);
                        }
                    }
                    [_, "CONSTRAINT", name] if name.ends_with("_pkey") => drop(keys.insert(*name, table)),
                    _ => {}
                }
            }
            let keys: BTreeSet<&str> = keys.into_keys().collect();
            let known = UNIQUE_KEYS.iter().map(|key| key.index).chain(NEVER_VIOLATED).collect();
            assert_eq!(keys, known);
        }
    }
}
