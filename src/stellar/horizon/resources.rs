//! Horizon's other resources: accounts, ledgers, transactions, effects, claimable balances, fees, the root,
//! and the problem documents that stand in their place.
//!
//! Read tolerantly (unknown fields ignored, old shapes taken) into domain types. Fails with [`ReadError`];
//! a value that money depends on is never defaulted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

use super::codes;
use super::json::{self, Number, ReadError};
use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::ids::{LedgerSeq, OperationId, TxHash};
use crate::domain::money::Stroops;
use crate::domain::payment::Memo;
use crate::domain::transfer::ResultCodes;
use crate::ports::network::{
    AccountControl, AccountSnapshot, Balance, ClaimableEnd, Ledger, TransactionRecord,
};

/// The data entry by which an account demands a memo (SEP-29).
const MEMO_REQUIRED_KEY: &str = "config.memo_required";
/// Its value, decoded.
const MEMO_REQUIRED_VALUE: &[u8] = b"1";

/// Reads an account.
pub fn account(json: &str) -> Result<AccountSnapshot, ReadError> {
    #[derive(Deserialize)]
    struct Account {
        account_id: Option<String>,
        sequence: Option<Number<i64>>,
        last_modified_ledger: Option<Number<u32>>,
        sponsor: Option<String>,
        balances: Option<Vec<Line>>,
        data: Option<BTreeMap<String, String>>,
        signers: Option<Vec<Signer>>,
        thresholds: Option<Thresholds>,
        subentry_count: Option<Number<u32>>,
        num_sponsoring: Option<Number<u32>>,
        num_sponsored: Option<Number<u32>>,
    }
    let account: Account = json::parse(json)?;
    let mut last_modified = json::required("last_modified_ledger", account.last_modified_ledger)?.0;
    let lines = json::required("balances", account.balances)?;
    for line in &lines {
        last_modified = last_modified.max(line.last_modified_ledger.as_ref().map_or(0, |ledger| ledger.0));
    }
    let balances = balances(lines)?;
    let memo_required = account
        .data
        .and_then(|data| STANDARD.decode(data.get(MEMO_REQUIRED_KEY)?).ok())
        .is_some_and(|value| value == MEMO_REQUIRED_VALUE);
    Ok(AccountSnapshot {
        account: json::account("account_id", account.account_id.as_deref())?,
        sequence: json::required("sequence", account.sequence)?.0,
        balances,
        last_modified: LedgerSeq(last_modified),
        sponsor: account.sponsor.as_deref().map(|text| json::account("sponsor", Some(text))).transpose()?,
        memo_required,
        control: control(
            account.signers,
            account.thresholds,
            [account.subentry_count, account.num_sponsoring, account.num_sponsored],
        ),
    })
}

#[derive(Deserialize)]
struct Line {
    balance: Option<String>,
    limit: Option<String>,
    asset_type: Option<String>,
    asset_code: Option<String>,
    asset_issuer: Option<String>,
    last_modified_ledger: Option<Number<u32>>,
    is_authorized: Option<bool>,
}

/// The balances in lines that hold an asset; shares of a pool are none.
fn balances(lines: Vec<Line>) -> Result<Vec<Balance>, ReadError> {
    let mut balances = Vec::new();
    for line in lines {
        if line.asset_type.as_deref() == Some("liquidity_pool_shares") {
            continue;
        }
        let asset = json::asset(
            line.asset_type.as_deref(),
            line.asset_code.as_deref(),
            line.asset_issuer.as_deref(),
        )?;
        let limit = match asset {
            Asset::Native => None,
            Asset::Credit { .. } => Some(json::amount("limit", line.limit.as_deref())?),
        };
        balances.push(Balance {
            asset,
            amount: json::amount("balance", line.balance.as_deref())?,
            limit,
            // Before authorization was reported, every line was shown as usable.
            authorized: line.is_authorized.unwrap_or(true),
        });
    }
    if !balances.iter().any(|balance| balance.asset == Asset::Native) {
        return Err(ReadError::Missing("the XLM balance"));
    }
    Ok(balances)
}

#[derive(Deserialize)]
struct Signer {
    key: Option<String>,
    weight: Option<Number<u32>>,
}

#[derive(Deserialize)]
struct Thresholds {
    low_threshold: Option<Number<u32>>,
    med_threshold: Option<Number<u32>>,
    high_threshold: Option<Number<u32>>,
}

/// Who signs for an account. Only diagnosis rests on it: what is missing makes it unknown, and leaves the
/// rest of the account readable.
fn control(
    signers: Option<Vec<Signer>>,
    thresholds: Option<Thresholds>,
    counts: [Option<Number<u32>>; 3],
) -> Option<AccountControl> {
    let thresholds = thresholds?;
    let [subentries, sponsoring, sponsored] = counts;
    // A key that is no account is another kind of signer (a hash, a transaction): it cannot be ours.
    let signers = signers?.into_iter();
    let signers = signers.filter_map(|signer| Some((signer.key?.parse().ok()?, signer.weight?.0)));
    Some(AccountControl {
        signers: signers.collect(),
        thresholds: [thresholds.low_threshold?.0, thresholds.med_threshold?.0, thresholds.high_threshold?.0],
        subentries: subentries?.0,
        sponsoring: sponsoring?.0,
        sponsored: sponsored?.0,
    })
}

/// Reads a ledger.
pub fn ledger(json: &str) -> Result<Ledger, ReadError> {
    #[derive(Deserialize)]
    struct Closed {
        sequence: Option<Number<u32>>,
        hash: Option<String>,
        closed_at: Option<String>,
    }
    let ledger: Closed = json::parse(json)?;
    Ok(Ledger {
        sequence: LedgerSeq(json::required("sequence", ledger.sequence)?.0),
        hash: json::text("hash", ledger.hash.as_deref())?,
        closed_at: json::text("closed_at", ledger.closed_at.as_deref())?,
    })
}

/// A transaction with what the engine's record leaves out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transaction {
    /// What the engine needs.
    pub record: TransactionRecord,
    /// Its memo.
    pub memo: Memo,
    /// Its source, with the sub-account if one was named.
    pub source: Address,
    /// Its fee's source, likewise.
    pub fee_source: Address,
    /// All hashes it is known by: its own; of a fee bump, the outer and the inner one.
    pub hashes: Vec<TxHash>,
}

#[derive(Deserialize)]
struct Included {
    hash: Option<String>,
    paging_token: Option<Number<i64>>,
    successful: Option<bool>,
    ledger: Option<Number<u32>>,
    created_at: Option<String>,
    source_account: Option<String>,
    account_muxed: Option<String>,
    account_muxed_id: Option<Number<u64>>,
    source_account_sequence: Option<Number<i64>>,
    fee_account: Option<String>,
    fee_account_muxed: Option<String>,
    fee_account_muxed_id: Option<Number<u64>>,
    fee_charged: Option<Number<i64>>,
    fee_paid: Option<Number<i64>>,
    memo_type: Option<String>,
    memo: Option<String>,
    result_xdr: Option<String>,
    fee_bump_transaction: Option<Part>,
    inner_transaction: Option<Part>,
}

#[derive(Deserialize)]
struct Part {
    hash: Option<String>,
}

/// Reads a transaction.
///
/// Looked up by the hash of a fee bump's inner transaction, Horizon shows that hash and the rest
/// of the whole.
pub fn transaction(json: &str) -> Result<Transaction, ReadError> {
    let one: Included = json::parse(json)?;
    let hash: TxHash = json::text("hash", one.hash.as_deref())?;
    let ledger = LedgerSeq(json::required("ledger", one.ledger)?.0);
    let position = OperationId(json::required("paging_token", one.paging_token)?.0);
    if position.0 < 0 || position.ledger() != ledger || position.0 & 0xfff != 0 {
        return Err(ReadError::Contradiction("the transaction's place is not in its ledger"));
    }
    let successful = json::required("successful", one.successful)?;
    let codes = verdict(one.result_xdr.as_deref(), successful)?;
    let source = json::party(
        "source_account",
        one.source_account.as_deref(),
        one.account_muxed.as_deref(),
        one.account_muxed_id,
    )?;
    let fee_source = match &one.fee_account {
        Some(account) => json::party(
            "fee_account",
            Some(account),
            one.fee_account_muxed.as_deref(),
            one.fee_account_muxed_id,
        )?,
        None => source,
    };
    let hashes = hashes(hash, &one)?;
    let inner_hash = match &one.inner_transaction {
        Some(inner) => Some(json::text("inner_transaction", inner.hash.as_deref())?),
        None => None,
    };
    let fee = json::required("fee_charged", one.fee_charged.or(one.fee_paid))?.0;
    let no_account = || ReadError::Contradiction("a contract cannot be a transaction's source");
    let record = TransactionRecord {
        hash,
        inner_hash,
        ledger,
        position,
        closed_at: json::text("created_at", one.created_at.as_deref())?,
        successful,
        source: source.account().ok_or_else(no_account)?,
        sequence: json::required("source_account_sequence", one.source_account_sequence)?.0,
        fee_account: fee_source.account().ok_or_else(no_account)?,
        fee_charged: Stroops::new(fee)
            .map_err(|error| ReadError::Field { field: "fee_charged", reason: error.to_string() })?,
        codes,
        merged: one.result_xdr.as_deref().map(codes::merged).unwrap_or_default(),
    };
    Ok(Transaction {
        record,
        memo: json::memo(one.memo_type.as_deref(), one.memo.as_deref())?,
        source,
        fee_source,
        hashes,
    })
}

/// All hashes that Horizon names for one transaction, each once.
fn hashes(hash: TxHash, one: &Included) -> Result<Vec<TxHash>, ReadError> {
    let mut hashes = vec![hash];
    for part in [&one.fee_bump_transaction, &one.inner_transaction].into_iter().flatten() {
        let other = json::text("hash", part.hash.as_deref())?;
        if !hashes.contains(&other) {
            hashes.push(other);
        }
    }
    Ok(hashes)
}

/// The codes in a result that this version can decode; else the flag's word for the whole,
/// without operations.
fn verdict(result_xdr: Option<&str>, successful: bool) -> Result<ResultCodes, ReadError> {
    let Some(codes) = result_xdr.and_then(codes::decode) else {
        let transaction = if successful { "tx_success" } else { "tx_failed" };
        return Ok(ResultCodes { transaction: transaction.to_owned(), operations: vec![] });
    };
    if (codes.transaction == "tx_success") != successful {
        return Err(ReadError::Contradiction("`successful` and the result contradict each other"));
    }
    Ok(codes)
}

/// What happened to an account in an operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Effect {
    /// The operation it is an effect of.
    pub operation: OperationId,
    /// Its place among that operation's effects, from 1.
    pub index: u32,
    /// Its type as Horizon names it.
    pub kind: String,
    /// The account it happened to, with the sub-account if one was named.
    pub account: Address,
    /// When the ledger closed.
    pub at: Timestamp,
    /// The amount or starting balance, if the effect tells one.
    pub amount: Option<Stroops>,
    /// In what, if the effect tells.
    pub asset: Option<Asset>,
}

/// Reads an effect.
pub fn effect(json: &str) -> Result<Effect, ReadError> {
    #[derive(Deserialize)]
    struct Base {
        paging_token: Option<String>,
        #[serde(rename = "type")]
        kind: Option<String>,
        account: Option<String>,
        account_muxed: Option<String>,
        account_muxed_id: Option<Number<u64>>,
        created_at: Option<String>,
        amount: Option<String>,
        starting_balance: Option<String>,
        asset: Option<String>,
        asset_type: Option<String>,
        asset_code: Option<String>,
        asset_issuer: Option<String>,
    }
    let base: Base = json::parse(json)?;
    let token = json::required("paging_token", base.paging_token.as_deref())?;
    let (operation, index) = token.split_once('-').ok_or_else(|| ReadError::Field {
        field: "paging_token",
        reason: "not `operation-index`".to_owned(),
    })?;
    let told = base.amount.as_deref().or(base.starting_balance.as_deref());
    let asset = match (&base.asset, base.asset_type.as_deref()) {
        (Some(asset), _) => Some(json::text("asset", Some(asset))?),
        (None, Some("liquidity_pool_shares")) => None,
        (None, Some(kind)) => {
            Some(json::asset(Some(kind), base.asset_code.as_deref(), base.asset_issuer.as_deref())?)
        }
        (None, None) => None,
    };
    Ok(Effect {
        operation: json::text("paging_token", Some(operation))?,
        index: json::text("paging_token", Some(index))?,
        kind: json::required("type", base.kind)?,
        account: json::party(
            "account",
            base.account.as_deref(),
            base.account_muxed.as_deref(),
            base.account_muxed_id,
        )?,
        at: json::text("created_at", base.created_at.as_deref())?,
        amount: told.map(|amount| json::amount("amount", Some(amount))).transpose()?,
        asset,
    })
}

/// Money that waits on the ledger to be claimed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimableBalance {
    /// Its id in hex, with the leading type.
    pub id: String,
    /// In what.
    pub asset: Asset,
    /// How much.
    pub amount: Stroops,
    /// Who pays its reserve.
    pub sponsor: Option<AccountId>,
    /// Who may claim it, and under which condition (as it came).
    pub claimants: Vec<(AccountId, String)>,
    /// When it last changed.
    pub last_modified: LedgerSeq,
}

/// Reads a claimable balance.
pub fn claimable_balance(json: &str) -> Result<ClaimableBalance, ReadError> {
    #[derive(Deserialize)]
    struct Waiting<'a> {
        id: Option<String>,
        asset: Option<String>,
        amount: Option<String>,
        sponsor: Option<String>,
        last_modified_ledger: Option<Number<u32>>,
        #[serde(borrow)]
        claimants: Option<Vec<Claimant<'a>>>,
    }
    #[derive(Deserialize)]
    struct Claimant<'a> {
        destination: Option<String>,
        #[serde(borrow)]
        predicate: Option<&'a RawValue>,
    }
    let one: Waiting<'_> = json::parse(json)?;
    let mut claimants = Vec::new();
    for claimant in json::required("claimants", one.claimants)? {
        let predicate = json::required("predicate", claimant.predicate)?.get().to_owned();
        claimants.push((json::account("destination", claimant.destination.as_deref())?, predicate));
    }
    Ok(ClaimableBalance {
        id: json::required("id", one.id)?,
        asset: json::text("asset", one.asset.as_deref())?,
        amount: json::amount("amount", one.amount.as_deref())?,
        sponsor: one.sponsor.as_deref().map(|text| json::account("sponsor", Some(text))).transpose()?,
        claimants,
        last_modified: LedgerSeq(json::required("last_modified_ledger", one.last_modified_ledger)?.0),
    })
}

/// How a claimable balance ended, if this operation ended it.
pub fn claimable_end(json: &str) -> Result<Option<ClaimableEnd>, ReadError> {
    #[derive(Deserialize)]
    struct Operation {
        id: Option<Number<i64>>,
        #[serde(rename = "type")]
        kind: Option<String>,
        transaction_successful: Option<bool>,
        transaction_hash: Option<String>,
        created_at: Option<String>,
        claimant: Option<String>,
    }
    let one: Operation = json::parse(json)?;
    let claimed_by = match one.kind.as_deref() {
        Some("claim_claimable_balance") => Some(json::account("claimant", one.claimant.as_deref())?),
        Some("clawback_claimable_balance") => None,
        Some(_) => return Ok(None),
        None => return Err(ReadError::Missing("type")),
    };
    let end = ClaimableEnd {
        operation: OperationId(json::required("id", one.id)?.0),
        transaction: json::text("transaction_hash", one.transaction_hash.as_deref())?,
        at: json::text("created_at", one.created_at.as_deref())?,
        claimed_by,
    };
    Ok(json::required("transaction_successful", one.transaction_successful)?.then_some(end))
}

/// What Horizon says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Root {
    /// Its version, if it says.
    pub horizon_version: Option<String>,
    /// Which network it serves.
    pub network_passphrase: String,
    /// The latest ledger of its history.
    pub history_latest_ledger: LedgerSeq,
    /// The oldest ledger of its history.
    pub history_elder_ledger: LedgerSeq,
    /// The latest ledger its core knows.
    pub core_latest_ledger: LedgerSeq,
    /// The protocol the network is at, if it says.
    pub protocol: Option<u32>,
    /// The latest protocol its core can follow, if it says.
    pub core_protocol_max: Option<u32>,
}

/// Reads the root.
pub fn root(json: &str) -> Result<Root, ReadError> {
    #[derive(Deserialize)]
    struct Top {
        horizon_version: Option<String>,
        network_passphrase: Option<String>,
        history_latest_ledger: Option<Number<u32>>,
        history_elder_ledger: Option<Number<u32>>,
        core_latest_ledger: Option<Number<u32>>,
        current_protocol_version: Option<Number<u32>>,
        core_supported_protocol_version: Option<Number<u32>>,
    }
    let top: Top = json::parse(json)?;
    let ledger = |field, number: Option<Number<u32>>| -> Result<LedgerSeq, ReadError> {
        Ok(LedgerSeq(json::required(field, number)?.0))
    };
    Ok(Root {
        horizon_version: top.horizon_version,
        network_passphrase: json::required("network_passphrase", top.network_passphrase)?,
        history_latest_ledger: ledger("history_latest_ledger", top.history_latest_ledger)?,
        history_elder_ledger: ledger("history_elder_ledger", top.history_elder_ledger)?,
        core_latest_ledger: ledger("core_latest_ledger", top.core_latest_ledger)?,
        protocol: top.current_protocol_version.map(|version| version.0),
        core_protocol_max: top.core_supported_protocol_version.map(|version| version.0),
    })
}

/// What transactions of the last ledgers offered and paid, per operation, in stroops of XLM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FeeStats {
    /// The latest ledger counted.
    pub last_ledger: LedgerSeq,
    /// The least the ledger takes.
    pub base_fee: u32,
    /// What nine in ten paid at most.
    pub charged_p90: i64,
    /// What nine in ten offered at most.
    pub offered_p90: i64,
}

/// Reads the fee statistics.
pub fn fee_stats(json: &str) -> Result<FeeStats, ReadError> {
    #[derive(Deserialize)]
    struct Stats {
        last_ledger: Option<Number<u32>>,
        last_ledger_base_fee: Option<Number<u32>>,
        fee_charged: Option<Percentiles>,
        max_fee: Option<Percentiles>,
    }
    #[derive(Deserialize)]
    struct Percentiles {
        p90: Option<Number<i64>>,
    }
    let stats: Stats = json::parse(json)?;
    let p90 = |field, one: Option<Percentiles>| -> Result<i64, ReadError> {
        Ok(json::required(field, json::required(field, one)?.p90)?.0)
    };
    Ok(FeeStats {
        last_ledger: LedgerSeq(json::required("last_ledger", stats.last_ledger)?.0),
        base_fee: json::required("last_ledger_base_fee", stats.last_ledger_base_fee)?.0,
        charged_p90: p90("fee_charged", stats.fee_charged)?,
        offered_p90: p90("max_fee", stats.max_fee)?,
    })
}

/// A problem document (RFC 7807).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The last part of its type: `not_found`.
    pub name: String,
    /// The status it was sent with, if it says.
    pub status: Option<u16>,
    /// Its explanation.
    pub detail: String,
    /// The verdict on a refused transaction.
    pub codes: Option<ResultCodes>,
}

/// Reads a problem document.
pub fn problem(json: &str) -> Result<Problem, ReadError> {
    #[derive(Deserialize)]
    struct Document {
        #[serde(rename = "type")]
        kind: Option<String>,
        title: Option<String>,
        status: Option<Number<u16>>,
        detail: Option<String>,
        extras: Option<Extras>,
    }
    #[derive(Deserialize)]
    struct Extras {
        result_codes: Option<Codes>,
    }
    #[derive(Deserialize)]
    struct Codes {
        transaction: Option<String>,
        inner_transaction: Option<String>,
        operations: Option<Vec<String>>,
    }
    let one: Document = json::parse(json)?;
    let kind = json::required("type", one.kind)?;
    let name = kind.trim_end_matches('/').rsplit('/').next().unwrap_or_default().replace('-', "_");
    let codes = one.extras.and_then(|extras| extras.result_codes).and_then(|codes| {
        // Of a fee bump the inner verdict counts, as in a result.
        let transaction = codes.inner_transaction.or(codes.transaction)?;
        Some(ResultCodes { transaction, operations: codes.operations.unwrap_or_default() })
    });
    Ok(Problem {
        name,
        status: one.status.map(|status| status.0),
        detail: one.detail.or(one.title).unwrap_or_default(),
        codes,
    })
}

/// The answer to an asynchronous submission.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AsyncAnswer {
    /// `PENDING`, `DUPLICATE`, `TRY_AGAIN_LATER` or `ERROR`.
    pub status: String,
    /// The transaction's hash.
    pub hash: TxHash,
    /// Why it was refused.
    pub codes: Option<ResultCodes>,
}

/// Reads the answer to an asynchronous submission.
pub fn async_answer(json: &str) -> Result<AsyncAnswer, ReadError> {
    #[derive(Deserialize)]
    struct Answer {
        tx_status: Option<String>,
        hash: Option<String>,
        error_result_xdr: Option<String>,
    }
    let answer: Answer = json::parse(json)?;
    Ok(AsyncAnswer {
        status: json::required("tx_status", answer.tx_status)?,
        hash: json::text("hash", answer.hash.as_deref())?,
        codes: answer.error_result_xdr.as_deref().and_then(codes::decode),
    })
}
