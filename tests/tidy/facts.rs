//! What is kept as JSON does not change unnoticed: the definitions of all types in it stand in `facts.txt`,
//! under the version of facts that they belong to. Whoever changes one of them raises `FACTS_VERSION`, so
//! that an earlier program says at its start that it does not know them, and writes the file anew from what
//! the test prints.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Item};

use super::source::Tree;

/// The types that columns are read as.
const ROOTS: [&str; 15] = [
    "Act",
    "Asset",
    "ClaimableState",
    "Distribution",
    "Divergence",
    "EventKind",
    "Ledger",
    "Memo",
    "Order",
    "Purpose",
    "Quote",
    "State",
    "Stopped",
    "SubmissionState",
    "TransferKind",
];

/// Every struct and enum that may be in facts, by name, without its documentation.
fn definitions(tree: &Tree) -> BTreeMap<String, TokenStream> {
    let mut found = BTreeMap::new();
    let of_facts = |path: &str| {
        path.starts_with("src/domain/")
            || path.starts_with("crates/stellar-types/src/")
            || path == "src/ports/store/journal.rs"
    };
    for file in tree.files.iter().filter(|file| of_facts(&file.path)) {
        for item in &file.syntax.items {
            let (name, tokens) = match item.clone() {
                Item::Struct(mut item) => {
                    item.attrs.retain(is_no_doc);
                    for field in &mut item.fields {
                        field.attrs.retain(is_no_doc);
                    }
                    (item.ident.to_string(), item.to_token_stream())
                }
                Item::Enum(mut item) => {
                    item.attrs.retain(is_no_doc);
                    for variant in &mut item.variants {
                        variant.attrs.retain(is_no_doc);
                        for field in &mut variant.fields {
                            field.attrs.retain(is_no_doc);
                        }
                    }
                    (item.ident.to_string(), item.to_token_stream())
                }
                _ => continue,
            };
            found.insert(name, tokens);
        }
    }
    found
}

fn is_no_doc(attribute: &Attribute) -> bool {
    !attribute.path().is_ident("doc")
}

fn names(tokens: TokenStream, into: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(name) => into.push(name.to_string()),
            TokenTree::Group(group) => names(group.stream(), into),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// The types that facts are made of, a line each, under their version.
fn facts(tree: &Tree, version: i64) -> String {
    let definitions = definitions(tree);
    let mut reached: BTreeMap<String, String> = BTreeMap::new();
    let mut next: Vec<String> = ROOTS.map(str::to_owned).to_vec();
    while let Some(name) = next.pop() {
        let Some(tokens) = definitions.get(&name).filter(|_| !reached.contains_key(&name)) else { continue };
        names(tokens.clone(), &mut next);
        let line = tokens.to_string().replace(", }", "}").replace(",}", "}");
        reached.insert(name, line.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    assert!(ROOTS.iter().all(|root| reached.contains_key(*root)), "a type is gone: {:?}", reached.keys());
    let lines: Vec<String> = reached.into_values().collect();
    format!("version {version}\n{}\n", lines.join("\n"))
}

#[test]
fn facts_change_with_their_version_only() {
    let found = facts(&Tree::of_the_workspace(), farmgate::storage::FACTS_VERSION);
    let stored = include_str!("facts.txt");
    assert_eq!(stored, found, "facts changed: raise FACTS_VERSION and write facts.txt as above");
}

#[test]
fn a_field_a_name_and_a_type_further_down_are_noticed_and_words_are_not() {
    let roots = ROOTS.map(|root| format!("/// It.\npub struct {root}(Inner);\n")).concat();
    let of = |inner: &str| {
        let text = format!("{roots}{inner}\nstruct NotInIt;");
        facts(&Tree::made_of(&[("src/domain/made_up.rs", &text)]), 1)
    };
    let plain = of("pub struct Inner { a: u8, }");
    assert_eq!(plain, of("/// Said otherwise.\npub struct Inner {\n    /// A.\n    a: u8,\n}"));
    assert!(!plain.contains("NotInIt"));
    for other in [
        "pub struct Inner { b: u8 }",
        "pub struct Inner { a: u16 }",
        "pub struct Inner { #[serde(rename = \"b\")] a: u8 }",
        "pub struct Inner { a: Deeper } pub struct Deeper;",
    ] {
        assert_ne!(plain, of(other), "{other}");
    }
}
