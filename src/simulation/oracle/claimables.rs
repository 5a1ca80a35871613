//! Claimable balances: who claimed them, and that the rest comes home.

use std::collections::BTreeMap;

use super::{Findings, Oracle};
use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::ids::ClaimableId;
use crate::domain::journal::BookAccount;
use crate::ports::store::{StoreError, Tx};
use crate::simulation::trace::Wrong;

/// A claimable balance that the platform pays for.
pub(super) struct ClaimableBalance {
    asset: Asset,
    amount: i64,
    /// To whom it is owed; `None` if it has no claimant.
    recipient: Option<AccountId>,
    end: Option<End>,
}

/// How one ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Claimed,
    Reclaimed,
}

impl Oracle {
    /// Notes the platform's claimable balances, and what became of those that are gone.
    pub(super) fn look_at_claimables(&mut self) {
        for claim in self.sandbox.claims(self.next) {
            let Some(known) = self.claimables.get_mut(&claim.balance) else { continue };
            let (end, kind) = if claim.by == self.platform {
                (End::Reclaimed, "balances_taken_back")
            } else {
                (End::Claimed, "balances_claimed")
            };
            known.end = Some(end);
            if let (End::Reclaimed, Some(recipient)) = (end, known.recipient) {
                let key = (claim.transaction, Address::Account(recipient), known.asset);
                *self.reclaimed.entry(key).or_default() += known.amount;
            }
            let what = format!("{} {} are claimed by {}", known.amount, known.asset.code(), claim.by);
            self.trace.happened(kind, &what);
        }
        let platform = self.platform;
        let known = &mut self.claimables;
        self.sandbox.with_ledger(|ledger| {
            for balance in ledger.state().balances().iter().filter(|balance| balance.sponsor == platform) {
                known.entry(ClaimableId(balance.id.0)).or_insert_with(|| {
                    self.trace.happened("balances_set_aside", "money is set aside to be claimed");
                    let recipient = balance.claimants.first().map(|first| first.destination);
                    ClaimableBalance {
                        asset: balance.asset,
                        amount: balance.amount.get(),
                        recipient,
                        end: None,
                    }
                });
            }
        });
    }

    /// After half a year nothing waits any more: what nobody claimed is with the platform, and stays owed in the journal.
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
                "{difference} {} more were taken back than the books still owe to who did not claim them",
                asset.code()
            );
            findings.push((Wrong::Unbalanced, what));
        }
        Ok(())
    }
}
