-- A database restored from a backup: accounts of ours that it does not know are adopted, and nothing is built for a while.
ALTER TABLE engine_status ADD COLUMN builds_nothing_before INTEGER;

CREATE TABLE escrows_with_adopted (
    account TEXT NOT NULL CONSTRAINT escrows_pkey PRIMARY KEY,
    version INTEGER NOT NULL,
    asset_facts TEXT NOT NULL,
    state TEXT NOT NULL,
    submission INTEGER,
    reservation INTEGER,
    merged_by INTEGER,
    watch_cursor INTEGER NOT NULL,
    watch_explained INTEGER NOT NULL,
    dirty_since INTEGER,
    created_at INTEGER NOT NULL,
    CONSTRAINT escrows_state CHECK (
        (state = 'preparing' AND submission IS NOT NULL AND reservation IS NULL AND merged_by IS NULL)
        OR (state IN ('ready', 'abandoned', 'adopted') AND submission IS NULL AND reservation IS NULL AND merged_by IS NULL)
        OR (state = 'assigned' AND submission IS NULL AND reservation IS NOT NULL AND merged_by IS NULL)
        OR (state = 'closing' AND submission IS NOT NULL AND merged_by IS NULL)
        OR (state IN ('merged', 'closed') AND submission IS NULL AND merged_by IS NOT NULL)
    )
) STRICT;
INSERT INTO escrows_with_adopted SELECT account, version, asset_facts, state, submission, reservation, merged_by, watch_cursor,
    watch_explained, dirty_since, created_at FROM escrows;
DROP TABLE escrows;
ALTER TABLE escrows_with_adopted RENAME TO escrows;
CREATE UNIQUE INDEX escrows_reservation ON escrows (reservation);
CREATE INDEX escrows_ready ON escrows (created_at, account) WHERE state = 'ready';
CREATE INDEX escrows_available ON escrows (asset_facts) WHERE state IN ('preparing', 'ready');
CREATE INDEX escrows_submission ON escrows (submission) WHERE submission IS NOT NULL;
CREATE INDEX escrows_merged ON escrows (account) WHERE state = 'merged';
CREATE INDEX escrows_dirty ON escrows (dirty_since, account) WHERE dirty_since IS NOT NULL;
