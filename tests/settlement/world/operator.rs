//! What operators decide.

use std::sync::Arc;

use farmgate::app::clock::SystemEntropy;
use farmgate::domain::ids::ReservationId;
use farmgate::domain::payment::PaymentId;
use farmgate::domain::refund::RefundAddress;
use farmgate::domain::reservation::Reservation;
use farmgate::domain::transfer::GivenBack;
use farmgate::ports::store::transact;
use farmgate::settlement::{Decision, ResolveError, ReturnError, resolve, return_to};

use super::World;

impl World {
    /// Carries out an operator's decision where a payment's return goes.
    pub async fn return_to(&self, payment: PaymentId, to: RefundAddress) -> Result<(), ReturnError> {
        self.give_back(GivenBack::Payment(payment), to).await
    }

    /// The same, also of a claimable balance that was taken back.
    pub async fn give_back(&self, what: GivenBack, to: RefundAddress) -> Result<(), ReturnError> {
        let returned = transact(&self.store, move |tx| {
            let to = to.clone();
            Box::pin(async move { return_to(tx, what, &to).await })
        })
        .await?;
        assert!(returned.is_some());
        Ok(())
    }

    /// Carries out an operator's decision about a held reservation.
    pub async fn resolve(&self, id: ReservationId, decision: Decision) -> Result<Reservation, ResolveError> {
        let clock = self.clock.clone();
        let resolved = transact(&self.store, move |tx| {
            let clock = clock.clone();
            Box::pin(async move { resolve(tx, clock, Arc::new(SystemEntropy), id, decision).await })
        })
        .await?;
        Ok(resolved.unwrap())
    }
}
