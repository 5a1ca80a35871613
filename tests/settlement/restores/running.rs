//! Engines that run by themselves, under a lease.

use std::sync::Arc;
use std::time::Duration;

use farmgate::ports::clock::Clock;
use farmgate::ports::store::EngineStatus;
use farmgate::settlement::{Candidate, EngineError};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::world::World;

/// Looks at the database after which a story has gone wrong.
const WAITS_MAX: usize = 2_000;

/// A candidate that runs until it is told to stop.
pub struct Running {
    stop: Arc<Notify>,
    task: JoinHandle<Result<(), EngineError>>,
}

impl Running {
    pub fn of(candidate: Candidate) -> Self {
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move { candidate.run(stopped.notified()).await });
        Self { stop, task }
    }

    pub async fn ends(self) {
        self.stop.notify_one();
        self.task.await.unwrap().unwrap();
    }
}

pub async fn status(world: &World) -> Option<EngineStatus> {
    world.store.begin_read().await.unwrap().engine_status().await.unwrap()
}

/// Waits while a candidate runs the engine.
pub async fn until(world: &World, what: &str, reached: impl AsyncFn() -> bool) {
    for _ in 0..WAITS_MAX {
        if reached().await {
            return;
        }
        world.clock.sleep(Duration::from_millis(5)).await;
    }
    panic!("not reached: {what}; the engine says {:?}", status(world).await);
}
