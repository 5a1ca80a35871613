//! Reservations that customers order and cancel.

use std::sync::atomic::Ordering;

use farmgate::domain::ids::{IdentityId, NodeId, ReservationId};
use farmgate::domain::reservation::Reservation;
use farmgate::domain::tenant::Tenant;
use farmgate::ports::clock::Clock;
use farmgate::ports::store::transact;
use farmgate::reservations::{self, OrderRequest};

use super::{TICKS_MAX, World, units, wallet};

impl World {
    pub fn request(&self) -> OrderRequest {
        OrderRequest {
            tenant: Tenant::default(),
            customer: IdentityId::new(2).unwrap(),
            nodes: vec![NodeId::new(1).unwrap()],
            units: Some(units("1")),
            duration_seconds: Some(86_400),
            pool: None,
            currencies: None,
            refund: None,
        }
    }

    /// An open reservation of one compute unit for a day; the engine is ticked until an account is ready.
    pub async fn reserve(&self) -> Reservation {
        self.reserve_as(self.request()).await
    }

    pub async fn reserve_as(&self, request: OrderRequest) -> Reservation {
        for _ in 0..TICKS_MAX {
            match self.open(request.clone()).await {
                Ok(reservation) => return reservation,
                Err(reservations::Error::NoEscrowReady) => drop(self.tick().await),
                Err(error) => panic!("no reservation: {error}"),
            }
        }
        panic!("no escrow account became ready");
    }

    pub async fn open(&self, request: OrderRequest) -> Result<Reservation, reservations::Error> {
        let settings = self.settings.clone();
        let (platform, now) = (wallet("platform").account(), self.clock.now());
        let number = u16::try_from(self.next_number.fetch_add(1, Ordering::SeqCst)).unwrap();
        let decider = self.decider();
        transact(&self.store, move |tx| {
            let (settings, request, decider) = (settings.clone(), request.clone(), decider.clone());
            Box::pin(async move {
                let id = ReservationId::generate(now, number);
                let (settings, decider) = (&settings, &decider);
                let opening = reservations::Opening { settings, platform, decider, now, id };
                reservations::open(tx, &opening, &request).await
            })
        })
        .await
    }

    pub async fn cancel(&self, id: ReservationId) -> Result<(), reservations::Error> {
        let decider = self.decider();
        let cancelled = transact(&self.store, move |tx| {
            let decider = decider.clone();
            Box::pin(async move { reservations::cancel(tx, &decider, None, id).await })
        })
        .await?;
        assert!(cancelled.is_some());
        Ok(())
    }

    pub async fn reservation(&self, id: ReservationId) -> Reservation {
        self.store.begin_read().await.unwrap().reservation(id).await.unwrap().unwrap()
    }

    pub async fn state(&self, id: ReservationId) -> &'static str {
        self.reservation(id).await.state.name()
    }
}
