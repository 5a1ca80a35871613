//! What operators decide.

use std::sync::Arc;

use farmgate::access::Decider;
use farmgate::app::clock::SystemEntropy;
use farmgate::domain::audit::Actor;
use farmgate::domain::ids::ReservationId;
use farmgate::domain::payment::PaymentId;
use farmgate::domain::refund::RefundAddress;
use farmgate::domain::reservation::Reservation;
use farmgate::domain::transfer::GivenBack;
use farmgate::ports::store::transact;
use farmgate::settlement::{Decision, ResolveError, ReturnError, resolve, return_to};

use super::World;

impl World {
    /// Whoever decides, by the story's clock.
    pub fn decider(&self) -> Decider {
        Decider::new(Actor::CommandLine, self.clock.clone(), Arc::new(SystemEntropy))
    }

    /// Carries out an operator's decision where a payment's return goes.
    pub async fn return_to(&self, payment: PaymentId, to: RefundAddress) -> Result<(), ReturnError> {
        self.give_back(GivenBack::Payment(payment), to).await
    }

    /// The same, also of a claimable balance that was reclaimed.
    pub async fn give_back(&self, what: GivenBack, to: RefundAddress) -> Result<(), ReturnError> {
        let decider = self.decider();
        let returned = transact(&self.store, move |tx| {
            let (to, decider) = (to.clone(), decider.clone());
            Box::pin(async move { return_to(tx, &decider, what, &to).await })
        })
        .await?;
        assert!(returned.is_some());
        Ok(())
    }

    /// Carries out an operator's decision about a held reservation.
    pub async fn resolve(&self, id: ReservationId, decision: Decision) -> Result<Reservation, ResolveError> {
        let decider = self.decider();
        let resolved = transact(&self.store, move |tx| {
            let decider = decider.clone();
            Box::pin(async move { resolve(tx, &decider, id, decision).await })
        })
        .await?;
        Ok(resolved.unwrap())
    }
}
