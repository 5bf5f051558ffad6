-- Gifticons: what the MD registered, and where its pieces are. Free, reserved and sold come to what there is in all.
CREATE TABLE gifticon (
    gifticon_id {id},
    name TEXT NOT NULL,
    price_won {int} NOT NULL CHECK (price_won >= 1),
    on_sale {int} NOT NULL,
    free {int} NOT NULL CHECK (free >= 0),
    reserved {int} NOT NULL CHECK (reserved >= 0),
    sold {int} NOT NULL CHECK (sold >= 0),
    sequence {int} NOT NULL
){updated_in_place};
{sequence gifticon_number}

-- Pieces that are kept for a cart. The vouchers of those that are sold are numbered one after the other.
CREATE TABLE reservation (
    reservation_id {id},
    gifticon_id {int} NOT NULL,
    quantity {int} NOT NULL CHECK (quantity >= 1),
    unit_price_won {int} NOT NULL CHECK (unit_price_won >= 1),
    status TEXT NOT NULL,
    ask_at {int},
    cart_id {int},
    customer_id {int},
    first_voucher {int}
){updated_in_place};
-- Holds only the reservations that nobody has spoken of yet.
CREATE INDEX reservation_ask ON reservation (ask_at) WHERE ask_at IS NOT NULL;
CREATE INDEX reservation_cart ON reservation (cart_id) WHERE cart_id IS NOT NULL;
{sequence reservation_number}

-- Vouchers. The secret is the part of the code that cannot be guessed; by the number in the code its row is found.
CREATE TABLE voucher (
    voucher_id {id},
    reservation_id {int} NOT NULL,
    gifticon_id {int} NOT NULL,
    cart_id {int} NOT NULL,
    secret {int} NOT NULL,
    status TEXT NOT NULL,
    expires_at {int} NOT NULL,
    used_at {int}
){updated_in_place};
-- Holds only the vouchers that may still expire.
CREATE INDEX voucher_expiry ON voucher (expires_at, voucher_id) WHERE status = 'ISSUED';
{sequence voucher_number}
