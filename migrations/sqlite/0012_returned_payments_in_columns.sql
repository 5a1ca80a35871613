-- The payment that a transfer returns is named by its operation and which of its changes it is, each in a column. Both stood in
-- one text, and were cut apart where payments were joined.
DROP INDEX transfers_refund;
DROP INDEX transfers_repayment;
DROP INDEX transfers_pending_refunds;
DROP INDEX transfers_waiting;
DROP INDEX transfers_returned;

ALTER TABLE transfers ADD COLUMN returns_operation INTEGER CHECK (returns_operation >= 0);
ALTER TABLE transfers ADD COLUMN returns_change INTEGER
    CONSTRAINT transfers_returned_change CHECK ((returns_operation IS NULL) = (returns_change IS NULL));
UPDATE transfers SET
        returns_operation = CAST(substr(returns_payment, 1, instr(returns_payment, '-') - 1) AS INTEGER),
        returns_change = CAST(substr(returns_payment, instr(returns_payment, '-') + 1) AS INTEGER)
    WHERE returns_payment IS NOT NULL;

-- What told the two texts apart belongs to the second of them, and goes with it.
ALTER TABLE transfers ADD COLUMN repays TEXT;
UPDATE transfers SET repays = repays_claimable WHERE repays_claimable IS NOT NULL;
ALTER TABLE transfers DROP COLUMN repays_claimable;
ALTER TABLE transfers DROP COLUMN returns_payment;
ALTER TABLE transfers ADD COLUMN repays_claimable TEXT
    CONSTRAINT transfers_back CHECK (returns_operation IS NULL OR repays_claimable IS NULL);
UPDATE transfers SET repays_claimable = repays WHERE repays IS NOT NULL;
ALTER TABLE transfers DROP COLUMN repays;

CREATE UNIQUE INDEX transfers_refund ON transfers (returns_operation, returns_change)
    WHERE returns_operation IS NOT NULL AND state <> 'cancelled';
CREATE UNIQUE INDEX transfers_repayment ON transfers (repays_claimable)
    WHERE repays_claimable IS NOT NULL AND state <> 'cancelled';
CREATE INDEX transfers_pending_refunds ON transfers (id) WHERE state = 'pending'
    AND (returns_operation IS NOT NULL OR repays_claimable IS NOT NULL) AND delivery <> 'undecided';
CREATE INDEX transfers_waiting ON transfers (id) WHERE state = 'pending'
    AND (returns_operation IS NOT NULL OR repays_claimable IS NOT NULL);
CREATE INDEX transfers_returned ON transfers (returns_operation, returns_change, id)
    WHERE returns_operation IS NOT NULL;
