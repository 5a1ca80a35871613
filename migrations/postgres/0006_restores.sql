-- A database restored from a backup: accounts of ours that it does not know are adopted, and nothing is built for a while.
ALTER TABLE engine_status ADD COLUMN builds_nothing_before BIGINT;

ALTER TABLE escrows DROP CONSTRAINT escrows_state;
ALTER TABLE escrows ADD CONSTRAINT escrows_state CHECK (
    (state = 'preparing' AND submission IS NOT NULL AND reservation IS NULL AND merged_by IS NULL)
    OR (state IN ('ready', 'abandoned', 'adopted') AND submission IS NULL AND reservation IS NULL AND merged_by IS NULL)
    OR (state = 'assigned' AND submission IS NULL AND reservation IS NOT NULL AND merged_by IS NULL)
    OR (state = 'closing' AND submission IS NOT NULL AND merged_by IS NULL)
    OR (state IN ('merged', 'closed') AND submission IS NULL AND merged_by IS NOT NULL)
);
