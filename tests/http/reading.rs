use std::sync::Arc;

use farmgate::domain::ids::{
    IdentityId, LedgerSeq, NodeId, OperationId, ReservationId, SubmissionId, TxHash,
};
use farmgate::domain::money::Stroops;
use farmgate::domain::payment::{Attribution, Memo, Payment, PaymentId, PaymentKind};
use farmgate::domain::pool::{Credit, Pool};
use farmgate::domain::tenant::Tenant;
use farmgate::domain::transfer::{Purpose, Submission, SubmissionState};
use farmgate::domain::units::{CloudUnits, MilliUnits};
use farmgate::ports::clock::Clock;
use farmgate::ports::store::{EngineStatus, StoredPayment};
use jiff::{SignedDuration, Timestamp};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::json;

use crate::rig::{HOLDER, Rig, account, but, order, tft};
use crate::support::on_both_databases;

/// Stores the pool that the reservation would have paid for, on node 1.
async fn settle(rig: &Rig, reservation: &str, free_only: bool) {
    let credit = Credit {
        reservation: reservation.parse().unwrap(),
        nodes: vec![NodeId::new(if free_only { 2 } else { 1 }).unwrap()],
        units: CloudUnits { cu: MilliUnits::new(1_000).unwrap(), ..CloudUnits::default() },
        seconds: 10_000,
        free_only,
        at: rig.clock.now(),
    };
    let mut tx = rig.store.begin().await.unwrap();
    tx.insert_pool(&Pool::create(Tenant::default(), IdentityId::new(7).unwrap(), credit).unwrap())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// A transaction of a payment, on its way.
fn sent() -> Submission {
    Submission {
        id: SubmissionId::new(5).unwrap(),
        channel: account(60),
        sequence: 11,
        hash: TxHash([5; 32]),
        envelope: "AAAA".to_owned(),
        max_time: Timestamp::UNIX_EPOCH,
        purpose: Purpose::Reclaim { claimables: Vec::new() },
        state: SubmissionState::Live,
        attempts: 0,
        last_answer: None,
        created_at: Timestamp::UNIX_EPOCH,
    }
}

on_both_databases! {
    async fn a_list_shows_what_can_be_read_and_names_the_rest(database: &TestStore) {
        let rig = Rig::grid(database, 4).await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(rig.order(order(&["1"])).await.is(201).text("id"));
        }
        let bad = &ids[1];
        database.tamper(&format!("UPDATE reservations SET quote_facts = '{{}}' WHERE id = {bad}")).await;
        let page = rig.get("/v1/reservations").await.is(200).body;
        let items: Vec<&str> =
            page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
        assert_eq!(items, [&ids[0], &ids[2]]);
        let row = json!({ "table": "reservations", "column": "quote_facts", "key": format!("id {bad}") });
        assert_eq!(page["unreadable"], json!([row]));
        // Page by page it is passed, too, and the list goes on after it.
        let page = rig.get("/v1/reservations?limit=2").await.is(200).body;
        assert_eq!((&page["next_cursor"], &page["unreadable"]), (&json!(bad), &json!([row])));
        let page = rig.get(&format!("/v1/reservations?limit=2&cursor={bad}")).await.is(200).body;
        assert_eq!((&page["items"][0]["id"], page.get("unreadable")), (&json!(ids[2]), None));
        let letter = rig.get("/v1/dead-letters").await.is(200).body["items"][0].clone();
        assert_eq!((&letter["kind"], &letter["row"]), (&json!("unreadable_row"), &row));
        rig.get(&format!("/v1/reservations/{}", ids[0])).await.is(200);
        rig.get(&format!("/v1/reservations/{bad}")).await.is_problem(500, "internal", None);
        database.tamper("UPDATE farms SET distribution_facts = '{}' WHERE id = 2").await;
        let farms = rig.get("/v1/farms").await.is(200).body;
        assert_eq!(
            (&farms["items"][0]["id"], &farms["unreadable"][0]["key"]),
            (&json!("1"), &json!("tenant default, id 2"))
        );
        // An order on the other farm's node goes its way.
        rig.order(order(&["1"])).await.is(201);
    }

    async fn the_root_leads_to_the_documentation(database: &TestStore) {
        let rig = Rig::bare(database).await;
        let answer = rig.get("/").await.is(307);
        assert_eq!(answer.headers["location"], "/docs");
        let docs = answer.headers["location"].to_str().unwrap();
        let docs = rig.get(docs).await;
        assert!(docs.status < 400, "{} leads on to {:?}", docs.status, docs.headers.get("location"));
    }

    async fn reservations_are_listed_by_state_and_customer(database: &TestStore) {
        let rig = Rig::grid(database, 3).await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(rig.order(order(&["1"])).await.is(201).text("id"));
            rig.pass(1);
        }
        let page =
            rig.get("/v1/reservations?limit=2&state=awaiting_payment&customer_id=7").await.is(200).body;
        assert_eq!(
            (page["items"][0]["id"].as_str(), page["next_cursor"].as_str()),
            (Some(ids[0].as_str()), Some(ids[1].as_str()))
        );
        let rest = rig.get(&format!("/v1/reservations?limit=2&cursor={}", ids[1])).await.is(200).body;
        assert_eq!(
            (rest["items"][0]["id"].as_str(), &rest["next_cursor"]),
            (Some(ids[2].as_str()), &json!(null))
        );
        assert_eq!(rig.get("/v1/reservations?state=settled").await.is(200).body["items"], json!([]));
        assert_eq!(rig.get("/v1/reservations?customer_id=11").await.is(200).body["items"], json!([]));
    }

    async fn payments_of_a_reservation_are_shown(database: &TestStore) {
        let rig = Rig::grid(database, 1).await;
        let id = rig.order(order(&["1"])).await.is(201).text("id");
        let payment = Payment {
            id: PaymentId { operation: OperationId::from_parts(LedgerSeq(9), 1, 1), change: 0 },
            kind: PaymentKind::Payment,
            to: account(150),
            to_muxed_id: None,
            from: Some(account(77).into()),
            asset: tft(),
            amount: Stroops::from_units(250),
            transaction: TxHash([3; 32]),
            ledger: LedgerSeq(9),
            closed_at: rig.clock.now(),
            memo: Memo::Text(format!("p-{id}")),
        };
        let reservation: ReservationId = id.parse().unwrap();
        let stored =
            StoredPayment { payment, reservation: Some(reservation), attribution: Attribution::Counted };
        let mut tx = rig.store.begin().await.unwrap();
        let _ = tx.insert_payment(&stored).await.unwrap();
        tx.commit().await.unwrap();
        let page = rig.get(&format!("/v1/reservations/{id}/payments")).await.is(200).body;
        assert_eq!(page["items"].as_array().unwrap().len(), 1);
        let shown = &page["items"][0];
        assert_eq!((&shown["amount"], &shown["attribution"]), (&json!("250"), &json!("counted")));
        assert_eq!(
            (&shown["from"], &shown["id"]),
            (&json!(account(77).to_string()), &json!("38654709761-0"))
        );
        assert_eq!(page["next_cursor"], json!(null));
        assert_eq!(
            rig.get(&format!("/v1/reservations/{id}/payments?cursor=38654709761-0")).await.body["items"],
            json!([])
        );
    }

    async fn a_pool_shows_what_it_has_now_and_until_when(database: &TestStore) {
        let rig = Rig::grid(database, 1).await;
        let id = rig.order(order(&["1"])).await.is(201).text("id");
        settle(&rig, &id, false).await;
        let pool = rig.get(&format!("/v1/pools/{id}")).await.is(200).body;
        assert_eq!(
            (&pool["units"]["cu"], &pool["expires_at"]),
            (&json!("1"), &json!("2026-03-01T14:46:40Z"))
        );
        assert_eq!((&pool["nodes"], &pool["grants"][0]["reservation_id"]), (&json!(["1"]), &json!(id)));
        assert_eq!(rig.get("/v1/pools?node_id=1&customer_id=7").await.body["items"], json!([pool]));
        assert_eq!(rig.get("/v1/pools?node_id=3").await.body["items"], json!([]));
        rig.pass(10_000);
        assert_eq!(rig.get(&format!("/v1/pools/{id}")).await.is(200).body["units"]["cu"], "0");
    }

    async fn a_pool_is_extended_in_time_or_in_capacity(database: &TestStore) {
        let rig = Rig::grid(database, 4).await;
        let id = rig.order(order(&["1"])).await.is(201).text("id");
        settle(&rig, &id, false).await;
        let extension = json!({ "customer_id": "7", "pool_id": id });
        let longer = but(extension.clone(), json!({ "duration_seconds": 86_400 }));
        let time = rig.order(longer.clone()).await.is(201).body;
        assert_eq!(
            (&time["extends"], &time["units"]["cu"]),
            (&json!({ "pool_id": id, "dimension": "time" }), &json!("1"))
        );
        let wider = but(extension.clone(), json!({ "units": { "cu": "2" }, "nodes": ["3"] }));
        let capacity = rig.order(wider.clone()).await.is(201).body;
        assert_eq!((&capacity["duration_seconds"], &capacity["nodes"]), (&json!(10_000), &json!(["1", "3"])));
        assert_eq!(capacity["extends"]["until"], "2026-03-01T14:46:40Z");
        rig.order(extension).await.is_problem(422, "nothing_to_extend", Some("pool_id"));
        let both = but(longer.clone(), json!({ "units": { "cu": "1" } }));
        rig.order(both).await.is_problem(422, "units_and_duration", Some("units"));
        let stranger = but(longer, json!({ "customer_id": "11" }));
        rig.order(stranger).await.is_problem(422, "unknown_pool", Some("pool_id"));
        rig.pass(6_341);
        rig.order(wider).await.is_problem(422, "pool_ends_too_soon", Some("pool_id"));
    }

    async fn a_pool_of_play_money_takes_free_nodes_only(database: &TestStore) {
        let rig = Rig::grid(database, 3).await;
        let id = rig.order(order(&["2"])).await.is(201).text("id");
        settle(&rig, &id, true).await;
        let longer = json!({ "customer_id": "7", "pool_id": id, "duration_seconds": 86_400 });
        let paid = but(longer.clone(), json!({ "nodes": ["1"] }));
        rig.order(paid).await.is_problem(422, "paid_node_in_free_pool", Some("nodes"));
        rig.order(longer).await.is(201);
    }

    async fn readiness_follows_the_engines_report(database: &TestStore) {
        let rig = Rig::bare(database).await;
        rig.get("/readyz").await.is_problem(503, "not_ready", None);
        let mut status = EngineStatus {
            ticked_at: rig.clock.now(),
            ledger: LedgerSeq(12),
            ledger_closed_at: rig.clock.now(),
            swept_at: None,
            trouble: None,
            stream_away_since: None,
            builds_nothing_before: None,
            stopped: None,
            server: None,
            left_alone: None,
        };
        let report = async |status: &EngineStatus| {
            let mut tx = rig.store.begin().await.unwrap();
            tx.report(status).await.unwrap();
            tx.commit().await.unwrap();
        };
        report(&status).await;
        let ready = rig.get("/readyz").await.is(200).body;
        let expected = json!({
            "status": "ready", "ledger": 12, "ledger_age_seconds": 0, "tick_age_seconds": 0,
            "lease_token": 0, "leads": false,
        });
        assert_eq!(ready, expected);
        status.trouble = Some("Horizon is unavailable".to_owned());
        report(&status).await;
        let troubled = rig.get("/readyz").await;
        troubled.is_problem(503, "not_ready", None);
        assert_eq!(troubled.body["reasons"], json!(["engine_trouble: Horizon is unavailable"]));
        rig.pass(61);
        assert_eq!(rig.get("/readyz").await.body["reasons"].as_array().unwrap().len(), 3);
    }

    async fn metrics_tell_the_ages_and_who_leads(database: &TestStore) {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let _counting = metrics::set_default_local_recorder(&recorder);
        let rig = Rig::with(database, |state| state.metrics = Arc::new(move || handle.render())).await;
        let (now, early) = (rig.clock.now(), rig.clock.now() - SignedDuration::from_secs(40));
        let status = EngineStatus {
            ticked_at: now - SignedDuration::from_secs(7),
            ledger: LedgerSeq(12),
            ledger_closed_at: now - SignedDuration::from_secs(9),
            swept_at: None,
            trouble: None,
            stream_away_since: Some(now - SignedDuration::from_secs(30)),
            builds_nothing_before: None,
            stopped: None,
            server: None,
            left_alone: None,
        };
        let mut tx = rig.store.begin().await.unwrap();
        tx.report(&status).await.unwrap();
        let free = tx.lease().await.unwrap();
        tx.take_lease(&free, HOLDER, now).await.unwrap().unwrap();
        tx.insert_submission(&Submission { created_at: early, attempts: 1, ..sent() }).await.unwrap();
        tx.commit().await.unwrap();
        rig.get("/metrics").await.is(200);
        let told = recorder.handle().render();
        for line in [
            "farmgate_tick_age_seconds 7",
            "farmgate_ledger_age_seconds 9",
            "farmgate_payment_stream_away_seconds 30",
            "farmgate_oldest_unknown_seconds 40",
            "farmgate_oldest_funded_seconds 0",
            "farmgate_dead_letters{kind=\"unknown_transaction\"} 1",
            "farmgate_dead_letters{kind=\"held_reservation\"} 0",
            "farmgate_engine_leads 1",
            "farmgate_engine_lease_token 1",
        ] {
            assert!(told.lines().any(|told| told == line), "{line} is not in {told}");
        }
    }

    async fn readiness_tells_whose_engine_works_and_what_waits(database: &TestStore) {
        let rig = Rig::bare(database).await;
        let (now, early) = (rig.clock.now(), rig.clock.now() - SignedDuration::from_secs(300));
        let status = EngineStatus {
            ticked_at: now,
            ledger: LedgerSeq(12),
            ledger_closed_at: now,
            swept_at: None,
            trouble: None,
            stream_away_since: Some(early),
            builds_nothing_before: None,
            stopped: None,
            server: None,
            left_alone: None,
        };
        let mut tx = rig.store.begin().await.unwrap();
        tx.report(&status).await.unwrap();
        let free = tx.lease().await.unwrap();
        let other = tx.take_lease(&free, "serve-other", now).await.unwrap().unwrap();
        tx.insert_submission(&Submission { created_at: early, attempts: 1, ..sent() }).await.unwrap();
        tx.commit().await.unwrap();
        let ready = rig.get("/readyz").await.is(200).body;
        let told = [&ready["lease_holder"], &ready["lease_token"], &ready["leads"]];
        assert_eq!(told, [&json!("serve-other"), &json!(1), &json!(false)], "a standby is ready, too");
        assert_eq!(
            (&ready["oldest_unknown_seconds"], &ready["stream_away_seconds"]),
            (&json!(300), &json!(300))
        );
        let mut tx = rig.store.begin().await.unwrap();
        tx.take_lease(&other, HOLDER, now).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        assert_eq!(rig.get("/readyz").await.is(200).body["leads"], json!(true));
        rig.pass(301);
        let mut tx = rig.store.begin().await.unwrap();
        let fresh = rig.clock.now();
        tx.report(&EngineStatus { ticked_at: fresh, ledger_closed_at: fresh, ..status }).await.unwrap();
        tx.commit().await.unwrap();
        let waits = rig.get("/readyz").await;
        waits.is_problem(503, "not_ready", None);
        let reasons = waits.body["reasons"].as_array().unwrap();
        assert_eq!(reasons.len(), 1, "{reasons:?}");
        assert!(reasons[0].as_str().unwrap().starts_with("transaction_unknown: submission 5"), "{reasons:?}");
    }
}
