-- What point answered to questions that take points: one answer for ever under the question's key (donation:4),
-- refusals included, so that it does not matter how often or which way a question comes.

CREATE TABLE point_question (
    question {key},
    member_id {int} NOT NULL,
    answer TEXT NOT NULL,
    at {int} NOT NULL
);
