-- Events that a consumer of this context could not take in, and those behind them with the same subject. They wait
-- for the operator; the consumer's cursor has passed them.
CREATE TABLE parked_event (
    id {id},
    consumer {short} NOT NULL,
    xid {int} NOT NULL,
    position {int} NOT NULL,
    subject {int} NOT NULL,
    type TEXT NOT NULL,
    sequence {int} NOT NULL,
    at {int} NOT NULL,
    data TEXT NOT NULL,
    reason TEXT NOT NULL,
    tries {int} NOT NULL,
    parked_at {int} NOT NULL
);
CREATE UNIQUE INDEX parked_event_order ON parked_event (consumer, subject, xid, position);
{sequence parked_number}
