use axum::body::Body;
use axum::http::{Method, Request};
use farmgate::access::{AccessError, authenticate, create_key, list_keys, revoke_key};
use farmgate::domain::tenant::Tenant;
use farmgate::ports::store::Role;
use serde_json::json;

use crate::rig::{PUBLIC_KEY, Rig, account, order};
use crate::support::on_both_databases;

/// A record that nobody can read, and a claimable balance, which are not there.
const RECORD: &str = "/v1/dead-letters/unreadable_record:\
                      GBOVQKJYHXRR3DX6NOX2RRYFRCUMSADGDESTDNBDS6CDVLGVESRTAC47-00/dismissal";
const BALANCE: &str =
    "/v1/claimable-balances/00000000c9f13f02f8e87c53ae557554869a0b749778de648ddb0cc1c0ba3d5b08be8d76/return";

on_both_databases! {
    async fn a_key_works_until_it_is_revoked(database: &TestStore) {
        let rig = Rig::bare(database).await;
        let secret = rig.key(Role::Auditor).await;
        rig.call(Method::GET, "/v1/farms", &secret, Body::empty()).await.is(200);
        let mut tx = rig.store.begin().await.unwrap();
        let caller = authenticate(&mut *tx, &secret).await.unwrap();
        assert_eq!(caller.role, Role::Auditor);
        revoke_key(&mut *tx, &rig.decider(), caller.key).await.unwrap();
        let again = revoke_key(&mut *tx, &rig.decider(), caller.key).await;
        assert!(matches!(again, Err(AccessError::NotRevocable(_))));
        let keys = list_keys(&mut *tx).await.unwrap();
        assert_eq!(keys.iter().filter(|key| key.revoked_at.is_some()).count(), 1);
        assert_eq!(keys.len(), 2);
        tx.commit().await.unwrap();
        let refused = rig.call(Method::GET, "/v1/farms", &secret, Body::empty()).await;
        refused.is_problem(401, "unauthorized", None);
        assert!(refused.headers.contains_key("www-authenticate"));
    }

    async fn two_keys_in_use_never_share_a_name(database: &TestStore) {
        let rig = Rig::bare(database).await;
        let mut tx = rig.store.begin().await.unwrap();
        let decider = rig.decider();
        let first = create_key(&mut *tx, &decider, "ci", Role::Explorer, None).await.unwrap();
        revoke_key(&mut *tx, &decider, first.key.id).await.unwrap();
        create_key(&mut *tx, &decider, "ci", Role::Explorer, None).await.unwrap();
        let third = create_key(&mut *tx, &decider, "ci", Role::Explorer, None).await;
        assert!(matches!(third, Err(AccessError::NameTaken)));
        let nameless = create_key(&mut *tx, &decider, "", Role::Explorer, None).await;
        assert!(matches!(nameless, Err(AccessError::Name)));
    }

    async fn a_key_is_of_a_tenant_or_of_the_installation(database: &TestStore) {
        let rig = Rig::bare(database).await;
        let mut tx = rig.store.begin().await.unwrap();
        let (decider, acme) = (rig.decider(), "acme".parse::<Tenant>().unwrap());
        for (number, role) in Role::ALL.into_iter().enumerate() {
            let named = create_key(&mut *tx, &decider, &format!("a{number}"), role, Some(acme.clone())).await;
            let unnamed = create_key(&mut *tx, &decider, &format!("b{number}"), role, None).await.unwrap();
            if role.is_of_a_tenant() {
                assert_eq!(named.unwrap().key.tenant.as_ref(), Some(&acme));
                assert_eq!(unnamed.key.tenant, Some(Tenant::default()));
            } else {
                assert!(matches!(named, Err(AccessError::OfNoTenant(of)) if of == role));
                assert_eq!(unnamed.key.tenant, None);
            }
        }
        assert_eq!(tx.tenants(9).await.unwrap(), [acme, Tenant::default()]);
    }

    async fn each_role_does_its_own_and_no_more(database: &TestStore) {
        let rig = Rig::grid(database, 5).await;
        for (role, catalog, writes, opens, reads, pools, events, money, resolves) in [
            (Role::Explorer, 200, 200, 201, 200, 200, 200, 403, 403),
            (Role::Operator, 200, 200, 201, 200, 200, 200, 200, 404),
            (Role::Auditor, 200, 403, 403, 200, 200, 200, 200, 403),
            (Role::Farmer, 200, 403, 403, 200, 403, 403, 403, 403),
            (Role::Node, 200, 403, 403, 403, 200, 403, 403, 403),
            (Role::Rates, 200, 403, 403, 403, 403, 403, 403, 403),
        ] {
            let key = rig.key(role).await;
            let identity = json!({ "name": "Ada", "public_key": PUBLIC_KEY }).to_string();
            let order = order(&["1"]).to_string();
            for (method, path, body, expected) in [
                (Method::GET, "/v1/farms/1", String::new(), catalog),
                (Method::PUT, "/v1/identities/7", identity, writes),
                (Method::POST, "/v1/reservations", order, opens),
                (Method::GET, "/v1/reservations", String::new(), reads),
                (Method::GET, "/v1/pools", String::new(), pools),
                (Method::GET, "/v1/events", String::new(), events),
                (Method::GET, "/v1/payments", String::new(), money),
                (Method::GET, "/v1/claimable-balances", String::new(), money),
                (Method::GET, "/v1/liabilities", String::new(), money),
                (Method::GET, "/v1/dead-letters", String::new(), money),
                (Method::POST, RECORD, json!({ "note": "seen" }).to_string(), resolves),
                (Method::POST, BALANCE, json!({ "address": account(9) }).to_string(), resolves),
                (
                    Method::POST,
                    "/v1/payments/5-0/return",
                    json!({ "address": account(9) }).to_string(),
                    resolves,
                ),
                (
                    Method::POST,
                    "/v1/reservations/5/resolution",
                    json!({ "decision": "settle" }).to_string(),
                    resolves,
                ),
            ] {
                let answer = rig.call(method.clone(), path, &key, body).await;
                assert_eq!(answer.status, expected, "{role:?} {method} {path}: {}", answer.body);
                if expected == 403 {
                    answer.is_problem(403, "forbidden", None);
                }
            }
        }
    }

    async fn a_secret_that_nobody_has_is_refused(database: &TestStore) {
        let rig = Rig::bare(database).await;
        let unknown = format!("fg_{}", "0".repeat(64));
        for key in [unknown.as_str(), "fg_", &rig.operator.to_uppercase(), &rig.operator[..20]] {
            rig.call(Method::GET, "/v1/farms", key, Body::empty()).await.is_problem(
                401,
                "unauthorized",
                None,
            );
        }
        let request = Request::get("/v1/farms").body(Body::empty()).unwrap();
        rig.send(request).await.is_problem(401, "unauthorized", None);
    }
}
