//! A copy of a database, and the way back to it.

use crate::support::TestStore;

/// A copy of every row, kept beside the tables.
pub struct Backup {
    tables: Vec<String>,
}

impl Backup {
    pub async fn take(store: &TestStore) -> Self {
        let mut raw = store.raw().await;
        let names = if store.is_sqlite() {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        } else {
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'"
        };
        let tables = raw.texts(names).await;
        assert!(tables.len() > 20, "{tables:?}");
        for table in &tables {
            raw.run(&format!("CREATE TABLE backup_{table} AS SELECT * FROM {table}")).await;
        }
        raw.close().await;
        Self { tables }
    }

    /// Brings every table back.
    pub async fn restore(&self, store: &TestStore) {
        self.restore_but(store, &[]).await;
    }

    /// Brings every table back but these, which stay as they are.
    pub async fn restore_but(&self, store: &TestStore, kept: &[&str]) {
        let mut raw = store.raw().await;
        let unchecked = if store.is_sqlite() {
            "PRAGMA foreign_keys = OFF"
        } else {
            "SET session_replication_role = replica"
        };
        raw.run(unchecked).await;
        // All at once, as far as an engine beside it can see; its writes wait for the lease.
        let begin = if store.is_sqlite() { "BEGIN IMMEDIATE" } else { "BEGIN; LOCK TABLE engine_lease" };
        raw.run(begin).await;
        for table in self.tables.iter().filter(|table| !kept.contains(&table.as_str())) {
            raw.run(&format!("DELETE FROM {table}")).await;
            raw.run(&format!("INSERT INTO {table} SELECT * FROM backup_{table}")).await;
        }
        raw.run("COMMIT").await;
        raw.close().await;
    }
}
