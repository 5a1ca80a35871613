use super::*;
use crate::domain::address::Address;
use crate::domain::ids::OperationId;
use crate::domain::payment::{PaymentId, PaymentKind};
use crate::domain::pricing::UnitPrices;
use proptest::prelude::*;
use rust_decimal::Decimal;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn asset(code: &str) -> Asset {
    Asset::credit(code.parse().unwrap(), AccountId([1; 32]))
}

fn option(code: &str, amount: i64) -> PaymentOption {
    PaymentOption {
        currency: code.parse().unwrap(),
        asset: asset(code),
        amount: Stroops::new(amount).unwrap(),
        free_only: false,
        breakdown: PriceBreakdown {
            units: CloudUnits::default(),
            seconds: 60,
            unit_prices: UnitPrices::default(),
            discount_percent: 0,
            network_divisor: 1,
            usd_fraction: "1/1".to_owned(),
            usd_rate: Decimal::ONE,
        },
        distribution: "grid2".to_owned(),
        legs: vec![],
    }
}

fn reservation(options: Vec<PaymentOption>) -> Reservation {
    Reservation {
        tenant: Tenant::default(),
        id: ReservationId::new(1).unwrap(),
        version: 0,
        order: Order {
            customer: IdentityId::new(1).unwrap(),
            nodes: vec![NodeId::new(1).unwrap()],
            units: CloudUnits::default(),
            seconds: 60,
            extends: None,
            refund: None,
        },
        quote: Quote { options, quoted_at: at(0), deadline: at(1_000) },
        escrow: AccountId([2; 32]),
        memo: Memo::None,
        created_at: at(0),
        cancel_requested_at: None,
        state: State::AwaitingSignatures,
    }
}

fn payment(operation: i64, code: &str, amount: i64, closed: i64) -> Payment {
    Payment {
        id: PaymentId { operation: OperationId(operation), change: 0 },
        kind: PaymentKind::Payment,
        to: AccountId([2; 32]),
        to_muxed_id: None,
        from: Some(Address::Account(AccountId([3; 32]))),
        asset: asset(code),
        amount: Stroops::new(amount).unwrap(),
        transaction: TxHash([0; 32]),
        ledger: LedgerSeq(1),
        closed_at: at(closed),
        memo: Memo::None,
    }
}

fn submission(number: i64) -> SubmissionId {
    SubmissionId::new(number).unwrap()
}

fn awaiting_payment() -> Reservation {
    reservation(vec![option("TFT", 100)]).signed(at(1)).unwrap().accepted(at(2)).unwrap()
}

fn funded() -> Reservation {
    let waiting = awaiting_payment();
    let funding = waiting.quote.funding(&[payment(1, "TFT", 100, 10)]).unwrap().unwrap();
    waiting.funded(funding).unwrap()
}

fn settlement() -> Settlement {
    Settlement {
        transaction: Some(TxHash([9; 32])),
        ledger: Some(LedgerSeq(5)),
        at: at(20),
        pool: PoolId::new(1).unwrap(),
    }
}

#[test]
fn a_punctual_payment_leads_to_a_pool() {
    let settling = funded().settling(submission(1)).unwrap();
    let settled = settling.settled(submission(1), settlement()).unwrap();
    assert_eq!(settled.state.name(), "settled");
    assert!(settled.state.is_final());
}

#[test]
fn only_its_own_transaction_settles_or_releases_it() {
    let settling = funded().settling(submission(1)).unwrap();
    assert!(settling.clone().settled(submission(2), settlement()).is_err());
    assert!(settling.clone().settlement_released(submission(2)).is_err());
    let again = settling.settlement_released(submission(1)).unwrap();
    assert_eq!(again.state, funded().state);
}

#[test]
fn what_is_settled_changes_no_more() {
    let done = funded().settling(submission(1)).unwrap().settled(submission(1), settlement()).unwrap();
    let why = HoldReason { code: String::new(), detail: String::new() };
    assert!(done.clone().settling(submission(2)).is_err());
    assert!(done.clone().settlement_released(submission(1)).is_err());
    assert!(done.clone().held(submission(1), why, at(3)).is_err());
    assert!(done.clone().expired(at(3), None).is_err());
    assert!(done.clone().cancelled(at(3)).is_err());
    assert!(done.clone().refunding(RefundReason::Cancelled, at(3)).is_err());
    assert!(done.clone().signed(at(3)).is_err());
    assert!(done.accepted(at(3)).is_err());
}

#[test]
fn once_funded_it_cannot_expire_or_be_cancelled() {
    assert!(funded().expired(at(2_000), None).is_err());
    assert!(funded().cancelled(at(3)).is_err());
    assert!(funded().refunding(RefundReason::PaidInPart, at(3)).is_err());
}

#[test]
fn cancelling_is_asked_for_before_funding_and_the_first_request_stands() {
    let asked = awaiting_payment().cancel_requested(at(50)).unwrap();
    assert_eq!(asked.decided_after(), at(50));
    assert_eq!(asked.clone().cancel_requested(at(60)).unwrap(), asked);
    assert_eq!(awaiting_payment().cancel_requested(at(5_000)).unwrap().decided_after(), at(1_000));
    assert!(funded().cancel_requested(at(50)).is_err());
    assert!(asked.cancelled(at(51)).unwrap().state.is_cancelled());
}

#[test]
fn a_refused_settlement_is_held_and_can_be_taken_up_again() {
    let why = HoldReason { code: "op_no_trust".to_owned(), detail: String::new() };
    let held = funded().settling(submission(1)).unwrap().held(submission(1), why, at(9)).unwrap();
    assert_eq!(held.clone().whole_again().unwrap().state.name(), "funded");
    let back = held.refunding(RefundReason::SettlementImpossible, at(9)).unwrap();
    assert_eq!(back.refunded(at(10)).unwrap().state.name(), "refunded");
}

#[test]
fn the_pauses_of_what_is_held_double_over_tries_that_fail_again() {
    let why = || HoldReason { code: "op_underfunded".to_owned(), detail: String::new() };
    let seconds =
        |held: &Reservation, from: i64| held.state.next_look().unwrap().duration_since(at(from)).as_secs();
    let held = funded().settling(submission(1)).unwrap().held(submission(1), why(), at(9)).unwrap();
    assert_eq!(seconds(&held, 9), 60);
    let again = held.whole_again().unwrap().settling(submission(2)).unwrap();
    let mut held = again.held(submission(2), why(), at(80)).unwrap();
    assert_eq!(seconds(&held, 80), 120);
    for pause in [240, 480] {
        held = held.looked_at(at(1_000)).unwrap();
        assert_eq!(seconds(&held, 1_000), pause);
    }
    assert_eq!(seconds(&held.clone().looked_at_soon(at(1_000)).unwrap(), 1_000), 0);
    for _ in 0..100 {
        held = held.looked_at(at(1_000)).unwrap();
    }
    assert_eq!(seconds(&held, 1_000), 86_400);
    assert!(funded().looked_at(at(1)).is_err() && funded().lacking(None).is_err());
}

#[test]
fn what_was_held_before_its_lack_was_stored_is_still_read() {
    let State::Funded { funding } = funded().state else { panic!() };
    let why = HoldReason { code: "op_underfunded".to_owned(), detail: String::new() };
    let held = funded().settling(submission(1)).unwrap().held(submission(1), why, at(9)).unwrap();
    let held = held.lacking(Lack::of(&funding, Stroops::new(40).unwrap())).unwrap();
    assert_eq!(held.state.lacks().unwrap().amount.get(), funding.amount.get() - 40);
    assert_eq!(Lack::of(&funding, funding.amount), None);
    let mut json = serde_json::to_value(&held.state).unwrap();
    assert_eq!(serde_json::from_value::<State>(json.clone()).unwrap(), held.state);
    for field in ["lacks", "looks_again_at"] {
        json.as_object_mut().unwrap().remove(field).unwrap();
    }
    json["funding"].as_object_mut().unwrap().remove("tries").unwrap();
    let old: State = serde_json::from_value(json).unwrap();
    assert_eq!((old.lacks(), old.next_look()), (None, Some(at(69))));
}

#[test]
fn a_price_of_zero_is_funded_by_the_agreement_and_settled_without_a_transaction() {
    let free = reservation(vec![option("TFT", 0)]).signed(at(1)).unwrap().accepted(at(2)).unwrap();
    assert_eq!(free.state.name(), "funded");
    let settled = free.settled_free(at(3), PoolId::new(1).unwrap()).unwrap();
    assert_eq!(settled.state.name(), "settled");
    assert!(funded().settled_free(at(3), PoolId::new(1).unwrap()).is_err(), "money needs a transaction");
}

#[test]
fn the_lowest_operation_that_completes_an_option_wins() {
    let quote = reservation(vec![option("TFT", 100), option("TFTA", 50)]).quote;
    let payments = [
        payment(9, "TFT", 60, 5),
        payment(3, "TFT", 40, 4),
        payment(8, "TFTA", 50, 5),
        payment(7, "XYZ", 900, 4),
    ];
    let funding = quote.funding(&payments).unwrap().unwrap();
    assert_eq!(funding.asset, asset("TFTA"));
    assert_eq!(funding.payment.unwrap().operation, OperationId(8));
}

#[test]
fn the_deadlines_own_second_is_in_time_and_the_next_is_not() {
    let quote = reservation(vec![option("TFT", 100)]).quote;
    assert!(quote.funding(&[payment(1, "TFT", 100, 1_000)]).unwrap().is_some());
    assert!(quote.funding(&[payment(1, "TFT", 100, 1_001)]).unwrap().is_none());
}

#[test]
fn every_state_is_in_the_list_of_names() {
    for reservation in [awaiting_payment(), funded()] {
        assert!(STATE_NAMES.contains(&reservation.state.name()));
        let json = serde_json::to_value(&reservation.state).unwrap();
        assert_eq!(json["state"], reservation.state.name());
        assert_eq!(serde_json::from_value::<State>(json).unwrap(), reservation.state);
    }
}

proptest! {
    #[test]
    fn funding_does_not_depend_on_the_order_of_arrival(
        payments in proptest::collection::vec((0..50_i64, 0..3_usize, 1..60_i64, 900..1_100_i64), 0..12)
            .prop_map(|mut all| { all.sort(); all.dedup_by_key(|p| p.0); all }),
        rotation in 0..12_usize,
    ) {
        let quote = reservation(vec![option("TFT", 100), option("TFTA", 80)]).quote;
        let codes = ["TFT", "TFTA", "OTHER"];
        let mut payments: Vec<Payment> = payments
            .into_iter()
            .map(|(operation, code, amount, closed)| payment(operation, codes[code], amount, closed))
            .collect();
        let straight = quote.funding(&payments).unwrap();
        if !payments.is_empty() {
            let rotation = rotation % payments.len();
            payments.rotate_left(rotation);
        }
        prop_assert_eq!(&quote.funding(&payments).unwrap(), &straight);
        payments.reverse();
        prop_assert_eq!(&quote.funding(&payments).unwrap(), &straight);
        if let Some(funding) = straight {
            let received: i64 = payments
                .iter()
                .filter(|p| p.asset == funding.asset && p.closed_at <= quote.deadline)
                .filter(|p| Some(p.id) <= funding.payment)
                .map(|p| p.amount.get())
                .sum();
            prop_assert!(received >= funding.amount.get(), "funded only by what covers it");
        }
    }
}
