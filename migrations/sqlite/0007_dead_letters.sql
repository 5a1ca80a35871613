-- Returns and repayments that could not be delivered when they were last looked at. What is sent elsewhere, paid or given up has none.
CREATE TABLE undelivered (
    transfer INTEGER NOT NULL CONSTRAINT undelivered_pkey PRIMARY KEY,
    why TEXT NOT NULL,
    since INTEGER NOT NULL,
    looks INTEGER NOT NULL CHECK (looks > 0),
    next_look_at INTEGER NOT NULL
) STRICT;
CREATE INDEX transfers_waiting ON transfers (id) WHERE state = 'pending' AND refund_of IS NOT NULL;

-- Transactions that were to take a claimable balance back.
CREATE TABLE take_back_attempts (
    claimable TEXT NOT NULL,
    submission INTEGER NOT NULL,
    CONSTRAINT take_back_attempts_pkey PRIMARY KEY (claimable, submission)
) STRICT;

-- Records that a person has seen to: they stay, and are not listed any more.
ALTER TABLE quarantine ADD COLUMN dismissed_at INTEGER;
ALTER TABLE quarantine ADD COLUMN dismissed_by TEXT;
ALTER TABLE quarantine ADD COLUMN dismissed_note TEXT;
CREATE INDEX quarantine_open ON quarantine (account, digest) WHERE dismissed_at IS NULL;

-- What stopped the engine for a person.
ALTER TABLE engine_status ADD COLUMN stopped_facts TEXT;
