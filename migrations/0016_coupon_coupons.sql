-- Coupons. Of a member only the number stands here, for ever. A coupon of no campaign is a join coupon; one of no member
-- is a code that belongs to whoever brings it. Days are written yyyyMMdd.

-- Coupon's side of a member. Each coupon names the member's coupon before it, the wallet the last one.
CREATE TABLE coupon_wallet (
    member_id {id},
    sequence {int} NOT NULL,
    issued {int} NOT NULL CHECK (issued >= 0),
    last_coupon {int} NOT NULL,
    closing {int},
    ended_attempt {int} NOT NULL,
    closed {int} NOT NULL
){updated_in_place};

-- The code stands here as it is compared; its first characters are the prefix as it is written.
CREATE TABLE coupon (
    coupon_id {id},
    member_id {int},
    campaign_id {int},
    code {short} NOT NULL UNIQUE,
    prefix {short},
    status {short} NOT NULL,
    start_date {int} NOT NULL,
    end_date {int} NOT NULL,
    redeemed_at {int},
    reference_type TEXT,
    reference_id TEXT,
    previous {int} NOT NULL
){updated_in_place};
CREATE INDEX coupon_campaign ON coupon (campaign_id, coupon_id) WHERE campaign_id IS NOT NULL;
-- Holds only the codes that nobody has yet.
CREATE INDEX coupon_free ON coupon (campaign_id, coupon_id) WHERE member_id IS NULL AND status = 'ISSUED';
-- Holds only the coupons that are going to end.
CREATE INDEX coupon_end ON coupon (end_date, coupon_id) WHERE status = 'ISSUED';
{sequence coupon_number}
