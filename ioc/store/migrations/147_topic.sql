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
SELECT ioc_protect('topic_rule', 'true');
ALTER TABLE dispatch_version DROP CONSTRAINT IF EXISTS dispatch_version_kind_check;
ALTER TABLE dispatch_version ADD CONSTRAINT dispatch_version_kind_check
  CHECK (kind IN ('departments', 'dispatch', 'duplicates', 'escalation', 'topics'));

-- The record of a case names its topics, which follow from its category.
CREATE OR REPLACE VIEW worklist_case WITH (security_invoker = true) AS
SELECT c.case_id AS id, c.number, c.flow, c.stage, c.title, c.urgency, c.incident_level, c.level_state, c.address,
       c.region_id, c.opened_at, c.due_at, c.due_label, c.clock_stopped, c.closed_at, c.source, c.sources, c.version,
       c.origin, c.private_to, c.sensitivity, c.attributes, c.department,
       ST_X(c.geom) AS lon, ST_Y(c.geom) AS lat,
       p.code AS region_code, p.ids AS region_ids, p.steps AS region_steps,
       s.title AS source_title, s.title_en AS source_title_en,
       coalesce(c.attributes ->> 'icon', ioc_category_icon(c.category_scheme, c.category_code)) AS icon, c.category_code
FROM cases c
LEFT JOIN LATERAL ioc_region_path(c.region_id) p ON true
LEFT JOIN source s ON s.source_key = c.source;
