-- Policies for what carries a scope but no place, or a place but no scope columns.
ALTER TABLE thematic_layer ENABLE ROW LEVEL SECURITY;
ALTER TABLE thematic_layer FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS scope ON thematic_layer;
CREATE POLICY scope ON thematic_layer TO ioc_app USING (
  sensitivity <= (SELECT ioc_sensitivity())
  AND (private_to IS NULL OR private_to = '' OR (SELECT ioc_all_departments())
       OR private_to = ANY ((SELECT ioc_departments())::text[])));

DO $$
DECLARE
  tbl text;
BEGIN
  FOREACH tbl IN ARRAY ARRAY['indicator_value', 'indicator_history'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tbl);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tbl);
    EXECUTE format('DROP POLICY IF EXISTS scope ON %I', tbl);
    EXECUTE format('CREATE POLICY scope ON %I TO ioc_app USING (
        (SELECT ioc_whole()) OR region_id = ANY ((SELECT ioc_regions())::int[]))', tbl);
  END LOOP;
  FOREACH tbl IN ARRAY ARRAY['thematic_layer', 'indicator_value', 'indicator_history'] LOOP
    EXECUTE format('DROP POLICY IF EXISTS owning ON %I', tbl);
    EXECUTE format('CREATE POLICY owning ON %I TO CURRENT_USER USING (true)', tbl);
    EXECUTE format('DROP POLICY IF EXISTS reading ON %I', tbl);
    EXECUTE format('CREATE POLICY reading ON %I FOR SELECT TO ioc_readonly USING (true)', tbl);
  END LOOP;
END $$;
