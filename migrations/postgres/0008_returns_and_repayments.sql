-- What a transfer gives back: the payment that it returns, or the claimable balance that it repays.
-- Both stood in refund_of, and were told apart by its length: a balance's id has 72 digits, a payment's fewer.
ALTER TABLE transfers ADD COLUMN returns_payment TEXT;
ALTER TABLE transfers ADD COLUMN repays_claimable TEXT;
ALTER TABLE transfers ADD CONSTRAINT transfers_back
    CHECK (returns_payment IS NULL OR repays_claimable IS NULL);

DROP INDEX transfers_refund;
DROP INDEX transfers_pending_refunds;
DROP INDEX transfers_pending_from;
DROP INDEX transfers_waiting;
UPDATE transfers SET returns_payment = refund_of WHERE length(refund_of) <> 72;
UPDATE transfers SET repays_claimable = refund_of WHERE length(refund_of) = 72;
ALTER TABLE transfers DROP COLUMN refund_of;

-- One return of a payment, and one repayment of a balance. What was given up may be followed by another.
CREATE UNIQUE INDEX transfers_refund ON transfers (returns_payment)
    WHERE returns_payment IS NOT NULL AND state <> 'cancelled';
CREATE UNIQUE INDEX transfers_repayment ON transfers (repays_claimable)
    WHERE repays_claimable IS NOT NULL AND state <> 'cancelled';
CREATE INDEX transfers_pending_refunds ON transfers (id) WHERE state = 'pending'
    AND (returns_payment IS NOT NULL OR repays_claimable IS NOT NULL) AND delivery <> 'undecided';
CREATE INDEX transfers_pending_from ON transfers (source, id) WHERE state = 'pending'
    AND (returns_payment IS NOT NULL OR repays_claimable IS NOT NULL);
CREATE INDEX transfers_waiting ON transfers (id) WHERE state = 'pending'
    AND (returns_payment IS NOT NULL OR repays_claimable IS NOT NULL);
