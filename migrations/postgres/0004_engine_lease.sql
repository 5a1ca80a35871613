-- Which process runs the engine. The fence of every write of the engine locks the row by its key, `token` (on PostgreSQL: FOR
-- KEY SHARE), so that a take-over, which changes it, waits for the writes in hand, and a renewal, which does not, waits for nobody.
CREATE TABLE engine_lease (
    id BIGINT NOT NULL CONSTRAINT engine_lease_pkey PRIMARY KEY CHECK (id = 1),
    token BIGINT NOT NULL CHECK (token >= 0),
    holder TEXT,
    renewal BIGINT NOT NULL CHECK (renewal >= 0),
    taken_at BIGINT,
    renewed_at BIGINT,
    CONSTRAINT engine_lease_times CHECK ((taken_at IS NULL) = (renewed_at IS NULL))
);
CREATE UNIQUE INDEX engine_lease_token ON engine_lease (token);
INSERT INTO engine_lease (id, token, holder, renewal, taken_at, renewed_at) VALUES (1, 0, NULL, 0, NULL, NULL);

ALTER TABLE engine_status ADD COLUMN stream_away_since BIGINT;

-- The oldest funded reservation that is not settled, for whoever watches.
CREATE INDEX reservations_funded ON reservations ((CAST(state_facts AS JSONB) -> 'funding' ->> 'at'), id)
    WHERE state IN ('funded', 'settling');
CREATE INDEX submissions_unknown ON submissions (created_at, id) WHERE state = 'live' AND attempts > 0;
