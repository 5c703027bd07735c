-- Topics of grid work (GRD-04: 违建, 非法用地, 河道, 治安): a name and the categories it is made of. A city's own table replaces
-- what is shipped (dictionary 'topic'), as with departments and dispatch rules.
CREATE TABLE IF NOT EXISTS topic_rule (
  version     int NOT NULL,
  rule_no     int NOT NULL,                      -- row of the file, from 1
  key         text NOT NULL,
  zh          text NOT NULL,
  en          text NOT NULL,
  category    text NOT NULL,                     -- code; holds for all codes that begin with it
  origin      text NOT NULL DEFAULT 'real' CHECK (origin IN ('real', 'demo')),
  PRIMARY KEY (version, rule_no)
);
ALTER TABLE dispatch_version DROP CONSTRAINT IF EXISTS dispatch_version_kind_check;
ALTER TABLE dispatch_version ADD CONSTRAINT dispatch_version_kind_check
  CHECK (kind IN ('departments', 'dispatch', 'duplicates', 'escalation', 'topics'));
