//! What is left of a new account's own key: its secret seed, sealed to a key whose secret half
//! is kept elsewhere.
//!
//! Only values and their texts; `stellar::sealing` seals and opens.

use std::fmt;
use std::str::FromStr;

use super::address::{AccountId, AddressError};

/// Bytes of a sealed seed: the sealer's public key (32), an authentication tag (16) and the seed (32).
pub const SEALED_SEED_BYTES: usize = 80;

/// The public half of a recovery sealing key (X25519), written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SealingKey(pub [u8; 32]);

/// A secret seed in a sealed box (libsodium's `crypto_box_seal`), written as 160 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SealedSeed(pub [u8; SEALED_SEED_BYTES]);

/// The sealed master secret of one account. As text: account, sealing key and sealed seed, with
/// spaces between.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SealedSecret {
    /// The account.
    pub account: AccountId,
    /// The key whose secret half opens it.
    pub key: SealingKey,
    /// The account's seed.
    pub seed: SealedSeed,
}

/// Why a text is no sealed secret, or no part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealedSecretError {
    /// More or fewer than three parts.
    #[error("a sealed secret is an account, a sealing key and a sealed seed, with spaces between")]
    Parts,
    /// The account.
    #[error(transparent)]
    Account(#[from] AddressError),
    /// The sealing key.
    #[error("a sealing key is 64 hexadecimal digits")]
    Key,
    /// The sealed seed.
    #[error("a sealed seed is 160 hexadecimal digits")]
    Seed,
}

impl FromStr for SealingKey {
    type Err = SealedSecretError;

    fn from_str(text: &str) -> Result<Self, SealedSecretError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| SealedSecretError::Key)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

super::address::serde_as_text!(SealingKey);

impl FromStr for SealedSeed {
    type Err = SealedSecretError;

    fn from_str(text: &str) -> Result<Self, SealedSecretError> {
        let mut bytes = [0; SEALED_SEED_BYTES];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| SealedSecretError::Seed)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for SealedSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Nothing that a log shows by accident opens, whoever gets hold of the key.
impl fmt::Debug for SealedSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedSeed")
    }
}

impl FromStr for SealedSecret {
    type Err = SealedSecretError;

    fn from_str(text: &str) -> Result<Self, SealedSecretError> {
        let parts: Vec<&str> = text.split_whitespace().collect();
        let [account, key, seed] = parts[..] else { return Err(SealedSecretError::Parts) };
        Ok(Self { account: account.parse()?, key: key.parse()?, seed: seed.parse()? })
    }
}

impl fmt::Display for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.account, self.key, self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> SealedSecret {
        SealedSecret { account: AccountId([1; 32]), key: SealingKey([2; 32]), seed: SealedSeed([3; 80]) }
    }

    #[test]
    fn a_sealed_secret_survives_its_text_and_debug_does_not_show_it() {
        assert_eq!(sealed().to_string().parse(), Ok(sealed()));
        assert!(!format!("{:?}", sealed()).contains("0303"));
    }

    #[test]
    fn what_is_wrong_with_a_text_is_said() {
        let SealedSecret { account, key, seed } = sealed();
        for (text, why) in [
            (String::new(), SealedSecretError::Parts),
            (format!("{account} {key}"), SealedSecretError::Parts),
            (format!("{account} {key} {seed} {seed}"), SealedSecretError::Parts),
            (format!("GABC {key} {seed}"), SealedSecretError::Account(AddressError::Malformed)),
            (format!("{account} {key}00 {seed}"), SealedSecretError::Key),
            (format!("{account} {key} {key}"), SealedSecretError::Seed),
        ] {
            assert_eq!(text.parse::<SealedSecret>(), Err(why), "{text}");
        }
    }
}
