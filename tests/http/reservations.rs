use std::collections::BTreeSet;

use farmgate::domain::asset::Asset;
use farmgate::domain::ids::{LedgerHash, LedgerSeq};
use farmgate::domain::ledger::{Divergence, Ledger};
use farmgate::ports::clock::Clock;
use farmgate::ports::store::PayoutCheck;
use serde_json::{Value, json};

use crate::rig::{Rig, account, but, currency, farm, order, tft};
use crate::support::on_both_databases;

on_both_databases! {
    async fn an_order_is_answered_with_everything_that_is_needed_to_pay(database: &TestStore) {
        let rig = Rig::grid(database, 1).await;
        let answer = rig.order(order(&["1"])).await.is(201);
        let id = answer.text("id");
        assert_eq!(answer.headers["location"], format!("/v1/reservations/{id}"));
        assert_eq!(answer.body["state"], "awaiting_payment");
        assert_eq!(answer.body["deadline"], "2026-03-01T13:00:00Z");
        let escrow = account(150).to_string();
        assert_eq!(
            answer.body["escrow"],
            json!({
                "address": escrow, "memo": { "type": "text", "value": format!("p-{id}") },
            })
        );
        let options = answer.body["payment_options"].as_array().unwrap();
        assert_eq!(options.len(), 1);
        assert_eq!((&options[0]["asset"], &options[0]["amount"]), (&json!(tft().to_string()), &json!("250")));
        assert_eq!(
            options[0]["sep7_uri"],
            format!(
                "web+stellar:pay?destination={escrow}&amount=250&asset_code=TFT&asset_issuer={}&memo=p-{id}\
                 &memo_type=MEMO_TEXT&network_passphrase=Test%20SDF%20Network%20%3B%20September%202015",
                account(100)
            )
        );
        assert_eq!(options[0]["legs"].as_array().unwrap().len(), 4);
        assert_eq!(options[0]["breakdown"]["usd"], "5/1");
        assert_eq!(rig.get(&format!("/v1/reservations/{id}")).await.is(200).body, answer.body);
        let events = rig.get("/v1/events").await.is(200).body;
        let kinds: Vec<&str> =
            events["items"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["reservation.created", "reservation.changed"]);
        assert_eq!(events["items"][1]["state"], "awaiting_payment");
    }

    async fn a_cursor_of_before_the_database_went_back_is_outdated(database: &TestStore) {
        let rig = Rig::grid(database, 2).await;
        rig.order_once("order-1", &order(&["1"])).await.is(201);
        let all = rig.get("/v1/events").await.is(200).body;
        let cursor = all["items"][0]["cursor"].as_str().unwrap().to_owned();
        let rest = rig.get(&format!("/v1/events?cursor={cursor}")).await.is(200).body;
        assert_eq!(rest["items"], json!([all["items"][1]]));
        let (incarnation, _) = cursor.split_once('-').unwrap();
        let ahead = rig.get(&format!("/v1/events?cursor={incarnation}-3")).await;
        ahead.is_problem(410, "cursor_outdated", Some("cursor"));
        for nonsense in ["1", "-1", "5f3a9c1e", "5f3a9c1e-x", "5f3a9c1-1", "+f3a9c1e-1"] {
            let refused = rig.get(&format!("/v1/events?cursor={nonsense}")).await;
            refused.is_problem(400, "invalid_value", Some("cursor"));
        }
        let mut tx = rig.store.begin().await.unwrap();
        tx.renew_event_incarnation().await.unwrap();
        tx.commit().await.unwrap();
        let outdated = rig.get(&format!("/v1/events?cursor={cursor}")).await;
        outdated.is_problem(410, "cursor_outdated", Some("cursor"));
        let anew = rig.get("/v1/events").await.is(200).body;
        assert_eq!(anew["items"][1]["id"], all["items"][1]["id"]);
        assert_ne!(anew["items"][1]["cursor"], all["items"][1]["cursor"]);
    }

    async fn who_missed_events_that_were_forgotten_is_told(database: &TestStore) {
        let rig = Rig::grid(database, 2).await;
        rig.order_once("order-1", &order(&["1"])).await.is(201);
        rig.pass(60);
        let before = rig.clock.now();
        rig.order_once("order-2", &order(&["1"])).await.is(201);
        let all = rig.get("/v1/events").await.is(200).body;
        let last = |events: &Value| events["items"].as_array().unwrap().last().unwrap()["id"].clone();
        let mut tx = rig.store.begin().await.unwrap();
        assert_eq!(tx.forget_events(before, 100).await.unwrap(), 2);
        tx.commit().await.unwrap();
        let cursor = |place: usize| all["items"][place]["cursor"].as_str().unwrap().to_owned();
        let missed = rig.get(&format!("/v1/events?cursor={}", cursor(0))).await;
        missed.is_problem(410, "events_forgotten", Some("cursor"));
        for path in [format!("/v1/events?cursor={}", cursor(1)), "/v1/events".to_owned()] {
            let kept = rig.get(&path).await.is(200).body;
            assert_eq!(kept["items"][0]["id"], "3");
            assert_eq!(last(&kept), last(&all));
        }
    }

    async fn a_request_whose_answer_was_forgotten_is_another_one(database: &TestStore) {
        let rig = Rig::grid(database, 2).await;
        let first = rig.order_once("order-1", &order(&["1"])).await.is(201);
        rig.pass(60);
        let mut tx = rig.store.begin().await.unwrap();
        assert_eq!(tx.forget_answers(rig.clock.now(), 100).await.unwrap(), 1);
        tx.commit().await.unwrap();
        let again = rig.order_once("order-1", &order(&["1"])).await.is(201);
        assert_ne!(again.body["id"], first.body["id"]);
        assert!(!again.headers.contains_key("idempotency-replayed"));
    }

    async fn the_same_request_is_answered_once_and_the_same(database: &TestStore) {
        let rig = Rig::grid(database, 3).await;
        let first = rig.order_once("order-1", &order(&["1"])).await.is(201);
        rig.pass(60);
        let again = rig.order_once("order-1", &order(&["1"])).await.is(201);
        assert_eq!(again.body, first.body);
        assert_eq!(again.headers["location"], first.headers["location"]);
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert!(!first.headers.contains_key("idempotency-replayed"));
        let other = rig.order_once("order-1", &order(&["3"])).await;
        other.is_problem(422, "idempotency_key_reused", Some("Idempotency-Key"));
        rig.order_once("two words", &order(&["1"])).await.is_problem(
            400,
            "idempotency_key_invalid",
            Some("Idempotency-Key"),
        );
        assert_eq!(rig.get("/v1/reservations").await.body["items"].as_array().unwrap().len(), 1);
    }

    async fn a_header_that_may_stand_once_is_refused_when_it_stands_twice(database: &TestStore) {
        let rig = Rig::grid(database, 3).await;
        let key = "idempotency-key";
        for keys in [["one", "two"], ["two", "one"], ["one", "one"]] {
            let refused = rig.order_with(&[(key, keys[0]), (key, keys[1])], &order(&["1"])).await;
            refused.is_problem(400, "invalid_request", Some(key));
        }
        let types = ("content-type", "application/json");
        rig.order_with(&[types], &order(&["1"])).await.is_problem(400, "invalid_request", Some(types.0));
        let authorized = ("authorization", "Bearer another");
        let refused = rig.order_with(&[authorized], &order(&["1"])).await;
        refused.is_problem(400, "invalid_request", Some(authorized.0));
        assert!(rig.get("/v1/reservations").await.body["items"].as_array().unwrap().is_empty());
        // Lists may.
        rig.order_with(&[("accept", "text/html"), ("accept", "*/*")], &order(&["1"])).await.is(201);
    }

    async fn a_request_sent_many_times_at_once_makes_one_reservation(database: &TestStore) {
        let rig = Rig::grid(database, 6).await;
        let body = order(&["1"]);
        let answers = futures::future::join_all((0..6).map(|_| rig.order_once("same", &body))).await;
        let ids: BTreeSet<String> = answers.into_iter().map(|answer| answer.is(201).text("id")).collect();
        assert_eq!(ids.len(), 1);
        assert_eq!(rig.get("/v1/reservations").await.body["items"].as_array().unwrap().len(), 1);
    }

    async fn a_reservation_is_called_off_once_and_only_before_it_is_funded(database: &TestStore) {
        let rig = Rig::grid(database, 2).await;
        let id = rig.order(order(&["1"])).await.is(201).text("id");
        rig.pass(5);
        let asked = rig.cancel(&id).await.is(202);
        assert_eq!(asked.body["state"], "awaiting_payment", "the ledger decides");
        let at = asked.text("cancel_requested_at");
        rig.pass(5);
        assert_eq!(rig.cancel(&id).await.is(202).text("cancel_requested_at"), at, "the first request stands");
        rig.cancel("77").await.is_problem(404, "not_found", None);
        rig.cancel("x").await.is_problem(400, "invalid_value", Some("id"));
    }

    async fn no_two_reservations_share_an_account(database: &TestStore) {
        let rig = Rig::grid(database, 8).await;
        let answers = futures::future::join_all((0..8).map(|_| rig.order(order(&["1"])))).await;
        let accounts: BTreeSet<String> =
            answers.into_iter().map(|answer| answer.is(201).body["escrow"]["address"].to_string()).collect();
        assert_eq!(accounts.len(), 8);
    }

    async fn without_an_escrow_account_nothing_is_stored(database: &TestStore) {
        let rig = Rig::grid(database, 0).await;
        let refused = rig.order_once("later", &order(&["1"])).await;
        refused.is_problem(503, "no_escrow_account_ready", None);
        assert!(refused.headers.contains_key("retry-after"));
        assert_eq!(rig.get("/v1/reservations").await.body["items"], json!([]));
        assert_eq!(rig.get("/v1/events").await.body["items"], json!([]));
        rig.escrow(150).await;
        rig.order_once("later", &order(&["1"])).await.is(201);
    }

    async fn while_the_network_is_not_where_it_was_seen_orders_are_refused_by_name(database: &TestStore) {
        let rig = Rig::grid(database, 2).await;
        let ledger = |number: u32| Ledger {
            sequence: LedgerSeq(number),
            hash: LedgerHash([7; 32]),
            closed_at: rig.clock.now(),
        };
        let (seen, found) = (ledger(40), ledger(14));
        for divergence in
            [Divergence::LedgerFellBack { seen, found }, Divergence::OtherNetwork { seen, found }]
        {
            let mut tx = rig.store.begin().await.unwrap();
            tx.note_divergence(divergence).await.unwrap();
            tx.commit().await.unwrap();
            let refused = rig.order(order(&["1"])).await;
            refused.is_problem(503, divergence.name(), None);
            assert!(refused.headers.contains_key("retry-after"));
            let ready = rig.get("/readyz").await;
            ready.is_problem(503, "not_ready", None);
            let reasons = ready.body["reasons"].to_string();
            assert!(reasons.contains(&format!("{}: ", divergence.name())), "{reasons}");
        }
        assert_eq!(rig.get("/v1/reservations").await.body["items"], json!([]));
        let mut tx = rig.store.begin().await.unwrap();
        tx.note_ledger(ledger(41)).await.unwrap();
        tx.commit().await.unwrap();
        rig.order(order(&["1"])).await.is(201);
    }

    async fn an_order_waits_for_an_account_that_is_being_made(database: &TestStore) {
        // It asks again every few milliseconds here: often enough for a busy machine to make the account.
        let rig = Rig::with(database, |state| state.reservations.escrow_wait_seconds = 25).await;
        rig.furnish(0).await;
        let wanted = order(&["1"]);
        let (answer, ()) = futures::join!(rig.order(wanted), async {
            tokio::task::yield_now().await;
            rig.escrow(150).await;
        });
        answer.is(201);
    }

    async fn a_currency_that_no_account_trusts_keeps_nobody_waiting(database: &TestStore) {
        let rig = Rig::grid(database, 2).await;
        let nobody = Asset::credit("ZZZ".parse().unwrap(), account(102));
        rig.put("/v1/currencies/ZZZ", currency(nobody)).await.is(201);
        let paid =
            json!({ tft().to_string(): account(1).to_string(), nobody.to_string(): account(1).to_string() });
        rig.put("/v1/farms/1", but(farm(1), json!({ "payout_addresses": paid }))).await.is(200);
        let offered = rig.order(order(&["1"])).await.is(201).body;
        assert_eq!(offered["payment_options"].as_array().unwrap().len(), 1);
        assert_eq!(offered["payment_options"][0]["currency"], "TFT");
        let asked = but(order(&["1"]), json!({ "currencies": ["ZZZ"] }));
        rig.order(asked).await.is_problem(503, "no_escrow_account_ready", None);
    }

    async fn play_money_is_offered_for_free_nodes_alone(database: &TestStore) {
        let rig = Rig::grid(database, 2).await;
        let free = rig.order(order(&["2"])).await.is(201).body;
        let offered: Vec<&str> = free["payment_options"]
            .as_array()
            .unwrap()
            .iter()
            .map(|option| option["currency"].as_str().unwrap())
            .collect();
        assert_eq!(offered, ["FreeTFT", "TFT"]);
        assert_eq!(
            free["payment_options"][0]["legs"],
            json!([
                { "recipient": "burn", "to": account(101).to_string(), "amount": "250" },
            ])
        );
        let both = but(order(&["1", "2"]), json!({ "currencies": ["TFT", "FreeTFT"] }));
        rig.order(both).await.is_problem(422, "currency_for_free_nodes_only", Some("currencies[1]"));
    }

    async fn a_rate_that_has_aged_pays_for_nothing(database: &TestStore) {
        let rig = Rig::grid(database, 1).await;
        rig.pass(86_401);
        let asked = but(order(&["1"]), json!({ "currencies": ["TFT"] }));
        rig.order(asked).await.is_problem(422, "rate_stale", Some("currencies[0]"));
        rig.order(order(&["1"])).await.is_problem(422, "rate_stale", Some("currencies"));
    }

    async fn our_own_accounts_are_never_paid_out_to(database: &TestStore) {
        let rig = Rig::grid(database, 2).await;
        for ours in [account(200), account(151)] {
            let described = but(
                farm(1),
                json!({
                    "payout_addresses": { tft().to_string(): ours.to_string() },
                }),
            );
            rig.put("/v1/farms/1", described).await.is(200);
            let asked = but(order(&["1"]), json!({ "currencies": ["TFT"] }));
            rig.order(asked).await.is_problem(422, "payout_address_refused", Some("currencies[0]"));
        }
    }

    async fn an_account_that_demands_a_memo_is_never_promised_a_payout(database: &TestStore) {
        let rig = Rig::grid(database, 2).await;
        let payout = account(77);
        let described = but(
            farm(1),
            json!({
                "payout_addresses": { tft().to_string(): payout.to_string() },
            }),
        );
        rig.put("/v1/farms/1", described).await.is(200);
        let mut tx = rig.store.begin().await.unwrap();
        let watched = tx.payout_checks(&[payout]).await.unwrap();
        let unseen = PayoutCheck { account: payout, memo_required: false, checked_at: None };
        assert_eq!(watched, [unseen], "the engine is to look at it");
        let seen = PayoutCheck { memo_required: true, checked_at: Some(rig.clock.now()), ..unseen };
        tx.set_payout_check(&seen).await.unwrap();
        tx.commit().await.unwrap();
        let asked = but(order(&["1"]), json!({ "currencies": ["TFT"] }));
        rig.order(asked).await.is_problem(422, "payout_address_refused", Some("currencies[0]"));
    }

    async fn a_price_of_nothing_is_funded_at_once(database: &TestStore) {
        let rig = Rig::with(database, |state| {
            state.reservations.unit_prices =
                serde_json::from_value(json!({ "cu": "0", "su": "0", "ipv4u": "0" })).unwrap();
        })
        .await;
        rig.furnish(1).await;
        let free = rig.order(order(&["1"])).await.is(201).body;
        assert_eq!((&free["state"], &free["funding"]["amount"]), (&json!("funded"), &json!("0")));
        assert_eq!(
            (&free["funding"]["payment_id"], &free["payment_options"][0]["legs"]),
            (&json!(null), &json!([]))
        );
        let id = free["id"].as_str().unwrap();
        rig.cancel(id).await.is_problem(409, "not_cancellable", None);
    }

    async fn a_recipient_without_an_account_is_our_fault(database: &TestStore) {
        let rig = Rig::with(database, |state| state.reservations.payout.wisdom = None).await;
        rig.furnish(1).await;
        let asked = but(order(&["1"]), json!({ "currencies": ["TFT"] }));
        rig.order(asked).await.is_problem(503, "payout_address_missing", Some("currencies[0]"));
    }
}
