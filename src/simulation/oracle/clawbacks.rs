//! What issuers took back, and who bears it.
//!
//! The latest payment does. Who that is can depend on what was on its way back when the issuer acted: a
//! return that had been sent by then, or soon enough after, cannot be clawed back.

use std::collections::{BTreeMap, BTreeSet};

use super::ledger_view::{Inflow, LedgerView};
use super::returns::Share;
use super::verdict::Findings;
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::ids::OperationId;
use crate::domain::journal::BookAccount;
use crate::domain::reservation::State;
use crate::ports::store::{StoreError, Tx};
use crate::simulation::actors::{Case, at};
use crate::simulation::trace::Wrong;

/// Within so many ledgers a return is sent that was on its way when the issuer acted, or that a lagging
/// instance let through.
const UNAWARE_LEDGERS: u32 = 40;

impl LedgerView {
    /// Everything that was clawed back is borne by the latest payments, or nobody has decided yet; and the
    /// books say so.
    pub(super) async fn check_clawbacks(
        &self,
        tx: &mut dyn Tx,
        cases: &[Case],
        shares: &BTreeMap<OperationId, Share>,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        let places: BTreeSet<(AccountId, Asset)> =
            self.clawbacks.iter().map(|clawback| (clawback.account, clawback.asset)).collect();
        let mut unborne: BTreeMap<Asset, i64> = BTreeMap::new();
        for (account, asset) in places {
            let paid: Vec<(&Inflow, Share)> = self
                .inflows
                .iter()
                .filter(|inflow| inflow.to == account && inflow.asset == asset)
                .filter_map(|inflow| Some((inflow, *shares.get(&inflow.operation)?)))
                .collect();
            let borne: i64 = paid.iter().map(|(_, share)| share.short).sum();
            let left = self.clawed_back(account, asset) - borne;
            *unborne.entry(asset).or_default() += left;
            let case = cases.iter().find(|case| case.reservation.escrow == account);
            let held = match case {
                Some(case) => tx
                    .reservation(case.reservation.id)
                    .await?
                    .is_some_and(|stored| matches!(stored.state, State::Held { .. })),
                None => false,
            };
            if left < 0 || (left > 0 && !held) {
                let what = format!(
                    "{} {} were clawed back from {account}, but payers bear {borne}",
                    self.clawed_back(account, asset),
                    asset.code()
                );
                findings.push((Wrong::Lost, what));
            }
            self.check_order(account, asset, case, &paid, findings);
        }
        let mut owners: Vec<_> = cases.iter().map(|case| Some(case.reservation.id)).collect();
        owners.push(None);
        for owner in owners {
            for (asset, balance) in tx.balances_of(BookAccount::ClawedBack(owner)).await? {
                *unborne.entry(asset).or_default() -= balance;
            }
        }
        for (asset, difference) in unborne.into_iter().filter(|(_, difference)| *difference != 0) {
            let what = format!(
                "{difference} {} that issuers took back are neither borne nor in the books as open",
                asset.code()
            );
            findings.push((Wrong::Unbalanced, what));
        }
        Ok(())
    }

    /// Nobody bears what was clawed back after a later payment had come that goes back all the same and could
    /// have borne it.
    fn check_order(
        &self,
        account: AccountId,
        asset: Asset,
        case: Option<&Case>,
        paid: &[(&Inflow, Share)],
        findings: &mut Findings,
    ) {
        let Some(last) = self.clawbacks_of(account, asset).map(|clawback| clawback.ledger).max() else {
            return;
        };
        for (later, share) in paid {
            let came = later.operation.ledger();
            let sent = self.returned_by.get(&self.key(later));
            let in_vain = sent.is_some_and(|sent| sent.0 > last.0.max(came.0) + UNAWARE_LEDGERS);
            if share.listed == 0 && !in_vain {
                continue;
            }
            let before: i64 = self
                .clawbacks_of(account, asset)
                .filter(|clawback| clawback.ledger <= came)
                .map(|clawback| clawback.amount)
                .sum();
            let earlier = paid.iter().filter(|(inflow, _)| inflow.operation < later.operation);
            let (mut together, mut apart) = (0, 0);
            for (inflow, share) in earlier {
                let decided_together =
                    case.is_some_and(|case| self.counts(case, inflow) && self.counts(case, later));
                *(if decided_together { &mut together } else { &mut apart }) += share.short;
            }
            if together > 0 || apart > before {
                let what = format!(
                    "who paid before {} bears what was clawed back from {account}, although that goes back",
                    later.operation
                );
                findings.push((Wrong::Lost, what));
            }
        }
    }

    /// True if a payment waits with the others for a deadline at which nothing is bought: whenever money is
    /// clawed back until then, the latest of them bears it.
    fn counts(&self, case: &Case, inflow: &Inflow) -> bool {
        let quote = &case.reservation.quote;
        !case.cancelled
            && self.due(case).funded.is_none()
            && quote.option(&inflow.asset).is_some()
            && at(inflow.closed_at) <= quote.deadline
            && inflow.operation.ledger() > case.opened
    }
}
