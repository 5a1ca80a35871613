//! Why the wallet did not do what it was asked.

use stellar_types::address::{AccountId, AddressError};
use stellar_types::asset::{Asset, AssetCode, AssetError};
use url::Url;

use super::limits::{MEMO_TEXT_BYTES_MAX, NAME_CHARS_MAX};
use crate::operations::OperationError;
use crate::xdr::XdrError;

/// Why the wallet did not do it.
#[derive(Debug, thiserror::Error)]
pub enum WalletError {
    /// It speaks to a sandbox on this machine only.
    #[error("`{url}` is not an http:// address of this machine, such as http://127.0.0.1:8000")]
    NotLoopback {
        /// What was given.
        url: String,
    },
    /// Neither a name nor a secret.
    #[error("a wallet is a name (1 to {NAME_CHARS_MAX} letters, digits, - and _) or a secret (S…)")]
    Name,
    /// Looks like a secret, and is none.
    #[error("the secret's characters or checksum are wrong")]
    Secret,
    /// No address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// No asset.
    #[error(transparent)]
    Asset(#[from] AssetError),
    /// No memo.
    #[error(
        "a memo is `text:…` (up to {MEMO_TEXT_BYTES_MAX} bytes), `id:…` (a number) or `hash:…` (64 \
         hexadecimal digits)"
    )]
    Memo,
    /// The sandbox does not issue it.
    #[error("the network at {horizon} issues no {code}; write it as CODE:ISSUER")]
    UnknownAsset {
        /// Which network.
        horizon: Url,
        /// The asset's code.
        code: AssetCode,
    },
    /// Only the sandbox's own assets can be had for nothing.
    #[error("{asset} is not given away here")]
    NotGiven {
        /// The asset.
        asset: Asset,
    },
    /// The wallet has no account yet.
    #[error("{account} does not exist yet: fund it with native first")]
    NoAccount {
        /// The wallet's account.
        account: AccountId,
    },
    /// A transaction has one operation at least.
    #[error("there is nothing to do")]
    Nothing,
    /// An operation that cannot be written.
    #[error(transparent)]
    Operation(#[from] OperationError),
    /// The network refused the transaction, or it failed there.
    #[error("the network says {}", codes.join(", "))]
    Failed {
        /// The transaction's code, then those of its operations.
        codes: Vec<String>,
    },
    /// Horizon answered with a problem.
    #[error("{title} ({status}){}", reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    Problem {
        /// HTTP status.
        status: u16,
        /// What it is called.
        title: String,
        /// What is wrong, if it said so.
        reason: Option<String>,
    },
    /// An answer that makes no sense.
    #[error("an answer of {horizon} cannot be read: {reason}")]
    Answer {
        /// Which network.
        horizon: Url,
        /// Why not.
        reason: String,
    },
    /// Nobody answered.
    #[error("{horizon} does not answer: {source}")]
    Unreachable {
        /// Which network.
        horizon: Url,
        /// What happened.
        source: reqwest::Error,
    },
    /// The client could not be set up.
    #[error("the HTTP client cannot be set up: {reason}")]
    Client {
        /// Why not.
        reason: String,
    },
    /// A transaction could not be written.
    #[error(transparent)]
    Xdr(#[from] XdrError),
}
