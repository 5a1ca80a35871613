//! An account of ours to which money comes, with how far its history was taken in.

use jiff::Timestamp;

use crate::domain::address::AccountId;
use crate::domain::escrow::{EscrowAccount, EscrowState, HistoryCursor};
use crate::domain::ids::{LedgerSeq, OperationId, ReservationId};
use crate::ports::store::{StoreError, Tx};

/// An account of ours to which money comes, with how far its history was taken in.
pub(in crate::settlement) enum WatchedAccount {
    /// The account of a reservation, or one that waits for a reservation.
    Escrow(EscrowAccount),
    /// The platform account, or a channel.
    System { account: AccountId, watch: HistoryCursor },
}

impl WatchedAccount {
    /// The account as it is stored; `None` if it is none of ours.
    pub(in crate::settlement) async fn load(
        tx: &mut dyn Tx,
        account: AccountId,
    ) -> Result<Option<Self>, StoreError> {
        if let Some(escrow) = tx.escrow(account).await? {
            return Ok(Some(Self::Escrow(escrow)));
        }
        Ok(tx.history_cursor(account).await?.map(|watch| Self::System { account, watch }))
    }

    pub(in crate::settlement) const fn account(&self) -> AccountId {
        match self {
            Self::Escrow(escrow) => escrow.account,
            Self::System { account, .. } => *account,
        }
    }

    /// The reservation whose account it is.
    pub(in crate::settlement) const fn reservation(&self) -> Option<ReservationId> {
        match self {
            Self::Escrow(escrow) => escrow.state.reservation(),
            Self::System { .. } => None,
        }
    }

    /// True if something may be owed from it: it is a reservation's, or was found and what came goes back.
    pub(in crate::settlement) fn may_owe(&self) -> bool {
        match self {
            Self::Escrow(escrow) => {
                escrow.state.reservation().is_some() || escrow.state == EscrowState::Adopted
            }
            Self::System { .. } => false,
        }
    }

    /// The last operation of its history that concerns us: of an account that is no more, its merge. Whoever
    /// makes an account of that address anew, or pays it, pays somebody else; and one that we never made
    /// was never ours.
    pub(in crate::settlement) fn history_ends(&self) -> Option<OperationId> {
        match self {
            Self::Escrow(escrow) => match escrow.state {
                EscrowState::Merged { operation, .. } | EscrowState::Closed { operation, .. } => {
                    Some(operation)
                }
                EscrowState::Abandoned => Some(OperationId(0)),
                EscrowState::Preparing { .. }
                | EscrowState::Ready
                | EscrowState::Adopted
                | EscrowState::Assigned { .. }
                | EscrowState::Closing { .. } => None,
            },
            Self::System { .. } => None,
        }
    }

    pub(in crate::settlement) const fn cursor(&self) -> OperationId {
        match self {
            Self::Escrow(escrow) => escrow.watch.cursor,
            Self::System { watch, .. } => watch.cursor,
        }
    }

    /// Stores that history was taken in up to `cursor`; `booked` is the first ledger of it whose operations
    /// changed the books.
    pub(in crate::settlement) async fn advance(
        &self,
        tx: &mut dyn Tx,
        cursor: OperationId,
        booked: Option<LedgerSeq>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        match self {
            Self::Escrow(escrow) => {
                let mut escrow = escrow.clone();
                escrow.watch = escrow.watch.taken_in(cursor, booked, now);
                tx.update_escrow(&escrow).await.map(drop)
            }
            Self::System { account, watch } => {
                tx.set_history_cursor(*account, Some(*watch), HistoryCursor { cursor, ..*watch }).await
            }
        }
    }
}
