//! Claimable balances: who claimed them, and that the rest comes home.

use std::collections::BTreeMap;

use super::ledger_view::{End, LedgerView};
use super::verdict::Findings;
use crate::domain::asset::Asset;
use crate::domain::journal::BookAccount;
use crate::ports::store::{StoreError, Tx};
use crate::simulation::trace::Wrong;

impl LedgerView {
    /// After half a year nothing waits any more: what nobody claimed is with the platform, and stays owed in
    /// the journal.
    pub(super) async fn check_claimables(
        &self,
        tx: &mut dyn Tx,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        let mut owed: BTreeMap<Asset, i64> = BTreeMap::new();
        for (id, balance) in &self.claimables {
            match balance.end {
                Some(End::Claimed) => {}
                Some(End::Reclaimed) => *owed.entry(balance.asset).or_default() += balance.amount,
                None => {
                    let what = format!(
                        "{} {} wait to be claimed after half a year ({id})",
                        balance.amount,
                        balance.asset.code()
                    );
                    findings.push((Wrong::Broken, what));
                }
            }
        }
        // Whoever can receive it by now has been paid.
        for key in self.reclaimed.keys() {
            let repaid = self.returned.get(key).copied().unwrap_or(0);
            *owed.entry(key.2).or_default() -= repaid;
        }
        for (asset, balance) in tx.balances_of(BookAccount::ClaimableBalances).await? {
            let what = format!("the books say that {balance} {} wait to be claimed", asset.code());
            findings.push((Wrong::Unbalanced, what));
        }
        for (asset, balance) in tx.balances_of(BookAccount::Claimants).await? {
            *owed.entry(asset).or_default() += balance;
        }
        for (asset, difference) in owed.into_iter().filter(|(_, difference)| *difference != 0) {
            let what = format!(
                "{difference} {} more were reclaimed than the books still owe to who did not claim them",
                asset.code()
            );
            findings.push((Wrong::Unbalanced, what));
        }
        Ok(())
    }
}
