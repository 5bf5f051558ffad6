-- What every context has beside its own tables. Platform code reads and writes these; no context names them.

-- Last number given out of each sequence; an engine with sequences of its own leaves it empty.
CREATE TABLE counter (name {key}, value {int} NOT NULL);

-- The event log, which is the outbox too, and the memory of answers: a row with a key answers its repetition.
-- A row whose type is lower case ('refused', 'done') exists only for that memory and is never delivered.
CREATE TABLE event (
    position {id},
    type TEXT NOT NULL,
    subject {int} NOT NULL,
    sequence {int} NOT NULL,
    at {int} NOT NULL,
    correlation TEXT,
    causation TEXT,
    data TEXT NOT NULL,
    key {short_blob},
    digest {int}{log_order}
);
{log_index event}
{sequence log_position}

-- How far each consumer of this context has read each log, moved in the transaction of the effect. The fence is
-- the lease under which it was moved last; a holder whose lease has passed to another cannot write.
CREATE TABLE cursor_position (
    consumer {key},
    xid {int} NOT NULL,
    position {int} NOT NULL,
    fence {int} NOT NULL
);

-- Who does a job of which there may be only one worker.
CREATE TABLE lease (
    name {key},
    holder TEXT NOT NULL,
    fence {int} NOT NULL,
    until_ms {int} NOT NULL
);
