//! Why the network did not answer, and why a transaction could not be built. Neither says what became of a
//! transaction.

use std::time::Duration;

use crate::ports::signer::SignerError;

/// Why the network did not answer a question. None of these says anything about a transaction's fate.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NetworkError {
    /// Not reached, timed out, cut off, or 5xx.
    #[error("Horizon is unavailable: {reason}")]
    Unavailable {
        /// What happened, for people.
        reason: String,
        /// How long it asked us to wait, if it did.
        retry_after: Option<Duration>,
    },
    /// 429, or our own request budget is used up.
    #[error("the request budget is used up")]
    RateLimited {
        /// How long to wait.
        retry_after: Duration,
    },
    /// Horizon says itself that its history is behind the ledger: nothing may be decided on it.
    #[error("Horizon's history is behind the ledger")]
    StaleHistory,
    /// The answer is no answer to the question asked: not JSON, a field missing, too large.
    #[error("Horizon answered {what} with something that cannot be read: {reason}")]
    Unreadable {
        /// What was asked.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The answer is larger than is read.
    #[error("Horizon answered {what} with more than {bytes_max} bytes")]
    TooLarge {
        /// What was asked.
        what: &'static str,
        /// How much is read.
        bytes_max: usize,
    },
    /// A question about one thing gets no answer for that thing's sake, while others get theirs. It says
    /// nothing of anything else.
    #[error("{what}: {reason}")]
    OfOneThing {
        /// What was asked about.
        what: String,
        /// What happened, for people.
        reason: String,
        /// Whether it was asked now; false while it is left alone.
        asked: bool,
    },
    /// Horizon refused the question itself (400, 404 on a collection …): a mistake on our side.
    #[error("Horizon refused {what} with {status}: {detail}")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// The HTTP status.
        status: u16,
        /// Its explanation.
        detail: String,
    },
}

/// Why a transaction could not be built and signed. Nothing was sent.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BuildError {
    /// Over the ledger's limits, or not expressible.
    #[error("the transaction cannot be built: {reason}")]
    Invalid {
        /// What is wrong with it.
        reason: String,
    },
    /// The signer gave no signature.
    #[error(transparent)]
    Signer(#[from] SignerError),
}
