-- Holds. The account knows what all of its open holds pin, by expiry month as in its lots; the column held stays their
-- sum. Each hold names the member's hold before it, the account the last one.

ALTER TABLE point_account ADD COLUMN pins TEXT NOT NULL DEFAULT '';
ALTER TABLE point_account ADD COLUMN last_hold {int} NOT NULL DEFAULT 0;

-- One row for each hold, appended, and written once more when it ends.
CREATE TABLE point_hold (
    hold_id {id},
    member_id {int} NOT NULL,
    amount {int} NOT NULL CHECK (amount > 0),
    captured {int} NOT NULL CHECK (captured >= 0 AND captured <= amount),
    status TEXT NOT NULL,
    expires_at {int} NOT NULL,
    reference_type TEXT,
    reference_id TEXT,
    payment_id {int},
    pins TEXT NOT NULL,
    entry {int},
    previous {int} NOT NULL
){updated_in_place};
-- Holds only those that are going to expire.
CREATE INDEX point_hold_end ON point_hold (expires_at, hold_id) WHERE status = 'HELD';

-- What point answered to payments: one row for ever under the payment's number, refusals included, so that it does not
-- matter how often a question comes. Numbers rise, so rows are appended; only a cancel writes to one again.
CREATE TABLE point_payment (
    payment_id {id},
    member_id {int} NOT NULL,
    amount {int} NOT NULL,
    hold_id {int},
    refusal TEXT,
    given_back {int} CHECK (given_back >= 0),
    entry {int},
    at {int} NOT NULL
){updated_in_place};
{sequence hold_number}
