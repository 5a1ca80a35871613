-- Stored transactions sent again with a higher fee: the same envelope within another. Each is known by its own hash, too.
CREATE TABLE fee_bumps (
    hash TEXT NOT NULL CONSTRAINT fee_bumps_pkey PRIMARY KEY,
    submission BIGINT NOT NULL REFERENCES submissions (id),
    envelope TEXT NOT NULL,
    fee_per_operation BIGINT NOT NULL CHECK (fee_per_operation > 0),
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX fee_bumps_fee ON fee_bumps (submission, fee_per_operation);
