//! What one tenant has, another does not see: its ids are as unknown as those that nobody has.

use axum::body::Body;
use axum::http::{Method, Request, header};
use farmgate::ports::store::Role;
use serde_json::{Value, json};

use crate::rig::{Answer, PUBLIC_KEY, Rig, account, but, farm, order};
use crate::support::on_both_databases;

const NOBODYS: &str = "9";

impl Rig {
    async fn get_as(&self, key: &str, path: &str) -> Answer {
        self.call(Method::GET, path, key, Body::empty()).await
    }

    /// The ids of a list's items.
    async fn ids(&self, key: &str, path: &str) -> Vec<String> {
        let list = self.get_as(key, path).await.is(200).body;
        let items = list["items"].as_array().unwrap().iter();
        items.map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    }

    async fn put_as(&self, key: &str, path: &str, body: &Value) -> Answer {
        self.call(Method::PUT, path, key, body.to_string()).await
    }

    async fn post_as(&self, key: &str, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, key, body.to_string()).await
    }
}

fn identity(name: &str) -> Value {
    json!({ "name": name, "public_key": PUBLIC_KEY })
}

fn node(farm: &str) -> Value {
    json!({ "farm_id": farm, "capacity": { "cu": "100" } })
}

/// An answer without the id that was asked for and the request's own.
fn but_for_ids(answer: &Answer, asked: &str) -> Value {
    let body = but(answer.body.clone(), json!({ "request_id": null, "instance": null }));
    serde_json::from_str(&body.to_string().replace(asked, "ID")).unwrap()
}

on_both_databases! {
    async fn two_tenants_call_their_farms_by_the_same_number(database: &TestStore) {
        let rig = Rig::grid(database, 2).await;
        let (ours, acme) = (rig.key(Role::Explorer).await, rig.key_of(Role::Explorer, Some("acme")).await);
        rig.put_as(&acme, "/v1/farms/1", &farm(9)).await.is_problem(
            422,
            "unknown_identity",
            Some("owner_id"),
        );
        for id in [7, 11] {
            rig.put_as(&acme, &format!("/v1/identities/{id}"), &identity("theirs")).await.is(201);
        }
        let theirs = rig.put_as(&acme, "/v1/farms/1", &farm(9)).await.is(201).body;
        assert_eq!((&theirs["tenant"], &theirs["id"]), (&json!("acme"), &json!("1")));
        rig.put_as(&acme, "/v1/nodes/1", &node("1")).await.is(201);
        assert_eq!(rig.get_as(&ours, "/v1/farms/1").await.is(200).body["name"], "farm 1");
        assert_eq!(rig.get_as(&acme, "/v1/farms/1").await.is(200).body["name"], "farm 9");
        for (list, own) in [("farms", vec!["1"]), ("nodes", vec!["1"]), ("identities", vec!["7", "11"])] {
            assert_eq!(rig.ids(&acme, &format!("/v1/{list}")).await, own, "{list}");
        }
        // Each pays at the address of its own farm.
        for (key, paid) in [(&ours, 1), (&acme, 9)] {
            let opened = rig.post_as(key, "/v1/reservations", &order(&["1"])).await.is(201).body;
            let legs = opened["payment_options"][0]["legs"].as_array().unwrap();
            let farmer = legs.iter().find(|leg| leg["recipient"] == "farmer").unwrap();
            assert_eq!(farmer["to"], account(paid).to_string());
        }
    }

    async fn what_belongs_to_another_tenant_is_as_unknown(database: &TestStore) {
        let rig = Rig::grid(database, 2).await;
        let ours = rig.key(Role::Explorer).await;
        let opened = rig.post_as(&ours, "/v1/reservations", &order(&["1"])).await.is(201).text("id");
        for role in [Role::Explorer, Role::Farmer, Role::Node] {
            let (theirs, mine) = (rig.key_of(role, Some("acme")).await, rig.key(role).await);
            for (path, id) in [("farms", "1"), ("nodes", "1"), ("identities", "7"), ("reservations", &opened)]
            {
                let known = rig.get_as(&mine, &format!("/v1/{path}/{id}")).await;
                let foreign = rig.get_as(&theirs, &format!("/v1/{path}/{id}")).await;
                if known.status == 403 {
                    foreign.is_problem(403, "forbidden", None);
                    continue;
                }
                known.is(200);
                foreign.is_problem(404, "not_found", None);
                let unknown = rig.get_as(&theirs, &format!("/v1/{path}/{NOBODYS}")).await;
                assert_eq!(but_for_ids(&foreign, id), but_for_ids(&unknown, NOBODYS), "{role:?} {path}");
            }
        }
        let theirs = rig.key_of(Role::Explorer, Some("acme")).await;
        let payments = format!("/v1/reservations/{opened}/payments");
        rig.get_as(&theirs, &payments).await.is_problem(404, "not_found", None);
        let cancel = format!("/v1/reservations/{opened}/cancel");
        rig.post_as(&theirs, &cancel, &json!({})).await.is_problem(404, "not_found", None);
        assert_eq!(rig.get(&format!("/v1/reservations/{opened}")).await.body["state"], "awaiting_payment");
        let extension = json!({ "customer_id": "7", "pool_id": opened, "duration_seconds": 86_400 });
        rig.put_as(&theirs, "/v1/identities/7", &identity("theirs")).await.is(201);
        rig.post_as(&theirs, "/v1/reservations", &extension).await.is_problem(
            422,
            "unknown_pool",
            Some("pool_id"),
        );
        let on_ours = rig.post_as(&theirs, "/v1/reservations", &order(&["1"])).await;
        on_ours.is_problem(422, "unknown_node", Some("nodes[0]"));
        let of_ours = rig.put_as(&theirs, "/v1/nodes/5", &node("1")).await;
        of_ours.is_problem(422, "unknown_farm", Some("farm_id"));
        for list in ["farms", "nodes", "reservations", "pools", "events"] {
            assert_eq!(rig.ids(&theirs, &format!("/v1/{list}")).await, [""; 0], "{list}");
            let named = rig.get_as(&theirs, &format!("/v1/{list}?tenant=default")).await;
            named.is_problem(404, "not_found", Some("tenant"));
        }
    }

    async fn pools_and_events_are_shown_to_their_tenant(database: &TestStore) {
        let rig = Rig::grid(database, 2).await;
        let (ours, acme) = (rig.key(Role::Explorer).await, rig.key_of(Role::Explorer, Some("acme")).await);
        let first = rig.post_as(&ours, "/v1/reservations", &order(&["1"])).await.is(201).text("id");
        for id in [7, 11] {
            rig.put_as(&acme, &format!("/v1/identities/{id}"), &identity("theirs")).await.is(201);
        }
        rig.put_as(&acme, "/v1/farms/1", &farm(9)).await.is(201);
        rig.put_as(&acme, "/v1/nodes/1", &node("1")).await.is(201);
        let second = rig.post_as(&acme, "/v1/reservations", &order(&["1"])).await.is(201).text("id");
        for (key, own) in [(&ours, &first), (&acme, &second)] {
            assert_eq!(rig.ids(key, "/v1/reservations?customer_id=7").await, [own.as_str()]);
            assert_eq!(rig.ids(key, "/v1/reservations?state=awaiting_payment").await, [own.as_str()]);
            let told = rig.get_as(key, "/v1/events").await.is(200).body;
            let about = told["items"].as_array().unwrap().iter().map(|event| &event["reservation_id"]);
            let about: Vec<_> = about.collect();
            assert_eq!(about, [own.as_str(); 2], "{told}");
            let after = told["items"][0]["cursor"].as_str().unwrap();
            assert_eq!(rig.ids(key, &format!("/v1/events?cursor={after}")).await.len(), 1);
        }
    }

    async fn operators_and_auditors_see_all_and_name_the_tenant_of_a_thing(database: &TestStore) {
        let rig = Rig::grid(database, 2).await;
        let acme = rig.key_of(Role::Explorer, Some("acme")).await;
        for id in [7, 11] {
            rig.put_as(&acme, &format!("/v1/identities/{id}"), &identity("theirs")).await.is(201);
        }
        rig.put("/v1/farms/1?tenant=acme", farm(9)).await.is(201);
        rig.put("/v1/nodes/1?tenant=acme", node("1")).await.is(201);
        rig.put("/v1/farms/1?tenant=acne", farm(9)).await.is_problem(404, "not_found", Some("tenant"));
        rig.put("/v1/farms/1?tenant=Acme", farm(9)).await.is_problem(400, "invalid_value", Some("tenant"));
        let ours = rig.order(order(&["1"])).await.is(201).text("id");
        let theirs = rig.post_as(&acme, "/v1/reservations", &order(&["1"])).await.is(201).text("id");
        let auditor = rig.key(Role::Auditor).await;
        for key in [&rig.operator, &auditor] {
            for (tenant, name) in [("acme", "farm 9"), ("default", "farm 1")] {
                let found = rig.get_as(key, &format!("/v1/farms/1?tenant={tenant}")).await.is(200).body;
                assert_eq!((&found["tenant"], &found["name"]), (&json!(tenant), &json!(name)));
            }
            assert_eq!(rig.get_as(key, "/v1/farms/1").await.is(200).body["name"], "farm 1");
            assert_eq!(rig.ids(key, "/v1/reservations").await, [ours.as_str(), &theirs]);
            assert_eq!(rig.ids(key, "/v1/reservations?tenant=acme").await, [theirs.as_str()]);
            assert_eq!(rig.ids(key, "/v1/reservations?customer_id=7").await, [ours.as_str()]);
            let named = "/v1/reservations?customer_id=7&tenant=acme&state=awaiting_payment";
            assert_eq!(rig.ids(key, named).await, [theirs.as_str()]);
            assert_eq!(
                rig.get_as(key, &format!("/v1/reservations/{theirs}")).await.is(200).body["tenant"],
                "acme"
            );
            assert_eq!(rig.ids(key, "/v1/events").await.len(), 4);
            assert_eq!(rig.ids(key, "/v1/events?tenant=acme").await.len(), 2);
        }
        let told = rig.get_as(&auditor, "/v1/audit?subject=farm:acme/1").await.is(200).body;
        assert_eq!(told["items"].as_array().unwrap().len(), 1);
        assert_eq!(told["items"][0]["subject"], "farm:acme/1");
    }
    async fn one_idempotency_key_names_no_request_for_two_tenants(database: &TestStore) {
        let rig = Rig::grid(database, 2).await;
        rig.key_of(Role::Explorer, Some("acme")).await;
        let ask = async |path: &str| {
            let request = Request::post(path)
                .header(header::AUTHORIZATION, format!("Bearer {}", rig.operator))
                .header(header::CONTENT_TYPE, "application/json")
                .header("Idempotency-Key", "one")
                .body(Body::from(order(&["1"]).to_string()));
            rig.send(request.unwrap()).await
        };
        let first = ask("/v1/reservations").await.is(201).text("id");
        assert_eq!(ask("/v1/reservations?tenant=default").await.is(201).text("id"), first);
        let other = ask("/v1/reservations?tenant=acme").await;
        assert_eq!(
            (other.status, other.body["field"].as_str()),
            (422, Some("Idempotency-Key")),
            "{}",
            other.body
        );
    }
}
