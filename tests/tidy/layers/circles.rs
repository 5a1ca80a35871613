//! No import circle between files: each can be read, moved and tested with nothing but what it points at.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Arrows, arrows};
use crate::Finding;
use crate::exceptions;
use crate::source::Tree;

/// Names shown for each arrow of a circle.
const NAMES_SHOWN: usize = 4;

/// Finds every tangle of files that lead to one another. One is let through if all its files are within a
/// `tolerated` folder, and each of these must still hold one.
pub fn check(tree: &Tree, tolerated: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut used = BTreeSet::new();
    let arrows = arrows(tree);
    for tangle in tangles(&arrows) {
        let within = |folder: &&str| tangle.iter().all(|file| tree.files[*file].path.starts_with(*folder));
        match tolerated.iter().copied().find(within) {
            Some(folder) => drop(used.insert(folder)),
            None => findings.push(tell(tree, &arrows, &tangle)),
        }
    }
    findings.extend(exceptions::unused("CIRCLES", tolerated, &used));
    findings.sort();
    findings
}

/// The sets of files of which each leads to every other.
fn tangles(arrows: &Arrows) -> Vec<BTreeSet<usize>> {
    let reach: BTreeMap<usize, BTreeSet<usize>> =
        arrows.keys().map(|file| (*file, reached_from(arrows, *file))).collect();
    let mut found: Vec<BTreeSet<usize>> = Vec::new();
    for (file, reached) in &reach {
        if !reached.contains(file) || found.iter().any(|tangle| tangle.contains(file)) {
            continue;
        }
        let leads_back = |other: &&usize| reach.get(*other).is_some_and(|back| back.contains(file));
        found.push(reached.iter().filter(leads_back).copied().collect());
    }
    found
}

fn reached_from(arrows: &Arrows, file: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open = vec![file];
    while let Some(next) = open.pop() {
        open.extend(
            arrows.get(&next).into_iter().flatten().map(|(to, _)| *to).filter(|to| reached.insert(*to)),
        );
    }
    reached
}

/// The way from `start` back to itself over the fewest files.
fn shortest(arrows: &Arrows, start: usize) -> Vec<usize> {
    let mut came_from = BTreeMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(file) = open.pop_front() {
        for to in arrows.get(&file).into_iter().flatten().map(|(to, _)| *to) {
            if came_from.contains_key(&to) {
                continue;
            }
            came_from.insert(to, file);
            if to != start {
                open.push_back(to);
                continue;
            }
            let mut way = vec![file];
            while let Some(last) = way.last().copied().filter(|last| *last != start) {
                way.push(came_from[&last]);
            }
            way.reverse();
            return way;
        }
    }
    Vec::new()
}

fn tell(tree: &Tree, arrows: &Arrows, tangle: &BTreeSet<usize>) -> Finding {
    let circles = tangle.iter().map(|file| shortest(arrows, *file));
    let circle = circles.min_by_key(Vec::len).unwrap_or_default();
    let mut message = format!(
        "an import circle of {} file(s), in a tangle of {}; move what ties it to the file it belongs to:",
        circle.len(),
        tangle.len()
    );
    for (index, from) in circle.iter().enumerate() {
        let to = circle[(index + 1) % circle.len()];
        let arrow = &arrows[from][&to];
        let names: Vec<&str> = arrow.names.iter().map(String::as_str).take(NAMES_SHOWN).collect();
        let more = if arrow.names.len() > NAMES_SHOWN { ", …" } else { "" };
        let (from, to) = (&tree.files[*from].path, &tree.files[to].path);
        message += &format!("\n      {from}:{} takes {}{more} of {to}", arrow.line, names.join(", "));
    }
    let (first, next) = (circle[0], circle[1 % circle.len()]);
    Finding { file: tree.files[first].path.clone(), line: arrows[&first][&next].line, message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect;

    fn check_files(files: &[(&str, &str)]) -> Vec<Finding> {
        check(&Tree::made_of(files), &[])
    }

    #[test]
    fn arrows_that_never_come_back_pass() {
        let findings = check_files(&[
            ("src/lib.rs", "pub mod domain;"),
            ("src/domain/mod.rs", "//! Heads only declare.\nmod pool;\npub mod split;\npub use pool::Pool;"),
            ("src/domain/pool.rs", "pub struct Pool;\nimpl Pool { fn f() -> super::split::Legs { todo() } }"),
            ("src/domain/split.rs", "use super::units::Unit;\npub struct Legs(Unit);"),
            (
                "src/domain/units.rs",
                "pub struct Unit;\n#[cfg(test)]\nmod tests {\nuse super::*; use crate::domain::Pool;\n\
                 fn t(p: Pool, u: Unit) {} }",
            ),
        ]);
        expect(findings, &[]);
    }

    #[test]
    fn a_child_may_extend_what_its_parent_defines() {
        let findings = check_files(&[
            (
                "src/stellar/client.rs",
                "mod pages;\npub struct Client;\nimpl Client { fn f(&self) { self.g() } }",
            ),
            ("src/stellar/client/pages.rs", "use super::Client;\nimpl Client { fn g(&self) {} }"),
        ]);
        expect(findings, &[]);
    }

    #[test]
    fn two_files_that_take_of_each_other_are_found() {
        let findings = check_files(&[
            ("src/capacity/locks.rs", "use super::pools::Pool;\npub fn lock(pool: Pool) {}"),
            ("src/capacity/pools.rs", "pub struct Pool;\nfn f() { crate::capacity::locks::lock(Pool) }"),
        ]);
        expect(findings, &[("src/capacity/locks.rs:1", "takes Pool of src/capacity/pools.rs")]);
    }

    #[test]
    fn a_parent_that_uses_its_child_and_is_used_by_it_is_found() {
        let findings = check_files(&[
            ("src/stellar/mod.rs", "mod keys;\npub use keys::Key;\npub struct Seed;"),
            ("src/stellar/keys.rs", "use super::Seed;\npub struct Key(Seed);"),
        ]);
        expect(findings, &[("src/stellar/mod.rs:2", "an import circle of 2 file(s)")]);
    }

    #[test]
    fn re_exports_globs_and_aliases_lead_to_the_file_that_defines() {
        let findings = check_files(&[
            ("src/storage/mod.rs", "pub mod a;\npub mod b;\npub mod c;\npub use c::*;"),
            ("src/storage/a.rs", "use super::b as other;\npub struct A(other::B);"),
            ("src/storage/b.rs", "use super::*;\npub struct B(C);"),
            ("src/storage/c.rs", "use crate::storage::a::A as Hidden;\npub struct C;\npub type D = Hidden;"),
        ]);
        expect(findings, &[("src/storage/a.rs:2", "an import circle of 3 file(s), in a tangle of 3")]);
    }

    #[test]
    fn the_shortest_circle_of_a_tangle_is_told_with_its_names() {
        let findings = check_files(&[
            ("src/api/a.rs", "use super::b::B;\npub struct A;"),
            ("src/api/b.rs", "use super::c::C;\npub struct B;"),
            ("src/api/c.rs", "use super::{a::A, d::D};\npub struct C;"),
            ("src/api/d.rs", "fn f() { vec![super::c::C] }\npub struct D;"),
        ]);
        expect(findings.clone(), &[("src/api/c.rs:1", "circle of 2 file(s), in a tangle of 4")]);
        assert!(findings[0].message.contains("src/api/d.rs:1 takes C of src/api/c.rs"), "{findings:?}");
    }

    #[test]
    fn crates_beside_the_root_package_are_read_like_it() {
        let findings = check_files(&[
            ("crates/sandbox/src/lib.rs", "pub mod node;\npub mod state;"),
            (
                "crates/sandbox/src/node.rs",
                "use crate::state::State;\npub struct Node(State, stellar_types::Id);",
            ),
            ("crates/stellar-types/src/lib.rs", "pub mod ids;\npub use ids::Id;"),
            ("crates/stellar-types/src/ids.rs", "pub struct Id;"),
            ("crates/sandbox/src/state.rs", "pub struct State(Option<crate::node::Node>);"),
        ]);
        expect(findings, &[("crates/sandbox/src/node.rs:1", "takes State of crates/sandbox/src/state.rs")]);
    }

    #[test]
    fn a_tolerated_folder_must_still_hold_a_circle() {
        let tree = || {
            Tree::made_of(&[
                ("src/app/a.rs", "use super::b::B;\npub struct A;"),
                ("src/app/b.rs", "use super::a::A;\npub struct B;"),
            ])
        };
        expect(check(&tree(), &["src/app/"]), &[]);
        expect(
            check(&tree(), &["src/app/", "src/http/"]),
            &[("tests/tidy/exceptions.rs:1", "CIRCLES: \"src/http/\" is no longer needed")],
        );
        expect(check(&tree(), &["src/app/a"]).split_off(1), &[("tests/tidy/exceptions.rs:1", "src/app/a")]);
    }
}
