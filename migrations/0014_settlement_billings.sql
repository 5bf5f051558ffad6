-- What the programme owes merchants. A line is one use of points at a merchant, or one cancel of a use, and is never
-- changed: what it belongs to is decided when it is taken in.

CREATE TABLE settlement_line (
    deal_id {id},
    merchant_id {int} NOT NULL,
    month {int} NOT NULL,
    kind TEXT NOT NULL,
    point {int} NOT NULL CHECK (point <> 0),
    dealt_at {int} NOT NULL,
    tally_id {int} NOT NULL
);
-- A merchant's lines, and with the bounds of a tally the lines of a billing.
CREATE INDEX settlement_line_merchant ON settlement_line (merchant_id, deal_id);
{append_only settlement_line}

-- A merchant with the sums of its lines that are not billed: tally month kind point count first last; and so on.
CREATE TABLE settlement_merchant (
    merchant_id {id},
    known {int} NOT NULL,
    fee_rate_bp {int},
    through {int} NOT NULL,
    sequence {int} NOT NULL,
    open_tallies TEXT NOT NULL
){updated_in_place};

-- Tallies that are billed.
CREATE TABLE settlement_tally (
    tally_id {id},
    merchant_id {int} NOT NULL,
    month {int} NOT NULL,
    kind TEXT NOT NULL,
    point {int} NOT NULL,
    deal_count {int} NOT NULL CHECK (deal_count >= 1),
    first_deal {int} NOT NULL,
    last_deal {int} NOT NULL,
    billing_id {int} NOT NULL
);
CREATE INDEX settlement_tally_billing ON settlement_tally (billing_id);
{append_only settlement_tally}
{sequence tally_number}

CREATE TABLE settlement_billing (
    billing_id {id},
    merchant_id {int} NOT NULL,
    month {int} NOT NULL,
    run {int} NOT NULL CHECK (run >= 1),
    used_point {int} NOT NULL,
    fee_rate {int} NOT NULL,
    billing_amount {int} NOT NULL,
    deal_count {int} NOT NULL,
    through {int} NOT NULL,
    billed_at {int} NOT NULL
);
CREATE INDEX settlement_billing_merchant ON settlement_billing (merchant_id, billing_id);
CREATE INDEX settlement_billing_month ON settlement_billing (month, billing_id);
{append_only settlement_billing}
{sequence billing_number}

-- The last run of each merchant's month.
CREATE TABLE settlement_run (
    merchant_month {key},
    run {int} NOT NULL,
    billing_id {int} NOT NULL
){updated_in_place};

-- How far the closing of each month has come. What was due by the calendar is not due again.
CREATE TABLE settlement_closing (
    month {id},
    running {int} NOT NULL,
    by_calendar {int} NOT NULL,
    merchants {int},
    after_merchant {int} NOT NULL,
    billed {int} NOT NULL,
    billing_amount {int} NOT NULL,
    started_at {int} NOT NULL,
    ended_at {int}
){updated_in_place};
