-- The last donations on my page, and the last event of donation that was taken in for each member.

ALTER TABLE page ADD COLUMN donations TEXT NOT NULL DEFAULT '';
ALTER TABLE page ADD COLUMN donation_sequence {int} NOT NULL DEFAULT 0;
