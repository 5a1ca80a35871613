//! How a customer orders.

use super::World;
use crate::domain::asset::AssetCode;
use crate::domain::ids::{PoolId, ReservationId};
use crate::domain::reservation::{Reservation, State};
use crate::domain::tenant::Tenant;
use crate::ports::clock::Clock;
use crate::ports::store::{StoreError, transact};
use crate::reservations::{self, OrderRequest};
use crate::simulation::actors::{FOUNDATION, PLATFORM, Wish, account};
use crate::simulation::grid::{CUSTOMER, FREE_NODE, NODE, WINDOW_SECONDS, units};
use crate::simulation::trace::Wrong;

/// For how much a reservation may ask, in units.
const UNITS: (u64, u64) = (1, 4);
/// For how long capacity is ordered, in seconds.
const DURATION_SECONDS: i64 = 86_400;

impl World {
    /// Places an order; `None` if there is no pool yet that it could extend.
    pub(super) async fn open(&mut self, wish: Wish) -> Result<Option<Reservation>, reservations::Error> {
        let settings = reservations::Settings {
            payment_window_seconds: WINDOW_SECONDS,
            payout: reservations::PayoutAccounts {
                foundation: Some(account(FOUNDATION)),
                sales: None,
                wisdom: None,
            },
            ..reservations::Settings::default()
        };
        let Some(request) = self.request(wish).await? else { return Ok(None) };
        self.reservations_made += 1;
        let (now, number, platform) = (self.wall.now(), self.reservations_made, account(PLATFORM));
        let decider = self.decider();
        let opened = transact(&self.store, move |tx| {
            let (settings, request, decider) = (settings.clone(), request.clone(), decider.clone());
            Box::pin(async move {
                let id = ReservationId::generate(now, number);
                let (settings, decider) = (&settings, &decider);
                let opening = reservations::Opening { settings, platform, decider, now, id };
                reservations::open(tx, &opening, &request).await
            })
        })
        .await;
        if let (Wish::PlayOnPaid, Ok(_)) = (wish, &opened) {
            let what = "play money was taken for a node that is not free to use".to_owned();
            self.trace.wrong(Wrong::Broken, what);
        }
        opened.map(Some)
    }

    /// What a customer asks for who has this wish.
    async fn request(&mut self, wish: Wish) -> Result<Option<OrderRequest>, StoreError> {
        let amount = self.actors.rng.between(UNITS.0 * 1_000, UNITS.1 * 1_000);
        let both = self.actors.rng.chance(300);
        let (node, codes) = match wish {
            Wish::Plain if both => (NODE, vec!["TFT", "TFTA"]),
            Wish::Plain => (NODE, vec!["TFT"]),
            Wish::Play if both => (FREE_NODE, vec!["FreeTFT", "TFT"]),
            Wish::Play => (FREE_NODE, vec!["FreeTFT"]),
            Wish::PlayOnPaid => (NODE, vec!["FreeTFT"]),
            Wish::Extension if self.actors.rng.chance(300) => (FREE_NODE, vec!["FreeTFT"]),
            Wish::Extension => (if self.actors.rng.chance(500) { NODE } else { FREE_NODE }, vec!["TFT"]),
        };
        let codes: Vec<AssetCode> = codes.into_iter().filter_map(|code| code.parse().ok()).collect();
        let plain = OrderRequest {
            tenant: Tenant::default(),
            customer: CUSTOMER,
            nodes: vec![node],
            units: Some(units(amount)),
            duration_seconds: Some(DURATION_SECONDS),
            pool: None,
            currencies: Some(codes),
            refund: None,
        };
        if wish != Wish::Extension {
            return Ok(Some(plain));
        }
        let pools = self.pools().await?;
        let Some(pool) = self.actors.rng.pick(&pools).copied() else { return Ok(None) };
        let longer = self.actors.rng.chance(500);
        Ok(Some(if longer {
            OrderRequest { nodes: Vec::new(), units: None, pool: Some(pool), ..plain }
        } else {
            OrderRequest { duration_seconds: None, pool: Some(pool), ..plain }
        }))
    }

    /// The customer's pools.
    async fn pools(&self) -> Result<Vec<PoolId>, StoreError> {
        let mut tx = self.store.begin_read().await?;
        let mut pools = Vec::new();
        for case in &self.cases {
            // One that other hands have changed has no pool for now.
            let stored = match tx.reservation(case.reservation.id).await {
                Err(StoreError::Corrupt { .. }) => None,
                stored => stored?,
            };
            if let Some(State::Settled { settlement, .. }) = stored.map(|stored| stored.state)
                && !pools.contains(&settlement.pool)
            {
                pools.push(settlement.pool);
            }
        }
        Ok(pools)
    }
}
