//! What whoever watches over the service wants to know, read at one moment.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::domain::dead_letter::Kind;
use crate::domain::ids::{ReservationId, SubmissionId};
use crate::domain::ledger::Divergence;
use crate::http::{AppState, Settings};
use crate::ports::store::{EngineStatus, Lease, StoreError};

/// What the database tells, of whichever process runs the engine.
pub(super) struct Watchdog {
    pub(super) status: Option<EngineStatus>,
    pub(super) lease: Lease,
    pub(super) funded: Option<(ReservationId, Timestamp)>,
    pub(super) unknown: Option<(SubmissionId, Timestamp)>,
    pub(super) dead_letters: BTreeMap<Kind, u64>,
    pub(super) divergence: Option<Divergence>,
    pub(super) payout_changes: u64,
}

impl Watchdog {
    pub(super) async fn read(app: &AppState) -> Result<Self, StoreError> {
        let mut tx = app.read().await?;
        Ok(Self {
            status: tx.engine_status().await?,
            lease: tx.lease().await?,
            funded: tx.oldest_funded().await?,
            unknown: tx.oldest_unknown().await?,
            dead_letters: tx.dead_letter_counts(app.clock.now()).await?,
            divergence: tx.deployment().await?.divergence,
            payout_changes: tx.payout_changes_waiting().await?,
        })
    }

    /// Why the service does not do its work: each reason begins with its name.
    pub(super) fn reasons(&self, now: Timestamp, limits: &Settings) -> Vec<String> {
        let mut reasons: Vec<String> =
            self.divergence.iter().map(|found| format!("{}: {found}", found.name())).collect();
        let Some(status) = &self.status else {
            reasons.push("engine_silent: the engine has not reported yet".to_owned());
            return reasons;
        };
        let over = |since: Timestamp, limit_seconds: u32| {
            let age = now.duration_since(since);
            (age > SignedDuration::from_secs(limit_seconds.into())).then_some(age.as_secs())
        };
        // It keeps the engine from working, too, which would be told twice.
        let trouble = status.trouble.iter().filter(|_| self.divergence.is_none());
        reasons.extend(trouble.map(|trouble| format!("engine_trouble: {trouble}")));
        if let Some(age) = over(status.ticked_at, limits.ready_tick_age_seconds_max) {
            reasons.push(format!("engine_silent: the engine's last tick ended {age} seconds ago"));
        }
        if let Some(age) = over(status.ledger_closed_at, limits.ready_ledger_age_seconds_max) {
            reasons.push(format!("ledger_lag: the last ledger known closed {age} seconds ago"));
        }
        if let Some((id, since)) = self.funded
            && let Some(age) = over(since, limits.ready_funded_age_seconds_max)
        {
            reasons.push(format!("funded_waits: reservation {id} was funded {age} seconds ago"));
        }
        if let Some((id, since)) = self.unknown
            && let Some(age) = over(since, limits.ready_unknown_age_seconds_max)
        {
            reasons.push(format!("transaction_unknown: submission {id} was stored {age} seconds ago"));
        }
        reasons
    }
}

/// How long ago that was, in whole seconds; 0 if it is to come.
pub(super) fn age_seconds(since: Timestamp, now: Timestamp) -> u32 {
    u32::try_from(now.duration_since(since).as_secs().max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::LedgerSeq;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn quiet() -> Watchdog {
        let status = EngineStatus {
            ticked_at: at(10_000),
            ledger: LedgerSeq(5),
            ledger_closed_at: at(9_990),
            swept_at: None,
            trouble: None,
            stream_away_since: None,
            builds_nothing_before: None,
            stopped: None,
            server: None,
            left_alone: None,
        };
        let lease =
            Lease { token: 1, holder: None, renewal: 0, taken_at: None, renewed_at: None, server: None };
        Watchdog {
            status: Some(status),
            lease,
            funded: None,
            unknown: None,
            dead_letters: BTreeMap::new(),
            divergence: None,
            payout_changes: 0,
        }
    }

    #[track_caller]
    fn assert_names(watchdog: &Watchdog, names: &[&str]) {
        let reasons = watchdog.reasons(at(10_000), &Settings::default());
        let named: Vec<&str> = reasons.iter().filter_map(|reason| reason.split(':').next()).collect();
        assert_eq!(named, names, "{reasons:?}");
    }

    fn reported(change: impl Fn(&mut EngineStatus)) -> Watchdog {
        let mut watchdog = quiet();
        watchdog.status.iter_mut().for_each(change);
        watchdog
    }

    #[test]
    fn ready_means_that_the_engine_ticks_and_the_ledger_is_fresh() {
        assert_names(&quiet(), &[]);
        assert_names(&reported(|status| status.ticked_at = at(9_940)), &[]);
        assert_names(&reported(|status| status.ticked_at = at(9_939)), &["engine_silent"]);
        assert_names(&reported(|status| status.ledger_closed_at = at(9_939)), &["ledger_lag"]);
        let troubled = reported(|status| status.trouble = Some("Horizon is unavailable".to_owned()));
        assert_names(&troubled, &["engine_trouble"]);
        assert_names(&Watchdog { status: None, ..quiet() }, &["engine_silent"]);
    }

    #[test]
    fn what_waits_longer_than_it_should_is_a_reason_by_name() {
        let funded = |since| Watchdog { funded: ReservationId::new(7).ok().zip(Some(at(since))), ..quiet() };
        assert_names(&funded(9_100), &[]);
        assert_names(&funded(9_099), &["funded_waits"]);
        let unknown = |since| Watchdog { unknown: SubmissionId::new(7).ok().zip(Some(at(since))), ..quiet() };
        assert_names(&unknown(9_400), &[]);
        assert_names(&unknown(9_399), &["transaction_unknown"]);
    }
}
