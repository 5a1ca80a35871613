//! What one request sees: the ledger as of the last close, or as of some ledgers before, for an instance that
//! lags behind.

use std::convert::Infallible;
use std::ops::Deref;
use std::sync::{Arc, MutexGuard};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::harm::Harm;
use crate::driver::Shared;
use crate::history::Told;
use crate::ledger::Ledger;
use crate::ledger::state::State;
use crate::ledger::view::Now;

/// The sandbox, as one request meets it.
#[derive(Clone)]
pub struct App {
    shared: Arc<Shared>,
    /// What is to happen to the request.
    pub harm: Harm,
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl FromRequestParts<Arc<Shared>> for App {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Infallible> {
        let harm = parts.extensions.get().copied().unwrap_or_default();
        Ok(Self { shared: Arc::clone(shared), harm })
    }
}

impl App {
    /// The ledger, as the request sees it.
    pub fn ledger(&self) -> Seen<'_> {
        Seen { ledger: self.shared.ledger(), lag: self.harm.lag }
    }
}

/// The ledger as of one of its last closes.
pub struct Seen<'a> {
    ledger: MutexGuard<'a, Ledger>,
    lag: u32,
}

impl Seen<'_> {
    /// The ledger itself, for what does not age.
    pub fn core(&self) -> &Ledger {
        &self.ledger
    }

    /// What the ledger held.
    pub fn state(&self) -> &State {
        self.ledger.past(self.lag).1
    }

    /// The last closed ledger, and when it closed.
    pub fn latest(&self) -> Now {
        let history = self.history();
        history
            .latest()
            .map_or(self.ledger.latest(), |record| Now { ledger: record.sequence, time: record.closed_at })
    }

    /// Closed ledgers.
    pub fn history(&self) -> Told<'_> {
        self.ledger.history().until(self.ledger.past(self.lag).0)
    }
}
