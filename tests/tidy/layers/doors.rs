//! Writes of the engine that have one door: who else makes them forgets what belongs to them, such as the
//! event of a reservation's new state, or the question whether what was sent before is still stored.

use syn::ExprMethodCall;
use syn::visit::{self, Visit};

use crate::Finding;
use crate::source::{SourceFile, Tree};

/// The module whose writes these are.
const MODULE: &str = "settlement";

/// A method, where in the module it may be called, and what to call instead.
const DOORS: &[(&str, &[&str], &str)] = &[
    ("update_reservation", &["books", "work"], "UnitOfWork::save_reservation"),
    ("insert_submission", &["books", "work"], "UnitOfWork::store_submission"),
    ("movement", &["books", "entries"], "an entry of books/entries/"),
];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.top() == Some(MODULE)) {
        let mut calls = Calls { file, findings: &mut findings };
        calls.visit_file(&file.syntax);
    }
    findings
}

struct Calls<'f> {
    file: &'f SourceFile,
    findings: &'f mut Vec<Finding>,
}

impl<'ast> Visit<'ast> for Calls<'_> {
    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        let within = self.file.module.as_deref().unwrap_or_default().get(1..).unwrap_or_default();
        let door = DOORS.iter().find(|(method, ..)| call.method == method);
        if let Some((method, place, instead)) = door
            && (within.len() < place.len() || within.iter().zip(*place).any(|(one, other)| one != other))
        {
            let message = format!("`{method}` has one door: call {instead}");
            let line = call.method.span().start().line;
            self.findings.push(Finding { file: self.file.path.clone(), line, message });
        }
        visit::visit_expr_method_call(self, call);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect;

    #[test]
    fn a_write_beside_its_door_is_noticed() {
        let tree = Tree::made_of(&[
            (
                "src/settlement/outbound/a.rs",
                "async fn f(work: W) {\n    work.tx().update_reservation(&r).await;\n    movement(1);\n}",
            ),
            ("src/settlement/outcome/b.rs", "fn f(p: P) { Box::pin(async move { p.movement(1) }); }"),
            (
                "src/settlement/books/work.rs",
                "fn f(t: T) { t.update_reservation(&r); t.insert_submission(&s); }",
            ),
            ("src/settlement/books/entries/c.rs", "fn f(p: P) { p.movement(1); }"),
            ("src/settlement/books/refunds.rs", "fn f(t: T) { t.insert_submission(&s); }"),
            ("src/reservations/cancel.rs", "fn f(t: T) { t.update_reservation(&r); }"),
        ]);
        expect(
            check(&tree),
            &[
                ("src/settlement/outbound/a.rs:2", "save_reservation"),
                ("src/settlement/outcome/b.rs:1", "books/entries"),
                ("src/settlement/books/refunds.rs:1", "store_submission"),
            ],
        );
    }
}
