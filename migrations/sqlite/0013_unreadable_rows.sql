-- Rows that somebody came to and could not read: a value that cannot be, with table, column and key, for a person to see to.
CREATE TABLE unreadable_rows (
    id TEXT NOT NULL CONSTRAINT unreadable_rows_pkey PRIMARY KEY,
    table_name TEXT NOT NULL,
    column_name TEXT NOT NULL,
    row_key TEXT NOT NULL,
    reason TEXT NOT NULL,
    since INTEGER NOT NULL,
    last_met_at INTEGER NOT NULL CHECK (last_met_at >= since)
) STRICT;
CREATE INDEX unreadable_rows_last_met ON unreadable_rows (last_met_at, id);
-- The highest version of facts (what is kept as JSON) that a program has written into this database.
ALTER TABLE deployment ADD COLUMN facts_version INTEGER NOT NULL DEFAULT 1;
