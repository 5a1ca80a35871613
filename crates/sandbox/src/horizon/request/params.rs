//! Ids and assets in the path or the query of a request.

use stellar_types::address::AccountId;
use stellar_types::asset::{Asset, AssetCode};
use stellar_types::ids::{LedgerSeq, OperationId, TxHash};

use super::page::Query;
use crate::horizon::response::{BAD_ACCOUNT, BAD_HASH, Problem};
use crate::ledger::balances::BalanceId;
use crate::ledger::book::OfferId;

const BAD_ASSET_TYPE: &str = "Asset type must be native, credit_alphanum4 or credit_alphanum12";
const BAD_ASSET_CODE: &str = "Asset code must be 1-12 alphanumeric characters, as many as its type says";

/// An account's G-address in a path.
pub fn account_in_path(text: &str) -> Result<AccountId, Problem> {
    text.parse().map_err(|_| Problem::bad_request("account_id", BAD_ACCOUNT))
}

/// A transaction's hash in a path.
pub fn hash_in_path(text: &str) -> Result<TxHash, Problem> {
    text.parse().map_err(|_| Problem::bad_request("tx_id", BAD_HASH))
}

/// A ledger's number in a path.
pub fn sequence_in_path(text: &str) -> Result<LedgerSeq, Problem> {
    let reason = "Ledger Sequence must be an integer higher than 0";
    let number: u32 = text.parse().map_err(|_| Problem::bad_request("ledger_id", reason))?;
    if number == 0 { Err(Problem::bad_request("ledger_id", reason)) } else { Ok(LedgerSeq(number)) }
}

/// An operation's id in a path.
pub fn operation_in_path(text: &str) -> Result<OperationId, Problem> {
    text.parse().map_err(|_| Problem::bad_request("id", "id: invalid value"))
}

/// An offer's number in a path or a parameter.
pub fn offer_in_path(text: &str) -> Result<OfferId, Problem> {
    text.parse()
        .ok()
        .filter(|id| *id > 0)
        .ok_or_else(|| Problem::bad_request("offer_id", "Offer ID must be an integer higher than 0"))
}

/// A balance's id in a path.
pub fn balance_in_path(text: &str) -> Result<BalanceId, Problem> {
    let reason = format!("{text} does not validate as claimableBalanceID");
    text.parse().map_err(|_| Problem::bad_request("id", &reason))
}

/// An asset in one parameter, or in three as the older SDKs send it.
pub fn asset_text(query: &Query, field: &str) -> Option<String> {
    let part = |name: &str| query.get(&format!("{field}_asset_{name}"));
    match (query.get(field), part("type")) {
        (Some(whole), _) => Some(whole.to_owned()),
        (None, Some("native")) => Some("native".to_owned()),
        (None, Some(_)) => {
            Some(format!("{}:{}", part("code").unwrap_or_default(), part("issuer").unwrap_or_default()))
        }
        (None, None) => None,
    }
}

/// The asset that `…_asset_type`, `…_asset_code` and `…_asset_issuer` name, if the first is given.
pub fn typed_asset(query: &Query, field: &str) -> Result<Option<Asset>, Problem> {
    let name = |part: &str| format!("{field}_asset_{part}");
    let part = |part: &str| query.get(&name(part));
    let bad = |part: &str, reason: &str| Problem::bad_request(&name(part), reason);
    let short = match part("type") {
        None => return Ok(None),
        Some("native") => return Ok(Some(Asset::Native)),
        Some("credit_alphanum4") => true,
        Some("credit_alphanum12") => false,
        Some(_) => return Err(bad("type", BAD_ASSET_TYPE)),
    };
    let code: AssetCode =
        part("code").unwrap_or_default().parse().map_err(|_| bad("code", BAD_ASSET_CODE))?;
    if code.is_short() != short {
        return Err(bad("code", BAD_ASSET_CODE));
    }
    let issuer = part("issuer").unwrap_or_default().parse().map_err(|_| bad("issuer", BAD_ACCOUNT))?;
    Ok(Some(Asset::credit(code, issuer)))
}
