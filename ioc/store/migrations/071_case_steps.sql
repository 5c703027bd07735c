-- What was done with a case, step by step: by whom, when, from where to where, and what was given. Append-only
-- (grants.sql).
ALTER TABLE cases ADD COLUMN IF NOT EXISTS hold text NOT NULL DEFAULT '' CHECK (hold IN ('', 'paused', 'shelved'));
ALTER TABLE cases ADD COLUMN IF NOT EXISTS ended text NOT NULL DEFAULT ''
  CHECK (ended IN ('', 'void', 'refused', 'false_alarm'));
ALTER TABLE cases ADD COLUMN IF NOT EXISTS asked text NOT NULL DEFAULT '';   -- the request that waits for a decision
ALTER TABLE cases ADD COLUMN IF NOT EXISTS request jsonb NOT NULL DEFAULT '{}';

CREATE TABLE IF NOT EXISTS case_step (
  case_id      bigint NOT NULL,
  version      int NOT NULL,                     -- the case's version after the step
  step         text NOT NULL,
  stage_before text NOT NULL,
  stage_after  text NOT NULL,
  actor        text NOT NULL,
  actor_name   text NOT NULL DEFAULT '',
  at           timestamptz NOT NULL,
  given        jsonb NOT NULL DEFAULT '{}',
  region_id    int,                              -- where the case was when it was done
  private_to   text,
  sensitivity  smallint NOT NULL DEFAULT 0,
  origin       text NOT NULL DEFAULT 'real' CHECK (origin IN ('real', 'demo')),
  recorded_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (case_id, version)
);
CREATE INDEX IF NOT EXISTS case_step_at ON case_step (at);

-- Seen by who sees the case now: a transfer keeps the history and changes who sees it.
SELECT ioc_protect('case_step', 'case');

CREATE SEQUENCE IF NOT EXISTS case_number;

-- Rights of the roles every centre starts with; an administrator may give them otherwise.
UPDATE role SET permissions = permissions || given.rights
FROM (VALUES
  ('leader', ARRAY['case.instruct', 'case.supervise']),
  ('chief', ARRAY['case.accept', 'case.dispatch', 'case.handle', 'case.verify', 'case.close', 'case.approve',
                  'case.supervise']),
  ('officer', ARRAY['case.accept', 'case.dispatch', 'case.verify', 'case.close', 'case.supervise']),
  ('grid', ARRAY['case.handle']),
  ('department', ARRAY['case.handle']),
  ('admin', ARRAY['case.accept', 'case.dispatch', 'case.handle', 'case.verify', 'case.close', 'case.approve',
                  'case.supervise'])) AS given (role_key, rights)
WHERE role.role_key = given.role_key AND NOT role.permissions && given.rights;
