//! Which outside crate may be named where.

use std::collections::{BTreeMap, BTreeSet};

use crate::Finding;
use crate::documents::{self, Papers};
use crate::imports::MAP;
use crate::names::{Names, Target, is_within};
use crate::source::{SourceFile, Tree};

/// Crate → the modules that may name it; with the crates that are confined together.
const CONFINED: &[(&str, &[&str])] = &[
    ("sqlx", &["storage", "app"]),
    ("axum", &["http", "console", "sandbox", "app"]),
    ("axum_extra", &["http", "console"]),
    ("utoipa", &["api", "http"]),
    ("utoipa_axum", &["http"]),
    ("utoipa_swagger_ui", &["http"]),
    ("stellar_xdr", &["stellar", "sandbox"]),
    ("stellar_base", &["stellar::tx"]),
    ("stellar_horizon", &[]),
    ("crypto_box", &["stellar::sealing"]),
    ("reqwest", &["stellar::transport", "sandbox::wallet", "delivery", "demo::client", "app"]),
    ("getrandom", &["app"]),
    ("rand_chacha", &["app", "sandbox", "simulation"]),
];

/// All that `domain` may name: values and arithmetic, nothing that waits, talks or logs.
const DOMAIN: &[&str] = &[
    "std",
    "core",
    "alloc",
    "thiserror",
    "serde",
    "jiff",
    "rust_decimal",
    "num_rational",
    "num_bigint",
    "num_traits",
    "stellar_strkey",
    "hex",
    "sha2",
    "ed25519_dalek",
];

/// What `ports` may name besides: traits that are async and object-safe, and secrets.
const PORTS: &[&str] = &["async_trait", "secrecy", "futures"];

/// What `stellar_types` may name besides, for the clock's trait.
const VALUES: &[&str] = &["async_trait"];

/// The one file of `stellar_types` that has something to wait for.
const WAITS: &str = "crates/stellar-types/src/clock.rs";

/// `ports::store` runs a transaction as a task of its own, so that no caller's end cuts it in half.
const STORE_TASKS: &[&str] = &["tokio::spawn", "tokio::task"];

/// What the tests inside `domain` and `ports` may name besides, with the dev-dependencies.
const PURE_TESTS: &[&str] = &["serde_json", "tokio"];

/// Parts of the standard library that reach outside; none is for `domain` and `stellar_types`.
const STD_OUTSIDE: &[&str] = &["fs", "net", "env", "process", "thread", "io", "os"];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let names = Names::read_knowing(tree, CONFINED.iter().map(|(name, _)| *name));
    let mut findings = domain_is_not_async(tree, &names);
    let mut seen = BTreeSet::new();
    for reference in &names.references {
        for path in names.chains(reference).iter().flatten().filter_map(foreign) {
            let place = reference.place(tree).join("::");
            let test = reference.test.then_some(tree.dev_packages.as_slice());
            let Some(why) = confined(&place, path).or_else(|| impure(&place, path, test)) else { continue };
            let file = &tree.files[reference.file].path;
            if seen.insert((file.clone(), reference.line, path[0].clone())) {
                let message = format!("`{}`: {why}", reference.text());
                findings.push(Finding { file: file.clone(), line: reference.line, message });
            }
        }
    }
    findings.sort();
    findings
}

/// The table on the map is the one above. It says `std` for what goes by three names, and spells crates as
/// their packages do.
pub fn check_page(papers: &Papers) -> Vec<Finding> {
    let owned = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
    let mut enforced: BTreeMap<String, BTreeSet<String>> =
        CONFINED.iter().map(|(name, homes)| ((*name).to_owned(), owned(homes))).collect();
    enforced.insert("in domain".to_owned(), owned(DOMAIN));
    enforced.insert("in ports".to_owned(), owned(PORTS));
    let read = |name: &str, cell: &str| {
        let mut places = documents::places_of(cell);
        if name.starts_with("in ") {
            places = places.into_iter().map(|place| place.replace('-', "_")).collect();
            places.remove("as in domain");
        }
        if places.remove("std without its I::O") {
            places.extend(["std", "core", "alloc"].map(str::to_owned));
        }
        places
    };
    documents::same_table(papers, MAP, ["crate", "only in"], &enforced, read)
}

fn foreign(target: &Target) -> Option<&[String]> {
    match target {
        Target::Foreign(path) => Some(path),
        Target::Ours(_) => None,
    }
}

fn confined(place: &str, path: &[String]) -> Option<String> {
    let (name, homes) = CONFINED.iter().find(|(name, _)| path[0] == *name)?;
    if homes.iter().any(|home| is_within(place, home)) {
        return None;
    }
    let homes = if homes.is_empty() { "tests".to_owned() } else { homes.join(", ") };
    Some(format!(
        "{name} belongs to {homes}, not to {place}; wrap what is needed there, behind types of ours"
    ))
}

fn impure(place: &str, path: &[String], test: Option<&[String]>) -> Option<String> {
    let top = place.split("::").next().unwrap_or_default();
    let name = path[0].as_str();
    let listed = match top {
        "domain" => DOMAIN.contains(&name),
        "stellar_types" => DOMAIN.contains(&name) || VALUES.contains(&name),
        "ports" => DOMAIN.contains(&name) || PORTS.contains(&name) || is_store_task(place, path),
        _ => return None,
    };
    let for_tests =
        test.is_some_and(|dev| PURE_TESTS.contains(&name) || dev.iter().any(|other| other == name));
    if !listed && !for_tests {
        return Some(format!(
            "{top} stays pure and does not use {name}; the list is in tests/tidy/crates.rs, longer only for \
             values and arithmetic"
        ));
    }
    let part = path.get(1).map(String::as_str).unwrap_or_default();
    if top != "ports" && name == "std" && STD_OUTSIDE.contains(&part) {
        return Some(format!("std::{part} reaches outside; {top} takes values and gives values"));
    }
    None
}

fn is_store_task(place: &str, path: &[String]) -> bool {
    is_within(place, "ports::store") && STORE_TASKS.iter().any(|task| is_within(&path.join("::"), task))
}

fn domain_is_not_async(tree: &Tree, names: &Names) -> Vec<Finding> {
    let mut findings = Vec::new();
    let pure = ["domain", "stellar_types"];
    let is_pure =
        |file: &&SourceFile| file.top().is_some_and(|top| pure.contains(&top)) && file.path != WAITS;
    for file in tree.files.iter().filter(is_pure) {
        if file.module.as_ref().is_some_and(|module| names.is_test_module(module)) {
            continue;
        }
        for token in file.tokens() {
            if matches!(&token, proc_macro2::TokenTree::Ident(word) if word == "async" || word == "await") {
                let message = format!(
                    "{} does not wait: take the value as an argument, and wait in the use case",
                    file.top().unwrap_or_default()
                );
                findings.push(Finding {
                    file: file.path.clone(),
                    line: crate::names::line_of(&token),
                    message,
                });
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect;

    fn check_files(files: &[(&str, &str)]) -> Vec<Finding> {
        check(&Tree::made_of(files))
    }

    #[test]
    fn crates_at_home_pass() {
        let findings = check_files(&[
            ("src/storage/sql.rs", "use sqlx::Row;"),
            ("src/stellar/tx.rs", "use stellar_base as base; mod m { use super::base::Op; }"),
            ("src/stellar/tx/build.rs", "use stellar_base::Op;"),
            ("src/stellar/transport.rs", "fn f() -> reqwest::Client { reqwest::Client::new() }"),
            ("crates/sandbox/src/wallet.rs", "use reqwest::Client; use stellar_xdr::curr::X;"),
            ("src/delivery/send.rs", "use reqwest::Client;"),
            ("src/http/mod.rs", "use axum::Router; use utoipa_axum::routes; use utoipa::ToSchema;"),
            ("src/api/pool.rs", "#[derive(utoipa::ToSchema, serde::Serialize)] pub struct P;"),
            (
                "src/app/wire.rs",
                "fn f() { getrandom::fill(&mut []); } use rand_chacha::ChaCha20Rng; use sqlx::PgPool;",
            ),
            (
                "src/domain/price.rs",
                "use num_rational::BigRational; use std::{fmt, error::Error}; fn f() { let hex = hex; }",
            ),
            ("src/ports/store.rs", "use async_trait::async_trait; fn f() { tokio::spawn(work()); }"),
            ("src/ports/signer.rs", "use secrecy::SecretString;"),
            (
                "src/domain/money.rs",
                "#[cfg(test)] mod tests { use proptest::prelude::*; fn f() { serde_json::to_string(&1); } }",
            ),
            ("src/settlement/tick.rs", "use tracing::info; async fn f() { tokio::spawn(g()).await; }"),
        ]);
        expect(findings, &[]);
    }

    #[test]
    fn confined_crates_are_caught_elsewhere() {
        let findings = check_files(&[
            ("src/api/x.rs", "use axum::Json;"),
            (
                "src/settlement/x.rs",
                "fn f(p: &sqlx::PgPool) {}\nuse stellar_xdr::curr as x;\nuse stellar_horizon::Client;",
            ),
            ("src/stellar/horizon.rs", "use reqwest::Client;\nuse stellar_base::Op;"),
            ("crates/sandbox/src/ledger.rs", "fn f() { reqwest::get(url); }"),
            (
                "src/reservations/open.rs",
                "use getrandom;\nuse rand_chacha::ChaCha20Rng;\nuse reqwest::{self};\n\
                 fn f() { sqlx::sqlx(); }\nuse sqlx::sqlx;",
            ),
            ("src/console/x.rs", "use utoipa_axum::routes;"),
        ]);
        expect(
            findings,
            &[
                ("crates/sandbox/src/ledger.rs:1", "reqwest belongs to"),
                ("src/api/x.rs:1", "axum belongs to http, console, sandbox, app, not to api::x"),
                ("src/console/x.rs:1", "utoipa_axum belongs to http"),
                ("src/reservations/open.rs:1", "getrandom belongs to app"),
                ("src/reservations/open.rs:2", "rand_chacha belongs to"),
                ("src/reservations/open.rs:3", "reqwest belongs to"),
                ("src/reservations/open.rs:4", "sqlx belongs to"),
                ("src/reservations/open.rs:5", "sqlx belongs to"),
                ("src/settlement/x.rs:1", "sqlx belongs to storage, app"),
                ("src/settlement/x.rs:2", "stellar_xdr belongs to"),
                ("src/settlement/x.rs:3", "stellar_horizon belongs to tests"),
                ("src/stellar/horizon.rs:1", "reqwest belongs to"),
                ("src/stellar/horizon.rs:2", "stellar_base belongs to stellar::tx"),
            ],
        );
    }

    #[test]
    fn aliases_macros_and_re_exports_do_not_hide_a_crate() {
        let findings = check_files(&[
            ("src/access/a.rs", "extern crate sqlx as db;\nfn f() { db::query(\"\"); }"),
            ("src/access/b.rs", "use ::{axum as web};\nfn f() { web::serve() }"),
            (
                "src/access/c.rs",
                "fn f() { assert!(stellar_xdr::ok()); }\nmacro_rules! m { () => { ::sqlx::query!() } }",
            ),
            ("src/storage/mod.rs", "pub use sqlx::PgPool;\npub type Lite = sqlx::SqlitePool;"),
            ("src/app/mod.rs", "use crate::storage::PgPool; use crate::storage::Lite;"),
            ("src/stellar/tx.rs", "pub use stellar_base::Op;\npub mod all { pub use stellar_base::*; }"),
            ("src/stellar/watcher.rs", "use super::tx::Op;\nuse super::tx::all::Other;"),
        ]);
        expect(
            findings,
            &[
                ("src/access/a.rs:1", "sqlx belongs"),
                ("src/access/a.rs:2", "sqlx belongs"),
                ("src/access/b.rs:1", "axum belongs"),
                ("src/access/b.rs:2", "axum belongs"),
                ("src/access/c.rs:1", "stellar_xdr belongs"),
                ("src/access/c.rs:2", "sqlx belongs"),
                ("src/stellar/watcher.rs:1", "stellar_base belongs"),
                ("src/stellar/watcher.rs:2", "stellar_base belongs"),
            ],
        );
    }

    #[test]
    fn a_crate_renamed_in_the_manifest_is_still_itself() {
        let mut tree = Tree::made_of(&[("src/access/a.rs", "use sql::Row;")]);
        tree.packages.insert("sql".to_owned(), "sqlx".to_owned());
        expect(check(&tree), &[("src/access/a.rs:1", "sqlx belongs to storage, app")]);
    }

    #[test]
    fn domain_and_ports_stay_pure() {
        let findings = check_files(&[
            (
                "src/domain/pool.rs",
                "use tracing::info;\nuse std::fs;\nfn f() { serde_json::to_string(&1); }\n\
                 pub async fn g() {\n h().await }\nfn t() { std::thread::yield_now() }",
            ),
            ("src/ports/network.rs", "fn f() { tokio::spawn(g()); }"),
            ("crates/stellar-types/src/clock.rs", "use async_trait::async_trait;\nasync fn f() {}"),
            ("crates/stellar-types/src/money.rs", "use tokio::time;\nuse std::env;\nasync fn f() {}"),
            ("src/ports/store.rs", "use tokio::sync::Mutex;\nuse serde_json::Value;\nasync fn f() {}"),
        ]);
        expect(
            findings,
            &[
                ("crates/stellar-types/src/money.rs:1", "stellar_types stays pure and does not use tokio"),
                ("crates/stellar-types/src/money.rs:2", "std::env reaches outside"),
                ("crates/stellar-types/src/money.rs:3", "stellar_types does not wait"),
                ("src/domain/pool.rs:1", "domain stays pure and does not use tracing"),
                ("src/domain/pool.rs:2", "std::fs reaches outside"),
                ("src/domain/pool.rs:3", "does not use serde_json"),
                ("src/domain/pool.rs:4", "domain does not wait"),
                ("src/domain/pool.rs:5", "domain does not wait"),
                ("src/domain/pool.rs:6", "std::thread reaches outside"),
                ("src/ports/network.rs:1", "ports stays pure and does not use tokio"),
                ("src/ports/store.rs:1", "ports stays pure and does not use tokio"),
                ("src/ports/store.rs:2", "ports stays pure and does not use serde_json"),
            ],
        );
    }
}
