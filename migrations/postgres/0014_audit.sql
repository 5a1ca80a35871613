-- Who decided what: one entry for each decision from outside the engine, with what was before and what is since. Entries are added,
-- and neither changed nor removed. Without an API key it was a command on a machine that reaches the database.
CREATE TABLE audit_entries (
    id BIGINT NOT NULL CONSTRAINT audit_entries_pkey PRIMARY KEY,
    decided_at BIGINT NOT NULL,
    api_key BIGINT,
    request_id TEXT,
    subject TEXT NOT NULL,
    act_facts TEXT NOT NULL,
    reason TEXT,
    CONSTRAINT audit_entries_request CHECK ((api_key IS NULL) = (request_id IS NULL))
);
CREATE INDEX audit_entries_of_subject ON audit_entries (subject, id);
CREATE INDEX audit_entries_of_key ON audit_entries (api_key, id);
