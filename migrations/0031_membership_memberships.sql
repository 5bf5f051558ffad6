-- Paid memberships, with product's words as they were when they were bought.
CREATE TABLE membership (
    mem_id {id},
    unit_id {int} NOT NULL,
    product_id {int} NOT NULL,
    product_name TEXT NOT NULL,
    price_won {int} NOT NULL CHECK (price_won >= 1),
    months {int} NOT NULL CHECK (months >= 1),
    customer_id {int},
    method TEXT NOT NULL,
    purchased_at {int} NOT NULL,
    renews_mem_id {int},
    status TEXT NOT NULL,
    payment_id {int},
    starts_at {int},
    expires_at {int},
    fail_reason TEXT,
    renewed_by {int},
    sequence {int} NOT NULL,
    CHECK ((starts_at IS NULL) = (expires_at IS NULL))
){updated_in_place};
CREATE INDEX membership_customer ON membership (customer_id, mem_id) WHERE customer_id IS NOT NULL;
-- Holds only those that are good, and so only those that may be over.
CREATE INDEX membership_expires ON membership (expires_at) WHERE status = 'USE';
{sequence membership_number}

-- What became of product's units: the membership, or nothing for ever. Two who decide that at the same time, in two
-- processes, meet here.
CREATE TABLE membership_unit (
    unit_id {id},
    mem_id {int}
);
