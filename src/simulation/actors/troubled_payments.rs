//! Reservations whose payers, farmers or issuers make trouble: they leave, freeze, take back, or merge
//! accounts away.

use super::payment_plans::PaymentPlan;
use super::{Action, Actors, FARMER};
use crate::domain::address::AccountId;
use crate::domain::ids::ReservationId;
use crate::domain::money::Stroops;

/// All, in thousandths.
const WHOLE: u64 = 1_000;
/// What somebody pays without need is less.
const TIP: Stroops = Stroops::from_units(20);

impl Actors {
    /// Somebody pays a part or too much who is about to leave; tells who that is, and in which ledger.
    fn pay_before_leaving(&mut self, plan: &PaymentPlan) -> (String, u64) {
        let who = self.leaver();
        let whole = self.rng.chance(300);
        let amount = if whole { plan.too_much() } else { plan.part };
        self.later(plan.soon, plan.paid_by(who.clone(), amount));
        (who, plan.soon + 1 + self.rng.below(self.window_ledgers))
    }

    pub(super) fn pay_and_leave(&mut self, plan: &PaymentPlan) {
        let (who, at) = self.pay_before_leaving(plan);
        self.later(at, Action::Leave { who });
    }

    pub(super) fn pay_and_distrust(&mut self, plan: &PaymentPlan) {
        let (who, at) = self.pay_before_leaving(plan);
        self.later(at, Action::Distrust { who: who.clone() });
        if self.rng.chance(600) {
            let back = at + self.rng.between(5, 60);
            self.later(back, Action::Trust { who: who.clone() });
            self.later(back + 10, Action::Claim { who });
        }
    }

    pub(super) fn pay_into_a_frozen_account(&mut self, plan: &PaymentPlan) {
        let (reservation, account) = (plan.reservation, plan.to);
        self.later(plan.soon, plan.pays(plan.price));
        let at = plan.soon + self.rng.below(3);
        self.later(at, Action::FreezeEscrow { reservation, account, frozen: true });
        if self.rng.chance(600) {
            let thawed = at + self.rng.between(3, 60);
            self.later(thawed, Action::FreezeEscrow { reservation, account, frozen: false });
        }
    }

    pub(super) fn pay_and_be_frozen(&mut self, plan: &PaymentPlan) {
        self.later(plan.soon, plan.pays(plan.part));
        let at = plan.soon + 1 + self.rng.below(self.window_ledgers);
        self.later(at, Action::Freeze { who: plan.payer.clone(), frozen: true });
        let thawed = at + self.rng.between(5, 60);
        self.later(thawed, Action::Freeze { who: plan.payer.clone(), frozen: false });
    }

    pub(super) fn pay_while_the_farmer_is_away(&mut self, plan: &PaymentPlan) {
        self.later(plan.now, Action::Distrust { who: FARMER.to_owned() });
        self.later(plan.soon, plan.pays(plan.price));
        let back = plan.soon + self.rng.between(3, 30);
        self.later(back, Action::Trust { who: FARMER.to_owned() });
        let claimed = back + self.rng.between(1, 20);
        if self.rng.chance(700) {
            self.later(claimed, Action::Claim { who: FARMER.to_owned() });
        }
    }

    /// All is paid, and the issuer takes some of it back.
    pub(super) fn pay_what_is_clawed_back(&mut self, plan: &PaymentPlan) {
        let (second, excess) = (self.payer(), self.rng.chance(500));
        let rest = plan.price.checked_sub(plan.part).unwrap_or(plan.price);
        let more = self.part(plan.price);
        let last = if excess { rest.checked_add(more).unwrap_or(rest) } else { rest };
        let complete = plan.soon + self.rng.below(6);
        self.later(plan.soon, plan.pays(plan.part));
        self.later(complete, plan.paid_by(second, last));
        let at = plan.soon + 1 + self.rng.below(complete - plan.soon + 5);
        self.claw_back(at, plan.to);
        if self.rng.chance(300) {
            let again = at + self.rng.between(1, 20);
            self.claw_back(again, plan.to);
        }
        self.what_becomes_of_what_is_short(at, plan.reservation);
    }

    /// Too little is paid, and the issuer takes some of it back.
    pub(super) fn pay_a_part_that_is_clawed_back(&mut self, plan: &PaymentPlan) {
        let window = self.window_ledgers;
        let (second, leaver) = (self.payer(), self.leaver());
        let leaves = self.rng.chance(500);
        let last = if leaves { leaver.clone() } else { second };
        let rest = self.part(plan.part);
        let (more, late) = (self.rng.below(6), window + self.rng.between(2, 20));
        self.later(plan.soon, plan.pays(plan.part));
        self.later(plan.soon + more, plan.paid_by(last, rest));
        if leaves {
            let at = plan.soon + more + self.rng.between(1, window);
            self.later(at, Action::Distrust { who: leaver.clone() });
            if self.rng.chance(600) {
                self.later(at + window, Action::Trust { who: leaver });
            }
        }
        if self.rng.chance(300) {
            let tip = self.part(plan.price);
            self.later(plan.now + late, plan.pays(tip));
        }
        let at = plan.soon + 1 + self.rng.below(window + 30);
        self.claw_back(at, plan.to);
        if self.rng.chance(400) {
            let again = plan.soon + 1 + self.rng.below(window + 30);
            self.claw_back(again, plan.to);
        }
    }

    pub(super) fn merge_into_the_account(&mut self, plan: &PaymentPlan) {
        let merger = self.merger();
        match self.rng.below(3) {
            0 => self.later(plan.soon, plan.pays(plan.price)),
            1 => self.later(plan.soon, plan.paid_by(merger.clone(), plan.part)),
            _ => {}
        }
        let at = plan.soon + 1 + self.rng.below(self.window_ledgers + 20);
        self.later(at, Action::MergeInto { who: merger, to: plan.to });
        if self.rng.chance(500) {
            let decided = at + self.rng.between(2, 40);
            let back = self.payer();
            self.later(decided, Action::Decide { account: plan.to, back });
        }
    }

    /// An issuer takes back a part of what an account has then, or all of it.
    fn claw_back(&mut self, at: u64, from: AccountId) {
        let per_mille = if self.rng.chance(150) { WHOLE } else { self.rng.between(1, WHOLE) };
        self.later(at, Action::ClawBack { from, per_mille });
    }

    /// Somebody makes up for what was clawed back, or an operator decides, or nobody does anything.
    fn what_becomes_of_what_is_short(&mut self, at: u64, reservation: ReservationId) {
        let soon = at + self.rng.between(3, 30);
        match self.rng.below(4) {
            0 | 1 => {
                let more = if self.rng.chance(400) { self.part(TIP) } else { Stroops::ZERO };
                let who = self.payer();
                self.later(soon, Action::Fill { who, reservation, more });
            }
            2 => self.later(soon, Action::Resolve { reservation, refund: true }),
            _ => {
                let asks = self.rng.chance(300);
                if asks {
                    self.later(soon, Action::Resolve { reservation, refund: false });
                }
            }
        }
    }

    /// A stray payment to an account that nobody was told of, of which the issuer may take some back.
    pub(in crate::simulation) fn stray(&mut self, now: u64, to: AccountId) -> Action {
        let (who, amount) = (self.payer(), self.part(TIP));
        if self.rng.chance(400) {
            let at = now + self.rng.between(2, 20);
            self.claw_back(at, to);
        }
        Action::Pay { who, id: None, to, asset: self.tft, amount }
    }
}
