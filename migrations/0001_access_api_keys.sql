-- API keys. A key's secret part is never stored, only its SHA-256; a random 256-bit secret needs no slower hash.
-- A revoked key keeps its row, so that its id in old logs still says whose it was.
CREATE TABLE access_key (
    id {key},
    role TEXT NOT NULL,
    owner_id {int},
    label TEXT NOT NULL,
    secret_sha256 {blob} NOT NULL,
    created_at_ms {int} NOT NULL,
    revoked_at_ms {int}
);
