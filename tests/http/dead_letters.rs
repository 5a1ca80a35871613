//! What the engine cannot bring further, over HTTP: every kind's shape, paging, and what may be done.

use axum::http::Method;
use farmgate::api::ActionBody;
use farmgate::domain::address::Address;
use farmgate::domain::asset::Asset;
use farmgate::domain::claimable::{Claimable, ClaimableState};
use farmgate::domain::escrow::{EscrowAccount, EscrowState, Watch};
use farmgate::domain::fee_bump::FeeBump;
use farmgate::domain::ids::{
    ClaimableId, LedgerSeq, OperationId, ReservationId, SubmissionId, TransferId, TxHash,
};
use farmgate::domain::money::Stroops;
use farmgate::domain::payment::{Memo, PaymentId};
use farmgate::domain::reservation::{Funding, HoldReason, State};
use farmgate::domain::transfer::{
    Delivery, Purpose, Submission, SubmissionState, Transfer, TransferKind, TransferState,
};
use farmgate::ports::clock::Clock;
use farmgate::ports::store::{Applied, EngineStatus, Quarantined, Role, Stopped, UnreadableRow};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::rig::{Rig, account, order, tft};
use crate::support::on_both_databases;

const KINDS: [&str; 9] = [
    "stopped_engine",
    "unreadable_record",
    "unreadable_row",
    "held_reservation",
    "undeliverable_return",
    "unpaid_repayment",
    "untakeable_balance",
    "unexplained_account",
    "unknown_transaction",
];

fn owed(id: i64, kind: TransferKind, delivery: Delivery) -> Transfer {
    Transfer {
        id: TransferId::new(id).unwrap(),
        reservation: None,
        ordinal: 0,
        kind,
        from: account(150),
        to: Address::Contract([7; 32]),
        asset: tft(),
        amount: Stroops::from_units(250),
        memo: Memo::None,
        delivery,
        state: TransferState::Pending,
    }
}

/// One of each kind.
async fn one_of_each(rig: &Rig) -> ReservationId {
    let id: ReservationId = rig.order(order(&["1"])).await.is(201).text("id").parse().unwrap();
    let long_ago = rig.clock.now() - SignedDuration::from_hours(48);
    let mut tx = rig.store.begin().await.unwrap();
    let stopped = Stopped {
        account: account(150),
        operation: OperationId(77),
        transaction: TxHash([9; 32]),
        since: long_ago,
    };
    let status = EngineStatus {
        ticked_at: long_ago,
        ledger: LedgerSeq(12),
        ledger_closed_at: long_ago,
        swept_at: None,
        trouble: None,
        stream_away_since: None,
        builds_nothing_before: None,
        stopped: Some(stopped),
        server: None,
        left_alone: None,
    };
    tx.report(&status).await.unwrap();
    let record = Quarantined {
        account: account(150),
        operation: Some(OperationId(5)),
        json: r#"{"type":"new"}"#.to_owned(),
        reason: "unknown type".to_owned(),
        at: long_ago,
    };
    assert_eq!(tx.quarantine(&record).await.unwrap(), Applied::Executed);
    let reservation = tx.reservation(id).await.unwrap().unwrap();
    let funding =
        Funding { asset: tft(), amount: Stroops::from_units(250), payment: None, at: long_ago, tries: 3 };
    let why = HoldReason { code: "op_underfunded".to_owned(), detail: "its account is short".to_owned() };
    let state = State::Held { funding, why, since: long_ago, lacks: None, looks_again_at: None };
    tx.update_reservation(&farmgate::domain::reservation::Reservation { state, ..reservation })
        .await
        .unwrap();
    let payment = PaymentId { operation: OperationId(6), change: 0 };
    let back = owed(5, TransferKind::Refund { payment }, Delivery::Undecided);
    let claimable = ClaimableId([4; 32]);
    let again = owed(6, TransferKind::Repayment { claimable }, Delivery::Payment);
    tx.insert_transfers(&[back, Transfer { to: account(9).into(), ..again }]).await.unwrap();
    for (number, reclaim_from) in [(3, long_ago), (4, rig.clock.now())] {
        let balance = Claimable {
            id: ClaimableId([number; 32]),
            transfer: TransferId::new(number.into()).unwrap(),
            reservation: None,
            recipient: account(9),
            asset: Asset::Native,
            amount: Stroops::from_units(4),
            created_at: long_ago,
            reclaim_from,
            state: ClaimableState::Outstanding,
        };
        tx.insert_transfers(&[owed(
            number.into(),
            TransferKind::Refund { payment: PaymentId { operation: OperationId(number.into()), change: 0 } },
            Delivery::Payment,
        )])
        .await
        .unwrap();
        tx.insert_claimable(&balance).await.unwrap();
    }
    let dirty = EscrowAccount {
        account: account(199),
        version: 0,
        assets: vec![tft()],
        state: EscrowState::Ready,
        watch: Watch { cursor: OperationId(0), explained: LedgerSeq(1), dirty_since: Some(long_ago) },
        created_at: long_ago,
    };
    tx.insert_escrow(&dirty).await.unwrap();
    let submission = Submission {
        id: SubmissionId::new(5).unwrap(),
        channel: account(60),
        sequence: 11,
        hash: TxHash([5; 32]),
        envelope: "AAAA".to_owned(),
        max_time: long_ago,
        purpose: Purpose::Reclaim { claimables: Vec::new() },
        state: SubmissionState::Live,
        attempts: 4,
        last_answer: Some("504".to_owned()),
        created_at: long_ago,
    };
    tx.insert_submission(&submission).await.unwrap();
    let row = UnreadableRow {
        table: "farms",
        column: "owner",
        key: "id 9".to_owned(),
        reason: "it is NULL".to_owned(),
    };
    tx.note_unreadable(&[row], long_ago).await.unwrap();
    let bump = FeeBump {
        submission: submission.id,
        hash: TxHash([6; 32]),
        envelope: "BBBB".to_owned(),
        fee_per_operation: 1_000,
        created_at: long_ago,
    };
    tx.insert_fee_bump(&bump).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn of_kind(rig: &Rig, kind: &str) -> Value {
    let page = rig.get(&format!("/v1/dead-letters?kind={kind}")).await.is(200).body;
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "{kind}: {page}");
    page["items"][0].clone()
}

on_both_databases! {
    async fn dead_letters_of_every_kind_are_listed_page_by_page(database: &TestStore) {
        let rig = Rig::grid(database, 1).await;
        assert_eq!(rig.get("/v1/dead-letters").await.is(200).body["items"], json!([]));
        let id = one_of_each(&rig).await;
        let all = rig.get("/v1/dead-letters").await.is(200).body["items"].clone();
        let kinds: Vec<&str> =
            all.as_array().unwrap().iter().map(|letter| letter["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, KINDS);
        let (mut paged, mut path) = (Vec::new(), "/v1/dead-letters?limit=3".to_owned());
        loop {
            let page = rig.get(&path).await.is(200).body;
            paged.extend(page["items"].as_array().unwrap().clone());
            let Some(next) = page["next_cursor"].as_str() else { break };
            assert_eq!(paged.last().unwrap()["id"], json!(next));
            path = format!("/v1/dead-letters?limit=3&cursor={next}");
        }
        assert_eq!(json!(paged), all);
        for letter in &paged {
            assert!(
                letter["since"].is_string() && letter["summary"].as_str().unwrap().ends_with('.'),
                "{letter}"
            );
            let actions = letter["actions"].as_array().unwrap();
            assert!(!actions.is_empty(), "{letter}");
            for action in actions {
                assert!(action["name"].is_string() && action["summary"].is_string(), "{action}");
                assert_eq!(action.get("path").is_some(), action.get("method").is_some(), "{action}");
                if let Some(body) = action.get("body") {
                    serde_json::from_value::<ActionBody>(body.clone()).unwrap();
                    let path = action["path"].as_str().unwrap();
                    // What is proposed is there, and takes this body: nothing is unknown but what these
                    // letters are about.
                    let answer =
                        rig.call(Method::POST, path, &rig.key(Role::Auditor).await, body.to_string()).await;
                    answer.is_problem(403, "forbidden", None);
                }
            }
        }
        assert_eq!(of_kind(&rig, "held_reservation").await["id"], json!(format!("held_reservation:{id}")));
    }

    async fn dead_letters_tell_what_was_tried(database: &TestStore) {
        let rig = Rig::grid(database, 1).await;
        one_of_each(&rig).await;
        let stopped = of_kind(&rig, "stopped_engine").await;
        assert_eq!((&stopped["operation_id"], &stopped["account"]), (&json!("77"), &json!(account(150))));
        let record = of_kind(&rig, "unreadable_record").await;
        assert_eq!(
            (&record["record"], &record["reason"]),
            (&json!(r#"{"type":"new"}"#), &json!("unknown type"))
        );
        let row = of_kind(&rig, "unreadable_row").await;
        assert_eq!(row["row"], json!({ "table": "farms", "column": "owner", "key": "id 9" }));
        assert_eq!(row["reason"], "it is NULL");
        let held = of_kind(&rig, "held_reservation").await;
        assert_eq!((&held["reason"], &held["looks"]), (&json!("op_underfunded"), &json!(3)));
        let back = of_kind(&rig, "undeliverable_return").await;
        assert_eq!((&back["payment_id"], &back["reason"]), (&json!("6-0"), &json!("undecided")));
        assert!(back["summary"].as_str().unwrap().contains("a contract"), "{back}");
        let repayment = of_kind(&rig, "unpaid_repayment").await;
        assert_eq!(repayment["claimable_balance_id"], json!(ClaimableId([4; 32])));
        assert!(repayment.get("reason").is_none(), "nobody tried yet: {repayment}");
        let balance = of_kind(&rig, "untakeable_balance").await;
        assert_eq!(balance["claimable_balance_id"], json!(ClaimableId([3; 32])), "the other is due only now");
        let account_shown = of_kind(&rig, "unexplained_account").await;
        assert_eq!(account_shown["account"], json!(account(199)));
        let unknown = of_kind(&rig, "unknown_transaction").await["transaction"].clone();
        assert_eq!(
            (&unknown["envelope"], &unknown["sent"], &unknown["last_answer"]),
            (&json!("AAAA"), &json!(4), &json!("504"))
        );
        assert_eq!(unknown["fee_bumps"][0]["envelope"], json!("BBBB"));
    }

    async fn a_record_is_dismissed_with_a_note_and_money_never(database: &TestStore) {
        let rig = Rig::grid(database, 1).await;
        let id = one_of_each(&rig).await;
        let record = of_kind(&rig, "unreadable_record").await["id"].as_str().unwrap().to_owned();
        let dismiss = async |id: &str, body: Value| {
            let path = format!("/v1/dead-letters/{id}/dismissal");
            rig.call(Method::POST, &path, &rig.operator, body.to_string()).await
        };
        for note in ["", " ", &"x".repeat(1_001)] {
            dismiss(&record, json!({ "note": note })).await.is_problem(400, "invalid_value", Some("note"));
        }
        dismiss(&record, json!({})).await.is_problem(400, "missing_field", Some("note"));
        let seen = json!({ "note": "seen" });
        dismiss("x", seen.clone()).await.is_problem(400, "invalid_value", Some("id"));
        dismiss("unreadable_record:x", seen.clone()).await.is_problem(400, "invalid_value", Some("id"));
        let row = of_kind(&rig, "unreadable_row").await["id"].as_str().unwrap().to_owned();
        let noted = dismiss(&row, seen.clone()).await.is(200).body;
        assert_eq!((&noted["dismissed"]["note"], &noted["actions"]), (&json!("seen"), &json!([])));
        dismiss(&row, seen.clone()).await.is_problem(404, "not_found", None);
        let unknown = format!("unreadable_record:{}-00", account(9));
        dismiss(&unknown, seen.clone()).await.is_problem(404, "not_found", None);
        let held = format!("held_reservation:{id}");
        dismiss(&held, seen.clone()).await.is_problem(409, "not_dismissable", None);
        let dismissed = dismiss(&record, seen.clone()).await.is(200).body["dismissed"].clone();
        assert_eq!(dismissed["note"], "seen");
        assert!(dismissed["by"].as_str().unwrap().starts_with("API key "), "{dismissed}");
        assert_eq!(dismiss(&record, json!({ "note": "again" })).await.is(200).body["dismissed"], dismissed);
        let open = rig.get("/v1/dead-letters").await.is(200).body;
        assert_eq!(open["items"].as_array().unwrap().len(), KINDS.len() - 2);
        let page = rig.get("/v1/dead-letters?dismissed=true").await.is(200).body;
        assert_eq!((&page["items"][0]["id"], page["items"].as_array().unwrap().len()), (&json!(record), 1));
    }

    async fn what_cannot_be_listed_is_refused_by_field(database: &TestStore) {
        let rig = Rig::bare(database).await;
        for (query, field) in [
            ("kind=held", "kind"),
            ("dismissed=yes", "dismissed"),
            ("cursor=x", "cursor"),
            ("cursor=held_reservation:x", "cursor"),
            ("cursor=unreadable_record:x", "cursor"),
            ("limit=0", "limit"),
        ] {
            let answer = rig.get(&format!("/v1/dead-letters?{query}")).await;
            answer.is_problem(400, "invalid_value", Some(field));
        }
        rig.get("/v1/dead-letters?state=held").await.is_problem(400, "unknown_field", Some("state"));
    }

    async fn an_operator_says_over_http_where_what_was_reclaimed_goes(database: &TestStore) {
        let rig = Rig::grid(database, 1).await;
        one_of_each(&rig).await;
        let decide = async |balance: String, body: Value| {
            let path = format!("/v1/claimable-balances/{balance}/return");
            rig.call(Method::POST, &path, &rig.operator, body.to_string()).await
        };
        let balance = ClaimableId([4; 32]);
        let to = json!({ "address": account(8), "memo": { "type": "id", "value": "7" } });
        for _ in 0..2 {
            let returned = decide(balance.to_string(), to.clone()).await.is(200).body;
            assert_eq!(
                (&returned["to"], &returned["state"], &returned["transfer_id"]),
                (&json!(account(8)), &json!("pending"), &json!("6"))
            );
        }
        let stored = rig.store.begin_read().await.unwrap().repayment_of(balance).await.unwrap().unwrap();
        assert_eq!((stored.to, stored.memo.clone()), (account(8).into(), Memo::Id(7)));
        decide(ClaimableId([8; 32]).to_string(), to.clone()).await.is_problem(404, "not_found", None);
        decide(ClaimableId([3; 32]).to_string(), to.clone()).await.is_problem(409, "not_owed", None);
        decide("x".to_owned(), to.clone()).await.is_problem(400, "invalid_value", Some("id"));
        let ours = json!({ "address": account(150) });
        decide(balance.to_string(), ours).await.is_problem(422, "refund_address", Some("address"));
        let mut tx = rig.store.begin().await.unwrap();
        let sent = stored.clone().sent(SubmissionId::new(5).unwrap()).unwrap();
        tx.update_transfer(&stored, &sent).await.unwrap();
        tx.commit().await.unwrap();
        decide(balance.to_string(), to).await.is_problem(409, "return_under_way", None);
        assert_eq!(rig.get("/v1/dead-letters?kind=unpaid_repayment").await.is(200).body["items"], json!([]));
    }
}
