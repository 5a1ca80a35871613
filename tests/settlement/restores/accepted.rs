//! Operations that are not ours: a person may accept them, and the engine goes on.

use std::sync::Arc;

use farmgate::app::clock::SystemEntropy;
use farmgate::domain::ids::OperationId;
use farmgate::domain::journal::BookAccount;
use farmgate::domain::payment::Memo;
use farmgate::operator::{AcceptError, accept};
use farmgate::ports::store::{Applied, Stopped};
use farmgate::settlement::{Candidate, EngineError, Outside, Settings};

use super::running::{Running, status, until};
use crate::support::on_both_databases;
use crate::world::{PAST_THE_DEADLINE_SECONDS, World, amount, engine_settings, wallet};

const OPERATOR: &str = "operator";

fn candidate(world: &World) -> Candidate {
    let outside = Outside {
        store: world.store.clone(),
        network: world.network.clone(),
        clock: world.clock.clone(),
        entropy: Arc::new(SystemEntropy),
    };
    let funding_accounts = vec![wallet(OPERATOR).account()];
    Candidate::new(outside, Settings { funding_accounts, ..engine_settings() }, "one")
}

/// Runs an engine that stops for an operation that is not ours.
async fn stops(world: &World) -> Stopped {
    let ended = candidate(world).run(std::future::pending()).await;
    assert!(matches!(ended, Err(EngineError::ForeignOutgoing { .. })), "{ended:?}");
    status(world).await.unwrap().stopped.unwrap()
}

async fn accepts(
    world: &World,
    operation: OperationId,
    reason: &str,
) -> Result<(Stopped, Applied), AcceptError> {
    let mut tx = world.store.begin().await.unwrap();
    let accepted = accept(&mut *tx, &world.decider(), operation, reason).await;
    tx.commit().await.unwrap();
    accepted
}

on_both_databases! {
    async fn what_was_accepted_is_a_loss_in_the_books_and_the_engine_goes_on(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        for name in ["alice", OPERATOR] {
            world.customer(name).await;
        }
        let reservation = world.reserve().await;
        world.pay("alice", reservation.escrow, amount("3"), "TFT").await;
        world.rest().await;
        world.steal("platform", reservation.escrow, amount("2"), "TFT").await;
        let stopped = stops(&world).await;
        assert_eq!(stopped.account, reservation.escrow);

        let other = OperationId(stopped.operation.0 + 1);
        let refused = accepts(&world, other, "another").await;
        assert!(matches!(refused, Err(AcceptError::AnotherOperation { .. })), "{refused:?}");
        let refused = accepts(&world, stopped.operation, " ").await;
        assert!(matches!(refused, Err(AcceptError::Reason)), "{refused:?}");
        assert_eq!(stops(&world).await.operation, stopped.operation, "nothing was accepted yet");

        let first = accepts(&world, stopped.operation, "a test of the auditor's").await.unwrap();
        assert_eq!(first, (stopped, Applied::Executed));
        let again = accepts(&world, stopped.operation, "said twice").await.unwrap();
        assert_eq!(again.1, Applied::AlreadyApplied);
        let mut tx = world.store.begin_read().await.unwrap();
        let kept = tx.accepted_operations(stopped.account, None, 10).await.unwrap();
        assert_eq!((kept.len(), kept[0].reason.as_str()), (1, "a test of the auditor's"));
        drop(tx);

        let running = Running::of(candidate(&world));
        until(&world, "the loss is booked", async || {
            world.book(BookAccount::AcceptedLosses, "TFT").await == 20_000_000
        })
        .await;
        until(&world, "the engine goes on", async || status(&world).await.unwrap().stopped.is_none()).await;
        // What was taken is still owed to who paid it: the operator fills the account.
        world.clock.move_on(PAST_THE_DEADLINE_SECONDS);
        until(&world, "refunding", async || world.state(reservation.id).await == "refunding").await;
        assert_eq!(world.holds("alice", "TFT"), amount("9997"));
        world.pay(OPERATOR, reservation.escrow, amount("2"), "TFT").await;
        until(&world, "everything is back", async || world.holds("alice", "TFT") == amount("10000")).await;
        until(&world, "refunded", async || world.state(reservation.id).await == "refunded").await;
        // A return needs the money in the account alone: it may be out before the operator's payment is read.
        until(&world, "the operator's payment is booked", async || {
            world.book(BookAccount::Capital, "TFT").await == -20_000_000
        })
        .await;
        running.ends().await;
        assert_eq!(world.book(BookAccount::AcceptedLosses, "TFT").await, 20_000_000, "booked once");
        world.assert_reconciled().await;
    }

    async fn what_was_accepted_begins_no_refund_whatever_its_memo_says(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.customer("alice").await;
        let reservation = world.reserve().await;
        let paid = world.pay("alice", reservation.escrow, amount("3"), "TFT").await;
        world.rest().await;
        let memo = Memo::Return(paid.hash);
        world.steal_with("platform", reservation.escrow, (amount("2"), "TFT"), memo).await;
        let stopped = stops(&world).await;
        assert_eq!(world.state(reservation.id).await, "awaiting_payment");
        let (_, applied) = accepts(&world, stopped.operation, "a test of the auditor's").await.unwrap();
        assert_eq!(applied, Applied::Executed);
        let running = Running::of(candidate(&world));
        until(&world, "the loss is booked", async || {
            world.book(BookAccount::AcceptedLosses, "TFT").await == 20_000_000
        })
        .await;
        assert_eq!(world.state(reservation.id).await, "awaiting_payment", "the rest may still come");
        running.ends().await;
    }

    async fn nothing_is_accepted_while_the_engine_runs_well(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let refused = accepts(&world, OperationId(1), "why not").await;
        assert!(matches!(refused, Err(AcceptError::NotStopped)), "{refused:?}");
    }
}
