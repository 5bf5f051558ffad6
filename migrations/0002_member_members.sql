-- Members. The row outlives the member: the number is a pseudonym that is never given out again; everything
-- personal in it is removed when the member withdraws, and gone_at says when.

CREATE TABLE member (
    member_id {id},
    phone_no TEXT,
    nickname TEXT,
    name TEXT,
    email TEXT,
    address TEXT,
    login_id TEXT,
    status TEXT NOT NULL,
    coupon_status TEXT NOT NULL,
    notified TEXT NOT NULL,
    coupon_cancelled TEXT NOT NULL,
    joined_at {int} NOT NULL,
    phone_revision {int} NOT NULL,
    sequence {int} NOT NULL,
    gone_at {int}
){updated_in_place};
{sequence member_number}

CREATE TABLE withdrawal (
    member_id {id},
    attempt {int} NOT NULL,
    step TEXT NOT NULL,
    forfeited_point {int},
    coupon_cancelled TEXT NOT NULL,
    requested_at {int} NOT NULL,
    ended_at {int},
    reason TEXT
);
CREATE INDEX withdrawal_preparing ON withdrawal (requested_at) WHERE step = 'PREPARING';

-- Which phone numbers were welcomed lately: a keyed digest with a date and no member number.
CREATE TABLE welcome_given (
    phone_digest {blob} PRIMARY KEY,
    at {int} NOT NULL
);
CREATE INDEX welcome_given_at ON welcome_given (at);
