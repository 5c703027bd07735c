-- Centres of the level below (county -> city): what they let us read, as they gave it, with the place in their feed.
CREATE TABLE IF NOT EXISTS lower_centre (
  centre_key  text PRIMARY KEY,
  title       text NOT NULL,
  url         text NOT NULL,
  region_id   int REFERENCES region ON DELETE SET NULL,
  epoch       text NOT NULL DEFAULT '',          -- of their feed; '': never read
  feed_no     bigint NOT NULL DEFAULT 0,         -- read up to here
  synced_at   timestamptz,                       -- last whole list
  read_at     timestamptz,                       -- last answer
  origin      text NOT NULL DEFAULT 'real' CHECK (origin IN ('real', 'demo')),
  updated_at  timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS lower_record (
  centre_key  text NOT NULL,
  key         text NOT NULL,                     -- case:12, event:7: of that centre, not of ours
  kind        text NOT NULL CHECK (kind IN ('case', 'event')),
  version     int NOT NULL,
  closed      boolean NOT NULL,
  record      jsonb NOT NULL,                    -- docs/live.md, as it came: what was masked there is masked here
  region_id   int REFERENCES region ON DELETE SET NULL,
  private_to  text,
  sensitivity smallint NOT NULL DEFAULT 1,
  origin      text NOT NULL DEFAULT 'real' CHECK (origin IN ('real', 'demo')),
  received_at timestamptz NOT NULL,
  PRIMARY KEY (centre_key, key)
);
CREATE INDEX IF NOT EXISTS lower_record_at ON lower_record (received_at);
CREATE INDEX IF NOT EXISTS lower_record_region ON lower_record (region_id);
CREATE TABLE IF NOT EXISTS lower_indicator (
  centre_key  text NOT NULL,
  region_code text NOT NULL,
  code        text NOT NULL,
  record      jsonb NOT NULL,
  as_of       timestamptz,
  region_id   int REFERENCES region ON DELETE SET NULL,
  private_to  text,
  sensitivity smallint NOT NULL DEFAULT 1,
  origin      text NOT NULL DEFAULT 'real' CHECK (origin IN ('real', 'demo')),
  received_at timestamptz NOT NULL,
  PRIMARY KEY (centre_key, region_code, code)
);
SELECT ioc_protect('lower_record');
SELECT ioc_protect('lower_indicator');
