-- Messages to members: jobs until they end. The phone number is asked of member when a message is sent.

CREATE TABLE message (
    message_id {id},
    member_id {int} NOT NULL,
    kind TEXT NOT NULL,
    status {short} NOT NULL,
    phone_revision {int} NOT NULL,
    attempts {int} NOT NULL,
    due_at {int} NOT NULL,
    at {int} NOT NULL,
    ended_at {int}
){updated_in_place};
CREATE INDEX message_due ON message (due_at) WHERE status = 'READY';
{sequence message_number}

-- The last event of member that was taken in for each member, so that none is taken in twice.
CREATE TABLE recipient (
    member_id {id},
    member_sequence {int} NOT NULL,
    gone {int} NOT NULL
);
