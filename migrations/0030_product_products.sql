-- Paid membership products. One that was taken off stays here, so that its number is never given again.
CREATE TABLE product (
    product_id {id},
    product_name TEXT NOT NULL,
    price_won {int} NOT NULL CHECK (price_won >= 1),
    sales_limit {int},
    sale_ends_at {int},
    months {int} NOT NULL CHECK (months >= 1),
    reserved {int} NOT NULL CHECK (reserved >= 0),
    sold {int} NOT NULL CHECK (sold >= 0),
    removed {int} NOT NULL,
    sequence {int} NOT NULL,
    CHECK (sales_limit IS NULL OR reserved + sold <= sales_limit)
){updated_in_place};
{sequence product_number}

-- Units, with what was said of the product when they were kept. A unit without a membership is looked after until
-- membership has said what became of it.
CREATE TABLE product_unit (
    unit_id {id},
    product_id {int} NOT NULL,
    product_name TEXT NOT NULL,
    price_won {int} NOT NULL,
    months {int} NOT NULL,
    status TEXT NOT NULL,
    mem_id {int},
    look_at {int}
){updated_in_place};
-- Holds only the units that nothing has been heard of.
CREATE INDEX product_unit_look_at ON product_unit (look_at) WHERE look_at IS NOT NULL;
{sequence unit_number}
