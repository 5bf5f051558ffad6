-- Where the place of a cursor stands in a topic, for a log that comes over the bus: only where reading goes on. Below 0:
-- not known.
ALTER TABLE cursor_position ADD COLUMN topic_offset {int} NOT NULL DEFAULT -1;
