//! What is stored comes back the same, and lists are in order.

use farmgate::domain::address::Address;
use farmgate::domain::asset::Asset;
use farmgate::domain::escrow::{ChannelRole, EscrowAccount, EscrowState, HistoryCursor, Watch};
use farmgate::domain::event::EventKind;
use farmgate::domain::ids::*;
use farmgate::domain::journal::BookAccount;
use farmgate::domain::payment::{Attribution, PaymentId};
use farmgate::domain::pool::Extension;
use farmgate::domain::reservation::{Funding, HoldReason, RefundReason, Settlement};
use farmgate::domain::tenant::Tenant;
use farmgate::domain::transfer::{Delivery, ResultCodes, SubmissionState, Transfer, TransferKind};
use farmgate::ports::store::*;

use crate::samples::*;
use crate::support::on_both_databases;

/// The tenant of all samples.
fn here() -> Tenant {
    Tenant::default()
}

on_both_databases! {
    async fn the_catalog_is_replaced_and_listed_in_order(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        assert_eq!(tx.put_farm(&farm(2)).await.unwrap(), Put::Created);
        assert_eq!(tx.put_farm(&farm(1)).await.unwrap(), Put::Created);
        let renamed =
            farmgate::domain::farm::Farm { tenant: Tenant::default(), name: "other".to_owned(), ..farm(2) };
        assert_eq!(tx.put_farm(&renamed).await.unwrap(), Put::Replaced);
        for (number, farm) in [(12, 1), (11, 2), (10, 1)] {
            assert_eq!(tx.put_node(&node(number, farm)).await.unwrap(), Put::Created);
        }
        assert_eq!(tx.put_identity(&identity(5)).await.unwrap(), Put::Created);
        for code in ["TFT", "FreeTFT", "aTFT"] {
            assert_eq!(tx.put_currency(&currency(code), None).await.unwrap(), Put::Created);
        }
        let tft = currency("TFT");
        assert_eq!(tx.put_currency(&tft, Some(tft.rate_at)).await.unwrap(), Put::Replaced);
        tx.commit().await.unwrap();
        for over in [None, Some(at(999))] {
            let mut tx = database.store.begin().await.unwrap();
            let error = tx.put_currency(&tft, over).await.unwrap_err();
            assert!(matches!(error, StoreError::Conflict { .. }), "{over:?}: {error}");
            tx.rollback().await.unwrap();
        }

        let mut tx = database.store.begin_read().await.unwrap();
        assert_eq!(tx.farm(&here(), renamed.id).await.unwrap(), Some(renamed.clone()));
        assert_eq!(tx.farms(&here(), None, 10).await.unwrap().all().unwrap(), [farm(1), renamed.clone()]);
        assert_eq!(tx.farms(&here(), Some(farm(1).id), 10).await.unwrap().all().unwrap(), [renamed]);
        assert_eq!(tx.node(&here(), node_id(11)).await.unwrap(), Some(node(11, 2)));
        assert_eq!(tx.node(&here(), node_id(99)).await.unwrap(), None);
        assert_eq!(
            tx.nodes(&here(), None, Some(node_id(10)), 1).await.unwrap().all().unwrap(),
            [node(11, 2)]
        );
        assert_eq!(
            tx.nodes(&here(), Some(farm(1).id), None, 10).await.unwrap().all().unwrap(),
            [node(10, 1), node(12, 1)]
        );
        assert_eq!(tx.identity(&here(), identity(5).id).await.unwrap(), Some(identity(5)));
        assert_eq!(tx.identities(&here(), None, 10).await.unwrap().all().unwrap(), [identity(5)]);
        assert_eq!(tx.currency("TFT".parse().unwrap()).await.unwrap(), Some(currency("TFT")));
        let codes: Vec<_> =
            tx.currencies(None, 10).await.unwrap().all().unwrap().into_iter().map(|each| each.code).collect();
        assert_eq!(
            codes,
            ["FreeTFT", "TFT", "aTFT"].map(|code| code.parse().unwrap()),
            "in the order of bytes"
        );
        assert_eq!(
            tx.currencies(Some("TFT".parse().unwrap()), 10).await.unwrap().all().unwrap(),
            [currency("aTFT")]
        );
        tx.rollback().await.unwrap();
    }

    async fn a_reservation_survives_in_every_state(database: &TestStore) {
        let funding = Funding {
            asset: asset("TFT"),
            amount: stroops(1_000),
            payment: Some(PaymentId { operation: OperationId(5), change: 1 }),
            at: at(900),
            tries: 0,
        };
        let settlement = Settlement {
            transaction: Some(TxHash([1; 32])),
            ledger: Some(LedgerSeq(5)),
            at: at(901),
            pool: PoolId::new(7).unwrap(),
        };
        let why = HoldReason { code: "op_no_trust".to_owned(), detail: "“no” trust".to_owned() };
        let new = reservation(1);
        let waiting = new.clone().signed(at(1)).unwrap().accepted(at(2)).unwrap();
        let settling = waiting.clone().funded(funding.clone()).unwrap().settling(submission_id(4)).unwrap();
        let refunding = new.clone().refunding(RefundReason::PaidInPart, at(3)).unwrap();
        let ways = vec![
            new.clone(),
            new.clone().signed(at(1)).unwrap(),
            waiting.clone(),
            waiting.clone().funded(funding).unwrap(),
            settling.clone(),
            settling.clone().settled(submission_id(4), settlement).unwrap(),
            new.clone().signed(at(1)).unwrap().rejected("full".to_owned(), at(2)).unwrap(),
            new.clone().cancelled(at(2)).unwrap(),
            new.clone().expired(at(2), Some(LedgerSeq(8))).unwrap(),
            refunding.clone(),
            refunding.refunded(at(4)).unwrap(),
            settling.held(submission_id(4), why, at(5)).unwrap(),
        ];
        let mut tx = database.store.begin().await.unwrap();
        tx.insert_reservation(&new).await.unwrap();
        for (version, way) in (0..).zip(ways) {
            let way = farmgate::domain::reservation::Reservation { version, ..way };
            let stored = tx.update_reservation(&way).await.unwrap();
            assert_eq!(stored.version, version + 1);
            assert_eq!(tx.reservation(way.id).await.unwrap(), Some(stored));
        }
        assert_eq!(tx.reservation_counts().await.unwrap(), [("held".to_owned(), 1)]);
        tx.commit().await.unwrap();
    }

    async fn reservations_are_found_by_what_is_asked(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        for number in 1..=4 {
            let mut reservation = reservation(number);
            reservation.order.customer = IdentityId::new(if number < 3 { 1 } else { 2 }).unwrap();
            reservation.quote.deadline = at(1_000 - i64::from(number));
            if number % 2 == 0 {
                reservation = reservation.cancelled(at(1)).unwrap();
            }
            tx.insert_reservation(&reservation).await.unwrap();
        }
        let customer = IdentityId::new(2).ok();
        let mut found = Vec::new();
        for filter in [
            ReservationFilter::default(),
            ReservationFilter { state: Some("cancelled"), ..ReservationFilter::default() },
            ReservationFilter { tenant: Some(here()), state: None, customer },
            ReservationFilter { tenant: Some(here()), state: Some("cancelled"), customer },
        ] {
            let list = tx.reservations(&filter, None, 10).await.unwrap().all().unwrap();
            found.push(list.iter().map(|each| each.id.get()).collect::<Vec<_>>());
        }
        assert_eq!(found, [vec![1, 2, 3, 4], vec![2, 4], vec![3, 4], vec![4]]);
        let page = tx
            .reservations(&ReservationFilter::default(), Some(reservation_id(2)), 1)
            .await
            .unwrap()
            .all()
            .unwrap();
        assert_eq!(page[0].id, reservation_id(3));
        let overdue = tx.reservations_overdue(at(999), None, 10).await.unwrap().all().unwrap();
        assert_eq!(
            overdue.iter().map(|each| each.id.get()).collect::<Vec<_>>(),
            [3],
            "at the deadline is in time"
        );
        let overdue = tx.reservations_overdue(at(1_000), None, 10).await.unwrap().all().unwrap();
        assert_eq!(
            overdue.iter().map(|each| each.id.get()).collect::<Vec<_>>(),
            [3, 1],
            "longest overdue first"
        );
        assert_eq!(tx.reservation_by_escrow(account(2)).await.unwrap().unwrap().id, reservation_id(2));
        assert_eq!(tx.reservation_by_escrow(account(99)).await.unwrap(), None);
        tx.commit().await.unwrap();
    }

    async fn payments_are_stored_once_and_found(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        let mut second = payment(5, Some(1));
        second.payment.id.change = 1;
        second.payment.from = None;
        second.payment.to_muxed_id = None;
        second.attribution = Attribution::Late;
        let unassigned = payment(4, None);
        for each in [&payment(5, Some(1)), &second, &unassigned] {
            assert_eq!(tx.insert_payment(each).await.unwrap(), Applied::Executed);
            assert_eq!(tx.insert_payment(each).await.unwrap(), Applied::AlreadyApplied);
        }
        tx.commit().await.unwrap();
        let mut tx = database.store.begin().await.unwrap();
        assert_eq!(tx.insert_payment(&second).await.unwrap(), Applied::AlreadyApplied);
        assert_eq!(tx.payment(second.payment.id).await.unwrap(), Some(second.clone()));
        let all = PaymentFilter::default();
        assert_eq!(
            tx.payments(&all, None, 10).await.unwrap(),
            [unassigned.clone(), payment(5, Some(1)), second.clone()]
        );
        assert_eq!(tx.payments(&all, Some(payment(5, None).payment.id), 10).await.unwrap(), [second.clone()]);
        let of = PaymentFilter { reservation: Some(reservation_id(1)), attribution: None };
        assert_eq!(tx.payments(&of, None, 10).await.unwrap(), [payment(5, Some(1)), second.clone()]);
        let late = PaymentFilter { attribution: Some(Attribution::Late), ..of };
        assert_eq!(tx.payments(&late, None, 10).await.unwrap(), [second]);
        let unknown = PaymentFilter { reservation: None, attribution: Some(Attribution::Unassigned) };
        assert_eq!(tx.payments(&unknown, None, 10).await.unwrap(), [unassigned]);
        let record = |json: &str, second| Quarantined {
            account: account(1),
            operation: Some(OperationId(5)),
            json: json.to_owned(),
            reason: "no amount".to_owned(),
            at: at(second),
        };
        assert_eq!(tx.quarantine(&record("{}", 2)).await.unwrap(), Applied::Executed);
        assert_eq!(tx.quarantine(&record("[]", 1)).await.unwrap(), Applied::Executed);
        assert_eq!(tx.quarantine(&record("{}", 3)).await.unwrap(), Applied::AlreadyApplied);
        assert_eq!(tx.quarantined(10).await.unwrap(), [record("[]", 1), record("{}", 2)]);
        tx.commit().await.unwrap();
    }

    async fn a_pool_grows_and_never_shrinks(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        tx.insert_pool(&pool(1)).await.unwrap();
        let mut bigger = tx.pool(pool(1).id).await.unwrap().unwrap();
        assert_eq!(bigger, pool(1));
        bigger.grants.push(grant(5));
        bigger.nodes.insert(node_id(9));
        bigger.free_only = true;
        let bigger = tx.update_pool(&bigger).await.unwrap();
        assert_eq!(bigger.version, 1);
        tx.insert_pool(&pool(2)).await.unwrap();
        tx.commit().await.unwrap();

        let mut tx = database.store.begin_read().await.unwrap();
        assert_eq!(tx.pool(bigger.id).await.unwrap(), Some(bigger.clone()));
        let all = PoolFilter::default();
        assert_eq!(tx.pools(&all, None, 10).await.unwrap().all().unwrap(), [bigger.clone(), pool(2)]);
        assert_eq!(tx.pools(&all, Some(bigger.id), 10).await.unwrap().all().unwrap(), [pool(2)]);
        let on_node = PoolFilter { tenant: Some(here()), customer: None, node: Some(node_id(9)) };
        assert_eq!(tx.pools(&on_node, None, 10).await.unwrap().all().unwrap(), [bigger.clone()]);
        let customer =
            PoolFilter { tenant: Some(here()), customer: IdentityId::new(1).ok(), node: Some(node_id(9)) };
        assert_eq!(tx.pools(&customer, None, 10).await.unwrap().all().unwrap(), [bigger.clone()]);
        let nobody = PoolFilter { tenant: Some(here()), customer: IdentityId::new(2).ok(), node: None };
        assert_eq!(tx.pools(&nobody, None, 10).await.unwrap().all().unwrap(), []);
        assert!(tx.node_is_under_free_pool(&here(), node_id(9)).await.unwrap());
        assert!(!tx.node_is_under_free_pool(&here(), node_id(8)).await.unwrap());
        tx.rollback().await.unwrap();

        let mut tx = database.store.begin().await.unwrap();
        let mut changed = bigger;
        changed.grants[0].until = at(999);
        assert!(matches!(tx.update_pool(&changed).await, Err(StoreError::Refused { .. })));
        assert!(tx.commit().await.is_err());
    }

    async fn a_node_is_under_a_free_pool_that_is_still_being_bought(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        tx.insert_pool(&pool(1)).await.unwrap();
        let mut free = reservation(20);
        free.quote.options = vec![option("TFT"), option("FreeTFT")];
        free.order.nodes = vec![node_id(30)];
        free.order.extends = Some(Extension::Time { pool: pool(1).id });
        let mut paid = reservation(21);
        paid.order.nodes = vec![node_id(31)];
        paid.order.extends = Some(Extension::Time { pool: pool(1).id });
        tx.insert_reservation(&paid).await.unwrap();
        assert!(!tx.node_is_under_free_pool(&here(), node_id(31)).await.unwrap());
        tx.insert_reservation(&free).await.unwrap();
        let claims = tx.pool_claims(pool(1).id).await.unwrap();
        assert_eq!(claims, PoolClaims { play_money: true, nodes: [node_id(30), node_id(31)].into() });
        for (node, why) in
            [(30, "its own"), (1, "of the pool it extends"), (31, "of another that extends that pool")]
        {
            assert!(tx.node_is_under_free_pool(&here(), node_id(node)).await.unwrap(), "{why}");
        }
        assert!(!tx.node_is_under_free_pool(&here(), node_id(32)).await.unwrap());
        let done = free.cancelled(at(5)).unwrap();
        tx.update_reservation(&done).await.unwrap();
        let claims = tx.pool_claims(pool(1).id).await.unwrap();
        assert_eq!(claims, PoolClaims { play_money: false, nodes: [node_id(31)].into() });
        for node in [30, 1, 31] {
            assert!(
                !tx.node_is_under_free_pool(&here(), node_id(node)).await.unwrap(),
                "{node} after it was called off"
            );
        }
        tx.commit().await.unwrap();
    }

    async fn transfers_go_out_with_their_transaction(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        let refund = Transfer {
            kind: TransferKind::Refund { payment: PaymentId { operation: OperationId(5), change: 0 } },
            to: Address::Muxed { account: account(5), id: u64::MAX },
            ..transfer(2, 1)
        };
        tx.insert_transfers(&[transfer(1, 0), refund.clone()]).await.unwrap();
        assert_eq!(tx.transfers_of(reservation_id(1)).await.unwrap(), [transfer(1, 0), refund.clone()]);
        tx.insert_submission(&submission(4)).await.unwrap();
        let sent = transfer(1, 0).sent(submission_id(4)).unwrap();
        tx.update_transfer(&transfer(1, 0), &sent).await.unwrap();
        let released = sent.clone().released(submission_id(4)).unwrap();
        tx.update_transfer(&sent, &released).await.unwrap();
        let again = released.clone().sent(submission_id(6)).unwrap();
        tx.update_transfer(&released, &again).await.unwrap();
        let paid = again.clone().confirmed(submission_id(6), OperationId(77), at(6)).unwrap();
        tx.update_transfer(&again, &paid).await.unwrap();
        let ids = [refund.id, paid.id];
        assert_eq!(tx.transfers(&ids).await.unwrap(), [refund, paid]);
        tx.commit().await.unwrap();
    }

    async fn a_transfer_changes_how_it_is_delivered_and_moves_home_only_while_pending(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        tx.insert_transfers(&[transfer(1, 0), transfer(2, 1)]).await.unwrap();
        assert!(tx.money_is_owed_from(account(1)).await.unwrap());
        assert!(!tx.money_is_owed_from(account(2)).await.unwrap());
        let claimable = transfer(1, 0).as_claimable().unwrap();
        tx.redirect_transfer(&transfer(1, 0), &claimable).await.unwrap();
        tx.insert_submission(&submission(4)).await.unwrap();
        let sent = transfer(2, 1).sent(submission_id(4)).unwrap();
        tx.update_transfer(&transfer(2, 1), &sent).await.unwrap();
        tx.sweep_to_platform(account(1), account(99)).await.unwrap();
        // The platform cannot sponsor itself.
        let moved = Transfer { from: account(99), delivery: Delivery::Payment, ..claimable };
        assert_eq!(tx.transfers_of(reservation_id(1)).await.unwrap(), [moved, sent.clone()]);
        assert!(tx.money_is_owed_from(account(1)).await.unwrap(), "in flight");
        let paid = sent.clone().confirmed(submission_id(4), OperationId(77), at(6)).unwrap();
        tx.update_transfer(&sent, &paid).await.unwrap();
        assert!(!tx.money_is_owed_from(account(1)).await.unwrap());
        tx.commit().await.unwrap();
    }

    async fn payout_accounts_are_looked_at_in_turn(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        tx.watch_payouts(&[account(1), account(2), account(3)]).await.unwrap();
        let new = |number| PayoutCheck { account: account(number), memo_required: false, checked_at: None };
        let seen =
            |number, second| PayoutCheck { memo_required: true, checked_at: Some(at(second)), ..new(number) };
        for check in [seen(1, 20), seen(2, 10)] {
            tx.set_payout_check(&check).await.unwrap();
        }
        tx.watch_payouts(&[account(2), account(3)]).await.unwrap();
        assert_eq!(
            tx.payout_checks(&[account(2), account(9)]).await.unwrap(),
            [seen(2, 10)],
            "it stays known"
        );
        assert_eq!(
            tx.payouts_to_check(at(21), 9).await.unwrap().all().unwrap(),
            [new(3), seen(2, 10), seen(1, 20)]
        );
        assert_eq!(tx.payouts_to_check(at(20), 2).await.unwrap().all().unwrap(), [new(3), seen(2, 10)]);
        assert_eq!(tx.payouts_to_check(at(10), 9).await.unwrap().all().unwrap(), [new(3)]);
        let unwatched = tx.set_payout_check(&seen(9, 1)).await;
        assert!(matches!(unwatched, Err(StoreError::Conflict { .. })), "{unwatched:?}");
    }

    async fn only_returns_of_what_counted_keep_a_reservation(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        let mut late = payment(5, Some(1));
        late.payment.id.change = 1;
        late.attribution = Attribution::Late;
        let counted = payment(5, Some(1));
        let returns = |number, ordinal, of: &StoredPayment| Transfer {
            kind: TransferKind::Refund { payment: of.payment.id },
            ..transfer(number, ordinal)
        };
        let id = reservation_id(1);
        for (number, of) in (1..).zip([&late, &counted]) {
            assert!(!tx.counted_returns_open(id).await.unwrap());
            assert_eq!(tx.insert_payment(of).await.unwrap(), Applied::Executed);
            let ordinal = u16::try_from(number).unwrap();
            tx.insert_transfers(&[returns(number, ordinal, of)]).await.unwrap();
        }
        assert!(tx.counted_returns_open(id).await.unwrap());
        assert!(!tx.counted_returns_open(reservation_id(2)).await.unwrap());
        tx.insert_submission(&submission(4)).await.unwrap();
        let pending = returns(2, 2, &counted);
        let sent = pending.clone().sent(submission_id(4)).unwrap();
        tx.update_transfer(&pending, &sent).await.unwrap();
        assert!(tx.counted_returns_open(id).await.unwrap(), "it is on its way");
        let paid = sent.clone().confirmed(submission_id(4), OperationId(77), at(6)).unwrap();
        tx.update_transfer(&sent, &paid).await.unwrap();
        assert!(!tx.counted_returns_open(id).await.unwrap(), "what was late is still owed");
        tx.commit().await.unwrap();
    }

    async fn a_claimable_balance_survives_in_every_state(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        tx.insert_transfers(&[transfer(1, 0), transfer(2, 1), transfer(3, 2), transfer(4, 3)]).await.unwrap();
        for number in [3, 1, 2, 4] {
            tx.insert_claimable(&claimable(number)).await.unwrap();
        }
        let [one, two, three] = [1, 2, 3].map(claimable);
        assert_eq!(tx.claimables_open(None, 2).await.unwrap().all().unwrap(), [one.clone(), two.clone()]);
        assert_eq!(
            tx.claimables_reclaimable(at(102), None, 9).await.unwrap().all().unwrap(),
            [one.clone(), two.clone()]
        );
        let first = Some((one.reclaim_from, one.id));
        assert_eq!(
            tx.claimables_reclaimable(at(102), first, 9).await.unwrap().all().unwrap(),
            std::slice::from_ref(&two)
        );
        let claimed = one.clone().claimed(OperationId(9), at(7)).unwrap();
        let taking = two.clone().reclaiming(submission_id(4)).unwrap();
        let clawed_back = three.clone().clawed_back(OperationId(8), at(7)).unwrap();
        for (before, after) in [(&one, &claimed), (&two, &taking), (&three, &clawed_back)] {
            tx.update_claimable(before, after).await.unwrap();
            assert_eq!(tx.claimable(after.id).await.unwrap().as_ref(), Some(after));
        }
        assert_eq!(
            tx.claimables_open(Some(one.id), 9).await.unwrap().all().unwrap(),
            [taking.clone(), claimable(4)]
        );
        assert_eq!(tx.claimables_reclaimable(at(103), None, 9).await.unwrap().all().unwrap(), []);
        let taken = taking.clone().reclaimed(submission_id(4), at(9)).unwrap();
        tx.update_claimable(&taking, &taken).await.unwrap();
        assert_eq!(tx.claimable(taken.id).await.unwrap(), Some(taken));
        tx.commit().await.unwrap();
    }

    async fn claimable_balances_are_counted_on_the_ledger_and_on_their_way(database: &TestStore) {
        let (farm, tft) = (FarmId::new(3).unwrap(), asset("TFT"));
        let payment = PaymentId { operation: OperationId(5), change: 0 };
        let back = Transfer { kind: TransferKind::Refund { payment }, ..transfer(3, 2) };
        let mut tx = database.store.begin().await.unwrap();
        tx.insert_reservation(&reservation(1)).await.unwrap();
        tx.insert_transfers(&[transfer(1, 0), transfer(2, 1), back.clone()]).await.unwrap();
        assert_eq!(tx.claimables_of_farm(&here(), farm, tft).await.unwrap(), 0);
        tx.insert_claimable(&claimable(1)).await.unwrap();
        tx.redirect_transfer(&transfer(2, 1), &transfer(2, 1).as_claimable().unwrap()).await.unwrap();
        assert_eq!(tx.claimables_of_farm(&here(), farm, tft).await.unwrap(), 2);
        assert_eq!(tx.claimables_of_farm(&here(), farm, asset("TFTA")).await.unwrap(), 0);
        assert_eq!(tx.claimables_of_farm(&here(), FarmId::new(4).unwrap(), tft).await.unwrap(), 0);
        let acme: Tenant = "acme".parse().unwrap();
        assert_eq!(tx.claimables_of_farm(&acme, farm, tft).await.unwrap(), 0, "its own farm 3");
        assert_eq!(tx.farms_with_claimables(&acme, 1, 9).await.unwrap(), []);
        assert_eq!(tx.farms_with_claimables(&here(), 1, 9).await.unwrap(), [(farm, tft)]);
        assert_eq!(tx.farms_with_claimables(&here(), 2, 9).await.unwrap(), [], "one is on its way");
        assert_eq!(tx.returns_by_claimable().await.unwrap(), 0, "legs are no returns");
        let on_its_way = back.clone().as_claimable().unwrap();
        tx.redirect_transfer(&back, &on_its_way).await.unwrap();
        assert_eq!(tx.returns_by_claimable().await.unwrap(), 1);
        tx.update_transfer(&on_its_way, &on_its_way.clone().cancelled(at(4)).unwrap()).await.unwrap();
        assert_eq!(tx.returns_by_claimable().await.unwrap(), 0);
        tx.insert_claimable(&claimable(3)).await.unwrap();
        assert_eq!(tx.returns_by_claimable().await.unwrap(), 1);
        for number in [1, 3] {
            let claimed = claimable(number).claimed(OperationId(9), at(7)).unwrap();
            tx.update_claimable(&claimable(number), &claimed).await.unwrap();
        }
        assert_eq!(
            (
                tx.returns_by_claimable().await.unwrap(),
                tx.claimables_of_farm(&here(), farm, tft).await.unwrap()
            ),
            (0, 1)
        );
        assert_eq!(tx.farms_with_claimables(&here(), 1, 9).await.unwrap(), []);
        tx.commit().await.unwrap();
    }

    async fn what_was_reclaimed_is_owed_until_it_is_repaid(database: &TestStore) {
        let tft = asset("TFT");
        let sums = |standing, owed| [ClaimableSums { asset: tft, standing, owed }];
        let repayment =
            Transfer { kind: TransferKind::Repayment { claimable: claimable(2).id }, ..transfer(5, 4) };
        let mut tx = database.store.begin().await.unwrap();
        assert_eq!(tx.claimable_sums().await.unwrap(), []);
        tx.insert_transfers(&[transfer(1, 0), transfer(2, 1), transfer(3, 2)]).await.unwrap();
        for number in [1, 2, 3] {
            tx.insert_claimable(&claimable(number)).await.unwrap();
        }
        let claimed = claimable(3).claimed(OperationId(9), at(7)).unwrap();
        tx.update_claimable(&claimable(3), &claimed).await.unwrap();
        let taking = claimable(2).reclaiming(submission_id(4)).unwrap();
        tx.update_claimable(&claimable(2), &taking).await.unwrap();
        assert_eq!(tx.claimable_sums().await.unwrap(), sums(1_800, 1_800));
        let taken = taking.clone().reclaimed(submission_id(4), at(9)).unwrap();
        tx.update_claimable(&taking, &taken).await.unwrap();
        assert_eq!(tx.claimable_sums().await.unwrap(), sums(900, 1_800));
        assert_eq!(
            tx.claimables_not_repaid(None, 9).await.unwrap().all().unwrap(),
            std::slice::from_ref(&taken)
        );
        assert_eq!(tx.claimables_not_repaid(Some(taken.id), 9).await.unwrap().all().unwrap(), []);
        assert_eq!(tx.repayment_of(taken.id).await.unwrap(), None);
        tx.insert_transfers(std::slice::from_ref(&repayment)).await.unwrap();
        assert_eq!(tx.claimables_not_repaid(None, 9).await.unwrap().all().unwrap(), []);
        assert_eq!(tx.repayment_of(taken.id).await.unwrap().as_ref(), Some(&repayment));
        assert_eq!(
            tx.pending_refunds(None, 9).await.unwrap().all().unwrap(),
            std::slice::from_ref(&repayment)
        );
        assert_eq!(tx.claimable_sums().await.unwrap(), sums(900, 1_800), "it is not paid yet");
        let sent = repayment.clone().sent(submission_id(5)).unwrap();
        tx.update_transfer(&repayment, &sent).await.unwrap();
        let paid = sent.clone().confirmed(submission_id(5), OperationId(77), at(10)).unwrap();
        tx.update_transfer(&sent, &paid).await.unwrap();
        assert_eq!(tx.claimable_sums().await.unwrap(), sums(900, 900));
        tx.commit().await.unwrap();
        let mut tx = database.store.begin().await.unwrap();
        let twice = Transfer { id: TransferId::new(6).unwrap(), ordinal: 5, ..repayment };
        let twice = tx.insert_transfers(&[twice]).await;
        assert!(matches!(twice, Err(StoreError::Exists { constraint: Constraint::Refund })), "{twice:?}");
        tx.rollback().await.unwrap();
    }

    async fn an_escrow_account_is_closed_in_steps(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        let open = reservation(1);
        let ended = reservation(2).cancelled(at(5)).unwrap();
        for (number, reservation) in [(1, &open), (2, &ended)] {
            tx.insert_reservation(reservation).await.unwrap();
            let assigned = EscrowState::Assigned { reservation: reservation.id };
            tx.insert_escrow(&escrow(number, assigned)).await.unwrap();
        }
        let accounts = [account(1), account(2), account(3)];
        assert_eq!(tx.escrows_at_rest(&accounts).await.unwrap(), [(account(2), ended.id)]);
        let operation = OperationId(77);
        let mut current = tx.escrows(&[account(2)]).await.unwrap().all().unwrap().remove(0);
        for state in [
            EscrowState::Closing { reservation: Some(ended.id), submission: submission_id(9) },
            EscrowState::Merged { reservation: Some(ended.id), operation },
            EscrowState::Closed { reservation: Some(ended.id), operation },
        ] {
            current.state = state;
            current = tx.update_escrow(&current).await.unwrap();
            assert_eq!(tx.escrows(&[account(2)]).await.unwrap().all().unwrap(), [current.clone()]);
            assert_eq!(tx.escrows_at_rest(&accounts).await.unwrap(), []);
            let merged = tx.escrows_merged(9).await.unwrap().all().unwrap();
            assert_eq!(merged.len(), usize::from(matches!(state, EscrowState::Merged { .. })));
        }
        tx.commit().await.unwrap();
    }

    async fn a_submission_survives_in_every_state(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        let failed =
            ResultCodes { transaction: "tx_failed".to_owned(), operations: vec!["op_no_trust".to_owned()] };
        let outcomes = [
            SubmissionState::Confirmed { ledger: LedgerSeq(9), at: at(9) },
            SubmissionState::Failed { ledger: LedgerSeq(9), at: at(9), codes: failed },
            SubmissionState::Dead { proved_at: LedgerSeq(9) },
        ];
        for (number, outcome) in (1..).zip(outcomes) {
            let mut live = submission(number);
            tx.insert_submission(&live).await.unwrap();
            tx.count_attempt(live.id).await.unwrap();
            tx.note_answer(live.id, "504").await.unwrap();
            live.attempts = 1;
            live.last_answer = Some("504".to_owned());
            assert_eq!(tx.live_submissions().await.unwrap().all().unwrap(), [live.clone()]);
            let done = live.resolved(outcome).unwrap();
            tx.resolve_submission(&done).await.unwrap();
            tx.note_answer(done.id, "late").await.unwrap();
            assert_eq!(tx.submission(done.id).await.unwrap(), Some(done.clone()));
            assert_eq!(tx.submission_by_hash(done.hash).await.unwrap(), Some(done));
        }
        tx.commit().await.unwrap();
    }

    async fn texts_from_outside_may_hold_anything(database: &TestStore) {
        let odd = "a\0b \u{202e} 💥 '; DROP TABLE events; --";
        let mut tx = database.store.begin().await.unwrap();
        let mut memo = payment(5, None);
        memo.payment.memo = farmgate::domain::payment::Memo::Text(odd.to_owned());
        assert_eq!(tx.insert_payment(&memo).await.unwrap(), Applied::Executed);
        assert_eq!(tx.payment(memo.payment.id).await.unwrap(), Some(memo));
        tx.insert_submission(&submission(1)).await.unwrap();
        tx.note_answer(submission_id(1), odd).await.unwrap();
        let noted = tx.submission(submission_id(1)).await.unwrap().unwrap().last_answer.unwrap();
        assert_eq!(noted, odd.replace('\0', "\u{fffd}"));
        let (account, json, reason) = (account(1), odd.to_owned(), odd.to_owned());
        let record = Quarantined { account, operation: None, json, reason, at: at(1) };
        assert_eq!(tx.quarantine(&record).await.unwrap(), Applied::Executed);
        assert_eq!(tx.quarantine(&record).await.unwrap(), Applied::AlreadyApplied);
        assert_eq!(tx.quarantined(9).await.unwrap()[0].json, noted);
        tx.commit().await.unwrap();
    }

    async fn escrow_accounts_and_channels_are_found(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        let preparing = escrow(1, EscrowState::Preparing { submission: submission_id(3) });
        let ready = escrow(2, EscrowState::Ready);
        for each in [&preparing, &ready, &escrow(3, EscrowState::Abandoned), &escrow(4, EscrowState::Adopted)]
        {
            tx.insert_escrow(each).await.unwrap();
        }
        assert_eq!(tx.escrows_opened_by(submission_id(3)).await.unwrap(), [preparing.clone()]);
        assert_eq!(tx.escrows_available(&ready.assets).await.unwrap(), 2);
        assert_eq!(tx.escrows_available(&ready.assets[..1]).await.unwrap(), 0, "exactly these");
        assert_eq!(tx.escrow_asset_lists(16).await.unwrap(), [ready.assets.clone()], "each list once");
        let watch = Watch {
            dirty_since: Some(at(50)),
            cursor: OperationId(i64::MAX),
            explained: LedgerSeq(u32::MAX),
        };
        let dirty = tx.update_escrow(&EscrowAccount { watch, ..ready.clone() }).await.unwrap();
        assert_eq!(tx.escrows_dirty(10).await.unwrap(), [dirty.clone()]);
        let mut named = tx.escrows(&[account(1), account(2), account(77)]).await.unwrap().all().unwrap();
        named.sort_by_key(|each| each.account);
        assert_eq!(named, [preparing, dirty.clone()]);
        assert_eq!(tx.take_escrow(&[asset("TFT"), Asset::Native], reservation_id(5)).await.unwrap(), None);
        assert_eq!(
            tx.take_escrow(&[asset("TFT")], reservation_id(5)).await.unwrap(),
            Some(account(2)),
            "a subset"
        );
        assert_eq!(tx.take_escrow(&[asset("TFT")], reservation_id(6)).await.unwrap(), None);
        let taken = tx.escrows(&[account(2)]).await.unwrap().all().unwrap().remove(0);
        assert_eq!(taken.state, EscrowState::Assigned { reservation: reservation_id(5) });
        assert_eq!(taken.version, dirty.version + 1);

        let mut opening = channel(2);
        opening.opening = Some(submission_id(9));
        let platform = farmgate::domain::escrow::Channel { role: ChannelRole::Platform, ..channel(1) };
        for each in [&opening, &platform, &channel(3)] {
            tx.insert_channel(each).await.unwrap();
        }
        assert_eq!(
            tx.channels().await.unwrap().all().unwrap(),
            [platform.clone(), opening.clone(), channel(3)]
        );
        tx.update_channel(&opening, &channel(2)).await.unwrap();
        assert_eq!(tx.channels().await.unwrap().all().unwrap()[1], channel(2));
        tx.commit().await.unwrap();
        let mut tx = database.store.begin().await.unwrap();
        tx.insert_channel(&farmgate::domain::escrow::Channel { account: account(8), ..opening.clone() })
            .await
            .unwrap();
        tx.remove_channel(&farmgate::domain::escrow::Channel { account: account(8), ..opening })
            .await
            .unwrap();
        assert_eq!(tx.channels().await.unwrap().len(), 3);
        assert!(tx.remove_channel(&platform).await.is_err(), "an open channel stays");
        tx.rollback().await.unwrap();
    }

    async fn sealed_secrets_are_found_by_their_accounts(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        for number in [1, 2, 3] {
            tx.insert_sealed_secret(&sealed_secret(number)).await.unwrap();
        }
        tx.commit().await.unwrap();
        let mut tx = database.store.begin_read().await.unwrap();
        let mut found = tx.sealed_secrets(&[account(3), account(1), account(77)]).await.unwrap();
        found.sort_by_key(|each| each.account);
        assert_eq!(found, [sealed_secret(1), sealed_secret(3)]);
        assert!(tx.sealed_secrets(&[account(1); 201]).await.is_err(), "no more than a list shows");
    }

    async fn the_journal_posts_each_cause_once_and_its_balances_agree(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        for (number, reservation, amount) in [(1, 1, 100), (2, 1, 50), (3, 2, 7)] {
            assert_eq!(tx.post(&entry(number, reservation, amount)).await.unwrap(), Applied::Executed);
        }
        assert_eq!(tx.post(&entry(3, 2, 7)).await.unwrap(), Applied::AlreadyApplied);
        tx.commit().await.unwrap();
        let mut tx = database.store.begin_read().await.unwrap();
        let (mine, deposits) = (BookAccount::Stellar(account(1)), BookAccount::Deposits(reservation_id(1)));
        assert_eq!(tx.balance(mine, asset("TFT")).await.unwrap(), 157);
        assert_eq!(tx.balance(mine, Asset::Native).await.unwrap(), 0);
        assert_eq!(tx.balances_of(deposits).await.unwrap(), [(asset("TFT"), -150)]);
        let all = tx.balances(None, 10).await.unwrap();
        assert_eq!(all.iter().map(|each| each.2).collect::<Vec<_>>(), [-150, -7, 157]);
        assert_eq!(tx.balances(Some((all[0].0, all[0].1)), 10).await.unwrap(), all[1..]);
        let owed = tx.balances_owed(None, 10).await.unwrap();
        assert_eq!(owed, all[..2], "what we hold is not what we owe");
        assert_eq!(tx.balances_owed(Some((owed[0].0, owed[0].1)), 10).await.unwrap(), owed[1..]);
        assert_eq!(tx.journal_sums().await.unwrap(), [(asset("TFT"), 0)]);
        assert_eq!(
            tx.entries(None, None, 10).await.unwrap(),
            [entry(1, 1, 100), entry(2, 1, 50), entry(3, 2, 7)]
        );
        assert_eq!(
            tx.entries(Some(reservation_id(1)), EntryId::new(1).ok(), 10).await.unwrap(),
            [entry(2, 1, 50)]
        );
        tx.rollback().await.unwrap();
        let differing = "SELECT COUNT(*) FROM journal_balances WHERE amount <> (
            SELECT COALESCE(SUM(amount), 0) FROM journal_postings
            WHERE journal_postings.account = journal_balances.account
                AND journal_postings.asset = journal_balances.asset)";
        assert_eq!(database.raw().await.numbers(differing).await, [0]);
    }

    async fn events_and_the_engines_report_come_back(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        let kinds = [
            EventKind::ReservationCreated { reservation: reservation_id(1) },
            EventKind::PoolCreated { pool: PoolId::new(1).unwrap(), reservation: reservation_id(1) },
        ];
        for kind in &kinds {
            tx.append_event(at(5), 0, kind).await.unwrap();
        }
        assert!(tx.has_unnumbered_events().await.unwrap());
        assert_eq!(tx.number_events(1).await.unwrap(), 1);
        assert_eq!(tx.number_events(9).await.unwrap(), 1);
        assert_eq!(tx.number_events(9).await.unwrap(), 0);
        assert!(!tx.has_unnumbered_events().await.unwrap());
        let events = tx.events(None, EventId::new(1).ok(), 10).await.unwrap().all().unwrap();
        assert_eq!(events.len(), 1);
        assert_eq!((events[0].at, &events[0].kind), (at(5), &kinds[1]));
        assert_eq!(tx.engine_status().await.unwrap(), None);
        for trouble in [None, Some("Horizon is away".to_owned())] {
            let status = EngineStatus {
                ticked_at: at(5),
                ledger: LedgerSeq(6),
                ledger_closed_at: at(4),
                swept_at: trouble.is_none().then(|| at(3)),
                stream_away_since: trouble.is_some().then(|| at(2)),
                builds_nothing_before: trouble.is_some().then(|| at(3)),
                stopped: trouble.is_some().then(|| Stopped {
                    account: account(1),
                    operation: OperationId(7),
                    transaction: TxHash([7; 32]),
                    since: at(3),
                }),
                server: trouble.is_some().then(|| ServerIdentity {
                    system: 7_440_612_356_789_012_345,
                    timeline: Some("0000000A".to_owned()),
                }),
                left_alone: trouble.as_ref().map(|_| "account GA: 504".to_owned()),
                trouble,
            };
            tx.report(&status).await.unwrap();
            assert_eq!(tx.engine_status().await.unwrap(), Some(status));
        }
        tx.commit().await.unwrap();
    }

    async fn api_keys_and_answers_are_kept(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        let (first, second) = (api_key(1, "explorer"), api_key(2, "node"));
        tx.insert_api_key(&second).await.unwrap();
        tx.insert_api_key(&first).await.unwrap();
        assert_eq!(tx.api_keys(None, 10).await.unwrap(), [first.clone(), second.clone()]);
        assert_eq!(tx.revoke_api_key(first.id, at(9)).await.unwrap(), Applied::Executed);
        assert_eq!(tx.revoke_api_key(first.id, at(10)).await.unwrap(), Applied::AlreadyApplied);
        let revoked = tx.api_key_by_hash([1; 32]).await.unwrap().unwrap();
        assert_eq!(revoked.revoked_at, Some(at(9)));
        let again = api_key(3, "explorer");
        tx.insert_api_key(&again).await.unwrap();
        assert_eq!(tx.api_keys(Some(first.id), 10).await.unwrap(), [second, again]);
        assert_eq!(tx.api_key_by_hash([9; 32]).await.unwrap(), None);

        let key = |number| IdempotencyKey { api_key: first.id, key: format!("key {number}") };
        let answer = StoredAnswer { request_hash: [4; 32], status: 201, body: "{}".to_owned(), at: at(5) };
        for number in 1..=3 {
            let answer = StoredAnswer { at: at(number), ..answer.clone() };
            tx.keep_answer(&key(number), &answer).await.unwrap();
            assert_eq!(tx.answer(&key(number)).await.unwrap(), Some(answer));
        }
        assert_eq!(tx.forget_answers(at(3), 1).await.unwrap(), 1);
        assert_eq!(tx.forget_answers(at(3), 10).await.unwrap(), 1);
        assert_eq!(tx.answer(&key(1)).await.unwrap(), None);
        assert!(tx.answer(&key(3)).await.unwrap().is_some());
        tx.commit().await.unwrap();
    }

    async fn events_are_forgotten_from_the_first_on_and_their_ids_go_on(database: &TestStore) {
        let kind = EventKind::CancelRequested { reservation: reservation_id(1) };
        let ids = async |tx: &mut dyn Tx| {
            tx.events(None, None, 10)
                .await
                .unwrap()
                .all()
                .unwrap()
                .iter()
                .map(|event| event.id.get())
                .collect::<Vec<_>>()
        };
        let mut tx = database.store.begin().await.unwrap();
        // The third was recorded by a clock that was behind.
        for second in [10, 20, 5, 30] {
            tx.append_event(at(second), second, &kind).await.unwrap();
            tx.number_events(1).await.unwrap();
        }
        assert_eq!(tx.event_numbers().await.unwrap().forgotten, None);
        assert_eq!(tx.forget_events(at(10), 9).await.unwrap(), 0, "the first was recorded then");
        assert_eq!(tx.forget_events(at(20), 9).await.unwrap(), 1, "what is kept has no holes");
        assert_eq!(ids(&mut *tx).await, [2, 3, 4]);
        assert_eq!(tx.forget_events(at(99), 2).await.unwrap(), 2);
        assert_eq!(ids(&mut *tx).await, [4]);
        assert_eq!(tx.event_numbers().await.unwrap().forgotten, EventId::new(3).ok());
        assert_eq!(tx.forget_events(at(99), 9).await.unwrap(), 1);
        assert_eq!(tx.forget_events(at(99), 9).await.unwrap(), 0);
        tx.append_event(at(100), 9, &kind).await.unwrap();
        tx.number_events(1).await.unwrap();
        let before = tx.event_numbers().await.unwrap();
        assert_eq!((before.last, before.forgotten), (EventId::new(5).ok(), EventId::new(4).ok()));
        for _ in 0..9 {
            let last = tx.event_numbers().await.unwrap();
            tx.renew_event_incarnation().await.unwrap();
            let renewed = tx.event_numbers().await.unwrap();
            assert_ne!(renewed.incarnation, last.incarnation);
            assert_eq!(renewed.last, before.last);
        }
        tx.commit().await.unwrap();
    }

    async fn how_far_the_history_of_our_own_accounts_was_taken_in_comes_back(database: &TestStore) {
        let watch =
            |cursor, effects| HistoryCursor { cursor: OperationId(cursor), effects: OperationId(effects) };
        let mut tx = database.store.begin().await.unwrap();
        assert_eq!(tx.history_cursor(account(1)).await.unwrap(), None);
        tx.set_history_cursor(account(1), None, watch(5, 0)).await.unwrap();
        tx.set_history_cursor(account(1), Some(watch(5, 0)), watch(5, i64::MAX)).await.unwrap();
        assert_eq!(tx.history_cursor(account(1)).await.unwrap(), Some(watch(5, i64::MAX)));
        tx.commit().await.unwrap();
        let mut tx = database.store.begin().await.unwrap();
        let stale = tx.set_history_cursor(account(1), Some(watch(5, 0)), watch(6, 0)).await;
        assert!(matches!(stale, Err(StoreError::Conflict { .. })), "{stale:?}");
        tx.rollback().await.unwrap();
    }

    async fn claimable_balances_are_stored_as_last_seen_and_keep_when_first(database: &TestStore) {
        let waiting = |claimant: u8, id: &str, seen: i64| ForeignClaimable {
            id: id.to_owned(),
            claimant: account(claimant),
            asset: asset("TFT"),
            amount: stroops(7),
            sponsor: (claimant == 1).then(|| account(9)),
            seen_at: at(seen),
            out_of_reach_at: None,
        };
        let mut tx = database.store.begin().await.unwrap();
        tx.set_foreign_claimables(account(1), &[waiting(1, "b", 1), waiting(1, "a", 1)]).await.unwrap();
        tx.set_foreign_claimables(account(2), &[waiting(2, "a", 1)]).await.unwrap();
        tx.set_foreign_claimables(account(1), &[waiting(1, "a", 2), waiting(1, "c", 2)]).await.unwrap();
        let mut expected = [waiting(1, "a", 1), waiting(1, "c", 2), waiting(2, "a", 1)];
        expected.sort_by_key(|one| (one.claimant.to_string(), one.id.clone()));
        assert_eq!(tx.foreign_claimables(None, 10).await.unwrap(), expected);
        let after = Some((expected[0].claimant, expected[0].id.clone()));
        assert_eq!(tx.foreign_claimables(after, 10).await.unwrap(), expected[1..]);
        tx.set_foreign_claimables(account(1), &[]).await.unwrap();
        assert_eq!(tx.foreign_claimables(None, 10).await.unwrap(), [waiting(2, "a", 1)]);
        tx.foreign_claimables_out_of_reach(account(1), at(9)).await.unwrap();
        assert_eq!(tx.foreign_claimables(None, 10).await.unwrap(), [waiting(2, "a", 1)]);
        tx.foreign_claimables_out_of_reach(account(2), at(9)).await.unwrap();
        let closed = ForeignClaimable { out_of_reach_at: Some(at(9)), ..waiting(2, "a", 1) };
        assert_eq!(tx.foreign_claimables(None, 10).await.unwrap(), [closed]);
        tx.commit().await.unwrap();
        let mut tx = database.store.begin().await.unwrap();
        let mixed = tx.set_foreign_claimables(account(1), &[waiting(2, "a", 1)]).await;
        assert!(matches!(mixed, Err(StoreError::Refused { .. })), "{mixed:?}");
        tx.rollback().await.unwrap();
    }

    async fn a_return_that_was_given_up_makes_way_for_another(database: &TestStore) {
        let payment = PaymentId { operation: OperationId(5), change: 0 };
        let refund = |number, ordinal, amount| Transfer {
            kind: TransferKind::Refund { payment },
            amount: stroops(amount),
            ..transfer(number, ordinal)
        };
        let given_up = refund(1, 0, 9).cancelled(at(4)).unwrap();
        let mut tx = database.store.begin().await.unwrap();
        assert_eq!(tx.refund_of(payment).await.unwrap(), None);
        tx.insert_transfers(&[refund(1, 0, 9)]).await.unwrap();
        assert_eq!(tx.pending_refunds_from(account(1), None, 10).await.unwrap(), [refund(1, 0, 9)]);
        assert_eq!(tx.pending_refunds_from(account(2), None, 10).await.unwrap(), []);
        tx.update_transfer(&refund(1, 0, 9), &given_up).await.unwrap();
        assert_eq!(tx.refund_of(payment).await.unwrap(), Some(given_up.clone()));
        tx.insert_transfers(&[refund(2, 1, 8)]).await.unwrap();
        assert_eq!(tx.refund_of(payment).await.unwrap(), Some(refund(2, 1, 8)));
        assert_eq!(tx.pending_refunds(None, 10).await.unwrap().all().unwrap(), [refund(2, 1, 8)]);
        let first = TransferId::new(2).ok();
        assert_eq!(tx.pending_refunds_from(account(1), first, 10).await.unwrap(), []);
        assert_eq!(tx.transfers_of(reservation_id(1)).await.unwrap(), [given_up, refund(2, 1, 8)]);
        tx.commit().await.unwrap();
        let mut tx = database.store.begin().await.unwrap();
        let twice = tx.insert_transfers(&[refund(3, 2, 1)]).await;
        assert!(matches!(twice, Err(StoreError::Exists { constraint: Constraint::Refund })), "{twice:?}");
        tx.rollback().await.unwrap();
    }

    async fn a_repayment_is_not_taken_for_the_return_of_a_counted_payment(database: &TestStore) {
        let counted = payment(5, Some(1));
        let back = |number, ordinal, kind| Transfer { kind, ..transfer(number, ordinal) };
        let repayment = back(1, 0, TransferKind::Repayment { claimable: ClaimableId([1; 32]) });
        let refund = back(2, 1, TransferKind::Refund { payment: counted.payment.id });
        let mut tx = database.store.begin().await.unwrap();
        let _ = tx.insert_payment(&counted).await.unwrap();
        tx.insert_transfers(&[repayment]).await.unwrap();
        assert!(!tx.counted_returns_open(reservation_id(1)).await.unwrap());
        tx.insert_transfers(&[refund]).await.unwrap();
        assert!(tx.counted_returns_open(reservation_id(1)).await.unwrap());
        tx.commit().await.unwrap();
    }
}
