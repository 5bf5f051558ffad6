-- What the operator sees of purchases: gifticons as they stand, and flows that are under way, of which nothing is left
-- once they are over.

CREATE TABLE dashboard_gifticon (
    gifticon_id {id},
    loaded {int} NOT NULL,
    reserved {int} NOT NULL,
    sold {int} NOT NULL,
    sequence {int} NOT NULL
){updated_in_place};

-- Kind and number (cart.17), what it waits for, and since when.
CREATE TABLE dashboard_flow (
    name {key},
    kind TEXT NOT NULL,
    id {int} NOT NULL,
    step TEXT NOT NULL,
    since {int} NOT NULL
);
CREATE INDEX dashboard_flow_since ON dashboard_flow (kind, since);
