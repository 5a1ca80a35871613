//! Reservations ended as the ledger says that they must, and their escrow accounts are merged.

use std::collections::BTreeMap;

use super::ledger_view::{LedgerView, ReturnKey};
use super::verdict::{Findings, Verdict};
use crate::domain::reservation::State;
use crate::domain::transfer::Transfer;
use crate::ports::store::{StoreError, Tx};
use crate::simulation::actors::Case;
use crate::simulation::trace::Wrong;

impl LedgerView {
    /// Whether a reservation ended as the ledger says that it must.
    pub(super) async fn check_reservation(
        &self,
        tx: &mut dyn Tx,
        case: &Case,
        expected: &mut BTreeMap<ReturnKey, i64>,
        owed: &[Transfer],
        Verdict { findings, ends }: &mut Verdict,
    ) -> Result<(), StoreError> {
        let id = case.reservation.id;
        let Some(stored) = tx.reservation(id).await? else {
            findings.push((Wrong::Lost, format!("reservation {id} is not stored")));
            return Ok(());
        };
        let (due, paid) = (self.due(case), self.legs.contains_key(&case.reservation.escrow));
        let name = stored.state.name();
        let mut broken = |what: String| findings.push((Wrong::Broken, format!("reservation {id} {what}")));
        match &stored.state {
            State::Settled { .. } => {
                ends.settled += 1;
                if !paid {
                    broken("is settled, but its legs are not paid".to_owned());
                }
            }
            State::Refunded { .. } => ends.refunded += 1,
            State::Held { .. } => {
                ends.held += 1;
                if !case.frozen && !self.is_short(case, &due) {
                    broken(format!("is held although nothing is frozen or short: {:?}", stored.state));
                }
            }
            State::Expired { .. } | State::Cancelled { .. } | State::Rejected { .. } => {}
            State::Refunding { .. } if case.frozen => {}
            State::AwaitingSignatures
            | State::AwaitingFarmer { .. }
            | State::AwaitingPayment { .. }
            | State::Funded { .. }
            | State::Settling { .. }
            | State::Refunding { .. } => {
                let refunding = matches!(stored.state, State::Refunding { .. });
                if !refunding || !self.waits_for_its_payer(case, owed) {
                    broken(format!("({:?}) is still {name}", case.behavior));
                }
            }
        }
        let is_held = matches!(stored.state, State::Held { .. });
        let honoured = is_held || matches!(stored.state, State::Settled { .. });
        if paid && !honoured {
            broken(format!("is {name}, but its legs are paid"));
        }
        if honoured && due.funded.is_none() {
            broken(format!("is {name}, but nobody paid for it in time"));
        }
        if due.funded.is_some() && !honoured && !case.cancelled && !case.given_up {
            broken(format!("({:?}) was paid for in time, but is {name}", case.behavior));
        }
        if honoured {
            if !self.settles_as_due(case, &due) {
                findings
                    .push((Wrong::DoublePayment, format!("reservation {id} paid other legs than were due")));
            }
            for inflow in self.inflows.iter().filter(|inflow| inflow.to == case.reservation.escrow) {
                // What is too much of a held reservation goes back once that is decided.
                let waits = is_held && self.counted.contains(&inflow.operation);
                let kept = due.kept.get(&inflow.operation).copied().unwrap_or(0);
                let kept = if waits { inflow.amount } else { kept };
                *expected.entry(self.key(inflow)).or_default() -= kept;
            }
        }
        Ok(())
    }

    /// True if money of the reservation goes back to somebody who cannot receive it.
    fn waits_for_its_payer(&self, case: &Case, owed: &[Transfer]) -> bool {
        let mut mine = owed.iter().filter(|transfer| transfer.reservation == Some(case.reservation.id));
        mine.any(|transfer| !self.is_deliverable(transfer.to, transfer.asset, transfer.amount))
    }

    /// Escrow accounts of reservations that have ended are merged.
    pub(super) async fn check_escrow_accounts(
        &self,
        tx: &mut dyn Tx,
        cases: &[Case],
        owed: &[Transfer],
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        for case in cases.iter().filter(|case| !case.frozen) {
            let (id, escrow) = (case.reservation.id, case.reservation.escrow);
            let ended = tx.reservation(id).await?.is_some_and(|stored| stored.state.is_final());
            let owes = owed.iter().any(|transfer| transfer.from == escrow);
            if ended && !owes && self.sandbox.account_exists(escrow) {
                let what = format!("reservation {id} has ended, but its account {escrow} is not closed");
                findings.push((Wrong::Broken, what));
            }
        }
        Ok(())
    }
}
