//! The processes of a run: how they come, die, and are replaced.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::{QUIET_SECONDS, World};
use crate::domain::pace::FOLLOW_ACCOUNTS_MIN;
use crate::ports::clock::Clock;
use crate::ports::entropy::Entropy;
use crate::ports::network::Network;
use crate::sandbox::network::PASSPHRASE;
use crate::settlement::{self, Candidate, EngineError};
use crate::simulation::actors::{PLATFORM, TREASURY, account, key};
use crate::simulation::faults::network::ProcessNetwork;
use crate::simulation::faults::process_faults::{ProcessFaults, Step};
use crate::simulation::oracle::CLAIMABLE_MIN_USD;
use crate::simulation::store::ProcessStore;
use crate::simulation::trace::Wrong;
use crate::stellar::keys::{MemorySigner, SecretSeed};
use crate::stellar::transport::ServiceTransport;
use crate::stellar::{self, StellarNetwork};

/// An engine, and what is done to it.
pub(super) struct Process {
    pub(super) name: String,
    pub(super) faults: Arc<ProcessFaults>,
    pub(super) task: JoinHandle<Result<(), EngineError>>,
}

/// After how many seconds the lease of a process that died, or is frozen, is taken over.
const LEASE_SECONDS: u32 = 10;
/// Seconds for which a process freezes: the least and the most.
const FREEZE_SECONDS: (u64, u64) = (5, 150);

impl World {
    /// A process does nothing for a while, in the middle of whatever it does, and another is there to take over.
    pub(super) fn freeze_one(&mut self) {
        let count = self.processes.len();
        let which = usize::try_from(self.draw(|rng| rng.below(count as u64))).unwrap_or(0);
        let seconds = self.draw(|rng| rng.between(FREEZE_SECONDS.0, FREEZE_SECONDS.1));
        if let Some(process) = self.processes.get(which) {
            process.faults.freeze(self.time.now(), i64::try_from(seconds).unwrap_or(0));
            self.wanted = 2;
        }
    }

    /// A process dies soon: each step in turn, the sooner or the later time that it is taken. One that was armed before and
    /// did not come to its step dies now.
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

    pub(super) fn start_missing(&mut self) {
        while self.processes.len() < self.wanted {
            self.started += 1;
            let name = format!("process {}", self.started);
            self.trace.note(&format!("{name} starts"));
            let faults = Arc::new(ProcessFaults::new(
                name.clone(),
                self.database_faults,
                Arc::clone(&self.fault_rng),
                Arc::clone(&self.trace),
            ));
            let Some(key) = key(PLATFORM) else { return };
            let Ok(url) = "http://horizon.invalid".parse() else { return };
            let mut settings = stellar::Settings::new(url, PASSPHRASE.to_owned(), account(PLATFORM));
            settings.requests_per_hour_max = None;
            settings.attempts_max = 2;
            let transport = Arc::new(ServiceTransport::new(self.sandbox.router()));
            let signer = Arc::new(MemorySigner::new(SecretSeed::from_bytes(&key.to_bytes())));
            let wall: Arc<dyn Clock> = Arc::new(self.wall.clone());
            let entropy: Arc<dyn Entropy> = Arc::clone(&self.entropy) as Arc<dyn Entropy>;
            let inner: Arc<dyn Network> = Arc::new(StellarNetwork::new(
                &settings,
                transport,
                signer,
                Arc::clone(&wall),
                Arc::clone(&entropy),
            ));
            let network = ProcessNetwork {
                name: name.clone(),
                inner,
                faults: Arc::clone(&faults),
                probe: Arc::clone(&self.probe),
                time: self.time.clone(),
                trace: Arc::clone(&self.trace),
                #[cfg(feature = "simulated-bugs")]
                bug: self.bug.map(|bug| (bug, self.base.clone())),
            };
            let store = ProcessStore {
                base: self.base.clone(),
                faults: Arc::clone(&faults),
                time: self.time.clone(),
                #[cfg(feature = "simulated-bugs")]
                bug: self.bug,
            };
            let settings = settlement::Settings {
                channels: 3,
                warm_accounts: 4,
                transaction_lifetime_seconds: 120,
                refund_claimable_min_usd: CLAIMABLE_MIN_USD,
                quiet_period_seconds: QUIET_SECONDS,
                lease_seconds: LEASE_SECONDS,
                fee_per_operation_stroops: self.profile.bids.0,
                fee_ceiling_stroops: self.profile.bids.1,
                follow_accounts_min: if self.profile.stream { 0 } else { FOLLOW_ACCOUNTS_MIN },
                funding_accounts: vec![account(TREASURY)],
                ..settlement::Settings::default()
            };
            let candidate =
                Candidate::new(Arc::new(store), Arc::new(network), wall, entropy, settings, &name);
            let task = tokio::spawn(async move { candidate.run(std::future::pending()).await });
            self.processes.push(Process { name, faults, task });
        }
    }

    /// Buries the dead. Another takes the place of each, soon.
    pub(super) fn remove_dead(&mut self) {
        let (trace, before) = (Arc::clone(&self.trace), self.processes.len());
        self.processes.retain(|process| {
            if process.faults.is_dead() {
                process.task.abort();
                return false;
            }
            if process.task.is_finished() {
                trace.wrong(Wrong::Broken, format!("{} has stopped for a person to look", process.name));
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
