//! Which room of a module may import which: the layers inside `src/settlement`.

use std::collections::BTreeSet;

use crate::Finding;
use crate::documents::{self, Papers};
use crate::imports::MAP;
use crate::names::Names;
use crate::source::Tree;

/// The rooms of a module.
pub struct Rooms {
    /// The module.
    pub module: &'static str,
    /// Files at its root that every room may import, and that import nothing of it but one another.
    pub ground: &'static [&'static str],
    /// Each room, with what it may import of the module besides itself and the ground.
    pub rooms: &'static [(&'static str, &'static [&'static str])],
}

/// The same table stands in `docs/architecture.md`.
pub const ROOMS: &[Rooms] = &[Rooms {
    module: "settlement",
    ground: &[
        "backoff",
        "error",
        "high_water_mark",
        "isolating_network",
        "memory",
        "outside",
        "report",
        "settings",
        "unreadable",
    ],
    rooms: &[
        ("engine", &["inbound", "outbound", "outcome", "recovery", "books"]),
        ("inbound", &["recovery", "books"]),
        ("outbound", &["books"]),
        ("outcome", &["books"]),
        ("recovery", &["books"]),
        ("books", &[]),
    ],
}];

pub fn check(tree: &Tree, table: &[Rooms]) -> Vec<Finding> {
    let names = Names::read(tree);
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for reference in &names.references {
        let place = reference.place(tree);
        let [top, from, ..] = place else { continue };
        let Some(rooms) = table.iter().find(|rooms| rooms.module == top) else { continue };
        let Some(allowed) = rooms.allowed(tree, from) else { continue };
        for module in names.definers(reference) {
            let to = module.get(1).map(String::as_str).unwrap_or_default();
            if module.first() != Some(top)
                || to == from
                || rooms.ground.contains(&to)
                || allowed.contains(&to)
            {
                continue;
            }
            let file = tree.files[reference.file].path.clone();
            if !seen.insert((file.clone(), module.clone())) {
                continue;
            }
            let what = if rooms.rooms.iter().any(|(room, _)| *room == to) {
                format!("forbidden edge {top}::{from} → {top}::{to}")
            } else {
                format!("{top}::{from} imports what stands in no room of {top}")
            };
            let may = if allowed.is_empty() { "no room".to_owned() } else { allowed.join(", ") };
            let (text, leads_to) = (reference.text(), module.join("::"));
            let message = format!(
                "{what}: `{text}` leads to {leads_to}, but {from} may import {may} of it \
                 (docs/architecture.md)"
            );
            findings.push(Finding { file, line: reference.line, message });
        }
    }
    findings.sort();
    findings
}

impl Rooms {
    /// The rooms that code in `place` may import; `None` if it stands above them all.
    fn allowed(&self, tree: &Tree, place: &str) -> Option<&'static [&'static str]> {
        if self.ground.contains(&place) {
            return Some(&[]);
        }
        let (room, allowed) = self.rooms.iter().find(|(room, _)| *room == place)?;
        is_folder(tree, self.module, room).then_some(*allowed)
    }
}

/// The table on the map is [`ROOMS`].
pub fn check_page(papers: &Papers) -> Vec<Finding> {
    let mut findings = Vec::new();
    for Rooms { rooms, .. } in ROOMS {
        let owned = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        let all: Vec<&str> = rooms.iter().map(|(room, _)| *room).collect();
        let enforced = rooms.iter().map(|(room, allowed)| ((*room).to_owned(), owned(allowed))).collect();
        let read = |name: &str, cell: &str| documents::modules_of(cell, &all, name);
        findings.extend(documents::same_table(papers, MAP, ["room", "may import"], &enforced, read));
    }
    findings
}

/// A room is a folder with its head in it; a single file of the name is none.
fn is_folder(tree: &Tree, module: &str, room: &str) -> bool {
    let head = format!("src/{module}/{room}/mod.rs");
    tree.files.iter().any(|file| file.path == head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect;

    const MADE_UP: &[Rooms] = &[Rooms {
        module: "settlement",
        ground: &["error"],
        rooms: &[("engine", &["outbound", "books"]), ("outbound", &["books"]), ("books", &[])],
    }];

    fn check_files(files: &[(&str, &str)]) -> Vec<Finding> {
        check(&Tree::made_of(files), MADE_UP)
    }

    #[test]
    fn arrows_down_pass() {
        let findings = check_files(&[
            ("src/settlement/mod.rs", "mod books;\nmod engine;\nmod outbound;\npub use engine::tick::tick;"),
            (
                "src/settlement/engine/tick.rs",
                "use super::super::{books::post, outbound::refund};\nfn tick() {}",
            ),
            ("src/settlement/outbound/refund.rs", "use crate::settlement::books;\nfn f() { books::post() }"),
            ("src/settlement/outbound/mod.rs", "mod refund;\nmod held;"),
            ("src/settlement/outbound/held.rs", "use super::refund::f; use crate::domain::money::Stroops;"),
            ("src/settlement/books/mod.rs", "mod entry;\npub use entry::post;"),
            ("src/settlement/books/entry.rs", "use crate::settlement::error::Error;\npub fn post() {}"),
            ("src/settlement/error.rs", "pub struct Error;"),
            ("src/reservations/engine/x.rs", "use super::super::other::thing;"),
        ]);
        expect(findings, &[]);
    }

    #[test]
    fn arrows_up_and_across_are_caught_through_re_exports_too() {
        let findings = check_files(&[
            ("src/settlement/mod.rs", "mod books;\nmod engine;\nmod outbound;\npub use engine::Report;"),
            ("src/settlement/engine/mod.rs", "pub struct Report;"),
            ("src/settlement/outbound/mod.rs", "use super::Report;\npub fn send() {}"),
            ("src/settlement/books/mod.rs", "mod entry;\nmod work;"),
            ("src/settlement/books/entry.rs", "use crate::settlement::outbound as o;\nfn f() { o::send() }"),
            ("src/settlement/books/work.rs", "use super::super::inbound::*;\nfn f(p: Page) {}"),
            ("src/settlement/inbound/mod.rs", "pub struct Page;"),
        ]);
        expect(
            findings,
            &[
                ("src/settlement/books/entry.rs:2", "settlement::books → settlement::outbound: `o::send`"),
                ("src/settlement/books/work.rs:2", "imports what stands in no room of settlement"),
                ("src/settlement/outbound/mod.rs:1", "outbound may import books of it"),
            ],
        );
    }

    #[test]
    fn helpers_at_the_top_of_the_module_are_no_way_around() {
        let findings = check_files(&[
            ("src/settlement/mod.rs", "mod books;\nfn helper() {}"),
            ("src/settlement/books/mod.rs", "mod entry;"),
            ("src/settlement/books/entry.rs", "fn f() { super::super::helper() }"),
            ("src/settlement/outbound.rs", "fn f() { super::helper() }"),
        ]);
        expect(findings, &[("src/settlement/books/entry.rs:1", "in no room of settlement")]);
    }
    #[test]
    fn the_ground_imports_no_room() {
        let findings = check_files(&[
            ("src/settlement/books/mod.rs", "pub struct Work;"),
            ("src/settlement/error.rs", "use super::books::Work;\npub struct Error(Work);"),
        ]);
        expect(findings, &[("src/settlement/error.rs:1", "settlement::error → settlement::books")]);
    }
}
