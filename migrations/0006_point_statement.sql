-- A statement walks the ledger: each entry names the one before it of the same member, and the account the last one.
-- A member's entries follow each other by sequence; positions are given to each process in blocks and may not.

ALTER TABLE point_account ADD COLUMN last_entry {int} NOT NULL DEFAULT 0;

-- Which ends of lots were announced, by month: 203111:7. Empty for most.
ALTER TABLE point_account ADD COLUMN notices TEXT NOT NULL DEFAULT '';

UPDATE point_account SET last_entry = heads.position FROM (
    SELECT member_id, position, ROW_NUMBER() OVER (PARTITION BY member_id ORDER BY sequence DESC) AS place
    FROM point_entry
) AS heads WHERE heads.member_id = point_account.member_id AND heads.place = 1;

-- Nothing may change an entry, so the table is made anew. Rows keep their place in the log.
ALTER TABLE point_entry RENAME TO point_entry_unlinked;

CREATE TABLE point_entry (
    position {id},
    member_id {int} NOT NULL,
    sequence {int} NOT NULL,
    kind TEXT NOT NULL,
    debit_account TEXT NOT NULL,
    credit_account TEXT NOT NULL,
    amount {int} NOT NULL CHECK (amount <> 0),
    balance_after {int} NOT NULL CHECK (balance_after >= 0),
    reference_type TEXT,
    reference_id TEXT,
    reason TEXT,
    lots TEXT NOT NULL,
    at {int} NOT NULL,
    hash {blob} NOT NULL,
    key {blob},
    digest {int},
    previous {int} NOT NULL{log_order}
);

INSERT INTO point_entry (position, member_id, sequence, kind, debit_account, credit_account, amount, balance_after,
    reference_type, reference_id, reason, lots, at, hash, key, digest, previous{log_place})
SELECT position, member_id, sequence, kind, debit_account, credit_account, amount, balance_after,
    reference_type, reference_id, reason, lots, at, hash, key, digest,
    COALESCE(LAG(position) OVER (PARTITION BY member_id ORDER BY sequence), 0){log_place}
FROM point_entry_unlinked ORDER BY position;

DROP TABLE point_entry_unlinked;
{log_index point_entry}
{append_only point_entry}

-- How far the daily walk over the accounts has come: the day, the last member, and whether all were looked at.
CREATE TABLE point_expiry (
    name {key},
    day {int} NOT NULL,
    after_member {int} NOT NULL,
    done {int} NOT NULL
);
