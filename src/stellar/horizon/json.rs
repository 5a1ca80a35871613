//! The small forms that Horizon's JSON is made of, read tolerantly: numbers as numbers or strings, parties
//! with their muxed form beside them, assets in three fields, memos in their five kinds, pages.
//!
//! Tolerant of shape, never of content: an amount, address or hash that is not one is an error,
//! never a default.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use serde_json::value::RawValue;

use crate::domain::address::{AccountId, Address};
use crate::domain::asset::{Asset, AssetCode};
use crate::domain::ids::TxHash;
use crate::domain::money::Stroops;
use crate::domain::payment::Memo;

/// Why a JSON text is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not JSON, or not of this shape.
    #[error("{0}")]
    Shape(String),
    /// A field is missing.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A field does not hold what it should.
    #[error("`{field}`: {reason}")]
    Field {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Two fields contradict each other.
    #[error("{0}")]
    Contradiction(&'static str),
}

/// Reads a JSON text as `T`.
pub(crate) fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, ReadError> {
    serde_json::from_str(json).map_err(|error| ReadError::Shape(error.to_string()))
}

/// The value of a field that must be there.
pub(crate) fn required<T>(field: &'static str, value: Option<T>) -> Result<T, ReadError> {
    value.ok_or(ReadError::Missing(field))
}

/// Reads a text field as `T`.
pub(crate) fn text<T: FromStr>(field: &'static str, value: Option<&str>) -> Result<T, ReadError>
where
    T::Err: std::fmt::Display,
{
    required(field, value)?
        .parse()
        .map_err(|error: T::Err| ReadError::Field { field, reason: error.to_string() })
}

/// A whole number, written as a number or as a decimal string.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Number<T>(pub(crate) T);

struct NumberVisitor<T>(std::marker::PhantomData<T>);

impl<T: FromStr + TryFrom<i64> + TryFrom<u64>> Visitor<'_> for NumberVisitor<T> {
    type Value = Number<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a whole number, as number or string")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        T::try_from(number).map(Number).map_err(|_| E::custom("the number is out of range"))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        T::try_from(number).map(Number).map_err(|_| E::custom("the number is out of range"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        text.parse().map(Number).map_err(|_| E::custom("the text is no whole number"))
    }
}

impl<'de, T: FromStr + TryFrom<i64> + TryFrom<u64>> Deserialize<'de> for Number<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor(std::marker::PhantomData))
    }
}

/// The records of a page, each as it stands, so that one bad record does not spoil the others.
///
/// Stellar's own documentation shows a page of one record without the brackets: taken as that record.
pub fn page(json: &str) -> Result<Vec<&str>, ReadError> {
    #[derive(Deserialize)]
    struct Page<'a> {
        #[serde(borrow, rename = "_embedded")]
        embedded: Embedded<'a>,
    }
    #[derive(Deserialize)]
    struct Embedded<'a> {
        #[serde(borrow)]
        records: &'a RawValue,
    }
    let page: Page<'_> = parse(json)?;
    let records = page.embedded.records.get();
    if records.starts_with('{') {
        return Ok(vec![records]);
    }
    let records: Vec<&RawValue> = parse(records)?;
    Ok(records.into_iter().map(RawValue::get).collect())
}

/// An address beside which its muxed form may stand: `from`, `from_muxed`, `from_muxed_id`.
pub(crate) fn party(
    field: &'static str,
    plain: Option<&str>,
    muxed: Option<&str>,
    muxed_id: Option<Number<u64>>,
) -> Result<Address, ReadError> {
    let plain: Address = text(field, plain)?;
    let address = match (plain, muxed, muxed_id) {
        (plain, None, None) => plain,
        (_, Some(muxed), _) => text(field, Some(muxed))?,
        (Address::Account(account), None, Some(Number(id))) => Address::Muxed { account, id },
        (Address::Muxed { .. } | Address::Contract(_), None, Some(_)) => {
            return Err(ReadError::Contradiction("a muxed id beside an address that is no account"));
        }
    };
    let id_agrees = match (address, muxed_id) {
        (Address::Muxed { id, .. }, Some(Number(said))) => id == said,
        (Address::Account(_) | Address::Contract(_), Some(_)) => false,
        (Address::Muxed { .. } | Address::Account(_) | Address::Contract(_), None) => true,
    };
    if !id_agrees || plain.account() != address.account() {
        return Err(ReadError::Contradiction("an address and its muxed form differ"));
    }
    Ok(address)
}

/// The account of a field.
pub(crate) fn account(field: &'static str, value: Option<&str>) -> Result<AccountId, ReadError> {
    text(field, value)
}

/// An amount of a field.
pub(crate) fn amount(field: &'static str, value: Option<&str>) -> Result<Stroops, ReadError> {
    text(field, value)
}

/// An asset in Horizon's three fields.
pub(crate) fn asset(
    kind: Option<&str>,
    code: Option<&str>,
    issuer: Option<&str>,
) -> Result<Asset, ReadError> {
    let short = match required("asset_type", kind)? {
        "native" => return Ok(Asset::Native),
        "credit_alphanum4" => true,
        "credit_alphanum12" => false,
        other => {
            return Err(ReadError::Field { field: "asset_type", reason: format!("`{other}` is no asset") });
        }
    };
    let code: AssetCode = text("asset_code", code)?;
    if code.is_short() != short {
        return Err(ReadError::Contradiction("the asset's type and the length of its code differ"));
    }
    Ok(Asset::credit(code, account("asset_issuer", issuer)?))
}

/// A memo in Horizon's two fields.
pub(crate) fn memo(kind: Option<&str>, value: Option<&str>) -> Result<Memo, ReadError> {
    let hash = || -> Result<TxHash, ReadError> {
        let bytes = STANDARD.decode(required("memo", value)?).ok();
        let bytes: Option<[u8; 32]> = bytes.and_then(|bytes| bytes.try_into().ok());
        let reason = || "not 32 bytes in base64".to_owned();
        bytes.map(TxHash).ok_or_else(|| ReadError::Field { field: "memo", reason: reason() })
    };
    match required("memo_type", kind)? {
        "none" => Ok(Memo::None),
        // An empty text is left out by some versions.
        "text" => Ok(Memo::Text(value.unwrap_or_default().to_owned())),
        "id" => Ok(Memo::Id(text("memo", value)?)),
        "hash" => Ok(Memo::Hash(hash()?)),
        "return" => Ok(Memo::Return(hash()?)),
        other => {
            Err(ReadError::Field { field: "memo_type", reason: format!("`{other}` is no kind of memo") })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "GBOVQKJYHXRR3DX6NOX2RRYFRCUMSADGDESTDNBDS6CDVLGVESRTAC47";

    #[test]
    fn numbers_are_read_as_numbers_or_strings_but_never_rounded() {
        assert_eq!(parse::<Number<i64>>("\"9223372036854775807\""), Ok(Number(i64::MAX)));
        assert_eq!(parse::<Number<u32>>("7"), Ok(Number(7)));
        for json in ["7.0", "1e3", "\"7.0\"", "-1", "4294967296", "\"\"", "null", "true"] {
            assert!(parse::<Number<u32>>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_page_is_split_without_reading_its_records() {
        let records = page(r#"{"x":1,"_embedded":{"records":[{"a":1}, 5, null]}}"#).unwrap();
        assert_eq!(records, [r#"{"a":1}"#, "5", "null"]);
        assert_eq!(page(r#"{"_embedded":{"records":{"a":1}}}"#).unwrap(), [r#"{"a":1}"#]);
        assert_eq!(page(r#"{"_embedded":{"records":[]}}"#).unwrap(), Vec::<&str>::new());
        for json in ["", "{}", "[]", r#"{"_embedded":{}}"#, r#"{"_embedded":{"records":7}}"#, "<html>"] {
            assert!(page(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_party_and_its_muxed_form_must_agree() {
        let plain: AccountId = ACCOUNT.parse().unwrap();
        let muxed = Address::Muxed { account: plain, id: 5 };
        let text = muxed.to_string();
        let read = |muxed: Option<&str>, id: Option<u64>| party("from", Some(ACCOUNT), muxed, id.map(Number));
        assert_eq!(read(None, None), Ok(plain.into()));
        assert_eq!(read(Some(&text), Some(5)), Ok(muxed));
        assert_eq!(read(Some(&text), None), Ok(muxed));
        assert_eq!(read(None, Some(5)), Ok(muxed));
        assert!(read(Some(&text), Some(6)).is_err());
        assert!(read(Some(ACCOUNT), Some(5)).is_err());
        let other = Address::Muxed { account: AccountId([1; 32]), id: 5 }.to_string();
        assert!(read(Some(&other), Some(5)).is_err());
        assert!(party("from", None, None, None).is_err());
    }

    #[test]
    fn memos_of_all_kinds_are_read_and_others_refused() {
        let base64 = STANDARD.encode([3; 32]);
        assert_eq!(memo(Some("none"), None), Ok(Memo::None));
        assert_eq!(memo(Some("text"), Some("p-7")), Ok(Memo::Text("p-7".into())));
        assert_eq!(memo(Some("id"), Some("18446744073709551615")), Ok(Memo::Id(u64::MAX)));
        assert_eq!(memo(Some("hash"), Some(&base64)), Ok(Memo::Hash(TxHash([3; 32]))));
        assert_eq!(memo(Some("return"), Some(&base64)), Ok(Memo::Return(TxHash([3; 32]))));
        for (kind, value) in [
            (None, Some("x")),
            (Some("id"), Some("-1")),
            (Some("id"), None),
            (Some("hash"), Some("AAAA")),
            (Some("hash"), None),
            (Some("blob"), Some("x")),
        ] {
            assert!(memo(kind, value).is_err(), "{kind:?} {value:?}");
        }
    }

    #[test]
    fn an_asset_is_what_its_three_fields_agree_on() {
        let read = |kind, code| asset(Some(kind), Some(code), Some(ACCOUNT)).map(|asset| asset.to_string());
        assert_eq!(asset(Some("native"), None, None), Ok(Asset::Native));
        assert_eq!(read("credit_alphanum4", "TFT"), Ok(format!("TFT:{ACCOUNT}")));
        assert_eq!(read("credit_alphanum12", "FreeTFT"), Ok(format!("FreeTFT:{ACCOUNT}")));
        assert!(read("credit_alphanum12", "TFT").is_err());
        assert!(read("liquidity_pool_shares", "TFT").is_err());
        assert!(asset(Some("credit_alphanum4"), Some("TFT"), None).is_err());
    }
}
