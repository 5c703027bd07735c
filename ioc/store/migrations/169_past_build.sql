-- What 168 needs of every table: `known_at` beside the row, a table of superseded versions, triggers that fill it.

-- Names of a table's columns in order; `generated` ones are computed by the database.
CREATE OR REPLACE FUNCTION ioc_was.columns(tbl regclass, generated boolean DEFAULT true) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute
  WHERE attrelid = tbl AND attnum > 0 AND NOT attisdropped AND attname <> 'known_at'
    AND (generated OR attgenerated = '')
$$;

CREATE OR REPLACE FUNCTION ioc_was.listed(names text[], alias text) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT string_agg(format('%s.%I', alias, n), ', ' ORDER BY i) FROM unnest(names) WITH ORDINALITY AS u (n, i) $$;

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
  -- places are asked for by tiles, cells by resolution
  IF t.name = 'device' THEN
    CREATE INDEX IF NOT EXISTS device_place ON ioc_was.device USING gist (geom, known);
  ELSIF t.name = 'device_cell' THEN
    CREATE INDEX IF NOT EXISTS device_cell_res ON ioc_was.device_cell USING gist (res, known);
  END IF;
END $$;

-- The same rows are seen by the same people: policies as on the table itself, of the version's own columns.
CREATE OR REPLACE FUNCTION ioc_was.make_policies(t ioc_was.tracked) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  p record;
BEGIN
  FOR p IN SELECT polname FROM pg_policy WHERE polrelid = format('ioc_was.%I', t.name)::regclass LOOP
    EXECUTE format('DROP POLICY %I ON ioc_was.%I', p.polname, t.name);
  END LOOP;
  IF NOT (SELECT relrowsecurity FROM pg_class WHERE oid = format('public.%I', t.name)::regclass) THEN RETURN; END IF;
  EXECUTE format('ALTER TABLE ioc_was.%I ENABLE ROW LEVEL SECURITY', t.name);
  EXECUTE format('ALTER TABLE ioc_was.%I FORCE ROW LEVEL SECURITY', t.name);
  FOR p IN SELECT polname, polcmd, pg_get_expr(polqual, polrelid) AS rule,
                  (SELECT string_agg(CASE WHEN r = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r)) END, ', ')
                   FROM unnest(polroles) r) AS who
           FROM pg_policy WHERE polrelid = format('public.%I', t.name)::regclass AND polqual IS NOT NULL LOOP
    EXECUTE format('CREATE POLICY %I ON ioc_was.%I %s TO %s USING (%s)', p.polname, t.name,
                   CASE p.polcmd WHEN 'r' THEN 'FOR SELECT' ELSE '' END, p.who, p.rule);
  END LOOP;
END $$;

-- Triggers. Before an update: does it make a new version, and when did that become known? After it, in one statement for all
-- rows: the old versions. A version that held for no time at all (two changes of one moment) is none.
CREATE OR REPLACE FUNCTION ioc_was.make_triggers(t ioc_was.tracked) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  every_column CONSTANT text[] := ioc_was.columns(format('public.%I', t.name)::regclass);
  told CONSTANT text[] := ARRAY(SELECT c FROM unnest(ioc_was.columns(format('public.%I', t.name)::regclass, false))
                                WITH ORDINALITY u (c, i) WHERE c <> ALL (t.quiet) ORDER BY i);
  since_old CONSTANT text := CASE t.clock WHEN '' THEN 'coalesce(OLD.known_at, ''-infinity'')'
                             ELSE format('coalesce(OLD.known_at, OLD.%I)', t.clock) END;
  since_o CONSTANT text := CASE t.clock WHEN '' THEN 'coalesce(o.known_at, ''-infinity'')'
                           ELSE format('coalesce(o.known_at, o.%I)', t.clock) END;
  same_key text;
BEGIN
  SELECT string_agg(CASE WHEN attnotnull THEN format('o.%1$I = n.%1$I', k) ELSE format('o.%1$I IS NOT DISTINCT FROM n.%1$I', k) END,
                    ' AND ') INTO same_key
  FROM unnest(t.keys) k JOIN pg_attribute ON attrelid = format('public.%I', t.name)::regclass AND attname = k;
  EXECUTE format($f$
    CREATE OR REPLACE FUNCTION ioc_was.%1$I() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $b$
    DECLARE
      at timestamptz;
      since CONSTANT timestamptz := %2$s;
    BEGIN
      %3$s
      IF (%4$s) IS NOT DISTINCT FROM (%5$s) AND %6$s THEN
        NEW.known_at := since;  -- the clock itself may be one of what is quiet
        RETURN NEW;
      END IF;
      NEW.known_at := greatest(at, since);
      RETURN NEW;
    END $b$ $f$,
    'known_' || t.name, since_old,
    CASE t.clock WHEN '' THEN 'at := ioc_known_now();' ELSE format(
      'IF NEW.%1$I IS DISTINCT FROM OLD.%1$I AND NEW.%1$I IS NOT NULL THEN at := NEW.%1$I; PERFORM set_config(''ioc.known_at'', at::text, true);'
      ' ELSE at := ioc_known_now(); END IF;', t.clock) END,
    ioc_was.listed(told, 'NEW'), ioc_was.listed(told, 'OLD'),
    CASE WHEN t.every IS NULL THEN 'true' ELSE format('at < since + %L::interval', t.every) END);
  EXECUTE format($f$
    CREATE OR REPLACE FUNCTION ioc_was.%1$I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $b$
    BEGIN
      IF TG_OP = 'UPDATE' THEN
        INSERT INTO ioc_was.%2$I (%3$s, known)
        SELECT %4$s, tstzrange(%5$s, n.known_at) FROM old_rows o JOIN new_rows n ON %6$s WHERE n.known_at > %5$s;
      ELSE
        INSERT INTO ioc_was.%2$I (%3$s, known)
        SELECT %4$s, tstzrange(%5$s, ioc_known_now()) FROM old_rows o WHERE ioc_known_now() > %5$s;
      END IF;
      RETURN NULL;
    END $b$ $f$,
    'keep_' || t.name, t.name, (SELECT string_agg(quote_ident(c), ', ' ORDER BY i) FROM unnest(every_column) WITH ORDINALITY u (c, i)),
    ioc_was.listed(every_column, 'o'), since_o, same_key);
  EXECUTE format('DROP TRIGGER IF EXISTS past_known ON public.%I', t.name);
  EXECUTE format('DROP TRIGGER IF EXISTS past_keep ON public.%I', t.name);
  EXECUTE format('DROP TRIGGER IF EXISTS past_gone ON public.%I', t.name);
  EXECUTE format('CREATE TRIGGER past_known BEFORE UPDATE ON public.%I FOR EACH ROW EXECUTE FUNCTION ioc_was.%I()',
                 t.name, 'known_' || t.name);
  EXECUTE format('CREATE TRIGGER past_keep AFTER UPDATE ON public.%I REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows'
                 ' FOR EACH STATEMENT EXECUTE FUNCTION ioc_was.%I()', t.name, 'keep_' || t.name);
  -- what retention or `ioc demo drop` takes was not true once: it is meant to be gone
  EXECUTE format('CREATE TRIGGER past_gone AFTER DELETE ON public.%I REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT'
                 ' WHEN (current_setting(''ioc.forget'', true) IS DISTINCT FROM ''on'') EXECUTE FUNCTION ioc_was.%I()',
                 t.name, 'keep_' || t.name);
  EXECUTE format('REVOKE ALL ON FUNCTION ioc_was.%I() FROM PUBLIC', 'keep_' || t.name);
END $$;

-- What a table's versions, triggers and view are made from; it changes when they are to be made anew.
CREATE OR REPLACE FUNCTION ioc_was.shape_of(t ioc_was.tracked) RETURNS text
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT md5(concat_ws('|', t.keys::text, t.clock, t.quiet::text, t.every::text,
    (SELECT string_agg(attname || format_type(atttypid, atttypmod) || attgenerated::text, ',' ORDER BY attnum)
     FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped),
    (SELECT string_agg(polname || coalesce(pg_get_expr(polqual, polrelid), ''), ',' ORDER BY polname)
     FROM pg_policy WHERE polrelid = c.oid),
    (SELECT string_agg(md5(prosrc), ',' ORDER BY proname) FROM pg_proc
     WHERE pronamespace = 'ioc_was'::regnamespace AND proname IN ('make_table', 'make_policies', 'make_triggers')),
    (SELECT string_agg(tgname, ',' ORDER BY tgname) FROM pg_trigger WHERE tgrelid = c.oid AND tgname LIKE 'past_%')))
  FROM pg_class c WHERE c.oid = format('public.%I', t.name)::regclass
$$;

-- One table, made as its shape is now. Nothing is touched while that has not changed.
CREATE OR REPLACE FUNCTION ioc_was.make(table_name text) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  t ioc_was.tracked;
BEGIN
  SELECT * INTO STRICT t FROM ioc_was.tracked WHERE name = table_name;
  IF t.shape = ioc_was.shape_of(t) THEN RETURN; END IF;
  EXECUTE format('ALTER TABLE public.%I ADD COLUMN IF NOT EXISTS known_at timestamptz', t.name);
  IF t.shape = '' THEN
    IF t.clock = '' THEN
      EXECUTE format('UPDATE public.%I SET known_at = ioc_known_now() WHERE known_at IS NULL', t.name);
      EXECUTE format('ALTER TABLE public.%I ALTER COLUMN known_at SET DEFAULT ioc_known_now()', t.name);
    END IF;
    EXECUTE format('UPDATE ioc_was.tracked SET lost = EXISTS (SELECT FROM public.%I) WHERE name = %L', t.name, t.name);
  END IF;
  PERFORM ioc_was.make_table(t);
  PERFORM ioc_was.make_policies(t);
  PERFORM ioc_was.make_triggers(t);
  UPDATE ioc_was.tracked SET shape = ioc_was.shape_of(t) WHERE name = t.name;
END $$;
