//! What a store answers besides rows: why it did not do what was asked, and whether a repeated write did
//! anything.

/// Why the database did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Somebody else changed the same thing: a stale version, a deadlock, a serialisation failure, a busy
    /// database. The transaction is gone; running the work again from its reads may succeed.
    #[error("a concurrent change to {what}")]
    Conflict {
        /// What was changed.
        what: String,
    },
    /// A unique key refused a row.
    #[error("{constraint} exists already")]
    Exists {
        /// The named constraint.
        constraint: Constraint,
    },
    /// Not reached, timed out, cut off. A commit that ends so may or may not have happened.
    #[error("the database is unavailable: {reason}")]
    Unavailable {
        /// What happened, for people.
        reason: String,
    },
    /// A row that cannot be: it names table, column and key.
    #[error("{table}.{column} of {key} cannot be: {reason}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        key: String,
        /// Why it cannot be.
        reason: String,
    },
    /// The engine's lease has been taken over: this process may not write for the engine any more, and wrote
    /// nothing.
    #[error("the engine's lease is lost: token {token} is over, {now} holds it")]
    LeaseLost {
        /// The token that was worked under.
        token: i64,
        /// Who holds the lease now, for people.
        now: String,
    },
    /// The database is older than what this process has seen of it: a standby was promoted that did not have
    /// the last commits, or a backup was restored. This process writes nothing more for the engine before it
    /// has looked back at the ledger.
    #[error("the database went back: {what}")]
    WentBack {
        /// What shows it, for people.
        what: String,
    },
    /// A statement the database refused for another reason: a mistake on our side.
    #[error("the database refused a statement: {reason}")]
    Refused {
        /// Its words.
        reason: String,
    },
}

/// The unique keys that carry a money rule, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Constraint {
    /// An id of ours was drawn twice; run again with a fresh one.
    Id,
    /// One entry per cause.
    JournalCause,
    /// One live or paid attempt per transfer.
    TransferAttempt,
    /// One transfer per reservation and ordinal.
    TransferOrdinal,
    /// One return per payment.
    Refund,
    /// One claimable balance per id, and per transfer.
    Claimable,
    /// One live transaction per channel.
    ChannelLease,
    /// One transaction per hash, and per channel and sequence number.
    SubmissionHash,
    /// One grant per reservation.
    PoolGrant,
    /// One reservation per escrow account.
    ReservationEscrow,
    /// One answer per idempotency key.
    IdempotencyKey,
    /// One API key per name.
    ApiKeyName,
    /// One change of who is paid per thing waits.
    WaitingPayoutChange,
}

impl std::fmt::Display for Constraint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Id => "the id",
            Self::JournalCause => "a journal entry for this cause",
            Self::TransferAttempt => "a live or paid attempt of this transfer",
            Self::TransferOrdinal => "this transfer of the reservation",
            Self::Refund => "the return of this payment",
            Self::Claimable => "the claimable balance of this transfer",
            Self::ChannelLease => "a live transaction of this channel",
            Self::SubmissionHash => "this transaction",
            Self::PoolGrant => "the grant of this reservation",
            Self::ReservationEscrow => "a reservation on this escrow account",
            Self::IdempotencyKey => "an answer for this idempotency key",
            Self::ApiKeyName => "an API key of this name",
            Self::WaitingPayoutChange => "a payout change of this thing that waits",
        })
    }
}

impl StoreError {
    /// True if running the whole transaction again, from its first read, may succeed.
    pub const fn is_conflict(&self) -> bool {
        match self {
            Self::Conflict { .. }
            | Self::Exists { constraint: Constraint::Id | Constraint::WaitingPayoutChange } => true,
            Self::Exists { .. }
            | Self::Unavailable { .. }
            | Self::Corrupt { .. }
            | Self::LeaseLost { .. }
            | Self::WentBack { .. }
            | Self::Refused { .. } => false,
        }
    }
}

/// What a write that may be repeated did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Applied {
    /// It was done now.
    Executed,
    /// It had been done before; nothing changed.
    AlreadyApplied,
}
