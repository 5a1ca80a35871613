-- Tenants. Farms, nodes, identities, reservations and pools belong to one; the numbers of farms, nodes and identities name them within it.
-- All that was there before belongs to the tenant `default`. Explorer keys of before keep the right to push rates until an operator
-- takes it; keys of operators, auditors and rate feeds belong to no tenant.
CREATE TABLE tenants (
    name TEXT NOT NULL CONSTRAINT tenants_pkey PRIMARY KEY
);
INSERT INTO tenants (name) VALUES ('default');

ALTER TABLE farms ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
ALTER TABLE farms DROP CONSTRAINT farms_pkey;
ALTER TABLE farms ADD CONSTRAINT farms_pkey PRIMARY KEY (tenant, id);

ALTER TABLE nodes ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
ALTER TABLE nodes DROP CONSTRAINT nodes_pkey;
ALTER TABLE nodes ADD CONSTRAINT nodes_pkey PRIMARY KEY (tenant, id);
DROP INDEX nodes_of_farm;
CREATE INDEX nodes_of_farm ON nodes (tenant, farm, id);

ALTER TABLE identities ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
ALTER TABLE identities DROP CONSTRAINT identities_pkey;
ALTER TABLE identities ADD CONSTRAINT identities_pkey PRIMARY KEY (tenant, id);

ALTER TABLE api_keys ADD COLUMN tenant TEXT;
ALTER TABLE api_keys ADD COLUMN pushes_rates BIGINT NOT NULL DEFAULT 0 CHECK (pushes_rates IN (0, 1));
UPDATE api_keys SET tenant = 'default' WHERE role IN ('explorer', 'node', 'farmer');
UPDATE api_keys SET pushes_rates = 1 WHERE role = 'explorer' AND revoked_at IS NULL;
ALTER TABLE api_keys DROP CONSTRAINT api_keys_role_check;
ALTER TABLE api_keys ADD CONSTRAINT api_keys_role CHECK (
    (role IN ('explorer', 'node', 'farmer') AND tenant IS NOT NULL)
    OR (role IN ('rates', 'operator', 'auditor') AND tenant IS NULL)
);

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
UPDATE events SET tenant = 'default' WHERE CAST(kind_facts AS JSONB) ->> 'reservation' IS NOT NULL;
CREATE INDEX events_of_tenant ON events (tenant, id);
