use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::audit::{Act, Actor, AuditEntry};
use crate::domain::ids::{AuditId, IdentityId};
use crate::domain::tenant::Tenant;
use crate::ports::clock::Clock;
use crate::ports::entropy::Entropy;
use crate::ports::store::{StoreError, Tx};

/// Whoever decides, and the means to write down what: every use case by which somebody outside the engine
/// changes anything takes one, and writes its entry in the transaction of the change.
#[derive(Clone)]
pub struct Decider {
    actor: Actor,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Decider {
    /// Somebody, by this clock, with ids from this source.
    pub fn new(actor: Actor, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { actor, clock, entropy }
    }

    /// The same, by the signature of an identity.
    pub fn signed_by(&self, tenant: &Tenant, identity: IdentityId) -> Self {
        let (key, request) = match &self.actor {
            Actor::ApiKey { key, request } => (*key, request.clone()),
            // What is not asked for by a request is nobody's but theirs.
            Actor::Signer { .. } | Actor::CommandLine | Actor::Engine => return self.clone(),
        };
        Self { actor: Actor::Signer { tenant: tenant.clone(), identity, key, request }, ..self.clone() }
    }

    /// Who it is.
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The time, by its clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Its clock.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// Where its ids come from.
    pub fn entropy(&self) -> Arc<dyn Entropy> {
        Arc::clone(&self.entropy)
    }

    /// Writes down what was decided. What leaves all as it was is no decision, and is not written down.
    ///
    /// # Errors
    /// If the database did not do what was asked.
    pub async fn record(&self, tx: &mut dyn Tx, act: Act) -> Result<(), StoreError> {
        self.record_with(tx, act, None).await
    }

    /// The same, with the reason that was given.
    ///
    /// # Errors
    /// If the database did not do what was asked.
    pub async fn record_with(
        &self,
        tx: &mut dyn Tx,
        act: Act,
        reason: Option<&str>,
    ) -> Result<(), StoreError> {
        if act.changes_nothing() {
            return Ok(());
        }
        let at = self.clock.now();
        let id = AuditId::generate(at, self.entropy.u16());
        let reason = reason.map(ToOwned::to_owned);
        tx.insert_audit_entry(&AuditEntry { id, at, actor: self.actor.clone(), act, reason }).await
    }
}

impl fmt::Debug for Decider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decider").field("actor", &self.actor).finish_non_exhaustive()
    }
}
