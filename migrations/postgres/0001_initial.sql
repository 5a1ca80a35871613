-- Farmgate's first schema, for PostgreSQL and what speaks its dialect. The one for SQLite has the same tables, columns and keys.
-- Times are microseconds since 1970, amounts stroops, truth 0 or 1. Accounts, assets and hashes are in their canonical texts.
-- Columns named *_facts hold JSON; what is queried stands beside it, and the two must agree.

CREATE TABLE farms (
    id BIGINT NOT NULL CONSTRAINT farms_pkey PRIMARY KEY,
    name TEXT NOT NULL,
    owner BIGINT NOT NULL,
    payout_facts TEXT NOT NULL,
    distribution_facts TEXT NOT NULL
);

CREATE TABLE nodes (
    id BIGINT NOT NULL CONSTRAINT nodes_pkey PRIMARY KEY,
    farm BIGINT NOT NULL,
    cu BIGINT NOT NULL CHECK (cu >= 0),
    su BIGINT NOT NULL CHECK (su >= 0),
    ipv4u BIGINT NOT NULL CHECK (ipv4u >= 0),
    free_to_use BIGINT NOT NULL CHECK (free_to_use IN (0, 1))
);
CREATE INDEX nodes_of_farm ON nodes (farm, id);

CREATE TABLE identities (
    id BIGINT NOT NULL CONSTRAINT identities_pkey PRIMARY KEY,
    name TEXT NOT NULL,
    public_key TEXT NOT NULL
);

CREATE TABLE currencies (
    code TEXT NOT NULL CONSTRAINT currencies_pkey PRIMARY KEY,
    asset TEXT NOT NULL,
    usd_rate TEXT NOT NULL,
    rate_at BIGINT NOT NULL,
    rate_valid_seconds BIGINT NOT NULL,
    distribution_facts TEXT,
    free_only BIGINT NOT NULL CHECK (free_only IN (0, 1))
);

CREATE TABLE escrows (
    account TEXT NOT NULL CONSTRAINT escrows_pkey PRIMARY KEY,
    version BIGINT NOT NULL,
    asset_facts TEXT NOT NULL,
    state TEXT NOT NULL,
    submission BIGINT,
    reservation BIGINT,
    merged_by BIGINT,
    watch_cursor BIGINT NOT NULL,
    watch_explained BIGINT NOT NULL,
    dirty_since BIGINT,
    created_at BIGINT NOT NULL,
    CONSTRAINT escrows_state CHECK (
        (state = 'preparing' AND submission IS NOT NULL AND reservation IS NULL AND merged_by IS NULL)
        OR (state IN ('ready', 'abandoned') AND submission IS NULL AND reservation IS NULL AND merged_by IS NULL)
        OR (state = 'assigned' AND submission IS NULL AND reservation IS NOT NULL AND merged_by IS NULL)
        OR (state = 'closing' AND submission IS NOT NULL AND reservation IS NOT NULL AND merged_by IS NULL)
        OR (state IN ('merged', 'closed') AND submission IS NULL AND reservation IS NOT NULL AND merged_by IS NOT NULL)
    )
);
CREATE UNIQUE INDEX escrows_reservation ON escrows (reservation);
CREATE INDEX escrows_ready ON escrows (created_at, account) WHERE state = 'ready';
CREATE INDEX escrows_available ON escrows (asset_facts) WHERE state IN ('preparing', 'ready');
CREATE INDEX escrows_submission ON escrows (submission) WHERE submission IS NOT NULL;
CREATE INDEX escrows_merged ON escrows (account) WHERE state = 'merged';
CREATE INDEX escrows_dirty ON escrows (dirty_since, account) WHERE dirty_since IS NOT NULL;

CREATE TABLE channels (
    account TEXT NOT NULL CONSTRAINT channels_pkey PRIMARY KEY,
    role TEXT NOT NULL CHECK (role IN ('platform', 'channel')),
    opening BIGINT,
    sequence BIGINT NOT NULL CHECK (sequence >= 0)
);

-- How far the history of the platform account and of the channels was taken in: payments, and effects.
CREATE TABLE own_watches (
    account TEXT NOT NULL CONSTRAINT own_watches_pkey PRIMARY KEY,
    watch_cursor BIGINT NOT NULL CHECK (watch_cursor >= 0),
    effects_cursor BIGINT NOT NULL CHECK (effects_cursor >= 0)
);

-- Claimable balances that strangers made for accounts of ours, as they were last seen.
CREATE TABLE waiting_balances (
    claimant TEXT NOT NULL,
    id TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount >= 0),
    sponsor TEXT,
    seen_at BIGINT NOT NULL,
    CONSTRAINT waiting_balances_pkey PRIMARY KEY (claimant, id)
);

CREATE TABLE reservations (
    id BIGINT NOT NULL CONSTRAINT reservations_pkey PRIMARY KEY,
    version BIGINT NOT NULL,
    customer BIGINT NOT NULL,
    extends BIGINT,
    order_facts TEXT NOT NULL,
    quote_facts TEXT NOT NULL,
    deadline BIGINT NOT NULL,
    escrow TEXT NOT NULL,
    memo_facts TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    cancel_requested_at BIGINT,
    state TEXT NOT NULL,
    state_facts TEXT NOT NULL,
    play_money BIGINT NOT NULL CHECK (play_money IN (0, 1)),
    CONSTRAINT reservations_state CHECK (
        state IN (
            'awaiting_signatures', 'awaiting_farmer', 'awaiting_payment', 'funded', 'settling', 'settled',
            'rejected', 'cancelled', 'expired', 'refunding', 'refunded', 'held'
        )
    )
);
CREATE UNIQUE INDEX reservations_escrow ON reservations (escrow);
CREATE INDEX reservations_in_state ON reservations (state, id);
CREATE INDEX reservations_of_customer ON reservations (customer, id);
CREATE INDEX reservations_extending ON reservations (extends) WHERE extends IS NOT NULL;
CREATE INDEX reservations_unpaid ON reservations (deadline, id)
    WHERE state IN ('awaiting_signatures', 'awaiting_farmer', 'awaiting_payment');

CREATE TABLE reservation_nodes (
    reservation BIGINT NOT NULL REFERENCES reservations (id),
    node BIGINT NOT NULL,
    CONSTRAINT reservation_nodes_pkey PRIMARY KEY (reservation, node)
);
CREATE INDEX reservation_nodes_node ON reservation_nodes (node);

CREATE TABLE payments (
    operation BIGINT NOT NULL CHECK (operation >= 0),
    change BIGINT NOT NULL CHECK (change >= 0),
    kind TEXT NOT NULL CHECK (kind IN ('payment', 'path_payment', 'create_account', 'contract_transfer', 'account_merge',
        'claim_claimable_balance')),
    account TEXT NOT NULL,
    muxed_id TEXT,
    payer TEXT,
    asset TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount >= 0),
    tx_hash TEXT NOT NULL,
    ledger BIGINT NOT NULL,
    closed_at BIGINT NOT NULL,
    memo_facts TEXT NOT NULL,
    reservation BIGINT,
    attribution TEXT NOT NULL CHECK (attribution IN ('counted', 'late', 'other_asset', 'unassigned', 'top_up')),
    CONSTRAINT payments_pkey PRIMARY KEY (operation, change)
);
CREATE INDEX payments_of_reservation ON payments (reservation, operation, change);
CREATE INDEX payments_taken_for ON payments (attribution, operation, change);

CREATE TABLE quarantine (
    account TEXT NOT NULL,
    digest TEXT NOT NULL,
    operation BIGINT,
    json TEXT NOT NULL,
    reason TEXT NOT NULL,
    noted_at BIGINT NOT NULL,
    CONSTRAINT quarantine_pkey PRIMARY KEY (account, digest)
);
CREATE INDEX quarantine_age ON quarantine (noted_at, account, digest);

CREATE TABLE transfers (
    id BIGINT NOT NULL CONSTRAINT transfers_pkey PRIMARY KEY,
    reservation BIGINT,
    refund_of TEXT,
    ordinal BIGINT NOT NULL CHECK (ordinal >= 0),
    kind_facts TEXT NOT NULL,
    source TEXT NOT NULL,
    destination TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    memo_facts TEXT NOT NULL,
    delivery TEXT NOT NULL CHECK (delivery IN ('payment', 'claimable_balance', 'undecided')),
    state TEXT NOT NULL,
    submission BIGINT,
    operation BIGINT,
    confirmed_at BIGINT,
    cancelled_at BIGINT,
    CONSTRAINT transfers_state CHECK (
        (state = 'pending' AND submission IS NULL AND operation IS NULL AND confirmed_at IS NULL)
        OR (state = 'in_flight' AND submission IS NOT NULL AND operation IS NULL AND confirmed_at IS NULL)
        OR (state = 'confirmed' AND submission IS NOT NULL AND operation IS NOT NULL AND confirmed_at IS NOT NULL)
        OR (state = 'cancelled' AND submission IS NULL AND operation IS NULL AND confirmed_at IS NULL)
    )
);
-- A return that was given up may be followed by a smaller one.
CREATE UNIQUE INDEX transfers_refund ON transfers (refund_of) WHERE refund_of IS NOT NULL AND state <> 'cancelled';
CREATE INDEX transfers_pending_refunds ON transfers (id)
    WHERE state = 'pending' AND refund_of IS NOT NULL AND delivery <> 'undecided';
CREATE INDEX transfers_pending_from ON transfers (source, id) WHERE state = 'pending' AND refund_of IS NOT NULL;
CREATE INDEX transfers_open ON transfers (source) WHERE state IN ('pending', 'in_flight');
CREATE UNIQUE INDEX transfers_ordinal ON transfers (reservation, ordinal);

CREATE TABLE transfer_attempts (
    transfer BIGINT NOT NULL REFERENCES transfers (id),
    submission BIGINT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('live', 'paid', 'released')),
    CONSTRAINT transfer_attempts_pkey PRIMARY KEY (transfer, submission)
);
CREATE UNIQUE INDEX transfer_attempts_one ON transfer_attempts (transfer) WHERE outcome IN ('live', 'paid');

CREATE TABLE claimables (
    id TEXT NOT NULL CONSTRAINT claimables_pkey PRIMARY KEY,
    transfer BIGINT NOT NULL REFERENCES transfers (id),
    reservation BIGINT,
    recipient TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    created_at BIGINT NOT NULL,
    reclaim_from BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('outstanding', 'claimed', 'clawed_back', 'taking_back', 'taken_back')),
    state_facts TEXT NOT NULL
);
CREATE UNIQUE INDEX claimables_transfer ON claimables (transfer);
CREATE INDEX claimables_open ON claimables (id) WHERE state IN ('outstanding', 'taking_back');
CREATE INDEX claimables_reclaimable ON claimables (reclaim_from, id) WHERE state = 'outstanding';

CREATE TABLE submissions (
    id BIGINT NOT NULL CONSTRAINT submissions_pkey PRIMARY KEY,
    channel TEXT NOT NULL,
    sequence BIGINT NOT NULL CHECK (sequence >= 0),
    hash TEXT NOT NULL,
    envelope TEXT NOT NULL,
    max_time BIGINT NOT NULL,
    purpose_facts TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('live', 'confirmed', 'failed', 'dead')),
    state_facts TEXT NOT NULL,
    attempts BIGINT NOT NULL CHECK (attempts >= 0),
    last_answer TEXT,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX submissions_hash ON submissions (hash);
CREATE UNIQUE INDEX submissions_sequence ON submissions (channel, sequence) WHERE state <> 'dead';
CREATE UNIQUE INDEX submissions_lease ON submissions (channel) WHERE state = 'live';

CREATE TABLE pools (
    id BIGINT NOT NULL CONSTRAINT pools_pkey PRIMARY KEY,
    version BIGINT NOT NULL,
    customer BIGINT NOT NULL,
    free_only BIGINT NOT NULL CHECK (free_only IN (0, 1)),
    created_at BIGINT NOT NULL
);
CREATE INDEX pools_of_customer ON pools (customer, id);

CREATE TABLE pool_nodes (
    pool BIGINT NOT NULL REFERENCES pools (id),
    node BIGINT NOT NULL,
    CONSTRAINT pool_nodes_pkey PRIMARY KEY (pool, node)
);
CREATE INDEX pool_nodes_node ON pool_nodes (node, pool);

CREATE TABLE pool_grants (
    reservation BIGINT NOT NULL CONSTRAINT pool_grants_pkey PRIMARY KEY,
    pool BIGINT NOT NULL REFERENCES pools (id),
    ordinal BIGINT NOT NULL CHECK (ordinal >= 0),
    cu BIGINT NOT NULL CHECK (cu >= 0),
    su BIGINT NOT NULL CHECK (su >= 0),
    ipv4u BIGINT NOT NULL CHECK (ipv4u >= 0),
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX pool_grants_ordinal ON pool_grants (pool, ordinal);

CREATE TABLE journal_entries (
    id BIGINT NOT NULL CONSTRAINT journal_entries_pkey PRIMARY KEY,
    cause TEXT NOT NULL,
    reservation BIGINT,
    happened_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX journal_entries_cause ON journal_entries (cause);
CREATE INDEX journal_entries_of_reservation ON journal_entries (reservation, id);

CREATE TABLE journal_postings (
    entry BIGINT NOT NULL REFERENCES journal_entries (id),
    ordinal BIGINT NOT NULL CHECK (ordinal >= 0),
    account TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount <> 0),
    CONSTRAINT journal_postings_pkey PRIMARY KEY (entry, ordinal)
);
CREATE INDEX journal_postings_account ON journal_postings (account, asset);

-- The sums of the postings, kept with them so that a busy account need not be added up.
CREATE TABLE journal_balances (
    account TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount BIGINT NOT NULL,
    CONSTRAINT journal_balances_pkey PRIMARY KEY (account, asset)
);
CREATE INDEX journal_balances_open ON journal_balances (account, asset) WHERE amount <> 0;

-- The last number given out. The row stays locked to the commit: numbers have no gaps and rise in the order of commits.
CREATE TABLE counters (
    name TEXT NOT NULL CONSTRAINT counters_pkey PRIMARY KEY,
    value BIGINT NOT NULL CHECK (value >= 0)
);
INSERT INTO counters (name, value) VALUES ('events', 0);

CREATE TABLE events (
    id BIGINT NOT NULL CONSTRAINT events_pkey PRIMARY KEY,
    recorded_at BIGINT NOT NULL,
    kind_facts TEXT NOT NULL
);

CREATE TABLE engine_status (
    id BIGINT NOT NULL CONSTRAINT engine_status_pkey PRIMARY KEY CHECK (id = 1),
    ticked_at BIGINT NOT NULL,
    ledger BIGINT NOT NULL,
    ledger_closed_at BIGINT NOT NULL,
    swept_at BIGINT,
    trouble TEXT
);

CREATE TABLE api_keys (
    id BIGINT NOT NULL CONSTRAINT api_keys_pkey PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('explorer', 'node', 'farmer', 'operator', 'auditor')),
    secret_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE UNIQUE INDEX api_keys_secret ON api_keys (secret_hash);
CREATE UNIQUE INDEX api_keys_name ON api_keys (name) WHERE revoked_at IS NULL;

CREATE TABLE idempotency_answers (
    api_key BIGINT NOT NULL,
    request_key TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    status BIGINT NOT NULL,
    body TEXT NOT NULL,
    answered_at BIGINT NOT NULL,
    CONSTRAINT idempotency_answers_pkey PRIMARY KEY (api_key, request_key)
);
CREATE INDEX idempotency_answers_age ON idempotency_answers (answered_at, api_key, request_key);
