//! Currencies are the operators'; a rate feed pushes rates, and nothing else.

use axum::http::Method;
use farmgate::access::{AccessError, list_keys, take_rates_from};
use farmgate::ports::store::Role;
use serde_json::{Value, json};

use crate::rig::{Rig, but, currency, free_tft, tft};
use crate::support::on_both_databases;

const PATH: &str = "/v1/currencies/TFT";

fn rate(usd: &str) -> Value {
    but(currency(tft()), json!({ "usd_rate": usd }))
}

on_both_databases! {
    async fn a_feed_pushes_a_rate_and_changes_nothing_else(database: &TestStore) {
        let rig = Rig::grid(database, 0).await;
        let feed = rig.key(Role::Rates).await;
        let push = async |body: &Value| rig.call(Method::PUT, PATH, &feed, body.to_string()).await;
        assert_eq!(push(&rate("0.03")).await.is(200).body["usd_rate"], "0.03");
        for (field, value) in [
            ("asset", json!(free_tft().to_string())),
            ("rate_valid_seconds", json!(31_000_000)),
            ("free_only", json!(true)),
            ("distribution", json!("free")),
        ] {
            push(&but(rate("9"), json!({ field: value }))).await.is_problem(403, "forbidden", Some(field));
        }
        let made = rig.call(Method::PUT, "/v1/currencies/MINE", &feed, rate("9").to_string()).await;
        made.is_problem(403, "forbidden", Some("code"));
        assert_eq!(rig.get(PATH).await.is(200).body["usd_rate"], "0.03", "as it was pushed");
        for path in ["/v1/reservations", "/v1/events", "/v1/payments"] {
            rig.call(Method::GET, path, &feed, "").await.is_problem(403, "forbidden", None);
        }
    }

    async fn an_explorer_is_told_which_keys_push_rates(database: &TestStore) {
        let rig = Rig::grid(database, 0).await;
        let explorer = rig.key(Role::Explorer).await;
        let refused = rig.call(Method::PUT, PATH, &explorer, rate("9").to_string()).await;
        refused.is_problem(403, "forbidden", None);
        let detail = refused.text("detail");
        assert!(detail.ends_with("that needs one of role rates or operator"), "{detail}");
    }

    async fn an_explorers_key_of_before_pushes_rates_until_an_operator_takes_that(database: &TestStore) {
        let rig = Rig::grid(database, 0).await;
        let explorer = rig.key(Role::Explorer).await;
        database.tamper("UPDATE api_keys SET pushes_rates = 1 WHERE role = 'explorer'").await;
        let push = async |body: &Value| rig.call(Method::PUT, PATH, &explorer, body.to_string()).await;
        assert_eq!(push(&rate("0.03")).await.is(200).body["usd_rate"], "0.03");
        let other = but(rate("9"), json!({ "free_only": true }));
        push(&other).await.is_problem(403, "forbidden", Some("free_only"));
        let mut tx = rig.store.begin().await.unwrap();
        let keys = list_keys(&mut *tx).await.unwrap();
        let key = keys.iter().find(|key| key.pushes_rates).unwrap();
        take_rates_from(&mut *tx, &rig.decider(), key.id).await.unwrap();
        let again = take_rates_from(&mut *tx, &rig.decider(), key.id).await;
        assert!(matches!(again, Err(AccessError::NoRates(id)) if id == key.id));
        tx.commit().await.unwrap();
        push(&rate("9")).await.is_problem(403, "forbidden", None);
        let told = rig.get(&format!("/v1/audit?subject=api_key:{}", key.id)).await.is(200).body;
        let types: Vec<_> = told["items"].as_array().unwrap().iter().map(|entry| &entry["type"]).collect();
        assert_eq!(types, ["api_key.created", "api_key.rates_taken"]);
    }
}
