//! Stellar addresses: accounts (`G…`), muxed accounts (`M…`) and contracts (`C…`).
//!
//! Text is read by `stellar-strkey` (SEP-23), which checks version byte, length, padding and checksum.

use std::fmt;
use std::str::FromStr;

use stellar_strkey::{Contract, Strkey, ed25519};

/// A Stellar account: its ed25519 public key, written `G…`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub [u8; 32]);

/// Anything money can come from, or go to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// A plain account, `G…`.
    Account(AccountId),
    /// A sub-account of an account, `M…`: an exchange tells its customers apart by `id`.
    Muxed {
        /// The account that holds the money on the ledger.
        account: AccountId,
        /// The sub-account within it.
        id: u64,
    },
    /// A smart contract, `C…`. It can pay, but is never paid by a classic payment.
    Contract([u8; 32]),
}

/// Why a text is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Wrong length, alphabet, version byte or checksum.
    #[error("not a Stellar address: its characters, length or checksum are wrong")]
    Malformed,
    /// A well-formed strkey of a kind that is not allowed here, such as a secret or a muxed address.
    #[error("a Stellar address of the wrong kind: expected {expected}")]
    WrongKind {
        /// What was expected, for people.
        expected: &'static str,
    },
}

impl AccountId {
    /// The raw ed25519 public key.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Address {
    /// The account on the ledger, or `None` for a contract.
    pub const fn account(&self) -> Option<AccountId> {
        match self {
            Self::Account(account) | Self::Muxed { account, .. } => Some(*account),
            Self::Contract(_) => None,
        }
    }
}

impl From<AccountId> for Address {
    fn from(account: AccountId) -> Self {
        Self::Account(account)
    }
}

fn strkey(text: &str) -> Result<Strkey, AddressError> {
    Strkey::from_string(text).map_err(|_| AddressError::Malformed)
}

impl FromStr for AccountId {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match strkey(text)? {
            Strkey::PublicKeyEd25519(key) => Ok(Self(key.0)),
            _ => Err(AddressError::WrongKind { expected: "an account (G…)" }),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match strkey(text)? {
            Strkey::PublicKeyEd25519(key) => Ok(Self::Account(AccountId(key.0))),
            Strkey::MuxedAccountEd25519(muxed) => {
                Ok(Self::Muxed { account: AccountId(muxed.ed25519), id: muxed.id })
            }
            Strkey::Contract(contract) => Ok(Self::Contract(contract.0)),
            _ => Err(AddressError::WrongKind { expected: "an account (G…, M…) or a contract (C…)" }),
        }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(ed25519::PublicKey(self.0).to_string().as_str())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) => fmt::Display::fmt(account, f),
            Self::Muxed { account, id } => {
                f.pad(ed25519::MuxedAccount { ed25519: account.0, id: *id }.to_string().as_str())
            }
            Self::Contract(hash) => f.pad(Contract(*hash).to_string().as_str()),
        }
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

pub use crate::serde_as_text;

serde_as_text!(AccountId, Address);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ACCOUNT: &str = "GBOVQKJYHXRR3DX6NOX2RRYFRCUMSADGDESTDNBDS6CDVLGVESRTAC47";

    #[test]
    fn one_wrong_character_is_noticed() {
        let wrong = ACCOUNT.replace("AC47", "AC48");
        assert_eq!(wrong.parse::<AccountId>(), Err(AddressError::Malformed));
        assert_eq!(wrong.parse::<Address>(), Err(AddressError::Malformed));
        assert_eq!("".parse::<Address>(), Err(AddressError::Malformed));
    }

    #[test]
    fn a_secret_seed_is_not_an_address() {
        let seed = stellar_strkey::ed25519::PrivateKey([7; 32]);
        let text = seed.as_unredacted().to_string();
        assert!(text.as_str().parse::<Address>().is_err());
    }

    #[test]
    fn a_muxed_address_is_not_a_plain_account() {
        let muxed = Address::Muxed { account: ACCOUNT.parse().unwrap(), id: 5 };
        assert!(matches!(muxed.to_string().parse::<AccountId>(), Err(AddressError::WrongKind { .. })));
        assert_eq!(muxed.account().unwrap().to_string(), ACCOUNT);
    }

    proptest! {
        #[test]
        fn every_kind_survives_its_text(key in any::<[u8; 32]>(), id in any::<u64>()) {
            for address in [
                Address::Account(AccountId(key)),
                Address::Muxed { account: AccountId(key), id },
                Address::Contract(key),
            ] {
                prop_assert_eq!(address.to_string().parse::<Address>(), Ok(address));
            }
        }
    }
}
