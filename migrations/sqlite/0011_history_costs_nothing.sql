-- Nothing that is asked while the service runs reads what has ended: each question has an index of its own, whose predicate is
-- the question's, and what was searched for within facts or texts stands in a column.

-- When a reservation that takes payments is decided; when one that is not settled was funded.
ALTER TABLE reservations ADD COLUMN decide_after INTEGER;
ALTER TABLE reservations ADD COLUMN funded_at INTEGER;
-- What the last change of its state was made from: counts are kept by it.
ALTER TABLE reservations ADD COLUMN previous_state TEXT;
DROP INDEX reservations_unpaid;
DROP INDEX reservations_funded;
DROP INDEX reservations_extending;
UPDATE reservations SET decide_after = min(deadline, coalesce(cancel_requested_at, deadline))
    WHERE state IN ('awaiting_signatures', 'awaiting_farmer', 'awaiting_payment');
-- A time is written as 2026-01-02T03:04:05Z, or with up to nine digits after the seconds.
UPDATE reservations SET funded_at =
        CAST(strftime('%s', substr(json_extract(state_facts, '$.funding.at'), 1, 19)) AS INTEGER) * 1000000
        + CASE WHEN substr(json_extract(state_facts, '$.funding.at'), 20, 1) = '.' THEN CAST(
            substr(rtrim(substr(json_extract(state_facts, '$.funding.at'), 21), 'Z') || '000000', 1, 6) AS INTEGER)
            ELSE 0 END
    WHERE state IN ('funded', 'settling');
CREATE INDEX reservations_due ON reservations (decide_after, id) WHERE decide_after IS NOT NULL;
CREATE INDEX reservations_funded ON reservations (funded_at, id) WHERE funded_at IS NOT NULL;
CREATE INDEX reservations_extending ON reservations (state, extends, id) WHERE extends IS NOT NULL
    AND state IN ('awaiting_signatures', 'awaiting_farmer', 'awaiting_payment', 'funded', 'settling', 'held');
CREATE INDEX reservations_playing ON reservations (id, extends) WHERE play_money = 1;
CREATE INDEX reservations_of_customer_in_state ON reservations (customer, state, id);

-- How many reservations are in each state.
CREATE TABLE reservation_counts (
    state TEXT NOT NULL CONSTRAINT reservation_counts_pkey PRIMARY KEY,
    reservations INTEGER NOT NULL
) STRICT;
INSERT INTO reservation_counts (state, reservations) VALUES
    ('awaiting_signatures', 0), ('awaiting_farmer', 0), ('awaiting_payment', 0), ('funded', 0), ('settling', 0), ('settled', 0),
    ('rejected', 0), ('cancelled', 0), ('expired', 0), ('refunding', 0), ('refunded', 0), ('held', 0);
UPDATE reservation_counts SET reservations =
    (SELECT COUNT(*) FROM reservations WHERE reservations.state = reservation_counts.state);

CREATE INDEX submissions_live ON submissions (id) WHERE state = 'live';

-- The farm of a leg.
ALTER TABLE transfers ADD COLUMN farm INTEGER;
UPDATE transfers SET farm = CAST(json_extract(kind_facts, '$.farm') AS INTEGER)
    WHERE json_extract(kind_facts, '$.farm') IS NOT NULL;
DROP INDEX transfers_open;
DROP INDEX transfers_pending_from;
CREATE INDEX transfers_pending ON transfers (source, id) WHERE state = 'pending';
CREATE INDEX transfers_in_flight ON transfers (source) WHERE state = 'in_flight';
CREATE INDEX transfers_returned ON transfers (returns_payment, id) WHERE returns_payment IS NOT NULL;

-- Of the transfer that a claimable balance delivers: its farm, and whether it gives money back. And whether what was taken back
-- was repaid.
ALTER TABLE claimables ADD COLUMN farm INTEGER;
ALTER TABLE claimables ADD COLUMN is_return INTEGER NOT NULL DEFAULT 0 CHECK (is_return IN (0, 1));
ALTER TABLE claimables ADD COLUMN repaid INTEGER NOT NULL DEFAULT 0 CHECK (repaid IN (0, 1));
UPDATE claimables SET farm = (SELECT farm FROM transfers WHERE transfers.id = claimables.transfer),
    is_return = (SELECT returns_payment IS NOT NULL OR repays_claimable IS NOT NULL FROM transfers
        WHERE transfers.id = claimables.transfer),
    repaid = EXISTS (SELECT 1 FROM transfers
        WHERE transfers.repays_claimable = claimables.id AND transfers.state = 'confirmed');
CREATE INDEX claimables_of_farm ON claimables (farm, asset)
    WHERE farm IS NOT NULL AND state IN ('outstanding', 'taking_back');
CREATE INDEX claimables_of_returns ON claimables (id) WHERE is_return = 1 AND state IN ('outstanding', 'taking_back');
CREATE INDEX claimables_to_repay ON claimables (id) WHERE state = 'taken_back' AND repaid = 0;
CREATE INDEX claimables_owed ON claimables (asset, id)
    WHERE state IN ('outstanding', 'taking_back', 'taken_back') AND repaid = 0;

-- A pool's nodes know whether it was bought with play money.
ALTER TABLE pool_nodes ADD COLUMN free_only INTEGER NOT NULL DEFAULT 0 CHECK (free_only IN (0, 1));
UPDATE pool_nodes SET free_only = 1 WHERE pool IN (SELECT id FROM pools WHERE free_only = 1);
CREATE INDEX pool_nodes_free ON pool_nodes (node, pool) WHERE free_only = 1;

-- The kind of a book account, which its name begins with.
CREATE TABLE journal_balances_with_kind (
    account TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('stellar', 'deposits', 'unattributed', 'claimable_balances', 'claimants', 'clawed_back',
        'network_fees', 'accepted_losses', 'capital')),
    CONSTRAINT journal_balances_pkey PRIMARY KEY (account, asset)
) STRICT;
INSERT INTO journal_balances_with_kind (account, asset, amount, kind)
    SELECT account, asset, amount,
        CASE instr(account, ':') WHEN 0 THEN account ELSE substr(account, 1, instr(account, ':') - 1) END
    FROM journal_balances;
DROP TABLE journal_balances;
ALTER TABLE journal_balances_with_kind RENAME TO journal_balances;
CREATE INDEX journal_balances_open ON journal_balances (account, asset) WHERE amount <> 0;
CREATE INDEX journal_balances_owed ON journal_balances (account, asset)
    WHERE amount <> 0 AND kind IN ('deposits', 'unattributed', 'claimants', 'clawed_back');

DROP INDEX quarantine_age;
CREATE INDEX quarantine_age ON quarantine (noted_at, account, digest) WHERE dismissed_at IS NULL;
CREATE INDEX quarantine_dismissed ON quarantine (account, digest) WHERE dismissed_at IS NOT NULL;

CREATE INDEX payout_checks_new ON payout_checks (account) WHERE checked_at IS NULL;
CREATE INDEX payout_checks_age ON payout_checks (checked_at, account) WHERE checked_at IS NOT NULL;
CREATE INDEX waiting_balances_in_order ON waiting_balances (claimant, id);

-- The last event that was forgotten.
INSERT INTO counters (name, value) VALUES ('events_forgotten', 0);
