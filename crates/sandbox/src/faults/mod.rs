//! Faults on demand: what the network and the servers before it do to their clients on a bad day.
//!
//! Each kind has a rate, and a number of times that it happens next whatever the rate. Whether it happens is
//! drawn from the seed, for each kind from its own stream: the same seed and the same occasions give the same
//! faults. Every one that was injected is counted.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};

/// A rate of one: always.
pub const PER_MILLE_MAX: u16 = 1_000;
/// Most ledgers that an instance can lag behind.
pub const LAG_LEDGERS_MAX: u32 = 100;
/// Longest that an answer can be held back, in milliseconds.
pub const SLOW_MS_MAX: u64 = 600_000;
/// Longest that a limited client can be told to wait, in seconds.
pub const RETRY_AFTER_SECONDS_MAX: u32 = 3_600;
/// Most that a surge can multiply the fee by.
pub const SURGE_FACTOR_MAX: u32 = 100_000;
/// The seed's streams of the ledger come first; those of the faults begin here.
const FIRST_STREAM: u64 = 1 << 40;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A submission is answered 504; the transaction lands later.
    TimeoutLands,
    /// A submission is answered 504; the transaction never lands.
    TimeoutLost,
    /// The connection is cut before the request was accepted.
    ResetBefore,
    /// The connection is cut after the transaction was accepted.
    ResetAfter,
    /// 429, with `Retry-After`.
    RateLimited,
    /// 503: the history is too old.
    StaleHistory,
    /// A request is answered as of some ledgers ago.
    LaggingHistory,
    /// The balancer moves to the other of two instances, of which the second lags: at a rate of 1,000 the
    /// two take turns.
    SecondInstance,
    /// An answer is held back.
    SlowAnswer,
    /// An answer is 200 and not what it should be.
    GarbageBody,
    /// An answer ends in the middle.
    TruncatedBody,
    /// A stream ends in the middle of an event.
    TruncatedStream,
    /// A stream sends every event twice.
    RepeatedEvents,
    /// A stream greets and says nothing more.
    SilentStream,
    /// The timer closes no ledger when it should.
    MissedLedger,
    /// A ledger takes only bids of many times the usual fee.
    FeeSurge,
    /// A transaction is accepted, and forgotten.
    DroppedTransaction,
}

impl Fault {
    /// All kinds.
    pub const ALL: [Self; 17] = [
        Self::TimeoutLands,
        Self::TimeoutLost,
        Self::ResetBefore,
        Self::ResetAfter,
        Self::RateLimited,
        Self::StaleHistory,
        Self::LaggingHistory,
        Self::SecondInstance,
        Self::SlowAnswer,
        Self::GarbageBody,
        Self::TruncatedBody,
        Self::TruncatedStream,
        Self::RepeatedEvents,
        Self::SilentStream,
        Self::MissedLedger,
        Self::FeeSurge,
        Self::DroppedTransaction,
    ];

    /// Its name in settings and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::TimeoutLands => "timeout_lands",
            Self::TimeoutLost => "timeout_lost",
            Self::ResetBefore => "reset_before",
            Self::ResetAfter => "reset_after",
            Self::RateLimited => "rate_limited",
            Self::StaleHistory => "stale_history",
            Self::LaggingHistory => "lagging_history",
            Self::SecondInstance => "second_instance",
            Self::SlowAnswer => "slow_answer",
            Self::GarbageBody => "garbage_body",
            Self::TruncatedBody => "truncated_body",
            Self::TruncatedStream => "truncated_stream",
            Self::RepeatedEvents => "repeated_events",
            Self::SilentStream => "silent_stream",
            Self::MissedLedger => "missed_ledger",
            Self::FeeSurge => "fee_surge",
            Self::DroppedTransaction => "dropped_transaction",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no fault has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no fault named `{name}`; there are {}", Fault::ALL.map(Fault::name).join(", "))]
pub struct UnknownFault {
    /// What was given.
    pub name: String,
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        let found = Self::ALL.into_iter().find(|fault| fault.name() == text);
        found.ok_or_else(|| UnknownFault { name: text.to_owned() })
    }
}

/// A fault and how often it happens, written `timeout_lands=50`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultRate {
    /// The fault.
    pub fault: Fault,
    /// How often, in thousandths, at most [`PER_MILLE_MAX`].
    pub per_mille: u16,
}

/// Why a text is no fault with its rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFaultRate {
    /// It is not two parts.
    #[error("a fault and its rate are written KIND=PER_MILLE, such as timeout_lands=50")]
    Form,
    /// No fault has this name.
    #[error(transparent)]
    Unknown(#[from] UnknownFault),
    /// No rate.
    #[error("`{rate}` is no rate: it is in thousandths, 0 to {PER_MILLE_MAX}")]
    Rate {
        /// What was given.
        rate: String,
    },
}

impl FromStr for FaultRate {
    type Err = BadFaultRate;

    fn from_str(text: &str) -> Result<Self, BadFaultRate> {
        let (name, rate) = text.split_once('=').ok_or(BadFaultRate::Form)?;
        let fault = name.parse()?;
        let per_mille = rate.parse().ok().filter(|per_mille| *per_mille <= PER_MILLE_MAX);
        let per_mille = per_mille.ok_or_else(|| BadFaultRate::Rate { rate: rate.to_owned() })?;
        Ok(Self { fault, per_mille })
    }
}

/// How bad faults are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaultParameters {
    /// How far a lagging instance is behind, in ledgers, at most [`LAG_LEDGERS_MAX`].
    pub lag_ledgers: u32,
    /// What a limited client is told to wait, in seconds, at most [`RETRY_AFTER_SECONDS_MAX`].
    pub retry_after_seconds: u32,
    /// How long a slow answer is held back, in milliseconds, at most [`SLOW_MS_MAX`].
    pub slow_ms: u64,
    /// What a surge multiplies the fee by, at most [`SURGE_FACTOR_MAX`].
    pub surge_factor: u32,
}

impl Default for FaultParameters {
    fn default() -> Self {
        Self { lag_ledgers: 3, retry_after_seconds: 2, slow_ms: 2_000, surge_factor: 10 }
    }
}

impl FaultParameters {
    fn bounded(self) -> Self {
        Self {
            lag_ledgers: self.lag_ledgers.min(LAG_LEDGERS_MAX),
            retry_after_seconds: self.retry_after_seconds.min(RETRY_AFTER_SECONDS_MAX),
            slow_ms: self.slow_ms.min(SLOW_MS_MAX),
            surge_factor: self.surge_factor.clamp(1, SURGE_FACTOR_MAX),
        }
    }
}

/// The faults that a sandbox begins with: none by default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaultSettings {
    /// How often each happens, in thousandths.
    pub per_mille: BTreeMap<Fault, u16>,
    /// How bad they are.
    pub parameters: FaultParameters,
}

#[derive(Debug)]
struct Plan {
    draws: ChaCha12Rng,
    per_mille: u16,
    next: u32,
    injected: u64,
}

impl Plan {
    fn is_on(&self) -> bool {
        self.per_mille > 0 || self.next > 0
    }
}

#[derive(Debug)]
struct Plans {
    by_kind: BTreeMap<Fault, Plan>,
    parameters: FaultParameters,
    on_second_instance: bool,
}

/// Turns faults on and off, and counts them.
#[derive(Debug)]
pub struct FaultControl {
    plans: Mutex<Plans>,
}

impl FaultControl {
    /// No fault but those of the settings.
    pub fn new(seed: u64, settings: &FaultSettings) -> Self {
        let plan = |(stream, fault): (u64, Fault)| {
            let mut draws = ChaCha12Rng::seed_from_u64(seed);
            draws.set_stream(FIRST_STREAM + stream);
            let per_mille = settings.per_mille.get(&fault).copied().unwrap_or(0).min(PER_MILLE_MAX);
            (fault, Plan { draws, per_mille, next: 0, injected: 0 })
        };
        let by_kind = (0..).zip(Fault::ALL).map(plan).collect();
        let parameters = settings.parameters.bounded();
        Self { plans: Mutex::new(Plans { by_kind, parameters, on_second_instance: false }) }
    }

    fn plans(&self) -> MutexGuard<'_, Plans> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next `n` occasions for a fault all have it.
    pub fn inject_next(&self, fault: Fault, n: u32) {
        if let Some(plan) = self.plans().by_kind.get_mut(&fault) {
            plan.next = n;
        }
    }

    /// From now on so many of a thousand occasions have the fault.
    pub fn set_rate(&self, fault: Fault, per_mille: u16) {
        if let Some(plan) = self.plans().by_kind.get_mut(&fault) {
            plan.per_mille = per_mille.min(PER_MILLE_MAX);
        }
    }

    /// Says how bad faults are from now on.
    pub fn set_parameters(&self, parameters: FaultParameters) {
        self.plans().parameters = parameters.bounded();
    }

    /// How bad faults are.
    pub fn parameters(&self) -> FaultParameters {
        self.plans().parameters
    }

    /// Turns every fault off. What was counted stays.
    pub fn clear(&self) {
        let mut plans = self.plans();
        plans.on_second_instance = false;
        for plan in plans.by_kind.values_mut() {
            (plan.per_mille, plan.next) = (0, 0);
        }
    }

    /// How often each was injected; those that never were are left out.
    pub fn counts(&self) -> BTreeMap<Fault, u64> {
        let plans = self.plans();
        let counted = plans.by_kind.iter().filter(|(_, plan)| plan.injected > 0);
        counted.map(|(fault, plan)| (*fault, plan.injected)).collect()
    }

    /// The rates in thousandths of those that are on.
    pub fn rates(&self) -> BTreeMap<Fault, u16> {
        let plans = self.plans();
        let on = plans.by_kind.iter().filter(|(_, plan)| plan.per_mille > 0);
        on.map(|(fault, plan)| (*fault, plan.per_mille)).collect()
    }

    /// How many of the next occasions each has yet to hit.
    pub fn pending(&self) -> BTreeMap<Fault, u32> {
        let plans = self.plans();
        let waiting = plans.by_kind.iter().filter(|(_, plan)| plan.next > 0);
        waiting.map(|(fault, plan)| (*fault, plan.next)).collect()
    }

    /// True if some answer may be older than the ledger.
    pub(super) fn lags(&self) -> bool {
        let plans = self.plans();
        let kinds = [Fault::LaggingHistory, Fault::SecondInstance];
        kinds.iter().any(|fault| plans.by_kind.get(fault).is_some_and(Plan::is_on))
    }

    /// Whether this occasion has the fault; one that has is counted.
    pub(super) fn strikes(&self, fault: Fault) -> bool {
        let mut plans = self.plans();
        let Some(plan) = plans.by_kind.get_mut(&fault).filter(|plan| plan.is_on()) else { return false };
        let hit = if plan.next > 0 {
            plan.next -= 1;
            true
        } else {
            plan.draws.next_u32() % u32::from(PER_MILLE_MAX) < u32::from(plan.per_mille)
        };
        plan.injected += u64::from(hit);
        hit
    }

    /// The first of several faults that this occasion has.
    pub(super) fn first_of(&self, faults: &[Fault]) -> Option<Fault> {
        faults.iter().copied().find(|fault| self.strikes(*fault))
    }

    /// How many ledgers the instance that answers this request is behind.
    pub(super) fn lag(&self) -> u32 {
        let lag = self.parameters().lag_ledgers;
        if self.strikes(Fault::LaggingHistory) {
            return lag;
        }
        let moves = self.strikes(Fault::SecondInstance);
        let mut plans = self.plans();
        plans.on_second_instance ^= moves;
        if plans.on_second_instance { lag } else { 0 }
    }
}
