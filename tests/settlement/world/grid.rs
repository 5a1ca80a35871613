//! The farm, the nodes and the currency of a world, and what its pools have.

use farmgate::domain::currency::Currency;
use farmgate::domain::farm::Farm;
use farmgate::domain::identity::Identity;
use farmgate::domain::ids::{FarmId, IdentityId, NodeId, PoolId};
use farmgate::domain::node::Node;
use farmgate::domain::split::Distribution;
use farmgate::domain::tenant::Tenant;
use farmgate::ports::clock::Clock;
use farmgate::ports::store::{Put, StoreError, transact};

use super::{FARMER, World, code, units, wallet};

impl World {
    pub(super) async fn describe_grid(&self) {
        let tft = self.asset("TFT");
        let currency = Currency {
            code: code("TFT"),
            asset: tft,
            usd_rate: "0.05".parse().unwrap(),
            rate_at: self.clock.now(),
            rate_valid_seconds: 30 * 86_400,
            distribution: None,
            free_only: false,
        };
        let farm = Farm {
            tenant: Tenant::default(),
            id: FarmId::new(1).unwrap(),
            name: "North".to_owned(),
            owner: IdentityId::new(1).unwrap(),
            payout_addresses: [(tft, wallet(FARMER).account())].into(),
            distribution: Distribution::known("grid2").unwrap(),
        };
        let node = |number, free_to_use| Node {
            tenant: Tenant::default(),
            id: NodeId::new(number).unwrap(),
            farm: farm.id,
            capacity: units("100"),
            free_to_use,
        };
        let nodes = [node(1, false), node(2, true)];
        let customer = Identity {
            tenant: Tenant::default(),
            id: IdentityId::new(2).unwrap(),
            name: "Customer".to_owned(),
            public_key: hex::encode(wallet("customer").account().0).parse().unwrap(),
        };
        let put: Result<(), StoreError> = transact(&self.store, move |tx| {
            let (currency, farm, nodes, customer) =
                (currency.clone(), farm.clone(), nodes.clone(), customer.clone());
            Box::pin(async move {
                let mut created = vec![tx.put_currency(&currency, None).await?, tx.put_farm(&farm).await?];
                for node in &nodes {
                    created.push(tx.put_node(node).await?);
                }
                created.push(tx.put_identity(&customer).await?);
                assert!(created.iter().all(|put| *put == Put::Created));
                Ok(())
            })
        })
        .await;
        put.unwrap();
    }

    pub async fn put_farm(&self, farm: Farm) {
        self.write(move |tx| {
            let farm = farm.clone();
            Box::pin(async move { tx.put_farm(&farm).await.map(drop) })
        })
        .await;
    }

    pub async fn farm(&self) -> Farm {
        let id = FarmId::new(1).unwrap();
        self.store.begin_read().await.unwrap().farm(&Tenant::default(), id).await.unwrap().unwrap()
    }

    pub async fn pool(&self, id: PoolId) -> farmgate::domain::pool::Pool {
        self.store.begin_read().await.unwrap().pool(id).await.unwrap().unwrap()
    }
}
