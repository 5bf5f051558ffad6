-- Purchases on my page: carts and paid memberships, with what became of their payments. Each row keeps the last event
-- that it took in of its own log and of payment's. One whose own log has not spoken yet is not shown. One is alone if
-- its customer has no page, or is not known.

CREATE TABLE page_cart (
    cart_id {id},
    customer_id {int},
    payment_id {int},
    payment_status TEXT,
    payment_sequence {int} NOT NULL,
    sequence {int} NOT NULL,
    alone {int} NOT NULL,
    gifticon_id {int} NOT NULL,
    quantity {int} NOT NULL,
    unit_price_won {int} NOT NULL,
    removed {int} NOT NULL
){updated_in_place};
CREATE INDEX page_cart_customer ON page_cart (customer_id, cart_id) WHERE customer_id IS NOT NULL;
CREATE INDEX page_cart_alone ON page_cart (cart_id) WHERE alone = 1;

CREATE TABLE page_membership (
    mem_id {id},
    customer_id {int},
    payment_id {int},
    payment_status TEXT,
    payment_sequence {int} NOT NULL,
    sequence {int} NOT NULL,
    alone {int} NOT NULL,
    product_id {int} NOT NULL,
    product_name TEXT NOT NULL,
    price_won {int} NOT NULL,
    mem_status TEXT NOT NULL,
    expires_at {int}
){updated_in_place};
CREATE INDEX page_membership_customer ON page_membership (customer_id, mem_id) WHERE customer_id IS NOT NULL;
CREATE INDEX page_membership_alone ON page_membership (mem_id) WHERE alone = 1;
