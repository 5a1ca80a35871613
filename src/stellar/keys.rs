//! Secret keys, and a signer that holds one in memory.
//!
//! Never here: a secret in `Debug`, in an error or in a log. Key bytes are overwritten when dropped. A text
//! that is no seed is refused without repeating it.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use ed25519_dalek::{Signer as _, SigningKey};
use stellar_strkey::ed25519::PrivateKey;
use zeroize::Zeroizing;

use crate::domain::address::AccountId;
use crate::domain::ids::TxHash;
use crate::ports::entropy::Entropy;
use crate::ports::signer::{Signer, SignerError};

/// Why a text is not a secret seed. Says nothing of the text itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a well-formed `S…` strkey.
    #[error("not a Stellar secret seed (S…): its characters, length or checksum are wrong")]
    Malformed,
}

/// An ed25519 secret key, written `S…`.
#[derive(Clone)]
pub struct SecretSeed(SigningKey);

impl SecretSeed {
    /// The key with these secret bytes.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(bytes))
    }

    /// A new key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        entropy.fill(bytes.as_mut_slice());
        Self::from_bytes(&bytes)
    }

    /// Its public half.
    pub fn public_key(&self) -> AccountId {
        AccountId(self.0.verifying_key().to_bytes())
    }

    /// An ed25519 signature over a transaction's hash.
    pub fn sign(&self, hash: TxHash) -> [u8; 64] {
        self.0.sign(&hash.0).to_bytes()
    }

    /// Its secret bytes, for sealing them.
    pub(super) fn bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The seed as text, for storing it where secrets are kept; overwritten when dropped.
    pub fn reveal(&self) -> Zeroizing<String> {
        let key = PrivateKey(self.0.to_bytes());
        Zeroizing::new(key.as_unredacted().to_string().as_str().to_owned())
    }
}

impl FromStr for SecretSeed {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let key = PrivateKey::from_string(text).map_err(|_| KeyError::Malformed)?;
        Ok(Self::from_bytes(&key.0))
    }
}

impl fmt::Debug for SecretSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretSeed(of {})", self.public_key())
    }
}

/// Signs with a key in memory.
#[derive(Clone, Debug)]
pub struct MemorySigner {
    seed: SecretSeed,
}

impl MemorySigner {
    /// A signer with this key.
    pub const fn new(seed: SecretSeed) -> Self {
        Self { seed }
    }
}

#[async_trait]
impl Signer for MemorySigner {
    fn public_key(&self) -> AccountId {
        self.seed.public_key()
    }

    async fn sign(&self, hash: TxHash) -> Result<[u8; 64], SignerError> {
        Ok(self.seed.sign(hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signature, VerifyingKey};

    #[test]
    fn a_seed_survives_its_text_and_never_shows_it() {
        let seed = SecretSeed::from_bytes(&[7; 32]);
        let text = seed.reveal();
        assert!(text.starts_with('S'));
        let again: SecretSeed = text.parse().unwrap();
        assert_eq!(again.public_key(), seed.public_key());
        assert!(!format!("{:?}", MemorySigner::new(seed)).contains(text.as_str()));
    }

    #[test]
    fn what_is_no_seed_is_refused_without_repeating_it() {
        let public = SecretSeed::from_bytes(&[7; 32]).public_key().to_string();
        for text in ["", "S", "SAAAA", public.as_str()] {
            let error = text.parse::<SecretSeed>().unwrap_err();
            assert_eq!(error, KeyError::Malformed);
        }
    }

    #[tokio::test]
    async fn a_signature_verifies_under_the_public_key() {
        let signer = MemorySigner::new(SecretSeed::from_bytes(&[9; 32]));
        let signature = signer.sign(TxHash([1; 32])).await.unwrap();
        let key = VerifyingKey::from_bytes(signer.public_key().bytes()).unwrap();
        key.verify_strict(&[1; 32], &Signature::from_bytes(&signature)).unwrap();
    }
}
