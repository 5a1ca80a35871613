//! Everything that can be wrong with an order, and with any request.

use axum::body::Body;
use axum::http::{Method, Request, header};
use farmgate::domain::address::Address;
use serde_json::json;

use crate::rig::{Rig, account, but, order};
use crate::support::on_both_databases;

on_both_databases! {
    async fn an_order_is_refused_with_code_and_field(database: &TestStore) {
        let rig = Rig::grid(database, 1).await;
        let many: Vec<String> = (0..101).map(|number| number.to_string()).collect();
        let codes: Vec<String> = (0..17).map(|number| format!("C{number}")).collect();
        let (payer, platform) = (account(9).to_string(), account(200).to_string());
        let contract = Address::Contract([9; 32]).to_string();
        for (changes, status, code, field) in [
            (json!({ "customer_id": "8" }), 422, "unknown_customer", "customer_id"),
            (json!({ "customer_id": "-7" }), 400, "invalid_value", "customer_id"),
            (json!({ "customer_id": 7 }), 400, "invalid_value", "customer_id"),
            (json!({ "customer_id": null }), 400, "missing_field", "customer_id"),
            (json!({ "nodes": [] }), 422, "node_count", "nodes"),
            (json!({ "nodes": many }), 422, "node_count", "nodes"),
            (json!({ "nodes": ["1", "99"] }), 422, "unknown_node", "nodes[1]"),
            (json!({ "nodes": ["1", "3", "1"] }), 422, "duplicate_node", "nodes[2]"),
            (json!({ "nodes": ["1", "x"] }), 400, "invalid_value", "nodes[1]"),
            (json!({ "nodes": "1" }), 400, "invalid_value", "nodes"),
            (json!({ "units": null }), 422, "units_zero", "units"),
            (json!({ "units": { "cu": "0", "su": "0.000" } }), 422, "units_zero", "units"),
            (json!({ "units": { "cu": "-1" } }), 400, "invalid_value", "units.cu"),
            (json!({ "units": { "cu": "1.0001" } }), 400, "invalid_value", "units.cu"),
            (json!({ "units": { "cu": "99999999999999999999" } }), 400, "invalid_value", "units.cu"),
            (json!({ "units": { "cu": 1 } }), 400, "invalid_value", "units.cu"),
            (json!({ "units": { "gpu": "1" } }), 400, "unknown_field", "units.gpu"),
            (json!({ "duration_seconds": null }), 422, "duration_missing", "duration_seconds"),
            (json!({ "duration_seconds": 59 }), 422, "duration_out_of_bounds", "duration_seconds"),
            (json!({ "duration_seconds": 0 }), 422, "duration_out_of_bounds", "duration_seconds"),
            (json!({ "duration_seconds": -60 }), 422, "duration_out_of_bounds", "duration_seconds"),
            (json!({ "duration_seconds": 315_360_001 }), 422, "duration_out_of_bounds", "duration_seconds"),
            (json!({ "duration_seconds": 60.5 }), 400, "invalid_value", "duration_seconds"),
            (json!({ "duration_seconds": u64::MAX }), 400, "invalid_value", "duration_seconds"),
            (json!({ "pool_id": "5" }), 422, "unknown_pool", "pool_id"),
            (json!({ "currencies": [] }), 422, "currency_count", "currencies"),
            (json!({ "currencies": codes }), 422, "currency_count", "currencies"),
            (json!({ "currencies": ["TFT", "BTC"] }), 422, "unknown_currency", "currencies[1]"),
            (json!({ "currencies": ["TFT", "TFT"] }), 422, "duplicate_currency", "currencies[1]"),
            (json!({ "currencies": ["T F T"] }), 400, "invalid_value", "currencies[0]"),
            (json!({ "refund": { "address": "GABC" } }), 400, "invalid_value", "refund.address"),
            (json!({ "refund": {} }), 400, "missing_field", "refund.address"),
            (json!({ "refund": { "address": contract } }), 400, "invalid_value", "refund"),
            (
                json!({ "refund": { "address": payer, "memo": { "type": "id", "value": "x" } } }),
                400,
                "invalid_value",
                "refund",
            ),
            (json!({ "refund": { "address": platform } }), 422, "refund_address", "refund.address"),
            (json!({ "colour": "green" }), 400, "unknown_field", "colour"),
        ] {
            let body = but(order(&["1"]), changes);
            let answer = rig.order(body.clone()).await;
            let got = (answer.status, answer.body["code"].as_str(), answer.body["field"].as_str());
            assert_eq!(got, (status, Some(code), Some(field)), "{body}");
        }
        assert_eq!(rig.get("/v1/reservations").await.body["items"], json!([]), "nothing of it was stored");
        rig.order(order(&["1"])).await.is(201);
    }

    async fn a_price_over_the_ledgers_amounts_is_refused(database: &TestStore) {
        let rig = Rig::grid(database, 1).await;
        let mut cheap = crate::rig::currency(crate::rig::tft());
        cheap["usd_rate"] = json!("0.00000000000001");
        rig.put("/v1/currencies/TFT", cheap).await.is(200);
        let asked = but(order(&["1"]), json!({ "currencies": ["TFT"] }));
        rig.order(asked).await.is_problem(422, "price_out_of_bounds", Some("currencies[0]"));
    }

    async fn a_body_that_is_no_json_is_refused(database: &TestStore) {
        let rig = Rig::grid(database, 1).await;
        for (body, code) in [
            ("", "malformed_json"),
            ("{", "malformed_json"),
            ("{} {}", "missing_field"),
            ("{\"customer_id\":\"7\"} {}", "malformed_json"),
            ("[]", "invalid_value"),
            ("null", "invalid_value"),
            ("\u{feff}{}", "malformed_json"),
            ("{\"customer_id\":\"\\ud800\"}", "malformed_json"),
        ] {
            let answer = rig.call(Method::POST, "/v1/reservations", &rig.operator, body).await;
            assert_eq!((answer.status, answer.body["code"].as_str()), (400, Some(code)), "{body}");
        }
        let deep = "[".repeat(60_000);
        let answer = rig.call(Method::POST, "/v1/reservations", &rig.operator, deep).await;
        assert_eq!(answer.status, 400);
        let not_utf8 = vec![b'{', b'"', 0xff, b'"', b':', b'1', b'}'];
        rig.call(Method::POST, "/v1/reservations", &rig.operator, not_utf8).await.is_problem(
            400,
            "malformed_json",
            None,
        );
    }

    async fn a_body_over_the_limit_is_refused(database: &TestStore) {
        let rig = Rig::grid(database, 1).await;
        let limit = 64 * 1024;
        let padded = |bytes: usize| {
            let order = order(&["1"]).to_string();
            format!("{order}{}", " ".repeat(bytes - order.len()))
        };
        rig.call(Method::POST, "/v1/reservations", &rig.operator, padded(limit)).await.is(201);
        rig.call(Method::POST, "/v1/reservations", &rig.operator, padded(limit + 1)).await.is_problem(
            413,
            "body_too_large",
            None,
        );
        let stream = futures::stream::iter((0..80).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1024])));
        rig.call(Method::POST, "/v1/reservations", &rig.operator, Body::from_stream(stream))
            .await
            .is_problem(413, "body_too_large", None);
        let cut = futures::stream::iter([Ok(vec![b'{']), Err(std::io::Error::other("hung up"))]);
        rig.call(Method::POST, "/v1/reservations", &rig.operator, Body::from_stream(cut)).await.is_problem(
            400,
            "invalid_request",
            None,
        );
    }

    async fn a_body_that_is_not_announced_as_json_is_refused(database: &TestStore) {
        let rig = Rig::grid(database, 1).await;
        for kind in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
            let mut request = Request::post("/v1/reservations")
                .header(header::AUTHORIZATION, format!("Bearer {}", rig.operator));
            if let Some(kind) = kind {
                request = request.header(header::CONTENT_TYPE, kind);
            }
            let answer = rig.send(request.body(Body::from(order(&["1"]).to_string())).unwrap()).await;
            answer.is_problem(415, "unsupported_media_type", Some("Content-Type"));
        }
    }

    async fn paths_and_queries_are_checked_too(database: &TestStore) {
        let rig = Rig::grid(database, 1).await;
        for (path, status, code, field) in [
            ("/v1/reservations/x", 400, "invalid_value", Some("id")),
            ("/v1/reservations/%ff", 400, "invalid_value", Some("id")),
            ("/v1/reservations/12", 404, "not_found", None),
            ("/v1/reservations/12/payments", 404, "not_found", None),
            ("/v1/pools/12", 404, "not_found", None),
            ("/v1/farms/9007199254740992", 400, "invalid_value", Some("id")),
            ("/v1/currencies/BTC", 404, "not_found", None),
            ("/v1/reservations?limit=0", 400, "invalid_value", Some("limit")),
            ("/v1/reservations?limit=101", 400, "invalid_value", Some("limit")),
            ("/v1/reservations?limit=ten", 400, "invalid_value", Some("limit")),
            ("/v1/reservations?cursor=x", 400, "invalid_value", Some("cursor")),
            ("/v1/reservations?state=lost", 400, "invalid_value", Some("state")),
            ("/v1/reservations?colour=1", 400, "unknown_field", Some("colour")),
            ("/v1/reservations?limit=1&limit=2", 400, "invalid_value", Some("limit")),
            ("/v1/nothing", 404, "route_not_found", None),
        ] {
            let answer = rig.get(path).await;
            let got = (answer.status, answer.body["code"].as_str(), answer.body["field"].as_str());
            assert_eq!(got, (status, Some(code), field), "{path}: {}", answer.body);
        }
        rig.call(Method::DELETE, "/v1/farms/1", &rig.operator, Body::empty()).await.is_problem(
            405,
            "method_not_allowed",
            None,
        );
    }
}
