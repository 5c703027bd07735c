-- Indicator values are kept per audience: the department and sensitivity part of a scope. Nobody gets a number that
-- was counted over rows he may not see. The all-seeing audience is '*|2' (all departments, sensitivity 2).
CREATE TABLE IF NOT EXISTS indicator_audience (
  audience    text PRIMARY KEY,                  -- '*|1', '|0', '城管局,水务局|1'
  departments text[],                            -- NULL: all; '{}': rows shared with all only
  sensitivity smallint NOT NULL,
  seen_at     timestamptz NOT NULL
);
INSERT INTO indicator_audience (audience, departments, sensitivity, seen_at)
VALUES ('*|0', NULL, 0, now()), ('*|1', NULL, 1, now()), ('*|2', NULL, 2, now()) ON CONFLICT DO NOTHING;

-- What is true of one computation as a whole stands here once, not in a thousand rows: a value row is written only
-- when its number changed.
CREATE TABLE IF NOT EXISTS indicator_run (
  code        text PRIMARY KEY,
  state       text NOT NULL CHECK (state IN ('ok', 'unconnected', 'error')),
  computed_at timestamptz NOT NULL,              -- of the last success
  as_of       timestamptz,                       -- newest sign of the sources it rests on
  source      text NOT NULL DEFAULT '',
  interval_s  double precision NOT NULL DEFAULT 60,
  error_code  text NOT NULL DEFAULT '',
  error_zh    text NOT NULL DEFAULT '',
  error_en    text NOT NULL DEFAULT '',
  error_since timestamptz,
  retries     int NOT NULL DEFAULT 0,
  runs        bigint NOT NULL DEFAULT 0,         -- how often it was computed, for the benchmark
  duration_ms double precision NOT NULL DEFAULT 0
);

ALTER TABLE indicator_value ADD COLUMN IF NOT EXISTS audience text NOT NULL DEFAULT '*|2';
ALTER TABLE indicator_value ADD COLUMN IF NOT EXISTS last_value double precision;   -- last value there was, and its time
ALTER TABLE indicator_value ADD COLUMN IF NOT EXISTS last_at timestamptz;
ALTER TABLE indicator_value DROP COLUMN IF EXISTS error_code, DROP COLUMN IF EXISTS error_zh,
  DROP COLUMN IF EXISTS error_en, DROP COLUMN IF EXISTS error_since, DROP COLUMN IF EXISTS retries,
  DROP COLUMN IF EXISTS source, DROP COLUMN IF EXISTS interval_s, DROP COLUMN IF EXISTS runs;
ALTER TABLE indicator_value DROP CONSTRAINT IF EXISTS indicator_value_pkey;
ALTER TABLE indicator_value ADD CONSTRAINT indicator_value_pkey PRIMARY KEY (region_id, audience, code);
ALTER TABLE indicator_value SET (fillfactor = 50);

ALTER TABLE indicator_history ADD COLUMN IF NOT EXISTS audience text NOT NULL DEFAULT '*|2';
ALTER TABLE indicator_history DROP CONSTRAINT IF EXISTS indicator_history_pkey;
ALTER TABLE indicator_history ADD CONSTRAINT indicator_history_pkey PRIMARY KEY (code, region_id, audience, computed_at);

-- The counts behind the tiles, each read from an index alone.
CREATE INDEX IF NOT EXISTS device_kpi ON device (class, region_id, status, sensitivity, private_to, origin);
CREATE INDEX IF NOT EXISTS cases_responded ON cases (responded_at) WHERE responded_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS cases_total_due ON cases (total_due_at) WHERE total_due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS datastream_property ON datastream (property);
