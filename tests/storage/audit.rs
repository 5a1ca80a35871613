//! The audit log: every kind of decision comes back as it was written, under its subject and its key.

use std::collections::BTreeMap;

use farmgate::api;
use farmgate::domain::audit::{Act, Actor, AuditEntry, Destination};
use farmgate::domain::ids::{AuditId, ClaimableId, OperationId, TxHash};
use farmgate::domain::payment::{Memo, PaymentId};
use farmgate::domain::payout_change::PayoutChange;
use farmgate::domain::tenant::Tenant;
use farmgate::ports::store::AuditFilter;

use crate::samples::*;
use crate::support::on_both_databases;

/// One of each kind, without a before where there may be none.
fn acts() -> Vec<Act> {
    let (farm, node, currency, identity) = (farm(1), node(1, 1), currency("TFT"), identity(1));
    let before = Destination { address: account(1).into(), memo: Memo::Return(TxHash([7; 32])) };
    let after = Destination { address: account(2).into(), memo: Memo::Text("by hand".to_owned()) };
    let key = api_key(1, "explorer").id;
    let acme: Tenant = "acme".parse().unwrap();
    let PayoutChange { id: change, terms, .. } = payout_change(1);
    vec![
        Act::FarmDescribed { tenant: acme.clone(), farm: farm.id, before: None, after: (&farm).into() },
        Act::NodeDescribed { tenant: Tenant::default(), node: node.id, before: None, after: (&node).into() },
        Act::IdentityDescribed {
            tenant: acme.clone(),
            identity: identity.id,
            before: None,
            after: identity.public_key,
        },
        Act::PayoutChangeAsked { tenant: acme.clone(), change, terms: terms.clone() },
        Act::PayoutChangeInForce { tenant: acme.clone(), change, terms: terms.clone() },
        Act::PayoutChangeCalledOff { tenant: Tenant::default(), change, terms },
        Act::CurrencyDescribed { currency: currency.code, before: None, after: (&currency).into() },
        Act::ReservationOpened { reservation: reservation_id(1) },
        Act::CancelRequested { reservation: reservation_id(1) },
        Act::ReservationResolved { reservation: reservation_id(1), decision: "settle".to_owned() },
        Act::ReturnRedirected {
            payment: PaymentId { operation: OperationId(7), change: 0 },
            before: before.clone(),
            after: after.clone(),
        },
        Act::RepaymentRedirected { claimable_balance: ClaimableId([7; 32]), before, after },
        Act::OperationAccepted { account: account(1), operation: OperationId(7) },
        Act::LetterDismissed { letter: "unreadable_row:ab".parse().unwrap() },
        Act::KeyCreated { key, role: "explorer".to_owned(), tenant: Some(acme) },
        Act::KeyCreated { key, role: "operator".to_owned(), tenant: None },
        Act::RatesTaken { key },
        Act::KeyRevoked { key },
    ]
}

fn entry(number: i64, act: Act) -> AuditEntry {
    let (key, request) = (api_key(1, "explorer").id, format!("request {number}"));
    let actor = match number % 4 {
        0 => Actor::CommandLine,
        1 => Actor::ApiKey { key, request },
        2 => Actor::Engine,
        _ => Actor::Signer { tenant: "acme".parse().unwrap(), identity: identity(1).id, key, request },
    };
    let reason = (number == 3).then(|| "because".to_owned());
    AuditEntry { id: AuditId::new(number).unwrap(), at: at(number), actor, act, reason }
}

on_both_databases! {
    async fn every_kind_of_decision_comes_back_by_its_subject_and_its_key(database: &TestStore) {
        let entries: Vec<AuditEntry> = (1..).zip(acts()).map(|(number, act)| entry(number, act)).collect();
        let mut tx = database.store.begin().await.unwrap();
        for entry in entries.iter().rev() {
            tx.insert_audit_entry(entry).await.unwrap();
        }
        let all = tx.audit_entries(&AuditFilter::All, None, 99).await.unwrap().all().unwrap();
        assert_eq!(all, entries);
        let rest = tx.audit_entries(&AuditFilter::All, Some(entries[1].id), 2).await.unwrap().all().unwrap();
        assert_eq!(rest, entries[2..4]);
        let mut subjects: BTreeMap<String, Vec<AuditEntry>> = BTreeMap::new();
        for entry in &entries {
            subjects.entry(entry.act.subject().to_string()).or_default().push(entry.clone());
        }
        for (subject, about) in subjects {
            let filter = AuditFilter::About(subject.parse().unwrap());
            assert_eq!(tx.audit_entries(&filter, None, 99).await.unwrap().all().unwrap(), about, "{subject}");
        }
        let key = api_key(1, "explorer").id;
        let by_key = tx.audit_entries(&AuditFilter::By(key), None, 99).await.unwrap().all().unwrap();
        assert!(by_key.iter().all(|entry| entry.actor.request().is_some_and(|(by, _)| by == key)));
        assert_eq!(by_key.len(), entries.len().div_ceil(2));
        tx.rollback().await.unwrap();
    }

    async fn an_entry_never_takes_the_place_of_another(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        let first = entry(1, Act::ReservationOpened { reservation: reservation_id(1) });
        tx.insert_audit_entry(&first).await.unwrap();
        let again = AuditEntry { act: Act::CancelRequested { reservation: reservation_id(2) }, ..first };
        assert!(tx.insert_audit_entry(&again).await.unwrap_err().is_conflict(), "it is drawn anew");
    }
}

/// What is stored and what is shown call a decision the same.
#[test]
fn a_kind_of_decision_has_one_name() {
    for act in acts() {
        let stored = serde_json::to_value(&act).unwrap();
        let shown = api::AuditEntry::from(entry(1, act));
        assert_eq!(stored["type"], shown.r#type);
    }
}
