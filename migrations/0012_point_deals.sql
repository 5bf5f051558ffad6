-- What point answered to deals: one row for ever under the deal's number, refusals included, so that it does not matter
-- how often or which way a question comes. Numbers rise, so rows are appended; only a cancel or a void writes to the
-- row of the deal that it undoes.

CREATE TABLE point_deal (
    deal_id {id},
    member_id {int} NOT NULL,
    kind TEXT NOT NULL,
    original {int},
    point {int} NOT NULL,
    done {int} NOT NULL,
    reason TEXT,
    moved_point {int} NOT NULL CHECK (moved_point >= 0),
    owed_point {int} NOT NULL CHECK (owed_point >= 0),
    cancelled_point {int} NOT NULL CHECK (cancelled_point >= 0 AND cancelled_point <= moved_point),
    voided_point {int},
    entry {int},
    void_entry {int},
    at {int} NOT NULL
);
