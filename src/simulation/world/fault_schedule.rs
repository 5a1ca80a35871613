//! What goes wrong in a run, and how often: faults of the network, database_faults of the database, clocks, and what lasts for longer.

use std::ops::Range;

use super::{CRASH_LEDGERS, FAULTY_LEDGERS, JUMP_SECONDS_MAX, World};
use crate::domain::money::Stroops;
use crate::sandbox::faults::{Fault, FaultParameters};
use crate::settlement;
use crate::simulation::faults::process_faults::DatabaseFaults;
use crate::simulation::rng::{Rng, Stream};

/// By how many times fees surge.
const SURGE_FACTORS: [u32; 3] = [5, 50, 500];
/// The bids of a run that means to save: usual and at most, in stroops per operation. The highest surges are above them.
const LOW_BIDS: (u32, u32) = (500, 20_000);
/// The rate of what always happens.
const ALWAYS: u16 = 1_000;
/// What a poor platform begins with, in XLM: the least and the most.
const POOR_XLM: (u64, u64) = (14, 80);

/// What is unusual about a run as a whole.
pub(super) struct RunProfile {
    /// What the platform begins with if it is poor, and in which ledger it is funded.
    pub(super) poor: Option<(Stroops, u64)>,
    /// What is bid per operation, usually and at most.
    pub(super) bids: (u32, u32),
    /// When every ledger takes high bids only.
    surges: Vec<Range<u64>>,
    /// True if the payment stream is followed.
    pub(super) stream: bool,
    /// True if the run lasts until claimable balances may be taken back.
    pub(super) half_a_year: bool,
}

impl RunProfile {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed, Stream::RunProfile);
        let xlm = u32::try_from(rng.between(POOR_XLM.0, POOR_XLM.1)).unwrap_or(0);
        let funded_at = rng.between(5, FAULTY_LEDGERS * 3 / 4);
        let poor = rng.chance(150).then_some((Stroops::from_units(xlm), funded_at));
        let usual = settlement::Settings::default();
        let usual = (usual.fee_per_operation_stroops, usual.fee_ceiling_stroops);
        let bids = if rng.chance(300) { LOW_BIDS } else { usual };
        let spells = if rng.chance(400) { rng.between(1, 2) } else { 0 };
        let surges = (0..spells)
            .map(|_| {
                let from = rng.below(FAULTY_LEDGERS);
                from..from + rng.between(3, 40)
            })
            .collect();
        Self { poor, bids, surges, stream: rng.chance(250), half_a_year: rng.chance(150) }
    }
}

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
        if self.ledger >= self.crash_at {
            self.crash_at = self.ledger + self.draw(|rng| rng.between(CRASH_LEDGERS.0, CRASH_LEDGERS.1));
            self.arm_one_crash();
        }
        if self.draw(|rng| rng.chance(30)) {
            let seconds = self.draw(|rng| rng.between(0, 2 * JUMP_SECONDS_MAX));
            let ahead = i64::try_from(seconds).unwrap_or(0) - i64::try_from(JUMP_SECONDS_MAX).unwrap_or(0);
            self.trace.fault("clock_jump", &format!("the service's clock is {ahead} s ahead"));
            self.wall.jump(ahead);
        }
        if self.draw(|rng| rng.chance(40)) {
            self.freeze_one();
        }
        if self.draw(|rng| rng.chance(20)) {
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
        let surges = self.profile.surges.iter().any(|surge| surge.contains(&self.ledger));
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
