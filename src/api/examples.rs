//! Examples of every shape, for the API's document. A test holds them against the document's schemas.

use serde_json::{Value, json};

use super::{ProblemBody, ProblemCode};

const TFT: &str = "TFT:GBOVQKJYHXRR3DX6NOX2RRYFRCUMSADGDESTDNBDS6CDVLGVESRTAC47";
const TFT_ISSUER: &str = "GBOVQKJYHXRR3DX6NOX2RRYFRCUMSADGDESTDNBDS6CDVLGVESRTAC47";
const ESCROW: &str = "GDQOE23CFSUMSVQK4Y5JHPPYK73VYCNHZHA7ENKCV37P6SUEO6XQBKPP";
const FARMER: &str = "GBUT4GP5GJ6B3XW5PXENHQA7TXJI5GOPW3NF4W3ZIW6OOO4ISY6WNLN2";
const FOUNDATION: &str = "GCBGS5TFE2BPPUVY55ZPEMWWGR6CLQ7T6P46SOFGHXEBJ34MSP6HVEUT";
const WISDOM: &str = "GA47YZA3PKFUZMPLQ3B5F2E3CJIB57TGGU7SPCQT2WAEYKN766PWIMB3";
const PAYER: &str = "GBLDUINEFYTF7XEE7YNWA3JQS4K2VD37YU7I2YAE7R5AHZDKQXSS2J6R";
const TRANSACTION: &str = "a6e2c9b7f3d14f0a8b5c6d7e8f90112233445566778899aabbccddeeff001122";
const RESERVATION: &str = "150837286785024";
const PAYMENT: &str = "9108135936987137-0";
const CLAIMABLE: &str = "00000000c9f13f02f8e87c53ae557554869a0b749778de648ddb0cc1c0ba3d5b08be8d76";
/// A place in the list of claimable balances.
pub const CLAIMABLE_CURSOR: &str = "GDQOE23CFSUMSVQK4Y5JHPPYK73VYCNHZHA7ENKCV37P6SUEO6XQBKPP-\
    00000000c9f13f02f8e87c53ae557554869a0b749778de648ddb0cc1c0ba3d5b08be8d76";
/// A place in the list of liabilities.
pub const LIABILITY_CURSOR: &str =
    "deposits:150837286785024~TFT:GBOVQKJYHXRR3DX6NOX2RRYFRCUMSADGDESTDNBDS6CDVLGVESRTAC47";

/// One item of a list, and the cursor that the rest begins after.
pub fn page(item: Value, cursor: &str) -> Value {
    json!({ "items": [item], "next_cursor": cursor })
}

/// A decision.
pub fn audit_entry() -> Value {
    json!({
        "id": "150837286785029",
        "at": "2026-03-01T12:00:00Z",
        "actor": "api_key",
        "api_key_id": "150837286780001",
        "request_id": "5d41402abc4b2a76",
        "type": "node.described",
        "subject": "node:41",
        "before": {
            "farm_id": "7", "capacity": { "cu": "4", "su": "2", "ipv4u": "0" }, "free_to_use": true,
        },
        "after": {
            "farm_id": "7", "capacity": { "cu": "4", "su": "2", "ipv4u": "0" }, "free_to_use": false,
        },
    })
}

/// A farm, to be described.
pub fn farm_body() -> Value {
    json!({
        "name": "Green Valley",
        "owner_id": "11",
        "payout_addresses": { TFT: FARMER },
        "distribution": "grid3",
    })
}

/// A farm.
pub fn farm() -> Value {
    json!({
        "id": "3",
        "tenant": "default",
        "name": "Green Valley",
        "owner_id": "11",
        "payout_addresses": { TFT: FARMER },
        "distribution": {
            "name": "grid3",
            "shares": [
                { "recipient": "farmer", "percent": 10 },
                { "recipient": "burn", "percent": 40 },
                { "recipient": "foundation", "percent": 10 },
                { "recipient": "wisdom", "percent": 40 },
            ],
        },
    })
}

/// A node, to be described.
pub fn node_body() -> Value {
    json!({
        "farm_id": "3",
        "capacity": { "cu": "32", "su": "12.5", "ipv4u": "4" },
        "free_to_use": false,
    })
}

/// A node.
pub fn node() -> Value {
    json!({
        "id": "41",
        "tenant": "default",
        "farm_id": "3",
        "capacity": { "cu": "32", "su": "12.5", "ipv4u": "4" },
        "free_to_use": false,
    })
}

/// An identity, to be described.
pub fn identity_body() -> Value {
    json!({
        "name": "Ada",
        "public_key": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    })
}

/// An identity.
pub fn identity() -> Value {
    json!({
        "id": "7",
        "tenant": "default",
        "name": "Ada",
        "public_key": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    })
}

/// A currency, to be described.
pub fn currency_body() -> Value {
    json!({
        "asset": TFT,
        "usd_rate": "0.02",
        "rate_at": "2026-03-01T12:00:00Z",
        "rate_valid_seconds": 86_400,
        "free_only": false,
    })
}

/// A currency.
pub fn currency() -> Value {
    json!({
        "code": "TFT",
        "asset": TFT,
        "usd_rate": "0.02",
        "rate_at": "2026-03-01T12:00:00Z",
        "rate_valid_seconds": 86_400,
        "free_only": false,
        "distribution": null,
    })
}

/// An order for a new pool.
pub fn order() -> Value {
    json!({
        "customer_id": "7",
        "nodes": ["41"],
        "units": { "cu": "1", "su": "0", "ipv4u": "0" },
        "duration_seconds": 2_592_000,
        "currencies": ["TFT"],
        "refund": refund_address(),
    })
}

/// A reservation that waits for its payment.
pub fn reservation() -> Value {
    json!({
        "id": RESERVATION,
        "tenant": "default",
        "state": "awaiting_payment",
        "customer_id": "7",
        "nodes": ["41"],
        "units": { "cu": "1", "su": "0", "ipv4u": "0" },
        "duration_seconds": 2_592_000,
        "extends": null,
        "escrow": { "address": ESCROW, "memo": { "type": "text", "value": format!("p-{RESERVATION}") } },
        "payment_options": [{
            "currency": "TFT",
            "asset": TFT,
            "amount": "250",
            "sep7_uri": format!(
                "web+stellar:pay?destination={ESCROW}&amount=250&asset_code=TFT&asset_issuer={TFT_ISSUER}\
                 &memo=p-{RESERVATION}&memo_type=MEMO_TEXT"
            ),
            "free_only": false,
            "breakdown": {
                "units": { "cu": "1", "su": "0", "ipv4u": "0" },
                "duration_seconds": 2_592_000,
                "unit_prices": { "cu": "10", "su": "8", "ipv4u": "6" },
                "discount_percent": 50,
                "network_divisor": 1,
                "usd": "5/1",
                "usd_rate": "0.02",
            },
            "distribution": "grid3",
            "legs": [
                { "recipient": "farmer", "farm_id": "3", "to": FARMER, "amount": "25" },
                { "recipient": "burn", "to": TFT_ISSUER, "amount": "100" },
                { "recipient": "foundation", "to": FOUNDATION, "amount": "25" },
                { "recipient": "wisdom", "to": WISDOM, "amount": "100" },
            ],
        }],
        "deadline": "2026-03-01T13:00:00Z",
        "refund": refund_address(),
        "created_at": "2026-03-01T12:00:00Z",
    })
}

/// A reservation that was paid and settled.
pub fn settled_reservation() -> Value {
    let mut reservation = reservation();
    reservation["state"] = json!("settled");
    reservation["funding"] =
        json!({ "asset": TFT, "amount": "250", "payment_id": PAYMENT, "at": "2026-03-01T12:04:05Z" });
    reservation["settlement"] = json!({
        "transaction": TRANSACTION,
        "ledger": 2_120_661,
        "at": "2026-03-01T12:04:15Z",
        "pool_id": RESERVATION,
    });
    reservation
}

/// A payment.
pub fn payment() -> Value {
    json!({
        "id": PAYMENT,
        "kind": "payment",
        "attribution": "counted",
        "reservation_id": RESERVATION,
        "from": PAYER,
        "to": ESCROW,
        "asset": TFT,
        "amount": "250",
        "transaction": TRANSACTION,
        "ledger": 2_120_659,
        "closed_at": "2026-03-01T12:04:05Z",
        "memo": { "type": "text", "value": format!("p-{RESERVATION}") },
    })
}

/// A payment that belongs to no reservation, and went back.
pub fn returned_payment() -> Value {
    let mut payment = payment();
    payment["attribution"] = json!("unassigned");
    payment["reservation_id"] = Value::Null;
    payment["returned"] = json!({
        "transfer_id": "150837286785031",
        "state": "confirmed",
            "delivery": "payment",
        "to": PAYER,
        "amount": "250",
        "at": "2026-03-01T12:04:15Z",
    });
    payment
}

/// A claimable balance of a stranger.
pub fn claimable_balance() -> Value {
    json!({
        "id": CLAIMABLE,
        "claimant": ESCROW,
        "asset": "native",
        "amount": "4",
        "sponsor": PAYER,
        "seen_at": "2026-03-01T12:10:00Z",
    })
}

/// What is owed for a reservation.
pub fn liability() -> Value {
    json!({ "kind": "deposits", "reservation_id": RESERVATION, "asset": TFT, "amount": "250" })
}

/// A place in the list of dead letters.
pub const LETTER_CURSOR: &str = "held_reservation:150837286785024";

/// A held reservation, with what may be done about it.
pub fn dead_letter() -> Value {
    json!({
        "id": LETTER_CURSOR,
        "kind": "held_reservation",
        "since": "2026-03-01T12:04:15Z",
        "summary": "Reservation 150837286785024 is paid and cannot be settled now: op_src_not_authorized. It \
                    leaves by itself when its account is whole.",
        "reason": "op_src_not_authorized",
        "tries": 1,
        "looks": 2,
        "next_look_at": "2026-03-01T12:07:15Z",
        "reservation_id": RESERVATION,
        "payment_id": PAYMENT,
        "account": ESCROW,
        "asset": TFT,
        "amount": "250",
        "transaction": {
            "id": "150837286785030",
            "hash": TRANSACTION,
            "state": "failed",
            "ledger": 2_120_661,
            "code": "tx_failed",
            "operation_codes": ["op_src_not_authorized"],
            "sent": 1,
            "last_answer": "tx_failed op_src_not_authorized",
            "max_time": "2026-03-01T12:07:10Z",
            "envelope": "AAAAAgAAAAB=",
        },
        "actions": [
            {
                "name": "wait",
                "summary": "Nothing needs to be done: its account is looked at again by itself, at \
                            2026-03-01T12:07:15Z at the latest, while an engine runs.",
            },
            {
                "name": "refund",
                "summary": "Send back what remains of its money; the latest payment bears what its issuer \
                            took back.",
                "method": "POST",
                "path": "/v1/reservations/150837286785024/resolution",
                "body": { "decision": "refund" },
                "command": "farmgate resolve 150837286785024 --refund",
            },
        ],
    })
}

/// A record that was dismissed.
pub fn dismissed_letter() -> Value {
    json!({
        "id": format!("unreadable_record:{ESCROW}-{TRANSACTION}"),
        "kind": "unreadable_record",
        "since": "2026-03-01T12:04:15Z",
        "summary": format!("A record in the history of {ESCROW} could not be understood, and was put aside: \
                            unknown type."),
        "reason": "unknown type",
        "account": ESCROW,
        "operation_id": "9108135936987137",
        "record": "{\"type\":\"something new\"}",
        "dismissed": { "at": "2026-03-01T13:00:00Z", "by": "API key 41", "note": "looked at by hand" },
        "actions": [],
    })
}

/// A change of who is paid, by its state and what is told of that alone.
fn changed(state: &str, more: Value) -> Value {
    let mut change = json!({
        "id": "150837286785024",
        "tenant": "default",
        "subject": "node:41",
        "state": state,
        "asked_at": "2026-03-01T12:00:00Z",
        "due_at": "2026-03-03T12:00:00Z",
        "before": { "farm_id": "7" },
        "after": { "farm_id": "3" },
    });
    if let (Some(change), Value::Object(more)) = (change.as_object_mut(), more) {
        change.extend(more);
    }
    change
}

/// A change of who is paid that waits.
pub fn payout_change() -> Value {
    let to_sign = "Farmgate payout change, version 1\nnetwork: \"Test SDF Network ; September 2015\"\n\
                   change: 150837286785024\nsubject: node:41\nfarm: 7 -> 3\n";
    changed("waiting", json!({ "to_sign": to_sign }))
}

/// A change of who is paid that was signed.
pub fn signed_payout_change() -> Value {
    changed("in_force", json!({ "ended_at": "2026-03-01T12:05:00Z", "signed_by_id": "11" }))
}

/// A change of who is paid that was called off.
pub fn called_off_payout_change() -> Value {
    changed("called_off", json!({ "ended_at": "2026-03-01T12:05:00Z" }))
}

/// The signature of a change of who is paid.
pub fn signature() -> Value {
    json!({ "signature": "0f".repeat(64) })
}

/// Why a change of who is paid is called off.
pub fn call_off() -> Value {
    json!({ "reason": "nobody here asked for it" })
}

/// A note on why a record needs nothing more.
pub fn dismissal() -> Value {
    json!({ "note": "looked at by hand" })
}

/// What was reclaimed of a claimable balance, on its way elsewhere.
pub fn repayment() -> Value {
    json!({
        "transfer_id": "150837286785031",
        "state": "pending",
        "delivery": "payment",
        "to": PAYER,
        "amount": "250",
    })
}

/// Where money goes back to.
pub fn refund_address() -> Value {
    json!({ "address": PAYER, "memo": { "type": "id", "value": "1047" } })
}

/// A decision about a held reservation.
pub fn resolution() -> Value {
    json!({ "decision": "refund" })
}

/// A pool.
pub fn pool() -> Value {
    json!({
        "id": RESERVATION,
        "tenant": "default",
        "customer_id": "7",
        "nodes": ["41"],
        "units": { "cu": "1", "su": "0", "ipv4u": "0" },
        "expires_at": "2026-03-31T12:04:15Z",
        "free_only": false,
        "grants": [{
            "reservation_id": RESERVATION,
            "units": { "cu": "1", "su": "0", "ipv4u": "0" },
            "from": "2026-03-01T12:04:15Z",
            "until": "2026-03-31T12:04:15Z",
        }],
        "created_at": "2026-03-01T12:04:15Z",
    })
}

/// An event.
pub fn event() -> Value {
    json!({
        "id": "18",
        "cursor": "5f3a9c1e-18",
        "at": "2026-03-01T12:04:20Z",
        "type": "pool.created",
        "reservation_id": RESERVATION,
        "pool_id": RESERVATION,
    })
}

/// A service that is ready.
pub fn ready() -> Value {
    json!({
        "status": "ready", "ledger": 2_120_661, "ledger_age_seconds": 4, "tick_age_seconds": 1,
        "oldest_funded_seconds": 3, "lease_holder": "serve-0f1e2d3c4b5a6978", "lease_token": 3, "leads": true,
    })
}

/// A problem of this kind.
pub fn problem(code: ProblemCode) -> Value {
    let detail = match code {
        ProblemCode::UnknownNode => "node 77 is not known",
        other => other.title(),
    };
    let mut body = ProblemBody::new(code, detail, "9f86d081884c7d65");
    match code {
        ProblemCode::UnknownNode => body.field = Some("nodes[0]".to_owned()),
        ProblemCode::InvalidValue => body.field = Some("duration_seconds".to_owned()),
        ProblemCode::NotReady => {
            body.reasons = vec!["ledger_lag: the last ledger known closed 95 seconds ago".to_owned()]
        }
        _ => {}
    }
    json!(body)
}

#[cfg(test)]
mod tests {
    use super::super::{
        CallOffBody, CurrencyBody, DismissalBody, FarmBody, IdentityBody, NodeBody, ReservationOrder,
        Resolution, SignatureBody,
    };
    use super::*;

    #[test]
    fn request_examples_are_read_as_requests() {
        serde_json::from_value::<FarmBody>(farm_body()).unwrap();
        serde_json::from_value::<NodeBody>(node_body()).unwrap();
        serde_json::from_value::<IdentityBody>(identity_body()).unwrap();
        serde_json::from_value::<CurrencyBody>(currency_body()).unwrap();
        serde_json::from_value::<ReservationOrder>(order()).unwrap();
        serde_json::from_value::<Resolution>(resolution()).unwrap();
        serde_json::from_value::<DismissalBody>(dismissal()).unwrap();
        serde_json::from_value::<SignatureBody>(signature()).unwrap();
        serde_json::from_value::<CallOffBody>(call_off()).unwrap();
    }
}
