//! The actors of a run: who they are, how they behave, and what they do.
//!
//! Actors act on the ledger directly, a ledger at a time, and know of a reservation only what its customer
//! was told.

mod action;
mod arrival;
mod behavior;
mod cast;
mod ledger_actions;
mod payment_plans;
mod troubled_payments;

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use jiff::Timestamp;

pub(super) use action::{Action, Wish};
use behavior::BEHAVIORS;
pub(super) use behavior::Behavior;
use cast::{CUSTOMERS, LEAVERS, MERGERS, everybody};
pub(super) use cast::{FARMER, FOUNDATION, PLATFORM, TREASURY, account, key};

use super::rng::Rng;
use crate::domain::asset::Asset;
use crate::domain::ids::LedgerSeq;
use crate::domain::money::Stroops;
use crate::domain::reservation::Reservation;
use farmgate_sandbox::Sandbox;

/// What the treasury gives a poor platform.
const FUNDING: Stroops = Stroops::from_units(5_000);
/// How often an action is tried while its owner's last transaction waits.
const ACTION_TRIES_MAX: u8 = 12;

/// A reservation as its customer knows it.
pub(super) struct Case {
    pub(super) reservation: Reservation,
    pub(super) behavior: Behavior,
    /// The last ledger before it was made: what came to its account until then was for nobody, as far as
    /// anybody knew.
    pub(super) opened: LedgerSeq,
    /// True once its customer asked to call it off.
    pub(super) cancelled: bool,
    /// True while its escrow account's line is frozen.
    pub(super) frozen: bool,
    /// True once an operator decided that its money goes back.
    pub(super) given_up: bool,
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

impl Actors {
    pub(super) fn new(sandbox: Sandbox, rng: Rng, window_ledgers: u64) -> Option<Self> {
        let (tft, tfta, play) = (sandbox.asset("TFT")?, sandbox.asset("TFTA")?, sandbox.asset("FreeTFT")?);
        let issuer = sandbox.with_ledger(|ledger| ledger.keys().issuer("TFT").cloned())?;
        Some(Self { sandbox, rng, tft, tfta, play, issuer, plans: BTreeMap::new(), window_ledgers })
    }

    /// Draws what happens in a run of so many ledgers, so far as it does not depend on reservations.
    pub(super) fn plan(&mut self, orders: u64, ledgers: u64) {
        for _ in 0..orders {
            let at = self.rng.below(ledgers * 2 / 3);
            let behavior = self.rng.pick(&BEHAVIORS).copied().unwrap_or(Behavior::Exact);
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
        for who in everybody().filter(|who| *who != PLATFORM) {
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
}

/// The seconds of a ledger's close, as a time.
pub(super) fn at(seconds: u64) -> Timestamp {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .unwrap_or(Timestamp::MAX)
}
