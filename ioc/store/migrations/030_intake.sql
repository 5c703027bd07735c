-- What the intake needs beside the tables: late data of any day within retention, and the way from a row to its history.

-- The app role may not make tables. Late observations (an upstream link was down for days) need the partition of their day.
CREATE OR REPLACE FUNCTION ioc_observation_day(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  part text := 'observation_' || to_char(day, 'YYYYMMDD');
BEGIN
  IF to_regclass(part) IS NOT NULL THEN RETURN; END IF;
  PERFORM pg_advisory_xact_lock(4930102);          -- the partition keeper's
  IF to_regclass(part) IS NOT NULL THEN RETURN; END IF;
  EXECUTE format('CREATE TABLE %I PARTITION OF observation FOR VALUES FROM (%L) TO (%L)', part,
                 day::text || ' 00:00:00+00', (day + 1)::text || ' 00:00:00+00');
  EXECUTE format('REVOKE ALL ON TABLE %I FROM ioc_app, ioc_readonly', part);
END $$;
REVOKE ALL ON FUNCTION ioc_observation_day(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ioc_observation_day(date) TO ioc_app;

-- A row as its history keeps it: geometry columns of points as plain lon, lat; areas and lines as GeoJSON.
CREATE OR REPLACE FUNCTION ioc_history_record(rec jsonb, geom geometry) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT (rec - 'geom' - 'geom_m' - 'search') || CASE
    WHEN geom IS NULL THEN '{}'::jsonb
    WHEN geometrytype(geom) = 'POINT' THEN jsonb_build_object('lon', ST_X(geom), 'lat', ST_Y(geom))
    ELSE jsonb_build_object('geometry', ST_AsGeoJSON(geom, 7)::jsonb) END
$$;

-- The silence sweep walks devices in order and looks at the newest arrival of each.
CREATE INDEX IF NOT EXISTS device_swept ON device (device_id) WHERE status = 'online' AND class = 'sensor';
CREATE INDEX IF NOT EXISTS import_batch_running ON import_batch (batch_id) WHERE state = 'running';

-- Two changes of a source at one instant are two lines of its log.
ALTER TABLE source_log DROP CONSTRAINT IF EXISTS source_log_pkey;
CREATE INDEX IF NOT EXISTS source_log_at ON source_log (source_key, recorded_at DESC);
