//! Pools have what was paid for, and play money never makes anything usable that costs something.

use std::collections::{BTreeMap, BTreeSet};

use super::ledger_view::LedgerView;
use super::pages::all_pages;
use super::verdict::Findings;
use crate::domain::ids::PoolId;
use crate::domain::pool::{Extension, Grant, Pool};
use crate::ports::store::{LIST_ROWS_MAX, PoolFilter, StoreError, Tx};
use crate::simulation::actors::Case;
use crate::simulation::grid::FREE_NODE;
use crate::simulation::trace::Wrong;

/// The pool that a reservation begins or extends.
fn pool_of(case: &Case) -> Option<PoolId> {
    match &case.reservation.order.extends {
        Some(extension) => Some(extension.pool()),
        None => PoolId::new(case.reservation.id.get()).ok(),
    }
}

/// True if a grant is what the order asked for.
fn is_exact(case: &Case, grant: &Grant) -> bool {
    let order = &case.reservation.order;
    let seconds = grant.until.as_second() - grant.from.as_second();
    let lasts = match &order.extends {
        Some(Extension::Capacity { until, .. }) if grant.from < *until => grant.until == *until,
        Some(Extension::Capacity { .. } | Extension::Time { .. }) | None => seconds == order.seconds,
    };
    grant.units == order.units && lasts
}

async fn pools(tx: &mut dyn Tx) -> Result<Vec<Pool>, StoreError> {
    let filter = PoolFilter::default();
    all_pages(async |after| tx.pools(&filter, after, LIST_ROWS_MAX).await?.all(), |pool| pool.id).await
}

impl LedgerView {
    /// Each pool has one grant of every reservation whose legs the ledger shows and that was for it, as it
    /// was ordered, and no other; and no node that costs something, if any of it was paid with play money.
    pub(super) async fn check_pools(
        &self,
        tx: &mut dyn Tx,
        cases: &[Case],
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        let mut paid: BTreeMap<PoolId, Vec<&Case>> = BTreeMap::new();
        for case in cases.iter().filter(|case| self.legs.contains_key(&case.reservation.escrow)) {
            if let Some(pool) = pool_of(case) {
                paid.entry(pool).or_default().push(case);
            }
        }
        let mut broken = |what: String| findings.push((Wrong::Broken, what));
        for pool in pools(tx).await? {
            let of_it = paid.remove(&pool.id).unwrap_or_default();
            let mut grants = pool.grants.clone();
            for case in &of_it {
                let id = case.reservation.id;
                let mine: Vec<Grant> = grants.extract_if(.., |grant| grant.reservation == id).collect();
                if !matches!(mine.as_slice(), [grant] if is_exact(case, grant)) {
                    broken(format!("reservation {id} was settled, but pool {} has {mine:?} of it", pool.id));
                }
            }
            for grant in grants {
                broken(format!(
                    "pool {} has a grant of {}, which nobody paid for",
                    pool.id, grant.reservation
                ));
            }
            let nodes: BTreeSet<_> =
                of_it.iter().flat_map(|case| case.reservation.order.nodes.iter().copied()).collect();
            if nodes != pool.nodes {
                broken(format!("pool {} may be used on {:?}, paid was for {nodes:?}", pool.id, pool.nodes));
            }
            let play = of_it.iter().any(|case| self.is_play_money(case));
            if play && nodes.iter().any(|node| *node != FREE_NODE) {
                broken(format!("play money is in pool {}, which has a node that costs something", pool.id));
            }
            if play != pool.free_only {
                broken(format!("play money in pool {}: {play}, but it says {}", pool.id, pool.free_only));
            }
        }
        for (pool, cases) in paid {
            broken(format!("{} reservations were paid for pool {pool}, which is not there", cases.len()));
        }
        Ok(())
    }

    /// True if a reservation was paid with what is given away.
    fn is_play_money(&self, case: &Case) -> bool {
        let play = self.sandbox.asset("FreeTFT");
        self.due(case).funded.is_some_and(|(asset, _)| Some(asset) == play)
    }
}
