-- Notices to the operator: jobs like messages where the operator is told by mail or phone, and done as soon as they
-- stand here where not. A member is named by number alone. Which event asked for one is kept apart by the sequence in
-- recipient, as for messages about a phone number.

CREATE TABLE notice (
    notification_id {id},
    kind TEXT NOT NULL,
    member_id {int},
    status {short} NOT NULL,
    attempts {int} NOT NULL,
    due_at {int} NOT NULL,
    at {int} NOT NULL,
    ended_at {int},
    failure TEXT
){updated_in_place};
CREATE INDEX notice_due ON notice (due_at) WHERE status = 'READY';
{sequence notice_number}
