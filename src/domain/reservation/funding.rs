//! What a reservation was paid, what its account lacks of it, and the pauses between two looks at it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::asset::Asset;
use crate::domain::money::Stroops;
use crate::domain::payment::PaymentId;

/// First pause before a held reservation is looked at, in seconds; it doubles up to the largest.
const PAUSE_SECONDS_MIN: i64 = 60;
const PAUSE_SECONDS_MAX: i64 = 86_400;

/// What made a reservation funded.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Funding {
    /// The option that was covered, by its asset.
    pub asset: Asset,
    /// What the option asks: what the settlement pays out.
    pub amount: Stroops,
    /// The payment that completed it; `None` for a price of zero.
    pub payment: Option<PaymentId>,
    /// When that payment's ledger closed (for a price of zero: when it was accepted).
    pub at: Timestamp,
    /// How often its settlement was held, or looked at in vain while it was: the pauses between double.
    #[serde(default, skip_serializing_if = "is_never")]
    pub tries: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_never(times: &u32) -> bool {
    *times == 0
}

/// What the account of a held reservation has too little of; never zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lack {
    /// In what: the asset that funded it.
    pub asset: Asset,
    /// How much, in stroops.
    pub amount: Stroops,
}

impl Lack {
    /// What is missing of `funding` where an account holds `held` of its asset; `None` if nothing is.
    pub fn of(funding: &Funding, held: Stroops) -> Option<Self> {
        let amount = funding.amount.checked_sub(held).ok().filter(|amount| !amount.is_zero())?;
        Some(Self { asset: funding.asset, amount })
    }
}

/// When something is looked at again that did not work for the `tries`th time.
pub(super) fn next_look(at: Timestamp, tries: u32) -> Timestamp {
    let doublings = tries.saturating_sub(1).min(PAUSE_SECONDS_MAX.ilog2());
    let pause_seconds = (PAUSE_SECONDS_MIN << doublings).min(PAUSE_SECONDS_MAX);
    at.checked_add(SignedDuration::from_secs(pause_seconds)).unwrap_or(Timestamp::MAX)
}
