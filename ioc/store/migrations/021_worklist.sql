-- What a work-list record is made of: the row, its place in words and ids, and the words of its source and category.
-- security_invoker: row-level security of the asker applies inside the views.
CREATE OR REPLACE FUNCTION ioc_region_path(rid int) RETURNS TABLE (code text, ids int[], steps jsonb)
LANGUAGE sql STABLE AS $$
  SELECT max(r.code) FILTER (WHERE r.region_id = rid),
         array_agg(r.region_id ORDER BY c.depth DESC, r.region_id),
         jsonb_agg(jsonb_build_object('name', r.name, 'kind', r.kind, 'root', r.parent_id IS NULL AND r.kind <> 'zone')
                   ORDER BY c.depth DESC, r.region_id)
  FROM region_closure c JOIN region r ON r.region_id = c.ancestor_id
  WHERE c.descendant_id = rid
$$;

CREATE OR REPLACE FUNCTION ioc_category_icon(scheme text, category text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT d.attributes ->> 'icon' FROM dictionary d
  WHERE d.dict = 'category.' || scheme AND category <> '' AND left(category, length(d.code)) = d.code AND d.attributes ? 'icon'
  ORDER BY length(d.code) DESC, d.valid_from DESC LIMIT 1
$$;

CREATE OR REPLACE VIEW worklist_case WITH (security_invoker = true) AS
SELECT c.case_id AS id, c.number, c.flow, c.stage, c.title, c.urgency, c.incident_level, c.level_state, c.address,
       c.region_id, c.opened_at, c.due_at, c.due_label, c.clock_stopped, c.closed_at, c.source, c.sources, c.version,
       c.origin, c.private_to, c.sensitivity, c.attributes, c.department,
       ST_X(c.geom) AS lon, ST_Y(c.geom) AS lat,
       p.code AS region_code, p.ids AS region_ids, p.steps AS region_steps,
       s.title AS source_title, s.title_en AS source_title_en,
       coalesce(c.attributes ->> 'icon', ioc_category_icon(c.category_scheme, c.category_code)) AS icon
FROM cases c
LEFT JOIN LATERAL ioc_region_path(c.region_id) p ON true
LEFT JOIN source s ON s.source_key = c.source;

CREATE OR REPLACE VIEW worklist_event WITH (security_invoker = true) AS
SELECT e.event_id AS id, e.source_id, e.title, e.urgency, e.incident_level, e.status, e.suspected, e.address,
       e.region_id, e.occurred_at, e.received_at, e.source, e.case_id, e.version, e.origin, e.private_to, e.sensitivity,
       e.attributes, ST_X(e.geom) AS lon, ST_Y(e.geom) AS lat,
       p.code AS region_code, p.ids AS region_ids, p.steps AS region_steps,
       s.title AS source_title, s.title_en AS source_title_en,
       coalesce(e.attributes ->> 'icon', ioc_category_icon(e.category_scheme, e.category_code)) AS icon
FROM event e
LEFT JOIN LATERAL ioc_region_path(e.region_id) p ON true
LEFT JOIN source s ON s.source_key = e.source;

GRANT SELECT ON worklist_case, worklist_event TO ioc_app;
-- Today's and last week's hourly counts, and what was closed today.
CREATE INDEX IF NOT EXISTS event_received ON event (occurred_at, region_id);
CREATE INDEX IF NOT EXISTS cases_open_level ON cases (urgency, incident_level) WHERE closed_at IS NULL;
