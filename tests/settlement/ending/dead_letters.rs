//! What the engine cannot bring further by itself: each is listed with what was tried, and what may safely be
//! done about it works.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use farmgate::access::create_key;
use farmgate::api::DeadLetter;
use farmgate::app::clock::SystemEntropy;
use farmgate::domain::claimable::ClaimableState;
use farmgate::domain::dead_letter::{Kind, LetterId};
use farmgate::domain::reservation::Reservation;
use farmgate::http::{AppState, Settings, router};
use farmgate::operator::{LetterFilter, dead_letters};
use farmgate::ports::clock::Clock;
use farmgate::ports::entropy::Entropy;
use farmgate::ports::store::Role;
use farmgate::settlement::EngineError;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::claimables::claimable_balances::{give_up_tft, waiting};
use crate::claimables::reclaims::{one_of_three_is_claimed, reclaimed, state, ticks};
use crate::support::on_both_databases;
use crate::world::faulty_network::faulty;
use crate::world::{FARMER, PAST_THE_DEADLINE_SECONDS, World, amount, price, share, wallet};

const ALWAYS: usize = usize::MAX;
const PURSE: &str = "10000";
/// Past the alarm about balances that nothing explains.
const PAST_THE_ALARM_SECONDS: i64 = 400;
/// Past the time at which the outcome of a transaction should have been found.
const PAST_ANY_OUTCOME_SECONDS: i64 = 1_000;

async fn letters(world: &World) -> Vec<DeadLetter> {
    let mut tx = world.store.begin_read().await.unwrap();
    let now = world.clock.now();
    let letters = dead_letters(&mut *tx, &LetterFilter::default(), now, None, 100).await.unwrap();
    let counts = tx.dead_letter_counts(now).await.unwrap();
    for (kind, count) in counts {
        let listed = letters.iter().filter(|letter| letter.kind == kind).count();
        assert_eq!(u64::try_from(listed).unwrap(), count, "{kind} is counted as it is listed");
    }
    letters
}

/// The only letter there is.
async fn only(world: &World, kind: Kind) -> DeadLetter {
    let mut letters = letters(world).await;
    assert_eq!(letters.len(), 1, "{letters:#?}");
    let letter = letters.remove(0);
    assert_eq!(letter.kind, kind, "{letter:#?}");
    assert_eq!(letter.id.parse::<LetterId>().unwrap().kind, kind);
    letter
}

fn names(letter: &DeadLetter) -> Vec<&'static str> {
    letter.actions.iter().map(|action| action.name).collect()
}

/// The ledger's verdict on the last transaction that was tried, which is kept with its envelope.
fn verdict(letter: &DeadLetter) -> (&'static str, Vec<String>) {
    let last = letter.transaction.as_ref().unwrap();
    assert!(last.envelope.len() > 100, "{last:?}");
    (last.state, last.operation_codes.clone())
}

/// Does what a letter says may be done, by the very request that it names; `body` instead of the example.
async fn act(world: &World, letter: &DeadLetter, name: &str, body: Option<Value>) -> Value {
    let action = letter.actions.iter().find(|action| action.name == name).unwrap();
    let entropy = SystemEntropy;
    let mut tx = world.store.begin().await.unwrap();
    let key_name = format!("operator {}", entropy.u64());
    let key = create_key(&mut *tx, &world.decider(), &key_name, Role::Operator, None).await.unwrap();
    tx.commit().await.unwrap();
    let router = router(AppState {
        store: world.store.clone(),
        clock: world.clock.clone(),
        entropy: Arc::new(SystemEntropy),
        settings: Settings::default(),
        reservations: world.settings.clone(),
        platform: wallet("platform").account(),
        network_passphrase: farmgate::domain::deployment::PUBLIC_PASSPHRASE.to_owned(),
        payout_change_delay_seconds: 0,
        holder: "serve-story".to_owned(),
        metrics: Arc::new(String::new),
    });
    let body = body.or_else(|| action.body.clone()).unwrap();
    let request = Request::builder()
        .method(action.method.unwrap())
        .uri(action.path.as_deref().unwrap())
        .header(header::AUTHORIZATION, format!("Bearer {}", key.secret.expose_secret()))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    let answer = router.oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = serde_json::from_slice(&to_bytes(answer.into_body(), usize::MAX).await.unwrap()).unwrap();
    assert_eq!(status, 200, "{body}");
    body
}

async fn assert_none(world: &World) {
    world.rest().await;
    assert_eq!(letters(world).await, []);
    world.assert_reconciled().await;
}

async fn paid_and_frozen(world: &World) -> Reservation {
    world.issuer_may_claw_back().await;
    world.customer("alice").await;
    let reservation = world.reserve().await;
    world.rest().await;
    world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
    world.freeze(reservation.escrow, true).await;
    world.until(reservation.id, "held").await
}

on_both_databases! {
    async fn a_held_reservation_is_a_dead_letter_until_somebody_has_it_settled(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let reservation = paid_and_frozen(&world).await;
        let letter = only(&world, Kind::HeldReservation).await;
        assert_eq!((letter.reservation_id, letter.tries), (Some(reservation.id), Some(1)));
        assert_eq!(letter.reason.as_deref(), Some("op_src_not_authorized"));
        let (state, codes) = verdict(&letter);
        assert!(state == "dead" || codes.iter().any(|code| code == "op_src_not_authorized"), "{letter:#?}");
        assert!(letter.next_look_at.is_some() && letter.payment_id.is_some());
        assert_eq!(names(&letter), ["wait", "settle", "refund"]);
        world.freeze(reservation.escrow, false).await;
        act(&world, &letter, "settle", None).await;
        world.until(reservation.id, "settled").await;
        assert_none(&world).await;
    }

    async fn a_held_reservation_is_a_dead_letter_until_somebody_has_its_money_sent_back(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.issuer_may_claw_back().await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        let quarter = share(price(&reservation), 25);
        world.claw_back(reservation.escrow, quarter).await;
        world.until(reservation.id, "held").await;
        let letter = only(&world, Kind::HeldReservation).await;
        assert_eq!(letter.lacks, Some(quarter), "{letter:#?}");
        act(&world, &letter, "refund", None).await;
        world.until(reservation.id, "refunded").await;
        assert_eq!(world.holds("alice", "TFT"), amount(PURSE).checked_sub(quarter).unwrap());
        assert_none(&world).await;
    }

    async fn a_return_to_who_demands_a_memo_is_a_dead_letter_until_somebody_tells_it(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("exchange").await;
        world.demand_memos("exchange").await;
        let reservation = world.reserve().await;
        world.pay("exchange", reservation.escrow, amount("1"), "TFT").await;
        world.rest().await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "refunding").await;
        world.rest().await;
        let letter = only(&world, Kind::UndeliverableReturn).await;
        let paid = world.payments(reservation.id).await[0].payment.id;
        assert_eq!((letter.payment_id, letter.reason.as_deref()), (Some(paid), Some("memo_demanded")));
        assert_eq!((letter.looks, letter.tries), (Some(1), Some(0)), "it was never sent");
        assert_eq!(names(&letter), ["wait", "return"]);
        world.clock.move_on(120);
        world.rest().await;
        let again = only(&world, Kind::UndeliverableReturn).await;
        assert_eq!((again.id.clone(), again.since, again.looks), (letter.id, letter.since, Some(2)));
        assert!(again.next_look_at > letter.next_look_at, "ever less often");
        let to = json!({ "address": wallet("exchange").account(), "memo": { "type": "id", "value": "7" } });
        act(&world, &again, "return", Some(to)).await;
        assert_eq!(letters(&world).await, [], "it goes another way, which was not tried yet");
        world.until(reservation.id, "refunded").await;
        assert_eq!(world.holds("exchange", "TFT"), amount(PURSE));
        assert_none(&world).await;
    }

    async fn money_of_a_merged_account_is_a_dead_letter_until_somebody_says_whose_it_is(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        for name in ["merger", "vault"] {
            world.fund(name).await;
        }
        let reservation = world.reserve().await;
        world.rest().await;
        world.merge("merger", reservation.escrow).await;
        world.rest().await;
        let brought = world.balance(reservation.escrow, "XLM");
        let letter = only(&world, Kind::UndeliverableReturn).await;
        assert_eq!((letter.reason.as_deref(), letter.amount), (Some("undecided"), Some(brought)));
        assert!(letter.summary.contains("merged"), "{}", letter.summary);
        assert_eq!(names(&letter), ["return"], "nothing happens by itself");
        let before = world.holds("vault", "XLM");
        let to = json!({ "address": wallet("vault").account() });
        act(&world, &letter, "return", Some(to)).await;
        world.until_holds("vault", "XLM", before.checked_add(brought).unwrap()).await;
        assert_none(&world).await;
    }

    async fn a_return_that_the_ledger_refuses_is_a_dead_letter_with_its_codes(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.rest().await;
        let alice = wallet("alice").account();
        let before = world.plain.account(alice).await.unwrap();
        faults.accounts_before.lock().unwrap().insert(alice, before);
        give_up_tft(&world, "alice").await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "refunding").await;
        for _ in 0..100 {
            if !letters(&world).await.is_empty() {
                break;
            }
            world.tick().await.unwrap();
            world.clock.move_on(10);
            world.next_ledger().await;
        }
        let letter = only(&world, Kind::UndeliverableReturn).await;
        assert_eq!((letter.tries, letter.reason.as_deref()), (Some(1), Some("refused")), "{letter:#?}");
        let last = letter.transaction.as_ref().unwrap();
        let told = [last.operation_codes.join(" "), last.last_answer.clone().unwrap_or_default()].concat();
        assert!(told.contains("op_no_trust") && last.envelope.len() > 100, "{letter:#?}");
        faults.accounts_before.lock().unwrap().clear();
        world.trust("alice", "TFT").await;
        world.clock.move_on(86_400);
        world.until(reservation.id, "refunded").await;
        assert_eq!(world.holds("alice", "TFT"), amount("1"));
        assert_none(&world).await;
    }

    async fn a_repayment_without_a_trust_line_is_a_dead_letter_until_it_goes_elsewhere(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let (balance, owed) = reclaimed(&world).await;
        let letter = only(&world, Kind::UnpaidRepayment).await;
        assert_eq!(letter.claimable_balance_id, Some(balance.id));
        assert_eq!((letter.reason.as_deref(), letter.amount), (Some("cannot_receive"), Some(owed)));
        assert_eq!(names(&letter), ["wait", "return"]);
        let before = world.holds(FARMER, "TFT");
        let to = json!({ "address": wallet(FARMER).account() });
        let returned = act(&world, &letter, "return", Some(to)).await;
        assert_eq!(
            (&returned["state"], &returned["to"]),
            (&json!("pending"), &json!(wallet(FARMER).account()))
        );
        world.until_holds(FARMER, "TFT", before.checked_add(owed).unwrap()).await;
        world.rest().await;
        assert_eq!(waiting(&world).await, (0, 0));
        assert_none(&world).await;
    }

    async fn a_balance_that_cannot_be_reclaimed_is_a_dead_letter_until_its_end_is_known(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        let (claimed, _) = one_of_three_is_claimed(&world, &faults).await;
        ticks(&world, 20).await;
        let letters = letters(&world).await;
        let letter = letters.iter().find(|letter| letter.kind == Kind::UntakeableBalance).unwrap();
        assert_eq!((letter.claimable_balance_id, letter.tries), (Some(claimed.id), Some(1)));
        assert_eq!(verdict(letter).0, "failed");
        assert!(letter.reason.as_deref().is_some_and(|code| code.starts_with("op_")), "{letter:#?}");
        assert_eq!(names(letter), ["wait"]);
        faults.no_ends.store(0, Ordering::SeqCst);
        world.clock.move_on(86_400);
        ticks(&world, 10).await;
        assert!(matches!(state(&world, &claimed).await, ClaimableState::Claimed { .. }));
        assert_none(&world).await;
    }

    async fn a_record_that_nobody_can_read_is_a_dead_letter_until_somebody_dismisses_it(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        faults.garbled.store(1, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.rest().await;
        let letter = only(&world, Kind::UnreadableRecord).await;
        assert_eq!(
            (letter.account, letter.reason.as_deref()),
            (Some(reservation.escrow), Some("made unreadable"))
        );
        assert_eq!(letter.record.as_deref(), Some(r#"{"type":"something new"}"#));
        assert!(letter.operation_id.is_some());
        let dismissed = act(&world, &letter, "dismiss", Some(json!({ "note": "seen" }))).await;
        assert_eq!((&dismissed["dismissed"]["note"], &dismissed["actions"]), (&json!("seen"), &json!([])));
        assert_eq!(letters(&world).await, []);
        act(&world, &letter, "dismiss", Some(json!({ "note": "again" }))).await;
        let filter = LetterFilter { dismissed: true, kind: None };
        let mut tx = world.store.begin_read().await.unwrap();
        let kept = dead_letters(&mut *tx, &filter, world.clock.now(), None, 100).await.unwrap();
        assert_eq!((kept.len(), kept[0].record.clone()), (1, letter.record), "it stays stored");
        assert_eq!(kept[0].dismissed.as_ref().unwrap().note, "seen");
        drop(tx);
        world.clock.move_on(PAST_THE_ALARM_SECONDS);
        world.rest().await;
        let unexplained = only(&world, Kind::UnexplainedAccount).await;
        assert_eq!(
            unexplained.account,
            Some(reservation.escrow),
            "its money is still there, and still not explained"
        );
        let lacking = (reservation.escrow, world.asset("TFT"), -amount("1").get());
        assert_eq!(world.differences().await, [lacking].into_iter().collect());
    }

    async fn an_account_that_no_history_explains_is_a_dead_letter_until_one_does(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        for looks in [&faults.no_history, &faults.no_effects] {
            looks.store(ALWAYS, Ordering::SeqCst);
        }
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.rest().await;
        assert_eq!(letters(&world).await, [], "Horizon may be behind for a moment");
        world.clock.move_on(PAST_THE_ALARM_SECONDS);
        world.rest().await;
        let letter = only(&world, Kind::UnexplainedAccount).await;
        assert_eq!((letter.account, letter.reservation_id), (Some(reservation.escrow), Some(reservation.id)));
        assert_eq!(names(&letter), ["wait", "look"]);
        for looks in [&faults.no_history, &faults.no_effects] {
            looks.store(0, Ordering::SeqCst);
        }
        world.clock.move_on(PAST_THE_ALARM_SECONDS);
        world.until(reservation.id, "settled").await;
        assert_none(&world).await;
    }

    async fn a_transaction_without_an_outcome_is_a_dead_letter_until_it_is_found(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        let channels = world.store.begin_read().await.unwrap().channels().await.unwrap().all().unwrap();
        for channel in channels {
            // An instance that stands still: it can prove nothing dead.
            let before = world.plain.account(channel.account).await.unwrap();
            faults.accounts_before.lock().unwrap().insert(channel.account, before);
        }
        faults.lost.store(ALWAYS, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settling").await;
        world.rest().await;
        assert_eq!(letters(&world).await, []);
        world.clock.move_on(PAST_ANY_OUTCOME_SECONDS);
        world.next_ledger().await;
        world.rest().await;
        let letter = only(&world, Kind::UnknownTransaction).await;
        let live = world.store.begin_read().await.unwrap().live_submissions().await.unwrap().all().unwrap();
        let last = letter.transaction.as_ref().unwrap();
        assert_eq!((last.id, last.state, &last.envelope), (live[0].id, "live", &live[0].envelope));
        assert!(last.sent > 0 && last.last_answer.is_some(), "{last:?}");
        assert_eq!(names(&letter), ["wait"], "what it moves is never tried again before that is known");
        faults.lost.store(0, Ordering::SeqCst);
        faults.accounts_before.lock().unwrap().clear();
        world.until(reservation.id, "settled").await;
        assert_none(&world).await;
    }

    async fn an_engine_that_stopped_for_a_person_is_a_dead_letter(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.pay("alice", reservation.escrow, amount("2"), "TFT").await;
        world.rest().await;
        world.steal("platform", reservation.escrow, amount("1"), "TFT").await;
        world.next_ledger().await;
        let mut since = None;
        for _ in 0..2 {
            let stopped = world.candidate("serve").run(std::future::pending()).await;
            let Err(EngineError::ForeignOutgoing { account, operation, .. }) = stopped else {
                panic!("{stopped:?}")
            };
            let letters = letters(&world).await;
            let letter = letters.iter().find(|letter| letter.kind == Kind::StoppedEngine).unwrap();
            assert_eq!((letter.account, letter.operation_id), (Some(account), Some(operation)));
            assert_eq!((account, names(letter)), (reservation.escrow, vec!["look", "accept"]));
            assert_eq!(*since.get_or_insert(letter.since), letter.since, "another engine stops for the same");
        }
    }
}
