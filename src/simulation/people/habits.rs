//! How customers go about paying, and what their habits lead to.

use super::{Case, Errand, FARMER, People};
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
pub(in crate::simulation) enum Habit {
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

pub(super) const HABITS: [Habit; 30] = [
    Habit::Exact,
    Habit::Exact,
    Habit::Exact,
    Habit::Part,
    Habit::Over,
    Habit::Late,
    Habit::AtTheDeadline,
    Habit::WrongAsset,
    Habit::Lumens,
    Habit::Several,
    Habit::Several,
    Habit::Several,
    Habit::SubAccount,
    Habit::Twice,
    Habit::CancelsInPart,
    Habit::CancelsAndPays,
    Habit::Through,
    Habit::Leaves,
    Habit::Distrusts,
    Habit::Dust,
    Habit::FrozenEscrow,
    Habit::FrozenPayer,
    Habit::FarmerAway,
    Habit::TakenBack,
    Habit::TakenBack,
    Habit::TakenBackInPart,
    Habit::TakenBackInPart,
    Habit::MergedInto,
    Habit::MergedInto,
    Habit::Nothing,
];

impl People {
    /// Plans how a reservation is paid that was opened in this ledger.
    pub(in crate::simulation) fn pay_for(&mut self, now: u64, case: &Case) {
        let Some(option) = case.reservation.quote.options.first() else { return };
        let (to, asset, price) = (case.reservation.escrow, option.asset, option.amount);
        let id = case.reservation.id;
        let soon = now + self.dice.below(8);
        let window = self.window_ledgers;
        let pay = |who: String, amount: Stroops| Errand::Pay { who, id: None, to, asset, amount };
        let (payer, part) = (self.payer(), self.part(price));
        match case.habit {
            Habit::Exact => self.later(soon, pay(payer, price)),
            Habit::Part => self.later(soon, pay(payer, part)),
            Habit::Over => self.later(soon, pay(payer, price.checked_add(part).unwrap_or(price))),
            Habit::Late => {
                let at = now + window + self.dice.between(2, 20);
                self.later(at, pay(payer, price));
            }
            Habit::AtTheDeadline => {
                let at = (now + window + 2).saturating_sub(self.dice.below(5));
                self.later(at, pay(payer, price));
            }
            Habit::WrongAsset => {
                let others: Vec<Asset> =
                    [self.tft, self.tfta, self.play].into_iter().filter(|other| *other != asset).collect();
                let wrong = self.dice.pick(&others).copied().unwrap_or(self.tfta);
                let amount = part;
                self.later(soon, Errand::Pay { who: payer.clone(), id: None, to, asset: wrong, amount });
                if self.dice.chance(500) {
                    self.later(soon + 3, pay(payer, price));
                }
            }
            Habit::Lumens => {
                let amount = Stroops::from_units(3);
                self.later(
                    soon,
                    Errand::Pay { who: payer.clone(), id: None, to, asset: Asset::Native, amount },
                );
                self.later(soon + 1, pay(payer, price));
            }
            Habit::Several => {
                let rest = price.checked_sub(part).unwrap_or(price);
                let excess = if self.dice.chance(500) { self.part(price) } else { Stroops::ZERO };
                let last = rest.checked_add(excess).unwrap_or(rest);
                let missing = self.dice.chance(400);
                let (second, third) = (self.payer(), self.payer());
                let more = self.dice.below(6);
                self.later(soon, pay(payer, part));
                if !missing {
                    self.later(soon + more, pay(second.clone(), last));
                }
                let tip = self.part(price);
                let last = soon + more + self.dice.below(4);
                self.later(last, pay(third, tip));
            }
            Habit::SubAccount => {
                let amount =
                    if self.dice.chance(500) { part } else { price.checked_add(part).unwrap_or(price) };
                let sub = Some(self.dice.below(u64::MAX));
                self.later(soon, Errand::Pay { who: payer.clone(), id: sub, to, asset, amount });
                self.later(soon + 2, Errand::Pay { who: payer, id: None, to, asset, amount: part });
            }
            Habit::Twice => {
                let again = soon + self.dice.below(10);
                let second = self.payer();
                self.later(soon, pay(payer, price));
                self.later(again, pay(second, price));
            }
            Habit::CancelsInPart => {
                self.later(soon, pay(payer, part));
                let at = soon + self.dice.below(4);
                self.later(at, Errand::Cancel { reservation: id });
            }
            Habit::CancelsAndPays => {
                self.later(soon, Errand::Cancel { reservation: id });
                let at = soon + self.dice.below(3);
                self.later(at, pay(payer, price));
            }
            Habit::Through => self.later(soon, Errand::Through { who: payer, to, amount: price }),
            Habit::Leaves | Habit::Distrusts => {
                let who = self.leaver();
                let whole = self.dice.chance(300);
                let amount = if whole { price.checked_add(part).unwrap_or(price) } else { part };
                self.later(soon, pay(who.clone(), amount));
                let at = soon + 1 + self.dice.below(window);
                if case.habit == Habit::Leaves {
                    self.later(at, Errand::Leave { who });
                } else {
                    self.later(at, Errand::Distrust { who: who.clone() });
                    if self.dice.chance(600) {
                        let back = at + self.dice.between(5, 60);
                        self.later(back, Errand::Trust { who: who.clone() });
                        self.later(back + 10, Errand::Claim { who });
                    }
                }
            }
            Habit::Dust => {
                self.later(soon, pay(payer, price));
                for _ in 0..self.dice.between(1, 5) {
                    let who = self.payer();
                    let at = soon + self.dice.between(2, 40);
                    let amount = Stroops::new(1).unwrap_or(Stroops::ZERO);
                    let asset = if self.dice.chance(300) { Asset::Native } else { asset };
                    self.later(at, Errand::Pay { who, id: None, to, asset, amount });
                }
            }
            Habit::FrozenEscrow => {
                self.later(soon, pay(payer, price));
                let at = soon + self.dice.below(3);
                self.later(at, Errand::FreezeEscrow { reservation: id, account: to, frozen: true });
                if self.dice.chance(600) {
                    let thawed = at + self.dice.between(3, 60);
                    self.later(thawed, Errand::FreezeEscrow { reservation: id, account: to, frozen: false });
                }
            }
            Habit::FrozenPayer => {
                self.later(soon, pay(payer.clone(), part));
                let at = soon + 1 + self.dice.below(window);
                self.later(at, Errand::Freeze { who: payer.clone(), frozen: true });
                let thawed = at + self.dice.between(5, 60);
                self.later(thawed, Errand::Freeze { who: payer, frozen: false });
            }
            Habit::FarmerAway => {
                self.later(now, Errand::Distrust { who: FARMER.to_owned() });
                self.later(soon, pay(payer, price));
                let back = soon + self.dice.between(3, 30);
                self.later(back, Errand::Trust { who: FARMER.to_owned() });
                let claimed = back + self.dice.between(1, 20);
                if self.dice.chance(700) {
                    self.later(claimed, Errand::Claim { who: FARMER.to_owned() });
                }
            }
            Habit::TakenBack => {
                let (second, excess) = (self.payer(), self.dice.chance(500));
                let rest = price.checked_sub(part).unwrap_or(price);
                let more = self.part(price);
                let last = if excess { rest.checked_add(more).unwrap_or(rest) } else { rest };
                let complete = soon + self.dice.below(6);
                self.later(soon, pay(payer, part));
                self.later(complete, pay(second, last));
                let at = soon + 1 + self.dice.below(complete - soon + 5);
                self.take_back(at, to);
                if self.dice.chance(300) {
                    let again = at + self.dice.between(1, 20);
                    self.take_back(again, to);
                }
                self.what_becomes_of_what_is_short(at, id);
            }
            Habit::TakenBackInPart => {
                let (second, leaver) = (self.payer(), self.leaver());
                let leaves = self.dice.chance(500);
                let last = if leaves { leaver.clone() } else { second };
                let rest = self.part(part);
                let (more, late) = (self.dice.below(6), window + self.dice.between(2, 20));
                self.later(soon, pay(payer.clone(), part));
                self.later(soon + more, pay(last, rest));
                if leaves {
                    let at = soon + more + self.dice.between(1, window);
                    self.later(at, Errand::Distrust { who: leaver.clone() });
                    if self.dice.chance(600) {
                        self.later(at + window, Errand::Trust { who: leaver });
                    }
                }
                if self.dice.chance(300) {
                    let tip = self.part(price);
                    self.later(now + late, pay(payer, tip));
                }
                let at = soon + 1 + self.dice.below(window + 30);
                self.take_back(at, to);
                if self.dice.chance(400) {
                    let again = soon + 1 + self.dice.below(window + 30);
                    self.take_back(again, to);
                }
            }
            Habit::MergedInto => {
                let merger = self.merger();
                match self.dice.below(3) {
                    0 => self.later(soon, pay(payer, price)),
                    1 => self.later(soon, pay(merger.clone(), part)),
                    _ => {}
                }
                let at = soon + 1 + self.dice.below(window + 20);
                self.later(at, Errand::MergeInto { who: merger, to });
                if self.dice.chance(500) {
                    let decided = at + self.dice.between(2, 40);
                    let back = self.payer();
                    self.later(decided, Errand::Decide { account: to, back });
                }
            }
            Habit::Nothing => {}
        }
    }

    /// An issuer takes back a part of what an account has then, or all of it.
    fn take_back(&mut self, at: u64, from: AccountId) {
        let per_mille = if self.dice.chance(150) { WHOLE } else { self.dice.between(1, WHOLE) };
        self.later(at, Errand::TakeBack { from, per_mille });
    }

    /// Somebody makes up for what was taken back, or an operator decides, or nobody does anything.
    fn what_becomes_of_what_is_short(&mut self, at: u64, reservation: ReservationId) {
        let soon = at + self.dice.between(3, 30);
        match self.dice.below(4) {
            0 | 1 => {
                let more = if self.dice.chance(400) { self.part(TIP) } else { Stroops::ZERO };
                let who = self.payer();
                self.later(soon, Errand::Fill { who, reservation, more });
            }
            2 => self.later(soon, Errand::Resolve { reservation, refund: true }),
            _ => {
                let asks = self.dice.chance(300);
                if asks {
                    self.later(soon, Errand::Resolve { reservation, refund: false });
                }
            }
        }
    }

    /// A stray payment to an account that nobody was told of, of which the issuer may take some back.
    pub(in crate::simulation) fn stray(&mut self, now: u64, to: AccountId) -> Errand {
        let (who, amount) = (self.payer(), self.part(TIP));
        if self.dice.chance(400) {
            let at = now + self.dice.between(2, 20);
            self.take_back(at, to);
        }
        Errand::Pay { who, id: None, to, asset: self.tft, amount }
    }
}
