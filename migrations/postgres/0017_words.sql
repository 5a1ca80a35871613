-- Tables are called what the code calls them.

ALTER TABLE own_watches RENAME TO history_cursors;
ALTER TABLE history_cursors RENAME CONSTRAINT own_watches_pkey TO history_cursors_pkey;
ALTER TABLE history_cursors RENAME CONSTRAINT own_watches_watch_cursor_check TO history_cursors_watch_cursor_check;
ALTER TABLE history_cursors RENAME CONSTRAINT own_watches_effects_cursor_check TO history_cursors_effects_cursor_check;

ALTER TABLE waiting_balances RENAME TO foreign_claimables;
ALTER TABLE foreign_claimables RENAME CONSTRAINT waiting_balances_pkey TO foreign_claimables_pkey;
ALTER TABLE foreign_claimables RENAME CONSTRAINT waiting_balances_amount_check TO foreign_claimables_amount_check;
ALTER INDEX waiting_balances_in_order RENAME TO foreign_claimables_in_order;

ALTER TABLE take_back_attempts RENAME TO reclaim_attempts;
ALTER TABLE reclaim_attempts RENAME CONSTRAINT take_back_attempts_pkey TO reclaim_attempts_pkey;
