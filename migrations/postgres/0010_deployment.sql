-- Which network and platform account the database belongs to, and by which ledgers that network is recognised: the first that was
-- seen and the latest that was noted, each with its hash and closing time. `divergence_facts` is what the network last said
-- against them.
CREATE TABLE deployment (
    id BIGINT NOT NULL CONSTRAINT deployment_pkey PRIMARY KEY CHECK (id = 1),
    network_passphrase TEXT,
    platform TEXT,
    first_facts TEXT,
    latest_ledger BIGINT,
    latest_facts TEXT,
    divergence_facts TEXT,
    CONSTRAINT deployment_whole CHECK ((network_passphrase IS NULL) = (platform IS NULL)),
    CONSTRAINT deployment_ledgers CHECK (
        (first_facts IS NULL) = (latest_facts IS NULL) AND (latest_ledger IS NULL) = (latest_facts IS NULL)
    )
);
INSERT INTO deployment (id) VALUES (1);
