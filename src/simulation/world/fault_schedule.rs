//! What goes wrong in a run, and how often: faults of the network and of the database, clocks that jump,
//! processes that die.

use super::World;
use crate::simulation::faults::process_faults::DatabaseFaults;
use crate::simulation::rng::{Rng, Stream};
use farmgate_sandbox::faults::{Fault, FaultParameters};

/// Ledgers between two crashes: the least and the most.
const CRASH_LEDGERS: (u64, u64) = (3, 13);
/// Seconds by which the service's clock jumps at most.
const JUMP_SECONDS_MAX: u64 = 300;
/// By how many times fees surge.
const SURGE_FACTORS: [u32; 3] = [5, 50, 500];
/// The rate of what always happens.
const ALWAYS: u16 = 1_000;

impl World {
    /// Draws which faults there are, and how often.
    pub(super) fn draw_faults(&mut self) {
        let mut rng = Rng::new(self.seed, Stream::FaultSchedule);
        let faults = self.sandbox.faults();
        for fault in Fault::ALL {
            let most = match fault {
                Fault::ResetBefore | Fault::StaleHistory | Fault::GarbageBody | Fault::TruncatedBody => 50,
                Fault::RateLimited | Fault::SlowAnswer => 25,
                Fault::LaggingHistory | Fault::SecondInstance => 150,
                Fault::TimeoutLands | Fault::TimeoutLost | Fault::ResetAfter | Fault::DroppedTransaction => {
                    200
                }
                Fault::TruncatedStream | Fault::RepeatedEvents | Fault::SilentStream => 200,
                Fault::MissedLedger => 150,
                Fault::FeeSurge => 80,
            };
            if rng.chance(650) {
                let rate = u16::try_from(rng.between(most / 10, most)).unwrap_or(0);
                faults.set_rate(fault, rate);
                if fault == Fault::FeeSurge {
                    self.surge_rate = rate;
                }
            }
        }
        faults.set_parameters(FaultParameters {
            lag_ledgers: u32::try_from(rng.between(1, 8)).unwrap_or(1),
            retry_after_seconds: u32::try_from(rng.between(1, 8)).unwrap_or(1),
            slow_ms: rng.between(100, 20_000),
            surge_factor: rng.pick(&SURGE_FACTORS).copied().unwrap_or(SURGE_FACTORS[0]),
        });
        let mut rate = |most: u64| if rng.chance(600) { rng.between(1, most) } else { 0 };
        self.database_faults =
            DatabaseFaults { refused: rate(15), stalled: rate(8), undone: rate(25), unanswered: rate(25) };
        self.wanted = 1;
    }

    /// Arms deaths, jumps clocks, sends a second process in.
    pub(super) fn inject_faults(&mut self) {
        if self.ledger >= self.crash_at && !self.has_witness() {
            self.crash_at = self.ledger + self.draw(|rng| rng.between(CRASH_LEDGERS.0, CRASH_LEDGERS.1));
            self.arm_one_crash();
        }
        if self.draw(|rng| rng.chance(30)) {
            let seconds = self.draw(|rng| rng.between(0, 2 * JUMP_SECONDS_MAX));
            let ahead = i64::try_from(seconds).unwrap_or(0) - i64::try_from(JUMP_SECONDS_MAX).unwrap_or(0);
            self.trace.fault("clock_jump", &format!("the service's clock is {ahead} s ahead"));
            self.wall.jump(ahead);
        }
        if self.draw(|rng| rng.chance(40)) && !self.has_witness() {
            self.freeze_one();
        }
        if self.draw(|rng| rng.chance(20)) && !self.has_witness() {
            self.wanted = if self.wanted == 1 { 2 } else { 1 };
            self.trace.note(&format!("{} processes from now on", self.wanted));
            while self.processes.len() > self.wanted {
                if let Some(process) = self.processes.pop() {
                    process.faults.kill();
                    process.task.abort();
                }
            }
        }
        self.surge();
        if self.ledger >= self.restart_at {
            self.start_missing();
        }
    }

    /// For a while every ledger takes high bids only.
    fn surge(&mut self) {
        let surges = self.profile.surges_in(self.ledger);
        if surges != self.surges {
            self.surges = surges;
            let rate = if surges { ALWAYS } else { self.surge_rate };
            self.sandbox.faults().set_rate(Fault::FeeSurge, rate);
            if surges {
                self.trace.happened("fee_surges_that_last", "fees surge, for a while");
            }
        }
    }
}
