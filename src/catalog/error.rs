use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::ids::{ChangeId, FarmId, IdentityId, NodeId};
use crate::domain::payout_change::ChangeEnded;
use crate::domain::subject::Subject;
use crate::ports::store::{RetryOn, StoreError};

/// Why something is not described so.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody knows a farm's owner.
    #[error("identity {0} is not known")]
    UnknownOwner(IdentityId),
    /// A payout address would burn what is paid to it.
    #[error("{account} issues an asset: what is paid to it is burned")]
    IssuerPaid {
        /// For which asset it is given.
        asset: Asset,
        /// The address.
        account: AccountId,
    },
    /// Nobody knows a node's farm.
    #[error("farm {0} is not known")]
    UnknownFarm(FarmId),
    /// A node with capacity that was bought with play money.
    #[error("node {0} carries capacity bought with play money: it stays free to use")]
    UnderFreePool(NodeId),
    /// Another change of who is paid waits already.
    #[error(
        "payout change {change} of {subject} waits: another one is taken when it has ended, or is called off"
    )]
    ChangeWaits {
        /// The change.
        change: ChangeId,
        /// What it changes.
        subject: Subject,
    },
    /// The database did not do what was asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RetryOn for Error {
    fn is_conflict(&self) -> bool {
        match self {
            Self::Store(error) => error.is_conflict(),
            Self::UnknownOwner(_)
            | Self::IssuerPaid { .. }
            | Self::UnknownFarm(_)
            | Self::UnderFreePool(_)
            | Self::ChangeWaits { .. } => false,
        }
    }
}

/// Why a change of who is paid is neither signed nor called off.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// Nobody knows it.
    #[error("payout change {0} is not known")]
    Unknown(ChangeId),
    /// It does not wait any more.
    #[error(transparent)]
    Ended(#[from] ChangeEnded),
    /// The signature is not that of whoever has to sign.
    #[error(
        "it is no signature of the text by the key that identity {signer} has now: sign the exact bytes of \
         to_sign"
    )]
    Signature {
        /// Who has to sign.
        signer: IdentityId,
    },
    /// What it changes is not any more as it was when the change was asked for.
    #[error("{0} is not as it was when the change was asked for: ask for it anew")]
    Overtaken(Subject),
    /// The database did not do what was asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RetryOn for ChangeError {
    fn is_conflict(&self) -> bool {
        match self {
            Self::Store(error) => error.is_conflict(),
            Self::Unknown(_) | Self::Ended(_) | Self::Signature { .. } | Self::Overtaken(_) => false,
        }
    }
}
