-- The database server that the engine reported to: another one, or another timeline of it, may not have the last commits.
ALTER TABLE engine_status ADD COLUMN server_system INTEGER;
ALTER TABLE engine_status ADD COLUMN server_timeline TEXT;

-- What the engine could not work on while everything else went on.
ALTER TABLE engine_status ADD COLUMN left_alone TEXT;

-- Operations that took money from an account of ours by a transaction that is not stored, and that a person accepted. The engine
-- books what they took instead of stopping.
CREATE TABLE accepted_operations (
    operation INTEGER NOT NULL,
    account TEXT NOT NULL,
    accepted_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    accepted_at INTEGER NOT NULL,
    CONSTRAINT accepted_operations_pkey PRIMARY KEY (account, operation)
) STRICT;
