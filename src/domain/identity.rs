//! Identities: customers, farmers and sales channels, with the key they sign with.

use serde::{Deserialize, Serialize};

use super::ids::IdentityId;
use super::tenant::Tenant;

/// An identity as the explorer describes it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// The tenant that it belongs to.
    pub tenant: Tenant,
    /// Its id within the tenant.
    pub id: IdentityId,
    /// Its name.
    pub name: String,
    /// Its ed25519 public key, with which it signs reservations.
    pub public_key: PublicKey,
}

/// An ed25519 public key: a point on the curve, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PublicKey([u8; 32]);

/// A text that is no ed25519 public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a public key is an ed25519 point of 64 hexadecimal digits")]
pub struct PublicKeyError;

impl PublicKey {
    /// The raw key.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// True if the signature is this key's over exactly these bytes (RFC 8032; what is malleable is none).
    pub fn verifies(&self, bytes: &[u8], signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        ed25519_dalek::VerifyingKey::from_bytes(&self.0)
            .is_ok_and(|key| key.verify_strict(bytes, &signature).is_ok())
    }
}

/// An ed25519 signature, written as 128 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signature([u8; 64]);

/// A text that is no ed25519 signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a signature is 128 hexadecimal digits")]
pub struct SignatureError;

impl std::str::FromStr for Signature {
    type Err = SignatureError;

    fn from_str(text: &str) -> Result<Self, SignatureError> {
        let mut bytes = [0; 64];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| SignatureError)?;
        Ok(Self(bytes))
    }
}

impl std::fmt::Display for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl std::str::FromStr for PublicKey {
    type Err = PublicKeyError;

    fn from_str(text: &str) -> Result<Self, PublicKeyError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| PublicKeyError)?;
        let point = ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| PublicKeyError)?;
        if point.is_weak() { Err(PublicKeyError) } else { Ok(Self(bytes)) }
    }
}

impl std::fmt::Display for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

super::address::serde_as_text!(PublicKey);
super::address::serde_as_text!(Signature);
