//! Money that goes back where it came from.

use std::sync::atomic::Ordering;

use farmgate::delivery::number_events;
use farmgate::domain::address::{AccountId, Address};
use farmgate::domain::audit::{Act, AuditEntry};
use farmgate::domain::event::EventKind;
use farmgate::domain::payment::{Attribution, Memo};
use farmgate::domain::refund::RefundAddress;
use farmgate::domain::reservation::{RefundReason, State};
use farmgate::domain::subject::Subject;
use farmgate::ports::store::{AuditFilter, PaymentFilter};
use farmgate::reservations::OrderRequest;
use farmgate::settlement::ReturnError;
use serde_json::{Value, json};

use crate::support::on_both_databases;
use crate::world::{World, amount, price, share, wallet};

/// Past every deadline that a quote gives.
const PAST_THE_DEADLINE_SECONDS: i64 = 4_000;
const PURSE: &str = "10000";

async fn events(world: &World) -> Vec<EventKind> {
    number_events(&world.store).await.unwrap();
    let events =
        world.store.begin_read().await.unwrap().events(None, None, 1_000).await.unwrap().all().unwrap();
    events.into_iter().map(|event| event.kind).collect()
}

/// The last transaction that touched an account, as Horizon shows it.
async fn last_transaction(world: &World, account: AccountId) -> Value {
    let url =
        format!("{}/accounts/{account}/payments?order=desc&limit=1&join=transactions", world.sandbox.url());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let page: Value = client.get(url).send().await.unwrap().json().await.unwrap();
    page["_embedded"]["records"][0].clone()
}

on_both_databases! {
    async fn a_part_that_was_paid_in_time_goes_back_when_the_rest_never_came(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        let receipt = world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.rest().await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        let refunded = world.until(reservation.id, "refunded").await;
        assert!(matches!(refunded.state, State::Refunded { why: RefundReason::PaidInPart, .. }));
        assert_eq!(world.holds("alice", "TFT"), amount(PURSE));
        let back = last_transaction(&world, wallet("alice").account()).await;
        assert_eq!(back["transaction"]["memo_type"], "return");
        let memo = base64(back["transaction"]["memo"].as_str().unwrap());
        assert_eq!(memo, receipt.hash.0, "it says which payment it returns");
        world.assert_reconciled().await;
    }

    async fn a_cancelled_reservation_ends_when_a_later_ledger_shows_that_nothing_came(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.cancel(reservation.id).await.unwrap();
        world.clock.move_on(2);
        world.until(reservation.id, "cancelled").await;
        assert!(world.cancel(reservation.id).await.is_ok(), "asking again is harmless");
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until_holds("alice", "TFT", amount(PURSE)).await;
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn a_request_to_cancel_is_told_once_and_its_end_is_told(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let reservation = world.reserve().await;
        let before = events(&world).await.len();
        for _ in 0..2 {
            world.cancel(reservation.id).await.unwrap();
        }
        let id = reservation.id;
        assert_eq!(events(&world).await[before..], [EventKind::CancelRequested { reservation: id }]);
        world.clock.move_on(2);
        world.until(id, "cancelled").await;
        let told = events(&world).await;
        assert!(
            matches!(
                &told[before + 1..],
                [EventKind::ReservationChanged { state, .. }] if state == "cancelled"
            )
        );
        world.cancel(id).await.unwrap();
        assert_eq!(events(&world).await.len(), told.len());
    }

    async fn cancelling_sends_back_what_had_come(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.cancel(reservation.id).await.unwrap();
        world.clock.move_on(2);
        let refunded = world.until(reservation.id, "refunded").await;
        assert!(matches!(refunded.state, State::Refunded { why: RefundReason::Cancelled, .. }));
        assert_eq!(world.holds("alice", "TFT"), amount(PURSE));
        world.assert_reconciled().await;
    }

    async fn a_payment_in_full_before_the_decision_wins_over_a_request_to_cancel(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.cancel(reservation.id).await.unwrap();
        world.until(reservation.id, "settled").await;
        assert!(world.cancel(reservation.id).await.is_err(), "it is too late");
        world.assert_reconciled().await;
    }

    async fn each_of_several_payers_gets_back_what_that_payer_sent(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        world.customer("bob").await;
        let reservation = world.reserve().await;
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.pay("bob", reservation.escrow, amount("2"), "TFT").await;
        world.pay("alice", reservation.escrow, amount("0.5"), "TFT").await;
        world.rest().await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "refunded").await;
        assert_eq!(world.holds("alice", "TFT"), amount(PURSE));
        assert_eq!(world.holds("bob", "TFT"), amount(PURSE));
        world.assert_reconciled().await;
    }

    async fn an_excess_goes_back_to_the_latest_payer(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        world.customer("bob").await;
        let reservation = world.reserve().await;
        let half = share(price(&reservation), 50);
        world.pay("alice", reservation.escrow, half, "TFT").await;
        world.pay("bob", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settled").await;
        let purse = amount(PURSE);
        world
            .until_holds(
                "bob",
                "TFT",
                purse.checked_sub(price(&reservation).checked_sub(half).unwrap()).unwrap(),
            )
            .await;
        assert_eq!(world.holds("alice", "TFT"), purse.checked_sub(half).unwrap());
        world.rest().await;
        assert!(world.balance(reservation.escrow, "TFT").is_zero());
        world.assert_reconciled().await;
    }

    async fn late_money_goes_straight_back(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "expired").await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until_holds("alice", "TFT", amount(PURSE)).await;
        world.rest().await;
        assert_eq!(world.state(reservation.id).await, "expired");
        assert_eq!(world.attributions(reservation.id).await, [Attribution::Late]);
        world.assert_reconciled().await;
    }

    async fn money_after_the_settlement_goes_straight_back(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settled").await;
        let rest = world.holds("alice", "TFT");
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until_holds("alice", "TFT", rest).await;
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn another_asset_goes_straight_back_and_does_not_count(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.pay("alice", reservation.escrow, amount("2"), "XLM").await;
        for _ in 0..100 {
            if world.balance(reservation.escrow, "XLM").is_zero()
                && !world.attributions(reservation.id).await.is_empty()
            {
                break;
            }
            world.tick().await.unwrap();
            world.next_ledger().await;
        }
        assert!(world.balance(reservation.escrow, "XLM").is_zero());
        assert_eq!(world.attributions(reservation.id).await, [Attribution::OtherAsset]);
        assert_eq!(world.state(reservation.id).await, "awaiting_payment");
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settled").await;
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn money_to_an_account_nobody_has_goes_straight_back(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        let account = world.waiting_account(reservation.escrow).await;
        world.pay("alice", account, amount("3"), "TFT").await;
        world.next_ledger().await;
        world.tick().await.unwrap();
        world.until_holds("alice", "TFT", amount(PURSE)).await;
        let filter = PaymentFilter { reservation: None, attribution: Some(Attribution::Unassigned) };
        let stored = world.store.begin_read().await.unwrap().payments(&filter, None, 10).await.unwrap();
        assert_eq!(stored.len(), 1);
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn a_muxed_payer_is_paid_back_to_the_sub_account(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("exchange").await;
        let reservation = world.reserve().await;
        let payer = Address::Muxed { account: wallet("exchange").account(), id: 77 };
        world.pay_as_sub_account("exchange", 77, reservation.escrow, amount("1"), "TFT").await;
        world.rest().await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "refunded").await;
        let back = last_transaction(&world, wallet("exchange").account()).await;
        assert_eq!(back["to_muxed_id"], "77");
        assert_eq!(back["to_muxed"], payer.to_string());
        world.assert_reconciled().await;
    }

    async fn a_payer_without_a_trust_line_is_owed_until_there_is_one_again(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.rest().await;
        let all = world.holds("alice", "TFT");
        let issuer = world.asset("TFT").issuer().unwrap();
        world.try_pay("alice", Address::Account(issuer), all, "TFT").await.unwrap();
        world.distrust("alice", "TFT").await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "refunding").await;
        for _ in 0..10 {
            world.tick().await.unwrap();
            world.next_ledger().await;
        }
        assert_eq!(world.state(reservation.id).await, "refunding");
        assert_eq!(world.balance(reservation.escrow, "TFT"), amount("1"), "it is not lost");
        world.trust("alice", "TFT").await;
        world.clock.move_on(120);
        world.until(reservation.id, "refunded").await;
        assert_eq!(world.holds("alice", "TFT"), amount("1"));
        world.assert_reconciled().await;
    }

    async fn a_payer_that_demands_a_memo_is_paid_back_at_the_address_of_the_order(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("exchange").await;
        world.demand_memos("exchange").await;
        let refund = RefundAddress::new(wallet("exchange").account().into(), Memo::Id(1_047)).unwrap();
        let request = OrderRequest { refund: Some(refund), ..world.request() };
        let reservation = world.reserve_as(request).await;
        world.pay("exchange", reservation.escrow, amount("1"), "TFT").await;
        world.rest().await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "refunded").await;
        assert_eq!(world.holds("exchange", "TFT"), amount(PURSE));
        let back = last_transaction(&world, wallet("exchange").account()).await;
        assert_eq!(
            (&back["transaction"]["memo_type"], &back["transaction"]["memo"]),
            (&json!("id"), &json!("1047"))
        );
        world.assert_reconciled().await;
    }

    async fn a_payer_whose_order_names_it_with_a_memo_gets_that_memo(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        for (name, other) in [("custodian", false), ("bystander", true)] {
            world.customer(name).await;
            let refund = RefundAddress::new(wallet("custodian").account().into(), Memo::Id(4_028_278_296));
            let request = OrderRequest { refund: Some(refund.unwrap()), ..world.request() };
            let reservation = world.reserve_as(request).await;
            world.pay(name, reservation.escrow, amount("1"), "TFT").await;
            world.rest().await;
            world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
            world.until(reservation.id, "refunded").await;
            assert_eq!(world.holds(name, "TFT"), amount(PURSE));
            let back = last_transaction(&world, wallet(name).account()).await;
            let expected = if other { "return" } else { "id" };
            assert_eq!(back["transaction"]["memo_type"], json!(expected), "{name}");
            if !other {
                assert_eq!(back["transaction"]["memo"], json!("4028278296"));
            }
        }
        world.assert_reconciled().await;
    }

    async fn a_payer_whose_order_names_a_sub_account_of_it_is_paid_there(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("custodian").await;
        let muxed = Address::Muxed { account: wallet("custodian").account(), id: 1_047 };
        let refund = RefundAddress::new(muxed, Memo::None).unwrap();
        let reservation = world.reserve_as(OrderRequest { refund: Some(refund), ..world.request() }).await;
        world.pay("custodian", reservation.escrow, amount("1"), "TFT").await;
        world.rest().await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "refunded").await;
        let back = last_transaction(&world, wallet("custodian").account()).await;
        assert_eq!(
            (&back["to_muxed_id"], &back["transaction"]["memo_type"]),
            (&json!("1047"), &json!("return"))
        );
        assert_eq!(world.holds("custodian", "TFT"), amount(PURSE));
        world.assert_reconciled().await;
    }

    async fn a_payer_that_demands_a_memo_is_owed_until_somebody_says_where_it_belongs(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("exchange").await;
        world.demand_memos("exchange").await;
        let reservation = world.reserve().await;
        world.pay("exchange", reservation.escrow, amount("1"), "TFT").await;
        world.rest().await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "refunding").await;
        world.rest().await;
        assert_eq!(world.state(reservation.id).await, "refunding");
        assert_eq!(world.balance(reservation.escrow, "TFT"), amount("1"), "nobody could tell whose it is");
        world.assert_reconciled().await;
        let payment = world.payments(reservation.id).await[0].payment.id;
        let told = RefundAddress::new(wallet("exchange").account().into(), Memo::Id(7)).unwrap();
        world.return_to(payment, told).await.unwrap();
        world.until(reservation.id, "refunded").await;
        assert_eq!(world.holds("exchange", "TFT"), amount(PURSE));
        world.assert_reconciled().await;
    }

    async fn what_a_contract_paid_goes_to_the_address_of_the_order(store: &TestStore) {
        let (world, faults) = crate::world::faulty_network::faulty(store.store.clone()).await;
        world.customer("alice").await;
        world.customer("vault").await;
        faults.by_contract.store(true, Ordering::SeqCst);
        let refund = RefundAddress::new(wallet("vault").account().into(), Memo::None).unwrap();
        let reservation = world.reserve_as(OrderRequest { refund: Some(refund), ..world.request() }).await;
        let receipt = world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.rest().await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "refunded").await;
        assert_eq!(world.holds("vault", "TFT"), amount("10001"));
        let back = last_transaction(&world, wallet("vault").account()).await;
        assert_eq!(base64(back["transaction"]["memo"].as_str().unwrap()), receipt.hash.0);
        world.assert_reconciled().await;
    }

    async fn what_a_contract_paid_stays_owed_until_an_operator_says_where_it_belongs(store: &TestStore) {
        let (world, faults) = crate::world::faulty_network::faulty(store.store.clone()).await;
        world.customer("alice").await;
        faults.by_contract.store(true, Ordering::SeqCst);
        let reservation = world.reserve().await;
        let whole = price(&reservation);
        world.pay("alice", reservation.escrow, whole.checked_add(amount("1")).unwrap(), "TFT").await;
        world.until(reservation.id, "settled").await;
        world.rest().await;
        assert_eq!(world.balance(reservation.escrow, "TFT"), amount("1"), "the excess stays where it is");
        world.assert_reconciled().await;
        world.customer("vault").await;
        let payment = world.payments(reservation.id).await[0].payment.id;
        let ours = RefundAddress::new(reservation.escrow.into(), Memo::None).unwrap();
        assert!(matches!(world.return_to(payment, ours).await, Err(ReturnError::Ours(_))));
        let vault =
            RefundAddress::new(wallet("vault").account().into(), Memo::Text("by hand".to_owned())).unwrap();
        world.return_to(payment, vault).await.unwrap();
        world.until_holds("vault", "TFT", amount("10001")).await;
        world.rest().await;
        let about = AuditFilter::About(Subject::Payment(payment));
        let told = world.store.begin_read().await.unwrap().audit_entries(&about, None, 10).await.unwrap();
        let told = told.all().unwrap();
        let [AuditEntry { act: Act::ReturnRedirected { before, after, .. }, .. }] = &told[..] else {
            panic!("one decision, for what was refused is none: {told:?}")
        };
        assert!(matches!(before.address, Address::Contract(_)), "{before:?}");
        assert_eq!(after.address, wallet("vault").account().into());
        let back = last_transaction(&world, wallet("vault").account()).await;
        assert_eq!(back["transaction"]["memo"], "by hand");
        world.assert_reconciled().await;
    }

    async fn returns_that_are_lost_on_the_way_are_paid_once(store: &TestStore) {
        let (world, faults) = crate::world::faulty_network::faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.rest().await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        faults.land_unseen.store(1, Ordering::SeqCst);
        faults.blind.store(3, Ordering::SeqCst);
        world.until(reservation.id, "refunded").await;
        world.rest().await;
        assert_eq!(world.holds("alice", "TFT"), amount(PURSE));
        world.assert_reconciled().await;
    }
}

fn base64(text: &str) -> [u8; 32] {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    bytes.try_into().unwrap()
}
