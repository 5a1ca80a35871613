//! How customers go about paying, and what their behaviors lead to.

use super::{Action, Actors, Case, FARMER};
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::ids::ReservationId;
use crate::domain::money::Stroops;

/// All, in thousandths.
const WHOLE: u64 = 1_000;
/// What somebody pays without need is less.
const TIP: Stroops = Stroops::from_units(20);

/// How a customer goes about paying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulation) enum Behavior {
    Exact,
    Part,
    Over,
    Late,
    AtTheDeadline,
    WrongAsset,
    Lumens,
    Several,
    SubAccount,
    Twice,
    CancelsInPart,
    CancelsAndPays,
    Through,
    Leaves,
    Distrusts,
    Dust,
    FrozenEscrow,
    FrozenPayer,
    FarmerAway,
    /// Pays all, and the issuer takes some of it back.
    TakenBack,
    /// Pays too little, and the issuer takes some of it back.
    TakenBackInPart,
    /// Somebody merges an account into the reservation's.
    MergedInto,
    Nothing,
}

pub(super) const BEHAVIORS: [Behavior; 30] = [
    Behavior::Exact,
    Behavior::Exact,
    Behavior::Exact,
    Behavior::Part,
    Behavior::Over,
    Behavior::Late,
    Behavior::AtTheDeadline,
    Behavior::WrongAsset,
    Behavior::Lumens,
    Behavior::Several,
    Behavior::Several,
    Behavior::Several,
    Behavior::SubAccount,
    Behavior::Twice,
    Behavior::CancelsInPart,
    Behavior::CancelsAndPays,
    Behavior::Through,
    Behavior::Leaves,
    Behavior::Distrusts,
    Behavior::Dust,
    Behavior::FrozenEscrow,
    Behavior::FrozenPayer,
    Behavior::FarmerAway,
    Behavior::TakenBack,
    Behavior::TakenBack,
    Behavior::TakenBackInPart,
    Behavior::TakenBackInPart,
    Behavior::MergedInto,
    Behavior::MergedInto,
    Behavior::Nothing,
];

impl Actors {
    /// Plans how a reservation is paid that was opened in this ledger.
    pub(in crate::simulation) fn pay_for(&mut self, now: u64, case: &Case) {
        let Some(option) = case.reservation.quote.options.first() else { return };
        let (to, asset, price) = (case.reservation.escrow, option.asset, option.amount);
        let id = case.reservation.id;
        let soon = now + self.rng.below(8);
        let window = self.window_ledgers;
        let pay = |who: String, amount: Stroops| Action::Pay { who, id: None, to, asset, amount };
        let (payer, part) = (self.payer(), self.part(price));
        match case.behavior {
            Behavior::Exact => self.later(soon, pay(payer, price)),
            Behavior::Part => self.later(soon, pay(payer, part)),
            Behavior::Over => self.later(soon, pay(payer, price.checked_add(part).unwrap_or(price))),
            Behavior::Late => {
                let at = now + window + self.rng.between(2, 20);
                self.later(at, pay(payer, price));
            }
            Behavior::AtTheDeadline => {
                let at = (now + window + 2).saturating_sub(self.rng.below(5));
                self.later(at, pay(payer, price));
            }
            Behavior::WrongAsset => {
                let others: Vec<Asset> =
                    [self.tft, self.tfta, self.play].into_iter().filter(|other| *other != asset).collect();
                let wrong = self.rng.pick(&others).copied().unwrap_or(self.tfta);
                let amount = part;
                self.later(soon, Action::Pay { who: payer.clone(), id: None, to, asset: wrong, amount });
                if self.rng.chance(500) {
                    self.later(soon + 3, pay(payer, price));
                }
            }
            Behavior::Lumens => {
                let amount = Stroops::from_units(3);
                self.later(
                    soon,
                    Action::Pay { who: payer.clone(), id: None, to, asset: Asset::Native, amount },
                );
                self.later(soon + 1, pay(payer, price));
            }
            Behavior::Several => {
                let rest = price.checked_sub(part).unwrap_or(price);
                let excess = if self.rng.chance(500) { self.part(price) } else { Stroops::ZERO };
                let last = rest.checked_add(excess).unwrap_or(rest);
                let missing = self.rng.chance(400);
                let (second, third) = (self.payer(), self.payer());
                let more = self.rng.below(6);
                self.later(soon, pay(payer, part));
                if !missing {
                    self.later(soon + more, pay(second.clone(), last));
                }
                let tip = self.part(price);
                let last = soon + more + self.rng.below(4);
                self.later(last, pay(third, tip));
            }
            Behavior::SubAccount => {
                let amount =
                    if self.rng.chance(500) { part } else { price.checked_add(part).unwrap_or(price) };
                let sub = Some(self.rng.below(u64::MAX));
                self.later(soon, Action::Pay { who: payer.clone(), id: sub, to, asset, amount });
                self.later(soon + 2, Action::Pay { who: payer, id: None, to, asset, amount: part });
            }
            Behavior::Twice => {
                let again = soon + self.rng.below(10);
                let second = self.payer();
                self.later(soon, pay(payer, price));
                self.later(again, pay(second, price));
            }
            Behavior::CancelsInPart => {
                self.later(soon, pay(payer, part));
                let at = soon + self.rng.below(4);
                self.later(at, Action::Cancel { reservation: id });
            }
            Behavior::CancelsAndPays => {
                self.later(soon, Action::Cancel { reservation: id });
                let at = soon + self.rng.below(3);
                self.later(at, pay(payer, price));
            }
            Behavior::Through => self.later(soon, Action::Through { who: payer, to, amount: price }),
            Behavior::Leaves | Behavior::Distrusts => {
                let who = self.leaver();
                let whole = self.rng.chance(300);
                let amount = if whole { price.checked_add(part).unwrap_or(price) } else { part };
                self.later(soon, pay(who.clone(), amount));
                let at = soon + 1 + self.rng.below(window);
                if case.behavior == Behavior::Leaves {
                    self.later(at, Action::Leave { who });
                } else {
                    self.later(at, Action::Distrust { who: who.clone() });
                    if self.rng.chance(600) {
                        let back = at + self.rng.between(5, 60);
                        self.later(back, Action::Trust { who: who.clone() });
                        self.later(back + 10, Action::Claim { who });
                    }
                }
            }
            Behavior::Dust => {
                self.later(soon, pay(payer, price));
                for _ in 0..self.rng.between(1, 5) {
                    let who = self.payer();
                    let at = soon + self.rng.between(2, 40);
                    let amount = Stroops::new(1).unwrap_or(Stroops::ZERO);
                    let asset = if self.rng.chance(300) { Asset::Native } else { asset };
                    self.later(at, Action::Pay { who, id: None, to, asset, amount });
                }
            }
            Behavior::FrozenEscrow => {
                self.later(soon, pay(payer, price));
                let at = soon + self.rng.below(3);
                self.later(at, Action::FreezeEscrow { reservation: id, account: to, frozen: true });
                if self.rng.chance(600) {
                    let thawed = at + self.rng.between(3, 60);
                    self.later(thawed, Action::FreezeEscrow { reservation: id, account: to, frozen: false });
                }
            }
            Behavior::FrozenPayer => {
                self.later(soon, pay(payer.clone(), part));
                let at = soon + 1 + self.rng.below(window);
                self.later(at, Action::Freeze { who: payer.clone(), frozen: true });
                let thawed = at + self.rng.between(5, 60);
                self.later(thawed, Action::Freeze { who: payer, frozen: false });
            }
            Behavior::FarmerAway => {
                self.later(now, Action::Distrust { who: FARMER.to_owned() });
                self.later(soon, pay(payer, price));
                let back = soon + self.rng.between(3, 30);
                self.later(back, Action::Trust { who: FARMER.to_owned() });
                let claimed = back + self.rng.between(1, 20);
                if self.rng.chance(700) {
                    self.later(claimed, Action::Claim { who: FARMER.to_owned() });
                }
            }
            Behavior::TakenBack => {
                let (second, excess) = (self.payer(), self.rng.chance(500));
                let rest = price.checked_sub(part).unwrap_or(price);
                let more = self.part(price);
                let last = if excess { rest.checked_add(more).unwrap_or(rest) } else { rest };
                let complete = soon + self.rng.below(6);
                self.later(soon, pay(payer, part));
                self.later(complete, pay(second, last));
                let at = soon + 1 + self.rng.below(complete - soon + 5);
                self.take_back(at, to);
                if self.rng.chance(300) {
                    let again = at + self.rng.between(1, 20);
                    self.take_back(again, to);
                }
                self.what_becomes_of_what_is_short(at, id);
            }
            Behavior::TakenBackInPart => {
                let (second, leaver) = (self.payer(), self.leaver());
                let leaves = self.rng.chance(500);
                let last = if leaves { leaver.clone() } else { second };
                let rest = self.part(part);
                let (more, late) = (self.rng.below(6), window + self.rng.between(2, 20));
                self.later(soon, pay(payer.clone(), part));
                self.later(soon + more, pay(last, rest));
                if leaves {
                    let at = soon + more + self.rng.between(1, window);
                    self.later(at, Action::Distrust { who: leaver.clone() });
                    if self.rng.chance(600) {
                        self.later(at + window, Action::Trust { who: leaver });
                    }
                }
                if self.rng.chance(300) {
                    let tip = self.part(price);
                    self.later(now + late, pay(payer, tip));
                }
                let at = soon + 1 + self.rng.below(window + 30);
                self.take_back(at, to);
                if self.rng.chance(400) {
                    let again = soon + 1 + self.rng.below(window + 30);
                    self.take_back(again, to);
                }
            }
            Behavior::MergedInto => {
                let merger = self.merger();
                match self.rng.below(3) {
                    0 => self.later(soon, pay(payer, price)),
                    1 => self.later(soon, pay(merger.clone(), part)),
                    _ => {}
                }
                let at = soon + 1 + self.rng.below(window + 20);
                self.later(at, Action::MergeInto { who: merger, to });
                if self.rng.chance(500) {
                    let decided = at + self.rng.between(2, 40);
                    let back = self.payer();
                    self.later(decided, Action::Decide { account: to, back });
                }
            }
            Behavior::Nothing => {}
        }
    }

    /// An issuer takes back a part of what an account has then, or all of it.
    fn take_back(&mut self, at: u64, from: AccountId) {
        let per_mille = if self.rng.chance(150) { WHOLE } else { self.rng.between(1, WHOLE) };
        self.later(at, Action::TakeBack { from, per_mille });
    }

    /// Somebody makes up for what was taken back, or an operator decides, or nobody does anything.
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
            self.take_back(at, to);
        }
        Action::Pay { who, id: None, to, asset: self.tft, amount }
    }
}
