//! What the journal says, held against the ledger.

use std::collections::BTreeSet;

use farmgate::domain::address::AccountId;
use farmgate::domain::asset::Asset;
use farmgate::domain::ids::ReservationId;
use farmgate::domain::journal::{BookAccount, Cause};
use farmgate::domain::payment::Attribution;
use farmgate::operator::{Reconciliation, reconcile};
use farmgate::ports::store::{LIST_ROWS_MAX, PaymentFilter, StoredPayment};

use super::{World, wallet};

impl World {
    pub async fn reconcile(&self) -> Reconciliation {
        reconcile(&self.store, &*self.network).await.unwrap()
    }

    /// The journal and the ledger agree about every account of ours.
    pub async fn assert_reconciled(&self) {
        let reconciliation = self.reconcile().await;
        let wrong: Vec<_> = reconciliation.lines.iter().filter(|line| !line.agrees()).collect();
        assert!(
            reconciliation.balances(),
            "{wrong:?} {:?} {:?}",
            reconciliation.books,
            reconciliation.unbalanced
        );
        assert!(reconciliation.accounts > 2, "nothing was compared");
    }

    /// What the journal says more of than the ledger, in stroops.
    pub async fn differences(&self) -> BTreeSet<(AccountId, Asset, i64)> {
        let reconciliation = self.reconcile().await;
        assert!(reconciliation.unbalanced.is_empty(), "{:?}", reconciliation.unbalanced);
        let wrong = reconciliation.lines.iter().filter(|line| !line.agrees());
        wrong.map(|line| (line.account, line.asset, line.journal - line.ledger)).collect()
    }

    /// Everything that came for a reservation.
    pub async fn payments(&self, reservation: ReservationId) -> Vec<StoredPayment> {
        let filter = PaymentFilter { reservation: Some(reservation), attribution: None };
        let mut tx = self.store.begin_read().await.unwrap();
        let mut payments: Vec<StoredPayment> = Vec::new();
        loop {
            let after = payments.last().map(|last| last.payment.id);
            let page = tx.payments(&filter, after, LIST_ROWS_MAX).await.unwrap();
            if page.is_empty() {
                return payments;
            }
            payments.extend(page);
        }
    }

    /// What everything counts for that came for a reservation.
    pub async fn attributions(&self, reservation: ReservationId) -> Vec<Attribution> {
        self.payments(reservation).await.into_iter().map(|stored| stored.attribution).collect()
    }

    /// What the journal says of each transaction that failed in the ledger: the fee, in stroops of XLM.
    pub async fn fees_of_failures(&self) -> Vec<i64> {
        let mut tx = self.store.begin_read().await.unwrap();
        let (mut fees, mut after) = (Vec::new(), None);
        loop {
            let page = tx.entries(None, after, LIST_ROWS_MAX).await.unwrap();
            let Some(last) = page.last() else { return fees };
            after = Some(last.id());
            let failed = page.iter().filter(|entry| matches!(entry.cause(), Cause::Failed(_)));
            for posting in failed.flat_map(|entry| entry.postings()) {
                if posting.account == BookAccount::NetworkFees && posting.asset == Asset::Native {
                    fees.push(posting.amount);
                }
            }
        }
    }

    /// How many reserves the platform pays for others.
    pub async fn sponsoring(&self) -> u32 {
        let answer = self.plain.account(wallet("platform").account()).await.unwrap();
        answer.account.unwrap().control.unwrap().sponsoring
    }

    /// What the journal says of a book account, in stroops: debits minus credits.
    pub async fn book(&self, account: BookAccount, code: &str) -> i64 {
        let asset = if code == "XLM" { Asset::Native } else { self.asset(code) };
        self.store.begin_read().await.unwrap().balance(account, asset).await.unwrap()
    }
}
