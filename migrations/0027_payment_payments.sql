-- What carts and memberships cost: who is to be charged, who was, and what was given back. An order's key is twice its
-- number, and one more for a membership: both kinds rise, so the index grows where each of them ends.

CREATE TABLE payment (
    payment_id {id},
    order_key {int} NOT NULL,
    customer_id {int},
    amount_won {int} NOT NULL,
    method TEXT NOT NULL,
    reference TEXT NOT NULL,
    requested_at {int} NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    job TEXT,
    due_at {int},
    attempts {int} NOT NULL,
    failure TEXT,
    was_approved {int} NOT NULL,
    refunded_won {int} CHECK (refunded_won >= 0 AND refunded_won <= amount_won),
    sequence {int} NOT NULL,
    ended_at {int},
    CHECK ((job IS NULL) = (due_at IS NULL))
){updated_in_place};
CREATE UNIQUE INDEX payment_order ON payment (order_key);
-- Holds only the payments that a provider still has to do something about, each provider's by themselves.
CREATE INDEX payment_due ON payment (method, due_at, payment_id) WHERE due_at IS NOT NULL;
{sequence payment_number}
