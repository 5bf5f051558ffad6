-- Campaigns: so many coupons with one pattern of codes. The figures say what became of them and stand in the commit of
-- what they count. Days are written yyyyMMdd.
CREATE TABLE campaign (
    campaign_id {id},
    name TEXT NOT NULL,
    code_pattern TEXT NOT NULL,
    quantity {int} NOT NULL CHECK (quantity >= 1),
    per_member_limit {int} NOT NULL CHECK (per_member_limit >= 1),
    start_date {int} NOT NULL,
    end_date {int} NOT NULL,
    open {int} NOT NULL,
    issued {int} NOT NULL CHECK (issued >= 0),
    promised {int} NOT NULL CHECK (promised >= 0),
    in_stock {int} NOT NULL CHECK (in_stock >= 0),
    redeemed {int} NOT NULL CHECK (redeemed >= 0),
    cancelled {int} NOT NULL CHECK (cancelled >= 0),
    expired {int} NOT NULL CHECK (expired >= 0),
    sequence {int} NOT NULL,
    CHECK (issued + promised <= quantity)
){updated_in_place};
{sequence campaign_number}

-- Bulk issues: how many codes were asked for, and how many are made.
CREATE TABLE coupon_bulk_issue (
    issue_id {id},
    campaign_id {int} NOT NULL,
    count {int} NOT NULL CHECK (count >= 1),
    issued {int} NOT NULL,
    status {short} NOT NULL,
    requested_at {int} NOT NULL,
    ended_at {int},
    CHECK (issued BETWEEN 0 AND count)
){updated_in_place};
CREATE INDEX coupon_bulk_issue_campaign ON coupon_bulk_issue (campaign_id, issue_id);
-- Holds only those that are still to be worked on.
CREATE INDEX coupon_bulk_issue_running ON coupon_bulk_issue (issue_id) WHERE status = 'RUNNING';
{sequence bulk_issue_number}

-- How many coupons of each campaign a member has had: campaign count;campaign count; and so on.
CREATE TABLE coupon_taken (
    member_id {id},
    campaigns TEXT NOT NULL
){updated_in_place};
