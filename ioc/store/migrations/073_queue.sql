-- The place of a row in the work list, as numbers that are kept with it: a page of the list is then a stretch of an
-- index, however long the list is. The same order as ioc.records.order_key and frontend/src/core/order.ts.
CREATE OR REPLACE FUNCTION ioc_epoch(at timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT floor(extract(epoch FROM at AT TIME ZONE 'UTC'))::bigint
$$;
ALTER TABLE cases
  ADD COLUMN IF NOT EXISTS queue_rank smallint GENERATED ALWAYS AS (
    CASE WHEN flow = 'incident' THEN coalesce(incident_level, 5)
         ELSE (9 + array_position(ARRAY['critical', 'urgent', 'routine'], urgency))::smallint END) STORED,
  ADD COLUMN IF NOT EXISTS queue_due bigint GENERATED ALWAYS AS (coalesce(ioc_epoch(due_at), 9000000000000)) STORED,
  ADD COLUMN IF NOT EXISTS queue_new bigint GENERATED ALWAYS AS (-ioc_epoch(opened_at)) STORED;
ALTER TABLE event
  ADD COLUMN IF NOT EXISTS queue_rank smallint GENERATED ALWAYS AS (
    coalesce(incident_level, (9 + array_position(ARRAY['critical', 'urgent', 'routine'], urgency))::smallint)) STORED,
  ADD COLUMN IF NOT EXISTS queue_new bigint GENERATED ALWAYS AS (-ioc_epoch(received_at)) STORED;
CREATE INDEX IF NOT EXISTS cases_queue ON cases (queue_rank, queue_due, queue_new, case_id DESC) WHERE closed_at IS NULL;
CREATE INDEX IF NOT EXISTS event_queue ON event (queue_rank, queue_new, event_id DESC)
  WHERE status = 'open' AND case_id IS NULL;
-- How many there are, from the index alone.
CREATE INDEX IF NOT EXISTS cases_open_scope ON cases (region_id, sensitivity, private_to) WHERE closed_at IS NULL;
CREATE INDEX IF NOT EXISTS event_open_scope ON event (region_id, sensitivity, private_to)
  WHERE status = 'open' AND case_id IS NULL;

-- A row as its history keeps it, without what follows from the rest.
CREATE OR REPLACE FUNCTION ioc_history_record(rec jsonb, geom geometry) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT (rec - ARRAY['geom', 'geom_m', 'search', 'queue_rank', 'queue_due', 'queue_new']) || CASE
    WHEN geom IS NULL THEN '{}'::jsonb
    WHEN geometrytype(geom) = 'POINT' THEN jsonb_build_object('lon', ST_X(geom), 'lat', ST_Y(geom))
    ELSE jsonb_build_object('geometry', ST_AsGeoJSON(geom, 7)::jsonb) END
$$;
