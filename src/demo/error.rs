//! Why the demo could not be shown.

use crate::access::AccessError;
use crate::app::wire::ServiceError;
use crate::operator::ReconcileError;
use crate::storage;
use farmgate_sandbox::StartError;
use farmgate_sandbox::wallet::WalletError;

/// Why the demo could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The temporary folder.
    #[error("a temporary folder: {0}")]
    Folder(std::io::Error),
    /// The sandbox.
    #[error(transparent)]
    Sandbox(#[from] StartError),
    /// A wallet.
    #[error("{who}: {source}")]
    Wallet {
        /// Whose.
        who: String,
        /// What happened.
        source: Box<WalletError>,
    },
    /// The service.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The database.
    #[error(transparent)]
    Database(#[from] storage::DatabaseUrlError),
    /// The API key.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The sandbox does not issue it.
    #[error("the sandbox issues no {0}")]
    NoAsset(String),
    /// The API refused something.
    #[error("{what}: {status} {code}: {detail}")]
    Refused {
        /// What was asked.
        what: String,
        /// The HTTP status.
        status: u16,
        /// The problem's code.
        code: String,
        /// What it says.
        detail: String,
    },
    /// The API.
    #[error("{what}: {reason}")]
    Api {
        /// What was asked.
        what: String,
        /// What it answered.
        reason: String,
    },
    /// Reconciliation.
    #[error(transparent)]
    Reconcile(#[from] ReconcileError),
    /// An address.
    #[error("an address: {0}")]
    Url(#[from] url::ParseError),
    /// Standard output.
    #[error("standard output: {0}")]
    Output(#[from] std::io::Error),
    /// It took too long.
    #[error("customers were still waiting after {seconds} seconds")]
    TooLong {
        /// How long the scenarios may take.
        seconds: u64,
    },
}

pub(super) fn wallet_error(who: &str, source: WalletError) -> DemoError {
    DemoError::Wallet { who: who.to_owned(), source: Box::new(source) }
}
