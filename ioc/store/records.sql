-- What a row of history holds of its table: every column there is, made anew after every migration run, so that a new column
-- is never forgotten. Geometry comes as lon and lat (a point) or GeoJSON; what is computed from the row is left out.
-- A list of columns and not to_jsonb(row): that would print both geometries as GeoJSON, twenty times the work of the rest,
-- only to have them taken away again. An expression the planner can inline: no FROM, and STABLE.
DO $$
DECLARE
  t text;
  pieces text;
BEGIN
  FOREACH t IN ARRAY ARRAY['event', 'cases', 'device', 'warning', 'resource', 'thematic_feature', 'region',
                           'grid_cell', 'target'] LOOP
    SELECT string_agg(format('jsonb_build_object(%s)', pairs), ' || ' ORDER BY part) INTO pieces
    FROM (
      SELECT (n - 1) / 45 AS part, string_agg(format('%L, x.%I', attname, attname), ', ' ORDER BY n) AS pairs
      FROM (
        SELECT attname, row_number() OVER (ORDER BY attnum) AS n FROM pg_attribute
        WHERE attrelid = t::regclass AND attnum > 0 AND NOT attisdropped
          AND attname <> ALL (ARRAY['geom', 'geom_m', 'spot', 'search', 'queue_rank', 'queue_due', 'queue_new', 'known_at'])
      ) AS c
      GROUP BY 1
    ) AS p;
    EXECUTE format($f$
      CREATE OR REPLACE FUNCTION ioc_record(x %I) RETURNS jsonb LANGUAGE sql STABLE AS $b$
        SELECT %s || CASE
          WHEN x.geom IS NULL THEN '{}'::jsonb
          WHEN geometrytype(x.geom) = 'POINT' THEN jsonb_build_object('lon', ST_X(x.geom), 'lat', ST_Y(x.geom))
          ELSE jsonb_build_object('geometry', ST_AsGeoJSON(x.geom, 7)::jsonb) END
      $b$ $f$, t, pieces);
  END LOOP;
END $$;
