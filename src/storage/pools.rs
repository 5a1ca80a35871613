//! Pools with their nodes and grants.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::rows::{Row, Table, milli_units, to_json};
use super::session::{Session, page_of, rows_max};
use super::sql::{Arg, args, statements};
use crate::domain::ids::{IdentityId, NodeId, PoolId, ReservationId};
use crate::domain::pool::{Grant, Pool};
use crate::domain::tenant::Tenant;
use crate::ports::store::{Page, PoolClaims, PoolFilter, PoolsTx, StoreError, UnreadableRow};

const POOLS: Table = Table { name: "pools", key: &["id"] };
const POOL_NODES: Table = Table { name: "pool_nodes", key: &["pool", "node"] };
const CLAIMED: Table = Table { name: "reservation_nodes", key: &["node"] };
const POOL_GRANTS: Table = Table { name: "pool_grants", key: &["reservation"] };

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, version, tenant, customer, free_only, created_at FROM pools ", $rest)
    };
}

macro_rules! select_on_node {
    ($rest:literal) => {
        concat!(
            "SELECT pools.id, pools.version, pools.tenant, pools.customer, pools.free_only, pools.created_at
            FROM pool_nodes JOIN pools ON pools.id = pool_nodes.pool ",
            $rest
        )
    };
}

statements! {
    INSERT = "INSERT INTO pools (id, version, free_only, tenant, customer, created_at)
        VALUES ($1, $2, $3, $4, $5, $6)";
    UPDATE = "UPDATE pools SET version = version + 1, free_only = $3 WHERE id = $1 AND version = $2";
    /// Each node knows whether its pool was bought with play money.
    INSERT_NODES = "INSERT INTO pool_nodes (pool, node, free_only, tenant)
            SELECT $1, CAST(value AS INTEGER), $3, $4 FROM json_each($2) WHERE true
            ON CONFLICT (pool, node) DO UPDATE SET free_only = excluded.free_only",
        on_postgres "INSERT INTO pool_nodes (pool, node, free_only, tenant)
            SELECT $1, CAST(value AS BIGINT), $3, $4
            FROM jsonb_array_elements_text(CAST($2 AS JSONB)) AS value
            ON CONFLICT (pool, node) DO UPDATE SET free_only = excluded.free_only";
    INSERT_GRANT = "INSERT INTO pool_grants (reservation, pool, ordinal, cu, su, ipv4u, starts_at, ends_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    ONE = select!("WHERE id = $1");
    LIST = select!("WHERE id > $1 ORDER BY id LIMIT $2");
    /// Where it knows of one tenant only, PostgreSQL would walk all pools: the order asks for the index.
    LIST_OF_TENANT = select!("WHERE tenant = $3 AND id > $1 ORDER BY id LIMIT $2"),
        on_postgres select!("WHERE (tenant, id) > ($3, $1) AND tenant <= $3 ORDER BY tenant, id LIMIT $2");
    LIST_OF_CUSTOMER = select!("WHERE tenant = $3 AND customer = $4 AND id > $1 ORDER BY id LIMIT $2");
    LIST_ON_NODE = select_on_node!("WHERE pool_nodes.tenant = $3 AND pool_nodes.node = $4
        AND pool_nodes.pool > $1 ORDER BY pool_nodes.pool LIMIT $2");
    LIST_OF_CUSTOMER_ON_NODE = select_on_node!("WHERE pool_nodes.tenant = $3 AND pool_nodes.node = $5
        AND pool_nodes.pool > $1 AND pools.customer = $4 ORDER BY pool_nodes.pool LIMIT $2");
    NODES_OF = "SELECT pool, node FROM pool_nodes
            WHERE pool IN (SELECT CAST(value AS INTEGER) FROM json_each($1)) ORDER BY pool, node",
        on_postgres "SELECT pool, node FROM pool_nodes
            WHERE pool = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS BIGINT)))
            ORDER BY pool, node";
    GRANTS_OF = "SELECT reservation, pool, ordinal, cu, su, ipv4u, starts_at, ends_at FROM pool_grants
            WHERE pool IN (SELECT CAST(value AS INTEGER) FROM json_each($1)) ORDER BY pool, ordinal",
        on_postgres "SELECT reservation, pool, ordinal, cu, su, ipv4u, starts_at, ends_at FROM pool_grants
            WHERE pool = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS BIGINT)))
            ORDER BY pool, ordinal";
    /// Whoever claims or credits this pool holds its row: he is waited for, then seen.
    LOCK_POOL = "SELECT id FROM pools WHERE id = $1",
        on_postgres "SELECT id FROM pools WHERE id = $1 FOR UPDATE";
    CLAIMS = "SELECT reservation_nodes.node, reservations.play_money
        FROM reservations JOIN reservation_nodes ON reservation_nodes.reservation = reservations.id
        WHERE reservations.extends = $1 AND reservations.state IN (
            'awaiting_signatures', 'awaiting_farmer', 'awaiting_payment', 'funded', 'settling', 'held'
        ) ORDER BY reservation_nodes.node";
    /// Whoever decides on reservations with this node has locked it for sharing: he is waited for, then seen.
    LOCK_NODE = "SELECT id FROM nodes WHERE tenant = $1 AND id = $2",
        on_postgres "SELECT id FROM nodes WHERE tenant = $1 AND id = $2 FOR UPDATE";
    /// Free pools are those bought with play money and those that an unfinished reservation may extend with
    /// it. A node is under one if it is in it, or in an unfinished reservation that may use play money or
    /// extends one. Reservations that may use play money are unfinished.
    NODE_UNDER_FREE_POOL = "SELECT CAST(CASE WHEN EXISTS (
            SELECT 1 FROM pool_nodes WHERE tenant = $1 AND node = $2 AND free_only = 1
        ) OR EXISTS (
            SELECT 1 FROM reservations CROSS JOIN pool_nodes
            WHERE reservations.play_money = 1 AND pool_nodes.pool = reservations.extends
                AND pool_nodes.tenant = $1 AND pool_nodes.node = $2
        ) OR EXISTS (
            SELECT 1 FROM reservations CROSS JOIN reservation_nodes
            WHERE reservations.play_money = 1 AND reservation_nodes.reservation = reservations.id
                AND reservation_nodes.tenant = $1 AND reservation_nodes.node = $2
        ) OR EXISTS (
            SELECT 1 FROM reservations CROSS JOIN reservation_nodes CROSS JOIN pools
            WHERE reservations.extends IS NOT NULL AND reservations.state IN (
                    'awaiting_signatures', 'awaiting_farmer', 'awaiting_payment', 'funded', 'settling', 'held'
                )
                AND reservation_nodes.reservation = reservations.id AND reservation_nodes.tenant = $1
                AND reservation_nodes.node = $2
                AND pools.id = reservations.extends AND (pools.free_only = 1 OR EXISTS (
                    SELECT 1 FROM reservations AS others
                    WHERE others.play_money = 1 AND others.extends = reservations.extends
                ))
        ) THEN 1 ELSE 0 END AS BIGINT) AS under";
}

fn pool_id(row: &Row) -> Result<PoolId, StoreError> {
    row.of(&POOLS).number("id", PoolId::new)
}

/// A pool without its nodes and grants.
fn bare(row: &Row) -> Result<Pool, StoreError> {
    let facts = row.of(&POOLS);
    Ok(Pool {
        id: pool_id(row)?,
        version: facts.version()?,
        tenant: facts.parsed("tenant")?,
        customer: facts.number("customer", IdentityId::new)?,
        nodes: BTreeSet::new(),
        free_only: facts.flag("free_only")?,
        grants: Vec::new(),
        created_at: facts.time("created_at")?,
    })
}

/// What rows of other tables say of a pool.
#[derive(Default)]
struct Parts {
    nodes: BTreeSet<NodeId>,
    grants: Vec<Grant>,
    /// The first of them that cannot be read.
    unreadable: Option<StoreError>,
}

impl Parts {
    fn add_node(&mut self, node: Result<NodeId, StoreError>) {
        match node {
            Ok(node) => _ = self.nodes.insert(node),
            Err(error) => _ = self.unreadable.get_or_insert(error),
        }
    }

    /// Grants come in their order, from the first on.
    fn add_grant(&mut self, row: &Row) {
        let added = grant(row).and_then(|(ordinal, grant)| {
            if ordinal != self.grants.len() as u64 {
                return Err(row.of(&POOL_GRANTS).corrupt("ordinal", "a grant before it is missing"));
            }
            self.grants.push(grant);
            Ok(())
        });
        if let Err(error) = added {
            self.unreadable.get_or_insert(error);
        }
    }
}

/// A grant and its place in the pool.
fn grant(row: &Row) -> Result<(u64, Grant), StoreError> {
    let facts = row.of(&POOL_GRANTS);
    let grant = Grant {
        reservation: facts.number("reservation", ReservationId::new)?,
        units: facts.units()?,
        from: facts.time("starts_at")?,
        until: facts.time("ends_at")?,
    };
    if grant.until < grant.from {
        return Err(facts.corrupt("ends_at", "it is before starts_at"));
    }
    Ok((facts.number("ordinal", u64::try_from)?, grant))
}

impl Session {
    /// The pools of these rows, whole, in their order: one that cannot be read is its own trouble.
    async fn whole(&mut self, rows: Vec<Row>) -> Result<Page<Pool, PoolId>, StoreError> {
        let pools = page_of(&rows, bare, pool_id)?;
        drop(rows);
        if pools.is_empty() {
            return Ok(pools);
        }
        let ids = to_json(&pools.keys().collect::<Vec<_>>())?;
        let mut parts: BTreeMap<PoolId, Parts> = BTreeMap::new();
        for row in self.rows(NODES_OF, args![ids.as_str()]).await? {
            let facts = row.of(&POOL_NODES);
            let node = facts.number("node", NodeId::new);
            parts.entry(facts.number("pool", PoolId::new)?).or_default().add_node(node);
        }
        for row in self.rows(GRANTS_OF, args![ids]).await? {
            let pool = row.of(&POOL_GRANTS).number("pool", PoolId::new)?;
            parts.entry(pool).or_default().add_grant(&row);
        }
        let mut whole = Vec::with_capacity(pools.len());
        for (id, pool) in pools.into_rows() {
            let parts = id.and_then(|id| parts.remove(&id)).unwrap_or_default();
            let pool = match (pool, parts.unreadable) {
                (Ok(pool), None) => Ok(Pool { nodes: parts.nodes, grants: parts.grants, ..pool }),
                (Ok(_), Some(error)) => Err(UnreadableRow::of(error)?),
                (Err(unreadable), _) => Err(unreadable),
            };
            whole.push((id, pool));
        }
        Ok(Page::new(whole))
    }

    async fn insert_nodes(&mut self, pool: &Pool) -> Result<(), StoreError> {
        let args = args![pool.id.get(), to_json(&pool.nodes)?, pool.free_only, pool.tenant.as_str()];
        self.execute(INSERT_NODES, args).await.map(drop)
    }

    async fn insert_grants(&mut self, pool: &Pool, from: usize) -> Result<(), StoreError> {
        for (ordinal, grant) in (0_i64..).zip(&pool.grants).skip(from) {
            let [cu, su, ipv4u] = milli_units(grant.units);
            let args = args![
                grant.reservation.get(),
                pool.id.get(),
                ordinal,
                cu,
                su,
                ipv4u,
                grant.from,
                grant.until
            ];
            self.execute(INSERT_GRANT, args).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl PoolsTx for Session {
    async fn insert_pool(&mut self, pool: &Pool) -> Result<(), StoreError> {
        if pool.version != 0 {
            return Err(self.refuse(format!("a new pool of version {}", pool.version)));
        }
        let args = args![
            pool.id.get(),
            pool.version,
            pool.free_only,
            pool.tenant.as_str(),
            pool.customer.get(),
            pool.created_at,
        ];
        self.execute(INSERT, args).await?;
        self.insert_nodes(pool).await?;
        self.insert_grants(pool, 0).await
    }

    async fn update_pool(&mut self, pool: &Pool) -> Result<Pool, StoreError> {
        let args = args![pool.id.get(), pool.version, pool.free_only];
        self.guarded(UPDATE, args, || format!("pool {}", pool.id)).await?;
        let Some(stored) = self.pool(pool.id).await? else {
            return Err(self.refuse(format!("pool {} is gone", pool.id)));
        };
        let grants = stored.grants.len();
        let kept = pool.grants.get(..grants) == Some(&stored.grants[..])
            && pool.nodes.is_superset(&stored.nodes)
            && (&pool.tenant, pool.customer, pool.created_at.as_microsecond())
                == (&stored.tenant, stored.customer, stored.created_at.as_microsecond());
        if !kept {
            return Err(self.refuse(format!("pool {} would lose or change what is stored", pool.id)));
        }
        self.insert_nodes(pool).await?;
        self.insert_grants(pool, grants).await?;
        Ok(Pool { version: pool.version + 1, ..pool.clone() })
    }

    async fn pool(&mut self, id: PoolId) -> Result<Option<Pool>, StoreError> {
        let rows = self.rows(ONE, args![id.get()]).await?;
        Ok(self.whole(rows).await?.all()?.pop())
    }

    async fn pools(
        &mut self,
        filter: &PoolFilter,
        after: Option<PoolId>,
        limit: u32,
    ) -> Result<Page<Pool, PoolId>, StoreError> {
        let mut args = args![after.map_or(-1, PoolId::get), rows_max(limit)];
        let sql = match (&filter.tenant, filter.customer, filter.node) {
            (None, None, None) => LIST,
            (None, Some(_), _) | (None, _, Some(_)) => {
                return Err(self.refuse("customers and nodes are those of a tenant".to_owned()));
            }
            (Some(_), None, None) => LIST_OF_TENANT,
            (Some(_), Some(_), None) => LIST_OF_CUSTOMER,
            (Some(_), None, Some(_)) => LIST_ON_NODE,
            (Some(_), Some(_), Some(_)) => LIST_OF_CUSTOMER_ON_NODE,
        };
        args.extend(filter.tenant.as_ref().map(|tenant| Arg::from(tenant.as_str())));
        args.extend(filter.customer.map(IdentityId::get).map(Arg::from));
        args.extend(filter.node.map(NodeId::get).map(Arg::from));
        let rows = self.rows(sql, args).await?;
        self.whole(rows).await
    }

    async fn pool_claims(&mut self, id: PoolId) -> Result<PoolClaims, StoreError> {
        if !self.reads_only() {
            self.rows(LOCK_POOL, args![id.get()]).await?;
        }
        let mut claims = PoolClaims::default();
        for row in self.rows(CLAIMS, args![id.get()]).await? {
            let facts = row.of(&CLAIMED);
            claims.nodes.insert(facts.number("node", NodeId::new)?);
            claims.play_money |= facts.flag("play_money")?;
        }
        Ok(claims)
    }

    async fn node_is_under_free_pool(&mut self, tenant: &Tenant, node: NodeId) -> Result<bool, StoreError> {
        if !self.reads_only() {
            self.rows(LOCK_NODE, args![tenant.as_str(), node.get()]).await?;
        }
        let row = self.row(NODE_UNDER_FREE_POOL, args![tenant.as_str(), node.get()]).await?;
        row.map_or(Ok(false), |row| row.of(&POOLS).flag("under"))
    }
}
