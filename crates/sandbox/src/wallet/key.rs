//! Someone who pays: a name, from which the key follows, or a secret.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::SigningKey;
use sha2::{Digest, Sha256};
use stellar_strkey::ed25519::PrivateKey;
use stellar_types::address::{AccountId, Address};

use super::error::WalletError;
use super::limits::NAME_CHARS_MAX;
use crate::network::account_of_key;

/// Characters of a secret.
const SECRET_CHARS: usize = 56;

/// The key of a named wallet, the same on every machine and network.
pub fn keypair(name: &str) -> SigningKey {
    let mut digest = Sha256::new();
    digest.update(b"farmgate sandbox wallet ");
    digest.update(name.as_bytes());
    SigningKey::from_bytes(&digest.finalize().into())
}

/// Someone who pays.
#[derive(Clone)]
pub struct Wallet {
    key: SigningKey,
    sub_account: Option<u64>,
}

impl Wallet {
    /// The wallet's account.
    pub fn account(&self) -> AccountId {
        account_of_key(&self.key)
    }

    /// The same wallet, paying as one of its sub-accounts: as an exchange pays for a customer.
    pub fn as_sub_account(&self, id: u64) -> Self {
        Self { sub_account: Some(id), ..self.clone() }
    }

    /// Where its payments come from.
    pub fn address(&self) -> Address {
        let account = self.account();
        self.sub_account.map_or(Address::Account(account), |id| Address::Muxed { account, id })
    }

    /// The wallet's key.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }
}

impl From<SigningKey> for Wallet {
    fn from(key: SigningKey) -> Self {
        Self { key, sub_account: None }
    }
}

impl FromStr for Wallet {
    type Err = WalletError;

    fn from_str(text: &str) -> Result<Self, WalletError> {
        if text.len() == SECRET_CHARS && text.starts_with('S') {
            let seed = PrivateKey::from_string(text).map_err(|_| WalletError::Secret)?;
            return Ok(Self { key: SigningKey::from_bytes(&seed.0), sub_account: None });
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if text.is_empty() || text.len() > NAME_CHARS_MAX || !text.chars().all(plain) {
            return Err(WalletError::Name);
        }
        Ok(Self { key: keypair(text), sub_account: None })
    }
}

impl fmt::Debug for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Wallet").field(&self.account()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wallet_is_a_name_or_a_secret() {
        let alice: Wallet = "alice".parse().unwrap();
        assert_eq!(alice.account(), "alice".parse::<Wallet>().unwrap().account());
        assert_ne!(alice.account(), "Alice".parse::<Wallet>().unwrap().account());
        let secret = PrivateKey(keypair("alice").to_bytes());
        let text = secret.as_unredacted().to_string();
        assert_eq!(text.as_str().parse::<Wallet>().unwrap().account(), alice.account());
        let mistyped = text.as_str().replacen(text.as_str().chars().nth(20).unwrap(), "A", 1);
        assert!(matches!(mistyped.parse::<Wallet>(), Err(WalletError::Secret)));
        for text in ["", "two words", "a/b", &"x".repeat(33)] {
            assert!(matches!(text.parse::<Wallet>(), Err(WalletError::Name)), "{text}");
        }
    }
}
