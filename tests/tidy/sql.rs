//! Statements compare typed columns. They cut no text apart, put none together, look for nothing within
//! one, and make no number of one: what is asked for has a column of its own, and an index fits it.
//!
//! What a caller passes as JSON may be taken apart: it is a list of typed values on its way in. Migrations
//! are not read: they are how a text becomes columns.

use proc_macro2::TokenTree;

use crate::Finding;
use crate::names::line_of;
use crate::source::{SourceFile, Tree};

/// Functions and operators over texts, and over facts in columns.
const ON_TEXT: &[&str] = &[
    "split_part(",
    "substr(",
    "substring(",
    "instr(",
    "strpos(",
    "position(",
    "replace(",
    "trim(",
    "length(",
    "lower(",
    "upper(",
    "left(",
    "right(",
    "concat(",
    "format(",
    "printf(",
    "strftime(",
    "to_char(",
    "to_number(",
    "regexp",
    " like ",
    " ilike ",
    " glob ",
    " similar to ",
    " ~ ",
    "||",
    "->",
];

/// What a number may be made of: an argument, what an argument lists, and a sum or a choice of numbers.
const CASTABLE: &[&str] = &["$", "value ", "jsonb_array_elements_text(", "sum(", "case "];

/// Sets of assets, which are compared as sets.
const SETS: &[&str] = &["asset_facts as jsonb) @>"];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let statements = |file: &&SourceFile| file.module.is_some() && file.top() == Some("storage");
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(statements) {
        for token in file.tokens() {
            let line = line_of(&token);
            let TokenTree::Literal(literal) = token else { continue };
            let syn::Lit::Str(text) = syn::Lit::new(literal) else { continue };
            if let Some(what) = arithmetic_on_text(&text.value()) {
                let message = format!("`{what}`: give what is asked for a column of its own");
                findings.push(Finding { file: file.path.clone(), line, message });
            }
        }
    }
    findings.sort();
    findings
}

/// True if a literal is a statement or a part of one.
fn is_statement(text: &str) -> bool {
    ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "WHERE ", " FROM ", "CASE "]
        .iter()
        .any(|word| text.contains(word))
}

fn arithmetic_on_text(statement: &str) -> Option<String> {
    if !is_statement(statement) {
        return None;
    }
    let text: String = statement.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    if let Some(found) = ON_TEXT.iter().find(|each| text.contains(**each)) {
        return Some((*found).trim().to_owned());
    }
    for argument in text.split("json_extract(").skip(1) {
        if !argument.starts_with("value,") {
            return Some(format!("json_extract({}", until(argument, ')')));
        }
    }
    for argument in text.split("cast(").skip(1) {
        if !CASTABLE.iter().chain(SETS).any(|castable| argument.starts_with(castable)) {
            return Some(format!("CAST({}", until(argument, ')')));
        }
    }
    None
}

fn until(text: &str, end: char) -> &str {
    text.split_once(end).map_or(text, |(before, _)| before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect;

    fn check_storage(sql: &str) -> Vec<Finding> {
        check(&Tree::made_of(&[("src/storage/a.rs", &format!("const A: &str = {sql:?};"))]))
    }

    #[test]
    fn typed_columns_and_arguments_pass() {
        for sql in [
            "SELECT id FROM payments WHERE operation = $1 AND memo IS NULL",
            "SELECT CAST(SUM(amount) AS BIGINT) AS total FROM postings",
            "SELECT id FROM t WHERE id IN (SELECT CAST(value AS INTEGER) FROM json_each($1))",
            "WHERE id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS BIGINT)))",
            "INSERT INTO t (a) SELECT json_extract(value, '$.a') FROM json_each($1)",
        ] {
            expect(check_storage(sql), &[]);
        }
        let elsewhere = [("src/http/a.rs", "const A: &str = \"SELECT substr(a, 1) FROM t\";")];
        expect(check(&Tree::made_of(&elsewhere)), &[]);
    }

    #[test]
    fn arithmetic_on_text_is_caught() {
        for (sql, what) in [
            ("SELECT id FROM t WHERE account LIKE 'deposits:%'", "`like`"),
            ("SELECT id FROM t JOIN p ON p.id = CAST(split_part(t.name, '-', 1) AS BIGINT)", "`split_part(`"),
            ("SELECT id FROM t WHERE\n    substr(name, 1, instr(name, '-')) = $1", "`substr(`"),
            ("SELECT id FROM t WHERE json_extract(facts, '$.farm') = $1", "json_extract(facts"),
            ("SELECT id FROM t ORDER BY CAST(facts AS JSONB) -> 'at'", "`->`"),
            ("SELECT CAST(name AS BIGINT) FROM t", "CAST(name as bigint"),
            ("UPDATE t SET name = a || b", "`||`"),
        ] {
            expect(check_storage(sql), &[("src/storage/a.rs:1", what)]);
        }
    }
}
