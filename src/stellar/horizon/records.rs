//! Records of a payment history, one by one.
//!
//! Every record becomes something: money that moved, an operation that by its type moves none,
//! or *unreadable* with its JSON. Nothing is guessed: a payment without an amount, with a party that
//! is no address, or of a type whose name and number contradict each other is unreadable.

use jiff::Timestamp;
use serde::Deserialize;

use super::json::{self, Number, ReadError};
use super::resources;
use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::ids::{OperationId, TxHash};
use crate::domain::money::Stroops;
use crate::domain::payment::PaymentKind;
use crate::ports::network::{
    EffectId, EffectKind, EffectRecord, HistoryRecord, Movement, OperationRecord, PaymentRecord,
};

/// What is kept of a record that cannot be read.
pub const UNREADABLE_BYTES_MAX: usize = 1 << 20;

/// What every operation has.
#[derive(Deserialize)]
struct Base {
    id: Option<Number<i64>>,
    #[serde(rename = "type")]
    kind: Option<String>,
    type_i: Option<Number<i64>>,
    transaction_hash: Option<String>,
}

/// What the operations that move money have besides; each kind uses some of it.
#[derive(Deserialize)]
struct Mover {
    transaction_successful: Option<bool>,
    created_at: Option<String>,
    from: Option<String>,
    from_muxed: Option<String>,
    from_muxed_id: Option<Number<u64>>,
    to: Option<String>,
    to_muxed: Option<String>,
    to_muxed_id: Option<Number<u64>>,
    funder: Option<String>,
    funder_muxed: Option<String>,
    funder_muxed_id: Option<Number<u64>>,
    account: Option<String>,
    amount: Option<String>,
    starting_balance: Option<String>,
    asset_type: Option<String>,
    asset_code: Option<String>,
    asset_issuer: Option<String>,
    asset_balance_changes: Option<Vec<Change>>,
    transaction: Option<EmbeddedTransaction>,
}

/// One movement of a contract call.
#[derive(Deserialize)]
struct Change {
    #[serde(rename = "type")]
    kind: Option<String>,
    from: Option<String>,
    to: Option<String>,
    amount: Option<String>,
    asset: Option<String>,
    asset_type: Option<String>,
    asset_code: Option<String>,
    asset_issuer: Option<String>,
    destination_muxed_id: Option<serde_json::Value>,
}

/// The transaction that `join=transactions` puts into a record; its memo is wanted, and what it is a
/// fee bump of.
#[derive(Deserialize)]
struct EmbeddedTransaction {
    memo_type: Option<String>,
    memo: Option<String>,
    inner_transaction: Option<InnerTransaction>,
}

#[derive(Deserialize)]
struct InnerTransaction {
    hash: Option<String>,
}

/// Reads one record of `/payments` or `/operations`.
pub fn operation(json: &str) -> HistoryRecord {
    let base: Base = match json::parse(json) {
        Ok(base) => base,
        Err(error) => return unreadable(None, json, &error),
    };
    let id = base.id.filter(|id| id.0 > 0).map(|id| OperationId(id.0));
    match read(id, base, json) {
        Ok(record) => record,
        Err(error) => unreadable(id, json, &error),
    }
}

fn unreadable(operation: Option<OperationId>, json: &str, error: &ReadError) -> HistoryRecord {
    let kept = json.floor_char_boundary(UNREADABLE_BYTES_MAX);
    let json = json.get(..kept).unwrap_or_default().to_owned();
    HistoryRecord::Unreadable { operation, json, reason: error.to_string() }
}

fn read(id: Option<OperationId>, base: Base, json: &str) -> Result<HistoryRecord, ReadError> {
    let operation = json::required("id", id)?;
    let transaction: TxHash = json::text("transaction_hash", base.transaction_hash.as_deref())?;
    let Some(kind) = mover(base.kind.as_deref(), base.type_i)? else {
        let kind = base.kind.unwrap_or_else(|| match base.type_i {
            Some(Number(number)) => format!("type {number}"),
            None => "no type".to_owned(),
        });
        return Ok(HistoryRecord::NotAPayment { operation, kind, transaction });
    };
    let record: Mover = json::parse(json)?;
    let successful = json::required("transaction_successful", record.transaction_successful)?;
    let closed_at: Timestamp = json::text("created_at", record.created_at.as_deref())?;
    let memo = match &record.transaction {
        Some(embedded) => Some(json::memo(embedded.memo_type.as_deref(), embedded.memo.as_deref())?),
        None => None,
    };
    let inner = record.transaction.as_ref().and_then(|embedded| embedded.inner_transaction.as_ref());
    let inner_transaction = match inner {
        Some(inner) => Some(json::text("inner_transaction", inner.hash.as_deref())?),
        None => None,
    };
    let movements = movements(kind, &record)?;
    Ok(HistoryRecord::Payment(PaymentRecord {
        operation,
        kind,
        transaction,
        inner_transaction,
        successful,
        closed_at,
        memo,
        movements,
    }))
}

/// Reads what every operation tells, of whatever type.
pub fn any_operation(json: &str) -> Result<OperationRecord, ReadError> {
    #[derive(Deserialize)]
    struct Any {
        id: Option<Number<i64>>,
        #[serde(rename = "type")]
        kind: Option<String>,
        source_account: Option<String>,
        source_account_muxed: Option<String>,
        source_account_muxed_id: Option<Number<u64>>,
        transaction_hash: Option<String>,
        created_at: Option<String>,
        transaction: Option<EmbeddedTransaction>,
    }
    let one: Any = json::parse(json)?;
    let memo =
        |embedded: &EmbeddedTransaction| json::memo(embedded.memo_type.as_deref(), embedded.memo.as_deref());
    let inner = one.transaction.as_ref().and_then(|embedded| embedded.inner_transaction.as_ref());
    Ok(OperationRecord {
        operation: OperationId(json::required("id", one.id.filter(|id| id.0 > 0))?.0),
        kind: json::required("type", one.kind)?,
        source: json::party(
            "source_account",
            one.source_account.as_deref(),
            one.source_account_muxed.as_deref(),
            one.source_account_muxed_id,
        )?,
        transaction: json::text("transaction_hash", one.transaction_hash.as_deref())?,
        inner_transaction: inner
            .map(|inner| json::text("inner_transaction", inner.hash.as_deref()))
            .transpose()?,
        closed_at: json::text("created_at", one.created_at.as_deref())?,
        memo: one.transaction.as_ref().map(memo).transpose()?,
    })
}

/// Reads one effect on `account`. Of one that moves a balance all is read that money depends on; of others
/// only their place.
pub fn effect(json: &str, account: AccountId) -> EffectRecord {
    #[derive(Deserialize)]
    struct Base {
        paging_token: Option<String>,
        #[serde(rename = "type")]
        kind: Option<String>,
    }
    let base: Result<Base, ReadError> = json::parse(json);
    let id = base.as_ref().ok().and_then(|base| {
        let (operation, index) = base.paging_token.as_deref()?.split_once('-')?;
        Some(EffectId { operation: operation.parse().ok()?, index: index.parse().ok()? })
    });
    let moved = |kind: &str| -> Result<EffectKind, ReadError> {
        let moves = matches!(kind, "account_credited" | "account_debited");
        if !moves {
            return Ok(if kind == "trade" { EffectKind::Traded } else { EffectKind::Nothing });
        }
        let effect = resources::effect(json)?;
        if effect.account.account() != Some(account) {
            return Err(ReadError::Contradiction("the effect happened to another account"));
        }
        let asset = json::required("asset_type", effect.asset)?;
        let amount = json::required("amount", effect.amount)?;
        Ok(match kind {
            "account_credited" => EffectKind::Credited { asset, amount },
            _ => EffectKind::Debited { asset, amount },
        })
    };
    let kind = base.and_then(|base| moved(&json::required("type", base.kind)?));
    let kind = match (id, kind) {
        (Some(_), Ok(kind)) => kind,
        (None, Ok(_)) => kept(json, &ReadError::Missing("paging_token")),
        (_, Err(error)) => kept(json, &error),
    };
    EffectRecord { id, kind }
}

fn kept(json: &str, error: &ReadError) -> EffectKind {
    let kept = json.floor_char_boundary(UNREADABLE_BYTES_MAX);
    let json = json.get(..kept).unwrap_or_default().to_owned();
    EffectKind::Unreadable { json, reason: error.to_string() }
}

/// How an operation of this type moves money; `None` if the record tells no amount.
fn mover(name: Option<&str>, number: Option<Number<i64>>) -> Result<Option<PaymentKind>, ReadError> {
    let by_name = name.map(|name| match name {
        "create_account" => Some(PaymentKind::CreateAccount),
        "payment" => Some(PaymentKind::Payment),
        "path_payment" | "path_payment_strict_receive" | "path_payment_strict_send" => {
            Some(PaymentKind::PathPayment)
        }
        "invoke_host_function" => Some(PaymentKind::ContractTransfer),
        _ => None,
    });
    let by_number = number.map(|number| match number.0 {
        0 => Some(PaymentKind::CreateAccount),
        1 => Some(PaymentKind::Payment),
        2 | 13 => Some(PaymentKind::PathPayment),
        24 => Some(PaymentKind::ContractTransfer),
        _ => None,
    });
    match (by_name, by_number) {
        (Some(name), Some(number)) if name != number => {
            Err(ReadError::Contradiction("`type` and `type_i` contradict each other"))
        }
        (Some(kind), _) | (None, Some(kind)) => Ok(kind),
        (None, None) => Err(ReadError::Missing("type")),
    }
}

/// What a record says has moved. Movements of nothing are left out; their places stay counted.
fn movements(kind: PaymentKind, record: &Mover) -> Result<Vec<Movement>, ReadError> {
    let all = match kind {
        PaymentKind::Payment | PaymentKind::PathPayment => {
            vec![Movement {
                change: 0,
                from: Some(json::party(
                    "from",
                    record.from.as_deref(),
                    record.from_muxed.as_deref(),
                    record.from_muxed_id,
                )?),
                to: Some(json::party(
                    "to",
                    record.to.as_deref(),
                    record.to_muxed.as_deref(),
                    record.to_muxed_id,
                )?),
                asset: json::asset(
                    record.asset_type.as_deref(),
                    record.asset_code.as_deref(),
                    record.asset_issuer.as_deref(),
                )?,
                amount: json::amount("amount", record.amount.as_deref())?,
                clawback: false,
            }]
        }
        PaymentKind::CreateAccount => {
            vec![Movement {
                change: 0,
                from: Some(json::party(
                    "funder",
                    record.funder.as_deref(),
                    record.funder_muxed.as_deref(),
                    record.funder_muxed_id,
                )?),
                to: Some(json::account("account", record.account.as_deref())?.into()),
                asset: Asset::Native,
                amount: json::amount("starting_balance", record.starting_balance.as_deref())?,
                clawback: false,
            }]
        }
        PaymentKind::ContractTransfer => contract_movements(record.asset_balance_changes.as_deref())?,
        // Their amounts stand in their effects only.
        PaymentKind::Merge | PaymentKind::Claim => vec![],
    };
    Ok(all.into_iter().filter(|movement| movement.amount != Stroops::ZERO).collect())
}

fn contract_movements(changes: Option<&[Change]>) -> Result<Vec<Movement>, ReadError> {
    let mut movements = Vec::new();
    for (place, change) in changes.unwrap_or_default().iter().enumerate() {
        let out_of_bounds = |_| ReadError::Contradiction("more balance changes than one call can make");
        let kind = json::required("type", change.kind.as_deref())?;
        let clawback = kind == "clawback";
        let (takes, gives) = match kind {
            "transfer" => (true, true),
            "mint" => (false, true),
            "burn" | "clawback" => (true, false),
            other => {
                let reason = format!("`{other}` is no kind of balance change");
                return Err(ReadError::Field { field: "asset_balance_changes", reason });
            }
        };
        let from = if takes { Some(json::text("from", change.from.as_deref())?) } else { None };
        let to = if gives { Some(destination(change)?) } else { None };
        let asset = match &change.asset {
            Some(asset) => json::text("asset", Some(asset))?,
            None => json::asset(
                change.asset_type.as_deref(),
                change.asset_code.as_deref(),
                change.asset_issuer.as_deref(),
            )?,
        };
        let told = change.amount.as_deref();
        if told.is_some_and(is_beyond_a_balance) {
            // A token of a contract's own making: no account's balance holds so much.
            continue;
        }
        let amount = json::amount("amount", told)?;
        let change = u16::try_from(place).map_err(out_of_bounds)?;
        movements.push(Movement { change, from, to, asset, amount, clawback });
    }
    Ok(movements)
}

/// True for an amount that is well-formed but over what 64 bits of stroops hold: contracts count in 128.
fn is_beyond_a_balance(amount: &str) -> bool {
    let Some((whole, fraction)) = amount.split_once('.') else { return false };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(fraction) && fraction.len() == 7 && amount.parse::<Stroops>().is_err()
}

/// Where a contract's transfer goes. A muxed id may be a number, a text or a hash (CAP-67); an address can
/// hold the number only.
fn destination(change: &Change) -> Result<Address, ReadError> {
    let plain: Address = json::text("to", change.to.as_deref())?;
    let id = match &change.destination_muxed_id {
        Some(serde_json::Value::String(text)) => text.parse().ok(),
        Some(serde_json::Value::Number(number)) => number.as_u64(),
        _ => None,
    };
    Ok(match (plain, id) {
        (Address::Account(account), Some(id)) => Address::Muxed { account, id },
        (Address::Account(_) | Address::Muxed { .. } | Address::Contract(_), _) => plain,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn address(byte: u8) -> Address {
        Address::Account(AccountId([byte; 32]))
    }

    fn payment() -> Value {
        json!({
            "id": "4294971393", "paging_token": "4294971393", "type": "payment", "type_i": 1,
            "transaction_hash": "ab".repeat(32), "transaction_successful": true,
            "created_at": "2026-01-02T03:04:05Z", "asset_type": "native",
            "from": address(1), "to": address(2), "amount": "12.5000000"
        })
    }

    fn with(mut record: Value, field: &str, value: Value) -> String {
        record[field] = value;
        record.to_string()
    }

    fn one(json: &str) -> PaymentRecord {
        match operation(json) {
            HistoryRecord::Payment(record) => record,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_field_that_is_wrong_makes_the_record_unreadable_and_keeps_its_place() {
        for (field, value) in [
            ("amount", json!("12,5")),
            ("amount", json!(null)),
            ("amount", json!(12.5)),
            ("amount", json!("922337203685.4775808")),
            ("from", json!("GABC")),
            ("to", json!(null)),
            ("asset_type", json!("credit_alphanum4")),
            ("transaction_hash", json!("ABAB")),
            ("transaction_successful", json!(null)),
            ("created_at", json!("yesterday")),
            ("type_i", json!(8)),
            ("transaction", json!({"memo_type": "id", "memo": "x"})),
        ] {
            let json = with(payment(), field, value);
            match operation(&json) {
                HistoryRecord::Unreadable {
                    operation: Some(OperationId(4_294_971_393)), json: kept, ..
                } => {
                    assert_eq!(kept, json, "{field}");
                }
                other => panic!("{field}: {other:?}"),
            }
        }
        for json in ["7", "{}", "null", "{\"id\":\"x\"}", "{\"id\":\"-5\"}"] {
            assert!(matches!(operation(json), HistoryRecord::Unreadable { operation: None, .. }), "{json}");
        }
    }

    #[test]
    fn operations_that_move_no_told_amount_are_no_payments_whatever_their_fields_hold() {
        for (kind, number) in [("account_merge", 8), ("clawback", 19), ("warp_drive", 99)] {
            let mut record = payment();
            record["type"] = json!(kind);
            record["type_i"] = json!(number);
            record["amount"] = json!({"not": "an amount"});
            match operation(&record.to_string()) {
                HistoryRecord::NotAPayment { operation, kind: said, .. } => {
                    assert_eq!((operation.0, said.as_str()), (4_294_971_393, kind));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn old_records_without_a_type_number_are_read_by_name() {
        let mut record = payment();
        record["type"] = json!("path_payment");
        record.as_object_mut().unwrap().remove("type_i");
        assert_eq!(one(&record.to_string()).kind, PaymentKind::PathPayment);
    }

    #[test]
    fn an_account_created_with_nothing_moves_nothing() {
        let record = json!({
            "id": 5, "type": "create_account", "type_i": 0, "transaction_hash": "ab".repeat(32),
            "transaction_successful": true, "created_at": "2026-01-02T03:04:05Z",
            "funder": address(1), "account": address(2), "starting_balance": "0.0000000"
        });
        assert_eq!(one(&record.to_string()).movements, vec![]);
        let movement = one(&with(record, "starting_balance", json!("1.5"))).movements.remove(0);
        assert_eq!((movement.from, movement.to), (Some(address(1)), Some(address(2))));
    }

    #[test]
    fn a_contract_call_is_as_many_movements_as_it_made() {
        let contract = Address::Contract([9; 32]);
        let call = json!({
            "id": "7", "type": "invoke_host_function", "type_i": 24, "transaction_hash": "ab".repeat(32),
            "transaction_successful": true, "created_at": "2026-01-02T03:04:05Z",
            "parameters": [{"value": "x"}],
            "asset_balance_changes": [
                {"type": "transfer", "from": contract, "to": address(2), "amount": "1.0",
                 "asset_type": "native", "destination_muxed_id": "42"},
                {"type": "mint", "to": address(2), "amount": "0", "asset_type": "native"},
                {"type": "mint", "to": address(3), "amount": "2.0", "asset": format!("TFT:{}", address(4))},
                {"type": "burn", "from": address(2), "amount": "3.0", "asset_type": "native"},
                {"type": "clawback", "from": address(2), "amount": "4.0", "asset_type": "native"},
            ]
        });
        let record = one(&call.to_string());
        let seen: Vec<_> = record.movements.iter().map(|one| (one.change, one.from, one.to)).collect();
        let muxed = Address::Muxed { account: AccountId([2; 32]), id: 42 };
        assert_eq!(
            seen,
            [
                (0, Some(contract), Some(muxed)),
                (2, None, Some(address(3))),
                (3, Some(address(2)), None),
                (4, Some(address(2)), None),
            ]
        );
        let odd = with(call.clone(), "asset_balance_changes", json!([{"type": "teleport", "amount": "1"}]));
        assert!(matches!(operation(&odd), HistoryRecord::Unreadable { .. }));
        assert_eq!(one(&with(call, "asset_balance_changes", json!(null))).movements, vec![]);
    }

    #[test]
    fn an_amount_that_no_balance_holds_hides_nothing_beside_it() {
        let call = json!({
            "id": "7", "type": "invoke_host_function", "type_i": 24, "transaction_hash": "ab".repeat(32),
            "transaction_successful": true, "created_at": "2026-01-02T03:04:05Z",
            "asset_balance_changes": [
                {"type": "mint", "to": Address::Contract([9; 32]), "amount": "99999999999999999999.0000000",
                 "asset": format!("HUGE:{}", address(4))},
                {"type": "transfer", "from": address(1), "to": address(2), "amount": "1.0000000",
                 "asset_type": "native"},
            ]
        });
        let record = one(&call.to_string());
        let seen: Vec<_> = record.movements.iter().map(|one| (one.change, one.to)).collect();
        assert_eq!(seen, [(1, Some(address(2)))]);
    }

    #[test]
    fn what_is_kept_of_an_unreadable_record_is_bounded() {
        let long = format!("\"{}\"", "é".repeat(UNREADABLE_BYTES_MAX));
        match operation(&long) {
            HistoryRecord::Unreadable { json, .. } => {
                assert!(json.len() <= UNREADABLE_BYTES_MAX && long.starts_with(&json));
            }
            other => panic!("{other:?}"),
        }
    }

    proptest! {
        #[test]
        fn any_text_becomes_some_record(text in ".{0,200}") {
            let record = operation(&text);
            prop_assert!(matches!(record, HistoryRecord::Unreadable { .. }), "no text is a payment");
        }

        #[test]
        fn a_payment_without_or_with_other_fields_never_changes_what_remains(
            field in prop_oneof![
                Just("amount"), Just("from"), Just("to"), Just("asset_type"), Just("created_at"),
                Just("type_i"), Just("type"), Just("transaction_hash"), Just("transaction_successful"),
                Just("memo"), Just("novel"),
            ],
            value in prop_oneof![
                Just(json!(null)), Just(json!({})), Just(json!([])), Just(json!(true)), Just(json!(1.5)),
                any::<i64>().prop_map(|number| json!(number)), ".{0,20}".prop_map(|text| json!(text)),
            ],
        ) {
            let original = one(&payment().to_string());
            match operation(&with(payment(), field, value)) {
                HistoryRecord::Payment(read) => {
                    prop_assert_eq!(read.operation, original.operation);
                    prop_assert_eq!(read.movements.len() <= 1, true);
                    if field != "amount" {
                        prop_assert_eq!(read.movements, original.movements);
                    }
                }
                HistoryRecord::NotAPayment { operation, .. } => {
                    prop_assert_eq!(operation, original.operation);
                }
                HistoryRecord::Unreadable { operation, .. } => {
                    prop_assert!(operation.is_none_or(|operation| operation == original.operation));
                }
            }
        }
    }
}
