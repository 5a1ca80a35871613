//! Nobody was paid more than was theirs, whatever is still to come.

use std::collections::BTreeMap;

use super::ledger_view::LedgerView;
use super::verdict::Findings;
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::simulation::actors::Case;
use crate::simulation::trace::Wrong;

impl LedgerView {
    /// What went out that should not have, whatever is still to come.
    pub(super) fn paid_too_much(&self, cases: &[Case]) -> Findings {
        let mut findings = Findings::new();
        let came = self.came();
        for (key, amount) in &self.returned {
            let most = came.get(key).or_else(|| self.reclaimed.get(key)).copied().unwrap_or(0);
            if *amount > most {
                let (transaction, to, asset) = key;
                let what = format!(
                    "{amount} {} went back to {to} for {transaction}, which brought {most} from there",
                    asset.code()
                );
                findings.push((Wrong::DoublePayment, what));
            }
        }
        for (escrow, legs) in &self.legs {
            let case = cases.iter().find(|case| case.reservation.escrow == *escrow);
            let Some(case) = case else {
                findings.push((Wrong::DoublePayment, format!("{escrow}, of nobody, paid somebody")));
                continue;
            };
            if !self.is_one_settlement(case, legs) {
                let id = case.reservation.id;
                findings.push((
                    Wrong::DoublePayment,
                    format!("reservation {id} paid what is not its legs, once"),
                ));
            }
        }
        findings
    }

    fn is_one_settlement(&self, case: &Case, legs: &BTreeMap<(AccountId, Asset, i64), u32>) -> bool {
        let Some((asset, _)) = self.due(case).funded else { return false };
        let Some(option) = case.reservation.quote.option(&asset) else { return false };
        let mut quoted: BTreeMap<(AccountId, Asset, i64), u32> = BTreeMap::new();
        for leg in &option.legs {
            *quoted.entry((leg.to, asset, leg.amount.get())).or_default() += 1;
        }
        quoted == *legs
    }
}
