-- Contact data is sealed: one column instead of six, which nobody reads without the programme's secret. The table is built
-- anew and the old one goes as a whole: rows that are changed in place leave copies of their neighbours behind.

CREATE TABLE member_anew (
    member_id {id},
    contacts {blob},
    status TEXT NOT NULL,
    coupon_status TEXT NOT NULL,
    notified TEXT NOT NULL,
    coupon_cancelled TEXT NOT NULL,
    joined_at {int} NOT NULL,
    phone_revision {int} NOT NULL,
    sequence {int} NOT NULL,
    gone_at {int}
){updated_in_place};
{fill}
{replace member}
