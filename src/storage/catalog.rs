//! Farms, nodes, identities and currencies.

use async_trait::async_trait;
use jiff::Timestamp;

use super::rows::{Row, Table, milli_units, to_json};
use super::session::{Session, rows_max};
use super::sql::{Arg, Sql, args, statements};
use crate::domain::asset::AssetCode;
use crate::domain::currency::Currency;
use crate::domain::farm::Farm;
use crate::domain::identity::Identity;
use crate::domain::ids::{FarmId, IdentityId, NodeId};
use crate::domain::node::Node;
use crate::domain::tenant::Tenant;
use crate::ports::store::{CatalogTx, Page, Put, StoreError};

const FARMS: Table = Table { name: "farms", key: &["tenant", "id"] };
const NODES: Table = Table { name: "nodes", key: &["tenant", "id"] };
const IDENTITIES: Table = Table { name: "identities", key: &["tenant", "id"] };
const CURRENCIES: Table = Table { name: "currencies", key: &["code"] };

macro_rules! select_farms {
    ($rest:literal) => {
        concat!("SELECT tenant, id, name, owner, payout_facts, distribution_facts FROM farms ", $rest)
    };
}

macro_rules! select_nodes {
    ($rest:literal) => {
        concat!("SELECT tenant, id, farm, cu, su, ipv4u, free_to_use FROM nodes ", $rest)
    };
}

macro_rules! select_identities {
    ($rest:literal) => {
        concat!("SELECT tenant, id, name, public_key FROM identities ", $rest)
    };
}

macro_rules! select_currencies {
    ($rest:literal) => {
        concat!(
            "SELECT code, asset, usd_rate, rate_at, rate_valid_seconds, distribution_facts, free_only
            FROM currencies ",
            $rest
        )
    };
}

statements! {
    INSERT_FARM = "INSERT INTO farms (tenant, id, name, owner, payout_facts, distribution_facts)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant, id) DO NOTHING";
    UPDATE_FARM = "UPDATE farms SET name = $3, owner = $4, payout_facts = $5, distribution_facts = $6
        WHERE tenant = $1 AND id = $2";
    FARM = select_farms!("WHERE tenant = $1 AND id = $2");
    FARM_TO_REPLACE = select_farms!("WHERE tenant = $1 AND id = $2"),
        on_postgres select_farms!("WHERE tenant = $1 AND id = $2 FOR UPDATE");
    FARMS_AFTER = select_farms!("WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3");

    INSERT_NODE = "INSERT INTO nodes (tenant, id, farm, cu, su, ipv4u, free_to_use)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant, id) DO NOTHING";
    UPDATE_NODE = "UPDATE nodes SET farm = $3, cu = $4, su = $5, ipv4u = $6, free_to_use = $7
        WHERE tenant = $1 AND id = $2";
    NODE = select_nodes!("WHERE tenant = $1 AND id = $2");
    NODE_TO_REPLACE = select_nodes!("WHERE tenant = $1 AND id = $2"),
        on_postgres select_nodes!("WHERE tenant = $1 AND id = $2 FOR UPDATE");
    /// For a decision: the node stays as it is until that is committed. SQLite has one writer anyway.
    NODE_TO_DECIDE = select_nodes!("WHERE tenant = $1 AND id = $2"),
        on_postgres select_nodes!("WHERE tenant = $1 AND id = $2 FOR SHARE");
    NODES_AFTER = select_nodes!("WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3");
    NODES_OF_FARM = select_nodes!("WHERE tenant = $1 AND farm = $4 AND id > $2 ORDER BY id LIMIT $3");

    INSERT_IDENTITY = "INSERT INTO identities (tenant, id, name, public_key) VALUES ($1, $2, $3, $4)
        ON CONFLICT (tenant, id) DO NOTHING";
    UPDATE_IDENTITY = "UPDATE identities SET name = $3, public_key = $4 WHERE tenant = $1 AND id = $2";
    IDENTITY = select_identities!("WHERE tenant = $1 AND id = $2");
    IDENTITY_TO_REPLACE = select_identities!("WHERE tenant = $1 AND id = $2"),
        on_postgres select_identities!("WHERE tenant = $1 AND id = $2 FOR UPDATE");
    IDENTITIES_AFTER = select_identities!("WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3");

    INSERT_CURRENCY = "INSERT INTO currencies
            (code, asset, usd_rate, rate_at, rate_valid_seconds, distribution_facts, free_only)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (code) DO NOTHING";
    UPDATE_CURRENCY = "UPDATE currencies SET asset = $2, usd_rate = $3, rate_at = $4, rate_valid_seconds = $5,
            distribution_facts = $6, free_only = $7
        WHERE code = $1 AND rate_at = $8";
    CURRENCY = select_currencies!("WHERE code = $1");
    CURRENCY_TO_REPLACE = select_currencies!("WHERE code = $1"),
        on_postgres select_currencies!("WHERE code = $1 FOR UPDATE");
    /// In the order of bytes, whatever the database's language. (CockroachDB knows "C" in expressions only.)
    CURRENCIES_AFTER = select_currencies!("WHERE code > $1 ORDER BY code LIMIT $2"),
        on_postgres select_currencies!("WHERE code COLLATE \"C\" > $1 ORDER BY code COLLATE \"C\" LIMIT $2");
}

fn farm(row: &Row) -> Result<Farm, StoreError> {
    let facts = row.of(&FARMS);
    Ok(Farm {
        tenant: facts.parsed("tenant")?,
        id: facts.number("id", FarmId::new)?,
        name: facts.text("name")?,
        owner: facts.number("owner", IdentityId::new)?,
        payout_addresses: facts.json("payout_facts")?,
        distribution: facts.json("distribution_facts")?,
    })
}

fn node(row: &Row) -> Result<Node, StoreError> {
    let facts = row.of(&NODES);
    Ok(Node {
        tenant: facts.parsed("tenant")?,
        id: facts.number("id", NodeId::new)?,
        farm: facts.number("farm", FarmId::new)?,
        capacity: facts.units()?,
        free_to_use: facts.flag("free_to_use")?,
    })
}

fn identity(row: &Row) -> Result<Identity, StoreError> {
    let facts = row.of(&IDENTITIES);
    Ok(Identity {
        tenant: facts.parsed("tenant")?,
        id: facts.number("id", IdentityId::new)?,
        name: facts.text("name")?,
        public_key: facts.parsed("public_key")?,
    })
}

fn currency(row: &Row) -> Result<Currency, StoreError> {
    let facts = row.of(&CURRENCIES);
    Ok(Currency {
        code: facts.parsed("code")?,
        asset: facts.parsed("asset")?,
        usd_rate: facts.parsed("usd_rate")?,
        rate_at: facts.time("rate_at")?,
        rate_valid_seconds: facts.int("rate_valid_seconds")?,
        distribution: facts.json_or_none("distribution_facts")?,
        free_only: facts.flag("free_only")?,
    })
}

impl Session {
    /// Inserts, or updates what is there. `ON CONFLICT DO UPDATE` would not tell which it was.
    async fn put(&mut self, insert: Sql, update: Sql, args: Vec<Arg>) -> Result<Put, StoreError> {
        if self.execute(insert, args.clone()).await? == 1 {
            return Ok(Put::Created);
        }
        self.guarded(update, args, || "a thing of the catalog".to_owned()).await?;
        Ok(Put::Replaced)
    }
}

#[async_trait]
impl CatalogTx for Session {
    async fn put_farm(&mut self, farm: &Farm) -> Result<Put, StoreError> {
        let args = args![
            farm.tenant.as_str(),
            farm.id.get(),
            farm.name.as_str(),
            farm.owner.get(),
            to_json(&farm.payout_addresses)?,
            to_json(&farm.distribution)?,
        ];
        self.put(INSERT_FARM, UPDATE_FARM, args).await
    }

    async fn farm(&mut self, tenant: &Tenant, id: FarmId) -> Result<Option<Farm>, StoreError> {
        self.row(FARM, args![tenant.as_str(), id.get()]).await?.as_ref().map(farm).transpose()
    }

    async fn farm_to_replace(&mut self, tenant: &Tenant, id: FarmId) -> Result<Option<Farm>, StoreError> {
        self.row(FARM_TO_REPLACE, args![tenant.as_str(), id.get()]).await?.as_ref().map(farm).transpose()
    }

    async fn farms(
        &mut self,
        tenant: &Tenant,
        after: Option<FarmId>,
        limit: u32,
    ) -> Result<Page<Farm, FarmId>, StoreError> {
        let args = args![tenant.as_str(), after.map_or(-1, FarmId::get), rows_max(limit)];
        self.page((FARMS_AFTER, args), farm, |row| row.of(&FARMS).number("id", FarmId::new)).await
    }

    async fn put_node(&mut self, node: &Node) -> Result<Put, StoreError> {
        let [cu, su, ipv4u] = milli_units(node.capacity);
        let args =
            args![node.tenant.as_str(), node.id.get(), node.farm.get(), cu, su, ipv4u, node.free_to_use];
        self.put(INSERT_NODE, UPDATE_NODE, args).await
    }

    async fn node(&mut self, tenant: &Tenant, id: NodeId) -> Result<Option<Node>, StoreError> {
        let sql = if self.reads_only() { NODE } else { NODE_TO_DECIDE };
        self.row(sql, args![tenant.as_str(), id.get()]).await?.as_ref().map(node).transpose()
    }

    async fn node_to_replace(&mut self, tenant: &Tenant, id: NodeId) -> Result<Option<Node>, StoreError> {
        self.row(NODE_TO_REPLACE, args![tenant.as_str(), id.get()]).await?.as_ref().map(node).transpose()
    }

    async fn nodes(
        &mut self,
        tenant: &Tenant,
        farm: Option<FarmId>,
        after: Option<NodeId>,
        limit: u32,
    ) -> Result<Page<Node, NodeId>, StoreError> {
        let mut args = args![tenant.as_str(), after.map_or(-1, NodeId::get), rows_max(limit)];
        let sql = match farm {
            None => NODES_AFTER,
            Some(farm) => {
                args.push(farm.get().into());
                NODES_OF_FARM
            }
        };
        self.page((sql, args), node, |row| row.of(&NODES).number("id", NodeId::new)).await
    }

    async fn put_identity(&mut self, identity: &Identity) -> Result<Put, StoreError> {
        let args = args![
            identity.tenant.as_str(),
            identity.id.get(),
            identity.name.as_str(),
            identity.public_key.to_string()
        ];
        self.put(INSERT_IDENTITY, UPDATE_IDENTITY, args).await
    }

    async fn identity(&mut self, tenant: &Tenant, id: IdentityId) -> Result<Option<Identity>, StoreError> {
        self.row(IDENTITY, args![tenant.as_str(), id.get()]).await?.as_ref().map(identity).transpose()
    }

    async fn identity_to_replace(
        &mut self,
        tenant: &Tenant,
        id: IdentityId,
    ) -> Result<Option<Identity>, StoreError> {
        self.row(IDENTITY_TO_REPLACE, args![tenant.as_str(), id.get()])
            .await?
            .as_ref()
            .map(identity)
            .transpose()
    }

    async fn identities(
        &mut self,
        tenant: &Tenant,
        after: Option<IdentityId>,
        limit: u32,
    ) -> Result<Page<Identity, IdentityId>, StoreError> {
        let args = args![tenant.as_str(), after.map_or(-1, IdentityId::get), rows_max(limit)];
        let key = |row: &Row| row.of(&IDENTITIES).number("id", IdentityId::new);
        self.page((IDENTITIES_AFTER, args), identity, key).await
    }

    async fn put_currency(
        &mut self,
        currency: &Currency,
        over: Option<Timestamp>,
    ) -> Result<Put, StoreError> {
        let mut args = args![
            currency.code.as_str(),
            currency.asset.to_string(),
            currency.usd_rate.to_string(),
            currency.rate_at,
            currency.rate_valid_seconds,
            currency.distribution.as_ref().map(to_json).transpose()?,
            currency.free_only,
        ];
        let what = || format!("currency {}", currency.code);
        let Some(over) = over else {
            self.guarded(INSERT_CURRENCY, args, what).await?;
            return Ok(Put::Created);
        };
        args.push(over.into());
        self.guarded(UPDATE_CURRENCY, args, what).await?;
        Ok(Put::Replaced)
    }

    async fn currency(&mut self, code: AssetCode) -> Result<Option<Currency>, StoreError> {
        self.row(CURRENCY, args![code.as_str()]).await?.as_ref().map(currency).transpose()
    }

    async fn currency_to_replace(&mut self, code: AssetCode) -> Result<Option<Currency>, StoreError> {
        self.row(CURRENCY_TO_REPLACE, args![code.as_str()]).await?.as_ref().map(currency).transpose()
    }

    async fn currencies(
        &mut self,
        after: Option<AssetCode>,
        limit: u32,
    ) -> Result<Page<Currency, AssetCode>, StoreError> {
        let after = after.as_ref().map_or("", AssetCode::as_str);
        let args = args![after, rows_max(limit)];
        self.page((CURRENCIES_AFTER, args), currency, |row| row.of(&CURRENCIES).parsed("code")).await
    }
}
