//! What is delivered by a claimable balance, and what is not: each locks reserves of the platform's for up to 180 days, so nobody
//! may have more of them made than a bound.
//!
//! A return becomes one if it is worth it, by its currency's rate, and returns do not stand in too many already; else it stays owed.
//! XLM never does: who has an account can take it, and who has none gets it as soon as there is one. A leg of a settlement becomes
//! one whatever it is worth, since the settlement is whole or not at all; but a farm that leaves too many unclaimed gets no more:
//! its settlement is called off, and the money goes back.

use rust_decimal::Decimal;

use crate::domain::address::Address;
use crate::domain::asset::Asset;
use crate::domain::claimable::FARM_CLAIMABLES_MAX;
use crate::domain::currency::least_worth;
use crate::domain::transfer::{Transfer, TransferKind};
use crate::ports::store::{LIST_ROWS_MAX, Tx};
use crate::settlement::outbound::close::platform;
use crate::settlement::{Engine, EngineError};

/// The bounds that settings give.
#[derive(Debug, Clone, Copy)]
pub(in crate::settlement) struct Bounds {
    return_usd_min: Decimal,
    returns_max: u32,
}

/// What becomes of a transfer whose recipient cannot receive a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::settlement) enum Instead {
    /// A claimable balance.
    ClaimableBalance,
    /// It stays owed: it is not worth one, or nobody can say so.
    Owed,
    /// It stays owed: returns stand in as many as they may.
    TooManyReturns,
    /// Its settlement is called off: its farm leaves too many unclaimed.
    TooManyOfItsFarm,
}

impl Engine {
    pub(in crate::settlement) const fn bounds(&self) -> Bounds {
        let settings = &self.settings;
        Bounds {
            return_usd_min: settings.refund_claimable_min_usd,
            returns_max: settings.refund_claimables_max,
        }
    }
}

/// What becomes of a pending transfer whose recipient cannot receive a payment, counting what became of others before.
pub(in crate::settlement) async fn instead_of_payment(
    tx: &mut dyn Tx,
    transfer: &Transfer,
    bounds: Bounds,
    now: jiff::Timestamp,
) -> Result<Instead, EngineError> {
    match transfer.kind {
        TransferKind::Leg { farm: None, .. } => Ok(Instead::ClaimableBalance),
        TransferKind::Leg { farm: Some(farm), .. } => {
            let stand = tx.claimables_of_farm(farm, transfer.asset).await?;
            let full = stand >= u64::from(FARM_CLAIMABLES_MAX);
            Ok(if full { Instead::TooManyOfItsFarm } else { Instead::ClaimableBalance })
        }
        TransferKind::Repayment { .. } => Ok(Instead::Owed),
        TransferKind::Refund { .. } => {
            // The platform cannot sponsor itself.
            let possible =
                matches!(transfer.to, Address::Account(_)) && transfer.from != platform(tx).await?;
            if !possible || transfer.asset == Asset::Native {
                return Ok(Instead::Owed);
            }
            let currencies = tx.currencies(None, LIST_ROWS_MAX).await?;
            let least = least_worth(&currencies, transfer.asset, bounds.return_usd_min, now);
            if least.is_none_or(|least| transfer.amount < least) {
                return Ok(Instead::Owed);
            }
            let full = tx.returns_by_claimable().await? >= u64::from(bounds.returns_max);
            Ok(if full { Instead::TooManyReturns } else { Instead::ClaimableBalance })
        }
    }
}
