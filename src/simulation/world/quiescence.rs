//! After the faults: everything comes to its end, and in some runs half a year goes by.

use jiff::{SignedDuration, Timestamp};

use super::{World, later};
use crate::ports::clock::Clock;
use crate::simulation::error::SimulationError;
use crate::simulation::faults::process_faults::DatabaseFaults;
use crate::simulation::oracle::{Ends, Verdict};

/// Ledgers in which nothing goes wrong any more; what is not in order then is not in order.
const QUIET_LEDGERS_MAX: u64 = 420;
/// How often the verdict is asked for meanwhile, in ledgers.
const VERDICT_LEDGERS: u64 = 10;
/// After so many of these ledgers a process starts again: what it waits with because it did not work is tried
/// at once.
const QUIET_RESTART_LEDGERS: u64 = 60;
/// When the run goes on after it has come to rest, in hours: some days before claimable balances may be taken
/// back, shortly before, and after.
const STOPS_HOURS: [i64; 3] = [100 * 24, 180 * 24 - 1, 181 * 24];
/// Ledgers at each stop but the last.
const STOP_LEDGERS: u64 = 8;

impl World {
    /// Nothing goes wrong any more, and time passes: everything comes to its end, or the verdict says what
    /// did not.
    pub(super) async fn quiesce(&mut self) -> Result<Ends, SimulationError> {
        self.trace.note("faults end");
        self.sandbox.faults().clear();
        self.wall.jump(0);
        self.database_faults = DatabaseFaults::default();
        self.wanted = 1;
        for process in &self.processes {
            process.faults.stop();
        }
        while self.processes.len() > self.wanted {
            if let Some(process) = self.processes.pop() {
                process.task.abort();
            }
        }
        self.come_to_rest(false).await
    }

    /// Lets ledgers close until the verdict is good, or says what is wrong.
    async fn come_to_rest(&mut self, after_months: bool) -> Result<Ends, SimulationError> {
        let mut last = Verdict::default();
        for round in 0..QUIET_LEDGERS_MAX {
            if self.trace.is_wrong() {
                return Ok(last.ends);
            }
            self.note_what_was_said().await?;
            if round % QUIET_RESTART_LEDGERS == 0 && !self.has_witness() {
                for process in self.processes.drain(..) {
                    process.task.abort();
                }
            }
            self.start_missing();
            self.act_on_what_is_due().await?;
            self.close().await;
            if round % VERDICT_LEDGERS == VERDICT_LEDGERS - 1 {
                last = self.oracle.verdict(&self.cases, after_months).await?;
                if last.findings.is_empty() && self.actors.is_done() {
                    return Ok(last.ends);
                }
            }
        }
        for (how, what) in last.findings {
            self.trace.wrong(how, what);
        }
        Ok(last.ends)
    }

    /// Half a year goes by. Who has a balance to claim does so late, too late, or never.
    pub(super) async fn half_a_year(&mut self) -> Result<Ends, SimulationError> {
        self.trace.happened("half_years", "half a year goes by");
        let from = self.time.now();
        let last_stop = self.ledger + 2 * STOP_LEDGERS;
        self.actors.claim_or_not([self.ledger + 1, last_stop + STOP_LEDGERS]);
        for (stop, hours) in STOPS_HOURS.into_iter().enumerate() {
            self.leap(from.checked_add(SignedDuration::from_hours(hours)).unwrap_or(from)).await;
            if stop + 1 == STOPS_HOURS.len() {
                break;
            }
            for _ in 0..STOP_LEDGERS {
                self.act_on_what_is_due().await?;
                self.close().await;
            }
        }
        self.come_to_rest(true).await
    }

    /// Moves time on without a ledger: whoever sleeps wakes late.
    async fn leap(&mut self, to: Timestamp) {
        self.trace.note(&format!("time goes on to {to}"));
        while self.time.move_on(to) {
            self.settle().await;
        }
        self.next_close = later(to);
    }
}
