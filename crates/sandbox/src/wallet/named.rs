//! Assets as people write them.

use std::str::FromStr;

use stellar_types::asset::{Asset, AssetCode};

use super::error::WalletError;

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
