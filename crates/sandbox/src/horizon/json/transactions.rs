//! Transactions as Horizon shows them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use stellar_types::address::Address;
use stellar_types::ids::TxHash;
use stellar_xdr::{DecoratedSignature, LedgerEntryChanges, Memo, Preconditions, TimeBounds};

use super::fields::{link, put_address, template, time};
use crate::ledger::history::TxRecord;
use crate::xdr::{address_of, to_base64};

fn signatures(list: &[DecoratedSignature]) -> Vec<String> {
    list.iter().map(|signature| STANDARD.encode(signature.signature.0.as_slice())).collect()
}

fn put_memo(into: &mut Map<String, Value>, memo: &Memo) {
    let (kind, text) = match memo {
        Memo::None => ("none", None),
        Memo::Text(bytes) => {
            into.insert("memo_bytes".to_owned(), STANDARD.encode(bytes.as_slice()).into());
            ("text", Some(String::from_utf8_lossy(bytes.as_slice()).into_owned()))
        }
        Memo::Id(id) => ("id", Some(id.to_string())),
        Memo::Hash(hash) => ("hash", Some(STANDARD.encode(hash.0))),
        Memo::Return(hash) => ("return", Some(STANDARD.encode(hash.0))),
    };
    into.insert("memo_type".to_owned(), kind.into());
    if let Some(text) = text {
        into.insert("memo".to_owned(), text.into());
    }
}

fn time_bounds(bounds: &TimeBounds) -> Value {
    let mut json = json!({ "min_time": bounds.min_time.0.to_string() });
    if bounds.max_time.0 != 0 {
        json["max_time"] = bounds.max_time.0.to_string().into();
    }
    json
}

fn preconditions(cond: &Preconditions) -> Option<Value> {
    match cond {
        Preconditions::None => None,
        Preconditions::Time(bounds) => Some(json!({ "timebounds": time_bounds(bounds) })),
        Preconditions::V2(all) => {
            let mut json = Map::new();
            if let Some(bounds) = &all.time_bounds {
                json.insert("timebounds".to_owned(), time_bounds(bounds));
            }
            if let Some(bounds) = &all.ledger_bounds {
                let mut ledgers = json!({ "min_ledger": bounds.min_ledger });
                if bounds.max_ledger != 0 {
                    ledgers["max_ledger"] = bounds.max_ledger.into();
                }
                json.insert("ledgerbounds".to_owned(), ledgers);
            }
            if let Some(sequence) = &all.min_seq_num {
                json.insert("min_account_sequence".to_owned(), sequence.0.to_string().into());
            }
            if all.min_seq_age.0 != 0 {
                json.insert("min_account_sequence_age".to_owned(), all.min_seq_age.0.to_string().into());
            }
            if all.min_seq_ledger_gap != 0 {
                json.insert("min_account_sequence_ledger_gap".to_owned(), all.min_seq_ledger_gap.into());
            }
            if !all.extra_signers.is_empty() {
                let signers: Vec<_> = all.extra_signers.iter().map(ToString::to_string).collect();
                json.insert("extra_signers".to_owned(), signers.into());
            }
            Some(Value::Object(json))
        }
    }
}

fn links(record: &TxRecord, hash: TxHash, base: &str) -> Value {
    let own = format!("{base}/transactions/{hash}");
    let id = record.id;
    json!({
        "self": link(own.clone()),
        "account": link(format!("{base}/accounts/{}", record.tx.source())),
        "ledger": link(format!("{base}/ledgers/{}", id.ledger())),
        "operations": template(format!("{own}/operations")),
        "effects": template(format!("{own}/effects")),
        "precedes": link(format!("{base}/transactions?order=asc&cursor={id}")),
        "succeeds": link(format!("{base}/transactions?order=desc&cursor={id}")),
        "transaction": link(own),
    })
}

/// A transaction that was asked for by `hash`: a fee bump's outer or inner one.
pub fn json(record: &TxRecord, hash: TxHash, base: &str) -> Value {
    let tx = &record.tx;
    let inner = tx.inner();
    let mut json = Map::new();
    json.insert("_links".to_owned(), links(record, hash, base));
    for (field, value) in [
        ("id", json!(hash)),
        ("hash", json!(hash)),
        ("paging_token", json!(record.id)),
        ("successful", json!(record.successful)),
        ("ledger", json!(record.id.ledger())),
        ("created_at", json!(time(record.closed_at))),
        ("source_account_sequence", json!(tx.sequence().to_string())),
        ("fee_charged", json!(record.fee_charged.to_string())),
        ("max_fee", json!(tx.bid().to_string())),
        ("operation_count", json!(tx.operation_count())),
        ("envelope_xdr", json!(tx.to_base64())),
        ("result_xdr", json!(to_base64(&record.result))),
        ("fee_meta_xdr", json!(to_base64(&LedgerEntryChanges::default()))),
    ] {
        json.insert(field.to_owned(), value);
    }
    put_account(&mut json, "source_account", "account", address_of(&inner.tx.source_account));
    put_account(&mut json, "fee_account", "fee_account", address_of(tx.fee_source_muxed()));
    put_memo(&mut json, &inner.tx.memo);
    let mut signed = signatures(&inner.signatures);
    if let (Some(bump), Some(inner_hash)) = (tx.fee_bump(), tx.inner_hash) {
        let outer_signed = signatures(&bump.signatures);
        json.insert(
            "fee_bump_transaction".to_owned(),
            json!({ "hash": tx.hash, "signatures": outer_signed }),
        );
        json.insert(
            "inner_transaction".to_owned(),
            json!({ "hash": inner_hash, "signatures": signed, "max_fee": inner.tx.fee.to_string() }),
        );
        if hash == tx.hash {
            signed = outer_signed;
        }
    }
    json.insert("signatures".to_owned(), signed.into());
    if let Some(conditions) = preconditions(&inner.tx.cond) {
        json.insert("preconditions".to_owned(), conditions);
    }
    Value::Object(json)
}

/// The account under one name, and what a muxed one adds under another.
fn put_account(into: &mut Map<String, Value>, plain: &str, muxed: &str, address: Address) {
    let mut fields = Map::new();
    put_address(&mut fields, muxed, address);
    if let Some(account) = fields.remove(muxed) {
        into.insert(plain.to_owned(), account);
    }
    into.append(&mut fields);
}
