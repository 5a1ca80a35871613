//! Engines and the ledgers they tick in.

use std::sync::Arc;
use std::time::Duration;

use farmgate::app::clock::SystemEntropy;
use farmgate::domain::address::AccountId;
use farmgate::domain::escrow::EscrowState;
use farmgate::domain::ids::ReservationId;
use farmgate::domain::money::Stroops;
use farmgate::domain::reservation::Reservation;
use farmgate::ports::clock::Clock;
use farmgate::ports::entropy::Entropy;
use farmgate::ports::network::Network;
use farmgate::ports::store::Store;
use farmgate::settlement::{Candidate, Engine, EngineError, Outside, Settings, TickReport};

use super::{TICKS_MAX, World, engine_settings};

impl World {
    pub fn engine(&self) -> Arc<Engine> {
        self.engine.lock().unwrap().clone()
    }

    pub async fn tick(&self) -> Result<TickReport, EngineError> {
        self.engine().tick().await
    }

    /// Forgets the engine and makes another from what is stored, with these ports.
    pub fn restart(&self, store: Arc<dyn Store>, network: Arc<dyn Network>) {
        self.restart_with(store, network, engine_settings());
    }

    /// The same, with other settings.
    pub fn restart_with(&self, store: Arc<dyn Store>, network: Arc<dyn Network>, settings: Settings) {
        *self.engine.lock().unwrap() = Arc::new(self.another_engine(store, network, settings));
    }

    /// One more engine beside the world's own.
    pub fn another_engine(
        &self,
        store: Arc<dyn Store>,
        network: Arc<dyn Network>,
        settings: Settings,
    ) -> Engine {
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        Engine::new(Outside { store, network, clock: self.clock.clone(), entropy }, settings)
    }

    /// A process that runs an engine when it has the lease.
    pub fn candidate(&self, kind: &str) -> Candidate {
        self.another_candidate(self.store.clone(), self.network.clone(), self.clock.clone(), kind)
    }

    /// The same, with these ports.
    pub fn another_candidate(
        &self,
        store: Arc<dyn Store>,
        network: Arc<dyn Network>,
        clock: Arc<dyn Clock>,
        kind: &str,
    ) -> Candidate {
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        Candidate::new(Outside { store, network, clock, entropy }, engine_settings(), kind)
    }

    /// Waits for the next ledger.
    pub async fn next_ledger(&self) {
        let before = self.sandbox.sandbox.with_ledger(|ledger| ledger.latest().ledger);
        while self.sandbox.sandbox.with_ledger(|ledger| ledger.latest().ledger) == before {
            self.clock.sleep(Duration::from_millis(2)).await;
        }
    }

    /// Ticks until the reservation is in the state of this name.
    pub async fn until(&self, id: ReservationId, state: &str) -> Reservation {
        let mut last = None;
        for _ in 0..TICKS_MAX {
            let reservation = self.reservation(id).await;
            if reservation.state.name() == state {
                return reservation;
            }
            last = Some((reservation.state, self.tick().await));
            self.next_ledger().await;
        }
        panic!("reservation {id} did not become {state}: {last:?}");
    }

    /// Ticks until a person holds so much.
    pub async fn until_holds(&self, name: &str, code: &str, much: Stroops) {
        for _ in 0..TICKS_MAX {
            if self.holds(name, code) == much {
                return;
            }
            self.tick().await.unwrap();
            self.next_ledger().await;
        }
        panic!("{name} holds {} {code}, not {much}", self.holds(name, code));
    }

    /// Ticks until an escrow account is closed.
    pub async fn until_closed(&self, account: AccountId) {
        for _ in 0..TICKS_MAX {
            if matches!(self.escrow(account).await.state, EscrowState::Closed { .. }) {
                return;
            }
            self.tick().await.unwrap();
            self.next_ledger().await;
        }
        panic!("account {account} is {:?}", self.escrow(account).await.state);
    }

    /// Ticks until the platform sponsors no more than this: reserves came home, however long the looks take.
    pub async fn until_sponsoring_at_most(&self, most: u32) {
        for _ in 0..TICKS_MAX {
            if self.sponsoring().await <= most {
                return;
            }
            self.tick().await.unwrap();
            self.next_ledger().await;
        }
        panic!("the platform still sponsors {}, and not {most}", self.sponsoring().await);
    }

    /// Ticks a few times more: whatever could still happen, happens.
    pub async fn rest(&self) {
        for _ in 0..6 {
            self.next_ledger().await;
            self.tick().await.unwrap();
        }
    }
}
