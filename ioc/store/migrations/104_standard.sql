-- Editions of tables that judge readings (AQI breakpoints, water classes, noise limits), by the dates they are in force.
-- What the product ships is not stored; what a centre imports is, every version of it.
CREATE TABLE IF NOT EXISTS standard_edition (
  version_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind        text NOT NULL CHECK (kind IN ('aqi', 'water', 'noise')),
  key         text NOT NULL,                     -- HJ633-2026
  version     int NOT NULL,
  valid_from  date NOT NULL,
  valid_to    date,                              -- first day it is not in force any more
  document    text NOT NULL,                     -- number of the announcement or standard
  issued      date NOT NULL,
  body        jsonb NOT NULL,
  digest      text NOT NULL,
  actor       text NOT NULL,
  origin      text NOT NULL DEFAULT 'real' CHECK (origin IN ('real', 'demo')),
  recorded_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (kind, key, version)
);
