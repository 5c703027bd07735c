-- Row-level security of one table, said once (013 says why each part is as it is). `seen` names the rule:
--   region  the row's own region_id, sensitivity and private_to, as of devices and cases
--   case    whoever sees the case `case_id`
--   system  nobody's by region: asked for under the system's scope, with the asker in the predicate
-- or is the predicate itself.
CREATE OR REPLACE FUNCTION ioc_protect(tbl regclass, seen text DEFAULT 'region') RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  rule CONSTANT text := CASE seen
    WHEN 'region' THEN
      '((SELECT ioc_whole()) OR region_id = ANY ((SELECT ioc_regions())::int[]))
       AND (sensitivity <= (SELECT ioc_sensitivity())) IS TRUE
       AND (private_to IS NULL OR private_to = '''' OR (SELECT ioc_all_departments())
            OR private_to = ANY ((SELECT ioc_departments())::text[]))'
    WHEN 'case' THEN format('EXISTS (SELECT FROM cases c WHERE c.case_id = %s.case_id)', tbl)
    WHEN 'system' THEN
      '(SELECT ioc_whole()) AND (SELECT ioc_all_departments()) AND (SELECT ioc_sensitivity()) >= 2'
    ELSE seen END;
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tbl);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tbl);
  EXECUTE format('DROP POLICY IF EXISTS scope ON %s', tbl);
  EXECUTE format('CREATE POLICY scope ON %s TO ioc_app USING (%s)', tbl, rule);
  EXECUTE format('DROP POLICY IF EXISTS owning ON %s', tbl);
  EXECUTE format('CREATE POLICY owning ON %s TO CURRENT_USER USING (true)', tbl);
  EXECUTE format('DROP POLICY IF EXISTS reading ON %s', tbl);
  EXECUTE format('CREATE POLICY reading ON %s FOR SELECT TO ioc_readonly USING (true)', tbl);
END $$;
REVOKE ALL ON FUNCTION ioc_protect(regclass, text) FROM PUBLIC;
