-- Indicator values, computed once by the KPI worker; screens only read.
CREATE TABLE IF NOT EXISTS indicator_value (
  code        text NOT NULL,
  region_id   int NOT NULL REFERENCES region ON DELETE CASCADE,
  computed_at timestamptz NOT NULL,
  as_of       timestamptz,
  value       double precision,
  numerator   double precision,
  denominator double precision,
  previous    double precision,
  state       text NOT NULL CHECK (state IN ('ok', 'empty', 'unconnected', 'error')),
  error_code  text NOT NULL DEFAULT '',
  error_zh    text NOT NULL DEFAULT '',
  error_en    text NOT NULL DEFAULT '',
  error_since timestamptz,
  retries     int NOT NULL DEFAULT 0,
  note        jsonb,
  series      double precision[] NOT NULL DEFAULT '{}',
  source      text NOT NULL DEFAULT '',
  interval_s  double precision NOT NULL DEFAULT 60,
  origin      text NOT NULL DEFAULT 'real',
  runs        bigint NOT NULL DEFAULT 0,         -- how often it was computed, for the benchmark
  PRIMARY KEY (code, region_id)
);
CREATE TABLE IF NOT EXISTS indicator_history (
  code        text NOT NULL,
  region_id   int NOT NULL,
  computed_at timestamptz NOT NULL,
  as_of       timestamptz,
  value       double precision,
  numerator   double precision,
  denominator double precision,
  state       text NOT NULL,
  origin      text NOT NULL DEFAULT 'real',
  PRIMARY KEY (code, region_id, computed_at)
);
