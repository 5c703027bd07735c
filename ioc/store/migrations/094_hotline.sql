-- Who called 12345: sealed with the installation's key (AES-256-GCM), readable by nobody who holds the database alone.
-- Masked forms stand in the event's attributes; plain text is asked for one record at a time, with a purpose, audited.
CREATE TABLE IF NOT EXISTS caller (
  source      text NOT NULL,
  source_id   text NOT NULL,                     -- number of the order
  event_id    bigint NOT NULL,
  sealed      bytea NOT NULL,
  key_id      text NOT NULL,                     -- which key sealed it
  region_id   int,
  private_to  text,
  sensitivity smallint NOT NULL DEFAULT 2,
  origin      text NOT NULL DEFAULT 'real' CHECK (origin IN ('real', 'demo')),
  updated_at  timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (source, source_id)
);
CREATE INDEX IF NOT EXISTS caller_event ON caller (event_id);
CREATE INDEX IF NOT EXISTS caller_updated ON caller (updated_at);

ALTER TABLE caller ENABLE ROW LEVEL SECURITY;
ALTER TABLE caller FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS scope ON caller;
CREATE POLICY scope ON caller TO ioc_app USING (
  (SELECT ioc_whole()) AND (SELECT ioc_all_departments()) AND (SELECT ioc_sensitivity()) >= 2);
DROP POLICY IF EXISTS owning ON caller;
CREATE POLICY owning ON caller TO CURRENT_USER USING (true);

-- Who calls back needs the number; who administers does not.
UPDATE role SET permissions = permissions || ARRAY['caller.view']
WHERE role_key IN ('chief', 'officer') AND NOT permissions @> ARRAY['caller.view'];
