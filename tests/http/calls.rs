//! Each cell of the table in `docs/security.md`, tried: every call with a key of every role, and with the id
//! of another tenant's thing.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Method, Request};
use farmgate::access::allows;
use farmgate::http::{CALLS, Call, Things, calls_by_role, openapi};
use farmgate::ports::store::Role;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::rig::{PUBLIC_KEY, Rig, account, but, currency, farm, order, tft};
use crate::support::on_both_databases;

const PAGE: &str = "docs/security.md";
/// A record that nobody can read, and a claimable balance, which are not there.
const RECORD: &str = "unreadable_record:GBOVQKJYHXRR3DX6NOX2RRYFRCUMSADGDESTDNBDS6CDVLGVESRTAC47-00";
const BALANCE: &str = "00000000c9f13f02f8e87c53ae557554869a0b749778de648ddb0cc1c0ba3d5b08be8d76";

/// The path with an id of its kind, and a body that is understood.
fn request(call: &Call, reservation: &str, change: &str) -> (Method, String, Value) {
    let id = match call.path.split('/').nth(2).unwrap_or_default() {
        "claimable-balances" => BALANCE,
        "dead-letters" => RECORD,
        "payments" => "5-0",
        "payout-changes" => change,
        "reservations" | "pools" => reservation,
        "identities" => "7",
        _ => "1",
    };
    let body = match call.path {
        "/v1/farms/{id}" => farm(1),
        "/v1/nodes/{id}" => json!({ "farm_id": "1", "capacity": { "cu": "100" } }),
        "/v1/identities/{id}" => json!({ "name": "person 7", "public_key": PUBLIC_KEY }),
        "/v1/currencies/{code}" => currency(tft()),
        "/v1/reservations" => order(&["1"]),
        "/v1/payout-changes/{id}/signature" => json!({ "signature": "00".repeat(64) }),
        "/v1/payout-changes/{id}/call-off" => json!({ "reason": "tried" }),
        "/v1/dead-letters/{id}/dismissal" => json!({ "note": "seen" }),
        "/v1/reservations/{id}/resolution" => json!({ "decision": "settle" }),
        _ => json!({ "address": account(9) }),
    };
    let path = call.path.replace("{id}", id).replace("{code}", "TFT");
    (call.method.parse().unwrap(), path, body)
}

#[test]
fn the_table_names_every_call_of_the_api() {
    let document = serde_json::to_value(openapi()).unwrap();
    let mut described = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            described.insert((method.to_uppercase(), path.clone(), operation["security"].is_array()));
        }
    }
    let listed: BTreeSet<_> = CALLS
        .iter()
        .map(|call| (call.method.to_owned(), call.path.to_owned(), call.needs.is_some()))
        .collect();
    assert_eq!(listed, described);
}

#[test]
fn the_page_has_the_table_of_this_program() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let table = calls_by_role();
    assert!(page.contains(&table), "{PAGE} lacks this table, of `farmgate::http::calls_by_role`:\n{table}");
}

on_both_databases! {
    async fn each_role_reaches_what_the_table_says_and_nothing_of_another_tenant(database: &TestStore) {
        let rig = Rig::with(database, |state| state.payout_change_delay_seconds = 60).await;
        rig.furnish(20).await;
        let another = but(farm(1), json!({ "payout_addresses": { tft().to_string(): account(9) } }));
        let waits = rig.put("/v1/farms/1", another).await.is(202).body;
        let change = waits["payout_change"]["id"].as_str().unwrap();
        for role in Role::ALL {
            let key = rig.key(role).await;
            let foreign =
                if role.is_of_a_tenant() { Some(rig.key_of(role, Some(role.as_str())).await) } else { None };
            let reservation = rig.order(order(&["1"])).await.is(201).text("id");
            for call in &CALLS {
                let (method, path, body) = request(call, &reservation, change);
                let tried = format!("{} {path} by {}", call.method, role.as_str());
                let Some(permission) = call.needs else {
                    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
                    let status = rig.router.clone().oneshot(request).await.unwrap().status().as_u16();
                    assert!(![401, 403].contains(&status), "{tried} without a key: {status}");
                    continue;
                };
                let answer = rig.call(method.clone(), &path, &key, body.to_string()).await;
                if allows(role, permission) {
                    assert!(![401, 403].contains(&answer.status), "{tried}: {}", answer.body);
                } else {
                    answer.is_problem(403, "forbidden", None);
                    continue;
                }
                let (Some(foreign), Things::Tenants) = (&foreign, call.things) else { continue };
                let answer = rig.call(method, &path, foreign, body.to_string()).await;
                match (call.method, call.path.contains("{id}")) {
                    // What is described by another tenant's number is its own thing.
                    ("PUT", _) => assert!([201, 422].contains(&answer.status), "{tried}: {}", answer.body),
                    (_, true) => answer.is_problem(404, "not_found", None),
                    ("GET", false) => assert_eq!(answer.is(200).body["items"], json!([]), "{tried}"),
                    (_, false) => answer.is_problem(422, "unknown_node", Some("nodes[0]")),
                }
            }
        }
    }
}
