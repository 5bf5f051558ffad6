-- Which phone numbers had a join coupon lately: a keyed digest with a date and no member number.
CREATE TABLE join_coupon_given (
    phone_digest {blob} PRIMARY KEY,
    at {int} NOT NULL
);
CREATE INDEX join_coupon_given_at ON join_coupon_given (at);

-- Withdrawals that are under way, to be listed. Those that were decided before coupon had a part in it wait for coupon
-- too, which follows the same event; of those that were done by then no coupon can be left.
CREATE INDEX withdrawal_unfinished ON withdrawal (member_id) WHERE ended_at IS NULL;
UPDATE withdrawal SET coupon_cancelled = 'Y' WHERE step = 'DONE';
