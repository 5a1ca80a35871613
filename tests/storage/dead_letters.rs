//! What the engine cannot bring further: kept, listed by id page by page, and gone when it goes on.

use std::collections::BTreeMap;

use farmgate::domain::address::Address;
use farmgate::domain::claimable::Claimable;
use farmgate::domain::dead_letter::{Kind, Undelivered, Why};
use farmgate::domain::escrow::{EscrowState, Watch};
use farmgate::domain::ids::*;
use farmgate::domain::payment::{Memo, PaymentId};
use farmgate::domain::refund::RefundAddress;
use farmgate::domain::reservation::{Funding, HoldReason, State};
use farmgate::domain::transfer::{Delivery, Submission, Transfer, TransferKind};
use farmgate::ports::store::*;

use crate::samples::*;
use crate::support::on_both_databases;

fn transfer_id(number: i64) -> TransferId {
    TransferId::new(number).unwrap()
}

fn refund(number: i64, delivery: Delivery) -> Transfer {
    let payment = PaymentId { operation: OperationId(number), change: 0 };
    let of_none = Transfer { reservation: None, ordinal: 0, delivery, ..transfer(number, 0) };
    Transfer { kind: TransferKind::Refund { payment }, ..of_none }
}

fn repayment(number: u8) -> Transfer {
    let kind = TransferKind::Repayment { claimable: ClaimableId([number; 32]) };
    Transfer { kind, ..refund(number.into(), Delivery::Payment) }
}

fn record(number: u8, json: &str) -> Quarantined {
    let (json, reason) = (json.to_owned(), "no amount".to_owned());
    Quarantined { account: account(number), operation: None, json, reason, at: at(number.into()) }
}

fn undelivered(second: i64) -> Undelivered {
    Undelivered::again(None, Why::NoAccount, at(second))
}

on_both_databases! {
    async fn records_are_listed_by_account_until_they_are_dismissed(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        for (number, json) in [(2, "{}"), (1, "{}"), (1, "[]")] {
            assert_eq!(tx.quarantine(&record(number, json)).await.unwrap(), Applied::Executed);
        }
        let all = tx.quarantined_records(false, None, 10).await.unwrap().all().unwrap();
        assert_eq!(all.len(), 3);
        assert!(all.is_sorted_by(
            |one, next| (one.id.0.to_string(), &one.id.1) < (next.id.0.to_string(), &next.id.1)
        ));
        let mut paged = Vec::new();
        while let Some(one) = tx
            .quarantined_records(false, paged.last().map(|last: &QuarantinedRecord| last.id.clone()), 1)
            .await
            .unwrap()
            .all()
            .unwrap()
            .pop()
        {
            paged.push(one);
        }
        assert_eq!(paged, all);
        let dismissal = Dismissal { at: at(50), by: "API key 1".to_owned(), note: "seen\0".to_owned() };
        let again = Dismissal { at: at(60), note: "again".to_owned(), ..dismissal.clone() };
        assert_eq!(tx.dismiss_record(&all[1].id, &dismissal).await.unwrap(), Applied::Executed);
        assert_eq!(tx.dismiss_record(&all[1].id, &again).await.unwrap(), Applied::AlreadyApplied);
        let kept = Some(Dismissal { note: "seen\u{fffd}".to_owned(), ..dismissal });
        let expected = QuarantinedRecord { dismissed: kept, ..all[1].clone() };
        assert_eq!(tx.quarantined_record(&all[1].id).await.unwrap(), Some(expected.clone()));
        assert_eq!(tx.quarantined_records(true, None, 10).await.unwrap().all().unwrap(), [expected]);
        assert_eq!(
            tx.quarantined_records(false, None, 10).await.unwrap().all().unwrap(),
            [all[0].clone(), all[2].clone()]
        );
        assert_eq!(tx.quarantined(10).await.unwrap().len(), 2);
        let once = record(if all[1].id.0 == account(1) { 1 } else { 2 }, &all[1].record.json);
        assert_eq!(tx.quarantine(&once).await.unwrap(), Applied::AlreadyApplied, "it is not put aside again");
        let unknown = (account(9), "00".to_owned());
        assert_eq!(tx.dismiss_record(&unknown, &again).await.unwrap(), Applied::AlreadyApplied);
        assert_eq!(tx.quarantined_record(&unknown).await.unwrap(), None);
        tx.commit().await.unwrap();
    }

    async fn what_could_not_be_delivered_is_kept_until_it_goes_another_way_or_is_paid(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        let (fresh, tried, undecided) =
            (refund(1, Delivery::Payment), refund(2, Delivery::Payment), refund(3, Delivery::Undecided));
        let taken_back = repayment(4);
        tx.insert_transfers(&[fresh.clone(), tried.clone(), undecided.clone(), taken_back.clone()])
            .await
            .unwrap();
        tx.set_undelivered(&tried, &undelivered(5)).await.unwrap();
        let twice = Undelivered::again(Some(undelivered(5)), Why::MemoDemanded, at(90));
        tx.set_undelivered(&tried, &twice).await.unwrap();
        assert_eq!((twice.since, twice.looks), (at(5), 2));
        let expected = [(tried.clone(), Some(twice)), (undecided.clone(), None)];
        assert_eq!(tx.returns_undelivered(None, 10).await.unwrap().all().unwrap(), expected);
        assert_eq!(tx.returns_undelivered(Some(tried.id), 10).await.unwrap().all().unwrap(), expected[1..]);
        assert_eq!(tx.returns_undelivered(None, 1).await.unwrap().all().unwrap(), expected[..1]);
        assert_eq!(
            tx.repayments_unpaid(None, 10).await.unwrap().all().unwrap(),
            [(taken_back.clone(), None)]
        );
        assert_eq!(tx.repayments_unpaid(Some(taken_back.id), 10).await.unwrap().all().unwrap(), []);

        let to = RefundAddress::new(Address::Account(account(77)), Memo::None).unwrap();
        let redirected = tried.clone().redirected(&to).unwrap();
        tx.redirect_transfer(&tried, &redirected).await.unwrap();
        assert_eq!(tx.undelivered(tried.id).await.unwrap(), None);
        tx.set_undelivered(&tried, &twice).await.unwrap();
        assert_eq!(
            tx.undelivered(tried.id).await.unwrap(),
            None,
            "what is known of the old way is not the new one's"
        );
        assert_eq!(tx.returns_undelivered(None, 10).await.unwrap().all().unwrap(), expected[1..]);

        // One try that had no effect, and one that pays.
        tx.set_undelivered(&redirected, &twice).await.unwrap();
        let sent = redirected.clone().sent(submission_id(1)).unwrap();
        tx.update_transfer(&redirected, &sent).await.unwrap();
        assert_eq!(
            tx.returns_undelivered(None, 10).await.unwrap().all().unwrap(),
            expected[1..],
            "it is on its way"
        );
        assert_eq!(tx.tries_of(tried.id).await.unwrap(), Tries::default());
        tx.update_transfer(&sent, &redirected).await.unwrap();
        assert_eq!(tx.tries_of(tried.id).await.unwrap(), Tries { count: 1, last: Some(submission_id(1)) });
        assert_eq!(
            tx.returns_undelivered(None, 10).await.unwrap().all().unwrap()[0],
            (redirected.clone(), Some(twice))
        );
        let sent = redirected.clone().sent(submission_id(2)).unwrap();
        tx.update_transfer(&redirected, &sent).await.unwrap();
        let paid = sent.clone().confirmed(submission_id(2), OperationId(9), at(100)).unwrap();
        tx.update_transfer(&sent, &paid).await.unwrap();
        assert_eq!(tx.undelivered(tried.id).await.unwrap(), None);
        tx.set_undelivered(&undecided, &undelivered(1)).await.unwrap();
        tx.update_transfer(&undecided, &undecided.clone().cancelled(at(9)).unwrap()).await.unwrap();
        assert_eq!(tx.undelivered(undecided.id).await.unwrap(), None);
        assert_eq!(tx.undelivered(transfer_id(99)).await.unwrap(), None);
        tx.commit().await.unwrap();
    }

    async fn balances_that_are_not_reclaimed_are_listed_with_what_was_tried(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        for number in 1..=4 {
            tx.insert_transfers(&[refund(number.into(), Delivery::Payment)]).await.unwrap();
            let reclaim_from = at(if number == 4 { 10 } else { 1_000 });
            tx.insert_claimable(&Claimable { reclaim_from, ..claimable(number) }).await.unwrap();
        }
        let balance = |number| Claimable { reclaim_from: at(1_000), ..claimable(number) };
        for submission in [7, 8] {
            let taking = balance(2).reclaiming(submission_id(submission)).unwrap();
            tx.update_claimable(&balance(2), &taking).await.unwrap();
            assert_eq!(
                tx.claimables_not_reclaimed(at(1_500), at(100), None, 10).await.unwrap().len(),
                1,
                "tried now"
            );
            tx.update_claimable(&taking, &taking.clone().released().unwrap()).await.unwrap();
        }
        let taking = balance(3).reclaiming(submission_id(8)).unwrap();
        tx.update_claimable(&balance(3), &taking).await.unwrap();
        let listed = tx.claimables_not_reclaimed(at(1_500), at(100), None, 10).await.unwrap().all().unwrap();
        assert_eq!(listed.iter().map(|one| one.id).collect::<Vec<_>>(), [claimable(2).id, claimable(4).id]);
        let rest = tx
            .claimables_not_reclaimed(at(1_500), at(100), Some(listed[0].id), 10)
            .await
            .unwrap()
            .all()
            .unwrap();
        assert_eq!(rest, listed[1..]);
        assert_eq!(tx.claimables_not_reclaimed(at(999), at(9), None, 10).await.unwrap().all().unwrap(), []);
        let tries = tx.tries_to_reclaim(claimable(2).id).await.unwrap();
        assert_eq!(tries, Tries { count: 2, last: Some(submission_id(8)) });
        assert_eq!(tx.tries_to_reclaim(claimable(4).id).await.unwrap(), Tries::default());
        tx.commit().await.unwrap();
    }

    async fn accounts_that_nothing_explains_are_listed_by_account(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        for (number, since) in [(3, Some(10)), (1, Some(20)), (2, None), (4, Some(30))] {
            let watch = Watch { dirty_since: since.map(at), ..escrow(number, EscrowState::Ready).watch };
            tx.insert_escrow(&farmgate::domain::escrow::EscrowAccount {
                watch,
                ..escrow(number, EscrowState::Ready)
            })
            .await
            .unwrap();
        }
        let listed = tx.escrows_unexplained(at(20), None, 10).await.unwrap().all().unwrap();
        let mut expected = [account(1), account(3)];
        expected.sort_by_key(ToString::to_string);
        assert_eq!(listed.iter().map(|one| one.account).collect::<Vec<_>>(), expected);
        assert_eq!(
            tx.escrows_unexplained(at(20), Some(expected[0]), 10).await.unwrap().all().unwrap(),
            listed[1..]
        );
        assert_eq!(tx.escrows_unexplained(at(9), None, 10).await.unwrap().all().unwrap(), []);
        tx.commit().await.unwrap();
    }

    async fn each_kind_is_counted(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        let now = at(1_000_000);
        let none: BTreeMap<Kind, u64> = Kind::ALL.iter().map(|kind| (*kind, 0)).collect();
        assert_eq!(tx.dead_letter_counts(now).await.unwrap(), none);
        let stopped = Stopped {
            account: account(1),
            operation: OperationId(7),
            transaction: TxHash([7; 32]),
            since: at(3),
        };
        let status = EngineStatus {
            ticked_at: at(5),
            ledger: LedgerSeq(6),
            ledger_closed_at: at(4),
            swept_at: None,
            trouble: None,
            stream_away_since: None,
            builds_nothing_before: None,
            stopped: Some(stopped),
            server: None,
            left_alone: None,
        };
        tx.report(&status).await.unwrap();
        let _ = tx.quarantine(&record(1, "{}")).await.unwrap();
        let (key, reason) = ("id 1".to_owned(), "it is NULL".to_owned());
        let row = UnreadableRow { table: "farms", column: "owner", key, reason };
        tx.note_unreadable(&[row], at(1)).await.unwrap();
        let funding = Funding { asset: asset("TFT"), amount: stroops(1), payment: None, at: at(1), tries: 1 };
        let why = HoldReason { code: "op_underfunded".to_owned(), detail: String::new() };
        let state = State::Held { funding, why, since: at(1), lacks: None, looks_again_at: None };
        tx.insert_reservation(&farmgate::domain::reservation::Reservation { state, ..reservation(1) })
            .await
            .unwrap();
        tx.insert_transfers(&[refund(1, Delivery::Undecided), refund(2, Delivery::Payment), repayment(4)])
            .await
            .unwrap();
        tx.insert_claimable(&claimable(1)).await.unwrap();
        let watch = Watch { dirty_since: Some(at(1)), ..escrow(1, EscrowState::Ready).watch };
        tx.insert_escrow(&farmgate::domain::escrow::EscrowAccount { watch, ..escrow(1, EscrowState::Ready) })
            .await
            .unwrap();
        tx.insert_submission(&Submission { max_time: at(10), ..submission(1) }).await.unwrap();
        let one: BTreeMap<Kind, u64> = Kind::ALL.iter().map(|kind| (*kind, 1)).collect();
        assert_eq!(tx.dead_letter_counts(now).await.unwrap(), one);
        tx.commit().await.unwrap();
    }
}
