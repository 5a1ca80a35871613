-- What no payment list shows, what issuers take back, and what comes to accounts that no reservation has.

ALTER TABLE transfers ADD COLUMN cancelled_at INTEGER;
-- A return that was given up may be followed by a smaller one.
DROP INDEX transfers_refund;
CREATE UNIQUE INDEX transfers_refund ON transfers (refund_of) WHERE refund_of IS NOT NULL AND state <> 'cancelled';
CREATE INDEX transfers_pending_from ON transfers (source, id) WHERE state = 'pending' AND refund_of IS NOT NULL;

-- How far the history of the platform account and of the channels was taken in: payments, and effects.
CREATE TABLE own_watches (
    account TEXT NOT NULL CONSTRAINT own_watches_pkey PRIMARY KEY,
    watch_cursor INTEGER NOT NULL CHECK (watch_cursor >= 0),
    effects_cursor INTEGER NOT NULL CHECK (effects_cursor >= 0)
) STRICT;

-- Claimable balances that strangers made for accounts of ours, as they were last seen.
CREATE TABLE waiting_balances (
    claimant TEXT NOT NULL,
    id TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount >= 0),
    sponsor TEXT,
    seen_at INTEGER NOT NULL,
    CONSTRAINT waiting_balances_pkey PRIMARY KEY (claimant, id)
) STRICT;
