//! The two schemas are one, and every statement is known and valid on both.

use std::collections::BTreeSet;

use farmgate::storage::{SchemaState, Sql, connect, schema, statements};
use sqlx::{Executor, SqlSafeStr};

use crate::support::{self, RawConnection, on_both_databases};

on_both_databases! {
    async fn every_statement_is_understood(database: &TestStore) {
        let mut raw = database.raw().await;
        for sql in statements() {
            let prepared = match &mut raw {
                RawConnection::Sqlite(connection) => {
                    connection.prepare(sql.sqlite.into_sql_str()).await.map(drop)
                }
                RawConnection::Postgres(connection) => {
                    connection.prepare(sql.postgres.into_sql_str()).await.map(drop)
                }
            };
            prepared.unwrap_or_else(|error| panic!("{}: {error}", sql.name));
        }
    }
}

/// The names declared in a source file, as `statements!` declares them.
fn declared(source: &str) -> Vec<&str> {
    let Some((_, block)) = source.split_once("\nstatements! {") else { return Vec::new() };
    let block = block.split_once("\n}").expect("the block ends").0;
    block
        .lines()
        .filter_map(|line| line.strip_prefix("    ")?.split_once(" = "))
        .map(|(name, _)| name)
        .filter(|name| {
            name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
        })
        .collect()
}

#[test]
fn no_statement_escapes_the_list() {
    let known: BTreeSet<&str> = statements().iter().map(|Sql { name, .. }| *name).collect();
    assert_eq!(known.len(), statements().len(), "no name twice");
    let mut found = 0;
    for file in std::fs::read_dir("src/storage").unwrap() {
        let path = file.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let source = std::fs::read_to_string(&path).unwrap();
        let names = declared(&source);
        for name in &names {
            let name = format!("farmgate::storage::{module}::{name}");
            assert!(known.contains(&*name), "{name} is not in storage::statements()");
        }
        found += names.len();
        // Databases as a whole are made, copied and dropped outside of every transaction, by statements that
        // cannot be prepared; servers are asked of themselves there, and other hands spare nothing.
        if !["session", "scratch", "backup", "server", "hands"].contains(&module.as_str()) {
            for way in ["sqlx::query", "query_as", "query_scalar", "raw_sql", "QueryBuilder", "AssertSqlSafe"]
            {
                assert!(!source.contains(way), "{module} runs statements past the session: {way}");
            }
        }
        if names.is_empty() && !["server", "hands"].contains(&module.as_str()) {
            for verb in ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "] {
                assert!(
                    !source.contains(&format!("\"{verb}")),
                    "{module} has a statement outside of statements!"
                );
            }
        }
        let made = source.matches("sql::Sql {").count();
        assert_eq!(made, usize::from(module == "sql"), "{module} makes statements by hand");
    }
    assert_eq!(found, known.len());
    assert!(found > 60, "{found}");
}

#[tokio::test]
async fn both_engines_have_the_same_columns_and_keys() {
    let (sqlite, postgres) = (support::sqlite().await, support::postgres().await);
    let sqlite_columns = sqlite
        .raw()
        .await
        .texts(
            "SELECT tables.name || '.' || columns.name || CASE columns.\"notnull\" WHEN 1 THEN '' ELSE '?' END
            FROM sqlite_schema AS tables JOIN pragma_table_info(tables.name) AS columns
            WHERE tables.type = 'table' AND tables.name NOT LIKE '\\_sqlx%' ESCAPE '\\'",
        )
        .await;
    let postgres_columns = postgres
        .raw()
        .await
        .texts(
            "SELECT table_name || '.' || column_name || CASE is_nullable WHEN 'NO' THEN '' ELSE '?' END
            FROM information_schema.columns
            WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'",
        )
        .await;
    let sets = |texts: Vec<String>| texts.into_iter().collect::<BTreeSet<_>>();
    let (sqlite_columns, postgres_columns) = (sets(sqlite_columns), sets(postgres_columns));
    assert_eq!(sqlite_columns, postgres_columns);
    assert!(sqlite_columns.len() > 100);
    let sqlite_keys = sqlite
        .raw()
        .await
        .texts(
            "SELECT indexes.name || CASE indexes.\"unique\" WHEN 1 THEN ' unique' ELSE '' END
        FROM sqlite_schema AS tables JOIN pragma_index_list(tables.name) AS indexes
        WHERE tables.type = 'table' AND indexes.origin = 'c'",
        )
        .await;
    let postgres_keys = postgres
        .raw()
        .await
        .texts(
            "SELECT indexes.relname || CASE WHEN indisunique THEN ' unique' ELSE '' END
        FROM pg_index JOIN pg_class AS indexes ON indexes.oid = indexrelid
            JOIN pg_namespace ON pg_namespace.oid = indexes.relnamespace
        WHERE nspname = 'public' AND NOT indisprimary",
        )
        .await;
    assert_eq!(sets(sqlite_keys), sets(postgres_keys));
}

async fn looking_at_the_schema_makes_nothing(place: support::Place) {
    assert_eq!(schema(&place.settings).await.unwrap(), SchemaState::Missing);
    assert_eq!(schema(&place.settings).await.unwrap(), SchemaState::Missing, "looking made it");
    let database = support::TestStore::open(&place).await;
    let found = schema(&database.settings).await.unwrap();
    assert!(matches!(found, SchemaState::Current { applied: 1.. }), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn looking_at_an_sqlite_schema_makes_nothing() {
    let place = support::Place::sqlite();
    let file = std::path::PathBuf::from(place.url.trim_start_matches("sqlite://"));
    assert_eq!(schema(&place.settings).await.unwrap(), SchemaState::Missing);
    assert!(!file.exists());
    looking_at_the_schema_makes_nothing(place).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn looking_at_a_postgres_schema_makes_nothing() {
    looking_at_the_schema_makes_nothing(support::Place::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_cannot_keep_every_text_is_refused_by_name() {
    let place = support::Place::postgres().await;
    let mut server = RawConnection::to(&std::env::var(support::POSTGRES_VARIABLE).unwrap()).await;
    let name = place.url.rsplit('/').next().unwrap().to_owned();
    server.run(&format!("DROP DATABASE {name}")).await;
    let latin = "ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'";
    server.run(&format!("CREATE DATABASE {name} {latin}")).await;
    let refused = [schema(&place.settings).await.map(drop), connect(&place.settings).await.map(drop)];
    for refused in refused {
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("LATIN1") && refused.contains("UTF8"), "{refused}");
    }
    server.run(&format!("DROP DATABASE {name}")).await;
    server.close().await;
}
