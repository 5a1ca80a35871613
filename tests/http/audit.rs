//! The audit log: who decided what.

use axum::body::Body;
use axum::http::{Method, Request};
use farmgate::access::revoke_key;
use farmgate::domain::ids::ApiKeyId;
use farmgate::ports::store::Role;
use serde_json::{Value, json};

use crate::rig::{PUBLIC_KEY, Rig, account, but, currency, farm, order, tft};
use crate::support::on_both_databases;

const OTHER_PUBLIC_KEY: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";

async fn about(rig: &Rig, subject: &str) -> Vec<Value> {
    rig.get(&format!("/v1/audit?subject={subject}")).await.is(200).body["items"].as_array().unwrap().clone()
}

/// A farm as it is put, paid at this account.
fn paid_at(number: u8) -> Value {
    but(farm(1), json!({ "payout_addresses": { tft().to_string(): account(number).to_string() } }))
}

fn payout(terms: &Value) -> &Value {
    &terms["payout_addresses"][tft().to_string()]
}

on_both_databases! {
    async fn who_changed_a_payout_address_and_what_it_was_is_told(database: &TestStore) {
        let rig = Rig::grid(database, 0).await;
        let thief = rig.key(Role::Explorer).await;
        let before = about(&rig, "farm:1").await.len();
        let request = Request::builder()
            .method(Method::PUT)
            .uri("/v1/farms/1")
            .header("authorization", format!("Bearer {thief}"))
            .header("x-request-id", "of-the-thief")
            .header("content-type", "application/json");
        rig.send(request.body(Body::from(paid_at(66).to_string())).unwrap()).await.is(200);
        let told = about(&rig, "farm:1").await;
        assert_eq!(told.len(), before + 1);
        let last = told.last().unwrap();
        assert_eq!((&last["type"], &last["request_id"]), (&json!("farm.described"), &json!("of-the-thief")));
        assert_eq!(payout(&last["before"]), &json!(account(1).to_string()));
        assert_eq!(payout(&last["after"]), &json!(account(66).to_string()));
        assert!(last.get("reason").is_none() && !last.to_string().contains("farm 1"), "no names: {last}");
        let key = last["api_key_id"].as_str().unwrap();
        let by_key = rig.get(&format!("/v1/audit?api_key_id={key}")).await.is(200).body;
        assert_eq!(by_key["items"], json!([last]));
        let made = about(&rig, &format!("api_key:{key}")).await;
        assert_eq!(
            (&made[0]["type"], &made[0]["after"]["role"]),
            (&json!("api_key.created"), &json!("explorer"))
        );
        assert!(made[0].get("api_key_id").is_none(), "by a command");
    }

    async fn what_is_said_again_is_no_decision(database: &TestStore) {
        let rig = Rig::grid(database, 0).await;
        let all =
            async || rig.get("/v1/audit?limit=100").await.is(200).body["items"].as_array().unwrap().len();
        let before = all().await;
        rig.put("/v1/farms/1", farm(1)).await.is(200);
        rig.put("/v1/farms/1", but(farm(1), json!({ "name": "another name" }))).await.is(200);
        rig.put("/v1/identities/7", json!({ "name": "renamed", "public_key": PUBLIC_KEY })).await.is(200);
        assert_eq!(all().await, before);
        rig.put("/v1/identities/7", json!({ "name": "x", "public_key": OTHER_PUBLIC_KEY })).await.is(200);
        let told = about(&rig, "identity:7").await.pop().unwrap();
        assert_eq!(told["before"]["public_key"], PUBLIC_KEY);
        assert_eq!(told["after"]["public_key"], OTHER_PUBLIC_KEY);
        rig.put("/v1/currencies/TFT", but(currency(tft()), json!({ "usd_rate": "0.03" }))).await.is(200);
        let told = about(&rig, "currency:TFT").await.pop().unwrap();
        assert_eq!(
            (&told["before"]["usd_rate"], &told["after"]["usd_rate"]),
            (&json!("0.02"), &json!("0.03"))
        );
        let node = json!({ "farm_id": "2", "capacity": { "cu": "5" }, "free_to_use": true });
        rig.put("/v1/nodes/1", node).await.is(200);
        let told = about(&rig, "node:1").await.pop().unwrap();
        assert_eq!((&told["before"]["farm_id"], &told["after"]["farm_id"]), (&json!("1"), &json!("2")));
        assert_eq!(told["after"]["capacity"]["cu"], "5");
    }

    async fn an_order_and_its_cancellation_name_their_key(database: &TestStore) {
        let rig = Rig::grid(database, 1).await;
        let id = rig.order(order(&["1"])).await.is(201).text("id");
        rig.cancel(&id).await.is(202);
        rig.cancel(&id).await.is(202);
        let told = about(&rig, &format!("reservation:{id}")).await;
        let types: Vec<&str> = told.iter().map(|entry| entry["type"].as_str().unwrap()).collect();
        assert_eq!(types, ["reservation.opened", "reservation.cancel_requested"], "asked twice, told once");
        assert!(told.iter().all(|entry| entry["api_key_id"].is_string() && entry["request_id"].is_string()));
    }

    async fn the_log_is_read_page_by_page_by_who_may(database: &TestStore) {
        let rig = Rig::grid(database, 0).await;
        let mut tx = rig.store.begin().await.unwrap();
        let unknown = ApiKeyId::new(1).unwrap();
        assert!(revoke_key(&mut *tx, &rig.decider(), unknown).await.is_err());
        tx.commit().await.unwrap();
        assert!(about(&rig, "api_key:1").await.is_empty(), "what was refused is no decision");
        let whole = rig.get("/v1/audit?limit=100").await.is(200).body["items"].as_array().unwrap().clone();
        let (mut paged, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = rig.get(&format!("/v1/audit?limit=3{cursor}")).await.is(200).body;
            paged.extend(page["items"].as_array().unwrap().clone());
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(paged, whole);
        assert!(whole.len() > 6);
        for (role, status) in [
            (Role::Auditor, 200),
            (Role::Operator, 200),
            (Role::Explorer, 403),
            (Role::Node, 403),
            (Role::Farmer, 403),
        ] {
            let key = rig.key(role).await;
            assert_eq!(
                rig.call(Method::GET, "/v1/audit", &key, Body::empty()).await.status,
                status,
                "{role:?}"
            );
        }
        for (query, field) in [
            ("subject=farm", "subject"),
            ("subject=moon:1", "subject"),
            ("api_key_id=x", "api_key_id"),
            ("subject=farm:1&api_key_id=1", "api_key_id"),
            ("cursor=x", "cursor"),
            ("who=me", "who"),
        ] {
            let answer = rig.get(&format!("/v1/audit?{query}")).await;
            assert_eq!((answer.status, answer.body["field"].as_str()), (400, Some(field)), "{query}");
        }
    }

    async fn a_farm_that_cannot_be_read_is_mended_by_describing_it(database: &TestStore) {
        let rig = Rig::grid(database, 0).await;
        database.tamper("UPDATE farms SET payout_facts = 'none' WHERE id = 1").await;
        rig.put("/v1/farms/1", paid_at(9)).await.is(200);
        let told = about(&rig, "farm:1").await.pop().unwrap();
        assert!(told.get("before").is_none(), "nobody could read it");
        assert_eq!(payout(&told["after"]), &json!(account(9).to_string()));
        assert_eq!(rig.get("/v1/farms/1").await.is(200).body["name"], "farm 1");
    }
}
