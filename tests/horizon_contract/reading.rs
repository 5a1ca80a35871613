//! Reads one file of a fixtures folder and compares, field by field, what was read with the JSON
//! it was read from.
//!
//! The comparison is by text: what we read is written out again as Horizon writes it.

use farmgate::domain::address::{AccountId, Address};
use farmgate::domain::asset::Asset;
use farmgate::domain::payment::{Memo, PaymentKind};
use farmgate::domain::transfer::ResultCodes;
use farmgate::ports::network::{EffectId, EffectKind, HistoryRecord, Movement};
use farmgate::stellar::horizon::{codes, json, records, resources};
use farmgate::stellar::stream;
use serde_json::Value;

/// What a file turned out to hold.
#[derive(Default, Debug)]
pub struct Counted {
    pub records: usize,
    pub payments: usize,
    pub not_payments: usize,
}

impl Counted {
    pub fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.payments += other.payments;
        self.not_payments += other.not_payments;
    }
}

/// Reads one file; panics if anything in it is not read as it stands.
pub async fn file(text: &str) -> Counted {
    let mut counted = Counted::default();
    let value: Value = serde_json::from_str(text).expect("a fixture is JSON");
    if value.pointer("/_embedded/records").is_some() {
        page(text, &value, &mut counted);
    } else if is_recorded_stream(&value) {
        recorded_stream(&value, &mut counted).await;
    } else if value.get("data").is_some() && value.get("id").is_some() && value.get("event").is_some() {
        let data = &value["data"];
        assert_eq!(data["paging_token"], value["id"], "an event's id is its record's place");
        record(&data.to_string(), data, &mut counted);
    } else {
        record(text, &value, &mut counted);
    }
    counted
}

fn page(text: &str, value: &Value, counted: &mut Counted) {
    let raw = json::page(text).expect("a page is split");
    let records = &value["_embedded"]["records"];
    let values: Vec<&Value> = match records {
        Value::Array(records) => records.iter().collect(),
        one => vec![one],
    };
    assert_eq!(raw.len(), values.len(), "every record of the page is there");
    for (raw, value) in raw.into_iter().zip(values) {
        record(raw, value, counted);
    }
}

fn is_recorded_stream(value: &Value) -> bool {
    let Value::Object(fields) = value else { return false };
    fields.values().any(|field| field.as_str().is_some_and(|text| text.contains("\ndata: ")))
}

async fn recorded_stream(value: &Value, counted: &mut Counted) {
    for frames in value.as_object().into_iter().flatten().filter_map(|(_, field)| field.as_str()) {
        let read = stream::read_recorded(frames).await;
        if frames.contains("event: error") {
            assert!(matches!(read, Err(stream::StreamError::Reported { .. })), "{read:?}");
            counted.records += 1;
            continue;
        }
        let (records, goodbye) = read.expect("a recorded stream is read");
        assert_eq!(goodbye, frames.contains("byebye"));
        assert_eq!(records.len(), frames.matches("\ndata: {").count() + frames.matches("\ndata:{").count());
        if records.is_empty() {
            counted.records += 1;
        }
        for one in records {
            let value: Value = serde_json::from_str(&one.json).expect("an event's data is JSON");
            assert_eq!(value["paging_token"], one.cursor.as_str());
            record(&one.json, &value, counted);
        }
    }
}

/// One record of any kind, told by its content.
fn record(raw: &str, value: &Value, counted: &mut Counted) {
    counted.records += 1;
    let has = |field: &str| value.get(field).is_some();
    if has("tx_status") {
        async_answer(raw, value);
    } else if has("title") && has("status") {
        problem(raw, value);
    } else if has("transaction_hash") && has("type") {
        operation(raw, value, counted);
    } else if has("source_account_sequence") && has("envelope_xdr") {
        transaction(raw, value);
    } else if has("balances") && has("thresholds") {
        account(raw, value);
    } else if has("closed_at") && has("prev_hash") {
        ledger(raw, value);
    } else if has("claimants") && has("asset") && !has("type") {
        claimable_balance(raw, value);
    } else if has("type") && has("account") && text(&value["paging_token"]).contains('-') {
        effect(raw, value);
    } else if has("last_ledger_base_fee") {
        fee_stats(raw, value);
    } else if has("network_passphrase") {
        root(raw, value);
    } else {
        panic!("a record of no known kind: {raw}");
    }
}

/// A JSON text or number, as text; nothing for what is missing.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The address that a party's fields stand for: the muxed one where there is one.
fn stands_for(value: &Value, field: &str) -> String {
    let muxed = text(&value[format!("{field}_muxed")]);
    if muxed.is_empty() { text(&value[field]) } else { muxed }
}

fn same_party(read: Address, value: &Value, field: &str) {
    assert_eq!(read.to_string(), stands_for(value, field), "{field}");
    let id = text(&value[format!("{field}_muxed_id")]);
    match read {
        Address::Muxed { account, id: read } => {
            assert_eq!((account.to_string(), read.to_string()), (text(&value[field]), id));
        }
        Address::Account(_) | Address::Contract(_) => assert_eq!(id, ""),
    }
}

/// The asset of a record's fields, as we write assets.
fn asset_text(value: &Value) -> String {
    if let Some(asset) = value["asset"].as_str() {
        return asset.to_owned();
    }
    match text(&value["asset_type"]).as_str() {
        "native" => "native".to_owned(),
        _ => format!("{}:{}", text(&value["asset_code"]), text(&value["asset_issuer"])),
    }
}

fn same_memo(read: &Memo, value: &Value) {
    use base64::Engine as _;
    let encode = |hash: &[u8]| base64::engine::general_purpose::STANDARD.encode(hash);
    let (kind, memo) = match read {
        Memo::None => ("none", String::new()),
        Memo::Text(text) => ("text", text.clone()),
        Memo::Id(id) => ("id", id.to_string()),
        Memo::Hash(hash) => ("hash", encode(&hash.0)),
        Memo::Return(hash) => ("return", encode(&hash.0)),
    };
    assert_eq!((kind, memo), (text(&value["memo_type"]).as_str(), text(&value["memo"])));
}

fn operation(raw: &str, value: &Value, counted: &mut Counted) {
    let moves = ["create_account", "payment", "path_payment", "path_payment_strict_receive"];
    let kind = text(&value["type"]);
    let any = records::any_operation(raw).unwrap_or_else(|error| panic!("{error}: {raw}"));
    assert_eq!((any.operation.to_string(), any.kind.as_str()), (text(&value["id"]), kind.as_str()));
    same_party(any.source, value, "source_account");
    assert_eq!(any.transaction.to_string(), text(&value["transaction_hash"]));
    assert_eq!(any.memo.is_some(), !value["transaction"].is_null());
    let is_mover = moves.contains(&kind.as_str())
        || kind == "path_payment_strict_send"
        || kind == "invoke_host_function";
    match records::operation(raw) {
        HistoryRecord::Payment(read) => {
            assert!(is_mover, "{kind} is no payment");
            counted.payments += 1;
            assert_eq!(read.operation.to_string(), text(&value["id"]));
            assert_eq!(read.transaction.to_string(), text(&value["transaction_hash"]));
            assert_eq!(read.closed_at.to_string(), text(&value["created_at"]));
            assert_eq!(Value::Bool(read.successful), value["transaction_successful"]);
            match (&read.memo, &value["transaction"]) {
                (None, Value::Null) => {}
                (Some(memo), transaction) => same_memo(memo, transaction),
                (None, _) => panic!("a memo was lost"),
            }
            match read.kind {
                PaymentKind::CreateAccount => {
                    assert_eq!(kind, "create_account");
                    one_movement(&read.movements, value, ("funder", "account", "starting_balance"));
                }
                PaymentKind::Payment | PaymentKind::PathPayment => {
                    assert_eq!(kind.starts_with("path_payment"), read.kind == PaymentKind::PathPayment);
                    one_movement(&read.movements, value, ("from", "to", "amount"));
                }
                PaymentKind::ContractTransfer => contract_movements(&read.movements, value),
                PaymentKind::Merge | PaymentKind::Claim => panic!("no payment list tells them"),
            }
        }
        HistoryRecord::NotAPayment { operation, kind: read, transaction } => {
            assert!(!is_mover, "{kind} is a payment");
            counted.not_payments += 1;
            assert_eq!((operation.to_string(), &read), (text(&value["id"]), &kind));
            assert_eq!(transaction.to_string(), text(&value["transaction_hash"]));
        }
        HistoryRecord::Unreadable { reason, .. } => panic!("unreadable: {reason}: {raw}"),
    }
}

fn one_movement(read: &[Movement], value: &Value, (from, to, amount): (&str, &str, &str)) {
    if text(&value[amount]) == "0.0000000" {
        assert!(read.is_empty(), "nothing moved");
        return;
    }
    let [movement] = read else { panic!("one movement, not {read:?}") };
    assert_eq!(movement.change, 0);
    same_party(movement.from.expect("a payer"), value, from);
    same_party(movement.to.expect("a payee"), value, to);
    assert_eq!(movement.amount.to_seven_decimals(), text(&value[amount]));
    let asset = if amount == "starting_balance" { "native".to_owned() } else { asset_text(value) };
    assert_eq!(movement.asset.to_string(), asset);
}

fn contract_movements(read: &[Movement], value: &Value) {
    let changes = value["asset_balance_changes"].as_array().cloned().unwrap_or_default();
    let moved: Vec<_> =
        changes.iter().enumerate().filter(|(_, change)| text(&change["amount"]) != "0.0000000").collect();
    assert_eq!(read.len(), moved.len());
    for (movement, (place, change)) in read.iter().zip(moved) {
        assert_eq!(usize::from(movement.change), place);
        assert_eq!(movement.from.map(|from| from.to_string()).unwrap_or_default(), text(&change["from"]));
        let to = movement.to.map(|to| match to {
            Address::Muxed { account, id } => (account.to_string(), id.to_string()),
            Address::Account(_) | Address::Contract(_) => (to.to_string(), String::new()),
        });
        assert_eq!(to.unwrap_or_default(), (text(&change["to"]), text(&change["destination_muxed_id"])));
        assert_eq!(movement.amount.to_seven_decimals(), text(&change["amount"]));
        assert_eq!(movement.asset.to_string(), asset_text(change));
    }
}

fn transaction(raw: &str, value: &Value) {
    let read = resources::transaction(raw).unwrap_or_else(|error| panic!("{error}: {raw}"));
    let record = &read.record;
    assert_eq!(record.hash.to_string(), text(&value["hash"]));
    assert_eq!(record.ledger.to_string(), text(&value["ledger"]));
    assert_eq!(record.position.to_string(), text(&value["paging_token"]));
    assert_eq!(record.closed_at.to_string(), text(&value["created_at"]));
    assert_eq!(Value::Bool(record.successful), value["successful"]);
    assert_eq!(record.sequence.to_string(), text(&value["source_account_sequence"]));
    assert_eq!(record.fee_charged.get().to_string(), text(&value["fee_charged"]));
    let muxed = text(&value["account_muxed"]);
    let source = if muxed.is_empty() { text(&value["source_account"]) } else { muxed };
    assert_eq!(read.source.to_string(), source);
    assert_eq!(record.source.to_string(), text(&value["source_account"]));
    let payer = if value["fee_account"].is_null() { "source_account" } else { "fee_account" };
    assert_eq!(record.fee_account.to_string(), text(&value[payer]));
    if payer == "fee_account" {
        same_party(read.fee_source, value, "fee_account");
    }
    same_memo(&read.memo, value);
    for part in ["fee_bump_transaction", "inner_transaction"] {
        let hash = text(&value[part]["hash"]);
        assert!(hash.is_empty() || read.hashes.iter().any(|one| one.to_string() == hash), "{part}");
    }
    assert_eq!(record.codes.transaction == "tx_success", record.successful);
    let operations = value["operation_count"].as_u64().expect("a number of operations");
    assert_eq!(record.codes.operations.len() as u64, operations, "one code for each operation");
}

fn account(raw: &str, value: &Value) {
    let read = resources::account(raw).unwrap_or_else(|error| panic!("{error}: {raw}"));
    assert_eq!(read.account.to_string(), text(&value["account_id"]));
    assert_eq!(read.sequence.to_string(), text(&value["sequence"]));
    assert_eq!(read.sponsor.map(|one| one.to_string()).unwrap_or_default(), text(&value["sponsor"]));
    assert_eq!(read.memo_required, text(&value["data"]["config.memo_required"]) == "MQ==");
    if let Some(count) = value["num_sponsoring"].as_u64() {
        let control = read.control.as_ref().unwrap_or_else(|| panic!("who signs is not read: {raw}"));
        assert_eq!(u64::from(control.sponsoring), count);
        assert_eq!(Some(u64::from(control.subentries)), value["subentry_count"].as_u64());
        let thresholds = ["low_threshold", "med_threshold", "high_threshold"];
        let thresholds = thresholds.map(|name| value["thresholds"][name].as_u64());
        assert_eq!(control.thresholds.map(|one| Some(u64::from(one))), thresholds);
        for signer in value["signers"].as_array().expect("signers") {
            let Ok(key) = text(&signer["key"]).parse() else { continue };
            let weight = signer["weight"].as_u64().expect("a weight");
            assert!(control.signers.iter().any(|one| *one == (key, u32::try_from(weight).expect("a byte"))));
            assert!(u64::from(control.weight_of(key)) >= weight);
        }
    }
    let lines = value["balances"].as_array().expect("balances");
    let latest = lines
        .iter()
        .chain([value])
        .filter_map(|one| one["last_modified_ledger"].as_u64())
        .max()
        .expect("a last change");
    assert_eq!(u64::from(read.last_modified.0), latest);
    let lines: Vec<_> = lines.iter().filter(|line| line["asset_type"] != "liquidity_pool_shares").collect();
    assert_eq!(read.balances.len(), lines.len());
    for (balance, line) in read.balances.iter().zip(lines) {
        assert_eq!(balance.asset.to_string(), asset_text(line));
        assert_eq!(balance.amount.to_seven_decimals(), text(&line["balance"]));
        let limit = balance.limit.map(|limit| limit.to_seven_decimals()).unwrap_or_default();
        assert_eq!(limit, text(&line["limit"]));
        assert_eq!(balance.authorized, line["is_authorized"].as_bool().unwrap_or(true));
        assert_eq!(balance.limit.is_none(), balance.asset == Asset::Native);
    }
}

fn ledger(raw: &str, value: &Value) {
    let read = resources::ledger(raw).unwrap_or_else(|error| panic!("{error}: {raw}"));
    assert_eq!(read.sequence.to_string(), text(&value["sequence"]));
    assert_eq!(read.hash.to_string(), text(&value["hash"]));
    assert_eq!(read.closed_at.to_string(), text(&value["closed_at"]));
}

fn effect(raw: &str, value: &Value) {
    let read = resources::effect(raw).unwrap_or_else(|error| panic!("{error}: {raw}"));
    assert_eq!(format!("{}-{}", read.operation, read.index), text(&value["paging_token"]));
    assert_eq!(format!("{:019}-{:010}", read.operation.0, read.index), text(&value["id"]));
    assert_eq!(read.kind, text(&value["type"]));
    assert_eq!(read.at.to_string(), text(&value["created_at"]));
    same_party(read.account, value, "account");
    let told = if value["amount"].is_null() { &value["starting_balance"] } else { &value["amount"] };
    let amount = read.amount.map(|amount| amount.to_seven_decimals()).unwrap_or_default();
    assert_eq!(amount, text(told));
    match read.asset {
        Some(asset) => assert_eq!(asset.to_string(), asset_text(value)),
        None => assert!(value["asset"].is_null(), "an asset was lost"),
    }
    moved(raw, &read);
}

/// What an effect did to its account's balances, told by its type.
fn moved(raw: &str, read: &resources::Effect) {
    let account = read.account.account().expect("an account");
    let record = records::effect(raw, account);
    assert_eq!(record.id, Some(EffectId { operation: read.operation, index: read.index }));
    let told = || (read.asset.expect("an asset"), read.amount.expect("an amount"));
    let expected = match read.kind.as_str() {
        "account_credited" => {
            let (asset, amount) = told();
            EffectKind::Credited { asset, amount }
        }
        "account_debited" => {
            let (asset, amount) = told();
            EffectKind::Debited { asset, amount }
        }
        "trade" => EffectKind::Traded,
        _ => EffectKind::Nothing,
    };
    assert_eq!(record.kind, expected);
    let stranger = records::effect(raw, AccountId([1; 32])).kind;
    let moves = matches!(expected, EffectKind::Credited { .. } | EffectKind::Debited { .. });
    assert_eq!(matches!(stranger, EffectKind::Unreadable { .. }), moves, "it is another account's");
}

fn claimable_balance(raw: &str, value: &Value) {
    let read = resources::claimable_balance(raw).unwrap_or_else(|error| panic!("{error}: {raw}"));
    assert_eq!(read.id, text(&value["id"]));
    assert_eq!(read.asset.to_string(), text(&value["asset"]));
    assert_eq!(read.amount.to_seven_decimals(), text(&value["amount"]));
    assert_eq!(read.sponsor.map(|one| one.to_string()).unwrap_or_default(), text(&value["sponsor"]));
    assert_eq!(read.last_modified.to_string(), text(&value["last_modified_ledger"]));
    let claimants = value["claimants"].as_array().expect("claimants");
    let expected: Vec<(AccountId, Value)> = claimants
        .iter()
        .map(|one| (text(&one["destination"]).parse().expect("an account"), one["predicate"].clone()))
        .collect();
    let read: Vec<(AccountId, Value)> = read
        .claimants
        .into_iter()
        .map(|(account, predicate)| (account, serde_json::from_str(&predicate).expect("a predicate")))
        .collect();
    assert_eq!(read, expected);
}

fn fee_stats(raw: &str, value: &Value) {
    let read = resources::fee_stats(raw).unwrap_or_else(|error| panic!("{error}: {raw}"));
    assert_eq!(read.last_ledger.to_string(), text(&value["last_ledger"]));
    assert_eq!(read.base_fee.to_string(), text(&value["last_ledger_base_fee"]));
    assert_eq!(read.charged_p90.to_string(), text(&value["fee_charged"]["p90"]));
    assert_eq!(read.offered_p90.to_string(), text(&value["max_fee"]["p90"]));
}

fn root(raw: &str, value: &Value) {
    let read = resources::root(raw).unwrap_or_else(|error| panic!("{error}: {raw}"));
    assert_eq!(read.network_passphrase, text(&value["network_passphrase"]));
    assert_eq!(read.horizon_version.unwrap_or_default(), text(&value["horizon_version"]));
    for (read, field) in [
        (read.history_latest_ledger, "history_latest_ledger"),
        (read.history_elder_ledger, "history_elder_ledger"),
        (read.core_latest_ledger, "core_latest_ledger"),
    ] {
        assert_eq!(read.to_string(), text(&value[field]));
    }
}

fn problem(raw: &str, value: &Value) {
    let read = resources::problem(raw).unwrap_or_else(|error| panic!("{error}: {raw}"));
    let kind = text(&value["type"]);
    let kind = kind.trim_end_matches('/');
    assert!(kind.replace('-', "_").ends_with(&read.name) && !read.name.is_empty(), "{kind}");
    assert_eq!(read.status.map(u64::from), value["status"].as_u64());
    assert_eq!(read.detail, text(&value["detail"]));
    let said = &value["extras"]["result_codes"];
    let Some(codes) = read.codes else {
        assert!(said.is_null(), "codes were lost");
        return;
    };
    let whole = if said["inner_transaction"].is_null() { "transaction" } else { "inner_transaction" };
    assert_eq!(codes.transaction, text(&said[whole]));
    let operations = said["operations"].as_array().cloned().unwrap_or_default();
    assert_eq!(codes.operations, operations.iter().map(text).collect::<Vec<_>>());
    let decoded: ResultCodes =
        codes::decode(&text(&value["extras"]["result_xdr"])).expect("a result is decoded");
    assert_eq!(decoded, codes, "the result says what the codes say");
}

fn async_answer(raw: &str, value: &Value) {
    let read = resources::async_answer(raw).unwrap_or_else(|error| panic!("{error}: {raw}"));
    assert_eq!(read.status, text(&value["tx_status"]));
    assert_eq!(read.hash.to_string(), text(&value["hash"]));
    assert_eq!(read.codes.is_some(), !value["error_result_xdr"].is_null());
}
