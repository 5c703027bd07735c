-- Numbers of the month look at what was opened in it, wherever it lies.
CREATE INDEX IF NOT EXISTS cases_opened ON cases (opened_at);
