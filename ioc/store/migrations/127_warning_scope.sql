-- When a warning came into force as the clock saw it: one that was sent ahead of its time tells its screens again then.
ALTER TABLE warning ADD COLUMN IF NOT EXISTS begun_at timestamptz;
UPDATE warning SET begun_at = onset_at WHERE begun_at IS NULL AND onset_at <= updated_at;
CREATE INDEX IF NOT EXISTS warning_ahead ON warning (onset_at) WHERE status = 'active' AND begun_at IS NULL;

-- The asker's regions with all that lie above them: a warning for the county holds in its towns too.
CREATE OR REPLACE FUNCTION ioc_regions_around() RETURNS int[] LANGUAGE sql STABLE
SET search_path = public, pg_temp AS $$
  SELECT (SELECT ioc_regions()) || coalesce(array_agg(DISTINCT c.ancestor_id), '{}') FROM region_closure c
  WHERE c.descendant_id = ANY ((SELECT ioc_regions())::int[])
$$;

-- Warnings are for everybody whose regions they touch (without a region: for everybody who sees anything at all); only
-- the system writes them. Messages are kept as they came, for the system alone.
ALTER TABLE warning ENABLE ROW LEVEL SECURITY;
ALTER TABLE warning FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS scope ON warning;
CREATE POLICY scope ON warning FOR SELECT TO ioc_app USING (
  (SELECT ioc_whole()) OR (region_ids = '{}' AND (SELECT ioc_sensitivity()) >= 0)
  OR region_ids && (SELECT ioc_regions_around()));
ALTER TABLE warning_message ENABLE ROW LEVEL SECURITY;
ALTER TABLE warning_message FORCE ROW LEVEL SECURITY;
DO $$
DECLARE
  tbl text;
BEGIN
  FOREACH tbl IN ARRAY ARRAY['warning', 'warning_message'] LOOP
    EXECUTE format('DROP POLICY IF EXISTS system ON %I', tbl);
    EXECUTE format('CREATE POLICY system ON %I TO ioc_app USING (
        (SELECT ioc_whole()) AND (SELECT ioc_all_departments()) AND (SELECT ioc_sensitivity()) >= 2)', tbl);
    EXECUTE format('DROP POLICY IF EXISTS owning ON %I', tbl);
    EXECUTE format('CREATE POLICY owning ON %I TO CURRENT_USER USING (true)', tbl);
    EXECUTE format('DROP POLICY IF EXISTS reading ON %I', tbl);
    EXECUTE format('CREATE POLICY reading ON %I FOR SELECT TO ioc_readonly USING (true)', tbl);
  END LOOP;
END $$;
