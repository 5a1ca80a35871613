//! Bugs that services like this one have had, to be found by the simulator.
//!
//! Only with the cargo feature `simulated-bugs`; they are made by what stands between the engine and its ports.

use std::fmt;
use std::str::FromStr;

use super::store::Base;
use crate::domain::ids::{LedgerSeq, TxHash};
use crate::domain::transfer::{Purpose, SubmissionState};
use crate::ports::store::{Store, StoreError};

/// A known bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A submission whose outcome is not known is taken for a failure, and its transfers are built again.
    RebuildOn504,
    /// How far the history was read is committed before what follows from it.
    CursorBeforeEffects,
    /// Everything that goes back goes to whoever paid first.
    RefundToFirstPayer,
}

/// A name that no bug has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no bug named `{name}`; there are {}", Bug::ALL.map(Bug::name).join(", "))]
pub struct UnknownBug {
    /// What was given.
    pub name: String,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::RebuildOn504, Self::CursorBeforeEffects, Self::RefundToFirstPayer];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RebuildOn504 => "rebuild-on-504",
            Self::CursorBeforeEffects => "cursor-before-effects",
            Self::RefundToFirstPayer => "refund-to-first-payer",
        }
    }
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Bug {
    type Err = UnknownBug;

    fn from_str(text: &str) -> Result<Self, UnknownBug> {
        let found = Self::ALL.into_iter().find(|bug| bug.name() == text);
        found.ok_or_else(|| UnknownBug { name: text.to_owned() })
    }
}

/// Takes a transaction that nobody answered for failed: what it pays is to be built again.
pub(super) async fn give_up(base: &Base, hash: Option<TxHash>) {
    // Without an outcome it stays live, as it should have.
    drop(try_to_give_up(base, hash).await);
}

async fn try_to_give_up(base: &Base, hash: Option<TxHash>) -> Result<(), StoreError> {
    let Some(hash) = hash else { return Ok(()) };
    let mut tx = Store::begin(base).await?;
    let Some(submission) = tx.submission_by_hash(hash).await? else { return Ok(()) };
    let Purpose::PayTransfers { transfers, .. } = &submission.purpose else { return Ok(()) };
    let failed = SubmissionState::Dead { proved_at: LedgerSeq(0) };
    let Ok(resolved) = submission.clone().resolved(failed) else { return Ok(()) };
    tx.resolve_submission(&resolved).await?;
    for transfer in tx.transfers(transfers).await? {
        let Ok(released) = transfer.clone().released(submission.id) else { continue };
        tx.update_transfer(&transfer, &released).await?;
        let Some(reservation) = transfer.reservation else { continue };
        let Some(reservation) = tx.reservation(reservation).await? else { continue };
        if let Ok(released) = reservation.settlement_released(submission.id) {
            tx.update_reservation(&released).await?;
        }
    }
    tx.commit().await
}
