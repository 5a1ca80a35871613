//! A process of a run: an engine of its own, with the database and the network as it sees them.

use std::sync::{Arc, Mutex};

use tokio::task::JoinHandle;

use crate::domain::request_budget::FOLLOW_ACCOUNTS_MIN;
use crate::ports::clock::Clock;
use crate::ports::entropy::Entropy;
use crate::ports::network::Network;
use crate::settlement::{self, Candidate, EngineError, Outside};
use crate::simulation::actors::{PLATFORM, TREASURY, account, key};
use crate::simulation::clock::{VirtualClock, WallClock};
#[cfg(feature = "simulated-bugs")]
use crate::simulation::faults::bugs::Bug;
use crate::simulation::faults::network::ProcessNetwork;
use crate::simulation::faults::process_faults::{DatabaseFaults, ProcessFaults};
use crate::simulation::oracle::{CLAIMABLE_MIN_USD, SubmissionProbe};
use crate::simulation::rng::{Rng, SeededEntropy};
use crate::simulation::store::{Base, ProcessStore};
use crate::simulation::trace::Trace;
use crate::stellar::keys::{MemorySigner, SecretSeed};
use crate::stellar::transport::ServiceTransport;
use crate::stellar::{self, StellarNetwork};
use farmgate_sandbox::Sandbox;
use farmgate_sandbox::network::PASSPHRASE;

/// Seconds an account stays open after its reservation's end.
const QUIET_SECONDS: i64 = 60;
/// After how many seconds the lease of a process that died, or is frozen, is taken over.
const LEASE_SECONDS: u32 = 10;

/// An engine, and what is done to it.
pub(super) struct Process {
    pub(super) name: String,
    pub(super) faults: Arc<ProcessFaults>,
    pub(super) task: JoinHandle<Result<(), EngineError>>,
}

/// What every process of a run is made from.
pub(super) struct ProcessFactory {
    pub(super) sandbox: Sandbox,
    pub(super) base: Base,
    pub(super) time: VirtualClock,
    pub(super) wall: WallClock,
    pub(super) trace: Arc<Trace>,
    pub(super) probe: Arc<SubmissionProbe>,
    pub(super) fault_rng: Arc<Mutex<Rng>>,
    pub(super) entropy: Arc<SeededEntropy>,
    /// What is bid per operation, usually and at most.
    pub(super) bids: (u32, u32),
    /// True if the payment stream is followed.
    pub(super) stream: bool,
    #[cfg(feature = "simulated-bugs")]
    pub(super) bug: Option<Bug>,
}

impl ProcessFactory {
    /// Starts a process of this name; `None` if the platform has no key.
    pub(super) fn start(&self, name: String, database_faults: DatabaseFaults) -> Option<Process> {
        let (fault_rng, trace) = (Arc::clone(&self.fault_rng), Arc::clone(&self.trace));
        let faults = Arc::new(ProcessFaults::new(name.clone(), database_faults, fault_rng, trace));
        let network = self.network(&name, &faults)?;
        let store = ProcessStore {
            base: self.base.clone(),
            faults: Arc::clone(&faults),
            time: self.time.clone(),
            #[cfg(feature = "simulated-bugs")]
            bug: self.bug,
        };
        let outside = Outside {
            store: Arc::new(store),
            network: Arc::new(network),
            clock: Arc::new(self.wall.clone()),
            entropy: Arc::clone(&self.entropy) as Arc<dyn Entropy>,
        };
        let candidate = Candidate::new(outside, self.settings(), &name);
        let task = tokio::spawn(async move { candidate.run(std::future::pending()).await });
        Some(Process { name, faults, task })
    }

    fn network(&self, name: &str, faults: &Arc<ProcessFaults>) -> Option<ProcessNetwork> {
        let key = key(PLATFORM)?;
        let url = "http://horizon.invalid".parse().ok()?;
        let mut settings = stellar::Settings::new(url, PASSPHRASE.to_owned(), account(PLATFORM));
        settings.requests_per_hour_max = None;
        settings.attempts_max = 2;
        let transport = Arc::new(ServiceTransport::new(self.sandbox.router()));
        let signer = Arc::new(MemorySigner::new(SecretSeed::from_bytes(&key.to_bytes())));
        let wall: Arc<dyn Clock> = Arc::new(self.wall.clone());
        let entropy: Arc<dyn Entropy> = Arc::clone(&self.entropy) as Arc<dyn Entropy>;
        let inner: Arc<dyn Network> =
            Arc::new(StellarNetwork::new(&settings, transport, signer, wall, entropy));
        Some(ProcessNetwork {
            name: name.to_owned(),
            inner,
            faults: Arc::clone(faults),
            probe: Arc::clone(&self.probe),
            time: self.time.clone(),
            trace: Arc::clone(&self.trace),
            #[cfg(feature = "simulated-bugs")]
            bug: self.bug.map(|bug| (bug, self.base.clone())),
        })
    }

    fn settings(&self) -> settlement::Settings {
        settlement::Settings {
            channels: 3,
            warm_accounts: 4,
            transaction_lifetime_seconds: 120,
            refund_claimable_min_usd: CLAIMABLE_MIN_USD,
            quiet_period_seconds: QUIET_SECONDS,
            lease_seconds: LEASE_SECONDS,
            fee_per_operation_stroops: self.bids.0,
            fee_ceiling_stroops: self.bids.1,
            follow_accounts_min: if self.stream { 0 } else { FOLLOW_ACCOUNTS_MIN },
            funding_accounts: vec![account(TREASURY)],
            ..settlement::Settings::default()
        }
    }
}
