//! Ledgers as Horizon shows them.

use serde_json::{Value, json};
use stellar_types::ids::LedgerSeq;

use super::fields::{amount, link, template, time};
use crate::ledger::history::LedgerRecord;
use crate::xdr::to_base64;

/// A ledger's cursor.
pub fn token(sequence: LedgerSeq) -> i64 {
    i64::from(sequence.0) << 32
}

/// A ledger.
pub fn json(record: &LedgerRecord, base: &str) -> Value {
    let own = format!("{base}/ledgers/{}", record.sequence);
    let header = &record.header;
    json!({
        "_links": {
            "self": link(own.clone()),
            "transactions": template(format!("{own}/transactions")),
            "operations": template(format!("{own}/operations")),
            "payments": template(format!("{own}/payments")),
            "effects": template(format!("{own}/effects")),
        },
        "id": hex::encode(record.hash),
        "paging_token": token(record.sequence).to_string(),
        "hash": hex::encode(record.hash),
        "prev_hash": hex::encode(header.previous_ledger_hash.0),
        "sequence": record.sequence,
        "successful_transaction_count": record.successful,
        "failed_transaction_count": record.failed,
        "operation_count": record.operations,
        "tx_set_operation_count": record.operations_all,
        "closed_at": time(record.closed_at),
        "total_coins": amount(header.total_coins),
        "fee_pool": amount(header.fee_pool),
        "base_fee_in_stroops": header.base_fee,
        "base_reserve_in_stroops": header.base_reserve,
        "max_tx_set_size": header.max_tx_set_size,
        "protocol_version": header.ledger_version,
        "header_xdr": to_base64(header),
    })
}
