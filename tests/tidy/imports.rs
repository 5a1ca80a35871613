//! Which module may import which.

use std::collections::BTreeSet;

use crate::Finding;
use crate::documents::{self, Papers};
use crate::names::{Names, Reference, Target, is_within};
use crate::source::Tree;

/// The page with the tables.
pub const MAP: &str = "docs/architecture.md";

/// Module → what it may import, besides itself. A path such as `domain::money` allows only that part.
///
/// The same table stands in `docs/architecture.md` with the reasons. The path to a forbidden thing is nearly
/// always a trait in `ports`, or moving the code to the module that is allowed to do it.
const MODULES: &[(&str, &[&str])] = &[
    (EVERYBODYS, &[]),
    ("domain", &[]),
    ("ports", &["domain"]),
    ("api", &["domain"]),
    ("capacity", &["domain", "ports"]),
    ("catalog", &["domain", "ports", "access"]),
    ("access", &["domain", "ports"]),
    ("delivery", &["domain", "ports", "api"]),
    ("operator", &["domain", "ports", "api", "access"]),
    ("reservations", &["domain", "ports", "capacity", "access"]),
    ("settlement", &["domain", "ports", "capacity", "access", "catalog"]),
    ("storage", &["domain", "ports"]),
    ("stellar", &["domain", "ports"]),
    ("sandbox", &[]),
    ("http", WEB),
    ("console", WEB),
    (
        "simulation",
        &[
            "domain",
            "ports",
            "api",
            "capacity",
            "catalog",
            "access",
            "delivery",
            "operator",
            "reservations",
            "settlement",
            "storage",
            "stellar",
            "sandbox",
        ],
    ),
    (
        "demo",
        &[
            "domain",
            "ports",
            "access",
            "operator",
            "reservations",
            "settlement",
            "storage",
            "stellar",
            "sandbox",
            "http",
            "app::clock",
            "app::config",
            "app::output",
            "app::telemetry",
            "app::wire",
        ],
    ),
    (
        "app",
        &[
            "domain",
            "ports",
            "api",
            "capacity",
            "catalog",
            "access",
            "delivery",
            "operator",
            "reservations",
            "settlement",
            "storage",
            "stellar",
            "sandbox",
            "http",
            "console",
            "simulation",
            "demo",
        ],
    ),
    ("main", &["app"]),
];

/// Values that every module may import; a package of its own, as the sandbox is (see manifests.rs).
const EVERYBODYS: &str = "stellar_types";

const WEB: &[&str] = &[
    "domain",
    "ports",
    "api",
    "capacity",
    "catalog",
    "access",
    "delivery",
    "operator",
    "reservations",
    "settlement",
];

fn allowed_for(module: &str) -> Option<&'static [&'static str]> {
    MODULES.iter().find(|(name, _)| *name == module).map(|(_, allowed)| *allowed)
}

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = check_places(tree);
    let names = Names::read(tree);
    let mut seen = BTreeSet::new();
    for reference in &names.references {
        for chain in names.chains(reference) {
            for target in judged(&chain) {
                let Some(message) = edge(tree, reference, target) else { continue };
                let file = &tree.files[reference.file].path;
                if seen.insert((file, reference.line, target.first().cloned())) {
                    findings.push(Finding { file: file.clone(), line: reference.line, message });
                }
            }
        }
    }
    findings.sort();
    findings
}

/// The stops that make an edge: of several in one module (a module's own re-exports), the last.
fn judged(chain: &[Target]) -> impl Iterator<Item = &[String]> {
    chain.iter().enumerate().filter_map(|(index, target)| match (target, chain.get(index + 1)) {
        (Target::Ours(path), Some(Target::Ours(next))) if path.first() == next.first() => None,
        (Target::Ours(path), _) => Some(path.as_slice()),
        (Target::Foreign(_), _) => None,
    })
}

/// The table on the map is this one; `main.rs` stands in the sentence above it.
pub fn check_page(papers: &Papers) -> Vec<Finding> {
    let modules = MODULES.iter().filter(|(name, _)| *name != "main");
    let all: Vec<&str> = modules.clone().map(|(name, _)| *name).filter(|name| *name != EVERYBODYS).collect();
    let owned = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
    let enforced = modules.map(|(name, allowed)| ((*name).to_owned(), owned(allowed))).collect();
    let read = |name: &str, cell: &str| documents::modules_of(cell, &all, name);
    documents::same_table(papers, MAP, ["module", "may import"], &enforced, read)
}

/// What is wrong with `reference` leading to `target`, if anything.
fn edge(tree: &Tree, reference: &Reference, target: &[String]) -> Option<String> {
    let from = tree.files[reference.file].top()?;
    let to = target.first()?;
    let allowed = allowed_for(from)?;
    if from == to || to == EVERYBODYS {
        return None;
    }
    let (text, target) = (reference.text(), target.join("::"));
    if allowed_for(to).is_none() || to == "main" {
        return Some(format!(
            "{from} → `{text}`: {target} is no module of src/; nothing but modules lives at the crate root"
        ));
    }
    if allowed.iter().any(|whole| is_within(&target, whole)) {
        return None;
    }
    let may = if allowed.is_empty() { "nothing of ours".to_owned() } else { allowed.join(", ") };
    Some(format!(
        "forbidden edge {from} → {to}: `{text}` leads to {target}, but {from} may import {may}. Take what is \
         needed as an argument or a trait of ports, or move this code (docs/architecture.md)"
    ))
}

/// Files stand in a folder of the table, and are found there.
fn check_places(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        let mut find = |line: usize, message: String| {
            findings.push(Finding { file: file.path.clone(), line, message });
        };
        let Some(module) = &file.module else { continue };
        if let Some(top) = module.first()
            && allowed_for(top).is_none()
        {
            find(
                1,
                format!(
                    "{top} is not in the module table of tests/tidy/imports.rs; decide what it may import"
                ),
            );
        }
        for item in &file.syntax.items {
            let line = syn::spanned::Spanned::span(item).start().line;
            let declares = matches!(item, syn::Item::Mod(item) if item.content.is_none());
            if file.path == "src/lib.rs" && !declares {
                find(line, "lib.rs only declares modules; put this in one of them".to_owned());
            }
            if file.path == "src/main.rs" && matches!(item, syn::Item::Mod(_)) {
                find(line, "main.rs has no modules of its own; the library declares them".to_owned());
            }
        }
        let tokens = file.tokens();
        for pair in tokens.windows(2) {
            let (first, second) = (pair[0].to_string(), pair[1].to_string());
            let line = pair[0].span().start().line;
            if first == "include" && second == "!" {
                find(line, "`include!` hides source from this test; make it a module".to_owned());
            }
        }
        for three in tokens.windows(3) {
            let words = three.iter().map(ToString::to_string).collect::<Vec<_>>();
            // `#[utoipa::path(…, path = "/v1/…")]` names a route, not a file.
            let is_route = words[2].starts_with("\"/") && !words[2].ends_with(".rs\"");
            // `#[template(path = "page.html")]` names a template.
            let other = is_route || words[2].ends_with(".html\"");
            if words[0] == "path" && words[1] == "=" && words[2].starts_with('"') && !other {
                let line = three[0].span().start().line;
                find(line, "`#[path]` puts a module where its name is not; move the file".to_owned());
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
    fn legal_imports_pass() {
        let findings = check_files(&[
            ("src/lib.rs", "//! The crate.\n#[cfg(unix)]\npub mod app;\npub mod domain;"),
            ("src/main.rs", "fn main() -> std::process::ExitCode { farmgate::app::cli::run() }"),
            ("src/domain/mod.rs", "pub mod money;\npub use money::Stroops;"),
            (
                "src/domain/money.rs",
                "use std::fmt;\npub struct Stroops;\nuse self::inner::A;\n\
                 mod inner { pub use super::super::money::Stroops as A; }\n\
                 #[cfg(test)]\nmod tests { use super::*; use crate::domain::money::Stroops; }",
            ),
            (
                "src/ports/store.rs",
                "use crate::domain::{self, money::Stroops as S};\nuse super::clock::Clock;",
            ),
            ("crates/sandbox/src/ledger.rs", "use crate::xdr::Tx;\nuse stellar_types::money::Stroops;"),
            (
                "src/simulation/world.rs",
                "use farmgate_sandbox::{self as sandbox, Sandbox};\nuse sandbox::xdr;",
            ),
            ("src/settlement/tick.rs", "fn f() -> crate::capacity::Lock { crate::ports::clock::now() }"),
            (
                "src/http/mod.rs",
                "use ::http::StatusCode; use http::Method; use crate::{access, operator as o};",
            ),
            (
                "src/app/wire.rs",
                "use crate::{stellar, storage, simulation, http, console};\nuse farmgate_sandbox::Sandbox;",
            ),
        ]);
        expect(findings, &[]);
    }

    #[test]
    fn a_plain_import_of_a_forbidden_module_is_an_edge() {
        let findings = check_files(&[
            ("src/domain/pool.rs", "use std::fmt;\nuse crate::ports::clock::Clock;"),
            ("src/reservations/open.rs", "use crate::{domain::{ids, money}, settlement::tick};"),
            ("src/settlement/mod.rs", "use farmgate::stellar;\nuse ::farmgate::http::x;"),
            ("src/main.rs", "use farmgate::app;\nuse farmgate::domain::ids;\nuse crate::main_helper;"),
        ]);
        expect(
            findings,
            &[
                ("src/domain/pool.rs:2", "forbidden edge domain → ports: `crate::ports::clock::Clock`"),
                ("src/main.rs:2", "forbidden edge main → domain"),
                ("src/reservations/open.rs:1", "reservations → settlement: `crate::settlement::tick`"),
                ("src/settlement/mod.rs:1", "settlement → stellar"),
                ("src/settlement/mod.rs:2", "settlement → http"),
            ],
        );
    }

    #[test]
    fn super_chains_reach_the_root() {
        let findings = check_files(&[
            ("src/capacity/locks.rs", "use super::super::storage::rows;"),
            ("src/capacity/mod.rs", "use super::stellar::tx;\nfn f() { self::super::http::serve() }"),
            (
                "src/capacity/pools.rs",
                "mod deep {\n use super::super::super::api::Shape;\n use super::super::locks;\n}",
            ),
        ]);
        expect(
            findings,
            &[
                ("src/capacity/locks.rs:1", "capacity → storage"),
                ("src/capacity/mod.rs:1", "capacity → stellar"),
                ("src/capacity/mod.rs:2", "capacity → http"),
                ("src/capacity/pools.rs:2", "capacity → api"),
            ],
        );
    }

    #[test]
    fn paths_in_types_expressions_and_attributes_are_edges() {
        let findings = check_files(&[(
            "src/access/keys.rs",
            "struct A(crate::storage::Row);\n\
             fn f(x: &dyn crate::http::T) {\n\
             let y = crate::stellar::foo();\n\
             let z = <crate::api::K as Default>::default();\n\
             }\n\
             #[derive(serde::Serialize)]\n\
             struct B {\n\
             #[serde(with = \"crate::settlement::text\")]\n\
             b: u8 }",
        )]);
        expect(
            findings,
            &[
                ("src/access/keys.rs:1", "access → storage"),
                ("src/access/keys.rs:2", "access → http"),
                ("src/access/keys.rs:3", "access → stellar"),
                ("src/access/keys.rs:4", "access → api"),
                ("src/access/keys.rs:8", "access → settlement"),
            ],
        );
    }

    #[test]
    fn macro_tokens_are_read() {
        let findings = check_files(&[
            (
                "src/storage/mod.rs",
                "macro_rules! m { ($name:ident) => {\n\
                 $crate::stellar::foo();\n\
                 use $crate::{domain::ids, api::{Shape}};\n\
                 mod inside { use super::*;\n fn f() { farmgate_sandbox::run() } }\n\
                 $name::stellar::ok();\n\
                 }; }",
            ),
            (
                "src/settlement/tick.rs",
                "fn f() { assert!(crate::capacity::ok());\n\
                 tokio::select! { _ = crate::stellar::watch() => {} }\n\
                 vec![super::super::storage::Row { a: [crate::operator::K] }]; }",
            ),
        ]);
        expect(
            findings,
            &[
                ("src/settlement/tick.rs:2", "settlement → stellar"),
                ("src/settlement/tick.rs:3", "settlement → operator"),
                ("src/settlement/tick.rs:3", "settlement → storage"),
                ("src/storage/mod.rs:2", "storage → stellar"),
                ("src/storage/mod.rs:3", "storage → api"),
                ("src/storage/mod.rs:5", "storage → sandbox"),
            ],
        );
    }

    #[test]
    fn aliases_of_the_crate_and_of_modules_are_followed() {
        let findings = check_files(&[
            (
                "src/ports/mod.rs",
                "use crate as c;\nfn f() { c::stellar::foo() }\nuse crate::domain as d; use d::ids;",
            ),
            ("src/delivery/mod.rs", "extern crate self as me;\nuse me::storage::Row;"),
            ("src/operator/mod.rs", "use super as root;\nuse root::{api, http::R};"),
            ("src/capacity/mod.rs", "fn f() { use crate::*;\nlet s = settlement::tick(); }"),
            ("src/settlement/mod.rs", ""),
        ]);
        expect(
            findings,
            &[
                ("src/capacity/mod.rs:2", "capacity → settlement"),
                ("src/delivery/mod.rs:2", "delivery → storage"),
                ("src/operator/mod.rs:2", "operator → http"),
                ("src/ports/mod.rs:2", "ports → stellar"),
            ],
        );
    }

    #[test]
    fn a_re_export_is_an_edge_where_it_stands_and_where_it_is_used() {
        let findings = check_files(&[
            ("src/stellar/mod.rs", "pub struct Tx;\npub mod tx { pub struct Env; }"),
            (
                "src/capacity/mod.rs",
                "pub use crate::stellar::Tx as Thing;\npub mod deep { pub use crate::stellar::tx::*; }",
            ),
            ("src/settlement/a.rs", "use crate::capacity::Thing;"),
            ("src/settlement/b.rs", "fn f() { crate::capacity::deep::Env; }"),
            ("src/settlement/c.rs", "use crate::capacity::*;\nfn f(t: Thing) {}"),
            (
                "src/settlement/d.rs",
                "pub type Hidden = Vec<u8>;\nuse crate::capacity::{deep as d};\nfn f(e: d::Env) {}",
            ),
        ]);
        expect(
            findings,
            &[
                ("src/capacity/mod.rs:1", "capacity → stellar"),
                ("src/capacity/mod.rs:2", "capacity → stellar"),
                (
                    "src/settlement/a.rs:1",
                    "settlement → stellar: `crate::capacity::Thing` leads to stellar::Tx",
                ),
                ("src/settlement/b.rs:1", "settlement → stellar"),
                ("src/settlement/c.rs:2", "settlement → stellar"),
                ("src/settlement/d.rs:3", "settlement → stellar"),
            ],
        );
    }

    #[test]
    fn what_an_allowed_module_re_exports_from_a_forbidden_one_stays_forbidden() {
        let findings = check_files(&[
            ("src/storage/mod.rs", "pub struct Pool;"),
            (
                "src/app/mod.rs",
                "pub use crate::storage::Pool;\npub type Alias = crate::storage::Pool;\npub fn run() {}",
            ),
            (
                "src/main.rs",
                "use farmgate::app::run;\nuse farmgate::app::Pool;\nfn f(a: farmgate::app::Alias) {}",
            ),
        ]);
        expect(findings, &[("src/main.rs:2", "main → storage"), ("src/main.rs:3", "main → storage")]);
    }

    #[test]
    fn the_sandbox_sees_nothing_of_ours_but_values() {
        let findings = check_files(&[
            (
                "src/domain/mod.rs",
                "pub mod money;\npub mod pool;\npub use money::Stroops;\npub use pool::Pool;",
            ),
            ("src/domain/money.rs", "pub struct Stroops;"),
            ("src/domain/pool.rs", "pub struct Pool;"),
            (
                "crates/sandbox/src/ledger.rs",
                "use stellar_types::{money::Stroops, asset, address::AccountId, ids};\n\
                 use ::stellar_types::{clock::Clock, entropy::Entropy};\n\
                 use farmgate::domain::Stroops as Same;\n\
                 use farmgate::domain::pool::Pool;\n\
                 use farmgate::domain::Pool as Again;\n\
                 use farmgate::ports::store::Store;\n\
                 use ::farmgate::stellar::tx;",
            ),
        ]);
        expect(
            findings,
            &[
                ("crates/sandbox/src/ledger.rs:3", "sandbox → domain"),
                ("crates/sandbox/src/ledger.rs:4", "sandbox → domain"),
                ("crates/sandbox/src/ledger.rs:5", "leads to domain::pool::Pool"),
                ("crates/sandbox/src/ledger.rs:6", "sandbox → ports"),
                ("crates/sandbox/src/ledger.rs:7", "sandbox → stellar"),
            ],
        );
    }

    #[test]
    fn tests_inside_a_module_keep_to_its_layer() {
        let findings = check_files(&[(
            "src/settlement/mod.rs",
            "#[cfg(test)]\nmod tests {\n#[test] fn t() { farmgate_sandbox::ledger(); }\n}",
        )]);
        expect(findings, &[("src/settlement/mod.rs:3", "settlement → sandbox")]);
    }

    #[test]
    fn every_file_has_its_place() {
        let findings = check_files(&[
            ("src/lib.rs", "pub mod domain;\npub use domain::Pool;\nmod helpers { }"),
            ("src/main.rs", "mod cli;\nfn main() {}"),
            ("src/helpers/text.rs", ""),
            (
                "src/domain/mod.rs",
                "#[path = \"../else.rs\"]\nmod other;\ninclude!(\"more.rs\");\nfn f() { crate::loose(); }\n\
                 #[utoipa::path(get, path = \"/v1/farms\")]\nfn g() {}",
            ),
        ]);
        expect(
            findings,
            &[
                ("src/domain/mod.rs:1", "#[path]"),
                ("src/domain/mod.rs:3", "include!"),
                ("src/domain/mod.rs:4", "nothing but modules lives at the crate root"),
                ("src/helpers/text.rs:1", "helpers is not in the module table"),
                ("src/lib.rs:2", "lib.rs only declares modules"),
                ("src/lib.rs:3", "lib.rs only declares modules"),
                ("src/main.rs:1", "main.rs has no modules"),
            ],
        );
    }
}
