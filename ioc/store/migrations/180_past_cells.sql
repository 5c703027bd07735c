-- Replay of a large city: a tile of the past reads the versions of its own cells, not those of the whole city (169, 4th function).
-- The table of superseded versions, with the columns its table has by now.
CREATE OR REPLACE FUNCTION ioc_was.make_table(t ioc_was.tracked) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  c record;
BEGIN
  EXECUTE format('CREATE TABLE IF NOT EXISTS ioc_was.%I (known tstzrange NOT NULL)', t.name);
  FOR c IN SELECT attname, format_type(atttypid, atttypmod) AS kind FROM pg_attribute
           WHERE attrelid = format('public.%I', t.name)::regclass AND attnum > 0 AND NOT attisdropped
             AND attname <> 'known_at' ORDER BY attnum LOOP
    EXECUTE format('ALTER TABLE ioc_was.%I ADD COLUMN IF NOT EXISTS %I %s', t.name, c.attname, c.kind);
  END LOOP;
  EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON ioc_was.%I USING gist (known)', t.name || '_known', t.name);
  EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON ioc_was.%I (%s)', t.name || '_key', t.name,
                 (SELECT string_agg(quote_ident(k), ', ') FROM unnest(t.keys) k));
  -- places are asked for by tiles, cells by resolution: for counts as a whole, for a tile by class and place
  IF t.name = 'device' THEN
    CREATE INDEX IF NOT EXISTS device_place ON ioc_was.device USING gist (geom, known);
  ELSIF t.name = 'device_cell' THEN
    CREATE INDEX IF NOT EXISTS device_cell_res ON ioc_was.device_cell USING gist (res, known);
    CREATE INDEX IF NOT EXISTS device_cell_place ON ioc_was.device_cell USING gist (res, class, center, known);
  END IF;
END $$;
