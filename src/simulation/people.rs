//! Who is in a run, and what comes into their minds.
//!
//! People act on the ledger directly, a ledger at a time, and know of a reservation only what its customer was told.

mod habits;

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use jiff::Timestamp;

pub(super) use habits::Habit;

use super::dice::Dice;
use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::ids::{ClaimableId, LedgerSeq, ReservationId, TxHash};
use crate::domain::money::Stroops;
use crate::domain::reservation::Reservation;
use farmgate_sandbox::Sandbox;
use farmgate_sandbox::faucet::{Gift, GiftError};
use farmgate_sandbox::network::account_of_key;
use farmgate_sandbox::operations::Operation;
use farmgate_sandbox::submission::SubmitError;
use farmgate_sandbox::wallet::Wallet;

/// The people who are always there.
pub(super) const PLATFORM: &str = "platform";
pub(super) const FOUNDATION: &str = "foundation";
pub(super) const FARMER: &str = "farmer";
const MARKET: &str = "market";
/// Who funds the platform.
pub(super) const TREASURY: &str = "treasury";
/// Customers who stay.
const CUSTOMERS: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];
/// Payers who leave at the worst moment.
const LEAVERS: [&str; 4] = ["lea", "leo", "lex", "lou"];
/// Payers who merge their accounts into ours.
const MERGERS: [&str; 5] = ["mia", "moe", "max", "may", "mo"];
/// What the treasury gives a poor platform.
const FUNDING: Stroops = Stroops::from_units(5_000);
/// Tokens that each payer begins with.
const PURSE: Stroops = Stroops::from_units(100_000);
/// What the market offers.
const STOCK: Stroops = Stroops::from_units(10_000_000);
/// How often an errand is tried while its owner's last transaction waits.
const ERRAND_TRIES_MAX: u8 = 12;

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
    /// True once an operator decided that its money goes back.
    pub(super) given_up: bool,
}

/// What a customer wants to order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// Capacity on a node that costs something.
    Plain,
    /// Capacity on a free node, for play money.
    Play,
    /// Capacity on a node that costs something, for play money.
    PlayOnPaid,
    /// More of a pool, or the same for longer.
    Extension,
}

/// Something to do in some ledger.
#[derive(Debug, Clone)]
pub(super) enum Errand {
    /// A customer orders.
    Open {
        habit: Habit,
        wish: Wish,
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
    /// An issuer takes back so many thousandths of what an account has.
    TakeBack {
        from: AccountId,
        per_mille: u64,
    },
    /// Pays what a reservation's account lacks, and something more.
    Fill {
        who: String,
        reservation: ReservationId,
        more: Stroops,
    },
    /// An operator decides about a reservation that is held: its money goes back, or it is settled.
    Resolve {
        reservation: ReservationId,
        refund: bool,
    },
    /// Merges an account into an escrow account.
    MergeInto {
        who: String,
        to: AccountId,
    },
    /// An operator says to whom the money goes that a merge brought to an account.
    Decide {
        account: AccountId,
        back: String,
    },
}

/// What is to be done, by ledger.
pub(super) struct People {
    sandbox: Sandbox,
    pub(super) dice: Dice,
    pub(super) tft: Asset,
    pub(super) tfta: Asset,
    /// What is given away.
    pub(super) play: Asset,
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
        let (tft, tfta, play) = (sandbox.asset("TFT")?, sandbox.asset("TFTA")?, sandbox.asset("FreeTFT")?);
        let issuer = sandbox.with_ledger(|ledger| ledger.keys().issuer("TFT").cloned())?;
        Some(Self { sandbox, dice, tft, tfta, play, issuer, plans: BTreeMap::new(), window_ledgers })
    }

    fn everybody() -> impl Iterator<Item = &'static str> {
        let always = [PLATFORM, FOUNDATION, FARMER, MARKET, TREASURY];
        always.into_iter().chain(CUSTOMERS).chain(LEAVERS).chain(MERGERS)
    }

    /// Gives everybody an account, trust lines and money, and leaves the platform with so many XLM if that is told; closes the
    /// ledgers that takes.
    pub(super) fn arrive(
        &self,
        platform_xlm: Option<Stroops>,
        mut close: impl FnMut(),
    ) -> Result<(), String> {
        let failed = |error: GiftError| error.to_string();
        for name in Self::everybody() {
            self.sandbox.give(Gift::Account(account(name))).map_err(failed)?;
        }
        close();
        for name in Self::everybody().filter(|name| *name != PLATFORM) {
            let key = key(name).ok_or_else(|| format!("{name} is no name"))?;
            let limit = Stroops::MAX;
            let acts = [self.tft, self.tfta, self.play].map(|asset| Operation::Trust { asset, limit });
            self.sandbox.act(&key, &acts).map_err(|error| error.to_string())?;
        }
        self.sandbox.act(&self.issuer, &[Operation::EnableClawback]).map_err(|error| error.to_string())?;
        close();
        for name in CUSTOMERS.into_iter().chain(LEAVERS).chain(MERGERS).chain([MARKET]) {
            let amount = if name == MARKET { STOCK } else { PURSE };
            for code in ["TFT", "TFTA", "FreeTFT"] {
                let code = code.parse().map_err(|_| "no code".to_owned())?;
                self.sandbox.give(Gift::Tokens { code, to: account(name).into(), amount }).map_err(failed)?;
            }
        }
        close();
        let key = key(MARKET).ok_or_else(|| format!("{MARKET} is no name"))?;
        let offer = Operation::SellOffer { selling: self.tft, amount: STOCK, buying: self.tfta, price: 1 };
        self.sandbox.act(&key, &[offer]).map_err(|error| error.to_string())?;
        if let Some(left) = platform_xlm {
            self.impoverish(left)?;
        }
        close();
        Ok(())
    }

    fn impoverish(&self, left: Stroops) -> Result<(), String> {
        let has = self.sandbox.balance(account(PLATFORM), &Asset::Native).unwrap_or(Stroops::ZERO);
        let amount = has.checked_sub(left).map_err(|error| error.to_string())?;
        let to = Address::Account(account(TREASURY));
        let key = key(PLATFORM).ok_or_else(|| format!("{PLATFORM} is no name"))?;
        let pay = Operation::Pay { to, asset: Asset::Native, amount };
        self.sandbox.act(&key, &[pay]).map(drop).map_err(|error| error.to_string())
    }

    /// Draws what happens in a run of so many ledgers, so far as it does not depend on reservations.
    pub(super) fn plan(&mut self, orders: u64, ledgers: u64) {
        for _ in 0..orders {
            let at = self.dice.below(ledgers * 2 / 3);
            let habit = self.dice.pick(&habits::HABITS).copied().unwrap_or(Habit::Exact);
            let wish = match self.dice.below(100) {
                0..12 => Wish::Play,
                12..16 => Wish::PlayOnPaid,
                16..36 => Wish::Extension,
                _ => Wish::Plain,
            };
            self.later(at, Errand::Open { habit, wish });
        }
        if self.dice.chance(300) {
            let at = self.dice.below(ledgers);
            self.later(at, Errand::Stray);
        }
    }

    /// The treasury funds the platform.
    pub(super) fn fund_platform(&mut self, at: u64) {
        let (to, amount) = (account(PLATFORM), FUNDING);
        let who = TREASURY.to_owned();
        self.later(at, Errand::Pay { who, id: None, to, asset: Asset::Native, amount });
    }

    /// Who has a balance to claim decides whether to do so, at one of these ledgers or never.
    pub(super) fn claim_or_not(&mut self, ledgers: [u64; 2]) {
        for who in Self::everybody().filter(|who| *who != PLATFORM) {
            if self.sandbox.claimable_by(account(who)).is_empty() {
                continue;
            }
            let Some(at) = self.dice.pick(&[None, Some(ledgers[0]), Some(ledgers[1])]).copied().flatten()
            else {
                continue;
            };
            self.later(at, Errand::Trust { who: who.to_owned() });
            self.later(at + 2, Errand::Claim { who: who.to_owned() });
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

    fn merger(&mut self) -> String {
        self.dice.pick(&MERGERS).copied().unwrap_or(MERGERS[0]).to_owned()
    }

    /// A part of an amount, never all and never nothing.
    fn part(&mut self, whole: Stroops) -> Stroops {
        let most = u64::try_from(whole.get() - 1).unwrap_or(1).max(1);
        let part = self.dice.between(1, most);
        i64::try_from(part).ok().and_then(|part| Stroops::new(part).ok()).unwrap_or(whole)
    }

    /// Does what only the ledger needs to know of; `None` if there was nothing to do.
    pub(super) fn run(&self, errand: &Errand) -> Result<Option<TxHash>, SubmitError> {
        let done = match errand {
            Errand::Pay { who, id, to, asset, amount } => {
                let act = Operation::Pay { to: Address::Account(*to), asset: *asset, amount: *amount };
                self.by(who, *id, &[act])
            }
            Errand::Through { who, to, amount } => {
                let most = Stroops::new(amount.get().saturating_mul(2)).unwrap_or(*amount);
                let pay = Operation::PathPayment {
                    to: Address::Account(*to),
                    send: self.tfta,
                    send_max: most,
                    asset: self.tft,
                    amount: *amount,
                };
                self.by(who, None, &[pay])
            }
            Errand::Distrust { who } => self.by(who, None, &self.closing(account(who), &[self.tft])),
            Errand::Trust { who } => {
                self.by(who, None, &[Operation::Trust { asset: self.tft, limit: Stroops::MAX }])
            }
            Errand::Leave { who } => {
                let mut acts = self.closing(account(who), &[self.tft, self.tfta, self.play]);
                acts.push(Operation::Merge { into: account(FOUNDATION) });
                self.by(who, None, &acts)
            }
            Errand::Freeze { who, frozen } => {
                let freeze = Operation::Freeze { account: account(who), asset: self.tft, frozen: *frozen };
                self.sandbox.act(&self.issuer, &[freeze])
            }
            Errand::FreezeEscrow { account, frozen, .. } => {
                let freeze = Operation::Freeze { account: *account, asset: self.tft, frozen: *frozen };
                self.sandbox.act(&self.issuer, &[freeze])
            }
            Errand::Claim { who } => {
                let acts: Vec<Operation> = self
                    .claimable_by(account(who))
                    .into_iter()
                    .map(|balance| Operation::Claim(balance.into()))
                    .collect();
                if acts.is_empty() {
                    return Ok(None);
                }
                self.by(who, None, &acts)
            }
            Errand::TakeBack { from, per_mille } => {
                let held = self.sandbox.balance(*from, &self.tft).unwrap_or(Stroops::ZERO).get();
                let taken = i128::from(held) * i128::from(*per_mille) / 1_000;
                let taken = i64::try_from(taken).ok().and_then(|taken| Stroops::new(taken).ok());
                let Some(amount) = taken.filter(|taken| !taken.is_zero()) else { return Ok(None) };
                self.sandbox
                    .act(&self.issuer, &[Operation::Clawback { from: *from, asset: self.tft, amount }])
            }
            Errand::MergeInto { who, to } => {
                let mut acts = self.closing(account(who), &[self.tft, self.tfta, self.play]);
                acts.push(Operation::Merge { into: *to });
                self.by(who, None, &acts)
            }
            Errand::Open { .. }
            | Errand::Cancel { .. }
            | Errand::Stray
            | Errand::Fill { .. }
            | Errand::Resolve { .. }
            | Errand::Decide { .. } => return Ok(None),
        };
        done.map(Some)
    }

    fn by(&self, who: &str, id: Option<u64>, acts: &[Operation]) -> Result<TxHash, SubmitError> {
        let key = key(who).ok_or(SubmitError::NoAccount { account: AccountId([0; 32]) })?;
        self.sandbox.act_as(&key, id, acts)
    }

    /// What it takes to be rid of these assets.
    fn closing(&self, who: AccountId, assets: &[Asset]) -> Vec<Operation> {
        let mut acts = Vec::new();
        for asset in assets {
            let (Some(held), Some(issuer)) = (self.sandbox.balance(who, asset), asset.issuer()) else {
                continue;
            };
            if !held.is_zero() {
                acts.push(Operation::Pay { to: Address::Account(issuer), asset: *asset, amount: held });
            }
            acts.push(Operation::Trust { asset: *asset, limit: Stroops::ZERO });
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
