-- My page: everything one member may see, as a row. A read model: it can be rebuilt from the logs.
-- Of a member who withdrew only the number is left, so that a late event brings nothing back.

CREATE TABLE page (
    member_id {id},
    nickname TEXT,
    phone_no TEXT,
    member_status TEXT NOT NULL,
    remain_point {int} NOT NULL,
    recent TEXT NOT NULL,
    member_sequence {int} NOT NULL,
    point_sequence {int} NOT NULL,
    gone {int} NOT NULL
){updated_in_place};
