//! What a run's farm has, and how a customer orders of it.

use super::World;
use crate::domain::asset::AssetCode;
use crate::domain::currency::Currency;
use crate::domain::farm::Farm;
use crate::domain::identity::Identity;
use crate::domain::ids::{FarmId, IdentityId, NodeId, PoolId, ReservationId};
use crate::domain::node::Node;
use crate::domain::reservation::{Reservation, State};
use crate::domain::split::Distribution;
use crate::domain::units::{CloudUnits, MilliUnits};
use crate::ports::clock::Clock;
use crate::ports::store::{StoreError, transact};
use crate::reservations::{self, OrderRequest};
use crate::simulation::SimulationError;
use crate::simulation::actors::{FARMER, FOUNDATION, PLATFORM, Wish, account};
use crate::simulation::trace::Wrong;

/// Seconds a customer has to pay.
pub(super) const WINDOW_SECONDS: u32 = 240;
/// For how much a reservation may ask, in units.
const UNITS: (u64, u64) = (1, 4);
/// For how long capacity is ordered, in seconds.
const DURATION_SECONDS: i64 = 86_400;

const fn id<T: Copy, E: Copy>(id: Result<T, E>) -> T {
    match id {
        Ok(id) => id,
        Err(_) => panic!("a small number is an id"),
    }
}

const CUSTOMER: IdentityId = id(IdentityId::new(2));
const FARM_OWNER: IdentityId = id(IdentityId::new(1));
const FARM: FarmId = id(FarmId::new(1));
/// The node that costs something.
const NODE: NodeId = id(NodeId::new(1));
/// The node that may be had for play money.
pub(in crate::simulation) const FREE_NODE: NodeId = id(NodeId::new(2));

fn units(milli: u64) -> CloudUnits {
    CloudUnits { cu: MilliUnits::new(milli).unwrap_or_default(), ..CloudUnits::default() }
}

impl World {
    pub(super) async fn describe_grid(&self) -> Result<(), SimulationError> {
        let setup = |reason: &dyn std::fmt::Display| SimulationError::Setup { reason: reason.to_string() };
        let (tft, tfta, now) = (self.actors.tft, self.actors.tfta, self.time.now());
        let farm = Farm {
            id: FARM,
            name: "North".to_owned(),
            owner: FARM_OWNER,
            payout_addresses: [(tft, account(FARMER)), (tfta, account(FARMER))].into(),
            distribution: Distribution::known("grid2").map_err(|error| setup(&error))?,
        };
        let capacity = units(1_000_000);
        let node = Node { id: NODE, farm: farm.id, capacity, free_to_use: false };
        let free_node = Node { id: FREE_NODE, free_to_use: true, ..node.clone() };
        let customer = Identity {
            id: CUSTOMER,
            name: "Customer".to_owned(),
            public_key: hex::encode(account("customer").0).parse().map_err(|_| setup(&"no key"))?,
        };
        let mut currencies = Vec::new();
        for (code, asset) in [("TFT", tft), ("TFTA", tfta), ("FreeTFT", self.actors.play)] {
            let is_play = asset == self.actors.play;
            let distribution = if is_play { Distribution::known("free").ok() } else { None };
            currencies.push(Currency {
                code: code.parse().map_err(|_| setup(&"no code"))?,
                asset,
                usd_rate: "0.05".parse().map_err(|_| setup(&"no rate"))?,
                rate_at: now,
                rate_valid_seconds: 30 * 86_400,
                distribution,
                free_only: is_play,
            });
        }
        transact(&self.store, move |tx| {
            let (farm, nodes) = (farm.clone(), [node.clone(), free_node.clone()]);
            let (customer, currencies) = (customer.clone(), currencies.clone());
            Box::pin(async move {
                let mut put = vec![tx.put_farm(&farm).await?];
                for node in &nodes {
                    put.push(tx.put_node(node).await?);
                }
                put.push(tx.put_identity(&customer).await?);
                for currency in &currencies {
                    put.push(tx.put_currency(currency).await?);
                }
                drop(put);
                Ok::<_, StoreError>(())
            })
        })
        .await
        .map_err(SimulationError::from)
    }

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
        let opened = transact(&self.store, move |tx| {
            let (settings, request) = (settings.clone(), request.clone());
            Box::pin(async move {
                let id = ReservationId::generate(now, number);
                let opening = reservations::Opening { settings: &settings, platform, now, id };
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
            let stored = tx.reservation(case.reservation.id).await?;
            if let Some(State::Settled { settlement, .. }) = stored.map(|stored| stored.state)
                && !pools.contains(&settlement.pool)
            {
                pools.push(settlement.pool);
            }
        }
        Ok(pools)
    }
}
