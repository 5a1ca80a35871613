//! Who is paid changes by a signature at once, and otherwise after a while in which it may be called off.

use axum::http::Method;
use ed25519_dalek::{Signer, SigningKey};
use farmgate::access::Decider;
use farmgate::catalog::put_in_force_if_due;
use farmgate::domain::audit::Actor;
use farmgate::domain::payout_change::PayoutChange;
use farmgate::ports::store::Role;
use serde_json::{Value, json};

use crate::rig::{Answer, PASSPHRASE, PUBLIC_KEY, Rig, account, but, farm, tft};
use crate::support::{TestStore, on_both_databases};

const DELAY_SECONDS: i64 = 172_800;

/// Whose public key is [`PUBLIC_KEY`]: the first test of RFC 8032.
fn owner() -> SigningKey {
    let secret = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let key = SigningKey::from_bytes(&hex::decode(secret).unwrap().try_into().unwrap());
    assert_eq!(hex::encode(key.verifying_key().as_bytes()), PUBLIC_KEY);
    key
}

fn somebody_else() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn public(key: &SigningKey) -> String {
    hex::encode(key.verifying_key().as_bytes())
}

async fn grid(database: &TestStore) -> Rig {
    let rig = Rig::with(database, |state| state.payout_change_delay_seconds = DELAY_SECONDS).await;
    rig.furnish(0).await;
    rig
}

/// Farm 1, paid there.
fn paid_at(number: u8) -> Value {
    but(farm(1), json!({ "payout_addresses": { tft().to_string(): account(number) } }))
}

/// The change that an answer says waits.
fn waiting(answer: Answer) -> Value {
    let body = answer.is(202).body;
    assert_eq!(body["payout_change"]["state"], "waiting");
    body["payout_change"].clone()
}

fn id(change: &Value) -> &str {
    change["id"].as_str().unwrap()
}

async fn post(rig: &Rig, change: &Value, what: &str, body: Value) -> Answer {
    let path = format!("/v1/payout-changes/{}/{what}", id(change));
    rig.call(Method::POST, &path, &rig.operator, body.to_string()).await
}

async fn sign(rig: &Rig, change: &Value, key: &SigningKey, text: &str) -> Answer {
    let signature = hex::encode(key.sign(text.as_bytes()).to_bytes());
    post(rig, change, "signature", json!({ "signature": signature })).await
}

async fn sign_it(rig: &Rig, change: &Value, key: &SigningKey) -> Answer {
    sign(rig, change, key, change["to_sign"].as_str().unwrap()).await
}

/// What the engine does with each tick.
async fn put_due_in_force(rig: &Rig) -> Vec<PayoutChange> {
    let decider = Decider::new(Actor::Engine, rig.clock.clone(), rig.entropy.clone());
    let mut tx = rig.store.begin().await.unwrap();
    let mut done = Vec::new();
    for change in tx.due_payout_changes(decider.now(), 9).await.unwrap().all().unwrap() {
        done.extend(put_in_force_if_due(&mut *tx, &decider, change.id).await.unwrap());
    }
    tx.commit().await.unwrap();
    done
}

/// The types of the events about a thing, and of the decisions about it with who decided.
async fn told(rig: &Rig, subject: &str) -> (Vec<String>, Vec<(String, String)>) {
    let text = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
    let events = rig.get("/v1/events").await.is(200).body;
    let about = |event: &&Value| event["subject"] == subject;
    let events = events["items"].as_array().unwrap().iter().filter(about);
    let audit = rig.get(&format!("/v1/audit?subject={subject}")).await.is(200).body;
    let decisions = audit["items"].as_array().unwrap().iter();
    (
        events.map(|event| text(event, "type")).collect(),
        decisions.map(|entry| (text(entry, "type"), text(entry, "actor"))).collect(),
    )
}

fn texts<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.map(|(one, other)| (one.to_owned(), other.to_owned())).to_vec()
}

async fn paid_now(rig: &Rig) -> Value {
    rig.get("/v1/farms/1").await.is(200).body["payout_addresses"][tft().to_string()].clone()
}

on_both_databases! {
    async fn without_a_signature_a_change_is_told_waits_and_is_done(database: &TestStore) {
        let rig = grid(database).await;
        let change = waiting(rig.put("/v1/farms/1", but(paid_at(9), json!({ "name": "renamed" }))).await);
        assert_eq!(
            (&change["subject"], &change["asked_at"], &change["due_at"]),
            (&json!("farm:1"), &json!("2026-03-01T12:00:00Z"), &json!("2026-03-03T12:00:00Z"))
        );
        assert_eq!(change["before"]["payout_addresses"][tft().to_string()], account(1).to_string());
        assert_eq!(change["after"]["payout_addresses"][tft().to_string()], account(9).to_string());
        assert_eq!(
            rig.get("/v1/farms/1").await.body["name"],
            "renamed",
            "what pays nobody else is so at once"
        );
        assert_eq!(paid_now(&rig).await, account(1).to_string());
        let again = waiting(rig.put("/v1/farms/1", paid_at(9)).await);
        assert_eq!(id(&again), id(&change), "said again it is the same change");
        rig.put("/v1/farms/1", paid_at(8)).await.is_problem(409, "payout_change_waits", None);
        rig.put("/v1/farms/1", farm(1)).await.is(200);
        let listed = rig.get("/v1/payout-changes?waiting=true").await.is(200).body;
        assert_eq!(listed["items"], json!([change]));
        rig.pass(DELAY_SECONDS - 1);
        assert_eq!(put_due_in_force(&rig).await, []);
        rig.pass(1);
        assert_eq!(put_due_in_force(&rig).await.len(), 1);
        assert_eq!(put_due_in_force(&rig).await, [], "once");
        assert_eq!(paid_now(&rig).await, account(9).to_string());
        let found = rig.get(&format!("/v1/payout-changes/{}", id(&change))).await.is(200).body;
        assert_eq!(
            (&found["state"], &found["ended_at"], found.get("to_sign"), found.get("signed_by_id")),
            (&json!("in_force"), &json!("2026-03-03T12:00:00Z"), None, None)
        );
        let reason = json!({ "reason": "too late" });
        post(&rig, &change, "call-off", reason).await.is_problem(409, "payout_change_ended", None);
        let (events, decisions) = told(&rig, "farm:1").await;
        assert_eq!(events, ["payout_change.asked", "payout_change.in_force"]);
        let story = [
            ("farm.described", "api_key"),
            ("payout_change.asked", "api_key"),
            ("payout_change.in_force", "engine"),
        ];
        assert_eq!(decisions, texts(story));
    }

    async fn a_change_that_is_called_off_is_never_in_force(database: &TestStore) {
        let rig = grid(database).await;
        let change = waiting(rig.put("/v1/farms/1", paid_at(9)).await);
        post(&rig, &change, "call-off", json!({ "reason": " " })).await.is_problem(
            400,
            "invalid_value",
            Some("reason"),
        );
        let reason = json!({ "reason": "nobody here asked for it" });
        let called_off = post(&rig, &change, "call-off", reason.clone()).await.is(200).body;
        assert_eq!(called_off["state"], "called_off");
        post(&rig, &change, "call-off", reason.clone()).await.is_problem(409, "payout_change_ended", None);
        sign_it(&rig, &change, &owner()).await.is_problem(409, "payout_change_ended", None);
        rig.pass(DELAY_SECONDS);
        assert_eq!(put_due_in_force(&rig).await, []);
        assert_eq!(paid_now(&rig).await, account(1).to_string());
        let (events, _) = told(&rig, "farm:1").await;
        assert_eq!(events, ["payout_change.asked", "payout_change.called_off"]);
        let audit = rig.get("/v1/audit?subject=farm:1").await.body;
        assert_eq!(audit["items"][2]["reason"], reason["reason"]);
        assert_eq!(audit["items"][2]["payout_change_id"], change["id"]);
        waiting(rig.put("/v1/farms/1", paid_at(8)).await);
    }

    async fn by_its_owners_signature_a_change_is_in_force_at_once(database: &TestStore) {
        let rig = grid(database).await;
        let change = waiting(rig.put("/v1/farms/1", paid_at(9)).await);
        let text = change["to_sign"].as_str().unwrap();
        assert!(text.contains(PASSPHRASE) && text.contains(id(&change)), "{text}");
        let invalid = |answer: Answer| answer.is_problem(422, "signature_invalid", Some("signature"));
        invalid(sign_it(&rig, &change, &somebody_else()).await);
        let of_another_network = text.replace(PASSPHRASE, "Public Global Stellar Network ; September 2015");
        invalid(sign(&rig, &change, &owner(), &of_another_network).await);
        post(&rig, &change, "signature", json!({ "signature": "00" })).await.is_problem(
            400,
            "invalid_value",
            Some("signature"),
        );
        let signed = sign_it(&rig, &change, &owner()).await.is(200).body;
        assert_eq!((&signed["state"], &signed["signed_by_id"]), (&json!("in_force"), &json!("11")));
        assert_eq!(paid_now(&rig).await, account(9).to_string());
        sign_it(&rig, &change, &owner()).await.is_problem(409, "payout_change_ended", None);
        // The same change once more is another one: the signature is good for the first alone.
        let back = waiting(rig.put("/v1/farms/1", farm(1)).await);
        sign_it(&rig, &back, &owner()).await.is(200);
        let again = waiting(rig.put("/v1/farms/1", paid_at(9)).await);
        invalid(sign(&rig, &again, &owner(), text).await);
        assert_eq!(paid_now(&rig).await, account(1).to_string());
        let (_, decisions) = told(&rig, "farm:1").await;
        assert_eq!(decisions[2], ("payout_change.in_force".to_owned(), "signer".to_owned()));
        let audit = rig.get("/v1/audit?subject=farm:1").await.body;
        assert_eq!(audit["items"][2]["signer"], "identity:11");
    }

    async fn a_key_is_replaced_by_its_own_signature_and_signs_nothing_afterwards(database: &TestStore) {
        let rig = grid(database).await;
        let described = json!({ "name": "Ada", "public_key": public(&somebody_else()) });
        let change = waiting(rig.put("/v1/identities/11", described).await);
        assert_eq!(change["before"], json!({ "public_key": PUBLIC_KEY }));
        sign_it(&rig, &change, &somebody_else()).await.is_problem(
            422,
            "signature_invalid",
            Some("signature"),
        );
        sign_it(&rig, &change, &owner()).await.is(200);
        let found = rig.get("/v1/identities/11").await.is(200).body;
        assert_eq!((&found["name"], &found["public_key"]), (&json!("Ada"), &json!(public(&somebody_else()))));
        let change = waiting(rig.put("/v1/farms/1", paid_at(9)).await);
        sign_it(&rig, &change, &owner()).await.is_problem(422, "signature_invalid", Some("signature"));
        sign_it(&rig, &change, &somebody_else()).await.is(200);
    }

    async fn a_node_goes_to_another_farm_by_the_signature_of_its_farms_owner(database: &TestStore) {
        let rig = grid(database).await;
        let described = json!({ "farm_id": "2", "capacity": { "cu": "7" } });
        let change = waiting(rig.put("/v1/nodes/1", described).await);
        let node = rig.get("/v1/nodes/1").await.is(200).body;
        assert_eq!((&node["farm_id"], &node["capacity"]["cu"]), (&json!("1"), &json!("7")));
        assert_eq!(change["to_sign"].as_str().unwrap().lines().last(), Some("farm: 1 -> 2"));
        sign_it(&rig, &change, &owner()).await.is(200);
        let node = rig.get("/v1/nodes/1").await.is(200).body;
        assert_eq!((&node["farm_id"], &node["capacity"]["cu"]), (&json!("2"), &json!("7")));
    }

    async fn what_pays_nobody_else_is_so_at_once(database: &TestStore) {
        let rig = grid(database).await;
        rig.put("/v1/farms/3", farm(3)).await.is(201);
        rig.put("/v1/farms/1", but(farm(1), json!({ "payout_addresses": {} }))).await.is(200);
        let further = waiting(rig.put("/v1/farms/1", farm(1)).await);
        assert_eq!(further["before"]["payout_addresses"], json!({}));
        // While one waits nothing else of the kind is taken, or it would come back with it.
        for changes in [json!({ "distribution": "grid2" }), json!({ "owner_id": "7" })] {
            rig.put("/v1/farms/1", but(farm(1), changes)).await.is_problem(409, "payout_change_waits", None);
        }
        for changes in [json!({ "distribution": "grid2" }), json!({ "owner_id": "7" })] {
            waiting(rig.put("/v1/farms/2", but(farm(2), changes)).await);
            let listed = rig.get("/v1/payout-changes?waiting=true").await.is(200).body;
            let of_farm = listed["items"].as_array().unwrap().iter().find(|one| one["subject"] == "farm:2");
            post(&rig, of_farm.unwrap(), "call-off", json!({ "reason": "tried" })).await.is(200);
        }
    }

    async fn a_change_of_another_tenants_thing_is_unknown(database: &TestStore) {
        let rig = grid(database).await;
        let change = waiting(rig.put("/v1/farms/1", paid_at(9)).await);
        let foreign = rig.key_of(Role::Explorer, Some("acme")).await;
        let path = format!("/v1/payout-changes/{}", id(&change));
        rig.call(Method::GET, &path, &foreign, "").await.is_problem(404, "not_found", None);
        let signature = hex::encode(owner().sign(change["to_sign"].as_str().unwrap().as_bytes()).to_bytes());
        for (what, body) in
            [("signature", json!({ "signature": signature })), ("call-off", json!({ "reason": "mine" }))]
        {
            let path = format!("{path}/{what}");
            rig.call(Method::POST, &path, &foreign, body.to_string()).await.is_problem(
                404,
                "not_found",
                None,
            );
        }
        let listed = rig.call(Method::GET, "/v1/payout-changes", &foreign, "").await.is(200).body;
        assert_eq!(listed["items"], json!([]));
        let events = rig.call(Method::GET, "/v1/events", &foreign, "").await.is(200).body;
        assert_eq!(events["items"], json!([]));
        rig.get("/v1/payout-changes/1").await.is_problem(404, "not_found", None);
        rig.get("/v1/payout-changes/x").await.is_problem(400, "invalid_value", Some("id"));
    }

    async fn a_change_of_what_is_not_as_it_was_is_called_off_when_it_is_due(database: &TestStore) {
        let rig = grid(database).await;
        let change = waiting(rig.put("/v1/farms/1", paid_at(9)).await);
        let mut tx = rig.store.begin().await.unwrap();
        let mut known = tx.farm(&Default::default(), "1".parse().unwrap()).await.unwrap().unwrap();
        known.payout_addresses.clear();
        let _ = tx.put_farm(&known).await.unwrap();
        tx.commit().await.unwrap();
        sign_it(&rig, &change, &owner()).await.is_problem(409, "payout_change_overtaken", None);
        rig.pass(DELAY_SECONDS);
        assert_eq!(put_due_in_force(&rig).await[0].state.name(), "called_off");
        let audit = rig.get("/v1/audit?subject=farm:1").await.body;
        let last = audit["items"].as_array().unwrap().last().unwrap();
        assert_eq!((&last["type"], &last["actor"]), (&json!("payout_change.called_off"), &json!("engine")));
        assert!(last["reason"].as_str().unwrap().contains("not as it was"), "{last}");
    }
}
