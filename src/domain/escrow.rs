//! Escrow accounts and channel accounts: the Stellar accounts that Farmgate owns.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::address::AccountId;
use super::asset::Asset;
use super::ids::{LedgerSeq, OperationId, ReservationId, SubmissionId};

/// Most assets one escrow account trusts.
pub const ESCROW_ASSETS_MAX: usize = 16;

/// What an escrow account is used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum EscrowState {
    /// The transaction that creates it is stored.
    Preparing {
        /// That transaction.
        submission: SubmissionId,
    },
    /// It is on the ledger and waits for a reservation.
    Ready,
    /// It takes the money of one reservation, for ever: accounts are never used again.
    Assigned {
        /// The reservation.
        reservation: ReservationId,
    },
    /// The transaction that should have created it never landed.
    Abandoned,
    /// It was found on the ledger: it is ours, and a database restored from a backup did not know it. What
    /// comes to it goes back.
    Adopted,
    /// A transaction that merges it into the platform's account is stored, and may land.
    /// Nothing is paid from it.
    Closing {
        /// The reservation whose account it was; `None` for one that was adopted.
        reservation: Option<ReservationId>,
        /// That transaction.
        submission: SubmissionId,
    },
    /// It is no longer on the ledger; its history up to the merge is still to be read.
    Merged {
        /// The reservation whose account it was; `None` for one that was adopted.
        reservation: Option<ReservationId>,
        /// The operation that merged it.
        operation: OperationId,
    },
    /// It is no longer on the ledger, and everything that ever came to it is in the books. Final.
    Closed {
        /// The reservation whose account it was; `None` for one that was adopted.
        reservation: Option<ReservationId>,
        /// The operation that merged it.
        operation: OperationId,
    },
}

impl EscrowState {
    /// The state's name, as stored.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Preparing { .. } => "preparing",
            Self::Ready => "ready",
            Self::Assigned { .. } => "assigned",
            Self::Abandoned => "abandoned",
            Self::Adopted => "adopted",
            Self::Closing { .. } => "closing",
            Self::Merged { .. } => "merged",
            Self::Closed { .. } => "closed",
        }
    }

    /// The reservation whose money comes to it.
    pub const fn reservation(&self) -> Option<ReservationId> {
        match self {
            Self::Assigned { reservation } => Some(*reservation),
            Self::Closing { reservation, .. }
            | Self::Merged { reservation, .. }
            | Self::Closed { reservation, .. } => *reservation,
            Self::Preparing { .. } | Self::Ready | Self::Abandoned | Self::Adopted => None,
        }
    }

    /// The state of one that is not closed after all.
    pub const fn open(reservation: Option<ReservationId>) -> Self {
        match reservation {
            Some(reservation) => Self::Assigned { reservation },
            None => Self::Adopted,
        }
    }

    /// True if it is no longer on the ledger: what came last is with the platform's account.
    pub const fn is_merged(&self) -> bool {
        match self {
            Self::Merged { .. } | Self::Closed { .. } => true,
            Self::Preparing { .. }
            | Self::Ready
            | Self::Assigned { .. }
            | Self::Closing { .. }
            | Self::Adopted
            | Self::Abandoned => false,
        }
    }
}

/// What the watch over an account knows.
///
/// The account is *clean* while `dirty_since` is `None` and nothing about it changed after `explained`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Watch {
    /// The last operation of its history that was ingested; history goes on after it.
    pub cursor: OperationId,
    /// The latest change of the account or of a balance line that the ingested operations explain.
    pub explained: LedgerSeq,
    /// Since when changes are known that ingested operations do not explain.
    pub dirty_since: Option<Timestamp>,
}

impl Watch {
    /// History was taken in up to `cursor`; `booked` is the first ledger of it whose operations changed the
    /// books.
    ///
    /// If that is no later than what was explained, the balances agreed by chance: what was not read came to
    /// nothing, as a payment and a clawback of as much do. The rest of it may stand elsewhere than in
    /// payments, and the account is dirty until it is found.
    #[must_use]
    pub fn taken_in(self, cursor: OperationId, booked: Option<LedgerSeq>, now: Timestamp) -> Self {
        let by_chance = booked.is_some_and(|ledger| ledger <= self.explained);
        let dirty_since = self.dirty_since.or_else(|| by_chance.then_some(now));
        Self { cursor, dirty_since, ..self }
    }
}

/// How far the history of the platform account or of a channel was taken in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HistoryCursor {
    /// The last operation of its payments that was ingested.
    pub cursor: OperationId,
    /// The last operation whose effects were looked at.
    pub effects: OperationId,
}

/// The account that receives the money of one reservation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EscrowAccount {
    /// The account.
    pub account: AccountId,
    /// Counts its changes, from 0.
    pub version: i64,
    /// The assets it trusts, sorted.
    pub assets: Vec<Asset>,
    /// What it is used for.
    pub state: EscrowState,
    /// What the watch knows.
    pub watch: Watch,
    /// When it was planned; of one that was adopted, when the ledger closed on which it was found.
    pub created_at: Timestamp,
}

/// What a channel account is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelRole {
    /// The platform account: its sequence numbers are used to create the other channels only.
    Platform,
    /// An account that lends its sequence numbers, and pays fees.
    Channel,
}

impl ChannelRole {
    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Channel => "channel",
        }
    }
}

/// An account that transactions are sent from; one live transaction at a time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Channel {
    /// The account.
    pub account: AccountId,
    /// What it is for.
    pub role: ChannelRole,
    /// The transaction that creates it, while that has not landed.
    pub opening: Option<SubmissionId>,
    /// The last sequence number known to be used up.
    pub sequence: i64,
}
