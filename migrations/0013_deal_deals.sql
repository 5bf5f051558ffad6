-- Deals at merchants. Of a member only the number stands here, for ever. The month is that of the deal's date in the
-- programme's time zone as it was then.

CREATE TABLE deal (
    deal_id {id},
    member_id {int} NOT NULL,
    merchant_id {int} NOT NULL,
    type TEXT NOT NULL,
    deal_amount {int} NOT NULL CHECK (deal_amount >= 0),
    point {int} NOT NULL CHECK (point >= 0),
    original_deal_id {int},
    dealt_at {int} NOT NULL,
    month {int} NOT NULL,
    status TEXT NOT NULL,
    cancelled_point {int} NOT NULL CHECK (cancelled_point >= 0 AND cancelled_point <= point),
    point_status TEXT,
    fail_reason TEXT,
    give_up_at {int},
    sequence {int} NOT NULL,
    previous {int} NOT NULL
){updated_in_place};
-- Holds only the deals that somebody still has to end.
CREATE INDEX deal_give_up ON deal (give_up_at) WHERE give_up_at IS NOT NULL;
{sequence deal_number}

-- A member's newest deal; each deal names the one before it. A row of fixed size that is changed in place costs less than
-- an index whose pages are split.
CREATE TABLE deal_member (
    member_id {id},
    last_deal {int} NOT NULL
){updated_in_place};

-- A merchant without a status is not known: its row only numbers the events of deals that failed there.
CREATE TABLE merchant (
    merchant_id {id},
    name TEXT,
    earn_rate_bp {int},
    fee_rate_bp {int},
    status TEXT,
    sequence {int} NOT NULL
){updated_in_place};
{sequence merchant_number}

-- How far a merchant's month is billed: the highest sequence that a run of it looked at.
CREATE TABLE billed_month (
    merchant_month {key},
    merchant_id {int} NOT NULL,
    month {int} NOT NULL,
    through {int} NOT NULL
){updated_in_place};
CREATE INDEX billed_month_merchant ON billed_month (merchant_id, month);
