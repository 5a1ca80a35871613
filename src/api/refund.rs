use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::payment::Memo;
use crate::domain::address::Address;
use crate::domain::{payment, refund};

/// Where money goes back to that cannot go back to where it came from: its payer demands a memo (SEP-29),
/// as exchanges do, or is a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "RefundAddressBody", into = "RefundAddressBody")]
#[schema(as = RefundAddress, value_type = RefundAddressBody)]
pub struct RefundAddress(refund::RefundAddress);

/// An address, and the memo that payments to it carry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundAddressBody {
    /// An account (`G…`) or a muxed account (`M…`).
    #[schema(value_type = String, example = "GBLDUINEFYTF7XEE7YNWA3JQS4K2VD37YU7I2YAE7R5AHZDKQXSS2J6R")]
    address: Address,
    /// The memo; none for a muxed account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memo: Option<MemoBody>,
}

/// A memo to pay with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoBody {
    /// Its kind.
    r#type: MemoKind,
    /// Its value: up to 28 bytes of text, a number, or 64 hexadecimal digits.
    #[schema(example = "1047")]
    value: String,
}

/// A kind of memo to pay with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemoKind {
    /// A text.
    Text,
    /// A number.
    Id,
    /// A hash.
    Hash,
}

/// Why it is no address for money that comes back.
#[derive(Debug, thiserror::Error)]
pub enum RefundAddressBodyError {
    /// The value is none of its kind.
    #[error("the memo's value is no {0}")]
    Memo(&'static str),
    /// The address cannot take it.
    #[error(transparent)]
    Address(#[from] refund::RefundAddressError),
}

impl TryFrom<RefundAddressBody> for RefundAddress {
    type Error = RefundAddressBodyError;

    fn try_from(body: RefundAddressBody) -> Result<Self, RefundAddressBodyError> {
        let memo = match body.memo {
            None => payment::Memo::None,
            Some(MemoBody { r#type: MemoKind::Text, value }) => payment::Memo::Text(value),
            Some(MemoBody { r#type: MemoKind::Id, value }) => payment::Memo::Id(
                value.parse().map_err(|_| RefundAddressBodyError::Memo("number of 64 bits"))?,
            ),
            Some(MemoBody { r#type: MemoKind::Hash, value }) => payment::Memo::Hash(
                value
                    .parse()
                    .map_err(|_| RefundAddressBodyError::Memo("hash of 64 lowercase hexadecimal digits"))?,
            ),
        };
        Ok(Self(refund::RefundAddress::new(body.address, memo)?))
    }
}

impl From<RefundAddress> for RefundAddressBody {
    fn from(RefundAddress(refund): RefundAddress) -> Self {
        let shown = Memo::from(refund.memo());
        let kind = match refund.memo() {
            payment::Memo::None | payment::Memo::Return(_) => None,
            payment::Memo::Text(_) => Some(MemoKind::Text),
            payment::Memo::Id(_) => Some(MemoKind::Id),
            payment::Memo::Hash(_) => Some(MemoKind::Hash),
        };
        let memo = kind.zip(shown.value).map(|(r#type, value)| MemoBody { r#type, value });
        Self { address: refund.address(), memo }
    }
}

impl From<RefundAddress> for refund::RefundAddress {
    fn from(refund: RefundAddress) -> Self {
        refund.0
    }
}

impl From<refund::RefundAddress> for RefundAddress {
    fn from(refund: refund::RefundAddress) -> Self {
        Self(refund)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const ACCOUNT: &str = "GBLDUINEFYTF7XEE7YNWA3JQS4K2VD37YU7I2YAE7R5AHZDKQXSS2J6R";

    fn read(value: Value) -> Result<RefundAddress, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_read_is_shown_again() {
        for body in [
            json!({ "address": ACCOUNT }),
            json!({ "address": ACCOUNT, "memo": { "type": "text", "value": "customer 7" } }),
            json!({ "address": ACCOUNT, "memo": { "type": "id", "value": "18446744073709551615" } }),
            json!({ "address": ACCOUNT, "memo": { "type": "hash", "value": "ab".repeat(32) } }),
        ] {
            assert_eq!(serde_json::to_value(read(body.clone()).unwrap()).unwrap(), body);
        }
    }

    #[test]
    fn what_the_ledger_could_not_carry_is_refused_in_words() {
        for (memo, why) in [
            (json!({ "type": "id", "value": "-1" }), "number"),
            (json!({ "type": "hash", "value": "ab" }), "hash"),
            (json!({ "type": "return", "value": "ab" }), "return"),
            (json!({ "type": "text", "value": "x".repeat(29) }), "28 bytes"),
            (json!({ "type": "text" }), "value"),
        ] {
            let error = read(json!({ "address": ACCOUNT, "memo": memo })).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
