//! Assets and addresses as people write them.

use std::str::FromStr;

use stellar_types::address::{AccountId, Address, AddressError};
use stellar_types::asset::{Asset, AssetCode};

use super::error::WalletError;
use super::key::Wallet;
use super::limits::NAME_CHARS_MAX;

/// An asset as people write it: `native` or `XLM`, the code of one that the sandbox issues, or `CODE:ISSUER`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// All said.
    Asset(Asset),
    /// The network's asset of this code.
    Code(AssetCode),
}

impl FromStr for Named {
    type Err = WalletError;

    fn from_str(text: &str) -> Result<Self, WalletError> {
        match text {
            "native" | "XLM" => Ok(Self::Asset(Asset::Native)),
            full if full.contains(':') => Ok(Self::Asset(full.parse()?)),
            code => Ok(Self::Code(code.parse()?)),
        }
    }
}

/// Someone's account as people write it: `G…`, `M…` for a sub-account, or the name of a wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedAddress {
    /// As payments name it.
    pub address: Address,
    /// The account on the ledger.
    pub account: AccountId,
}

impl FromStr for NamedAddress {
    type Err = WalletError;

    /// What is too long for a name is an address, so that a mistyped one is never taken for a name.
    fn from_str(text: &str) -> Result<Self, WalletError> {
        let address =
            if text.len() > NAME_CHARS_MAX { text.parse()? } else { text.parse::<Wallet>()?.address() };
        let no_account = AddressError::WrongKind { expected: "an account (G… or M…)" };
        Ok(Self { address, account: address.account().ok_or(no_account)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wallets_name_stands_for_its_address() {
        let alice: Wallet = "alice".parse().unwrap();
        let address = |text: &str| text.parse::<NamedAddress>().map(|named| named.address);
        assert_eq!(address("alice").unwrap(), alice.address());
        assert_eq!(address(&alice.address().to_string()).unwrap(), alice.address());
        let exchange = alice.as_sub_account(7).address();
        assert_eq!(address(&exchange.to_string()).unwrap(), exchange);
    }

    #[test]
    fn a_mistyped_address_a_secret_and_a_contract_are_refused() {
        let alice: Wallet = "alice".parse().unwrap();
        let text = alice.address().to_string();
        let secret = stellar_strkey::ed25519::PrivateKey(alice.key().to_bytes());
        let contract = Address::Contract([7; 32]).to_string();
        for wrong in [&text[1..], &text[..40], secret.as_unredacted().to_string().as_str(), &contract] {
            let error = wrong.parse::<NamedAddress>();
            assert!(matches!(error, Err(WalletError::Address(_))), "{error:?}");
        }
        assert!(matches!("two words".parse::<NamedAddress>(), Err(WalletError::Name)));
    }
}
