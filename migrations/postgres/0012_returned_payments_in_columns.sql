-- The payment that a transfer returns is named by its operation and which of its changes it is, each in a column. Both stood in
-- one text, and were cut apart where payments were joined.
DROP INDEX transfers_refund;
DROP INDEX transfers_pending_refunds;
DROP INDEX transfers_waiting;
DROP INDEX transfers_returned;

ALTER TABLE transfers ADD COLUMN returns_operation BIGINT CHECK (returns_operation >= 0);
ALTER TABLE transfers ADD COLUMN returns_change BIGINT;
UPDATE transfers SET returns_operation = CAST(split_part(returns_payment, '-', 1) AS BIGINT),
        returns_change = CAST(split_part(returns_payment, '-', 2) AS BIGINT)
    WHERE returns_payment IS NOT NULL;
ALTER TABLE transfers DROP CONSTRAINT transfers_back;
ALTER TABLE transfers DROP COLUMN returns_payment;
ALTER TABLE transfers ADD CONSTRAINT transfers_returned_change
    CHECK ((returns_operation IS NULL) = (returns_change IS NULL));
ALTER TABLE transfers ADD CONSTRAINT transfers_back CHECK (returns_operation IS NULL OR repays_claimable IS NULL);

CREATE UNIQUE INDEX transfers_refund ON transfers (returns_operation, returns_change)
    WHERE returns_operation IS NOT NULL AND state <> 'cancelled';
CREATE INDEX transfers_pending_refunds ON transfers (id) WHERE state = 'pending'
    AND (returns_operation IS NOT NULL OR repays_claimable IS NOT NULL) AND delivery <> 'undecided';
CREATE INDEX transfers_waiting ON transfers (id) WHERE state = 'pending'
    AND (returns_operation IS NOT NULL OR repays_claimable IS NOT NULL);
CREATE INDEX transfers_returned ON transfers (returns_operation, returns_change, id)
    WHERE returns_operation IS NOT NULL;
