-- Outbox: one record written in the transaction of the change. Feed: the same records with gapless numbers, given by
-- one sequencer in commit-visible order. Readers use `feed_no > last`.
CREATE TABLE IF NOT EXISTS outbox (
  outbox_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  topic       text NOT NULL,                     -- event, case, device, source, indicator, reload, warning
  op          text NOT NULL CHECK (op IN ('new', 'change', 'remove')),
  entity_id   text NOT NULL,
  region_id   int,                               -- scope of the record, as on its row
  private_to  text,
  sensitivity smallint NOT NULL DEFAULT 0,
  permission  text NOT NULL DEFAULT '',
  origin      text NOT NULL DEFAULT 'real',
  payload     jsonb NOT NULL
);
CREATE TABLE IF NOT EXISTS feed (
  feed_no     bigint NOT NULL,
  numbered_at timestamptz NOT NULL DEFAULT now(),
  outbox_id   bigint NOT NULL,
  recorded_at timestamptz NOT NULL,
  topic       text NOT NULL,
  op          text NOT NULL,
  entity_id   text NOT NULL,
  region_id   int,
  private_to  text,
  sensitivity smallint NOT NULL DEFAULT 0,
  permission  text NOT NULL DEFAULT '',
  origin      text NOT NULL DEFAULT 'real',
  payload     jsonb NOT NULL,
  PRIMARY KEY (feed_no, numbered_at)             -- one writer numbers, so feed_no alone is unique
) PARTITION BY RANGE (numbered_at);
CREATE TABLE IF NOT EXISTS feed_state (
  one     boolean PRIMARY KEY DEFAULT true CHECK (one),
  epoch   text NOT NULL,                         -- changes after a restore
  last_no bigint NOT NULL DEFAULT 0,
  beat_at timestamptz                            -- the sequencer's last turn
);
INSERT INTO feed_state (epoch) VALUES (substr(md5(random()::text || clock_timestamp()::text), 1, 8)) ON CONFLICT DO NOTHING;
