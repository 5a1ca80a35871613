//! Everybody got back what was theirs, or it is listed as owed and cannot be delivered.

use std::collections::BTreeMap;

use super::ledger_view::{Inflow, LedgerView, Manner, ReturnKey};
use super::pages::all_pages;
use super::verdict::Verdict;
use crate::domain::ids::OperationId;
use crate::domain::payment::{Memo, PaymentId};
use crate::domain::transfer::{Delivery, Transfer, TransferState};
use crate::ports::store::{LIST_ROWS_MAX, StoreError, Tx};
use crate::simulation::actors::Case;
use crate::simulation::trace::Wrong;

/// What became of a payment to an account from which an issuer took money back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    /// What neither went back nor is listed as owed.
    pub(super) short: i64,
    /// What is listed as owed.
    pub(super) listed: i64,
}

impl LedgerView {
    /// Everybody got back exactly what was theirs, or it is listed as owed and cannot be delivered.
    pub(super) fn check_returns(
        &self,
        expected: BTreeMap<ReturnKey, i64>,
        owed: &[Transfer],
        cases: &[Case],
        Verdict { findings, ends }: &mut Verdict,
    ) -> BTreeMap<OperationId, Share> {
        let mut shares = BTreeMap::new();
        let by_key: BTreeMap<ReturnKey, &Inflow> =
            self.inflows.iter().map(|inflow| (self.key(inflow), inflow)).collect();
        for (key, amount) in expected {
            let (transaction, to, asset) = key;
            let went = self.returned.get(&key).copied().unwrap_or(0);
            if went > amount {
                let what =
                    format!("{went} {} went back to {to} for {transaction}, not {amount}", asset.code());
                findings.push((Wrong::DoublePayment, what));
            }
            let inflow = by_key.get(&key).copied();
            let bears = inflow.filter(|inflow| self.clawed_back(inflow.to, asset) > 0);
            if let Some(inflow) = bears {
                shares.insert(inflow.operation, Share { short: amount - went, listed: 0 });
            }
            if went >= amount {
                continue;
            }
            let listed: Vec<&Transfer> = owed
                .iter()
                .filter(|transfer| transfer.to == to && transfer.asset == asset)
                .filter(|transfer| transfer.memo == Memo::Return(transaction))
                .collect();
            let sum: i64 = listed.iter().map(|transfer| transfer.amount.get()).sum();
            if let Some(inflow) = bears
                && sum <= amount - went
            {
                shares.insert(inflow.operation, Share { short: amount - went - sum, listed: sum });
            } else if sum != amount - went {
                let what = format!(
                    "{} {} of {transaction} should go back to {to}, but {sum} are listed as owed",
                    amount - went,
                    asset.code()
                );
                findings.push((Wrong::Lost, what));
            }
            for transfer in listed {
                ends.owed += 1;
                if transfer.delivery == Delivery::Undecided {
                    // Whose account was merged into ours has none any more.
                    if inflow.is_none_or(|inflow| inflow.manner != Manner::Merged) {
                        let what =
                            format!("{} to {to} wait for a decision that nobody needs", transfer.amount);
                        findings.push((Wrong::Lost, what));
                    }
                    continue;
                }
                let frozen = cases.iter().any(|case| case.frozen && case.reservation.escrow == transfer.from);
                if !frozen && self.is_deliverable(to, asset, transfer.amount) {
                    let what =
                        format!("{} {} to {to} could go back, and do not", transfer.amount, asset.code());
                    findings.push((Wrong::Lost, what));
                }
            }
        }
        shares
    }

    /// Returns that are owed and on no way; those that wait for a decision, too.
    pub(super) async fn owed(&self, tx: &mut dyn Tx) -> Result<Vec<Transfer>, StoreError> {
        let mut owed = deliverable(tx).await?;
        for inflow in self.inflows.iter().filter(|inflow| inflow.manner == Manner::Merged) {
            let id = PaymentId { operation: inflow.operation, change: 0 };
            let undecided = tx.refund_of(id).await?.filter(|transfer| {
                transfer.delivery == Delivery::Undecided && transfer.state == TransferState::Pending
            });
            owed.extend(undecided);
        }
        Ok(owed)
    }
}

/// Returns that are owed, on no way, and known where to.
async fn deliverable(tx: &mut dyn Tx) -> Result<Vec<Transfer>, StoreError> {
    let pending = async |after| tx.pending_refunds(after, LIST_ROWS_MAX).await?.all();
    let mut owed = all_pages(pending, |transfer| transfer.id).await?;
    owed.retain(|transfer| transfer.state == TransferState::Pending);
    Ok(owed)
}
