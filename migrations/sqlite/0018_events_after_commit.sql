-- Events are numbered after their commit: until then they wait here, and nobody who appends one waits for another.
CREATE TABLE unnumbered_events (
    id INTEGER NOT NULL CONSTRAINT unnumbered_events_pkey PRIMARY KEY,
    subject TEXT NOT NULL,
    version INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    kind_facts TEXT NOT NULL,
    tenant TEXT
) STRICT;

ALTER TABLE events ADD COLUMN subject TEXT;
ALTER TABLE events ADD COLUMN version INTEGER;

-- Which incarnation of the database numbered the events: another after it went back.
INSERT INTO counters (name, value) VALUES ('events_incarnation', abs(random() % 4294967296));
