//! The processes of a run: how they come, die, and are replaced.

use std::sync::Arc;

use futures::FutureExt;

use super::World;
use crate::ports::clock::Clock;
use crate::simulation::faults::process_faults::Step;
use crate::simulation::trace::Wrong;

/// Seconds for which a process freezes: the least and the most.
const FREEZE_SECONDS: (u64, u64) = (5, 150);

impl World {
    /// A process does nothing for a while, in the middle of whatever it does, and another is there to take
    /// over.
    pub(super) fn freeze_one(&mut self) {
        let count = self.processes.len();
        let which = usize::try_from(self.draw(|rng| rng.below(count as u64))).unwrap_or(0);
        let seconds = self.draw(|rng| rng.between(FREEZE_SECONDS.0, FREEZE_SECONDS.1));
        if let Some(process) = self.processes.get(which) {
            process.faults.freeze(self.time.now(), i64::try_from(seconds).unwrap_or(0));
            self.wanted = 2;
        }
    }

    /// A process dies soon: each step in turn, the sooner or the later time that it is taken. One that was
    /// armed before and did not come to its step dies now.
    pub(super) fn arm_one_crash(&mut self) {
        let count = self.processes.len();
        if count == 0 {
            return;
        }
        let which = usize::try_from(self.draw(|rng| rng.below(count as u64))).unwrap_or(0);
        let number = self.seed.wrapping_add(self.crashes_armed);
        self.crashes_armed += 1;
        let Some(process) = self.processes.get(which) else { return };
        if process.faults.crash_is_armed() {
            process.faults.kill();
            return;
        }
        let step = Step::ALL[usize::try_from(number % Step::ALL.len() as u64).unwrap_or(0)];
        let often = match step {
            Step::BeforeCommit | Step::AfterCommit => 12,
            Step::BeforeLookUp => 3,
            Step::BeforeBuild | Step::AfterBuild | Step::BeforeSend | Step::AfterSend => 2,
        };
        process.faults.arm_crash(step, u32::try_from(number / 7 % often).unwrap_or(0));
    }

    /// Starts as many processes as are missing.
    pub(super) fn start_missing(&mut self) {
        while self.processes.len() < self.wanted {
            self.started += 1;
            let name = format!("process {}", self.started);
            self.trace.note(&format!("{name} starts"));
            let Some(process) = self.factory.start(name, self.database_faults) else { return };
            self.processes.push(process);
        }
    }

    /// Buries the dead. Another takes the place of each, soon.
    pub(super) fn remove_dead(&mut self) {
        let (trace, before) = (Arc::clone(&self.trace), self.processes.len());
        self.processes.retain_mut(|process| {
            if process.faults.is_dead() {
                process.task.abort();
                return false;
            }
            if process.task.is_finished() {
                let ended = (&mut process.task).now_or_never().and_then(Result::ok);
                let why = ended.and_then(Result::err).map(|error| format!(": {error}")).unwrap_or_default();
                let what = format!("{} has stopped for a person to look{why}", process.name);
                trace.wrong(Wrong::Broken, what);
                return false;
            }
            true
        });
        if self.processes.len() < before {
            let outage =
                if self.draw(|rng| rng.chance(300)) { self.draw(|rng| rng.between(2, 8)) } else { 0 };
            self.restart_at = self.ledger + outage;
            if outage == 0 {
                self.start_missing();
            }
        }
    }
}
