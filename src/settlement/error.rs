//! Why the engine could not do something, and what that says of everything else.

use crate::capacity::CapacityError;
use crate::domain::address::AccountId;
use crate::domain::claimable::InvalidClaimableTransition;
use crate::domain::ids::{OperationId, TxHash};
use crate::domain::journal::JournalError;
use crate::domain::ledger::Divergence;
use crate::domain::money::AmountError;
use crate::domain::reservation::InvalidTransition;
use crate::domain::transfer::InvalidTransferTransition;
use crate::ports::network::{BuildError, NetworkError};
use crate::ports::store::{RetryOn, StoreError, UnreadableRow};

/// Why a tick ended early. Nothing is lost by it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The network did not answer.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The database did not do what was asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A transaction could not be built or signed.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A sum that does not fit.
    #[error(transparent)]
    Amount(#[from] AmountError),
    /// An entry that does not balance: a mistake of ours, caught before it was stored.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A way between states that does not exist.
    #[error(transparent)]
    Reservation(#[from] InvalidTransition),
    /// A way between states that does not exist.
    #[error(transparent)]
    Claimable(#[from] InvalidClaimableTransition),
    /// A way between states that does not exist.
    #[error(transparent)]
    Transfer(#[from] InvalidTransferTransition),
    /// A pool could not be credited.
    #[error(transparent)]
    Capacity(#[from] CapacityError),
    /// The platform's account is not on the ledger.
    #[error("the platform account {0} is not on the ledger: fund it with XLM")]
    NoPlatformAccount(AccountId),
    /// The network is not, or not yet again, where it was seen.
    #[error("{}: {}", .0.name(), .0)]
    Diverged(Box<Divergence>),
    /// Money left an account of ours by a transaction that is not stored: somebody else has our key, or the
    /// database is not the one that belongs to this key. The engine stops until a person has looked.
    #[error(
        "operation {operation} took money from our account {account}, but transaction {transaction} is not \
         ours"
    )]
    ForeignOutgoing {
        /// The account.
        account: AccountId,
        /// The operation.
        operation: OperationId,
        /// Its transaction.
        transaction: TxHash,
    },
    /// What is stored contradicts what the ledger or other rows say.
    #[error("stored facts contradict each other: {0}")]
    Contradiction(String),
}

impl EngineError {
    /// True if no later tick can help: a person must look first.
    pub const fn stops_the_engine(&self) -> bool {
        matches!(self, Self::ForeignOutgoing { .. })
    }

    /// The row that could not be read, if that is what it says.
    pub(in crate::settlement) fn unreadable_row(&self) -> Option<UnreadableRow> {
        match self {
            Self::Store(error) | Self::Capacity(CapacityError::Store(error)) => {
                UnreadableRow::of(error.clone()).ok()
            }
            _ => None,
        }
    }

    /// True if a question was not asked at all, because it got no answer lately: that was said then.
    pub(in crate::settlement) const fn is_resting(&self) -> bool {
        matches!(self, Self::Network(NetworkError::OfOneThing { asked: false, .. }))
    }

    /// True if this engine can do nothing more: a person must look first, or another engine begin from what
    /// is stored.
    pub(in crate::settlement) const fn ends_the_engine(&self) -> bool {
        self.stops_the_engine() || matches!(self, Self::Store(StoreError::WentBack { .. }))
    }

    /// True if it says nothing of the one thing that was worked on: the database or the network is away, and
    /// the next thing would meet the same.
    pub(in crate::settlement) const fn ends_the_tick(&self) -> bool {
        match self {
            Self::Network(
                NetworkError::Unavailable { .. }
                | NetworkError::RateLimited { .. }
                | NetworkError::StaleHistory,
            )
            | Self::Store(
                StoreError::Unavailable { .. } | StoreError::LeaseLost { .. } | StoreError::WentBack { .. },
            )
            | Self::Capacity(CapacityError::Store(
                StoreError::Unavailable { .. } | StoreError::LeaseLost { .. } | StoreError::WentBack { .. },
            ))
            | Self::NoPlatformAccount(_)
            | Self::Diverged(_) => true,
            Self::Network(
                NetworkError::Unreadable { .. }
                | NetworkError::TooLarge { .. }
                | NetworkError::OfOneThing { .. }
                | NetworkError::Refused { .. },
            )
            | Self::Store(
                StoreError::Conflict { .. }
                | StoreError::Exists { .. }
                | StoreError::Corrupt { .. }
                | StoreError::Refused { .. },
            )
            | Self::Capacity(_)
            | Self::Build(_)
            | Self::Amount(_)
            | Self::Journal(_)
            | Self::Reservation(_)
            | Self::Transfer(_)
            | Self::Claimable(_)
            | Self::Contradiction(_) => false,
            Self::ForeignOutgoing { .. } => true,
        }
    }
}

impl RetryOn for EngineError {
    fn is_conflict(&self) -> bool {
        match self {
            Self::Store(error) | Self::Capacity(CapacityError::Store(error)) => error.is_conflict(),
            Self::Network(_)
            | Self::Build(_)
            | Self::Amount(_)
            | Self::Journal(_)
            | Self::Reservation(_)
            | Self::Transfer(_)
            | Self::Claimable(_)
            | Self::Capacity(CapacityError::Pool(_) | CapacityError::NoPool(_))
            | Self::NoPlatformAccount(_)
            | Self::Diverged(_)
            | Self::ForeignOutgoing { .. }
            | Self::Contradiction(_) => false,
        }
    }
}
