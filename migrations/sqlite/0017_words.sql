-- Tables are called what the code calls them. SQLite keeps the names of constraints when a table is renamed: the tables are made anew.

CREATE TABLE history_cursors (
    account TEXT NOT NULL CONSTRAINT history_cursors_pkey PRIMARY KEY,
    watch_cursor INTEGER NOT NULL CHECK (watch_cursor >= 0),
    effects_cursor INTEGER NOT NULL CHECK (effects_cursor >= 0)
) STRICT;
INSERT INTO history_cursors (account, watch_cursor, effects_cursor) SELECT account, watch_cursor, effects_cursor FROM own_watches;
DROP TABLE own_watches;

CREATE TABLE foreign_claimables (
    claimant TEXT NOT NULL,
    id TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount >= 0),
    sponsor TEXT,
    seen_at INTEGER NOT NULL,
    out_of_reach_at INTEGER,
    CONSTRAINT foreign_claimables_pkey PRIMARY KEY (claimant, id)
) STRICT;
INSERT INTO foreign_claimables (claimant, id, asset, amount, sponsor, seen_at, out_of_reach_at)
    SELECT claimant, id, asset, amount, sponsor, seen_at, out_of_reach_at FROM waiting_balances;
DROP TABLE waiting_balances;
CREATE INDEX foreign_claimables_in_order ON foreign_claimables (claimant, id);

CREATE TABLE reclaim_attempts (
    claimable TEXT NOT NULL,
    submission INTEGER NOT NULL,
    CONSTRAINT reclaim_attempts_pkey PRIMARY KEY (claimable, submission)
) STRICT;
INSERT INTO reclaim_attempts (claimable, submission) SELECT claimable, submission FROM take_back_attempts;
DROP TABLE take_back_attempts;
