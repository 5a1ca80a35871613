-- Claimable balances of ours are counted before another is made: those on the ledger by their state, those on their way to it here.
CREATE INDEX transfers_claimable ON transfers (id)
    WHERE delivery = 'claimable_balance' AND state IN ('pending', 'in_flight');

-- When the account was closed that could have claimed a stranger's balance.
ALTER TABLE waiting_balances ADD COLUMN out_of_reach_at INTEGER;

-- From here on transfers.refund_of also names claimable balances that were taken back: each is repaid once.
