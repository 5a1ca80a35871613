//! Money that came, whosever it is, what is owed, and decisions about held reservations.

use axum::http::Method;
use farmgate::domain::address::Address;
use farmgate::domain::ids::{
    EntryId, LedgerSeq, OperationId, ReservationId, SubmissionId, TransferId, TxHash,
};
use farmgate::domain::journal::{BookAccount, Cause, Entry, Postings};
use farmgate::domain::money::Stroops;
use farmgate::domain::payment::{Attribution, Memo, Payment, PaymentId, PaymentKind};
use farmgate::domain::reservation::{Funding, HoldReason};
use farmgate::domain::transfer::{Delivery, Transfer, TransferKind, TransferState};
use farmgate::ports::clock::Clock;
use farmgate::ports::store::{Applied, ForeignClaimable, StoredPayment};
use serde_json::{Value, json};

use crate::rig::{Answer, Rig, account, order, tft};
use crate::support::on_both_databases;

fn payment_id(operation: u32) -> PaymentId {
    PaymentId { operation: OperationId::from_parts(LedgerSeq(9), 1, operation), change: 0 }
}

fn came(
    rig: &Rig,
    operation: u32,
    reservation: Option<ReservationId>,
    attribution: Attribution,
) -> StoredPayment {
    let payment = Payment {
        id: payment_id(operation),
        kind: PaymentKind::Payment,
        to: account(150),
        to_muxed_id: None,
        from: Some(account(77).into()),
        asset: tft(),
        amount: Stroops::from_units(250),
        transaction: TxHash([3; 32]),
        ledger: LedgerSeq(9),
        closed_at: rig.clock.now(),
        memo: Memo::None,
    };
    StoredPayment { payment, reservation, attribution }
}

/// Stores money that came for a reservation, in the books too.
async fn paid(rig: &Rig, id: ReservationId) {
    let mut tx = rig.store.begin().await.unwrap();
    let stored = came(rig, 1, Some(id), Attribution::Counted);
    assert_eq!(tx.insert_payment(&stored).await.unwrap(), Applied::Executed);
    let mut postings = Postings::new();
    let (held, owed) = (BookAccount::Stellar(account(150)), BookAccount::Deposits(id));
    postings.movement(tft(), Stroops::from_units(250), held, owed);
    let entry_id = EntryId::new(1).unwrap();
    let cause = Cause::Payment(payment_id(1));
    let entry = Entry::new(entry_id, cause, Some(id), rig.clock.now(), postings.into_vec()).unwrap();
    assert_eq!(tx.post(&entry).await.unwrap(), Applied::Executed);
    tx.commit().await.unwrap();
}

/// An order that was paid, and is held.
async fn held(rig: &Rig) -> ReservationId {
    let id: ReservationId = rig.order(order(&["1"])).await.is(201).text("id").parse().unwrap();
    paid(rig, id).await;
    let mut tx = rig.store.begin().await.unwrap();
    let reservation = tx.reservation(id).await.unwrap().unwrap();
    let amount = reservation.quote.options[0].amount;
    let funding =
        Funding { asset: tft(), amount, payment: Some(payment_id(1)), at: rig.clock.now(), tries: 0 };
    let submission = SubmissionId::new(1).unwrap();
    let why = HoldReason { code: "op_underfunded".to_owned(), detail: String::new() };
    let reservation = reservation.funded(funding).unwrap().settling(submission).unwrap();
    let reservation = reservation.held(submission, why, rig.clock.now()).unwrap();
    tx.update_reservation(&reservation).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn resolve(rig: &Rig, id: ReservationId, body: &Value) -> Answer {
    let path = format!("/v1/reservations/{id}/resolution");
    rig.call(Method::POST, &path, &rig.operator, body.to_string()).await
}

on_both_databases! {
    async fn payments_are_listed_by_what_they_were_taken_for_with_their_returns(database: &TestStore) {
        let rig = Rig::bare(database).await;
        let transfer = Transfer {
            id: TransferId::new(5).unwrap(),
            reservation: None,
            ordinal: 0,
            kind: TransferKind::Refund { payment: payment_id(2) },
            from: account(150),
            to: Address::Account(account(77)),
            asset: tft(),
            amount: Stroops::from_units(250),
            memo: Memo::None,
            delivery: Delivery::Payment,
            state: TransferState::Pending,
        };
        let mut tx = rig.store.begin().await.unwrap();
        for (operation, attribution) in [
            (1, Attribution::Counted),
            (2, Attribution::Unassigned),
            (3, Attribution::Unassigned),
            (4, Attribution::TopUp),
            (5, Attribution::Late),
        ] {
            let _ = tx.insert_payment(&came(&rig, operation, None, attribution)).await.unwrap();
        }
        tx.insert_transfers(&[transfer]).await.unwrap();
        tx.commit().await.unwrap();
        let page = rig.get("/v1/payments?state=unattributed&limit=1").await.is(200).body;
        let shown = &page["items"][0];
        assert_eq!(
            (&shown["attribution"], &shown["returned"]["state"]),
            (&json!("unassigned"), &json!("pending"))
        );
        assert_eq!(shown["returned"]["to"], json!(account(77).to_string()));
        let next = page["next_cursor"].as_str().unwrap();
        let rest = rig.get(&format!("/v1/payments?state=unattributed&cursor={next}")).await.is(200).body;
        assert_eq!(rest["items"].as_array().unwrap().len(), 1);
        assert!(rest["items"][0].get("returned").is_none() && rest["next_cursor"].is_null());
        for (state, count) in [("counted", 1), ("late", 1), ("other_asset", 0), ("top_up", 1)] {
            let page = rig.get(&format!("/v1/payments?state={state}")).await.is(200).body;
            assert_eq!(page["items"].as_array().unwrap().len(), count, "{state}");
        }
        assert_eq!(rig.get("/v1/payments").await.is(200).body["items"].as_array().unwrap().len(), 5);
        rig.get("/v1/payments?state=lost").await.is_problem(400, "invalid_value", Some("state"));
    }

    async fn an_operator_says_where_a_return_goes_that_cannot_go_back(database: &TestStore) {
        let rig = Rig::bare(database).await;
        let owed = Transfer {
            id: TransferId::new(5).unwrap(),
            reservation: None,
            ordinal: 0,
            kind: TransferKind::Refund { payment: payment_id(2) },
            from: account(150),
            to: Address::Contract([7; 32]),
            asset: tft(),
            amount: Stroops::from_units(250),
            memo: Memo::None,
            delivery: Delivery::Undecided,
            state: TransferState::Pending,
        };
        let mut tx = rig.store.begin().await.unwrap();
        for operation in [2, 3] {
            let _ = tx.insert_payment(&came(&rig, operation, None, Attribution::Unassigned)).await.unwrap();
        }
        tx.insert_transfers(std::slice::from_ref(&owed)).await.unwrap();
        tx.commit().await.unwrap();
        let decide = async |id: String, body: Value| {
            let path = format!("/v1/payments/{id}/return");
            rig.call(Method::POST, &path, &rig.operator, body.to_string()).await
        };
        let paid = payment_id(2).to_string();
        let to = json!({ "address": account(9), "memo": { "type": "id", "value": "7" } });
        for _ in 0..2 {
            let shown = decide(paid.clone(), to.clone()).await.is(200).body;
            assert_eq!(
                (&shown["returned"]["to"], &shown["returned"]["delivery"]),
                (&json!(account(9)), &json!("payment"))
            );
        }
        let mut tx = rig.store.begin_read().await.unwrap();
        let stored = tx.refund_of(payment_id(2)).await.unwrap().unwrap();
        assert_eq!(
            stored,
            Transfer { to: account(9).into(), memo: Memo::Id(7), delivery: Delivery::Payment, ..owed }
        );
        drop(tx);
        decide("9-0".to_owned(), to.clone()).await.is_problem(404, "not_found", None);
        decide("x".to_owned(), to.clone()).await.is_problem(400, "invalid_value", Some("id"));
        decide(payment_id(3).to_string(), to.clone()).await.is_problem(409, "not_owed", None);
        let contract = json!({ "address": Address::Contract([9; 32]) });
        assert_eq!(decide(paid.clone(), contract).await.status, 400);
        let mut tx = rig.store.begin().await.unwrap();
        let sent = stored.clone().sent(SubmissionId::new(1).unwrap()).unwrap();
        tx.update_transfer(&stored, &sent).await.unwrap();
        tx.commit().await.unwrap();
        decide(paid, to).await.is_problem(409, "return_under_way", None);
    }

    async fn claimable_balances_of_strangers_are_listed(database: &TestStore) {
        let rig = Rig::bare(database).await;
        let waiting = |id: &str| ForeignClaimable {
            id: id.to_owned(),
            claimant: account(200),
            asset: tft(),
            amount: Stroops::from_units(4),
            sponsor: Some(account(77)),
            seen_at: rig.clock.now(),
            out_of_reach_at: None,
        };
        let mut tx = rig.store.begin().await.unwrap();
        tx.set_foreign_claimables(account(200), &[waiting("00ab"), waiting("00cd")]).await.unwrap();
        tx.commit().await.unwrap();
        let page = rig.get("/v1/claimable-balances?limit=1").await.is(200).body;
        let shown = &page["items"][0];
        assert_eq!((&shown["id"], &shown["sponsor"]), (&json!("00ab"), &json!(account(77).to_string())));
        let next = page["next_cursor"].as_str().unwrap();
        let rest = rig.get(&format!("/v1/claimable-balances?cursor={next}")).await.is(200).body;
        assert_eq!((&rest["items"][0]["id"], &rest["next_cursor"]), (&json!("00cd"), &Value::Null));
        rig.get("/v1/claimable-balances?cursor=x").await.is_problem(400, "invalid_value", Some("cursor"));
    }

    async fn what_is_owed_is_listed_by_whom(database: &TestStore) {
        let rig = Rig::grid(database, 1).await;
        let id: ReservationId = rig.order(order(&["1"])).await.is(201).text("id").parse().unwrap();
        assert_eq!(rig.get("/v1/liabilities").await.is(200).body["items"], json!([]));
        paid(&rig, id).await;
        let page = rig.get("/v1/liabilities").await.is(200).body;
        let expected = json!([{
            "kind": "deposits", "reservation_id": id.to_string(), "asset": tft().to_string(), "amount": "250",
        }]);
        assert_eq!(page["items"], expected);
        let after = format!("/v1/liabilities?cursor=deposits:{id}~{}", tft());
        assert_eq!(rig.get(&after).await.is(200).body["items"], json!([]));
        rig.get("/v1/liabilities?cursor=x").await.is_problem(400, "invalid_value", Some("cursor"));
    }

    async fn a_held_reservation_is_refunded_by_decision_once(database: &TestStore) {
        let rig = Rig::grid(database, 1).await;
        let id = held(&rig).await;
        for _ in 0..2 {
            let refunding = resolve(&rig, id, &json!({ "decision": "refund" })).await.is(200).body;
            assert_eq!(refunding["state"], "refunding");
        }
        let transfers = rig.store.begin_read().await.unwrap().transfers_of(id).await.unwrap();
        assert_eq!(transfers.len(), 1, "its payment goes back once");
        resolve(&rig, id, &json!({ "decision": "settle" })).await.is_problem(
            409,
            "not_held",
            Some("decision"),
        );
    }

    async fn a_held_reservation_is_settled_by_decision_once(database: &TestStore) {
        let rig = Rig::grid(database, 1).await;
        let id = held(&rig).await;
        for _ in 0..2 {
            let funded = resolve(&rig, id, &json!({ "decision": "settle" })).await.is(200).body;
            assert_eq!(funded["state"], "funded");
        }
        resolve(&rig, id, &json!({ "decision": "refund" })).await.is_problem(
            409,
            "not_held",
            Some("decision"),
        );
    }

    async fn a_decision_is_about_a_held_reservation_and_is_one_of_two(database: &TestStore) {
        let rig = Rig::grid(database, 1).await;
        let id: ReservationId = rig.order(order(&["1"])).await.is(201).text("id").parse().unwrap();
        resolve(&rig, id, &json!({ "decision": "refund" })).await.is_problem(
            409,
            "not_held",
            Some("decision"),
        );
        resolve(&rig, id, &json!({ "decision": "burn" })).await.is_problem(
            400,
            "invalid_value",
            Some("decision"),
        );
        resolve(&rig, id, &json!({})).await.is_problem(400, "missing_field", Some("decision"));
        let unknown = ReservationId::new(5).unwrap();
        resolve(&rig, unknown, &json!({ "decision": "settle" })).await.is_problem(404, "not_found", None);
    }
}
