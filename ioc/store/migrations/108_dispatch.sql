-- Who is responsible for what, where: departments, dispatch rules, thresholds of duplicates, escalation. A city's own
-- tables, imported whole; each import is a new version and the newest one counts. Versions stay: a case names its rule.
CREATE TABLE IF NOT EXISTS dispatch_version (
  kind        text NOT NULL CHECK (kind IN ('departments', 'dispatch', 'duplicates', 'escalation')),
  version     int NOT NULL,
  file        text NOT NULL,
  digest      text NOT NULL,                     -- of the file: the same again is no new version
  document    text NOT NULL DEFAULT '',          -- 文号
  rows        int NOT NULL,
  sample      boolean NOT NULL DEFAULT false,    -- 示例: only a centre with demo data takes it
  imported_at timestamptz NOT NULL,
  imported_by text NOT NULL,
  origin      text NOT NULL DEFAULT 'real' CHECK (origin IN ('real', 'demo')),
  PRIMARY KEY (kind, version)
);
CREATE TABLE IF NOT EXISTS department (
  version     int NOT NULL,
  code        text NOT NULL,
  name        text NOT NULL,
  level       text NOT NULL CHECK (level IN ('city', 'county', 'town', 'village', 'unit')),
  region_code text NOT NULL DEFAULT '',          -- '': the whole centre
  parent      text NOT NULL DEFAULT '',          -- code of the department above
  contact     text NOT NULL DEFAULT '',
  phone       text NOT NULL DEFAULT '',          -- of the office, not of a person
  origin      text NOT NULL DEFAULT 'real' CHECK (origin IN ('real', 'demo')),
  PRIMARY KEY (version, code)
);
CREATE TABLE IF NOT EXISTS dispatch_rule (
  version     int NOT NULL,
  rule_no     int NOT NULL,                      -- row of the file, from 1
  flow        text NOT NULL DEFAULT '',          -- '': every flow
  category    text NOT NULL DEFAULT '',          -- code or its beginning; '': every category
  region_code text NOT NULL DEFAULT '',          -- region or zone with all inside it; '': everywhere
  market_day  boolean NOT NULL DEFAULT false,    -- only on days a market is held (圩日)
  department  text NOT NULL DEFAULT '',          -- name; '': the department of the grid cell
  co_department text NOT NULL DEFAULT '',
  urgency     text NOT NULL DEFAULT '' CHECK (urgency IN ('', 'routine', 'urgent', 'critical')),  -- at least
  notify_role text NOT NULL DEFAULT '',          -- part of a grid officer's role (河长); '': all of the cell
  origin      text NOT NULL DEFAULT 'real' CHECK (origin IN ('real', 'demo')),
  PRIMARY KEY (version, rule_no)
);
CREATE TABLE IF NOT EXISTS duplicate_rule (
  version     int NOT NULL,
  category    text NOT NULL,
  radius_m    real NOT NULL CHECK (radius_m > 0),
  hours       real NOT NULL CHECK (hours > 0),
  certain     real NOT NULL CHECK (certain BETWEEN 0 AND 1),
  hint        real NOT NULL CHECK (hint BETWEEN 0 AND certain),
  origin      text NOT NULL DEFAULT 'real' CHECK (origin IN ('real', 'demo')),
  PRIMARY KEY (version, category)
);
CREATE TABLE IF NOT EXISTS escalation_rule (
  version     int NOT NULL,
  rule_no     int NOT NULL,
  level       smallint NOT NULL CHECK (level BETWEEN 1 AND 9),
  flow        text NOT NULL DEFAULT '',
  category    text NOT NULL DEFAULT '',
  stage       text NOT NULL DEFAULT '',
  over_pct    real CHECK (over_pct >= 0),        -- of the stage's term, beyond it
  over_hours  real CHECK (over_hours >= 0),      -- by the clock on the wall, beyond the term
  to_kind     text NOT NULL CHECK (to_kind IN ('department', 'role')),
  to_ref      text NOT NULL DEFAULT '',          -- role key; '' with department: the one that has the case
  origin      text NOT NULL DEFAULT 'real' CHECK (origin IN ('real', 'demo')),
  PRIMARY KEY (version, rule_no),
  CHECK ((over_pct IS NULL) <> (over_hours IS NULL))
);

ALTER TABLE cases
  ADD COLUMN IF NOT EXISTS co_department text,                           -- 协办部门
  ADD COLUMN IF NOT EXISTS pool        text NOT NULL DEFAULT '';         -- why it waits for a hand: no_place, no_grid ...
-- 人工池: what nobody has been given and no rule could place.
CREATE INDEX IF NOT EXISTS cases_pool ON cases (opened_at) WHERE pool <> '' AND closed_at IS NULL;
