-- What has been escalated: once a level for each time a case is in a stage. Append-only (grants.sql).
CREATE TABLE IF NOT EXISTS case_escalation (
  case_id     bigint NOT NULL,
  stage       text NOT NULL,
  entered_at  timestamptz NOT NULL,              -- when the case came into the stage
  level       smallint NOT NULL,
  rule        text NOT NULL,                     -- version/row of the rule
  due_at      timestamptz NOT NULL,
  to_kind     text NOT NULL,
  to_ref      text NOT NULL,
  at          timestamptz NOT NULL,
  origin      text NOT NULL DEFAULT 'real' CHECK (origin IN ('real', 'demo')),
  recorded_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (case_id, stage, entered_at, level)
);
CREATE INDEX IF NOT EXISTS case_escalation_at ON case_escalation (at);

SELECT ioc_protect('case_escalation', 'case');
