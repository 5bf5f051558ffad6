-- Whether a page's member ever bought anything: of most members nothing is looked for beside the page itself. Purchases
-- get other names, so that a process of an older version that still runs cannot take one in without noting that.

ALTER TABLE page ADD COLUMN bought {int} NOT NULL DEFAULT 0;
UPDATE page SET bought = 1 WHERE EXISTS (SELECT 1 FROM page_cart c WHERE c.customer_id = page.member_id)
    OR EXISTS (SELECT 1 FROM page_membership m WHERE m.customer_id = page.member_id);
ALTER TABLE page_cart RENAME TO bought_cart;
ALTER TABLE page_membership RENAME TO bought_membership;
