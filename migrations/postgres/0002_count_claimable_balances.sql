-- Claimable balances of ours are counted before another is made: those on the ledger by their state, those on their way to it here.
CREATE INDEX transfers_claimable ON transfers (id)
    WHERE delivery = 'claimable_balance' AND state IN ('pending', 'in_flight');
