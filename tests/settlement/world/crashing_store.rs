//! A database under which a process dies, or whose commit goes wrong, at one chosen commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use farmgate::ports::store::{Store, StoreError, Tx};

use super::interrupted::{Commit, InterruptedTx};

/// What happens at the `n`th commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// The process dies before it.
    DiesBefore,
    /// It happens, and the process dies.
    DiesAfter,
    /// It goes wrong, and the process lives.
    Commit(Commit),
}

/// A database that deals a blow at one commit. Once the process is dead, everything fails.
pub struct CrashingStore {
    inner: Arc<dyn Store>,
    commits_left: AtomicUsize,
    blow: Blow,
    dealt: Arc<AtomicBool>,
}

fn dead() -> StoreError {
    StoreError::Unavailable { reason: "the process has died".to_owned() }
}

impl CrashingStore {
    /// A database that deals a blow at the `n`th commit from now on; whether it did is told by the flag.
    pub fn striking(inner: Arc<dyn Store>, n: usize, blow: Blow) -> (Arc<Self>, Arc<AtomicBool>) {
        let dealt = Arc::new(AtomicBool::new(false));
        let store = Self { inner, commits_left: AtomicUsize::new(n), blow, dealt: Arc::clone(&dealt) };
        (Arc::new(store), dealt)
    }

    fn check(&self) -> Result<(), StoreError> {
        match self.blow {
            Blow::DiesBefore | Blow::DiesAfter if self.dealt.load(Ordering::SeqCst) => Err(dead()),
            Blow::DiesBefore | Blow::DiesAfter | Blow::Commit(_) => Ok(()),
        }
    }
}

#[async_trait]
impl Store for CrashingStore {
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError> {
        self.check()?;
        let inner = self.inner.begin().await?;
        if self.commits_left.fetch_sub(1, Ordering::SeqCst) != 1 {
            return Ok(inner);
        }
        self.dealt.store(true, Ordering::SeqCst);
        match self.blow {
            Blow::DiesBefore => inner.rollback().await.and(Err(dead())),
            Blow::DiesAfter => Ok(inner),
            Blow::Commit(commit) => Ok(Box::new(InterruptedTx { inner, commit, gate: None })),
        }
    }

    async fn begin_read(&self) -> Result<Box<dyn Tx>, StoreError> {
        self.check()?;
        self.inner.begin_read().await
    }
}
