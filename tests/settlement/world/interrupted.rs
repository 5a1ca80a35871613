//! A transaction of a real database whose commit goes as a story wants it to.

use std::sync::Arc;

use async_trait::async_trait;
use farmgate::ports::store::{ForwardAll, StoreError, Tx, WrapTx};

use super::gate::Gate;

/// How the commit goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// It is refused before it happens: everything is undone.
    Undone,
    /// It happens, and nobody is told.
    Unanswered,
    /// It happens.
    Done,
}

/// Does what it is asked, until the commit.
pub struct InterruptedTx {
    pub inner: Box<dyn Tx>,
    pub commit: Commit,
    /// Where it waits before the commit.
    pub gate: Option<Arc<Gate>>,
}

fn lost() -> StoreError {
    StoreError::Unavailable { reason: "the connection broke at the commit".to_owned() }
}

#[async_trait]
impl Tx for InterruptedTx {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        if let Some(gate) = &self.gate {
            gate.pass().await;
        }
        match self.commit {
            Commit::Undone => self.inner.rollback().await?,
            Commit::Unanswered => self.inner.commit().await?,
            Commit::Done => return self.inner.commit().await,
        }
        Err(lost())
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        self.inner.rollback().await
    }
}

impl WrapTx for InterruptedTx {
    type Inner = dyn Tx;

    fn inner(&mut self) -> Result<&mut Self::Inner, StoreError> {
        Ok(&mut *self.inner)
    }
}

impl ForwardAll for InterruptedTx {}
