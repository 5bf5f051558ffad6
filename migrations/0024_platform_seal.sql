-- A constant, sealed: tells whether a store that holds sealed data is opened under the secret that sealed it. One row
-- at most; none where nothing is sealed.

CREATE TABLE seal_mark (
    id {id},
    sealed {blob} NOT NULL
);
