//! Arrows between the files of a crate: a file points at those that define what it names.
//!
//! An import through a re-export points at the file that defines the item, so that a `mod.rs` which only
//! declares and re-exports is nobody's aim. What a method call reaches is not seen: it needs no name.

pub mod circles;
pub mod doors;
pub mod rooms;

use std::collections::{BTreeMap, BTreeSet};

use crate::names::Names;
use crate::source::Tree;

/// What one file takes of another: the line of the first mention, and the names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrow {
    pub line: usize,
    pub names: BTreeSet<String>,
}

/// From file to file, by their places in [`Tree::files`]; without what is compiled for tests only.
pub type Arrows = BTreeMap<usize, BTreeMap<usize, Arrow>>;

pub fn arrows(tree: &Tree) -> Arrows {
    let names = Names::read(tree);
    let files: BTreeMap<&[String], usize> = tree
        .files
        .iter()
        .enumerate()
        .filter_map(|(index, file)| Some((file.module.as_deref()?, index)))
        .collect();
    let file_of =
        |module: &[String]| (0..=module.len()).rev().find_map(|length| files.get(&module[..length]).copied());
    let mut arrows = Arrows::new();
    for reference in names.references.iter().filter(|reference| !reference.test) {
        for module in names.definers(reference) {
            let Some(to) = file_of(&module).filter(|to| *to != reference.file) else { continue };
            let arrow = arrows.entry(reference.file).or_default().entry(to).or_default();
            if arrow.names.is_empty() {
                arrow.line = reference.line;
            }
            let text = reference.text();
            arrow.names.insert(text.rsplit("::").next().unwrap_or_default().to_owned());
        }
    }
    arrows
}
