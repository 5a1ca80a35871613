//! What is delivered by a claimable balance, and what is not: each locks reserves of the platform's for
//! up to 180 days, so nobody may have more of them made than a bound.
//!
//! A return becomes one if it is worth it, by its currency's rate, and returns do not stand in too many
//! already; else it stays owed. XLM never does: who has an account can take it, and who has none gets
//! it as soon as there is one. A leg of a settlement becomes one whatever it is worth, since the settlement
//! is whole or not at all; but a farm that leaves too many unclaimed gets no more: its settlement is called
//! off, and the money goes back.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::accounts::platform;
use crate::domain::address::Address;
use crate::domain::asset::Asset;
use crate::domain::claimable::FARM_CLAIMABLES_MAX;
use crate::domain::currency::least_worth;
use crate::domain::transfer::{Transfer, TransferKind};
use crate::ports::store::{LIST_ROWS_MAX, Tx};
use crate::settlement::memory::Memory;
use crate::settlement::{EngineError, Settings};

/// The bounds that settings give.
#[derive(Debug, Clone, Copy)]
pub(in crate::settlement) struct ClaimablePolicy {
    return_usd_min: Decimal,
    returns_max: u32,
}

/// What becomes of a transfer whose recipient cannot receive a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::settlement) enum Fallback {
    /// A claimable balance.
    ClaimableBalance,
    /// It stays owed: it is not worth one, or nobody can say so.
    Owed,
    /// It stays owed: returns stand in as many as they may.
    TooManyReturns,
    /// Its settlement is called off: its farm leaves too many unclaimed.
    TooManyOfItsFarm,
}

impl ClaimablePolicy {
    pub(in crate::settlement) const fn of(settings: &Settings) -> Self {
        Self {
            return_usd_min: settings.refund_claimable_min_usd,
            returns_max: settings.refund_claimables_max,
        }
    }
}

/// For how long no claimable balance is made after the platform had no reserve for one.
const RESERVE_PAUSE: SignedDuration = SignedDuration::from_mins(10);

/// Until when no claimable balance is made, since the platform has no reserve to spare.
#[derive(Default)]
pub(in crate::settlement) struct ReservePause(Memory<Option<Timestamp>>);

impl ReservePause {
    pub(in crate::settlement) fn begin(&self, now: Timestamp) {
        tracing::error!("the platform has no reserve to spare; no claimable balance is made for a while");
        *self.0.lock() = now.checked_add(RESERVE_PAUSE).ok();
    }

    pub(in crate::settlement) fn lasts(&self, now: Timestamp) -> bool {
        self.0.lock().is_some_and(|until| now < until)
    }
}

/// What the engine reports while returns wait because of the bound.
pub(in crate::settlement) fn too_many_returns(max: u32) -> String {
    format!("returns stand in {max} claimable balances, as many as they may; further ones wait")
}

/// What becomes of a pending transfer whose recipient cannot receive a payment, counting what became
/// of others before.
pub(in crate::settlement) async fn fallback(
    tx: &mut dyn Tx,
    transfer: &Transfer,
    policy: ClaimablePolicy,
    now: Timestamp,
) -> Result<Fallback, EngineError> {
    match transfer.kind {
        TransferKind::Leg { farm: None, .. } => Ok(Fallback::ClaimableBalance),
        TransferKind::Leg { farm: Some(farm), .. } => {
            let of = match transfer.reservation {
                Some(reservation) => tx.reservation(reservation).await?,
                None => None,
            };
            let tenant = of.map(|reservation| reservation.tenant).unwrap_or_default();
            let stand = tx.claimables_of_farm(&tenant, farm, transfer.asset).await?;
            let full = stand >= u64::from(FARM_CLAIMABLES_MAX);
            Ok(if full { Fallback::TooManyOfItsFarm } else { Fallback::ClaimableBalance })
        }
        TransferKind::Repayment { .. } => Ok(Fallback::Owed),
        TransferKind::Refund { .. } => {
            // The platform cannot sponsor itself.
            let possible =
                matches!(transfer.to, Address::Account(_)) && transfer.from != platform(tx).await?;
            if !possible || transfer.asset == Asset::Native {
                return Ok(Fallback::Owed);
            }
            // What a currency is worth that cannot be read is not known.
            let currencies = tx.currencies(None, LIST_ROWS_MAX).await?.readable(|_| {});
            let least = least_worth(&currencies, transfer.asset, policy.return_usd_min, now);
            if least.is_none_or(|least| transfer.amount < least) {
                return Ok(Fallback::Owed);
            }
            let full = tx.returns_by_claimable().await? >= u64::from(policy.returns_max);
            Ok(if full { Fallback::TooManyReturns } else { Fallback::ClaimableBalance })
        }
    }
}
