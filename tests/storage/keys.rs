//! What the database itself refuses: rows that exist, and changes of what has changed.

use farmgate::domain::claimable::Claimable;
use farmgate::domain::escrow::{Channel, EscrowAccount, EscrowState};
use farmgate::domain::ids::*;
use farmgate::domain::journal::Entry;
use farmgate::domain::pool::Pool;
use farmgate::domain::reservation::Reservation;
use farmgate::domain::sealing::SealedSecret;
use farmgate::domain::transfer::{Submission, SubmissionState, Transfer};
use farmgate::ports::store::*;

use crate::samples::*;
use crate::support::{TestStore, on_both_databases};

/// Runs `$work` in a transaction of its own; the constraint that refused it. The transaction must be over
/// then.
macro_rules! refused_by {
    ($database:expr, |$tx:ident| $work:expr) => {{
        let mut $tx = $database.store.begin().await.unwrap();
        let constraint = match $work {
            Err(StoreError::Exists { constraint }) => constraint,
            other => panic!("{:?}", other.map(drop)),
        };
        match $tx.commit().await {
            Err(StoreError::Exists { .. }) => constraint,
            other => panic!("committed after a refusal: {other:?}"),
        }
    }};
}

macro_rules! conflicts {
    ($database:expr, |$tx:ident| $work:expr) => {{
        let mut $tx = $database.store.begin().await.unwrap();
        let outcome = $work.map(drop);
        assert!(matches!(outcome, Err(StoreError::Conflict { .. })), "{outcome:?}");
        assert!(matches!($tx.commit().await, Err(StoreError::Conflict { .. })));
    }};
}

async fn commit<F>(database: &TestStore, work: F)
where
    F: AsyncFnOnce(&mut dyn Tx) -> Result<(), StoreError>,
{
    let mut tx = database.store.begin().await.unwrap();
    work(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

on_both_databases! {
    async fn an_id_drawn_twice_is_told_apart(database: &TestStore) {
        commit(database, async |tx| {
            tx.insert_reservation(&reservation(1)).await?;
            tx.insert_transfers(&[transfer(1, 0)]).await?;
            tx.insert_submission(&submission(1)).await?;
            tx.insert_escrow(&escrow(1, EscrowState::Ready)).await?;
            tx.insert_channel(&channel(1)).await?;
            tx.insert_sealed_secret(&sealed_secret(1)).await?;
            tx.insert_api_key(&api_key(1, "one")).await?;
            assert_eq!(tx.post(&entry(1, 1, 5)).await?, Applied::Executed);
            Ok(())
        })
        .await;
        let other = Reservation { escrow: account(9), ..reservation(1) };
        assert_eq!(refused_by!(database, |tx| tx.insert_reservation(&other).await), Constraint::Id);
        let other = [transfer(1, 7)];
        assert_eq!(refused_by!(database, |tx| tx.insert_transfers(&other).await), Constraint::Id);
        let other = Submission { id: submission_id(1), ..submission(2) };
        assert_eq!(refused_by!(database, |tx| tx.insert_submission(&other).await), Constraint::Id);
        let other = escrow(1, EscrowState::Ready);
        assert_eq!(refused_by!(database, |tx| tx.insert_escrow(&other).await), Constraint::Id);
        assert_eq!(refused_by!(database, |tx| tx.insert_channel(&channel(1)).await), Constraint::Id);
        let other = SealedSecret { account: account(1), ..sealed_secret(2) };
        assert_eq!(refused_by!(database, |tx| tx.insert_sealed_secret(&other).await), Constraint::Id);
        let other = ApiKey { id: ApiKeyId::new(1).unwrap(), ..api_key(2, "two") };
        assert_eq!(refused_by!(database, |tx| tx.insert_api_key(&other).await), Constraint::Id);
        let other = ApiKey { secret_hash: [1; 32], ..api_key(2, "two") };
        assert_eq!(refused_by!(database, |tx| tx.insert_api_key(&other).await), Constraint::Id);
        let lines = entry(1, 1, 5).postings().to_vec();
        let cause = entry(2, 1, 5).cause().clone();
        let other = Entry::new(EntryId::new(1).unwrap(), cause, None, at(1), lines).unwrap();
        assert_eq!(refused_by!(database, |tx| tx.post(&other).await), Constraint::Id);
    }

    async fn a_cause_is_posted_once_whatever_its_entrys_id(database: &TestStore) {
        let first = entry(1, 1, 5);
        let (cause, lines) = (first.cause().clone(), first.postings().to_vec());
        let again = Entry::new(EntryId::new(2).unwrap(), cause, None, at(1), lines).unwrap();
        let mut tx = database.store.begin().await.unwrap();
        assert_eq!(tx.post(&first).await.unwrap(), Applied::Executed);
        assert_eq!(tx.post(&again).await.unwrap(), Applied::AlreadyApplied);
        tx.commit().await.unwrap();
        assert_eq!(database.raw().await.numbers("SELECT COUNT(*) FROM journal_postings").await, [2]);
        assert_eq!(
            database.raw().await.numbers("SELECT amount FROM journal_balances WHERE amount > 0").await,
            [5]
        );
    }

    async fn a_transfer_has_one_live_or_paid_attempt_for_ever(database: &TestStore) {
        let sent = transfer(1, 0).sent(submission_id(4)).unwrap();
        let paid = sent.clone().confirmed(submission_id(4), OperationId(5), at(1)).unwrap();
        let second = transfer(1, 0).sent(submission_id(5)).unwrap();
        commit(database, async |tx| {
            tx.insert_transfers(&[transfer(1, 0)]).await?;
            tx.update_transfer(&transfer(1, 0), &sent).await
        })
        .await;
        // As if our own state had been forgotten: the key alone stands in the way.
        database.tamper("UPDATE transfers SET state = 'pending', submission = NULL").await;
        let again = transfer(1, 0);
        assert_eq!(
            refused_by!(database, |tx| tx.update_transfer(&again, &second).await),
            Constraint::TransferAttempt
        );
        assert_eq!(
            refused_by!(database, |tx| tx.update_transfer(&again, &sent).await),
            Constraint::TransferAttempt
        );
        database.tamper("UPDATE transfers SET state = 'in_flight', submission = 4").await;
        commit(database, async |tx| tx.update_transfer(&sent, &paid).await).await;
        database
            .tamper(
                "UPDATE transfers SET state = 'pending', submission = NULL, operation = NULL,
                    confirmed_at = NULL",
            )
            .await;
        assert_eq!(
            refused_by!(database, |tx| tx.update_transfer(&again, &second).await),
            Constraint::TransferAttempt
        );
    }

    async fn a_reservation_has_one_transfer_per_ordinal(database: &TestStore) {
        commit(database, async |tx| tx.insert_transfers(&[transfer(1, 0)]).await).await;
        let other = [transfer(2, 0)];
        assert_eq!(
            refused_by!(database, |tx| tx.insert_transfers(&other).await),
            Constraint::TransferOrdinal
        );
    }

    async fn a_channel_lends_itself_to_one_transaction_and_each_number_once(database: &TestStore) {
        let first = submission(1);
        commit(database, async |tx| tx.insert_submission(&first).await).await;
        let next = Submission { channel: first.channel, sequence: 12, ..submission(2) };
        assert_eq!(refused_by!(database, |tx| tx.insert_submission(&next).await), Constraint::ChannelLease);
        let twin = Submission { hash: first.hash, ..submission(2) };
        assert_eq!(refused_by!(database, |tx| tx.insert_submission(&twin).await), Constraint::SubmissionHash);

        let confirmed = SubmissionState::Confirmed { ledger: LedgerSeq(5), at: at(5) };
        let done = first.clone().resolved(confirmed).unwrap();
        commit(database, async |tx| tx.resolve_submission(&done).await).await;
        let same_number = Submission { sequence: 11, ..next.clone() };
        assert_eq!(
            refused_by!(database, |tx| tx.insert_submission(&same_number).await),
            Constraint::SubmissionHash
        );
        commit(database, async |tx| tx.insert_submission(&next).await).await;
        let dead = next.resolved(SubmissionState::Dead { proved_at: LedgerSeq(6) }).unwrap();
        commit(database, async |tx| tx.resolve_submission(&dead).await).await;
        let again = Submission { channel: first.channel, sequence: 12, ..submission(3) };
        commit(database, async |tx| tx.insert_submission(&again).await).await;
    }

    async fn a_reservation_is_granted_once_in_all_pools(database: &TestStore) {
        commit(database, async |tx| tx.insert_pool(&pool(1)).await).await;
        assert_eq!(refused_by!(database, |tx| tx.insert_pool(&pool(1)).await), Constraint::PoolGrant);
        let other = Pool { grants: vec![grant(1)], ..pool(2) };
        assert_eq!(refused_by!(database, |tx| tx.insert_pool(&other).await), Constraint::PoolGrant);
    }

    async fn an_escrow_account_has_one_reservation_and_the_other_way_round(database: &TestStore) {
        let assigned = EscrowState::Assigned { reservation: reservation_id(1) };
        commit(database, async |tx| {
            tx.insert_reservation(&reservation(1)).await?;
            tx.insert_escrow(&escrow(1, assigned)).await
        })
        .await;
        let other = Reservation { escrow: account(1), ..reservation(2) };
        assert_eq!(
            refused_by!(database, |tx| tx.insert_reservation(&other).await),
            Constraint::ReservationEscrow
        );
        let other = escrow(2, assigned);
        assert_eq!(refused_by!(database, |tx| tx.insert_escrow(&other).await), Constraint::ReservationEscrow);
    }

    async fn names_of_keys_and_requests_are_taken_once(database: &TestStore) {
        let key = IdempotencyKey { api_key: ApiKeyId::new(1).unwrap(), key: "k".to_owned() };
        let answer = StoredAnswer { request_hash: [1; 32], status: 200, body: String::new(), at: at(1) };
        commit(database, async |tx| {
            tx.insert_api_key(&api_key(1, "one")).await?;
            tx.keep_answer(&key, &answer).await
        })
        .await;
        let other = api_key(2, "one");
        assert_eq!(refused_by!(database, |tx| tx.insert_api_key(&other).await), Constraint::ApiKeyName);
        assert_eq!(
            refused_by!(database, |tx| tx.keep_answer(&key, &answer).await),
            Constraint::IdempotencyKey
        );
    }

    async fn a_change_of_what_has_changed_is_a_conflict(database: &TestStore) {
        let opening = Channel { opening: Some(submission_id(9)), ..channel(2) };
        commit(database, async |tx| {
            tx.insert_reservation(&reservation(1)).await?;
            tx.insert_escrow(&escrow(1, EscrowState::Ready)).await?;
            tx.insert_pool(&pool(1)).await?;
            tx.insert_channel(&opening).await?;
            tx.insert_transfers(&[transfer(1, 0)]).await?;
            tx.insert_submission(&submission(1)).await
        })
        .await;
        let stale = Reservation { version: 1, ..reservation(1) };
        conflicts!(database, |tx| tx.update_reservation(&stale).await);
        let stale = EscrowAccount { version: 1, ..escrow(1, EscrowState::Ready) };
        conflicts!(database, |tx| tx.update_escrow(&stale).await);
        let stale = Pool { version: 1, ..pool(1) };
        conflicts!(database, |tx| tx.update_pool(&stale).await);
        for stale in [Channel { sequence: 4, ..opening.clone() }, channel(2)] {
            conflicts!(database, |tx| tx.update_channel(&stale, &channel(2)).await);
        }
        let stale = Channel { opening: Some(submission_id(8)), ..opening };
        conflicts!(database, |tx| tx.remove_channel(&stale).await);
        let stale = transfer(1, 0).sent(submission_id(3)).unwrap();
        let after = stale.clone().released(submission_id(3)).unwrap();
        conflicts!(database, |tx| tx.update_transfer(&stale, &after).await);
        conflicts!(database, |tx| tx.count_attempt(submission_id(77)).await);
        let dead = submission(1).resolved(SubmissionState::Dead { proved_at: LedgerSeq(6) }).unwrap();
        commit(database, async |tx| tx.resolve_submission(&dead).await).await;
        conflicts!(database, |tx| tx.resolve_submission(&dead).await);
        conflicts!(database, |tx| tx.count_attempt(dead.id).await);
    }

    async fn a_transfer_has_one_claimable_balance(database: &TestStore) {
        commit(database, async |tx| {
            tx.insert_transfers(&[transfer(1, 0), transfer(2, 1)]).await?;
            tx.insert_claimable(&claimable(1)).await
        })
        .await;
        let twice = Claimable { transfer: TransferId::new(2).unwrap(), ..claimable(1) };
        assert_eq!(refused_by!(database, |tx| tx.insert_claimable(&twice).await), Constraint::Claimable);
        let second = Claimable { id: ClaimableId([9; 32]), ..claimable(1) };
        assert_eq!(refused_by!(database, |tx| tx.insert_claimable(&second).await), Constraint::Claimable);
        let claimed = claimable(1).claimed(OperationId(7), at(9)).unwrap();
        commit(database, async |tx| tx.update_claimable(&claimable(1), &claimed).await).await;
        let taking = claimable(1).reclaiming(submission_id(7)).unwrap();
        conflicts!(database, |tx| tx.update_claimable(&claimable(1), &taking).await);
        let elsewhere = Transfer { to: account(66).into(), ..transfer(2, 1) };
        let sent = elsewhere.clone().sent(submission_id(7)).unwrap();
        conflicts!(database, |tx| tx.update_transfer(&elsewhere, &sent).await);
        let delivered = transfer(3, 2).as_claimable().unwrap();
        conflicts!(database, |tx| tx.redirect_transfer(&transfer(3, 2), &delivered).await);
    }

    async fn what_no_use_case_may_ask_for_is_refused(database: &TestStore) {
        macro_rules! refused {
            (|$tx:ident| $work:expr) => {{
                let mut $tx = database.store.begin().await.unwrap();
                let outcome = $work.map(drop);
                assert!(matches!(outcome, Err(StoreError::Refused { .. })), "{outcome:?}");
                assert!($tx.commit().await.is_err());
            }};
        }
        let sent = transfer(1, 0).sent(submission_id(4)).unwrap();
        let mut paid_elsewhere = transfer(1, 0);
        paid_elsewhere.to = account(66).into();
        refused!(|tx| tx.insert_reservation(&Reservation { version: 1, ..reservation(1) }).await);
        refused!(|tx| tx.insert_pool(&Pool { version: 1, ..pool(1) }).await);
        refused!(|tx| tx.insert_transfers(&[sent.clone()]).await);
        refused!(|tx| tx.update_transfer(&transfer(1, 0), &paid_elsewhere).await);
        refused!(|tx| tx.resolve_submission(&submission(1)).await);
        let claimed = claimable(1).claimed(OperationId(7), at(9)).unwrap();
        refused!(|tx| tx.insert_claimable(&claimed).await);
        let richer = Claimable { amount: stroops(901), ..claimable(1) };
        refused!(|tx| tx.update_claimable(&claimable(1), &richer).await);
        let richer = Transfer { amount: stroops(901), ..transfer(1, 0) };
        refused!(|tx| tx.redirect_transfer(&transfer(1, 0), &richer).await);
        refused!(|tx| tx.escrows_at_rest(&[account(1); 201]).await);
        refused!(|tx| tx.insert_transfers(&[Transfer { amount: stroops(0), ..transfer(1, 0) }]).await);
        refused!(|tx| tx.escrows(&[account(1); 201]).await);
        refused!(|tx| tx.payout_checks(&[account(1); 201]).await);
        let dead = SubmissionState::Dead { proved_at: LedgerSeq(6) };
        refused!(|tx| tx.insert_submission(&Submission { state: dead, ..submission(1) }).await);
    }
}
