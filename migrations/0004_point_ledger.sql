-- The ledger. An account's row holds its balance by expiry month and the head of its hash chain, so a movement
-- touches one scattered row; entries are only ever appended, in log order.

CREATE TABLE point_account (
    member_id {id},
    member_status TEXT NOT NULL,
    remain_point {int} NOT NULL CHECK (remain_point >= 0),
    held {int} NOT NULL CHECK (held >= 0 AND held <= remain_point),
    owed {int} NOT NULL CHECK (owed >= 0),
    require_point {int},
    lots TEXT NOT NULL,
    sequence {int} NOT NULL,
    member_sequence {int} NOT NULL,
    welcomed {int} NOT NULL,
    closing {int},
    ended_attempt {int} NOT NULL,
    closed {int} NOT NULL,
    head {blob} NOT NULL
){updated_in_place};

-- One row per movement, double entry: points go from the debited to the credited account. Rows are events too.
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
    digest {int}{log_order}
);
{log_index point_entry}
{append_only point_entry}
