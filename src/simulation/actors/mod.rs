//! Who is in a run, and what comes into their minds.
//!
//! Actors act on the ledger directly, a ledger at a time, and know of a reservation only what its customer was told.

mod behaviors;

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use jiff::Timestamp;

pub(super) use behaviors::Behavior;

use super::rng::Rng;
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

/// The actors who are always there.
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
/// How often an action is tried while its owner's last transaction waits.
const ACTION_TRIES_MAX: u8 = 12;

/// A reservation as its customer knows it.
pub(super) struct Case {
    pub(super) reservation: Reservation,
    pub(super) behavior: Behavior,
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
pub(super) enum Action {
    /// A customer orders.
    Open {
        behavior: Behavior,
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
pub(super) struct Actors {
    sandbox: Sandbox,
    pub(super) rng: Rng,
    pub(super) tft: Asset,
    pub(super) tfta: Asset,
    /// What is given away.
    pub(super) play: Asset,
    issuer: SigningKey,
    plans: BTreeMap<u64, Vec<(Action, u8)>>,
    pub(super) window_ledgers: u64,
}

pub(super) fn key(name: &str) -> Option<SigningKey> {
    name.parse::<Wallet>().ok().map(|wallet| wallet.key().clone())
}

pub(super) fn account(name: &str) -> AccountId {
    key(name).map_or(AccountId([0; 32]), |key| account_of_key(&key))
}

impl Actors {
    pub(super) fn new(sandbox: Sandbox, rng: Rng, window_ledgers: u64) -> Option<Self> {
        let (tft, tfta, play) = (sandbox.asset("TFT")?, sandbox.asset("TFTA")?, sandbox.asset("FreeTFT")?);
        let issuer = sandbox.with_ledger(|ledger| ledger.keys().issuer("TFT").cloned())?;
        Some(Self { sandbox, rng, tft, tfta, play, issuer, plans: BTreeMap::new(), window_ledgers })
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
            let acts = [self.tft, self.tfta, self.play].map(|asset| Act::Trust { asset, limit });
            self.sandbox.act(&key, &acts).map_err(|error| error.to_string())?;
        }
        self.sandbox.act(&self.issuer, &[Act::ReserveTakingBack]).map_err(|error| error.to_string())?;
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
        let offer = Act::Offer { selling: (self.tft, STOCK), buying: self.tfta };
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
        let pay = Act::Pay { to, asset: Asset::Native, amount };
        self.sandbox.act(&key, &[pay]).map(drop).map_err(|error| error.to_string())
    }

    /// Draws what happens in a run of so many ledgers, so far as it does not depend on reservations.
    pub(super) fn plan(&mut self, orders: u64, ledgers: u64) {
        for _ in 0..orders {
            let at = self.rng.below(ledgers * 2 / 3);
            let behavior = self.rng.pick(&behaviors::BEHAVIORS).copied().unwrap_or(Behavior::Exact);
            let wish = match self.rng.below(100) {
                0..12 => Wish::Play,
                12..16 => Wish::PlayOnPaid,
                16..36 => Wish::Extension,
                _ => Wish::Plain,
            };
            self.later(at, Action::Open { behavior, wish });
        }
        if self.rng.chance(300) {
            let at = self.rng.below(ledgers);
            self.later(at, Action::Stray);
        }
    }

    /// The treasury funds the platform.
    pub(super) fn fund_platform(&mut self, at: u64) {
        let (to, amount) = (account(PLATFORM), FUNDING);
        let who = TREASURY.to_owned();
        self.later(at, Action::Pay { who, id: None, to, asset: Asset::Native, amount });
    }

    /// Who has a balance to claim decides whether to do so, at one of these ledgers or never.
    pub(super) fn claim_or_not(&mut self, ledgers: [u64; 2]) {
        for who in Self::everybody().filter(|who| *who != PLATFORM) {
            if self.sandbox.claimable_by(account(who)).is_empty() {
                continue;
            }
            let Some(at) = self.rng.pick(&[None, Some(ledgers[0]), Some(ledgers[1])]).copied().flatten()
            else {
                continue;
            };
            self.later(at, Action::Trust { who: who.to_owned() });
            self.later(at + 2, Action::Claim { who: who.to_owned() });
        }
    }

    fn later(&mut self, at: u64, action: Action) {
        self.plans.entry(at).or_default().push((action, 0));
    }

    /// What is due by this ledger.
    pub(super) fn due(&mut self, ledger: u64) -> Vec<(Action, u8)> {
        let later = self.plans.split_off(&(ledger + 1));
        std::mem::replace(&mut self.plans, later).into_values().flatten().collect()
    }

    /// True once nothing is left to do.
    pub(super) fn is_done(&self) -> bool {
        self.plans.is_empty()
    }

    /// Tries an action again in the next ledger, so many times.
    pub(super) fn retry(&mut self, ledger: u64, action: Action, tries: u8) {
        if tries < ACTION_TRIES_MAX {
            self.plans.entry(ledger + 1).or_default().push((action, tries + 1));
        }
    }

    fn payer(&mut self) -> String {
        self.rng.pick(&CUSTOMERS).copied().unwrap_or(CUSTOMERS[0]).to_owned()
    }

    fn leaver(&mut self) -> String {
        self.rng.pick(&LEAVERS).copied().unwrap_or(LEAVERS[0]).to_owned()
    }

    fn merger(&mut self) -> String {
        self.rng.pick(&MERGERS).copied().unwrap_or(MERGERS[0]).to_owned()
    }

    /// A part of an amount, never all and never nothing.
    fn part(&mut self, whole: Stroops) -> Stroops {
        let most = u64::try_from(whole.get() - 1).unwrap_or(1).max(1);
        let part = self.rng.between(1, most);
        i64::try_from(part).ok().and_then(|part| Stroops::new(part).ok()).unwrap_or(whole)
    }

    /// Does what only the ledger needs to know of; `None` if there was nothing to do.
    pub(super) fn run(&self, action: &Action) -> Result<Option<TxHash>, ActError> {
        let done = match action {
            Action::Pay { who, id, to, asset, amount } => {
                let act = Act::Pay { to: Address::Account(*to), asset: *asset, amount: *amount };
                self.by(who, *id, &[act])
            }
            Action::Through { who, to, amount } => {
                let most = Stroops::new(amount.get().saturating_mul(2)).unwrap_or(*amount);
                let (spent, arrives) = ((self.tfta, most), (self.tft, *amount));
                self.by(who, None, &[Act::PayThrough { to: Address::Account(*to), spent, arrives }])
            }
            Action::Distrust { who } => self.by(who, None, &self.closing(account(who), &[self.tft])),
            Action::Trust { who } => {
                self.by(who, None, &[Act::Trust { asset: self.tft, limit: Stroops::MAX }])
            }
            Action::Leave { who } => {
                let mut acts = self.closing(account(who), &[self.tft, self.tfta, self.play]);
                acts.push(Act::Merge { into: account(FOUNDATION) });
                self.by(who, None, &acts)
            }
            Action::Freeze { who, frozen } => {
                let freeze = Act::Freeze { holder: account(who), asset: self.tft, frozen: *frozen };
                self.sandbox.act(&self.issuer, &[freeze])
            }
            Action::FreezeEscrow { account, frozen, .. } => {
                let freeze = Act::Freeze { holder: *account, asset: self.tft, frozen: *frozen };
                self.sandbox.act(&self.issuer, &[freeze])
            }
            Action::Claim { who } => {
                let acts: Vec<Act> = self
                    .claimable_by(account(who))
                    .into_iter()
                    .map(|balance| Act::Claim { balance })
                    .collect();
                if acts.is_empty() {
                    return Ok(None);
                }
                self.by(who, None, &acts)
            }
            Action::TakeBack { from, per_mille } => {
                let held = self.sandbox.balance(*from, &self.tft).unwrap_or(Stroops::ZERO).get();
                let taken = i128::from(held) * i128::from(*per_mille) / 1_000;
                let taken = i64::try_from(taken).ok().and_then(|taken| Stroops::new(taken).ok());
                let Some(amount) = taken.filter(|taken| !taken.is_zero()) else { return Ok(None) };
                self.sandbox.act(&self.issuer, &[Act::TakeBack { holder: *from, asset: self.tft, amount }])
            }
            Action::MergeInto { who, to } => {
                let mut acts = self.closing(account(who), &[self.tft, self.tfta, self.play]);
                acts.push(Act::Merge { into: *to });
                self.by(who, None, &acts)
            }
            Action::Open { .. }
            | Action::Cancel { .. }
            | Action::Stray
            | Action::Fill { .. }
            | Action::Resolve { .. }
            | Action::Decide { .. } => return Ok(None),
        };
        done.map(Some)
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
