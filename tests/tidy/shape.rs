//! What can be read at one look: lines that fit, functions that end on the same screen, few parameters.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};

use crate::Finding;
use crate::exceptions::{self, Functions};
use crate::names::{Names, attributes_of, is_for_tests};
use crate::source::Tree;

/// Characters of a line, as in `rustfmt.toml`, and in comments and strings too, which rustfmt leaves alone.
const LINE_COLUMNS_MAX: usize = 110;

/// Lines of a function, from `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;

/// A test may tell a longer story.
const TEST_LINES_MAX: usize = 120;

/// Parameters besides `self`; tests are free.
const PARAMETERS_MAX: usize = 5;

/// Finds lines that are too wide, except in files within a `tolerated` folder, which must still have one.
pub fn check_lines(tree: &Tree, tolerated: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut used = BTreeSet::new();
    for file in &tree.files {
        for (index, line) in file.text.lines().enumerate() {
            let columns = line.chars().count();
            if columns <= LINE_COLUMNS_MAX {
                continue;
            }
            if let Some(folder) = tolerated.iter().copied().find(|folder| file.path.starts_with(folder)) {
                used.insert(folder);
                continue;
            }
            let message =
                format!("{columns} columns, {LINE_COLUMNS_MAX} at most: wrap the comment or string");
            findings.push(Finding { file: file.path.clone(), line: index + 1, message });
        }
    }
    findings.extend(exceptions::unused("WIDE_LINES", tolerated, &used));
    findings
}

/// Finds functions with too many lines or parameters, except those `listed` with what they have. A listed one
/// may shrink and not grow, and leaves the list when it fits.
pub fn check_functions(tree: &Tree, listed: Functions) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut measured = BTreeMap::new();
    for function in functions(tree) {
        let worst = measured.entry((function.file.clone(), function.name.clone())).or_insert((0, 0));
        if function.is_too_much() {
            *worst = (function.lines.max(worst.0), function.parameters.max(worst.1));
            findings.push(function);
        }
    }
    let allowed = |function: &Function| {
        listed.iter().any(|(file, name, lines, parameters)| {
            (*file, *name) == (function.file.as_str(), function.name.as_str())
                && function.lines <= *lines
                && function.parameters <= *parameters
        })
    };
    let mut findings: Vec<Finding> =
        findings.iter().filter(|function| !allowed(function)).map(Function::finding).collect();
    for (file, name, _, _) in listed {
        let worst = measured.get(&((*file).to_owned(), (*name).to_owned()));
        if worst.is_none_or(|worst| *worst == (0, 0)) {
            findings.push(exceptions::not_needed("FUNCTIONS", &format!("{file}: {name}")));
        }
    }
    findings.sort();
    findings
}

struct Function {
    file: String,
    line: usize,
    /// With its type, `Engine::tick`.
    name: String,
    lines: usize,
    parameters: usize,
    test: bool,
}

impl Function {
    fn lines_max(&self) -> usize {
        if self.test { TEST_LINES_MAX } else { FUNCTION_LINES_MAX }
    }

    fn is_too_much(&self) -> bool {
        self.lines > self.lines_max() || (self.parameters > PARAMETERS_MAX && !self.test)
    }

    fn finding(&self) -> Finding {
        let message = format!(
            "{}: {} lines ({} at most), {} parameters ({PARAMETERS_MAX} at most); split it along a seam that \
             has a name\n      (\"{}\", \"{}\", {}, {}),",
            self.name,
            self.lines,
            self.lines_max(),
            self.parameters,
            self.file,
            self.name,
            self.lines,
            self.parameters
        );
        Finding { file: self.file.clone(), line: self.line, message }
    }
}

fn functions(tree: &Tree) -> Vec<Function> {
    let names = Names::read(tree);
    let mut found = Vec::new();
    for file in &tree.files {
        let test = file.module.as_ref().is_none_or(|module| names.is_test_module(module));
        let mut walk = Walk { file: &file.path, test, owner: None, found: &mut found };
        walk.visit_file(&file.syntax);
    }
    found
}

struct Walk<'a> {
    file: &'a str,
    test: bool,
    owner: Option<String>,
    found: &'a mut Vec<Function>,
}

impl Walk<'_> {
    fn measure(
        &mut self,
        attributes: &[syn::Attribute],
        signature: &syn::Signature,
        block: Option<&syn::Block>,
    ) {
        let line = signature.fn_token.span.start().line;
        let end = block.map_or(line, |block| block.brace_token.span.close().end().line);
        let typed = |input: &&syn::FnArg| matches!(input, syn::FnArg::Typed(_));
        let owner = self.owner.iter().map(|owner| format!("{owner}::")).collect::<String>();
        self.found.push(Function {
            file: self.file.to_owned(),
            line,
            name: format!("{owner}{}", signature.ident),
            lines: end - line + 1,
            parameters: signature.inputs.iter().filter(typed).count(),
            test: self.test || is_for_tests(attributes),
        });
    }

    fn owned_by(&mut self, owner: Option<String>, work: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.owner, owner);
        work(self);
        self.owner = outer;
    }
}

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let outer = self.test;
        self.test |= is_for_tests(attributes_of(item));
        visit::visit_item(self, item);
        self.test = outer;
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let owner = match &*item.self_ty {
            syn::Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
            _ => None,
        };
        self.owned_by(owner, |walk| visit::visit_item_impl(walk, item));
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.owned_by(Some(item.ident.to_string()), |walk| visit::visit_item_trait(walk, item));
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.owned_by(None, |walk| {
            walk.measure(&function.attrs, &function.sig, Some(&function.block));
            visit::visit_item_fn(walk, function);
        });
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.measure(&function.attrs, &function.sig, Some(&function.block));
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        self.measure(&function.attrs, &function.sig, function.default.as_ref());
        visit::visit_trait_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect;

    fn tree(files: &[(&str, &str)]) -> Tree {
        Tree::made_of(files)
    }

    fn long(name: &str, lines: usize) -> String {
        format!("fn {name}() {{\n{}}}\n", "f();\n".repeat(lines - 2))
    }

    #[test]
    fn lines_are_counted_in_characters() {
        let (fits, wide) = ("é".repeat(107), "é".repeat(108));
        let files = tree(&[
            ("src/api/a.rs", &format!("// {fits}\n")),
            ("tests/b.rs", &format!("fn f() {{}}\n// {wide}\n")),
        ]);
        expect(check_lines(&files, &[]), &[("tests/b.rs:2", "111 columns, 110 at most")]);
        expect(check_lines(&files, &["tests/"]), &[]);
        expect(
            check_lines(&files, &["tests/", "src/api/"]),
            &[("tests/tidy/exceptions.rs:1", "WIDE_LINES: \"src/api/\" is no longer needed")],
        );
    }

    #[test]
    fn functions_that_fit_pass() {
        let story = format!("#[test]\n{}", long("story", 120));
        let method = format!("impl A {{ {} }}", long("g", 70));
        let files = tree(&[
            ("src/api/a.rs", &long("f", 70)),
            ("src/api/b.rs", &method),
            ("src/api/c.rs", "trait T { fn f(&self, a: A, b: B, c: C, d: D, e: E); }"),
            ("src/api/d.rs", &format!("#[cfg(test)]\nmod tests {{ {story} }}")),
            ("tests/e.rs", "fn f(a: A, b: B, c: C, d: D, e: E, f: F) {}"),
        ]);
        expect(check_functions(&files, &[]), &[]);
    }

    #[test]
    fn long_functions_and_those_with_many_parameters_are_caught() {
        let method = format!("impl<T> A<T> {{ {} }}", long("g", 71));
        let nested = format!("fn outer() {{\n{}}}", long("inner", 71));
        let files = tree(&[
            ("src/api/a.rs", &long("f", 71)),
            ("src/api/b.rs", &method),
            ("src/api/c.rs", "trait T { fn f(&self, a: A, b: B, c: C, d: D, e: E, f: F); }"),
            ("src/api/d.rs", &nested),
            ("tests/e.rs", &long("story", 121)),
        ]);
        expect(
            check_functions(&files, &[]),
            &[
                ("src/api/a.rs:1", "f: 71 lines (70 at most)"),
                ("src/api/b.rs:1", "A::g: 71 lines"),
                ("src/api/c.rs:1", "T::f: 1 lines (70 at most), 6 parameters (5 at most)"),
                ("src/api/d.rs:1", "outer: 73 lines"),
                ("src/api/d.rs:2", "inner: 71 lines"),
                ("tests/e.rs:1", "story: 121 lines (120 at most)"),
            ],
        );
    }

    #[test]
    fn the_list_of_exceptions_only_shrinks() {
        let files = tree(&[("src/api/a.rs", &long("f", 80)), ("src/api/b.rs", &long("g", 30))]);
        expect(check_functions(&files, &[("src/api/a.rs", "f", 80, 0)]), &[]);
        expect(check_functions(&files, &[("src/api/a.rs", "f", 90, 0)]), &[]);
        expect(check_functions(&files, &[("src/api/a.rs", "f", 79, 0)]), &[("src/api/a.rs:1", "80 lines")]);
        expect(
            check_functions(
                &files,
                &[("src/api/a.rs", "f", 80, 0), ("src/api/b.rs", "g", 90, 0), ("src/api/c.rs", "h", 90, 0)],
            ),
            &[
                ("tests/tidy/exceptions.rs:1", "\"src/api/b.rs: g\" is no longer needed"),
                ("tests/tidy/exceptions.rs:1", "\"src/api/c.rs: h\" is no longer needed"),
            ],
        );
    }
}
