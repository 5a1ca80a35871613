//! What must not be committed: SQL outside storage, unfinished code, ignored tests, files too long to read.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, TokenTree};
use syn::spanned::Spanned;

use crate::Finding;
use crate::names::{Names, Target, attributes_of, is_for_tests, line_of};
use crate::source::{SourceFile, Tree, starts_with_ident};

/// Lines of a source file, without its tests.
const FILE_LINES_MAX: usize = 1_000;

/// Macros that say the code is not finished.
const UNFINISHED: &[&str] = &["todo", "unimplemented", "dbg"];

/// Functions and types of sqlx that carry a statement.
const STATEMENTS: &[&str] = &[
    "query",
    "query_as",
    "query_as_with",
    "query_scalar",
    "query_scalar_with",
    "query_with",
    "query_file",
    "query_file_as",
    "query_builder",
    "raw_sql",
    "QueryBuilder",
    "AssertSqlSafe",
];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = statements_outside_storage(tree);
    for file in &tree.files {
        findings.extend(unfinished(file));
        if file.module.is_some() && file.top() != Some("storage") {
            findings.extend(sql_text(file));
        }
    }
    let names = Names::read(tree);
    for file in &tree.files {
        let Some(module) = &file.module else { continue };
        let lines = if names.is_test_module(module) { 0 } else { code_lines(file) };
        if lines > FILE_LINES_MAX {
            let message = format!(
                "{lines} lines of code, {FILE_LINES_MAX} at most: split it along a seam that has a name"
            );
            findings.push(Finding { file: file.path.clone(), line: 1, message });
        }
    }
    findings.sort();
    findings
}

fn unfinished(file: &SourceFile) -> Vec<Finding> {
    let tokens = file.tokens();
    let mut findings = Vec::new();
    for pair in tokens.windows(2) {
        let message = match pair {
            [TokenTree::Ident(word), TokenTree::Punct(bang)]
                if bang.as_char() == '!' && UNFINISHED.contains(&word.to_string().as_str()) =>
            {
                format!("`{word}!`: finish it, or make it an error that the caller can handle")
            }
            [TokenTree::Punct(hash), TokenTree::Group(group)]
                if hash.as_char() == '#' && group.delimiter() == Delimiter::Bracket && ignores(group) =>
            {
                "`#[ignore]`: a test runs or does not exist; give a slow one a smaller case".to_owned()
            }
            _ => continue,
        };
        findings.push(Finding { file: file.path.clone(), line: line_of(&pair[0]), message });
    }
    findings
}

fn ignores(attribute: &proc_macro2::Group) -> bool {
    let stream = attribute.stream();
    if starts_with_ident(stream.clone(), "ignore") {
        return true;
    }
    starts_with_ident(stream.clone(), "cfg_attr")
        && stream.into_iter().any(|token| match token {
            TokenTree::Group(group) => group.stream().into_iter().any(|token| token.to_string() == "ignore"),
            _ => false,
        })
}

fn statements_outside_storage(tree: &Tree) -> Vec<Finding> {
    let names = Names::read(tree);
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for reference in
        names.references.iter().filter(|reference| tree.files[reference.file].top() != Some("storage"))
    {
        for target in names.chains(reference).iter().flatten() {
            let Target::Foreign(path) = target else { continue };
            let carries =
                path[0] == "sqlx" && path.iter().any(|segment| STATEMENTS.contains(&segment.as_str()));
            let file = &tree.files[reference.file].path;
            if carries && seen.insert((file, reference.line)) {
                let message = format!("`{}`: statements are written in storage alone", reference.text());
                findings.push(Finding { file: file.clone(), line: reference.line, message });
            }
        }
    }
    findings
}

fn sql_text(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for token in file.tokens() {
        let line = line_of(&token);
        if let TokenTree::Literal(literal) = token
            && let syn::Lit::Str(text) = syn::Lit::new(literal)
            && is_sql(&text.value())
        {
            let message = "this text is SQL; statements are written in storage alone".to_owned();
            findings.push(Finding { file: file.path.clone(), line, message });
        }
    }
    findings
}

fn is_sql(text: &str) -> bool {
    let text = text.trim_start();
    let starts = |word: &str| text.starts_with(word);
    starts("SELECT ")
        || starts("INSERT INTO ")
        || starts("DELETE FROM ")
        || starts("CREATE TABLE ")
        || starts("ALTER TABLE ")
        || starts("DROP TABLE ")
        || starts("PRAGMA ")
        || (starts("UPDATE ") && text.contains(" SET "))
        || (starts("WITH ") && text.contains(" AS ("))
}

/// Lines of the file, without the items that are for tests.
fn code_lines(file: &SourceFile) -> usize {
    let lines = file.text.lines().count();
    let tests = file.syntax.items.iter().filter(|item| is_for_tests(attributes_of(item)));
    lines - tests.map(|item| item.span().end().line - item.span().start().line + 1).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect;

    fn check_files(files: &[(&str, &str)]) -> Vec<Finding> {
        check(&Tree::made_of(files))
    }

    #[test]
    fn finished_code_passes() {
        let long_test =
            format!("fn f() {{}}\n#[cfg(test)]\nmod tests {{\n{}}}\n", "fn g() {}\n".repeat(1_200));
        let findings = check_files(&[
            ("src/storage/sql.rs", "const A: &str = \"SELECT 1\"; fn f() { sqlx::query(A); }"),
            ("src/app/wire.rs", "use sqlx::PgPool; fn f() { \"SELECTED\"; \"UPDATE me\"; let todo = 1; }"),
            ("src/domain/long.rs", &long_test),
            ("src/domain/mod.rs", "#[cfg(test)]\nmod stories;"),
            ("src/domain/stories.rs", &"fn g() {}\n".repeat(1_200)),
            ("tests/a.rs", "/// Never todo!() or #[ignore].\n#[test] fn ignore() {}"),
        ]);
        expect(findings, &[]);
    }

    #[test]
    fn sql_outside_storage_is_caught() {
        let findings = check_files(&[
            (
                "src/app/wire.rs",
                "fn f() { sqlx::query(a); }\nuse sqlx as db;\nfn g() { db::query_as!(X, y); }",
            ),
            ("src/app/doctor.rs", "use sqlx::{QueryBuilder};\nconst A: &str = \"\n  SELECT 1\";"),
            (
                "src/http/x.rs",
                "fn f() { run(\"UPDATE pool SET a = 1\"); }\nfn g() { format!(\"DELETE FROM {t}\"); }",
            ),
        ]);
        expect(
            findings,
            &[
                ("src/app/doctor.rs:1", "statements are written in storage alone"),
                ("src/app/doctor.rs:2", "this text is SQL"),
                ("src/app/wire.rs:1", "`sqlx::query`"),
                ("src/app/wire.rs:3", "`db::query_as`"),
                ("src/http/x.rs:1", "this text is SQL"),
                ("src/http/x.rs:2", "this text is SQL"),
            ],
        );
    }

    #[test]
    fn unfinished_code_and_ignored_tests_are_caught_everywhere() {
        let findings = check_files(&[
            (
                "src/http/x.rs",
                "fn f() { todo!() }\nfn g() { std::unimplemented!(\"x\") }\nfn h() { vec![dbg!(1)]; }",
            ),
            (
                "tests/slow.rs",
                "#[test]\n#[ignore]\nfn a() {}\n#[ignore = \"slow\"]\nfn b() {}\n\
                 #[cfg_attr(unix, ignore)]\nfn c() { todo!() }",
            ),
        ]);
        expect(
            findings,
            &[
                ("src/http/x.rs:1", "`todo!`"),
                ("src/http/x.rs:2", "`unimplemented!`"),
                ("src/http/x.rs:3", "`dbg!`"),
                ("tests/slow.rs:2", "`#[ignore]`"),
                ("tests/slow.rs:4", "`#[ignore]`"),
                ("tests/slow.rs:6", "`#[ignore]`"),
                ("tests/slow.rs:7", "`todo!`"),
            ],
        );
    }

    #[test]
    fn long_files_are_caught() {
        let findings = check_files(&[("src/domain/long.rs", &"fn f() {}\n".repeat(1_001))]);
        expect(findings, &[("src/domain/long.rs:1", "1001 lines of code")]);
    }
}
