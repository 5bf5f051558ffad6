-- Carts, and the stock that gifticon keeps for each. Of a customer only the number stands here, for ever. Reservations are
-- numbered as they are made, so the index over them grows at its end.

CREATE TABLE cart (
    cart_id {id},
    reservation_id {int} NOT NULL,
    gifticon_id {int} NOT NULL,
    quantity {int} NOT NULL CHECK (quantity >= 1),
    unit_price_won {int} NOT NULL CHECK (unit_price_won >= 1),
    customer_id {int},
    method TEXT NOT NULL,
    added_at {int} NOT NULL,
    status TEXT NOT NULL,
    payment_id {int},
    removal TEXT,
    removing_since {int},
    fail_reason TEXT,
    sequence {int} NOT NULL
){updated_in_place};
CREATE UNIQUE INDEX cart_reservation ON cart (reservation_id);
CREATE INDEX cart_customer ON cart (customer_id, cart_id) WHERE customer_id IS NOT NULL;
-- Holds only the carts whose removal waits for gifticon's word.
CREATE INDEX cart_removing ON cart (removing_since) WHERE removing_since IS NOT NULL;
{sequence cart_number}

-- Reservations that never become a cart, because gifticon asked and none had come.
CREATE TABLE refused_reservation (
    reservation_id {id},
    refused_at {int} NOT NULL
);
