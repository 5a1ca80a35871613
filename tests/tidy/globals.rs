//! The machine's clock and its randomness are asked in `app` alone; everywhere else they are arguments.

use std::collections::BTreeSet;

use crate::Finding;
use crate::names::{Names, Target, is_within};
use crate::source::Tree;

/// Paths that are, or give, the global clock or global randomness; with everything below them.
const GLOBAL: &[&str] = &[
    "std::time::SystemTime::now",
    "std::time::Instant::now",
    "std::thread::sleep",
    "std::thread::park_timeout",
    "std::hash::RandomState",
    "std::collections::hash_map::RandomState",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
    "tokio::time::sleep",
    "tokio::time::sleep_until",
    "tokio::time::timeout",
    "tokio::time::timeout_at",
    "tokio::time::interval",
    "tokio::time::interval_at",
    "tokio::time::Instant",
    "rand",
    "fastrand",
    "uuid",
    "getrandom",
];

/// Names that mean the machine's randomness in whatever crate they stand.
const GLOBAL_NAMES: &[&str] = &["OsRng", "ThreadRng", "thread_rng", "from_os_rng", "from_entropy"];

/// A test may guard itself against hanging.
const IN_TESTS: &[&str] = &["tokio::time::timeout"];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let names = Names::read_knowing(tree, GLOBAL.iter().copied().filter(|name| !name.contains("::")));
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for reference in
        names.references.iter().filter(|reference| tree.files[reference.file].top() != Some("app"))
    {
        for target in names.chains(reference).iter().flatten() {
            let Target::Foreign(path) = target else { continue };
            let path = path.join("::");
            let Some(global) = global(&path, reference.glob) else { continue };
            if reference.test && IN_TESTS.contains(&global) {
                continue;
            }
            let file = tree.files[reference.file].path.clone();
            if seen.insert((file.clone(), reference.line)) {
                let message = format!(
                    "`{}` reaches {global}: outside app, take a `&dyn Clock` (now, sleep) or a \
                     `&dyn Entropy` as an argument",
                    reference.text()
                );
                findings.push(Finding { file, line: reference.line, message });
            }
        }
    }
    findings.sort();
    findings
}

/// The global that `path` reaches, or that a glob over `path` lets in unseen.
fn global(path: &str, glob: bool) -> Option<&'static str> {
    let path = path.strip_prefix("core::").map_or_else(|| path.to_owned(), |rest| format!("std::{rest}"));
    let listed = GLOBAL.iter().find(|global| is_within(&path, global) || (glob && opens(&path, global)));
    listed
        .or_else(|| GLOBAL_NAMES.iter().find(|name| path.split("::").any(|segment| segment == **name)))
        .copied()
}

/// `use tokio::time::*` makes `sleep` a plain name, which nobody can follow from the outside.
fn opens(path: &str, global: &str) -> bool {
    let below = global.strip_prefix(path).and_then(|rest| rest.strip_prefix("::"));
    below.is_some_and(|rest| !rest.contains("::") || !path.contains("::"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect;

    fn check_files(files: &[(&str, &str)]) -> Vec<Finding> {
        check(&Tree::made_of(files))
    }

    #[test]
    fn arguments_and_the_app_pass() {
        let findings = check_files(&[
            (
                "src/app/clock.rs",
                "fn f() { jiff::Timestamp::now(); tokio::time::sleep(d); getrandom::fill(b); }",
            ),
            (
                "src/settlement/tick.rs",
                "use std::time::{Duration, Instant, SystemTime}; use jiff::Timestamp;\n\
                 async fn f(clock: &dyn Clock) { clock.now(); clock.sleep(d).await; let timeout = 3; }\n\
                 #[cfg(test)] mod tests { async fn t() { tokio::time::timeout(d, f()).await; } }",
            ),
            ("src/sandbox/ledger.rs", "fn sleep() {} fn f() { sleep(); self::sleep(); random(); }"),
            ("tests/slow.rs", "fn f() { std::time::Instant::now(); }"),
        ]);
        expect(findings, &[]);
    }

    #[test]
    fn global_time_is_caught_however_it_is_named() {
        let findings = check_files(&[
            (
                "src/access/a.rs",
                "use std::time::Instant as I;\nfn f() { I::now(); }\n\
                 fn g() { let now = std::time::SystemTime::now; }",
            ),
            (
                "src/access/b.rs",
                "use tokio::time;\nasync fn f() { tokio::select! { _ = time::sleep(d) => {} } }",
            ),
            ("src/access/c.rs", "use tokio::{time::{interval, timeout as t}};"),
            (
                "src/access/d.rs",
                "type T = jiff::Timestamp;\nfn f() { T::now(); }\nfn g() { <jiff::Zoned>::now(); }",
            ),
            ("src/access/e.rs", "use tokio::time::*;\nuse std::thread;\nfn f() { thread::sleep(d); }"),
            ("src/access/f.rs", "use tokio::*;\nuse std::collections::*;"),
            ("src/stellar/a.rs", "pub use tokio::time as clock;"),
            ("src/stellar/b.rs", "fn f(i: super::a::clock::Instant) {}"),
            ("src/stellar/c.rs", "#[cfg(test)]\nmod tests { fn t() { tokio::time::sleep(d); } }"),
        ]);
        expect(
            findings,
            &[
                ("src/access/a.rs:2", "`I::now` reaches std::time::Instant::now"),
                ("src/access/a.rs:3", "std::time::SystemTime::now"),
                ("src/access/b.rs:2", "tokio::time::sleep"),
                ("src/access/c.rs:1", "tokio::time::interval"),
                ("src/access/d.rs:2", "jiff::Timestamp::now"),
                ("src/access/d.rs:3", "jiff::Zoned::now"),
                ("src/access/e.rs:1", "tokio::time"),
                ("src/access/e.rs:3", "std::thread::sleep"),
                ("src/access/f.rs:1", "tokio::time"),
                ("src/stellar/b.rs:1", "tokio::time::Instant"),
                ("src/stellar/c.rs:2", "tokio::time::sleep"),
            ],
        );
    }

    #[test]
    fn global_randomness_is_caught_however_it_is_named() {
        let findings = check_files(&[
            ("src/access/a.rs", "fn f() { rand::rng(); }\nuse rand::random;"),
            ("src/access/b.rs", "use rand_chacha::rand_core::OsRng;\nfn f() { ChaCha20Rng::from_os_rng(); }"),
            (
                "src/access/c.rs",
                "use getrandom as g;\nfn f() { g::fill(b); }\nfn h() { uuid::Uuid::new_v4(); }",
            ),
            (
                "crates/sandbox/src/d.rs",
                "use rand_chacha::ChaCha20Rng;\nfn f() { ChaCha20Rng::from_os_rng(); }",
            ),
        ]);
        expect(
            findings,
            &[
                ("crates/sandbox/src/d.rs:2", "from_os_rng"),
                ("src/access/a.rs:1", "rand"),
                ("src/access/a.rs:2", "rand"),
                ("src/access/b.rs:1", "OsRng"),
                ("src/access/c.rs:1", "getrandom"),
                ("src/access/c.rs:2", "getrandom"),
                ("src/access/c.rs:3", "uuid"),
            ],
        );
    }
}
