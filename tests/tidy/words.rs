//! One name, one thing: within a top module, no two types share a name.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};

use crate::Finding;
use crate::exceptions;
use crate::names::{Names, attributes_of, is_for_tests};
use crate::source::{SourceFile, Tree};

/// Finds types (struct, enum, union, trait, alias) whose name stands twice in one folder of `src/` or in one
/// crate of `crates/`, except those `listed`. Types inside a function and in tests are free.
pub fn check(tree: &Tree, listed: &[(&str, &str)]) -> Vec<Finding> {
    let mut places: BTreeMap<(String, String), Vec<(String, usize)>> = BTreeMap::new();
    let names = Names::read(tree);
    for file in &tree.files {
        let Some(top) = top_of(file) else { continue };
        if file.module.as_ref().is_some_and(|module| names.is_test_module(module)) {
            continue;
        }
        let mut types = Types::default();
        types.visit_file(&file.syntax);
        for (name, line) in types.found {
            places.entry((top.clone(), name)).or_default().push((file.path.clone(), line));
        }
    }
    let mut findings = Vec::new();
    let mut used = BTreeSet::new();
    for ((top, name), places) in places.iter().filter(|(_, places)| places.len() > 1) {
        if listed.contains(&(top.as_str(), name.as_str())) {
            used.insert((top.as_str(), name.as_str()));
            continue;
        }
        let others: Vec<String> = places[1..].iter().map(|(file, line)| format!("{file}:{line}")).collect();
        let message = format!(
            "`{name}` is also the type of {}; give each the name of what it is\n      (\"{top}\", \
             \"{name}\"),",
            others.join(" and ")
        );
        findings.push(Finding { file: places[0].0.clone(), line: places[0].1, message });
    }
    for (top, name) in listed.iter().filter(|entry| !used.contains(*entry)) {
        findings.push(exceptions::not_needed("REPEATED_TYPES", &format!("{top}: {name}")));
    }
    findings.sort();
    findings
}

/// `src/http` or `crates/sandbox`; none for `lib.rs`, `main.rs` and what stands outside `src/`.
fn top_of(file: &SourceFile) -> Option<String> {
    let top = file.top()?;
    match file.path.strip_prefix("crates/").and_then(|rest| rest.split_once('/')) {
        Some((member, _)) => Some(format!("crates/{member}")),
        None => Some(format!("src/{top}")),
    }
}

#[derive(Default)]
struct Types {
    found: Vec<(String, usize)>,
}

impl<'ast> Visit<'ast> for Types {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if is_for_tests(attributes_of(item)) {
            return;
        }
        let name = match item {
            syn::Item::Enum(item) => Some(&item.ident),
            syn::Item::Struct(item) => Some(&item.ident),
            syn::Item::Trait(item) => Some(&item.ident),
            syn::Item::Type(item) => Some(&item.ident),
            syn::Item::Union(item) => Some(&item.ident),
            _ => None,
        };
        self.found.extend(name.map(|name| (name.to_string(), name.span().start().line)));
        visit::visit_item(self, item);
    }

    fn visit_block(&mut self, _: &'ast syn::Block) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect;

    fn tree(files: &[(&str, &str)]) -> Tree {
        Tree::made_of(files)
    }

    #[test]
    fn names_of_one_thing_each_pass() {
        let files = tree(&[
            ("src/stellar/a.rs", "struct Client; enum Fate {} fn place() { struct Row; }"),
            (
                "src/stellar/b.rs",
                "type Way = u8; fn f() { struct Row; } #[cfg(test)] mod t { struct Client; }",
            ),
            ("src/storage/c.rs", "trait Client { type Way; }\nimpl Client for X { type Way = u8; }"),
            ("src/main.rs", "struct Client;"),
            ("tests/x.rs", "struct Client;"),
            ("tests/y.rs", "struct Client;"),
        ]);
        expect(check(&files, &[]), &[]);
    }

    #[test]
    fn a_name_with_two_meanings_in_one_module_is_caught() {
        let files = tree(&[
            ("src/settlement/a.rs", "enum Standing {}\npub struct Place;"),
            ("src/settlement/deep/b.rs", "type Standing = u8;\nmod inner { trait Place {} }"),
            ("crates/sandbox/src/horizon/a.rs", "struct Page;"),
            ("crates/sandbox/src/ledger/b.rs", "enum Page {}"),
        ]);
        expect(
            check(&files, &[]),
            &[
                ("crates/sandbox/src/horizon/a.rs:1", "crates/sandbox/src/ledger/b.rs:1"),
                ("src/settlement/a.rs:1", "`Standing` is also the type of src/settlement/deep/b.rs:1"),
                ("src/settlement/a.rs:2", "`Place`"),
            ],
        );
        let listed =
            [("src/settlement", "Standing"), ("src/settlement", "Place"), ("crates/sandbox", "Page")];
        expect(check(&files, &listed), &[]);
    }

    #[test]
    fn an_exception_that_nothing_needs_is_caught() {
        let files = tree(&[("src/api/a.rs", "struct Page;")]);
        expect(
            check(&files, &[("src/api", "Page")]),
            &[("tests/tidy/exceptions.rs:1", "REPEATED_TYPES: \"src/api: Page\" is no longer needed")],
        );
    }
}
