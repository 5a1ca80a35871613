//! Whether every promise was kept, by the sandbox's own history and by what customers were told.
//!
//! What should have gone where is computed from the ledger alone ([`ledger_view`]); our tables are only asked
//! what they say of it. Each other file is one kind of check.

mod books;
mod claimables;
mod clawbacks;
mod events;
mod excess;
mod ledger_view;
mod pages;
mod pools;
mod reading;
mod reservations;
mod returns;
mod submission_probe;
mod verdict;

use std::sync::Arc;

use ledger_view::LedgerView;
use rust_decimal::Decimal;
pub(super) use submission_probe::SubmissionProbe;
pub(super) use verdict::{Ends, Verdict};

use super::actors::Case;
use super::store::Base;
use super::trace::{Trace, Wrong};
use crate::domain::address::{AccountId, Address};
use crate::domain::ids::OperationId;
use crate::domain::payment::{Attribution, PaymentId};
use crate::ports::store::{LIST_ROWS_MAX, Store, StoreError};
use farmgate_sandbox::Sandbox;

/// What the least claimable balance is worth: 2 of a currency each of which is worth 5 cents.
pub(super) const CLAIMABLE_MIN_USD: Decimal = Decimal::from_parts(10, 0, 0, false, 2);

pub(super) struct Oracle {
    view: LedgerView,
    base: Base,
    trace: Arc<Trace>,
}

impl Oracle {
    pub(super) fn new(sandbox: Sandbox, base: Base, trace: Arc<Trace>, probe: Arc<SubmissionProbe>) -> Self {
        Self { view: LedgerView::new(sandbox, Arc::clone(&trace), probe), base, trace }
    }

    /// What came before is the platform's own.
    pub(super) fn begin(&mut self) {
        self.view.begin();
    }

    /// Merges into an account about whose money nobody has decided.
    pub(super) fn undecided(&self, to: AccountId) -> Vec<OperationId> {
        self.view.undecided(to)
    }

    /// An operator decided to whom the money of a merge goes.
    pub(super) fn decide(&mut self, operation: OperationId, to: Address) {
        self.view.decided.insert(operation, to);
    }

    /// Reads the ledgers that closed since, and checks what is cheap.
    pub(super) async fn look(&mut self, cases: &[Case]) {
        if self.view.read() {
            for (how, what) in self.view.paid_too_much(cases) {
                self.trace.wrong(how, what);
            }
        }
        match self.read_books().await {
            Ok(unbalanced) => {
                for (how, what) in unbalanced {
                    self.trace.wrong(how, what);
                }
            }
            Err(error) => self.trace.wrong(Wrong::Broken, format!("the journal cannot be read: {error}")),
        }
    }

    async fn read_books(&mut self) -> Result<verdict::Findings, StoreError> {
        let mut tx = Store::begin_read(&self.base).await?;
        self.view.note_books_begun(&mut *tx).await?;
        books::unbalanced(&mut *tx).await
    }

    /// What is wrong if nothing more were to come; `after_months` if claimable balances should have been
    /// reclaimed by now.
    pub(super) async fn verdict(
        &mut self,
        cases: &[Case],
        after_months: bool,
    ) -> Result<Verdict, StoreError> {
        events::number(&self.base).await?;
        let mut tx = Store::begin_read(&self.base).await?;
        let tx = &mut *tx;
        let stored = books::stored_payments(tx).await?;
        let counted = |operation| {
            let known = stored.get(&PaymentId { operation, change: 0 });
            known.is_some_and(|known| known.attribution == Attribution::Counted)
        };
        self.view.note_what_counts(cases, counted);
        let view = &self.view;
        let mut verdict = Verdict { findings: view.paid_too_much(cases), ends: Ends::default() };
        let owed = view.owed(tx).await?;
        for submission in tx.live_submissions().await?.all()? {
            let what = format!("transaction {} is still under way", submission.hash);
            verdict.findings.push((Wrong::Broken, what));
        }
        let mut expected = view.came();
        for case in cases {
            view.check_reservation(tx, case, &mut expected, &owed, &mut verdict).await?;
        }
        let shares = view.check_returns(expected, &owed, cases, &mut verdict);
        let findings = &mut verdict.findings;
        view.check_clawbacks(tx, cases, &shares, findings).await?;
        view.check_escrow_accounts(tx, cases, &owed, findings).await?;
        view.check_attribution(stored, findings);
        view.check_pools(tx, cases, findings).await?;
        if after_months {
            view.check_claimables(tx, findings).await?;
        }
        view.check_books(tx, findings).await?;
        events::check(tx, findings).await?;
        for record in tx.quarantined(LIST_ROWS_MAX).await? {
            findings.push((Wrong::Lost, format!("a record was quarantined: {}", record.reason)));
        }
        Ok(verdict)
    }
}
