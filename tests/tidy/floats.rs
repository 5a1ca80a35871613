//! No floating point where money and capacity are computed.

use proc_macro2::{Literal, Spacing, TokenTree};

use crate::Finding;
use crate::names::line_of;
use crate::source::Tree;

/// Where a float could become money: its own types, the domain, its ports and every use case.
const EXACT: &[&str] = &[
    "stellar_types",
    "domain",
    "ports",
    "capacity",
    "reservations",
    "settlement",
    "access",
    "delivery",
    "operator",
];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.top().is_some_and(|top| EXACT.contains(&top))) {
        let tokens = file.tokens();
        for (index, token) in tokens.iter().enumerate() {
            let float = match token {
                TokenTree::Ident(word) => names_a_float(&word.to_string()),
                TokenTree::Literal(literal) => is_float(literal) && !is_tuple_index(&tokens[..index]),
                TokenTree::Group(_) | TokenTree::Punct(_) => false,
            };
            if float {
                let message = format!(
                    "`{token}` is a float; amounts are integers, prices are fractions (num_rational), shares \
                     are integer percentages"
                );
                findings.push(Finding { file: file.path.clone(), line: line_of(token), message });
            }
        }
    }
    findings
}

/// `f64` itself, and methods that make one: `as_secs_f64`.
fn names_a_float(word: &str) -> bool {
    ["f16", "f32", "f64", "f128"].iter().any(|float| {
        word.strip_suffix(float).is_some_and(|before| before.is_empty() || before.ends_with('_'))
    })
}

fn is_float(literal: &Literal) -> bool {
    match syn::Lit::new(literal.clone()) {
        syn::Lit::Float(_) => true,
        syn::Lit::Int(number) => names_a_float(number.suffix()),
        _ => false,
    }
}

/// `pair.0.1` holds the token `0.1` after a point of its own; the range `0..0.1` does not.
fn is_tuple_index(before: &[TokenTree]) -> bool {
    let point = |token: &TokenTree, joint: bool| {
        matches!(token, TokenTree::Punct(punct)
            if punct.as_char() == '.' && (!joint || punct.spacing() == Spacing::Joint))
    };
    match before {
        [.., first, last] => point(last, false) && !point(first, true),
        [last] => point(last, false),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect;

    #[test]
    fn exact_code_passes() {
        let findings = check(&Tree::made_of(&[
            (
                "src/domain/a.rs",
                "/// Half of it: 0.5, as f64 would say.\n\
                 fn f() { let t = ((1, 2), 3); t.0.1; assert_eq!(t.0.1, 2usize);\n\
                 for i in 0..1_0 {} \"1.5\"; 0xf64; 1u64; }",
            ),
            ("src/http/limit.rs", "const LOAD: f64 = 0.5;"),
        ]));
        expect(findings, &[]);
    }

    #[test]
    fn every_way_to_write_a_float_is_caught() {
        let findings = check(&Tree::made_of(&[
            (
                "src/domain/a.rs",
                "struct A(f64);\nfn f() { let x = 1.5; }\nfn g() { 1e3; }\nfn h() { 2f32; }\n\
                 fn i(d: Duration) { d.as_secs_f64(); }\n\
                 fn j() { assert!(x > 0.1); }\nfn k() { vec![0. ]; }\n\
                  macro_rules! m { () => { $x as f32 } }\n\
                 fn l() { std::f64::consts::PI }\nfn n() { matches!(x, 0..0.5) }",
            ),
            ("src/settlement/a.rs", "#[cfg(test)] mod tests { fn f() { 0.25; } }"),
            ("src/ports/a.rs", "trait A { fn f(&self) -> f32; }"),
            ("crates/stellar-types/src/money.rs", "struct Stroops(f64);"),
        ]));
        let lines: Vec<String> = (1..=10).map(|line| format!("src/domain/a.rs:{line}")).collect();
        let mut expected: Vec<(&str, &str)> =
            lines.iter().map(|line| (line.as_str(), "is a float")).collect();
        expected.extend([
            ("src/settlement/a.rs:1", "`0.25` is a float"),
            ("src/ports/a.rs:1", "`f32` is a float"),
            ("crates/stellar-types/src/money.rs:1", "`f64` is a float"),
        ]);
        expect(findings, &expected);
    }
}
