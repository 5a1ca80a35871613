-- Tenants. Farms, nodes, identities, reservations and pools belong to one; the numbers of farms, nodes and identities name them within it.
-- All that was there before belongs to the tenant `default`. Explorer keys of before keep the right to push rates until an operator
-- takes it; keys of operators, auditors and rate feeds belong to no tenant.
CREATE TABLE tenants (
    name TEXT NOT NULL CONSTRAINT tenants_pkey PRIMARY KEY
) STRICT;
INSERT INTO tenants (name) VALUES ('default');

CREATE TABLE farms_of_tenants (
    tenant TEXT NOT NULL DEFAULT 'default',
    id INTEGER NOT NULL,
    name TEXT NOT NULL,
    owner INTEGER NOT NULL,
    payout_facts TEXT NOT NULL,
    distribution_facts TEXT NOT NULL,
    CONSTRAINT farms_pkey PRIMARY KEY (tenant, id)
) STRICT;
INSERT INTO farms_of_tenants (id, name, owner, payout_facts, distribution_facts)
    SELECT id, name, owner, payout_facts, distribution_facts FROM farms;
DROP TABLE farms;
ALTER TABLE farms_of_tenants RENAME TO farms;

CREATE TABLE nodes_of_tenants (
    tenant TEXT NOT NULL DEFAULT 'default',
    id INTEGER NOT NULL,
    farm INTEGER NOT NULL,
    cu INTEGER NOT NULL CHECK (cu >= 0),
    su INTEGER NOT NULL CHECK (su >= 0),
    ipv4u INTEGER NOT NULL CHECK (ipv4u >= 0),
    free_to_use INTEGER NOT NULL CHECK (free_to_use IN (0, 1)),
    CONSTRAINT nodes_pkey PRIMARY KEY (tenant, id)
) STRICT;
INSERT INTO nodes_of_tenants (id, farm, cu, su, ipv4u, free_to_use)
    SELECT id, farm, cu, su, ipv4u, free_to_use FROM nodes;
DROP TABLE nodes;
ALTER TABLE nodes_of_tenants RENAME TO nodes;
CREATE INDEX nodes_of_farm ON nodes (tenant, farm, id);

CREATE TABLE identities_of_tenants (
    tenant TEXT NOT NULL DEFAULT 'default',
    id INTEGER NOT NULL,
    name TEXT NOT NULL,
    public_key TEXT NOT NULL,
    CONSTRAINT identities_pkey PRIMARY KEY (tenant, id)
) STRICT;
INSERT INTO identities_of_tenants (id, name, public_key) SELECT id, name, public_key FROM identities;
DROP TABLE identities;
ALTER TABLE identities_of_tenants RENAME TO identities;

CREATE TABLE api_keys_of_tenants (
    id INTEGER NOT NULL CONSTRAINT api_keys_pkey PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER,
    tenant TEXT,
    pushes_rates INTEGER NOT NULL DEFAULT 0 CHECK (pushes_rates IN (0, 1)),
    CONSTRAINT api_keys_role CHECK (
        (role IN ('explorer', 'node', 'farmer') AND tenant IS NOT NULL)
        OR (role IN ('rates', 'operator', 'auditor') AND tenant IS NULL)
    )
) STRICT;
INSERT INTO api_keys_of_tenants (id, name, role, secret_hash, created_at, revoked_at, tenant, pushes_rates)
    SELECT id, name, role, secret_hash, created_at, revoked_at,
        CASE WHEN role IN ('explorer', 'node', 'farmer') THEN 'default' END, role = 'explorer' AND revoked_at IS NULL
    FROM api_keys;
DROP TABLE api_keys;
ALTER TABLE api_keys_of_tenants RENAME TO api_keys;
CREATE UNIQUE INDEX api_keys_secret ON api_keys (secret_hash);
CREATE UNIQUE INDEX api_keys_name ON api_keys (name) WHERE revoked_at IS NULL;

ALTER TABLE reservations ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
DROP INDEX reservations_of_customer;
CREATE INDEX reservations_of_customer ON reservations (tenant, customer, id);
DROP INDEX reservations_of_customer_in_state;
CREATE INDEX reservations_of_customer_in_state ON reservations (tenant, customer, state, id);
CREATE INDEX reservations_of_tenant ON reservations (tenant, id);
CREATE INDEX reservations_of_tenant_in_state ON reservations (tenant, state, id);

ALTER TABLE reservation_nodes ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
DROP INDEX reservation_nodes_node;
CREATE INDEX reservation_nodes_node ON reservation_nodes (tenant, node);

ALTER TABLE pools ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
DROP INDEX pools_of_customer;
CREATE INDEX pools_of_customer ON pools (tenant, customer, id);
CREATE INDEX pools_of_tenant ON pools (tenant, id);

ALTER TABLE pool_nodes ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
DROP INDEX pool_nodes_node;
CREATE INDEX pool_nodes_node ON pool_nodes (tenant, node, pool);
DROP INDEX pool_nodes_free;
CREATE INDEX pool_nodes_free ON pool_nodes (tenant, node, pool) WHERE free_only = 1;

-- What concerns no reservation is for operators and auditors.
ALTER TABLE events ADD COLUMN tenant TEXT;
UPDATE events SET tenant = 'default' WHERE json_extract(kind_facts, '$.reservation') IS NOT NULL;
CREATE INDEX events_of_tenant ON events (tenant, id);
