//! Nobody was paid more than was theirs, whatever is still to come.

use std::collections::BTreeMap;

use super::ledger_view::{Due, LedgerView};
use super::verdict::Findings;
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::reservation::PaymentOption;
use crate::simulation::actors::{Case, at};
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

    /// True if these are the legs, once, of an option that what came in time could have paid for.
    ///
    /// Which of the options counts is not known at each step: what came before the account had its
    /// reservation counts or goes back as nobody's, by when it is read, and our tables say so only then. The
    /// verdict asks for the one that counts ([`Self::settles_as_due`]).
    fn is_one_settlement(&self, case: &Case, legs: &Legs) -> bool {
        let quote = &case.reservation.quote;
        let mut came: BTreeMap<Asset, i64> = BTreeMap::new();
        for inflow in self.inflows.iter().filter(|inflow| inflow.to == case.reservation.escrow) {
            if at(inflow.closed_at) <= quote.deadline {
                *came.entry(inflow.asset).or_default() += inflow.amount;
            }
        }
        quote.options.iter().any(|option| could_pay(option, &came) && quoted(option) == *legs)
    }

    /// True if these are the legs, once, of the option that was paid for first.
    pub(super) fn settles_as_due(&self, case: &Case, due: &Due) -> bool {
        let Some(legs) = self.legs.get(&case.reservation.escrow) else { return true };
        let option = due.funded.and_then(|(asset, _)| case.reservation.quote.option(&asset));
        option.is_some_and(|option| quoted(option) == *legs)
    }
}

/// What an account paid out: to whom, in what, how much; and how often.
type Legs = BTreeMap<(AccountId, Asset, i64), u32>;

fn could_pay(option: &PaymentOption, came: &BTreeMap<Asset, i64>) -> bool {
    came.get(&option.asset).is_some_and(|sum| *sum >= option.amount.get())
}

fn quoted(option: &PaymentOption) -> Legs {
    let mut quoted = Legs::new();
    for leg in &option.legs {
        *quoted.entry((leg.to, option.asset, leg.amount.get())).or_default() += 1;
    }
    quoted
}
