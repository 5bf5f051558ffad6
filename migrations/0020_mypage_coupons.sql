-- The coupons on my page, and the last event of coupon that was taken in for each member.

ALTER TABLE page ADD COLUMN coupons TEXT NOT NULL DEFAULT '';
ALTER TABLE page ADD COLUMN coupon_sequence {int} NOT NULL DEFAULT 0;
