use farmgate::domain::asset::Asset;
use serde_json::json;

use crate::rig::{PUBLIC_KEY, Rig, account, but, currency, farm, free_tft, tft};
use crate::support::on_both_databases;

on_both_databases! {
    async fn what_is_put_is_found_again(database: &TestStore) {
        let rig = Rig::grid(database, 0).await;
        let farm_found = rig.get("/v1/farms/1").await.is(200).body;
        assert_eq!(farm_found["payout_addresses"][tft().to_string()], account(1).to_string());
        assert_eq!(farm_found["distribution"]["name"], "grid3");
        assert_eq!(farm_found["distribution"]["shares"][1], json!({ "recipient": "burn", "percent": 40 }));
        let node = rig.get("/v1/nodes/2").await.is(200).body;
        assert_eq!(
            node,
            json!({
                "id": "2", "tenant": "default", "farm_id": "1",
                "capacity": { "cu": "100", "su": "0", "ipv4u": "0" }, "free_to_use": true,
            })
        );
        assert_eq!(rig.get("/v1/identities/7").await.is(200).body["public_key"], PUBLIC_KEY);
        let tft = rig.get("/v1/currencies/TFT").await.is(200).body;
        assert_eq!(
            (tft["usd_rate"].as_str(), tft["rate_at"].as_str()),
            (Some("0.02"), Some("2026-03-01T12:00:00Z"))
        );
        let play = rig.get("/v1/currencies/FreeTFT").await.is(200).body;
        assert_eq!((&play["free_only"], &play["distribution"]["name"]), (&json!(true), &json!("free")));
    }

    async fn what_is_put_again_is_replaced(database: &TestStore) {
        let rig = Rig::grid(database, 0).await;
        let own = json!({ "name": "own", "shares": [{ "recipient": "farmer", "percent": 100 }] });
        rig.put("/v1/farms/1", but(farm(1), json!({ "name": "renamed", "distribution": own }))).await.is(200);
        let found = rig.get("/v1/farms/1").await.is(200).body;
        assert_eq!((&found["name"], &found["distribution"]), (&json!("renamed"), &own));
        let resources = json!({ "cru": "8", "mru": "16", "hru": "1200", "sru": "300", "ipv4u": "3" });
        rig.put("/v1/nodes/1", json!({ "farm_id": "2", "resources": resources })).await.is(200);
        let node = rig.get("/v1/nodes/1").await.is(200).body;
        assert_eq!(
            (&node["farm_id"], &node["capacity"]),
            (&json!("2"), &json!({ "cu": "4", "su": "2", "ipv4u": "3" }))
        );
    }

    async fn lists_are_read_page_by_page(database: &TestStore) {
        let rig = Rig::grid(database, 0).await;
        let first = rig.get("/v1/nodes?limit=2").await.is(200).body;
        assert_eq!((first["items"].as_array().unwrap().len(), &first["next_cursor"]), (2, &json!("2")));
        let rest = rig.get("/v1/nodes?limit=2&cursor=2").await.is(200).body;
        assert_eq!((&rest["items"][0]["id"], &rest["next_cursor"]), (&json!("3"), &json!(null)));
        let of_farm = rig.get("/v1/nodes?farm_id=2").await.is(200).body;
        assert_eq!(
            (of_farm["items"].as_array().unwrap().len(), &of_farm["items"][0]["id"]),
            (1, &json!("3"))
        );
        for (path, count) in [("/v1/farms", 2), ("/v1/identities", 2), ("/v1/currencies", 2)] {
            assert_eq!(rig.get(path).await.is(200).body["items"].as_array().unwrap().len(), count, "{path}");
        }
        let after = rig.get("/v1/currencies?cursor=FreeTFT&limit=1").await.is(200).body;
        assert_eq!((&after["items"][0]["code"], &after["next_cursor"]), (&json!("TFT"), &json!(null)));
    }

    async fn a_farm_is_refused_for_what_is_wrong_with_it(database: &TestStore) {
        let rig = Rig::grid(database, 0).await;
        let paying = |asset: &str, to: &str| json!({ "payout_addresses": { asset: to } });
        let (tft, good) = (tft().to_string(), account(1).to_string());
        let mut typo = good.clone();
        typo.replace_range(10..11, if &good[10..11] == "A" { "B" } else { "A" });
        let issuer = account(100).to_string();
        let other_issuer = account(101).to_string();
        let payouts: serde_json::Map<String, serde_json::Value> = (0..17)
            .map(|number| {
                (Asset::credit(format!("A{number}").parse().unwrap(), account(9)).to_string(), json!(good))
            })
            .collect();
        for (changes, status, code, field) in [
            (json!({ "owner_id": "12" }), 422, "unknown_identity", "owner_id"),
            (json!({ "name": "" }), 400, "invalid_value", "name"),
            (json!({ "name": null }), 400, "missing_field", "name"),
            (json!({ "colour": 1 }), 400, "unknown_field", "colour"),
            (paying(&tft, &typo), 400, "invalid_value", &format!("payout_addresses.{tft}")),
            (paying("TFT", &good), 400, "invalid_value", "payout_addresses.TFT"),
            (paying(&tft, &issuer), 422, "payout_address_refused", &format!("payout_addresses.{tft}")),
            (paying(&tft, &other_issuer), 422, "payout_address_refused", &format!("payout_addresses.{tft}")),
            (json!({ "payout_addresses": payouts }), 422, "too_many_payout_addresses", "payout_addresses"),
            (json!({ "distribution": "grid9" }), 422, "invalid_distribution", "distribution"),
            (
                json!({ "distribution": { "name": "x", "shares": [] } }),
                422,
                "invalid_distribution",
                "distribution",
            ),
            (
                json!({ "distribution": { "name": "x", "shares": [{ "recipient": "me", "percent": 100 }] } }),
                400,
                "invalid_value",
                "distribution.shares[0].recipient",
            ),
        ] {
            rig.put("/v1/farms/3", but(farm(1), changes)).await.is_problem(status, code, Some(field));
        }
        rig.get("/v1/farms/3").await.is_problem(404, "not_found", None);
    }

    async fn nodes_identities_and_currencies_are_refused_too(database: &TestStore) {
        let rig = Rig::grid(database, 0).await;
        let node = json!({ "farm_id": "1", "capacity": { "cu": "1" } });
        let resources = json!({ "cru": "1", "mru": "1", "hru": "1", "sru": "1" });
        for (changes, status, code, field) in [
            (json!({ "farm_id": "9" }), 422, "unknown_farm", "farm_id"),
            (json!({ "farm_id": null }), 400, "missing_field", "farm_id"),
            (json!({ "capacity": null }), 422, "capacity_not_unique", "capacity"),
            (json!({ "resources": resources }), 422, "capacity_not_unique", "capacity"),
            (json!({ "capacity": { "cu": "-1" } }), 400, "invalid_value", "capacity.cu"),
            (json!({ "capacity": { "cu": "1.2345" } }), 400, "invalid_value", "capacity.cu"),
            (json!({ "capacity": { "cu": "1000000.001" } }), 400, "invalid_value", "capacity.cu"),
        ] {
            rig.put("/v1/nodes/9", but(node.clone(), changes)).await.is_problem(status, code, Some(field));
        }
        let weak = json!({ "name": "x", "public_key": "00".repeat(32) });
        rig.put("/v1/identities/9", weak).await.is_problem(400, "invalid_value", Some("public_key"));
        for (changes, status, code, field) in [
            (json!({ "usd_rate": "0" }), 400, "invalid_value", "usd_rate"),
            (json!({ "usd_rate": "-1" }), 400, "invalid_value", "usd_rate"),
            (json!({ "usd_rate": 1 }), 400, "invalid_value", "usd_rate"),
            (json!({ "rate_at": "yesterday" }), 400, "invalid_value", "rate_at"),
            (json!({ "rate_at": "2026-03-01T12:01:01Z" }), 422, "rate_time_out_of_bounds", "rate_at"),
            (json!({ "rate_valid_seconds": 0 }), 422, "rate_time_out_of_bounds", "rate_valid_seconds"),
            (json!({ "asset": "FreeTFT" }), 400, "invalid_value", "asset"),
            (json!({ "distribution": "none" }), 422, "invalid_distribution", "distribution"),
        ] {
            let body = but(currency(free_tft()), changes);
            rig.put("/v1/currencies/XYZ", body).await.is_problem(status, code, Some(field));
        }
        rig.put("/v1/currencies/T-T", currency(tft())).await.is_problem(400, "invalid_value", Some("code"));
        rig.put("/v1/farms/01", farm(1)).await.is_problem(400, "invalid_value", Some("id"));
    }

    async fn an_older_rate_does_not_replace_a_newer_one(database: &TestStore) {
        let rig = Rig::grid(database, 0).await;
        let put = async |at: Option<&str>, usd: &str| {
            let body = but(currency(tft()), json!({ "rate_at": at, "usd_rate": usd }));
            rig.put("/v1/currencies/TFT", body).await
        };
        let known = async || rig.get("/v1/currencies/TFT").await.is(200).body["usd_rate"].clone();

        put(Some("2026-03-01T11:59:59Z"), "0.03").await.is_problem(409, "rate_older", Some("rate_at"));
        assert_eq!(known().await, "0.02");
        // The same again, with what is known of it changed.
        put(Some("2026-03-01T12:00:00Z"), "0.04").await.is(200);
        assert_eq!(known().await, "0.04");
        // Another clock is ahead, and what has no time is of now.
        put(Some("2026-03-01T12:00:50Z"), "0.05").await.is(200);
        put(Some("2026-03-01T12:00:10Z"), "0.06").await.is_problem(409, "rate_older", Some("rate_at"));
        let answer = put(None, "0.07").await.is(200).body;
        assert_eq!(answer["rate_at"], "2026-03-01T12:00:50Z");
        assert_eq!(known().await, "0.07");
        // A time far ahead was never true.
        rig.pass(-3_600);
        put(Some("2026-03-01T11:00:00Z"), "0.08").await.is(200);
        assert_eq!(known().await, "0.08");
    }

    async fn of_rates_that_come_at_once_the_newest_stays(database: &TestStore) {
        let rig = Rig::grid(database, 0).await;
        let put = async |second: u32| {
            let (at, usd) = (format!("2026-03-01T12:00:{second:02}Z"), format!("0.{second:02}"));
            let body = but(currency(tft()), json!({ "rate_at": at, "usd_rate": usd }));
            rig.put("/v1/currencies/TFT", body).await.status
        };
        for round in [10, 20, 30, 40] {
            let all = futures::future::join_all((round..round + 8).rev().map(&put)).await;
            assert!(all.iter().all(|status| [200, 409].contains(status)), "{all:?}");
            let known = rig.get("/v1/currencies/TFT").await.is(200).body;
            assert_eq!(known["usd_rate"], format!("0.{}", round + 7), "{all:?}");
        }
    }

    async fn a_node_under_play_money_stays_free(database: &TestStore) {
        let rig = Rig::grid(database, 1).await;
        let paid = json!({ "farm_id": "1", "capacity": { "cu": "100" } });
        rig.order(but(crate::rig::order(&["2"]), json!({ "currencies": ["FreeTFT"] }))).await.is(201);
        rig.put("/v1/nodes/2", paid.clone()).await.is_problem(
            409,
            "node_under_free_pool",
            Some("free_to_use"),
        );
        rig.put("/v1/nodes/2", but(paid.clone(), json!({ "free_to_use": true }))).await.is(200);
        rig.put("/v1/nodes/1", paid).await.is(200);
    }
}
