use jiff::SignedDuration;
use jiff::Timestamp;

use super::error::Error;
use crate::access::Decider;
use crate::domain::audit::Act;
use crate::domain::event::EventKind;
use crate::domain::ids::ChangeId;
use crate::domain::payout_change::{ChangeState, ChangedTerms, PayoutChange};
use crate::domain::subject::Subject;
use crate::domain::tenant::Tenant;
use crate::ports::store::{Put, Tx};

/// Whoever describes something, and for how long a change of who is paid waits.
#[derive(Clone, Debug)]
pub struct Describing {
    /// Who describes.
    pub decider: Decider,
    /// For how many seconds a change waits; 0 puts each in force at once.
    pub delay_seconds: i64,
}

/// What became of a description.
#[derive(Clone, Debug)]
#[must_use]
pub struct Described<T> {
    /// The thing, as it is now.
    pub thing: T,
    /// Whether it is new.
    pub put: Put,
    /// What of the description waits.
    pub waits: Option<PayoutChange>,
}

/// What a description says of who is paid.
pub(super) enum Said {
    /// What was in force already.
    Nothing,
    /// Something else that pays nobody else than before.
    Harmless,
    /// This.
    Change(ChangedTerms),
}

impl Describing {
    /// The change that waits, if what is said is not in force at once.
    ///
    /// # Errors
    /// [`Error::ChangeWaits`] if another one of the same thing waits.
    pub(super) async fn waits(
        &self,
        tx: &mut dyn Tx,
        tenant: &Tenant,
        subject: Subject,
        said: Said,
    ) -> Result<Option<PayoutChange>, Error> {
        if matches!(said, Said::Nothing) {
            return Ok(None);
        }
        let waiting = tx.waiting_payout_change(&subject).await?;
        match (said, waiting) {
            (Said::Change(terms), Some(waiting)) if waiting.terms == terms => Ok(Some(waiting)),
            (_, Some(waiting)) => Err(Error::ChangeWaits { change: waiting.id, subject }),
            (Said::Change(terms), None) if self.delay_seconds > 0 => {
                self.ask(tx, tenant, subject, terms).await.map(Some)
            }
            (_, None) => Ok(None),
        }
    }

    async fn ask(
        &self,
        tx: &mut dyn Tx,
        tenant: &Tenant,
        subject: Subject,
        terms: ChangedTerms,
    ) -> Result<PayoutChange, Error> {
        let asked_at = self.decider.now();
        let delay = SignedDuration::from_secs(self.delay_seconds);
        let change = PayoutChange {
            id: ChangeId::generate(asked_at, self.decider.entropy().u16()),
            tenant: tenant.clone(),
            terms: terms.clone(),
            asked_at,
            due_at: asked_at.checked_add(delay).unwrap_or(Timestamp::MAX),
            state: ChangeState::Waiting,
        };
        tx.insert_payout_change(&change).await?;
        let told = EventKind::PayoutChangeAsked {
            tenant: tenant.clone(),
            change: change.id,
            subject: subject.to_string(),
        };
        tx.append_event(asked_at, 0, &told).await?;
        let act = Act::PayoutChangeAsked { tenant: tenant.clone(), change: change.id, terms };
        self.decider.record(tx, act).await?;
        Ok(change)
    }
}
