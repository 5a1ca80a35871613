//! Our tables and the journal say what the ledger says.

use std::collections::BTreeMap;

use super::ledger_view::{Inflow, LedgerView, Manner};
use super::pages::all_pages;
use super::verdict::Findings;
use crate::domain::asset::Asset;
use crate::domain::journal::BookAccount;
use crate::domain::payment::PaymentId;
use crate::operator::{Miscount, miscounted};
use crate::ports::store::{LIST_ROWS_MAX, PaymentFilter, StoreError, StoredPayment, Tx};
use crate::simulation::trace::Wrong;

impl LedgerView {
    /// Every payment in the ledger stands in our tables once, as it was.
    pub(super) fn check_attribution(
        &self,
        mut stored: BTreeMap<PaymentId, StoredPayment>,
        findings: &mut Findings,
    ) {
        for inflow in &self.inflows {
            let id = PaymentId { operation: inflow.operation, change: 0 };
            let known = stored.remove(&id).is_some_and(|known| {
                let payment = known.payment;
                (payment.to, payment.from, payment.asset, payment.amount.get(), payment.transaction)
                    == (inflow.to, Some(inflow.from), inflow.asset, inflow.amount, inflow.transaction)
            });
            if !known && !self.is_in_opening(inflow) {
                let what = format!("payment {id} of {} {} is not known", inflow.amount, inflow.asset.code());
                findings.push((Wrong::Lost, what));
            }
        }
        for id in stored.keys() {
            findings.push((Wrong::Broken, format!("payment {id} is stored, but the ledger has none")));
        }
    }

    /// True if the platform's books began with this money in its balance.
    fn is_in_opening(&self, inflow: &Inflow) -> bool {
        inflow.manner == Manner::Capital
            && self.books_begun.is_some_and(|begun| inflow.operation.ledger() <= begun)
    }

    /// Notes where the platform's books began, as soon as they have; a database that goes back may take
    /// that back.
    pub(super) async fn note_books_begun(&mut self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        let cursor = tx.history_cursor(self.platform).await?;
        self.books_begun = cursor.map(|watch| self.books_begun.unwrap_or(watch.cursor.ledger()));
        Ok(())
    }

    /// What the journal says of each account of ours is what the ledger says.
    pub(super) async fn check_books(
        &self,
        tx: &mut dyn Tx,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        for account in &self.ours {
            let mut difference: BTreeMap<Asset, i64> = BTreeMap::new();
            for (asset, journal) in tx.balances_of(BookAccount::Stellar(*account)).await? {
                *difference.entry(asset).or_default() += journal;
            }
            self.sandbox.with_ledger(|ledger| {
                let Some(held) = ledger.state().get(*account) else { return };
                *difference.entry(Asset::Native).or_default() -= held.balance.get();
                for (asset, line) in &held.lines {
                    *difference.entry(*asset).or_default() -= line.balance.get();
                }
            });
            for (asset, difference) in difference.into_iter().filter(|(_, difference)| *difference != 0) {
                let what = format!(
                    "the journal says {difference} stroops of {} more than the ledger of {account}",
                    asset.code()
                );
                findings.push((Wrong::Unbalanced, what));
            }
        }
        findings.extend(unbalanced(tx).await?);
        for Miscount { state, kept, counted } in miscounted(tx).await? {
            findings
                .push((Wrong::Broken, format!("{kept} reservations are counted as {state}, not {counted}")));
        }
        Ok(())
    }
}

/// The journal's sums that are not zero.
pub(super) async fn unbalanced(tx: &mut dyn Tx) -> Result<Findings, StoreError> {
    let sums = tx.journal_sums().await?.into_iter().filter(|(_, sum)| *sum != 0);
    let what =
        |(asset, sum): (Asset, i64)| format!("the journal's postings in {} sum to {sum}", asset.code());
    Ok(sums.map(|sum| (Wrong::Unbalanced, what(sum))).collect())
}

/// All payments that our tables know.
pub(super) async fn stored_payments(
    tx: &mut dyn Tx,
) -> Result<BTreeMap<PaymentId, StoredPayment>, StoreError> {
    let filter = PaymentFilter::default();
    let page = async |after| tx.payments(&filter, after, LIST_ROWS_MAX).await;
    let stored = all_pages(page, |stored| stored.payment.id).await?;
    Ok(stored.into_iter().map(|stored| (stored.payment.id, stored)).collect())
}
