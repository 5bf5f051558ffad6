-- Nickname and phone number are sealed. The pages are thrown away with their table, and come back from the logs.

CREATE TABLE page_anew (
    member_id {id},
    contacts {blob},
    member_status TEXT NOT NULL,
    remain_point {int} NOT NULL,
    recent TEXT NOT NULL,
    member_sequence {int} NOT NULL,
    point_sequence {int} NOT NULL,
    gone {int} NOT NULL,
    donations TEXT NOT NULL,
    donation_sequence {int} NOT NULL,
    coupons TEXT NOT NULL,
    coupon_sequence {int} NOT NULL
){updated_in_place};
{fill}
{replace page}
