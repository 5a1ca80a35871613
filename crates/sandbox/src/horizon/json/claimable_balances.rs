//! Claimable balances as Horizon shows them.

use jiff::Timestamp;
use serde_json::{Value, json};
use stellar_types::address::AccountId;
use stellar_xdr::ClaimPredicate;

use super::fields::{link, template, time};
use crate::ledger::balances::{ClaimableBalance, Place};

/// A predicate. A time that RFC 3339 cannot write is told in seconds only.
pub fn predicate_json(predicate: &ClaimPredicate) -> Value {
    let each = |two: &[ClaimPredicate]| two.iter().map(predicate_json).collect::<Vec<_>>();
    match predicate {
        ClaimPredicate::Unconditional => json!({ "unconditional": true }),
        ClaimPredicate::And(two) => json!({ "and": each(two) }),
        ClaimPredicate::Or(two) => json!({ "or": each(two) }),
        ClaimPredicate::Not(other) => {
            json!({ "not": other.as_ref().map_or(Value::Null, |other| predicate_json(other)) })
        }
        ClaimPredicate::BeforeAbsoluteTime(before) => {
            let mut json = json!({ "abs_before_epoch": before.to_string() });
            if let Ok(time) = Timestamp::from_second(*before) {
                json["abs_before"] = time.to_string().into();
            }
            json
        }
        ClaimPredicate::BeforeRelativeTime(seconds) => json!({ "rel_before": seconds.to_string() }),
    }
}

/// Someone who may claim.
pub fn claimant_json(destination: AccountId, predicate: &ClaimPredicate) -> Value {
    json!({ "destination": destination.to_string(), "predicate": predicate_json(predicate) })
}

/// A balance's cursor.
pub fn token((ledger, id): Place) -> String {
    format!("{ledger}-{id}")
}

/// A balance.
pub fn json(balance: &ClaimableBalance, base: &str) -> Value {
    let own = format!("{base}/claimable_balances/{}", balance.id);
    let claimants = balance.claimants.iter();
    json!({
        "_links": {
            "self": link(own.clone()),
            "transactions": template(format!("{own}/transactions")),
            "operations": template(format!("{own}/operations")),
        },
        "id": balance.id.to_string(),
        "asset": balance.asset.to_string(),
        "amount": balance.amount.to_seven_decimals(),
        "sponsor": balance.sponsor.to_string(),
        "last_modified_ledger": balance.last_modified,
        "last_modified_time": time(balance.last_modified_time),
        "claimants": claimants.map(|one| claimant_json(one.destination, &one.predicate)).collect::<Vec<_>>(),
        "flags": { "clawback_enabled": balance.clawback_enabled },
        "paging_token": token((balance.last_modified, balance.id)),
    })
}
