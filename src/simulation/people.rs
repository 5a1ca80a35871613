//! Who is in a run, and what comes into their minds.
//!
//! People act on the ledger directly, a ledger at a time, and know of a reservation only what its customer was told.

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use jiff::Timestamp;

use super::dice::Dice;
use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::ids::{ClaimableId, LedgerSeq, ReservationId, TxHash};
use crate::domain::money::Stroops;
use crate::domain::reservation::Reservation;
use crate::sandbox::Sandbox;
use crate::sandbox::acts::{Act, ActError};
use crate::sandbox::gifts::{Gift, GiftError};
use crate::sandbox::network::account_of_key;
use crate::sandbox::wallet::Wallet;

/// The people who are always there.
pub(super) const PLATFORM: &str = "platform";
pub(super) const FOUNDATION: &str = "foundation";
pub(super) const FARMER: &str = "farmer";
const MARKET: &str = "market";
/// Customers who stay.
const CUSTOMERS: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];
/// Payers who leave at the worst moment.
const LEAVERS: [&str; 4] = ["lea", "leo", "lex", "lou"];
/// Tokens that each payer begins with.
const PURSE: Stroops = Stroops::from_units(100_000);
/// What the market offers.
const STOCK: Stroops = Stroops::from_units(10_000_000);
/// How often an errand is tried while its owner's last transaction waits.
const ERRAND_TRIES_MAX: u8 = 12;

/// How a customer goes about paying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
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
    Nothing,
}

const HABITS: [Habit; 24] = [
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
    Habit::Nothing,
];

/// A reservation as its customer knows it.
pub(super) struct Case {
    pub(super) reservation: Reservation,
    pub(super) habit: Habit,
    /// The last ledger before it was made: what came to its account until then was for nobody, as far as anybody knew.
    pub(super) opened: LedgerSeq,
    /// True once its customer asked to call it off.
    pub(super) cancelled: bool,
    /// True while its escrow account's line is frozen.
    pub(super) frozen: bool,
}

/// Something to do in some ledger.
#[derive(Debug, Clone)]
pub(super) enum Errand {
    /// A customer orders.
    Open {
        habit: Habit,
    },
    /// A customer calls it off.
    Cancel {
        reservation: ReservationId,
    },
    /// A line of an escrow account is frozen, or thawed.
    FreezeEscrow {
        reservation: ReservationId,
        account: AccountId,
        frozen: bool,
    },
    /// Pays to the escrow account of nobody yet.
    Stray,
    Pay {
        who: String,
        id: Option<u64>,
        to: AccountId,
        asset: Asset,
        amount: Stroops,
    },
    Through {
        who: String,
        to: AccountId,
        amount: Stroops,
    },
    /// Gives all tokens back and closes the trust line.
    Distrust {
        who: String,
    },
    Trust {
        who: String,
    },
    /// Closes everything and merges the account.
    Leave {
        who: String,
    },
    Freeze {
        who: String,
        frozen: bool,
    },
    /// Claims all that waits.
    Claim {
        who: String,
    },
}

/// What is to be done, by ledger.
pub(super) struct People {
    sandbox: Sandbox,
    pub(super) dice: Dice,
    pub(super) tft: Asset,
    pub(super) tfta: Asset,
    issuer: SigningKey,
    plans: BTreeMap<u64, Vec<(Errand, u8)>>,
    pub(super) window_ledgers: u64,
}

pub(super) fn key(name: &str) -> Option<SigningKey> {
    name.parse::<Wallet>().ok().map(|wallet| wallet.key().clone())
}

pub(super) fn account(name: &str) -> AccountId {
    key(name).map_or(AccountId([0; 32]), |key| account_of_key(&key))
}

impl People {
    pub(super) fn new(sandbox: Sandbox, dice: Dice, window_ledgers: u64) -> Option<Self> {
        let (tft, tfta) = (sandbox.asset("TFT")?, sandbox.asset("TFTA")?);
        let issuer = sandbox.with_ledger(|ledger| ledger.keys().issuer("TFT").cloned())?;
        Some(Self { sandbox, dice, tft, tfta, issuer, plans: BTreeMap::new(), window_ledgers })
    }

    fn everybody() -> impl Iterator<Item = &'static str> {
        [PLATFORM, FOUNDATION, FARMER, MARKET].into_iter().chain(CUSTOMERS).chain(LEAVERS)
    }

    /// Gives everybody an account, trust lines and money; closes the ledgers that takes.
    pub(super) fn arrive(&self, mut close: impl FnMut()) -> Result<(), String> {
        let failed = |error: GiftError| error.to_string();
        for name in Self::everybody() {
            self.sandbox.give(Gift::Account(account(name))).map_err(failed)?;
        }
        close();
        for name in Self::everybody().filter(|name| *name != PLATFORM) {
            let key = key(name).ok_or_else(|| format!("{name} is no name"))?;
            let limit = Stroops::MAX;
            let acts = [Act::Trust { asset: self.tft, limit }, Act::Trust { asset: self.tfta, limit }];
            self.sandbox.act(&key, &acts).map_err(|error| error.to_string())?;
        }
        self.sandbox.act(&self.issuer, &[Act::ReserveFreezing]).map_err(|error| error.to_string())?;
        close();
        for name in CUSTOMERS.into_iter().chain(LEAVERS).chain([MARKET]) {
            let amount = if name == MARKET { STOCK } else { PURSE };
            for code in ["TFT", "TFTA"] {
                let code = code.parse().map_err(|_| "no code".to_owned())?;
                self.sandbox.give(Gift::Tokens { code, to: account(name).into(), amount }).map_err(failed)?;
            }
        }
        close();
        let key = key(MARKET).ok_or_else(|| format!("{MARKET} is no name"))?;
        let offer = Act::Offer { selling: (self.tft, STOCK), buying: self.tfta };
        self.sandbox.act(&key, &[offer]).map_err(|error| error.to_string())?;
        close();
        Ok(())
    }

    /// Draws what happens in a run of so many ledgers, so far as it does not depend on reservations.
    pub(super) fn plan(&mut self, orders: u64, ledgers: u64) {
        for _ in 0..orders {
            let at = self.dice.below(ledgers * 2 / 3);
            let habit = self.dice.pick(&HABITS).copied().unwrap_or(Habit::Exact);
            self.later(at, Errand::Open { habit });
        }
        if self.dice.chance(300) {
            let at = self.dice.below(ledgers);
            self.later(at, Errand::Stray);
        }
    }

    fn later(&mut self, at: u64, errand: Errand) {
        self.plans.entry(at).or_default().push((errand, 0));
    }

    /// What is due by this ledger.
    pub(super) fn due(&mut self, ledger: u64) -> Vec<(Errand, u8)> {
        let later = self.plans.split_off(&(ledger + 1));
        std::mem::replace(&mut self.plans, later).into_values().flatten().collect()
    }

    /// True once nothing is left to do.
    pub(super) fn is_done(&self) -> bool {
        self.plans.is_empty()
    }

    /// Tries an errand again in the next ledger, so many times.
    pub(super) fn again(&mut self, ledger: u64, errand: Errand, tries: u8) {
        if tries < ERRAND_TRIES_MAX {
            self.plans.entry(ledger + 1).or_default().push((errand, tries + 1));
        }
    }

    fn payer(&mut self) -> String {
        self.dice.pick(&CUSTOMERS).copied().unwrap_or(CUSTOMERS[0]).to_owned()
    }

    fn leaver(&mut self) -> String {
        self.dice.pick(&LEAVERS).copied().unwrap_or(LEAVERS[0]).to_owned()
    }

    /// A part of an amount, never all and never nothing.
    fn part(&mut self, whole: Stroops) -> Stroops {
        let most = u64::try_from(whole.get() - 1).unwrap_or(1).max(1);
        let part = self.dice.between(1, most);
        i64::try_from(part).ok().and_then(|part| Stroops::new(part).ok()).unwrap_or(whole)
    }

    /// Plans how a reservation is paid that was opened in this ledger.
    pub(super) fn pay_for(&mut self, now: u64, case: &Case) {
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
                let wrong = if asset == self.tft { self.tfta } else { self.tft };
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
                self.later(claimed, Errand::Claim { who: FARMER.to_owned() });
            }
            Habit::Nothing => {}
        }
    }

    /// Does what only the ledger needs to know of; what it came to, as text.
    pub(super) fn run(&self, errand: &Errand) -> Result<TxHash, ActError> {
        match errand {
            Errand::Pay { who, id, to, asset, amount } => {
                let act = Act::Pay { to: Address::Account(*to), asset: *asset, amount: *amount };
                self.by(who, *id, &[act])
            }
            Errand::Through { who, to, amount } => {
                let most = Stroops::new(amount.get().saturating_mul(2)).unwrap_or(*amount);
                let (spent, arrives) = ((self.tfta, most), (self.tft, *amount));
                self.by(who, None, &[Act::PayThrough { to: Address::Account(*to), spent, arrives }])
            }
            Errand::Distrust { who } => self.by(who, None, &self.closing(account(who), &[self.tft])),
            Errand::Trust { who } => {
                self.by(who, None, &[Act::Trust { asset: self.tft, limit: Stroops::MAX }])
            }
            Errand::Leave { who } => {
                let mut acts = self.closing(account(who), &[self.tft, self.tfta]);
                acts.push(Act::Merge { into: account(FOUNDATION) });
                self.by(who, None, &acts)
            }
            Errand::Freeze { who, frozen } => {
                let freeze = Act::Freeze { holder: account(who), asset: self.tft, frozen: *frozen };
                self.sandbox.act(&self.issuer, &[freeze])
            }
            Errand::FreezeEscrow { account, frozen, .. } => {
                let freeze = Act::Freeze { holder: *account, asset: self.tft, frozen: *frozen };
                self.sandbox.act(&self.issuer, &[freeze])
            }
            Errand::Claim { who } => {
                let acts: Vec<Act> = self
                    .claimable_by(account(who))
                    .into_iter()
                    .map(|balance| Act::Claim { balance })
                    .collect();
                self.by(who, None, &acts)
            }
            Errand::Open { .. } | Errand::Cancel { .. } | Errand::Stray => {
                Err(ActError::NoAccount { account: AccountId([0; 32]) })
            }
        }
    }

    /// A stray payment to an account that nobody was told of.
    pub(super) fn stray(&mut self, to: AccountId) -> Errand {
        let (who, amount) = (self.payer(), self.part(Stroops::from_units(20)));
        Errand::Pay { who, id: None, to, asset: self.tft, amount }
    }

    fn by(&self, who: &str, id: Option<u64>, acts: &[Act]) -> Result<TxHash, ActError> {
        let key = key(who).ok_or(ActError::NoAccount { account: AccountId([0; 32]) })?;
        self.sandbox.act_as(&key, id, acts)
    }

    /// What it takes to be rid of these assets.
    fn closing(&self, who: AccountId, assets: &[Asset]) -> Vec<Act> {
        let mut acts = Vec::new();
        for asset in assets {
            let (Some(held), Some(issuer)) = (self.sandbox.balance(who, asset), asset.issuer()) else {
                continue;
            };
            if !held.is_zero() {
                acts.push(Act::Pay { to: Address::Account(issuer), asset: *asset, amount: held });
            }
            acts.push(Act::Trust { asset: *asset, limit: Stroops::ZERO });
        }
        acts
    }

    fn claimable_by(&self, who: AccountId) -> Vec<ClaimableId> {
        self.sandbox.claimable_by(who)
    }
}

/// The seconds of a ledger's close, as a time.
pub(super) fn at(seconds: u64) -> Timestamp {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .unwrap_or(Timestamp::MAX)
}
