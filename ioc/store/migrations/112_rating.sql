-- What people said when they were called back (回访, 评价). A bad rating (差评, at most 2) is followed to its repair.
ALTER TABLE cases ADD COLUMN IF NOT EXISTS repair boolean NOT NULL DEFAULT false;  -- 整改: reopened by a bad rating

CREATE TABLE IF NOT EXISTS case_rating (
  case_id     bigint NOT NULL,
  version     int NOT NULL,                      -- of the step it was given with
  rating      smallint NOT NULL CHECK (rating BETWEEN 1 AND 5),
  resolved    boolean,                           -- 是否解决; NULL: not asked
  tags        text[] NOT NULL DEFAULT '{}',      -- dictionary 'rating_reason'
  note        text NOT NULL DEFAULT '',
  by_actor    text NOT NULL,
  by_name     text NOT NULL DEFAULT '',
  at          timestamptz NOT NULL,
  repaired_at timestamptz,                       -- of a bad one: the case was closed again and nobody complained
  origin      text NOT NULL DEFAULT 'real' CHECK (origin IN ('real', 'demo')),
  recorded_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (case_id, version)
);
CREATE INDEX IF NOT EXISTS case_rating_at ON case_rating (at);
CREATE INDEX IF NOT EXISTS case_rating_bad ON case_rating (case_id) WHERE rating <= 2 AND repaired_at IS NULL;

SELECT ioc_protect('case_rating', 'case');
