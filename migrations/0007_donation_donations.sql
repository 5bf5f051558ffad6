-- Donations and the causes that receive them. Of a member only the number stands here, for ever.

CREATE TABLE donation (
    donation_id {id},
    member_id {int} NOT NULL,
    cause_id {int} NOT NULL,
    amount {int} NOT NULL CHECK (amount >= 1),
    balance_above {int} NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    balance_before {int},
    balance_after {int},
    requested_at {int} NOT NULL,
    ended_at {int}
){updated_in_place};
CREATE INDEX donation_member ON donation (member_id, donation_id);
CREATE INDEX donation_cause ON donation (cause_id, donation_id);
{sequence donation_number}

CREATE TABLE cause (
    cause_id {id},
    name TEXT NOT NULL,
    received_point {int} NOT NULL CHECK (received_point >= 0),
    donation_count {int} NOT NULL CHECK (donation_count >= 0),
    open {int} NOT NULL,
    sequence {int} NOT NULL
){updated_in_place};
{sequence cause_number}
INSERT INTO cause (cause_id, name, received_point, donation_count, open, sequence) VALUES (1, 'general fund', 0, 0, 1, 1);

-- Numbers the events about the donations of each member, so that who follows takes none in twice.
CREATE TABLE donor (
    member_id {id},
    sequence {int} NOT NULL
){updated_in_place};
