//! How reservations are paid whose customers behave well, or are just careless.

use super::behavior::Behavior;
use super::{Action, Actors, Case};
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::ids::ReservationId;
use crate::domain::money::Stroops;

/// What a reservation asks for, and who pays it when.
pub(super) struct PaymentPlan {
    /// The ledger in which it was opened.
    pub(super) now: u64,
    /// The ledger in which its payer acts.
    pub(super) soon: u64,
    pub(super) reservation: ReservationId,
    pub(super) to: AccountId,
    pub(super) asset: Asset,
    pub(super) price: Stroops,
    /// Less than the price.
    pub(super) part: Stroops,
    pub(super) payer: String,
}

impl PaymentPlan {
    /// The payer pays so much.
    pub(super) fn pays(&self, amount: Stroops) -> Action {
        self.paid_by(self.payer.clone(), amount)
    }

    /// Somebody pays so much.
    pub(super) fn paid_by(&self, who: String, amount: Stroops) -> Action {
        Action::Pay { who, id: None, to: self.to, asset: self.asset, amount }
    }

    /// The price and a part of it more.
    pub(super) fn too_much(&self) -> Stroops {
        self.price.checked_add(self.part).unwrap_or(self.price)
    }
}

impl Actors {
    /// Plans how a reservation is paid that was opened in this ledger.
    pub(in crate::simulation) fn pay_for(&mut self, now: u64, case: &Case) {
        let Some(option) = case.reservation.quote.options.first() else { return };
        let soon = now + self.rng.below(8);
        let (payer, part) = (self.payer(), self.part(option.amount));
        let plan = &PaymentPlan {
            now,
            soon,
            reservation: case.reservation.id,
            to: case.reservation.escrow,
            asset: option.asset,
            price: option.amount,
            part,
            payer,
        };
        let window = self.window_ledgers;
        match case.behavior {
            Behavior::Exact => self.later(soon, plan.pays(plan.price)),
            Behavior::Part => self.later(soon, plan.pays(plan.part)),
            Behavior::Over => self.later(soon, plan.pays(plan.too_much())),
            Behavior::Late => {
                let at = now + window + self.rng.between(2, 20);
                self.later(at, plan.pays(plan.price));
            }
            Behavior::AtTheDeadline => {
                let at = (now + window + 2).saturating_sub(self.rng.below(5));
                self.later(at, plan.pays(plan.price));
            }
            Behavior::WrongAsset => self.pay_in_a_wrong_asset(plan),
            Behavior::Lumens => self.pay_lumens_first(plan),
            Behavior::Several => self.pay_by_several(plan),
            Behavior::SubAccount => self.pay_as_sub_account(plan),
            Behavior::Twice => {
                let again = soon + self.rng.below(10);
                let second = self.payer();
                self.later(soon, plan.pays(plan.price));
                self.later(again, plan.paid_by(second, plan.price));
            }
            Behavior::CancelsInPart => {
                self.later(soon, plan.pays(plan.part));
                let at = soon + self.rng.below(4);
                self.later(at, Action::Cancel { reservation: plan.reservation });
            }
            Behavior::CancelsAndPays => {
                self.later(soon, Action::Cancel { reservation: plan.reservation });
                let at = soon + self.rng.below(3);
                self.later(at, plan.pays(plan.price));
            }
            Behavior::Through => {
                let who = plan.payer.clone();
                self.later(soon, Action::Through { who, to: plan.to, amount: plan.price });
            }
            Behavior::Leaves => self.pay_and_leave(plan),
            Behavior::Distrusts => self.pay_and_distrust(plan),
            Behavior::Dust => self.pay_and_send_dust(plan),
            Behavior::FrozenEscrow => self.pay_into_a_frozen_account(plan),
            Behavior::FrozenPayer => self.pay_and_be_frozen(plan),
            Behavior::FarmerAway => self.pay_while_the_farmer_is_away(plan),
            Behavior::ClawedBack => self.pay_what_is_clawed_back(plan),
            Behavior::ClawedBackInPart => self.pay_a_part_that_is_clawed_back(plan),
            Behavior::MergedInto => self.merge_into_the_account(plan),
            Behavior::Nothing => {}
        }
    }

    fn pay_in_a_wrong_asset(&mut self, plan: &PaymentPlan) {
        let others: Vec<Asset> =
            [self.tft, self.tfta, self.play].into_iter().filter(|other| *other != plan.asset).collect();
        let asset = self.rng.pick(&others).copied().unwrap_or(self.tfta);
        let (who, amount) = (plan.payer.clone(), plan.part);
        self.later(plan.soon, Action::Pay { who, id: None, to: plan.to, asset, amount });
        if self.rng.chance(500) {
            self.later(plan.soon + 3, plan.pays(plan.price));
        }
    }

    fn pay_lumens_first(&mut self, plan: &PaymentPlan) {
        let (who, amount) = (plan.payer.clone(), Stroops::from_units(3));
        self.later(plan.soon, Action::Pay { who, id: None, to: plan.to, asset: Asset::Native, amount });
        self.later(plan.soon + 1, plan.pays(plan.price));
    }

    /// Two pay a part each, or one of them does not; and a third pays without need.
    fn pay_by_several(&mut self, plan: &PaymentPlan) {
        let rest = plan.price.checked_sub(plan.part).unwrap_or(plan.price);
        let excess = if self.rng.chance(500) { self.part(plan.price) } else { Stroops::ZERO };
        let last = rest.checked_add(excess).unwrap_or(rest);
        let missing = self.rng.chance(400);
        let (second, third) = (self.payer(), self.payer());
        let second_at = plan.soon + self.rng.below(6);
        self.later(plan.soon, plan.pays(plan.part));
        if !missing {
            self.later(second_at, plan.paid_by(second, last));
        }
        let tip = self.part(plan.price);
        let third_at = second_at + self.rng.below(4);
        self.later(third_at, plan.paid_by(third, tip));
    }

    fn pay_as_sub_account(&mut self, plan: &PaymentPlan) {
        let amount = if self.rng.chance(500) { plan.part } else { plan.too_much() };
        let id = Some(self.rng.below(u64::MAX));
        let who = plan.payer.clone();
        self.later(plan.soon, Action::Pay { who, id, to: plan.to, asset: plan.asset, amount });
        self.later(plan.soon + 2, plan.pays(plan.part));
    }

    /// Pays the price, and others send a stroop each.
    fn pay_and_send_dust(&mut self, plan: &PaymentPlan) {
        self.later(plan.soon, plan.pays(plan.price));
        for _ in 0..self.rng.between(1, 5) {
            let who = self.payer();
            let at = plan.soon + self.rng.between(2, 40);
            let amount = Stroops::new(1).unwrap_or(Stroops::ZERO);
            let asset = if self.rng.chance(300) { Asset::Native } else { plan.asset };
            self.later(at, Action::Pay { who, id: None, to: plan.to, asset, amount });
        }
    }
}
