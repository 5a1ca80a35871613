//! Reads Farmgate's own source and fails on what the architecture forbids.
//!
//! `docs/architecture.md` says why each rule is there. Every rule is tried on small made-up sources first,
//! legal and illegal, and then on the real tree. What is read is the source text, not the compiler's view:
//! names are followed through `use`, aliases, globs, re-exports, type aliases and the tokens inside
//! macros. What a macro *builds* by pasting names together is not seen.

mod crates;
mod documents;
mod exceptions;
mod facts;
mod floats;
mod globals;
mod imports;
mod layers;
mod leftovers;
mod manifests;
mod names;
mod shape;
mod source;
mod sql;
mod words;

use source::Tree;

/// One place that breaks a rule, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    file: String,
    line: usize,
    message: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

#[track_caller]
fn accept(findings: Vec<Finding>) {
    let text: String = findings.iter().map(|finding| format!("\n  {finding}")).collect();
    assert!(findings.is_empty(), "{} finding(s):{text}\n", findings.len());
}

/// Asserts that `findings` are exactly one for each `place: part of the message`, in order.
#[track_caller]
fn expect(findings: Vec<Finding>, expected: &[(&str, &str)]) {
    let texts: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert_eq!(texts.len(), expected.len(), "{texts:#?}");
    for (text, (place, part)) in texts.iter().zip(expected) {
        assert!(text.starts_with(&format!("{place}: ")), "expected {place}: {text}");
        assert!(text.contains(part), "expected {part:?} in: {text}");
    }
}

#[test]
fn the_tree_is_read_whole() {
    let tree = Tree::of_the_workspace();
    for path in [
        "src/lib.rs",
        "src/main.rs",
        "src/domain/journal.rs",
        "crates/stellar-types/src/money.rs",
        "crates/sandbox/src/ledger/mod.rs",
        "tests/tidy/main.rs",
    ] {
        assert!(tree.files.iter().any(|file| file.path == path), "{path} was not read");
    }
}

#[test]
fn modules_import_only_what_the_table_allows() {
    accept(imports::check(&Tree::of_the_workspace()));
}

#[test]
fn outside_crates_stay_in_their_modules() {
    accept(crates::check(&Tree::of_the_workspace()));
}

#[test]
fn packages_depend_only_on_what_the_table_allows() {
    accept(manifests::check(&manifests::of_the_workspace()));
}

#[test]
fn no_floats_near_money() {
    accept(floats::check(&Tree::of_the_workspace()));
}

#[test]
fn time_and_randomness_come_in_as_arguments() {
    accept(globals::check(&Tree::of_the_workspace()));
}

#[test]
fn nothing_is_left_lying_around() {
    accept(leftovers::check(&Tree::of_the_workspace()));
}

#[test]
fn statements_do_no_arithmetic_on_text() {
    accept(sql::check(&Tree::of_the_workspace()));
}

#[test]
fn no_files_import_one_another_in_a_circle() {
    accept(layers::circles::check(&Tree::of_the_workspace(), exceptions::CIRCLES));
}

#[test]
fn rooms_of_a_module_import_only_what_the_table_allows() {
    accept(layers::rooms::check(&Tree::of_the_workspace(), layers::rooms::ROOMS));
}

#[test]
fn writes_that_have_one_door_go_through_it() {
    accept(layers::doors::check(&Tree::of_the_workspace()));
}

#[test]
fn every_line_fits() {
    accept(shape::check_lines(&Tree::of_the_workspace(), exceptions::WIDE_LINES));
}

#[test]
fn functions_are_short_and_take_little() {
    accept(shape::check_functions(&Tree::of_the_workspace(), exceptions::FUNCTIONS));
}

#[test]
fn one_type_has_one_name_in_its_module() {
    accept(words::check(&Tree::of_the_workspace(), exceptions::REPEATED_TYPES));
}

#[test]
fn what_the_documents_cite_exists() {
    accept(documents::check(&documents::Papers::of_this_repository()));
}

#[test]
fn the_map_has_the_tables_that_are_enforced() {
    let papers = documents::Papers::of_this_repository();
    let mut findings = imports::check_page(&papers);
    findings.extend(crates::check_page(&papers));
    findings.extend(layers::rooms::check_page(&papers));
    accept(findings);
}
