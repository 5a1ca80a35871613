-- Changes of who is paid: each waits until it is due, unless it is signed or called off before.
CREATE TABLE payout_changes (
    id INTEGER NOT NULL CONSTRAINT payout_changes_pkey PRIMARY KEY,
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    terms_facts TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'in_force', 'called_off')),
    ended_at INTEGER,
    signed_by INTEGER,
    CONSTRAINT payout_changes_ended CHECK ((state = 'waiting') = (ended_at IS NULL)),
    CONSTRAINT payout_changes_signed CHECK (signed_by IS NULL OR state = 'in_force')
) STRICT;
CREATE UNIQUE INDEX payout_changes_one ON payout_changes (subject) WHERE state = 'waiting';
CREATE INDEX payout_changes_due ON payout_changes (due_at, id) WHERE state = 'waiting';
CREATE INDEX payout_changes_waiting ON payout_changes (id) WHERE state = 'waiting';
CREATE INDEX payout_changes_waiting_of_tenant ON payout_changes (tenant, id) WHERE state = 'waiting';
CREATE INDEX payout_changes_of_tenant ON payout_changes (tenant, id);

-- The engine decides, too, and an owner's signature: who decided is told by name.
ALTER TABLE audit_entries ADD COLUMN actor TEXT NOT NULL DEFAULT 'command_line'
    CONSTRAINT audit_entries_actor CHECK (actor IN ('api_key', 'command_line', 'engine', 'signer'));
ALTER TABLE audit_entries ADD COLUMN signer TEXT;
UPDATE audit_entries SET actor = 'api_key' WHERE api_key IS NOT NULL;
