//! Memos as people write them.

use std::str::FromStr;

use stellar_xdr::{Hash, Memo as XdrMemo};

use super::error::WalletError;
use super::limits::MEMO_TEXT_BYTES_MAX;

/// What a payment says besides its amount.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Memo {
    /// Nothing.
    #[default]
    None,
    /// Up to [`MEMO_TEXT_BYTES_MAX`] bytes.
    Text(String),
    /// A number.
    Id(u64),
    /// A hash.
    Hash([u8; 32]),
}

impl FromStr for Memo {
    type Err = WalletError;

    fn from_str(text: &str) -> Result<Self, WalletError> {
        match text.split_once(':') {
            None if text.is_empty() || text == "none" => Ok(Self::None),
            Some(("text", value)) if value.len() <= MEMO_TEXT_BYTES_MAX => Ok(Self::Text(value.to_owned())),
            Some(("id", value)) => value.parse().map(Self::Id).map_err(|_| WalletError::Memo),
            Some(("hash", value)) => {
                let mut hash = [0; 32];
                hex::decode_to_slice(value, &mut hash).map_err(|_| WalletError::Memo)?;
                Ok(Self::Hash(hash))
            }
            None | Some(_) => Err(WalletError::Memo),
        }
    }
}

impl Memo {
    /// In the network's form.
    pub fn to_xdr(&self) -> Result<XdrMemo, WalletError> {
        Ok(match self {
            Self::None => XdrMemo::None,
            Self::Text(text) => XdrMemo::Text(text.as_str().try_into().map_err(|_| WalletError::Memo)?),
            Self::Id(id) => XdrMemo::Id(*id),
            Self::Hash(hash) => XdrMemo::Hash(Hash(*hash)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memos_are_read_by_kind() {
        assert_eq!("".parse::<Memo>().unwrap(), Memo::None);
        assert_eq!("text:p-5: hello".parse::<Memo>().unwrap(), Memo::Text("p-5: hello".to_owned()));
        assert_eq!("id:18446744073709551615".parse::<Memo>().unwrap(), Memo::Id(u64::MAX));
        assert_eq!(format!("hash:{}", "ab".repeat(32)).parse::<Memo>().unwrap(), Memo::Hash([0xab; 32]));
        for text in ["hello", "id:-1", "hash:ab", &format!("text:{}", "x".repeat(29))] {
            assert!(matches!(text.parse::<Memo>(), Err(WalletError::Memo)), "{text}");
        }
    }
}
