//! Stellar assets: XLM (`native`) and credits named by code and issuer (`TFT:G…`).

use std::fmt;
use std::str::FromStr;

use super::address::{AccountId, AddressError, serde_as_text};

/// Longest asset code on the ledger, in characters.
pub const ASSET_CODE_CHARS_MAX: usize = 12;
/// Longest code of the ledger's short kind, `credit_alphanum4`.
pub const ASSET_CODE_SHORT_CHARS_MAX: usize = 4;

/// One to twelve ASCII letters and digits; `TFT` and `tft` are different codes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssetCode {
    bytes: [u8; ASSET_CODE_CHARS_MAX],
    length: u8,
}

/// What an amount is an amount of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Asset {
    /// XLM, the network's own.
    Native,
    /// A credit: a claim on its issuer.
    Credit {
        /// Its code.
        code: AssetCode,
        /// The account that issues it, and burns what is paid to it.
        issuer: AccountId,
    },
}

/// Why a text is not an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssetError {
    /// Neither `native` nor `CODE:ISSUER`.
    #[error("an asset is `native` or `CODE:ISSUER`")]
    Form,
    /// Empty, too long, or with other characters than ASCII letters and digits.
    #[error("an asset code is 1 to 12 ASCII letters and digits")]
    Code,
    /// The issuer is no account.
    #[error("the asset's issuer: {0}")]
    Issuer(#[from] AddressError),
}

impl AssetCode {
    /// The code's characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }

    /// True for the ledger's short kind, of at most four characters.
    pub const fn is_short(&self) -> bool {
        self.length as usize <= ASSET_CODE_SHORT_CHARS_MAX
    }
}

impl FromStr for AssetCode {
    type Err = AssetError;

    fn from_str(text: &str) -> Result<Self, AssetError> {
        let valid = (1..=ASSET_CODE_CHARS_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !valid {
            return Err(AssetError::Code);
        }
        let mut bytes = [0; ASSET_CODE_CHARS_MAX];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self { bytes, length: text.len() as u8 })
    }
}

impl fmt::Display for AssetCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for AssetCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Asset {
    /// A credit from its code and issuer.
    pub const fn credit(code: AssetCode, issuer: AccountId) -> Self {
        Self::Credit { code, issuer }
    }

    /// The issuer; `None` for XLM.
    pub const fn issuer(&self) -> Option<AccountId> {
        match self {
            Self::Native => None,
            Self::Credit { issuer, .. } => Some(*issuer),
        }
    }

    /// The code; `XLM` for the native asset.
    pub fn code(&self) -> &str {
        match self {
            Self::Native => "XLM",
            Self::Credit { code, .. } => code.as_str(),
        }
    }
}

impl FromStr for Asset {
    type Err = AssetError;

    fn from_str(text: &str) -> Result<Self, AssetError> {
        if text == "native" {
            return Ok(Self::Native);
        }
        let (code, issuer) = text.split_once(':').ok_or(AssetError::Form)?;
        Ok(Self::Credit { code: code.parse()?, issuer: issuer.parse()? })
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native => f.pad("native"),
            Self::Credit { code, issuer } => f.pad(&format!("{code}:{issuer}")),
        }
    }
}

impl fmt::Debug for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

serde_as_text!(Asset, AssetCode);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ISSUER: &str = "GBOVQKJYHXRR3DX6NOX2RRYFRCUMSADGDESTDNBDS6CDVLGVESRTAC47";

    #[test]
    fn text_that_is_no_asset_is_refused_by_kind() {
        assert_eq!("TFT".parse::<Asset>(), Err(AssetError::Form));
        assert_eq!("XLM".parse::<Asset>(), Err(AssetError::Form));
        assert_eq!(format!(":{ISSUER}").parse::<Asset>(), Err(AssetError::Code));
        assert_eq!(format!("T-T:{ISSUER}").parse::<Asset>(), Err(AssetError::Code));
        assert_eq!(format!("ABCDEFGHIJKLM:{ISSUER}").parse::<Asset>(), Err(AssetError::Code));
        assert_eq!("TFT:G".parse::<Asset>(), Err(AssetError::Issuer(AddressError::Malformed)));
    }

    proptest! {
        #[test]
        fn an_asset_survives_its_text(code in "[A-Za-z0-9]{1,12}") {
            let asset = Asset::credit(code.parse().unwrap(), ISSUER.parse().unwrap());
            prop_assert_eq!(asset.to_string().parse::<Asset>(), Ok(asset));
            prop_assert_eq!(asset.code(), code.as_str());
        }
    }
}
