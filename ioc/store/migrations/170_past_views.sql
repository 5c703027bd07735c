-- The past as views: everything that is tracked (169), what only grows, the newest values, and the views built on them.

-- Rows of what is tracked as known at `ioc.as_of`. `aged` columns are ages that may have moved on without a new version: they
-- are never later than the moment itself.
CREATE OR REPLACE FUNCTION ioc_was.make_view(t ioc_was.tracked) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  c record;
  now_columns text[] := '{}';
  then_columns text[] := '{}';
  piece text;
BEGIN
  FOR c IN SELECT attname::text AS name, format_type(atttypid, atttypmod) AS kind FROM pg_attribute
           WHERE attrelid = format('public.%I', t.name)::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum LOOP
    piece := format('t.%I', c.name);
    IF c.name = ANY (t.quiet) AND c.kind = 'timestamp with time zone' THEN
      piece := CASE WHEN t.name = 'indicator_value' AND c.name = 'as_of' THEN
        -- kept while the number stays the same; its source says how new it was
        'CASE WHEN t.as_of IS NOT NULL THEN least(t.as_of, (SELECT ioc_as_of()),'
        ' (SELECT r.as_of FROM ioc_past.indicator_run r WHERE r.code = t.code)) END AS as_of'
        ELSE format('CASE WHEN %1$s IS NOT NULL THEN least(%1$s, (SELECT ioc_as_of())) END AS %2$I', piece, c.name) END;
    END IF;
    now_columns := now_columns || piece;
    then_columns := then_columns || CASE c.name WHEN 'known_at' THEN 'lower(t.known) AS known_at' ELSE piece END;
  END LOOP;
  EXECUTE format($f$
    CREATE VIEW ioc_past.%1$I WITH (security_invoker = true) AS
    SELECT %2$s FROM public.%1$I t WHERE %3$s <= (SELECT ioc_as_of())
    UNION ALL
    SELECT %4$s FROM ioc_was.%1$I t WHERE t.known @> (SELECT ioc_as_of()) $f$,
    t.name, array_to_string(now_columns, ', '),
    CASE t.clock WHEN '' THEN 't.known_at' ELSE format('coalesce(t.known_at, t.%I)', t.clock) END,
    array_to_string(then_columns, ', '));
END $$;

-- What only grows, with the column that says when a row was known.
CREATE OR REPLACE FUNCTION ioc_was.growing() RETURNS TABLE (name text, at text) LANGUAGE sql IMMUTABLE AS $$
  VALUES ('event_history', 'recorded_at'), ('case_history', 'recorded_at'), ('case_step', 'recorded_at'),
         ('alarm_journal', 'recorded_at'), ('entity_history', 'recorded_at'), ('device_state_log', 'recorded_at'),
         ('source_log', 'recorded_at'), ('case_escalation', 'at'), ('case_rating', 'at'), ('detection_review', 'at'),
         ('attachment', 'recorded_at'), ('duty_entry', 'recorded_at'), ('duty_roster', 'recorded_at'),
         ('duty_handover', 'at'), ('dataset_edition', 'recorded_at'), ('audit', 'recorded_at'),
         ('patrol_finding', 'recorded_at'), ('patrol_visit', 'recorded_at'), ('observation', 'received_at'),
         ('device_model', 'recorded_at'), ('reject', 'recorded_at'), ('command_history', 'recorded_at'),
         ('video_state', 'recorded_at'), ('video_reference', 'recorded_at'), ('resource_position', 'recorded_at'),
         ('plan', 'recorded_at'), ('warning_check', 'recorded_at')
$$;

CREATE OR REPLACE FUNCTION ioc_was.make_growing() RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  g record;
BEGIN
  FOR g IN SELECT * FROM ioc_was.growing() WHERE to_regclass('public.' || quote_ident(name)) IS NOT NULL LOOP
    EXECUTE format('CREATE VIEW ioc_past.%1$I WITH (security_invoker = true) AS SELECT * FROM public.%1$I t'
                   ' WHERE t.%2$I <= (SELECT ioc_as_of())', g.name, g.at);
  END LOOP;
  -- The points of 5 minutes and of hours are written again until their time is over: what was known is the one before.
  CREATE VIEW ioc_past.indicator_history WITH (security_invoker = true) AS
  SELECT * FROM public.indicator_history h WHERE h.computed_at + interval '5 minutes' <= (SELECT ioc_as_of());
  -- The newest value of a datastream by what had arrived; nothing when it had been silent for three days. Limits as they are.
  CREATE VIEW ioc_past.latest WITH (security_invoker = true) AS
  SELECT s.datastream_id, o.observed_at, o.received_at, o.value, o.quality,
         coalesce(o.quality < 2 AND (o.value > s.limit_high OR o.value < s.limit_low), false) AS exceeded
  FROM public.datastream s CROSS JOIN LATERAL (
    SELECT x.observed_at, x.received_at, x.value, x.quality FROM public.observation x
    WHERE x.datastream_id = s.datastream_id AND x.received_at <= (SELECT ioc_as_of())
      AND x.observed_at > (SELECT ioc_as_of()) - interval '3 days'
      AND x.observed_at <= (SELECT ioc_as_of()) + interval '10 minutes'
    ORDER BY x.observed_at DESC LIMIT 1) o;
  -- Where what can help was last heard of, in the order of the columns of `resource_live`.
  CREATE VIEW ioc_past.resource_live WITH (security_invoker = true) AS
  SELECT r.resource_id, p.observed_at, p.recorded_at AS received_at,
         ST_SetSRID(ST_MakePoint(p.lon, p.lat), 4326)::geometry(Point, 4326) AS geom, p.speed_kmh, p.heading_deg,
         p.accuracy_m, p.region_id, p.private_to, p.sensitivity, p.origin
  FROM public.resource r CROSS JOIN LATERAL (
    SELECT * FROM public.resource_position x
    WHERE x.resource_id = r.resource_id AND x.recorded_at <= (SELECT ioc_as_of())
      AND x.observed_at > (SELECT ioc_as_of()) - interval '3 days'
    ORDER BY x.observed_at DESC LIMIT 1) p;
END $$;

-- The product's own views once more, over the past: their text means the tables of `ioc_past` when made under its path.
CREATE OR REPLACE FUNCTION ioc_was.make_derived() RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  v record;
  texts text[] := '{}';
  names text[] := '{}';
  i int;
BEGIN
  FOR v IN SELECT c.oid, c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'v'
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
           ORDER BY c.oid LOOP
    names := names || v.relname::text;
    texts := texts || pg_get_viewdef(v.oid);
  END LOOP;
  SET LOCAL search_path = ioc_past, public, pg_temp;
  FOR i IN 1 .. cardinality(names) LOOP
    EXECUTE format('CREATE VIEW ioc_past.%I WITH (security_invoker = true) AS %s', names[i], texts[i]);
  END LOOP;
END $$;

-- Which tables, and how. Whatever has a key, an origin and says when it was written is tracked without being named; named are
-- those that are special and those that are not (people's accounts and numbers, what is told of very often, places).
CREATE OR REPLACE FUNCTION ioc_was.choose() RETURNS void LANGUAGE sql SET search_path = public, pg_temp AS $$
  INSERT INTO ioc_was.tracked AS k (name, keys, clock, quiet, every)
  SELECT c.relname, key.names, coalesce(s.clock, 'updated_at'), coalesce(s.quiet, '{}'), s.every
  FROM pg_class c
  CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(a.attname::text ORDER BY a.attnum), '{}') AS names FROM pg_index i
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[])
    WHERE i.indrelid = c.oid AND i.indisprimary) p
  LEFT JOIN (VALUES
    ('source', 'updated_at', ARRAY['last_seen_at', 'last_data_at', 'as_of', 'received', 'stored', 'duplicates', 'rejected',
                                   'retries', 'updated_at'], interval '1 minute', NULL::text[]),
    ('indicator_run', 'computed_at', ARRAY['computed_at', 'as_of', 'runs', 'duration_ms', 'retries'], '1 minute', NULL),
    ('indicator_value', 'computed_at', ARRAY['computed_at', 'as_of', 'last_at'], NULL, NULL),
    ('patrol', 'updated_at', ARRAY['distance_m', 'points', 'jumps', 'inside', 'updated_at'], '10 minutes', NULL),
    ('alarm_hold', 'set_at', NULL, NULL, NULL), ('case_merge', 'at', NULL, NULL, NULL),
    ('checklist', 'started_at', NULL, NULL, NULL), ('area_notice_person', 'recorded_at', NULL, NULL, NULL),
    ('resource_capacity', 'received_at', NULL, NULL, NULL), ('datastream', 'recorded_at', NULL, NULL, NULL), ('device_cell', '', NULL, NULL, NULL),
    ('grid_count', '', NULL, NULL, ARRAY['grid_cell_id', 'region_id', 'private_to', 'sensitivity', 'origin'])
  ) AS s (name, clock, quiet, every, keys) ON s.name = c.relname
  CROSS JOIN LATERAL (SELECT coalesce(s.keys, p.names) AS names) key
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND NOT c.relispartition AND cardinality(key.names) > 0
    AND c.relname <> ALL (ARRAY['account', 'caller', 'device_told', 'region', 'saved_view', 'delivery', 'lower_centre',
                                'outbound_channel', 'steward', 'village_figure', 'request_key'])
    AND (s.name IS NOT NULL OR 2 = (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid
                                    AND a.attname IN ('updated_at', 'origin') AND NOT a.attisdropped))
  ORDER BY c.relname
  ON CONFLICT (name) DO UPDATE SET keys = excluded.keys, clock = excluded.clock, quiet = excluded.quiet, every = excluded.every
$$;

CREATE OR REPLACE FUNCTION ioc_past_build() RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  r record;
  made text;
BEGIN
  PERFORM ioc_was.choose();
  FOR r IN SELECT name FROM ioc_was.tracked ORDER BY name LOOP
    PERFORM ioc_was.make(r.name);
  END LOOP;
  SELECT md5(concat_ws('|',
    (SELECT string_agg(name || shape, ',' ORDER BY name) FROM ioc_was.tracked),
    (SELECT string_agg(p.prosrc, '|' ORDER BY p.proname) FROM pg_proc p WHERE p.pronamespace = 'ioc_was'::regnamespace
       AND p.proname IN ('make_view', 'make_growing', 'growing', 'make_derived')),
    (SELECT string_agg(format('%s.%s %s', a.attrelid, a.attname, a.atttypid), ',' ORDER BY a.attrelid, a.attnum)
     FROM pg_attribute a JOIN ioc_was.growing() g ON a.attrelid = to_regclass('public.' || quote_ident(g.name))
     WHERE a.attnum > 0 AND NOT a.attisdropped),
    (SELECT string_agg(c.relname || md5(pg_get_viewdef(c.oid)), ',' ORDER BY c.relname) FROM pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'v'))) INTO made;
  IF made IS NOT DISTINCT FROM obj_description('ioc_past'::regnamespace, 'pg_namespace') THEN RETURN; END IF;
  FOR r IN SELECT relname FROM pg_class WHERE relnamespace = 'ioc_past'::regnamespace AND relkind = 'v' LOOP
    EXECUTE format('DROP VIEW IF EXISTS ioc_past.%I CASCADE', r.relname);
  END LOOP;
  FOR r IN SELECT t FROM ioc_was.tracked t ORDER BY t.name = 'indicator_value', t.name LOOP
    PERFORM ioc_was.make_view(r.t);
  END LOOP;
  PERFORM ioc_was.make_growing();
  PERFORM ioc_was.make_derived();
  GRANT USAGE ON SCHEMA ioc_was, ioc_past TO ioc_app, ioc_readonly;
  GRANT SELECT ON ALL TABLES IN SCHEMA ioc_was, ioc_past TO ioc_app, ioc_readonly;
  REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA ioc_was, ioc_past FROM ioc_app, ioc_readonly;
  EXECUTE format('COMMENT ON SCHEMA ioc_past IS %L', made);
END $$;
REVOKE ALL ON FUNCTION ioc_past_build() FROM PUBLIC;
