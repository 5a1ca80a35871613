-- Accounts that are paid out to, and whether they can be: one that demands a memo (SEP-29) cannot.
CREATE TABLE payout_checks (
    account TEXT NOT NULL CONSTRAINT payout_checks_pkey PRIMARY KEY,
    memo_required INTEGER NOT NULL CHECK (memo_required IN (0, 1)),
    checked_at INTEGER
) STRICT;
