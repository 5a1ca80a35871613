//! What belongs to no reservation: merges, what comes to the platform and to channels, what waits to be
//! claimed.

use std::sync::atomic::Ordering;

use farmgate::domain::address::AccountId;
use farmgate::domain::escrow::ChannelRole;
use farmgate::domain::ids::OperationId;
use farmgate::domain::journal::BookAccount;
use farmgate::domain::payment::{Attribution, PaymentKind};
use farmgate::domain::transfer::TransferState;
use farmgate::ports::store::{PaymentFilter, StoredPayment};
use farmgate::settlement::{EngineError, Settings};

use crate::support::on_both_databases;
use crate::world::faulty_network::faulty;
use crate::world::{PAST_THE_DEADLINE_SECONDS, World, amount, engine_settings, platform, price, wallet};

async fn taken_for(world: &World, attribution: Attribution) -> Vec<StoredPayment> {
    let filter = PaymentFilter { reservation: None, attribution: Some(attribution) };
    world.store.begin_read().await.unwrap().payments(&filter, None, 100).await.unwrap()
}

async fn a_channel(world: &World) -> AccountId {
    let channels = world.store.begin_read().await.unwrap().channels().await.unwrap().all().unwrap();
    channels.iter().find(|channel| channel.role == ChannelRole::Channel).unwrap().account
}

/// A world whose engine knows the operator's account.
async fn with_operator(store: &crate::support::TestStore) -> World {
    let world = World::new(store.store.clone()).await;
    let settings = Settings { funding_accounts: vec![wallet("operator").account()], ..engine_settings() };
    world.restart_with(world.store.clone(), world.network.clone(), settings);
    world.fund("operator").await;
    world.fund("stranger").await;
    world.reserve().await;
    world.rest().await;
    world
}

/// Ledgers that a restarted engine may read again.
const LEDGERS_READ_AGAIN: u32 = 100;

/// Up to where the platform's effects need not be looked at, as stored.
async fn effects_cursor(world: &World) -> OperationId {
    world.store.begin_read().await.unwrap().history_cursor(platform()).await.unwrap().unwrap().effects
}

on_both_databases! {
    async fn a_merge_into_an_escrow_account_is_listed_and_stays_owed(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        world.fund("merger").await;
        let reservation = world.reserve().await;
        world.rest().await;
        world.merge("merger", reservation.escrow).await;
        world.rest().await;
        let listed = taken_for(&world, Attribution::Unassigned).await;
        assert_eq!(listed.len(), 1);
        let payment = &listed[0].payment;
        assert_eq!((payment.kind, payment.from), (PaymentKind::Merge, Some(wallet("merger").address())));
        assert_eq!(payment.amount, world.balance(reservation.escrow, "XLM"));
        assert_eq!(world.book(BookAccount::Unattributed, "XLM").await, -payment.amount.get());
        assert!(world.store.begin_read().await.unwrap().quarantined(10).await.unwrap().is_empty());
        world.clock.move_on(200);
        world.rest().await;
        assert_eq!(taken_for(&world, Attribution::Unassigned).await.len(), 1, "it is taken in once");
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settled").await;
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn a_merge_is_taken_in_once_by_an_engine_that_has_forgotten_it(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        for name in ["merger", "second"] {
            world.fund(name).await;
        }
        let reservation = world.reserve().await;
        world.rest().await;
        world.merge("merger", reservation.escrow).await;
        world.rest().await;
        world.restart(world.store.clone(), world.network.clone());
        world.merge("second", reservation.escrow).await;
        world.rest().await;
        assert_eq!(taken_for(&world, Attribution::Unassigned).await.len(), 2);
        world.assert_reconciled().await;
    }

    async fn what_a_stranger_pays_to_the_platform_or_a_channel_goes_back(store: &TestStore) {
        let world = with_operator(store).await;
        let before = world.holds("stranger", "XLM");
        world.pay("stranger", platform(), amount("7"), "XLM").await;
        world.pay("stranger", a_channel(&world).await, amount("5"), "XLM").await;
        let fees = farmgate::domain::money::Stroops::new(200).unwrap();
        world.until_holds("stranger", "XLM", before.checked_sub(fees).unwrap()).await;
        world.rest().await;
        let listed = taken_for(&world, Attribution::Unassigned).await;
        assert_eq!(listed.len(), 2);
        for stored in &listed {
            let back = world.store.begin_read().await.unwrap().refund_of(stored.payment.id).await.unwrap();
            assert!(matches!(back.unwrap().state, TransferState::Confirmed { .. }));
        }
        assert_eq!(world.book(BookAccount::Unattributed, "XLM").await, 0);
        world.assert_reconciled().await;
    }

    async fn what_the_operator_pays_to_the_platform_or_a_channel_is_capital(store: &TestStore) {
        let world = with_operator(store).await;
        let before = world.book(BookAccount::Capital, "XLM").await;
        world.pay("operator", platform(), amount("7"), "XLM").await;
        world.pay("operator", a_channel(&world).await, amount("5"), "XLM").await;
        world.rest().await;
        assert_eq!(world.book(BookAccount::Capital, "XLM").await, before - amount("12").get());
        assert_eq!(taken_for(&world, Attribution::TopUp).await.len(), 2);
        world.assert_reconciled().await;
    }

    async fn an_operator_may_merge_an_account_into_the_platform_and_a_stranger_is_listed(store: &TestStore) {
        let world = with_operator(store).await;
        let before = world.book(BookAccount::Capital, "XLM").await;
        let brought = world.holds("operator", "XLM");
        world.merge("operator", platform()).await;
        world.merge("stranger", platform()).await;
        world.rest().await;
        let fee = 100;
        assert_eq!(world.book(BookAccount::Capital, "XLM").await, before - brought.get() + fee);
        let listed = taken_for(&world, Attribution::Unassigned).await;
        assert_eq!((listed.len(), listed[0].payment.kind), (1, PaymentKind::Merge));
        world.assert_reconciled().await;
    }

    async fn opening_accounts_is_no_money_that_came_or_went(store: &TestStore) {
        let world = with_operator(store).await;
        world.pay("operator", platform(), amount("1"), "XLM").await;
        world.rest().await;
        assert_eq!(taken_for(&world, Attribution::Unassigned).await.len(), 0);
        assert_eq!(taken_for(&world, Attribution::TopUp).await.len(), 1);
        world.assert_reconciled().await;
    }

    async fn money_taken_from_the_platform_by_somebody_with_our_key_stops_the_engine(store: &TestStore) {
        let world = with_operator(store).await;
        world.steal_native("platform", platform(), amount("3")).await;
        world.next_ledger().await;
        let error = world.tick().await.unwrap_err();
        assert!(matches!(error, EngineError::ForeignOutgoing { account, .. } if account == platform()));
    }

    async fn money_taken_from_a_channel_by_somebody_with_our_key_stops_the_engine(store: &TestStore) {
        let world = with_operator(store).await;
        let channel = a_channel(&world).await;
        world.steal_native("platform", channel, amount("3")).await;
        world.next_ledger().await;
        let error = world.tick().await.unwrap_err();
        assert!(matches!(error, EngineError::ForeignOutgoing { account, .. } if account == channel));
    }

    async fn money_taken_from_an_account_of_nobody_stops_the_engine_though_effects_lag(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.issuer_may_claw_back().await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        world.rest().await;
        let account = world.waiting_account(reservation.escrow).await;
        world.pay("alice", account, amount("3"), "TFT").await;
        world.freeze(wallet("alice").account(), true).await;
        world.rest().await;
        world.steal("platform", account, amount("1"), "TFT").await;
        world.next_ledger().await;
        faults.no_effects.store(usize::MAX, Ordering::SeqCst);
        let error = world.tick().await.unwrap_err();
        assert!(matches!(error, EngineError::ForeignOutgoing { account: from, .. } if from == account));
    }

    async fn claimable_balances_of_strangers_are_listed_and_never_claimed(store: &TestStore) {
        let world = with_operator(store).await;
        world.customer("alice").await;
        world.put_aside_for("stranger", platform(), amount("4"), "XLM").await;
        world.clock.move_on(601);
        world.rest().await;
        let listed = world.store.begin_read().await.unwrap().foreign_claimables(None, 10).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!((listed[0].claimant, listed[0].amount), (platform(), amount("4")));
        assert_eq!(listed[0].sponsor, Some(wallet("stranger").account()));
        world.assert_reconciled().await;
        world.take_aside_back("stranger", &listed[0].id).await;
        world.clock.move_on(601);
        world.rest().await;
        assert!(
            world.store.begin_read().await.unwrap().foreign_claimables(None, 10).await.unwrap().is_empty()
        );
    }

    async fn claimable_balances_for_an_escrow_account_are_looked_for_before_its_end(store: &TestStore) {
        let world = with_operator(store).await;
        let reservation = world.reserve().await;
        world.rest().await;
        world.put_aside_for("stranger", reservation.escrow, amount("4"), "XLM").await;
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        world.until(reservation.id, "expired").await;
        let listed = world.store.begin_read().await.unwrap().foreign_claimables(None, 10).await.unwrap();
        assert!(listed.iter().any(|one| one.claimant == reservation.escrow), "{listed:?}");
    }

    async fn a_claim_made_by_hand_with_the_platforms_key_is_listed_and_stays(store: &TestStore) {
        let world = with_operator(store).await;
        world.put_aside_for("stranger", platform(), amount("4"), "XLM").await;
        world.clock.move_on(601);
        world.rest().await;
        let listed = world.store.begin_read().await.unwrap().foreign_claimables(None, 10).await.unwrap();
        world.take_aside_back("platform", &listed[0].id).await;
        world.rest().await;
        let taken = taken_for(&world, Attribution::Unassigned).await;
        assert_eq!(
            (taken.len(), taken[0].payment.kind, taken[0].payment.from),
            (1, PaymentKind::Claim, None)
        );
        assert_eq!(world.book(BookAccount::Unattributed, "XLM").await, -amount("4").get());
        let fee = (platform(), farmgate::domain::asset::Asset::Native, 100);
        assert_eq!(world.differences().await, [fee].into(), "its fee was not ours to pay");
    }

    async fn a_restarted_engine_goes_on_in_the_platforms_effects_from_where_it_was(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        for name in ["stranger", "second"] {
            world.fund(name).await;
        }
        world.reserve().await;
        world.rest().await;
        let before = effects_cursor(&world).await;
        // Explained while nothing of ours is under way, more ledgers later than are read again without harm.
        for _ in 0..=LEDGERS_READ_AGAIN {
            world.next_ledger().await;
        }
        world.pay("stranger", platform(), amount("1"), "XLM").await;
        world.rest().await;
        world.clock.move_on(601);
        world.rest().await;
        let stored = effects_cursor(&world).await;
        assert!(stored.ledger().0 > before.ledger().0 + LEDGERS_READ_AGAIN, "{before:?} {stored:?}");
        faults.effects_after.lock().unwrap().clear();
        world.restart(world.store.clone(), world.network.clone());
        world.merge("second", platform()).await;
        world.rest().await;
        let asked = faults.effects_after.lock().unwrap().clone();
        let first =
            asked.iter().find(|(account, _)| *account == platform()).expect("only effects tell of a merge").1;
        assert!(first.is_some_and(|after| after.operation >= stored), "{first:?} {stored:?}");
        let merged = taken_for(&world, Attribution::Unassigned).await;
        assert!(merged.iter().any(|one| one.payment.kind == PaymentKind::Merge), "nothing is skipped");
        world.assert_reconciled().await;
    }

    async fn a_strangers_first_payment_to_the_platform_reads_nothing_that_is_explained(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        for name in ["stranger", "alice"] {
            world.customer(name).await;
        }
        let reservation = world.reserve().await;
        world.rest().await;
        let opened = world.sandbox.sandbox.with_ledger(|ledger| ledger.latest().ledger);
        for _ in 0..=LEDGERS_READ_AGAIN {
            world.next_ledger().await;
        }
        // Changes the platform's account: another one is opened.
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settled").await;
        world.reserve().await;
        world.rest().await;
        faults.payments_after.lock().unwrap().clear();
        world.restart(world.store.clone(), world.network.clone());
        world.pay("stranger", platform(), amount("0.0000001"), "XLM").await;
        world.rest().await;
        let asked = faults.payments_after.lock().unwrap().clone();
        let first = asked.iter().find(|(account, _)| *account == platform()).expect("it is read").1;
        assert!(first.ledger() > opened, "{first:?}, all was explained since ledger {opened}");
        assert_eq!(taken_for(&world, Attribution::Unassigned).await.len(), 1);
        world.assert_reconciled().await;
    }

    async fn who_makes_our_key_a_signer_is_none_of_ours(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("stranger").await;
        world.reserve().await;
        world.rest().await;
        let accounts = world.reconcile().await.accounts;
        world.names_our_signer("stranger").await;
        world.rest().await;
        world.assert_reconciled().await;
        assert_eq!(world.reconcile().await.accounts, accounts);
    }

    async fn what_effects_have_not_told_yet_is_not_skipped_by_a_restart(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.fund("stranger").await;
        world.reserve().await;
        world.rest().await;
        for _ in 0..=LEDGERS_READ_AGAIN {
            world.next_ledger().await;
        }
        faults.no_effects.store(usize::MAX, std::sync::atomic::Ordering::SeqCst);
        let merged_in = world.sandbox.sandbox.with_ledger(|ledger| ledger.latest().ledger);
        world.merge("stranger", platform()).await;
        world.rest().await;
        assert!(effects_cursor(&world).await.ledger() <= merged_in, "the merge is not in the books");
        faults.no_effects.store(0, std::sync::atomic::Ordering::SeqCst);
        world.restart(world.store.clone(), world.network.clone());
        world.rest().await;
        assert_eq!(taken_for(&world, Attribution::Unassigned).await.len(), 1);
        world.assert_reconciled().await;
    }
}
