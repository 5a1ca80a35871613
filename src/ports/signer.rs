//! Signing for the platform, by a key in memory or by a remote signer.

use async_trait::async_trait;

use crate::domain::address::AccountId;
use crate::domain::ids::TxHash;

/// The platform's signing key.
///
/// One signature of it moves money from any number of escrow accounts: it is their only signer.
#[async_trait]
pub trait Signer: Send + Sync {
    /// The key's public half: the signer that every account of ours lists.
    fn public_key(&self) -> AccountId;

    /// An ed25519 signature over a transaction's hash.
    ///
    /// # Errors
    /// [`SignerError`] if no signature could be had. Nothing was signed then, or nobody knows of it:
    /// asking again is safe.
    async fn sign(&self, hash: TxHash) -> Result<[u8; 64], SignerError>;
}

/// The signer gave no signature.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the signer gave no signature: {reason}")]
pub struct SignerError {
    /// Why, for people; never contains key material.
    pub reason: String,
}
