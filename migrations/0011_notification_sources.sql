-- Messages that events of other contexts ask for. The event is named as source:aggregate:sequence, once for ever, so
-- that it asks for one message however often and in whatever order it is delivered. Messages about a phone number have
-- none: their events are kept apart by the sequence in recipient.
ALTER TABLE message ADD COLUMN origin {short};
-- The figures in a message, as a JSON object without personal data, so that a repetition says the same.
ALTER TABLE message ADD COLUMN detail TEXT;
-- Why the last attempt failed, as a code.
ALTER TABLE message ADD COLUMN failure TEXT;
CREATE UNIQUE INDEX message_origin ON message (origin) WHERE origin IS NOT NULL;
