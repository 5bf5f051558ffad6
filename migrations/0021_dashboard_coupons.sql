-- Who has followed a withdrawal that was decided, while the other one has not.

ALTER TABLE dashboard_member ADD COLUMN followed TEXT;
