-- What the operator looks at: a read model, built from the logs of member, point, donation, deal and settlement.

-- Deals. The month is that of the deal's date in the programme's time zone; the sequence is that of the merchant's
-- event which ended the deal, so that it can be told whether settlement had looked at it.
CREATE TABLE dashboard_deal (
    deal_id {id},
    member_id {int} NOT NULL,
    merchant_id {int} NOT NULL,
    type TEXT NOT NULL,
    deal_amount {int} NOT NULL,
    point {int} NOT NULL,
    status TEXT NOT NULL,
    dealt_at {int} NOT NULL,
    month {int} NOT NULL,
    original_deal_id {int},
    cancelled_point {int} NOT NULL,
    points_due {int} NOT NULL,
    fail_reason TEXT,
    sequence {int} NOT NULL
){updated_in_place};
CREATE INDEX dashboard_deal_member ON dashboard_deal (member_id, deal_id);
CREATE INDEX dashboard_deal_merchant ON dashboard_deal (merchant_id, deal_id);
CREATE INDEX dashboard_deal_pending ON dashboard_deal (dealt_at) WHERE status = 'pending';
CREATE INDEX dashboard_deal_due ON dashboard_deal (dealt_at) WHERE points_due = 1;

-- Merchants: what was used there, what of it was cancelled, what was billed; and the last event taken in of each log.
CREATE TABLE dashboard_merchant (
    merchant_id {id},
    name TEXT,
    fee_rate_bp {int},
    used_point {int} NOT NULL,
    cancelled_point {int} NOT NULL,
    billed_point {int} NOT NULL,
    deal_sequence {int} NOT NULL,
    settlement_sequence {int} NOT NULL
){updated_in_place};

-- Up to which event of a merchant the lines of a month are billed.
CREATE TABLE dashboard_mark (
    name {key},
    merchant_id {int} NOT NULL,
    month {int} NOT NULL,
    through {int} NOT NULL
);
CREATE INDEX dashboard_mark_month ON dashboard_mark (merchant_id, month);

-- Members: a status, and a withdrawal that is under way. Of a member who is gone the number is left.
CREATE TABLE dashboard_member (
    member_id {id},
    status TEXT NOT NULL,
    gone {int} NOT NULL,
    withdrawal TEXT,
    withdrawal_at {int},
    sequence {int} NOT NULL
){updated_in_place};
CREATE INDEX dashboard_member_leaving ON dashboard_member (withdrawal_at) WHERE withdrawal IS NOT NULL;

-- Donations that point was to decide, and whether it has.
CREATE TABLE dashboard_donation (
    donation_id {id},
    member_id {int} NOT NULL,
    requested_at {int} NOT NULL,
    ended {int} NOT NULL
){updated_in_place};
CREATE INDEX dashboard_donation_open ON dashboard_donation (requested_at) WHERE ended = 0;

-- How many and how much, by kind: for each day of the programme (20200715.entry.EARN) and over all days
-- (all.entry.EARN).
CREATE TABLE dashboard_figure (
    name {key},
    day {int} NOT NULL,
    kind TEXT NOT NULL,
    quantity {int} NOT NULL,
    amount {int} NOT NULL
){updated_in_place};
