//! What has become known of transactions, handed to the steps that it concerns.

use super::tick::Engine;
use crate::domain::transfer::Submission;
use crate::ports::network::Ledger;
use crate::settlement::books::claimable_policy::too_many_returns;
use crate::settlement::outcome::effects::Effects;
use crate::settlement::{EngineError, TickReport};

impl Engine {
    /// Looks up every live transaction that has been sent, and records what has become known.
    pub(super) async fn learn_outcomes(
        &self,
        tip: Ledger,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        for submission in self.lookup.due(tip).await? {
            let refused = self.submit.refusal(submission.id);
            let learned = match self.lookup.look_up(&submission, refused, tip).await {
                Ok(Some(effects)) => {
                    self.hand_out(&submission, effects, report);
                    Ok(())
                }
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            report.isolate(&format!("transaction {}", submission.hash), learned)?;
        }
        Ok(())
    }

    /// Sends the live transactions that are due, and records those that are in a closed ledger at once.
    pub(super) async fn send_live(&self, tip: Ledger, report: &mut TickReport) -> Result<(), EngineError> {
        for sent in self.submit.run(tip, report).await? {
            let recorded = match sent {
                Ok(Some((submission, record))) => {
                    let refused = self.submit.refusal(submission.id);
                    let recorded = self.lookup.record_landed(&submission, *record, refused).await;
                    recorded.map(|effects| self.hand_out(&submission, effects, report))
                }
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            report.isolate(&"sending", recorded)?;
        }
        Ok(())
    }

    fn hand_out(&self, submission: &Submission, effects: Effects, report: &mut TickReport) {
        let now = effects.written_at;
        report.settled += effects.settled;
        report.held += effects.held;
        report.returned += u32::try_from(effects.returned.len()).unwrap_or(u32::MAX);
        self.submit.forget(submission.id);
        for route in &effects.undelivered {
            tracing::warn!(
                transfer = %route.0, to = %route.1, "a return could not be delivered; it will be tried again"
            );
            self.refund.undelivered(route.clone());
        }
        if effects.too_many_returns {
            let trouble = too_many_returns(self.ports.settings.refund_claimables_max);
            tracing::error!("{trouble}");
            report.trouble(trouble);
        }
        for reservation in &effects.called_off {
            tracing::warn!(
                %reservation, "called off: its farm cannot be paid, and leaves too much unclaimed"
            );
        }
        self.refund.delivered(&effects.returned);
        if effects.opened {
            self.open.succeeded();
        }
        self.channels.topped_up(&effects.topped_up);
        if effects.failed_top_up {
            self.channels.top_up_failed(now);
        }
        self.settle.settle_alone(effects.alone);
        self.reclaim.reclaimed(&effects.reclaimed);
        self.reclaim.not_reclaimed(&effects.not_reclaimed, now);
        self.reclaim.reclaim_alone(&effects.reclaim_alone);
        if effects.no_reserve {
            self.reserve.begin(now);
        }
        if effects.poor {
            self.channels.could_not_pay(submission.channel, now);
        }
        if let Some((channel, sequence)) = effects.on_ledger {
            self.channels.reached(channel, sequence);
        }
        if effects.failed_opening {
            self.open.failed();
        }
        for account in &effects.merged {
            self.close.forget(account);
        }
        self.close.failed(&effects.not_closed);
    }
}
